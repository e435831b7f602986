//! Tokens of programs, as requests carry them: `Authorization: Bearer clutch_…`.
//!
//! A token is thirty-two random bytes behind a word that tells people and scanners whose it is. The store has only its
//! hash, so it is found by it, and reading the store gives nobody a token. What does not look like one of ours is not
//! looked for: old callers send their gateway's.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use clutch_domain::{
    access::{Digest, Standing, Token},
    actor::Actor,
    command::Command,
    time::Millis,
};
use clutch_orchestrator::office::{Error, Office};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use crate::http::compat::error::Failure;

/// What each of our tokens begins with.
const PREFIX: &str = "clutch_";
/// Random bytes of a token.
const BYTES: usize = 32;
/// How often the uses of tokens are written down: the list says when each was last used, to the minute.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// A token's own words; neither shown nor logged, except once to whoever made it.
pub struct Secret(String);

impl Secret {
    /// A fresh one; `None` where the system gives no random numbers.
    pub fn fresh() -> Option<Self> {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(bytes.iter().fold(PREFIX.to_owned(), |text, byte| format!("{text}{byte:02x}"))))
    }

    /// One that a request carries, if it has the shape of ours.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let shaped =
            digits.len() == 2 * BYTES && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        shaped.then(|| Self(text.to_owned()))
    }

    /// The hash that the store knows.
    pub fn digest(&self) -> Digest {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        Digest::new(hash)
    }

    /// The words, for the one answer that shows them.
    pub fn reveal(self) -> String {
        self.0
    }
}

/// What a request carries.
#[derive(Debug)]
pub enum Held {
    /// No token of ours.
    Nothing,
    /// What looks like one of ours and is not known.
    Unknown,
    /// One that opens nothing any more.
    Over(Standing),
    /// One in force.
    Token(Arc<Token>),
}

/// Finds tokens, and remembers when they were used.
pub struct Bearers {
    office: Arc<Office>,
    // As many as there are tokens in force; emptied each minute.
    used: Mutex<BTreeMap<Digest, Millis>>,
}

impl Bearers {
    /// Of this office.
    pub fn new(office: Arc<Office>) -> Self {
        Self { office, used: Mutex::default() }
    }

    /// What the request carries.
    ///
    /// # Errors
    /// The store does not answer, or what it has cannot be read.
    pub async fn held(&self, headers: &HeaderMap) -> Result<Held, Error> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Ok(Held::Nothing) };
        let Some(secret) = line.to_str().ok().and_then(of_line) else { return Ok(Held::Nothing) };
        let Some(token) = self.office.get::<Token>(secret.digest()).await? else { return Ok(Held::Unknown) };
        let now = self.office.now();
        Ok(match token.standing(now) {
            Standing::InForce => {
                let minute = i64::try_from(WRITTEN_EVERY.as_millis()).unwrap_or(i64::MAX);
                if token.used_at.is_none_or(|used| now.since(used) >= minute) {
                    self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(token.digest.clone(), now);
                }
                Held::Token(Arc::new(token))
            }
            over => Held::Over(over),
        })
    }

    /// Whether a token is still in force.
    pub async fn stands(&self, digest: &Digest) -> bool {
        match self.office.get::<Token>(digest).await {
            Ok(token) => token.is_some_and(|token| token.standing(self.office.now()) == Standing::InForce),
            // A store that does not answer ends nobody's.
            Err(_) => true,
        }
    }

    /// Writes down who was used, each minute, for ever.
    pub async fn keep_written(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITTEN_EVERY).await;
            self.write_down().await;
        }
    }

    /// Writes down which tokens were used since the last time.
    pub async fn write_down(&self) {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        for (digest, at) in used {
            let id = digest.id8().to_owned();
            if let Err(error) = self.office.run(&Actor::doorkeeper(), &Command::NoteTokenUse(digest, at)).await {
                tracing::warn!(token = id, %error, "when a token was used could not be written down");
            }
        }
    }
}

/// The token of an `Authorization` line; the scheme's letters may be large or small.
fn of_line(line: &str) -> Option<Secret> {
    let (scheme, rest) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::parse(rest.trim())).flatten()
}

/// 401, with what to do about it.
pub fn unauthorized(code: &'static str, sentence: &str) -> Response {
    let mut response = Failure::new(StatusCode::UNAUTHORIZED, code, sentence).into_response();
    let how = HeaderValue::from_static("Bearer realm=\"OpenClutch\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}

/// 401 for a token that opens nothing any more.
pub fn over(standing: Standing) -> Response {
    match standing {
        Standing::Revoked => unauthorized(
            "token_revoked",
            "This token was revoked. Make a new one with `clutch token create`, and give it to this program.",
        ),
        _ => unauthorized(
            "token_expired",
            "The time of this token is over. Make a new one with `clutch token create`, and give it to this program.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_by_their_shape() {
        let (one, two) = (Secret::fresh().unwrap(), Secret::fresh().unwrap());
        assert_ne!(one.digest(), two.digest());
        let digest = one.digest();
        let words = one.reveal();
        assert!(!words.contains(digest.as_str()), "the hash is not the secret");
        for line in [format!("Bearer {words}"), format!("bearer  {words} "), format!("BEARER {words}")] {
            assert_eq!(of_line(&line).unwrap().digest(), digest, "{line}");
        }
        let upper = words.to_uppercase();
        for line in [
            words.clone(),
            format!("Basic {words}"),
            format!("Bearer{words}"),
            format!("Bearer {}", &words[1..]),
            format!("Bearer {words}0"),
            format!("Bearer {upper}"),
            "Bearer ".into(),
            "Bearer gateway-token".into(),
            format!("Bearer {PREFIX}{}", "g".repeat(64)),
        ] {
            assert!(of_line(&line).is_none(), "{line}");
        }
        // What a hash is, is no matter of ours: the words of a known one.
        assert_eq!(
            Secret(String::from("abc")).digest().as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
