//! Log-in: the owner's password, and the browsers that have given it.

use crate::{
    access::{Account, BrowserSession, Digest, INSTALLATION, PasswordHash, SESSION_MS, SESSIONS_MAX},
    actor::OWNER,
    change::Change,
    command::NewBrowserSession,
    ctx::Ctx,
    doc::{Kind, Scope},
    range::Range,
    refusal::Refusal,
    time::Millis,
    view::{Seen, View},
};

use super::{Decided, line};

/// All browsers that are logged in.
#[must_use]
pub fn sessions() -> Range {
    Range::children(Kind::BrowserSession, INSTALLATION, SESSIONS_MAX)
}

/// Sets the owner's password, and ends every session: whoever has the old one is out.
pub fn set_password(view: &View, hash: &PasswordHash, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([Range::doc(Kind::Account, OWNER), sessions()])?;
    let mut change = Change::default();
    let known = view.find::<Account>(OWNER)?;
    for session in view.list::<BrowserSession>(sessions())? {
        change.delete(&session.doc);
    }
    let (rev, created_at) = known.map_or((0, ctx.now), |account| (account.rev, account.is.created_at));
    let account = Account { name: OWNER.into(), password: hash.clone(), created_at, password_set_at: ctx.now };
    change.put(rev, account).touch(Scope::Access);
    let text = line(ctx, None, None, "password_set", &[("account", OWNER.to_owned())]);
    change.activity.push(text);
    Ok(change)
}

/// Opens a session. Those whose time is over leave the list, and where it is full, the one that was here longest ago.
pub fn open(view: &View, new: &NewBrowserSession, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([sessions(), Range::doc(Kind::BrowserSession, &new.digest)])?;
    if view.find::<BrowserSession>(&new.digest)?.is_some() {
        return Err(Refusal::SessionExists.into());
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
        account: new.account.as_str().to_owned(),
        browser: new.browser.as_str().to_owned(),
        from: new.from.as_str().to_owned(),
        created_at: ctx.now,
        seen_at: ctx.now,
    };
    log(&mut change, ctx, "logged_in", &session);
    change.create(session).touch(Scope::Access);
    Ok(change)
}

/// Ends a session.
pub fn end(view: &View, digest: &Digest, ctx: &mut Ctx<'_>) -> Decided {
    let session: Seen<BrowserSession> = view.must(digest, Refusal::SessionNotFound)?;
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

fn log(change: &mut Change, ctx: &mut Ctx<'_>, what: &str, session: &BrowserSession) {
    let data = [
        ("session", session.digest.id8().to_owned()),
        ("account", session.account.clone()),
        ("browser", session.browser.clone()),
        ("from", session.from.clone()),
    ];
    change.activity.push(line(ctx, None, None, what, &data));
}
