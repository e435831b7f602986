//! Log-in: people, their passwords, and the browsers that have given them.
//!
//! `CLUTCH_PASSWORD` turns it on, and makes the first owner; owners let others in. The store has the passwords' hashes
//! (argon2id) and ends every session when another `CLUTCH_PASSWORD` is set. A session is a document, named by the hash of
//! its cookie's random id: it is looked up at each request, so it ends at once where somebody ends it.

mod agent;
mod hash;
mod own;
pub mod page;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use clutch_app::model::several_look;
use clutch_domain::{
    access::{Account, BrowserSession, Digest, PasswordHash, SESSION_MS, UserName},
    actor::{Actor, OWNER},
    command::{Command, NewBrowserSession, RefusedLogIns},
    refusal::Refusal,
    rule::user::users,
    text::Excerpt,
    time::Millis,
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::Fault,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use tokio::sync::{OnceCell, Semaphore};

use self::hash::{NOBODYS, PASSWORD_MAX, hashed, verifies};
pub use self::{
    hash::hash,
    own::{END_OWN, OWN, OWN_PASSWORD},
};
use crate::{
    http::{
        caller::{Caller, Person, from_our_page},
        compat::error::Failure,
        door::Arrival,
        session,
        throttle::{Throttle, net},
    },
    settings::Secret,
    state::AppState,
};

/// Where log-in is.
pub const LOG_IN: &str = "/login";
/// Where it ends.
pub const LOG_OUT: &str = "/logout";
/// Passwords that are looked at, at the same time; each takes 19 MiB.
const HASHERS: usize = 2;
/// Tries of one address: at once, and then one after each pause.
const ADDRESS_TRIES: (u32, Duration) = (10, Duration::from_secs(30));
/// Tries of all addresses together for one account, this machine's own left out: its owner can always come in from here.
const ACCOUNT_TRIES: (u32, Duration) = (60, Duration::from_secs(5));
/// Addresses whose tries are counted.
const ADDRESSES_MAX: usize = 4_096;
/// Accounts whose tries are counted; names that nobody has share one.
const ACCOUNTS_MAX: usize = 256;
/// Pairs of account and address whose refused log-ins are written down in a minute, each by itself.
const REFUSED_AT_ONCE: usize = 16;
/// How often it is written down when a browser was last here.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);
/// Longest address that a log-in leads back to, in bytes.
const NEXT_MAX: usize = 2_000;

/// Who is logged in, and who tries to be.
pub struct Logins {
    office: Arc<Office>,
    password: Secret,
    settled: OnceCell<()>,
    hashers: Semaphore,
    addresses: Throttle<IpAddr>,
    accounts: Throttle<String>,
    // As many as there are sessions; emptied each minute.
    seen: Mutex<BTreeMap<Digest, Millis>>,
    // Log-ins that were refused, by account and address; emptied each minute.
    refused: Mutex<BTreeMap<(Option<UserName>, String), u32>>,
}

/// Why nobody was logged in.
#[derive(Debug)]
enum Refused {
    /// The password is another one.
    Wrong,
    /// Too many tries; how long until the next.
    TooOften(Duration),
    /// Ours.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Logins {
    /// Log-in with this password.
    pub fn new(office: Arc<Office>, password: Secret) -> Self {
        Self {
            office,
            password,
            settled: OnceCell::new(),
            hashers: Semaphore::new(HASHERS),
            addresses: Throttle::new(ADDRESS_TRIES.0, ADDRESS_TRIES.1, ADDRESSES_MAX),
            accounts: Throttle::new(ACCOUNT_TRIES.0, ACCOUNT_TRIES.1, ACCOUNTS_MAX),
            seen: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// The store has the password that is set now; where it had another, every session has ended. Done once, before
    /// anybody is believed.
    ///
    /// # Errors
    /// The store does not answer; then the next who asks does it.
    pub async fn settled(&self) -> Result<(), Error> {
        let settle = async {
            let known = self.office.get::<Account>(OWNER).await?;
            let password = self.password.reveal().to_owned();
            let fresh = self
                .hashing(move || match known {
                    Some(account) if verifies(account.password.reveal(), &password) => Ok(None),
                    _ => hashed(&password).map(Some),
                })
                .await?;
            if let Some(hash) = fresh {
                self.office.run(&Actor::doorkeeper(), &Command::SetPassword(hash.into())).await?;
            }
            if self.several().await? {
                several_look();
            }
            Ok(())
        };
        self.settled.get_or_try_init(|| settle).await.copied()
    }

    /// Whether others may log in than the owner whom the settings make.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn several(&self) -> Result<bool, Error> {
        let all: Vec<Account> = self.office.all(users()).await?;
        Ok(all.iter().any(|user| user.name != OWNER))
    }

    /// The hash of a password that somebody is given.
    ///
    /// # Errors
    /// It is too short or too long.
    pub async fn hash(&self, password: String) -> Result<PasswordHash, Error> {
        let _place = self.hashers.acquire().await.map_err(|e| Fault::new(e.to_string()))?;
        hash(password).await
    }

    /// Hashing takes its time and memory, so it is done beside, and few at once.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.hashers.acquire().await.map_err(|e| Fault::new(e.to_string()))?;
        let done = tokio::task::spawn_blocking(work).await;
        Ok(done.map_err(|_| Fault::new("a password's hash broke off"))??)
    }

    /// The session of a cookie's id, if it has not ended.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn session(&self, id: &str) -> Result<Option<BrowserSession>, Error> {
        self.settled().await?;
        let session = self.office.get::<BrowserSession>(named(id)).await?;
        let now = self.office.now();
        let session = session.filter(|session| now.since(session.seen_at) <= SESSION_MS);
        if let Some(session) = &session {
            if session.account != OWNER {
                several_look();
            }
            let minute = i64::try_from(WRITTEN_EVERY.as_millis()).unwrap_or(i64::MAX);
            if now.since(session.seen_at) >= minute {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(session.digest.clone(), now);
            }
        }
        Ok(session)
    }

    /// Whether somebody's session has not ended, and they may still do as much.
    pub async fn stands(&self, person: &Person) -> bool {
        let session = self.office.get::<BrowserSession>(&person.session).await;
        // A store that does not answer ends nobody's.
        session.map_or(true, |session| session.is_some_and(|session| session.role == person.role))
    }

    /// Writes down who was here, each minute, for ever.
    pub async fn keep_written(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITTEN_EVERY).await;
            self.write_down().await;
        }
    }

    fn note_refused(&self, account: Option<UserName>, from: &IpAddr) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (account, from.to_string());
        // Those that come from many places at once are counted together.
        let room = refused.len() < REFUSED_AT_ONCE || refused.contains_key(&place);
        *refused.entry(if room { place } else { (None, "many addresses".to_owned()) }).or_insert(0) += 1;
    }

    /// Writes down which browsers were here since the last time, and whom the door has refused.
    pub async fn write_down(&self) {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner));
        for ((account, from), times) in refused {
            let noted = RefusedLogIns { account, from: Excerpt::from(from.as_str()), times };
            if let Err(error) = self.office.run(&Actor::doorkeeper(), &Command::NoteRefused(noted)).await {
                tracing::warn!(%error, "log-ins that were refused could not be written down");
            }
        }
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        for (digest, at) in seen {
            if let Err(error) = self.office.run(&Actor::doorkeeper(), &Command::NoteSessionSeen(digest, at)).await {
                tracing::warn!(%error, "when a browser was last here could not be written down");
            }
        }
    }

    /// Whose a name and its password are. Wrong ones are counted, by where they come from and by whose they would be.
    async fn proven(&self, who: (&str, String), arrival: &Arrival) -> Result<(UserName, Account), Refused> {
        let (name, password) = who;
        let from = net(arrival.address);
        let now = Instant::now();
        self.addresses.takes(&from, now).map_err(Refused::TooOften)?;
        self.settled().await?;
        let account = match UserName::parse(name) {
            Ok(name) => self.office.get::<Account>(name.as_str()).await?.map(|account| (name, account)),
            Err(_) => None,
        };
        let counted = account.as_ref().map_or("", |(name, _)| name.as_str()).to_owned();
        if !arrival.here {
            self.accounts.takes(&counted, now).map_err(Refused::TooOften)?;
        }
        let hash = account.as_ref().map_or(NOBODYS, |(_, account)| account.password.reveal()).to_owned();
        let right = password.len() <= PASSWORD_MAX && self.hashing(move || Ok(verifies(&hash, &password))).await?;
        match (account, right) {
            (Some(found), true) => {
                self.addresses.forgets(&from);
                self.accounts.forgets(&counted);
                Ok(found)
            }
            (account, _) => {
                tracing::warn!(from = %arrival.address, account = counted, "another password was refused");
                self.note_refused(account.map(|(name, _)| name), &from);
                Err(Refused::Wrong)
            }
        }
    }

    /// Opens a session of this cookie's id for a name and its password.
    async fn enter(&self, who: (&str, String), id: &str, arrival: &Arrival, browser: &str) -> Result<(), Refused> {
        let (name, account) = self.proven(who, arrival).await?;
        let new = NewBrowserSession {
            digest: named(id),
            account: name,
            password_of: account.password_set_at,
            browser: Excerpt::from(browser),
            from: Excerpt::from(arrival.address.to_string().as_str()),
        };
        match self.office.run(&Actor::doorkeeper(), &Command::OpenSession(new)).await {
            Ok(_) => {}
            // Somebody changed it, or took it away, while it was looked at.
            Err(Error::Refused(Refusal::UserNotFound | Refusal::PasswordChanged)) => return Err(Refused::Wrong),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(from = %arrival.address, session = named(id).id8(), "logged in");
        Ok(())
    }
}

/// The name of a cookie's session: who reads it in the store has no cookie by that.
pub fn named(id: &str) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    Digest::new(hash)
}

/// The routes, where log-in is on.
pub fn routes() -> Router<AppState> {
    own::routes().route(LOG_IN, get(show).post(log_in)).route(LOG_OUT, get(ask_to_go).post(log_out))
}

/// Whether a request without a session may come there.
pub fn is_open(path: &str) -> bool {
    path == LOG_IN
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`.
async fn show(State(state): State<AppState>, Query(Next { next }): Query<Next>, caller: Caller) -> Response {
    let next = back_to(&next);
    if matches!(caller, Caller::Person(_)) {
        return Redirect::to(next).into_response();
    }
    page::log_in(StatusCode::OK, name_of(&state, "").await, next, None, &page::nonce())
}

/// The name that the form begins with: it asks for one only where others may log in than the owner, and where the store
/// does not say so.
async fn name_of<'a>(state: &AppState, typed: &'a str) -> Option<&'a str> {
    let several = match &state.logins {
        Some(logins) => logins.several().await.unwrap_or(true),
        None => false,
    };
    several.then_some(typed)
}

/// `POST /login`: 303 back to where somebody wanted to go; 403 with another password, 429 after too many.
async fn log_in(
    State(state): State<AppState>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(logins) = &state.logins else { return StatusCode::NOT_FOUND.into_response() };
    if !from_our_page(&headers, arrival.https) {
        let sentence = "Only the form of this server's own page logs in. Open /login and try again.";
        return Failure::new(StatusCode::FORBIDDEN, "not_from_our_page", sentence).into_response();
    }
    let fields = fields(&body);
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let next = back_to(field("next")).to_owned();
    let Some(id) = state.sessions.new_id() else {
        return Failure::from(Fault::new("the system gives no random numbers")).into_response();
    };
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let asked = name_of(&state, field("username")).await;
    let again = |status, words: &str| page::log_in(status, asked, &next, Some(words), &page::nonce());
    // Where only the owner may log in, nobody is asked for a name.
    let who = (asked.unwrap_or(OWNER), field("password").to_owned());
    match logins.enter(who, &id, &arrival, &agent::browser(agent)).await {
        Ok(()) => {
            let mut response = Redirect::to(&next).into_response();
            if let Some(cookie) = state.sessions.set(&id, session::seconds(), arrival.https) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(Refused::Wrong) if asked.is_some() => {
            again(StatusCode::FORBIDDEN, "This is not the name and its password. Try again.")
        }
        Err(Refused::Wrong) => again(StatusCode::FORBIDDEN, "This is not the password. Try again."),
        Err(Refused::TooOften(wait)) => {
            let (seconds, words) = too_often(wait);
            let mut response = again(StatusCode::TOO_MANY_REQUESTS, &words);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(Refused::Error(error)) => {
            let failure = Failure::from(error);
            let words = "Nobody can log in right now: the server is in trouble. Its log says why.";
            let mut response = again(failure.status(), words);
            response.headers_mut().remove(header::RETRY_AFTER);
            response
        }
    }
}

/// How long somebody has to wait, in seconds and in words.
fn too_often(wait: Duration) -> (u64, String) {
    let seconds = wait.as_secs() + 1;
    (seconds, format!("There were too many tries. Wait {seconds} seconds, then try again."))
}

/// `GET /logout`.
async fn ask_to_go() -> Response {
    page::log_out(&page::nonce())
}

/// `POST /logout`: ends this browser's session.
async fn log_out(State(state): State<AppState>, Extension(arrival): Extension<Arrival>, caller: Caller) -> Response {
    if let (Caller::Person(_), Some(digest)) = (&caller, caller.session()) {
        match state.office.run(&caller.actor(), &Command::EndSession(digest)).await {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => return Failure::from(error).into_response(),
        }
    }
    let mut response = Redirect::to(LOG_IN).into_response();
    if let Some(cookie) = state.sessions.cleared(arrival.https) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Where a browser is sent that has no session.
pub fn lead_there(uri: &Uri) -> Response {
    let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
    let next = back_to(wanted);
    let mut response = if next == "/" {
        Redirect::to(LOG_IN).into_response()
    } else {
        let quoted: String = next.bytes().map(quoted).collect();
        Redirect::to(&format!("{LOG_IN}?next={quoted}")).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A byte as it may stand in a query's value.
fn quoted(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// The address that was asked for, if it is one of ours: a path of this very server, and not log-in itself.
fn back_to(next: &str) -> &str {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= NEXT_MAX
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && path != LOG_IN
        && path != LOG_OUT;
    if ours { next } else { "/" }
}

/// The fields of a form.
fn fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_back_to_paths_of_ours_only() {
        for (next, to) in [
            ("/projects/site/board?task=T-1", "/projects/site/board?task=T-1"),
            ("/", "/"),
            ("", "/"),
            ("projects", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nset-cookie: x=y", "/"),
            ("/a b", "/"),
            ("/login?next=/a", "/"),
            ("/logout", "/"),
        ] {
            assert_eq!(back_to(next), to, "{next:?}");
        }
        assert_eq!(back_to(&format!("/{}", "x".repeat(NEXT_MAX))), "/");
        let response = lead_there(&"/t/12?a=b&c=d".parse().unwrap());
        assert_eq!(response.headers()["location"], "/login?next=/t/12%3Fa%3Db%26c%3Dd");
    }
}
