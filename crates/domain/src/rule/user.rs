//! People who may log in: they come, go, and may do more or less.

use crate::{
    access::{Account, BrowserSession, INSTALLATION, USERS_MAX, UserRole, called},
    actor::OWNER,
    change::Change,
    command::{ChangeUser, NewPassword, UserStep},
    ctx::Ctx,
    doc::{Kind, Scope},
    range::Range,
    refusal::Refusal,
    sabotage::{Switch, removed},
    view::{Seen, View},
};

use super::{Decided, line, login::sessions};

/// Everybody who may log in.
#[must_use]
pub fn users() -> Range {
    Range::children(Kind::Account, INSTALLATION, USERS_MAX)
}

/// What counts for the sessions that somebody has is written into these with it, so it counts at once, wherever the
/// next request comes. That somebody stays an owner rests on having read everybody.
pub fn change(view: &View, ask: &ChangeUser, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([users(), sessions()])?;
    let mut change = Change::default();
    let mut all: Vec<Seen<Account>> = view.list(users())?;
    let name = ask.name.as_str();
    let known = all.iter().position(|user| user.is.name == name).map(|at| all.swap_remove(at));
    let others_own = all.iter().any(|user| user.is.role == UserRole::Owner);
    let mut theirs: Vec<Seen<BrowserSession>> = view.list(sessions())?;
    theirs.retain(|session| session.is.account == name);
    let mut data = vec![("user", called(name).to_owned())];
    let what = match (&ask.step, known) {
        (UserStep::Add(..), Some(_)) => return Err(Refusal::UserExists.into()),
        (UserStep::Add(..), None) if all.len() >= USERS_MAX as usize => return Err(Refusal::UsersTooMany.into()),
        (UserStep::Add(role, _), None) if *role != UserRole::Owner && !others_own => {
            return Err(Refusal::OwnerFirst.into());
        }
        (UserStep::Add(role, password), None) => {
            data.push(("role", role.word().to_owned()));
            change.create(Account {
                name: name.to_owned(),
                role: *role,
                password: password.clone(),
                created_at: ctx.now,
                password_set_at: ctx.now,
            });
            "user_added"
        }
        (_, None) => return Err(Refusal::UserNotFound.into()),
        (UserStep::Become(role), Some(user)) if user.is.role == *role => return Ok(change),
        (UserStep::Become(_) | UserStep::Remove, Some(user))
            if user.is.role == UserRole::Owner && !others_own && !removed(Switch::LastOwner) =>
        {
            return Err(Refusal::LastOwner.into());
        }
        (UserStep::Become(role), Some(user)) => {
            data.push(("role", role.word().to_owned()));
            for session in theirs {
                change.put(session.rev, BrowserSession { role: *role, ..session.is });
            }
            change.put(user.rev, Account { role: *role, ..user.is });
            "user_role"
        }
        (UserStep::Password(_), Some(user)) if user.is.name == OWNER => {
            return Err(Refusal::PasswordOfSettings.into());
        }
        (UserStep::Password(password), Some(user)) => {
            theirs.iter().for_each(|session| {
                change.delete(&session.doc);
            });
            let (password, password_set_at) = (password.clone(), ctx.now);
            change.put(user.rev, Account { password, password_set_at, ..user.is });
            "user_password"
        }
        (UserStep::Remove, Some(user)) => {
            theirs.iter().for_each(|session| {
                change.delete(&session.doc);
            });
            change.delete(&user.doc);
            "user_removed"
        }
    };
    change.touch(Scope::Access);
    let said = line(ctx, None, None, what, &data);
    change.activity.push(said);
    Ok(change)
}

/// Gives whoever asks another password, after the edge has looked at the one that they have. Their other sessions end:
/// somebody else may have opened them. The first owner's is that of the settings, which would come back at the next start.
pub fn change_password(view: &View, ask: &NewPassword, ctx: &mut Ctx<'_>) -> Decided {
    let name = ctx.actor.who.name.clone().filter(|_| ctx.actor.is_human()).ok_or(Refusal::HumansOnly)?;
    view.gather([sessions(), Range::doc(Kind::Account, &name)])?;
    let user: Seen<Account> = view.must(&name, Refusal::UserNotFound)?;
    if user.is.name == OWNER {
        return Err(Refusal::PasswordOfSettings.into());
    }
    if user.is.password_set_at != ask.password_of {
        return Err(Refusal::PasswordChanged.into());
    }
    let mut change = Change::default();
    let theirs: Vec<Seen<BrowserSession>> = view.list(sessions())?;
    let other = |session: &&Seen<BrowserSession>| session.is.account == name && session.is.digest != ask.session;
    let mut ended = 0;
    for session in theirs.iter().filter(other) {
        change.delete(&session.doc);
        ended += 1;
    }
    let data = [("user", called(&name).to_owned()), ("sessions", ended.to_string())];
    // By this moment a log-in tells which password it has looked at, so no two are of one.
    let password_set_at = ctx.now.max(user.is.password_set_at.plus(1));
    change.put(user.rev, Account { password: ask.hash.clone(), password_set_at, ..user.is }).touch(Scope::Access);
    change.activity.push(line(ctx, None, None, "own_password", &data));
    Ok(change)
}
