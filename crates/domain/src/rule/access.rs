//! Tokens: made, taken back, used.

use crate::{
    access::{Digest, INSTALLATION, Standing, TOKENS_MAX, Token},
    change::Change,
    command::NewToken,
    ctx::Ctx,
    doc::{Kind, Scope},
    range::Range,
    refusal::Refusal,
    time::Millis,
    view::{Seen, View},
};

use super::{Decided, line};

/// All tokens, also those that open nothing any more.
#[must_use]
pub fn tokens() -> Range {
    Range::children(Kind::Token, INSTALLATION, TOKENS_MAX)
}

/// Makes a token. Where the list is full, those that open nothing any more leave it.
pub fn create_token(view: &View, new: &NewToken, ctx: &mut Ctx<'_>) -> Decided {
    if new.expires_at.is_some_and(|at| at <= ctx.now) {
        return Err(Refusal::ExpiryPast.into());
    }
    view.gather([tokens(), Range::doc(Kind::Token, &new.digest)])?;
    if view.find::<Token>(&new.digest)?.is_some() {
        return Err(Refusal::TokenExists.into());
    }
    let mut change = Change::default();
    let known: Vec<Seen<Token>> = view.list(tokens())?;
    if known.len() >= TOKENS_MAX as usize {
        let over: Vec<_> = known.iter().filter(|t| t.is.standing(ctx.now) != Standing::InForce).collect();
        if over.is_empty() {
            return Err(Refusal::TokensTooMany.into());
        }
        for token in over {
            change.delete(&token.doc);
        }
    }
    let token = Token {
        digest: new.digest.clone(),
        name: new.name.as_str().to_owned(),
        scope: new.scope,
        made_by: ctx.actor.who.clone(),
        created_at: ctx.now,
        expires_at: new.expires_at,
        used_at: None,
        revoked_at: None,
    };
    log(&mut change, ctx, "token_created", &token);
    change.create(token).touch(Scope::Access);
    Ok(change)
}

/// Takes a token back. It stays in the list, so that whoever still uses it is told.
pub fn revoke_token(view: &View, digest: &Digest, ctx: &mut Ctx<'_>) -> Decided {
    let token: Seen<Token> = view.must(digest, Refusal::TokenNotFound)?;
    let mut change = Change::default();
    if token.is.revoked_at.is_none() {
        log(&mut change, ctx, "token_revoked", &token.is);
        change.put(token.rev, Token { revoked_at: Some(ctx.now), ..token.is }).touch(Scope::Access);
    }
    Ok(change)
}

/// Writes down when a token was last used; nothing where somebody wrote a later moment, or it is gone.
pub fn note_use(view: &View, digest: &Digest, at: Millis) -> Decided {
    let mut change = Change::default();
    if let Some(token) = view.find::<Token>(digest)?
        && token.is.used_at.is_none_or(|used| used < at)
    {
        change.put(token.rev, Token { used_at: Some(at), ..token.is }).touch(Scope::Access);
    }
    Ok(change)
}

fn log(change: &mut Change, ctx: &mut Ctx<'_>, what: &str, token: &Token) {
    let data = [
        ("token", token.digest.id8().to_owned()),
        ("name", token.name.clone()),
        ("scope", token.scope.word().to_owned()),
    ];
    change.activity.push(line(ctx, None, None, what, &data));
}
