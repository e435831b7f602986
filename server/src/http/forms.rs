//! How server functions answer: with the status that their error means, and, to a form that was posted
//! without our code, with a link back that says what was wrong.
//!
//! Such a link (`?__path=…&__err=…`) is sealed: whoever makes one up could else put words of his own under
//! our forms. The key lives as long as the program; an older link leads to the plain page.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Query, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use clutch_app::error::AppError;
use http::{HeaderValue, StatusCode, Uri, header};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

/// Where server functions are.
const FUNCTIONS: &str = "/fn/";
/// In a link: the path of the function.
const PATH: &str = "__path";
/// In a link: its error.
const ERROR: &str = "__err";
/// In a link: our seal over both.
const SEAL: &str = "__seal";
/// What Leptos puts beside the body of an error.
const MARK: &str = "serverfnerror";
/// Largest error that is read, in bytes.
const ERROR_MAX: usize = 64 * 1024;

/// Makes and checks seals.
#[derive(Clone)]
pub struct Seals(Arc<hmac::Key>);

impl Seals {
    /// Seals of a key that nobody knows. `None` if the system gives no random numbers.
    pub fn new() -> Option<Self> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).ok()?;
        Some(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key))))
    }

    /// The link back of a form, with the newest error alone and our seal over it.
    fn sealed(&self, link: &str) -> Option<String> {
        let (page, query) = link.split_once('?')?;
        let pairs = pairs(&link.parse().ok()?);
        let last = |name: &str| pairs.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let (path, error) = (last(PATH)?, last(ERROR)?);
        let raw =
            |name: &str| query.split('&').rev().find(|p| p.strip_prefix(name).is_some_and(|r| r.starts_with('=')));
        let seal = hex(hmac::sign(&self.0, &told(path, error)).as_ref());
        let mut parts = others(query);
        parts.extend([raw(PATH)?, raw(ERROR)?]);
        Some(format!("{page}?{}&{SEAL}={seal}", parts.join("&")))
    }

    /// Where a link with an error that we have not sealed leads instead.
    fn plain(&self, uri: &Uri) -> Option<String> {
        let pairs = pairs(uri);
        if !pairs.iter().any(|(name, _)| name == ERROR) {
            return None;
        }
        let only = |name: &str| {
            let mut found = pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
            found.next().filter(|_| found.next().is_none())
        };
        let ours = only(PATH).zip(only(ERROR)).zip(only(SEAL)).is_some_and(|((path, error), seal)| {
            let seal = unhex(seal).unwrap_or_default();
            hmac::verify(&self.0, &told(path, error), &seal).is_ok()
        });
        if ours {
            return None;
        }
        let rest = others(uri.query().unwrap_or_default()).join("&");
        let page = uri.path();
        // Two slashes would lead to another host.
        let page = format!("/{}", page.trim_start_matches('/'));
        Some(if rest.is_empty() { page } else { format!("{page}?{rest}") })
    }
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

/// The parts of a query that are not about a form's error, as they stand; what hides its name is not kept.
fn others(query: &str) -> Vec<&str> {
    let name =
        |part: &&str| part.split('=').next().is_some_and(|n| !n.is_empty() && !n.contains('%') && !n.starts_with("__"));
    query.split('&').filter(name).collect()
}

fn told(path: &str, error: &str) -> Vec<u8> {
    // No path of a function has a line break.
    format!("{path}\n{error}").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits.chunks(2).map(|two| u8::try_from(two[0] * 16 + two[1]).ok()).collect()
}

/// The layer.
pub async fn answers(State(seals): State<Seals>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(FUNCTIONS) {
        return answer(&seals, next.run(request).await).await;
    }
    match seals.plain(request.uri()) {
        Some(page) => Redirect::to(&page).into_response(),
        None => next.run(request).await,
    }
}

async fn answer(seals: &Seals, mut response: Response) -> Response {
    if response.status() == StatusCode::FOUND {
        let link = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
        if let Some(sealed) = link.and_then(|link| seals.sealed(link))
            && let Ok(sealed) = HeaderValue::from_str(&sealed)
        {
            response.headers_mut().insert(header::LOCATION, sealed);
        }
        return response;
    }
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR || !response.headers().contains_key(MARK) {
        return response;
    }
    // Arguments that were not understood never came to the function, which gives errors their status.
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, ERROR_MAX).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<AppError>(&bytes) {
        parts.status = error.class.status();
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "/projects/site/board";

    #[test]
    fn only_our_own_links_say_what_was_wrong() {
        let (seals, others) = (Seals::new().unwrap(), Seals::new().unwrap());
        let link = format!("http://127.0.0.1:3002{PAGE}?task=T-1&__path=%2Ffn%2Fmove_task&__err=e30%3D");
        let sealed: Uri = seals.sealed(&link).unwrap().parse().unwrap();
        assert_eq!(seals.plain(&sealed), None);
        let plain = Some(format!("{PAGE}?task=T-1"));
        assert_eq!(others.plain(&sealed), plain, "of a program that is gone");
        let text = sealed.to_string();
        for forged in [
            link.clone(),
            text.replace("e30", "e31"),
            text.replace("move_task", "add_comment"),
            link.replace("__err", "%5f_err"),
            format!("{text}&__err=e30"),
            format!("{link}&__seal="),
            format!("{link}&__seal=zz"),
            format!("{link}&__seal=é"),
        ] {
            let Ok(uri) = forged.parse::<Uri>() else { continue };
            assert_eq!(seals.plain(&uri), plain, "{forged}");
        }
        assert_eq!(seals.plain(&"/?task=T-1".parse().unwrap()), None, "nothing is said");
        assert_eq!(seals.plain(&"//evil.example/?__err=x".parse().unwrap()), Some("/evil.example/".into()));
    }

    #[test]
    fn a_second_error_takes_the_place_of_the_first() {
        let seals = Seals::new().unwrap();
        let first = seals.sealed(&format!("http://h{PAGE}?__path=%2Ffn%2Fa&__err=MQ")).unwrap();
        let second = seals.sealed(&format!("{first}&__path=%2Ffn%2Fb&__err=Mg")).unwrap();
        assert!(second.starts_with(&format!("http://h{PAGE}?__path=%2Ffn%2Fb&__err=Mg&__seal=")), "{second}");
        assert_eq!(seals.plain(&second.parse().unwrap()), None);
        assert_eq!(seals.sealed("http://h/?a=b"), None);
        assert_eq!(seals.sealed("/"), None);
    }
}
