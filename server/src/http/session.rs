//! The browser's session: a signed cookie, made at the first page view.
//!
//! With log-in it names the session that was opened with the password ([`crate::http::login`]), and no page view makes
//! one. Without log-in it only tells a page from a program on the same machine ([`crate::http::caller`]). The
//! key lies in the data folder, so open tabs survive a restart, and the cookie's name carries a mark
//! of that key: two boards in one browser do not overwrite each other's, whatever their ports are.
//! Removing the key file ends every session at the next start.

use std::{
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use crate::private;

/// A session ends this long after the browser was last here, in seconds: thirty days.
const MAX_AGE: u64 = 30 * DAY;
/// A cookie older than this is renewed, in seconds.
const RENEWED_AFTER: u64 = DAY;
const DAY: u64 = 24 * 3600;
/// How far ahead of our clock a cookie may have been made, in seconds: the clock may have been set back.
const AHEAD: u64 = DAY;

/// A browser session that a cookie proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Random name of the session, in hexadecimal digits.
    pub id: String,
    /// Its cookie need not be renewed yet.
    pub fresh: bool,
}

/// Makes and checks cookies.
pub struct Sessions {
    key: hmac::Key,
    random: SystemRandom,
    cookie: String,
}

impl Sessions {
    /// Reads the key from the data folder, or makes it (mode 0600).
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let random = SystemRandom::new();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key_in(&data_dir.join("identity").join("session.key"))?);
        let installation = hex(&hmac::sign(&key, b"installation").as_ref()[..4]);
        Ok(Self { key, random, cookie: format!("clutch-{installation}") })
    }

    /// Name of this installation's cookie.
    #[cfg(test)]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// A cookie's value for a session that was here now: its id, the moment, and a mark over both.
    fn value(&self, id: &str, now: u64) -> String {
        format!("{id}.{now}.{}", hex(self.mark(id, now).as_ref()))
    }

    fn mark(&self, id: &str, at: u64) -> hmac::Tag {
        hmac::sign(&self.key, signed(id, at).as_bytes())
    }

    /// A fresh id; `None` where the system gives no random numbers.
    pub fn new_id(&self) -> Option<String> {
        let mut id = [0; 16];
        self.random.fill(&mut id).ok()?;
        Some(hex(&id))
    }

    /// The session of a request, where it carries a cookie of ours that is not too old.
    pub fn session(&self, headers: &HeaderMap, now: u64, https: bool) -> Option<Session> {
        let named = self.named(https);
        // Other programs on this host set cookies too, also such that are not ASCII: by bytes.
        let pairs = headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
        let ours = pairs.filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair.trim_ascii()).ok()?.split_once('=')?;
            (name == named).then_some(value)
        });
        // A cookie of another path may stand before the good one.
        ours.filter_map(|value| self.proved(value, now)).next()
    }

    fn proved(&self, value: &str, now: u64) -> Option<Session> {
        let (id, rest) = value.split_once('.')?;
        let (at, mark) = rest.split_once('.')?;
        let at: u64 = at.parse().ok()?;
        hmac::verify(&self.key, signed(id, at).as_bytes(), &unhex(mark)?).ok()?;
        let young = now.saturating_sub(at) <= MAX_AGE && at.saturating_sub(now) <= AHEAD;
        young.then(|| Session { id: id.to_owned(), fresh: now.saturating_sub(at) <= RENEWED_AFTER })
    }

    /// The cookie that an answer sets, for a browser that is here: a first one where it opens a page without, and a
    /// new one in place of an old.
    pub fn cookie_for(
        &self,
        session: Option<Session>,
        opens_a_page: bool,
        now: u64,
        https: bool,
    ) -> Option<HeaderValue> {
        let id = match session {
            Some(Session { fresh: true, .. }) => None,
            Some(old) => Some(old.id),
            None if opens_a_page => self.new_id(),
            None => None,
        };
        self.set(&id?, now, https)
    }

    /// The header that sets the cookie of a session.
    pub fn set(&self, id: &str, now: u64, https: bool) -> Option<HeaderValue> {
        self.line(&self.value(id, now), MAX_AGE, https)
    }

    /// The header that takes the cookie away.
    pub fn cleared(&self, https: bool) -> Option<HeaderValue> {
        self.line("", 0, https)
    }

    /// Under https the name itself tells the browser that the cookie is this host's alone, and never goes unencrypted.
    fn named(&self, https: bool) -> String {
        format!("{}{}", if https { "__Host-" } else { "" }, self.cookie)
    }

    fn line(&self, value: &str, age: u64, https: bool) -> Option<HeaderValue> {
        let (name, secure) = (self.named(https), if https { "; Secure" } else { "" });
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")).ok()
    }
}

fn signed(id: &str, at: u64) -> String {
    format!("session {id} {at}")
}

/// The key of 32 random bytes in a file, which is made where there is none (mode 0600).
///
/// # Errors
/// The file cannot be read or written, or is damaged.
pub fn key_in(path: &Path) -> io::Result<Vec<u8>> {
    let random = SystemRandom::new();
    match fs::read(path) {
        Ok(key) if key.len() == 32 => Ok(key),
        // A disk without room left it so: nothing was made with it.
        Ok(key) if key.is_empty() => {
            fs::remove_file(path)?;
            made(path, &random)
        }
        Ok(_) => Err(io::Error::other(format!("{} is damaged; remove it to make a new one", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => made(path, &random),
        Err(error) => Err(error),
    }
}

/// A new key, on the disk before it counts. Where another process was first, its key counts.
fn made(path: &Path, random: &SystemRandom) -> io::Result<Vec<u8>> {
    let mut key = vec![0; 32];
    random.fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    if private::keep_new(path, &key)? { Ok(key) } else { fs::read(path) }
}

/// In hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// Now, in seconds since 1970.
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether a browser opens a page by this request.
pub fn opens_a_page(request: &Request) -> bool {
    request.method() == Method::GET
        && request.headers().get(header::ACCEPT).and_then(|a| a.to_str().ok()).is_some_and(|a| a.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn open(dir: &Path) -> Sessions {
        Sessions::open(dir).unwrap()
    }

    fn cookies(line: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        headers
    }

    #[test]
    fn cookies_survive_a_restart_and_cannot_be_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path());
        let id = first.new_id().unwrap();
        let cookie = first.value(&id, NOW);
        let again = open(dir.path());
        let name = again.cookie();
        let known = |value: &str| again.session(&cookies(format!("theme=dark; {name}={value}").as_bytes()), NOW, false);
        assert_eq!(known(&cookie), Some(Session { id: id.clone(), fresh: true }));
        let mark = cookie.rsplit_once('.').unwrap().1;
        for forged in [
            String::new(),
            "x".into(),
            id.clone(),
            format!("{id}."),
            format!("{id}.{NOW}"),
            format!("{id}.{NOW}."),
            format!("{id}.{NOW}.zz"),
            format!("{id}.{NOW}.é"),
            format!("{id}.{mark}"),
            format!("{id}.{}.{mark}", NOW + 1),
            format!("{id}.-1.{mark}"),
            format!("x{}.{NOW}.{mark}", &id[1..]),
            format!("{}.{}.{mark}", &id[..31], &id[31..]),
        ] {
            assert_eq!(known(&forged), None, "{forged}");
        }
        assert_eq!(again.session(&HeaderMap::new(), NOW, false), None);
        let other = tempfile::tempdir().unwrap();
        let elsewhere = open(other.path());
        let line = format!("{}={cookie}", elsewhere.cookie());
        assert_eq!(elsewhere.session(&cookies(line.as_bytes()), NOW, false), None, "another installation's key");
    }

    #[test]
    fn a_cookie_has_an_age_that_the_server_knows() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = open(dir.path());
        let id = sessions.new_id().unwrap();
        let line = format!("{}={}", sessions.cookie(), sessions.value(&id, NOW));
        for (later, fresh) in
            [(0, Some(true)), (DAY, Some(true)), (DAY + 1, Some(false)), (MAX_AGE, Some(false)), (MAX_AGE + 1, None)]
        {
            let session = sessions.session(&cookies(line.as_bytes()), NOW + later, false);
            assert_eq!(session.map(|s| s.fresh), fresh, "{later} seconds later");
        }
        assert!(
            sessions.session(&cookies(line.as_bytes()), NOW - AHEAD, false).is_some(),
            "our clock was set back a little"
        );
        assert!(sessions.session(&cookies(line.as_bytes()), NOW - AHEAD - 1, false).is_none());
    }

    #[test]
    fn cookies_of_others_do_not_hide_ours() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = open(dir.path());
        let good = format!("{}={}", sessions.cookie(), sessions.value(&sessions.new_id().unwrap(), NOW));
        for before in [&b"theme=d\xe4nemark"[..], "theme=dänemark".as_bytes(), b"=", b"", b"novalue", b"clutch=old.00"]
        {
            let line = [before, b"; ", good.as_bytes()].concat();
            assert!(sessions.session(&cookies(&line), NOW, false).is_some(), "{}", String::from_utf8_lossy(before));
        }
        let twice = format!("{}=stale.1.00; {good}", sessions.cookie());
        assert!(sessions.session(&cookies(twice.as_bytes()), NOW, false).is_some());
    }

    /// What a browser keeps: names belong to the host, whatever the port.
    #[test]
    fn two_boards_in_one_browser_keep_their_cookies() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let boards = dirs.each_ref().map(|dir| open(dir.path()));
        let mut jar = std::collections::BTreeMap::new();
        for _ in 0..2 {
            for board in &boards {
                let header = board.set(&board.new_id().unwrap(), NOW, false).unwrap();
                let pair = header.to_str().unwrap().split(';').next().unwrap().to_owned();
                let (name, value) = pair.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
                let line: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
                for opened in boards.iter().filter(|b| jar.contains_key(b.cookie())) {
                    assert!(opened.session(&cookies(line.join("; ").as_bytes()), NOW, false).is_some());
                }
            }
        }
        assert_eq!(jar.len(), 2);
    }

    #[test]
    fn a_new_key_ends_every_session() {
        let dir = tempfile::tempdir().unwrap();
        let before = open(dir.path());
        let line = format!("{}={}", before.cookie(), before.value(&before.new_id().unwrap(), NOW));
        fs::remove_file(dir.path().join("identity/session.key")).unwrap();
        assert!(open(dir.path()).session(&cookies(line.as_bytes()), NOW, false).is_none());
    }

    #[test]
    fn a_key_that_a_full_disk_left_empty_is_made_anew_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity/session.key");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        open(dir.path());
        assert_eq!(fs::read(&path).unwrap().len(), 32);
        fs::write(&path, "short").unwrap();
        let error = Sessions::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("session.key is damaged; remove it"), "{error}");
    }

    /// A cookie of one kind of connection does not count on the other.
    #[test]
    fn under_https_the_cookie_never_goes_unencrypted() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = open(dir.path());
        let id = sessions.new_id().unwrap();
        for https in [false, true] {
            let header = sessions.set(&id, NOW, https).unwrap();
            let line = header.to_str().unwrap();
            assert_eq!((line.starts_with("__Host-clutch-"), line.ends_with("; Secure")), (https, https), "{line}");
            assert!(line.contains("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
            let pair = cookies(line.split(';').next().unwrap().as_bytes());
            assert_eq!(sessions.session(&pair, NOW, https).map(|s| s.id), Some(id.clone()));
            assert_eq!(sessions.session(&pair, NOW, !https), None);
            let gone = sessions.cleared(https).unwrap();
            assert!(gone.to_str().unwrap().contains("Max-Age=0"), "{gone:?}");
        }
    }
}
