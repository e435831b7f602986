//! The browser's session: a signed cookie, made at the first page view.
//!
//! Without log-in it only tells a page from a program on the same machine: a
//! request without it is never recorded as the person. The key is kept in the
//! data folder, so open tabs survive a restart.

use std::{fs, io, path::Path};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use clutch_app::site::Visitor;
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::sync::Arc;

/// Name of the cookie.
const COOKIE: &str = "clutch";
/// A session ends after a year without a page view.
const MAX_AGE_SECONDS: u64 = 365 * 24 * 3600;

/// Makes and checks cookies.
pub struct Sessions {
    key: hmac::Key,
    random: SystemRandom,
}

impl Sessions {
    /// Reads the key from the data folder, or makes it (mode 0600).
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("identity").join("session.key");
        let random = SystemRandom::new();
        let key = match fs::read(&path) {
            Ok(key) if key.len() == 32 => key,
            Ok(_) => {
                return Err(io::Error::other(format!("{} is damaged; remove it to make a new one", path.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = vec![0; 32];
                random.fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
                write_private(&path, &key)?;
                key
            }
            Err(error) => return Err(error),
        };
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), random })
    }

    fn make(&self) -> Option<String> {
        let mut id = [0; 16];
        self.random.fill(&mut id).ok()?;
        let id = hex(&id);
        let mark = hmac::sign(&self.key, id.as_bytes());
        Some(format!("{id}.{}", hex(mark.as_ref())))
    }

    /// Whether the request carries one of our cookies.
    pub fn known(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
        cookies.filter_map(|c| c.trim().split_once('=')).filter(|(name, _)| *name == COOKIE).any(|(_, value)| {
            let Some((id, mark)) = value.split_once('.') else { return false };
            unhex(mark).is_some_and(|mark| hmac::verify(&self.key, id.as_bytes(), &mark).is_ok())
        })
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// The layer: tells handlers who visits, and gives a cookie to whoever opens a page without one.
pub async fn sessions(State(sessions): State<Arc<Sessions>>, mut request: Request, next: Next) -> Response {
    let known = sessions.known(request.headers());
    let opens_a_page = request.method() == Method::GET
        && request.headers().get(header::ACCEPT).and_then(|a| a.to_str().ok()).is_some_and(|a| a.contains("text/html"));
    request.extensions_mut().insert(Visitor { person: known });
    let mut response = next.run(request).await;
    if opens_a_page
        && !known
        && let Some(cookie) = sessions.make()
        && let Ok(value) = HeaderValue::from_str(&format!(
            "{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MAX_AGE_SECONDS}"
        ))
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_survive_a_restart_and_cannot_be_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let cookie = Sessions::open(dir.path()).unwrap().make().unwrap();
        let again = Sessions::open(dir.path()).unwrap();
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(&format!("theme=dark; clutch={value}")).unwrap());
            again.known(&headers)
        };
        assert!(with(&cookie));
        let (id, mark) = cookie.split_once('.').unwrap();
        for forged in
            ["", "x", id, &format!("{id}."), &format!("0{}.{mark}", &id[1..]), &format!("{id}.zz"), &format!("{id}.é")]
        {
            assert!(HeaderValue::from_str(forged).is_err() || !with(forged) || forged == cookie, "{forged}");
        }
        assert!(!again.known(&HeaderMap::new()));
    }
}
