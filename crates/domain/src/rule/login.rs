//! Log-in: the owner's password, and the browsers that have given it.

use crate::{
    access::{Account, BrowserSession, Digest, INSTALLATION, PasswordHash, SESSION_MS, SESSIONS_MAX, UserRole, called},
    activity::{Activity, REFUSED, REFUSED_LOG_INS, REFUSED_MAX},
    actor::OWNER,
    change::Change,
    command::{NewBrowserSession, RefusedLogIns},
    ctx::Ctx,
    doc::{Kind, Scope},
    range::Range,
    refusal::Refusal,
    right::Right,
    time::Millis,
    view::{Seen, View},
};

use super::{Decided, line, require, user::users};

/// All browsers that are logged in.
#[must_use]
pub fn sessions() -> Range {
    Range::children(Kind::BrowserSession, INSTALLATION, SESSIONS_MAX)
}

/// Sets the password of the owner whom the settings make, and ends every session: whoever has the old one is out.
/// Where other owners have removed that account, it does not come again by itself.
pub fn set_password(view: &View, hash: &PasswordHash, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([users(), sessions()])?;
    let mut change = Change::default();
    let mut all: Vec<Seen<Account>> = view.list(users())?;
    let known = all.iter().position(|user| user.is.name == OWNER).map(|at| all.swap_remove(at));
    if known.is_none() && all.iter().any(|user| user.is.role == UserRole::Owner) {
        return Ok(change);
    }
    for session in view.list::<BrowserSession>(sessions())? {
        change.delete(&session.doc);
    }
    let (rev, created_at, role) =
        known.map_or((0, ctx.now, UserRole::Owner), |account| (account.rev, account.is.created_at, account.is.role));
    let (password, password_set_at) = (hash.clone(), ctx.now);
    let account = Account { name: OWNER.into(), role, password, created_at, password_set_at };
    change.put(rev, account).touch(Scope::Access);
    let text = line(ctx, None, None, "password_set", &[("account", called(OWNER).to_owned())]);
    change.activity.push(text);
    Ok(change)
}

/// Opens a session. Those whose time is over leave the list, and where it is full, the one that was here longest ago.
pub fn open(view: &View, new: &NewBrowserSession, ctx: &mut Ctx<'_>) -> Decided {
    let account = Range::doc(Kind::Account, new.account.as_str());
    view.gather([sessions(), Range::doc(Kind::BrowserSession, &new.digest), account])?;
    if view.find::<BrowserSession>(&new.digest)?.is_some() {
        return Err(Refusal::SessionExists.into());
    }
    // Between the look at a password and this the account may be gone, or have another one.
    let account: Seen<Account> = view.must(new.account.as_str(), Refusal::UserNotFound)?;
    if account.is.password_set_at != new.password_of {
        return Err(Refusal::PasswordChanged.into());
    }
    let mut change = Change::default();
    let mut known: Vec<Seen<BrowserSession>> = view.list(sessions())?;
    known.sort_by_key(|session| std::cmp::Reverse(session.is.seen_at));
    for (place, session) in known.iter().enumerate() {
        if ctx.now.since(session.is.seen_at) > SESSION_MS || place + 1 >= SESSIONS_MAX as usize {
            change.delete(&session.doc);
        }
    }
    let session = BrowserSession {
        digest: new.digest.clone(),
        account: account.is.name,
        role: account.is.role,
        browser: new.browser.as_str().to_owned(),
        from: new.from.as_str().to_owned(),
        created_at: ctx.now,
        seen_at: ctx.now,
    };
    log(&mut change, ctx, "logged_in", &session);
    change.create(session).touch(Scope::Access);
    Ok(change)
}

/// Ends a session; somebody else's only for whoever says who may come in.
pub fn end(view: &View, digest: &Digest, ctx: &mut Ctx<'_>) -> Decided {
    let session: Seen<BrowserSession> = view.must(digest, Refusal::SessionNotFound)?;
    let own = ctx.actor.is_human() && ctx.actor.who.name.as_ref() == Some(&session.is.account);
    if !own {
        require(ctx, Right::Admit)?;
    }
    let mut change = Change::default();
    log(&mut change, ctx, "logged_out", &session.is);
    change.delete(&session.doc).touch(Scope::Access);
    Ok(change)
}

/// Writes down when a browser was last here; nothing where it has ended meanwhile.
pub fn note_seen(view: &View, digest: &Digest, at: Millis) -> Decided {
    let mut change = Change::default();
    if let Some(session) = view.find::<BrowserSession>(digest)?
        && session.is.seen_at < at
    {
        change.put(session.rev, BrowserSession { seen_at: at, ..session.is }).touch(Scope::Access);
    }
    Ok(change)
}

/// Writes down log-ins that were refused. Whoever knocks without end takes no more room than this.
pub fn note_refused(view: &View, refused: &RefusedLogIns, ctx: &mut Ctx<'_>) -> Decided {
    let known: Vec<Seen<Activity>> = view.list(Range::children(Kind::Activity, REFUSED_LOG_INS, REFUSED_MAX))?;
    let mut change = Change::default();
    // The oldest first.
    let over = (known.len() + 1).saturating_sub(REFUSED_MAX as usize);
    known.iter().take(over).for_each(|line| {
        change.delete(&line.doc);
    });
    let account = refused.account.as_ref().map_or("", |name| called(name.as_str()));
    let data = [
        ("account", account.to_owned()),
        ("from", refused.from.as_str().to_owned()),
        ("times", refused.times.to_string()),
    ];
    let said = line(ctx, None, None, REFUSED, &data);
    change.touch(Scope::Access).activity.push(said);
    Ok(change)
}

fn log(change: &mut Change, ctx: &mut Ctx<'_>, what: &str, session: &BrowserSession) {
    let data = [
        ("session", session.digest.id8().to_owned()),
        ("account", called(&session.account).to_owned()),
        ("browser", session.browser.clone()),
        ("from", session.from.clone()),
    ];
    change.activity.push(line(ctx, None, None, what, &data));
}
