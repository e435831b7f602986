//! Who a request comes from: the one place that decides it, for every route.
//!
//! A **person** is told by the cookie of a page view *and* by the browser's own word that a page of
//! ours asks (`Sec-Fetch-Site: same-origin`, or our `Origin` where a browser does not say that).
//! Where people log in, the cookie names a session that was opened with the password ([`crate::http::login`]), and who
//! has neither that nor a token is refused here, but for what is open to all and for plugins on this machine.
//!
//! A **token** is told by `Authorization: Bearer clutch_…`. Anything else from this machine is a **program**.
//! Where nobody has logged in, persons and programs are labels for what is recorded and refused, and no wall against
//! programs of the same machine (SECURITY.md); an `Authorization` header that is no token of ours is ignored there:
//! old callers send the gateway's.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use clutch_app::{
    error::AppError,
    site::{LoggedIn, Visitor},
};
use clutch_domain::{
    access::{Digest, Token, UserRole},
    actor::{Actor, OWNER, Who},
    refusal::Refusal,
    right::Rights,
};
use http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts};

use crate::{
    http::{
        assets,
        bearer::{self, Held},
        compat::error::Failure,
        door::{self, Arrival},
        login::{self, Logins},
        scopes,
        session::{self, Session},
    },
    state::AppState,
};

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person at a page of ours.
    Person(Person),
    /// A program on this machine.
    Program,
    /// A program with this token, wherever it is.
    Token(Arc<Token>),
    /// Nobody knows who, where people log in: what is open to all of them.
    Stranger,
}

/// A person, in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Which browser session.
    pub session: String,
    /// Whose it is, as the store knows them: the owner's, where nobody logs in.
    pub account: String,
    /// What they may do.
    pub role: UserRole,
}

impl Caller {
    /// Tells it from the session that the cookie proves, and from what the browser says.
    pub fn of(session: Option<&Session>, headers: &HeaderMap) -> Self {
        match session {
            Some(session) if from_our_page(headers, false) => {
                let (session, account) = (session.id.clone(), OWNER.to_owned());
                Self::Person(Person { session, account, role: UserRole::Owner })
            }
            _ => Self::Program,
        }
    }

    /// The actor of a request that names nobody.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Person(person) => {
                let mut actor = Actor::user(&person.account, person.role);
                // Enough to tell two browsers apart in the log; the cookie itself is nobody's business.
                actor.who.id = Some(person.session.chars().take(8).collect());
                actor
            }
            Self::Program => Actor::program(None),
            Self::Token(token) => Actor::token(token),
            Self::Stranger => Actor { rights: Rights::default(), ..Actor::program(None) },
        }
    }

    /// The session that was opened with the password, where people log in.
    pub fn session(&self) -> Option<Digest> {
        match self {
            Self::Person(person) => Some(Digest::from(person.session.clone())),
            Self::Program | Self::Token(_) | Self::Stranger => None,
        }
    }

    /// The actor of a request that names an author: of a program a claim, of a person or a token nothing new.
    pub fn claiming(&self, author: &str) -> Actor {
        match self {
            Self::Person(_) | Self::Token(_) | Self::Stranger => self.actor(),
            Self::Program => Actor::program(Some(author)),
        }
    }

    /// The actor of a webhook that an agent's plugin calls, for the agent that it names.
    pub fn agent(&self, name: &str) -> Actor {
        match self {
            Self::Person(_) | Self::Stranger => self.actor(),
            Self::Program => Actor::agent(name),
            Self::Token(token) => {
                let actor = Actor::token(token);
                Actor { who: Who { id: actor.who.id, ..Who::agent(name) }, ..actor }
            }
        }
    }

    /// Whether its session or token is still in force: both may end while a feed is open. A store that does not answer
    /// ends nobody's.
    pub async fn stands(&self, state: &AppState) -> bool {
        match (self, &state.logins) {
            (Self::Token(token), _) => state.bearers.stands(&token.digest).await,
            // Whoever may do less now, or more, gets a page that shows it.
            (Self::Person(person), Some(logins)) => logins.stands(person).await,
            _ => true,
        }
    }

    /// Whose idempotency keys these are: two callers may use the same words for two calls.
    pub fn keys(&self) -> &str {
        match self {
            Self::Person(person) => &person.session,
            Self::Program | Self::Stranger => "",
            Self::Token(token) => token.digest.as_str(),
        }
    }
}

/// The layer: tells handlers and pages who calls. A token that opens nothing, or not this, is refused here.
pub async fn callers(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let now = session::seconds();
    let arrival = request.extensions().get::<Arrival>().copied().unwrap_or(Arrival::NOWHERE);
    let session = state.sessions.session(request.headers(), now, arrival.https);
    let opens_a_page = session::opens_a_page(&request);
    let caller = match state.bearers.held(request.headers()).await {
        Ok(Held::Token(token)) => {
            if let Err(refused) = scopes::opens(token.scope, request.method(), request.uri().path()) {
                return refused.into_response();
            }
            Caller::Token(token)
        }
        Ok(Held::Over(standing)) => return bearer::over(standing),
        Ok(Held::Unknown) if state.logins.is_some() => {
            let sentence = "This server does not know this token. Make one with `clutch token create`.";
            let refused = bearer::unauthorized("token_unknown", sentence);
            return state.limits.refuses_unknown(arrival.address).unwrap_or(refused);
        }
        Ok(Held::Nothing | Held::Unknown) => match &state.logins {
            None => Caller::of(session.as_ref(), request.headers()),
            Some(logins) => match guest(
                &state,
                logins,
                session.as_ref(),
                &arrival,
                request.method(),
                request.uri(),
                request.headers(),
            )
            .await
            {
                Ok(caller) => caller,
                Err(refused) => return state.limits.refuses_unknown(arrival.address).unwrap_or(refused),
            },
        },
        Err(error) => return Failure::from(error).into_response(),
    };
    if let Some(refused) = state.limits.refuses(&caller) {
        return refused;
    }
    if let Caller::Person(Person { role, .. }) = &caller
        && state.logins.is_some()
    {
        if *role == UserRole::Viewer && !scopes::looks(request.method(), request.uri().path()) {
            return refusal_for(request.uri().path(), StatusCode::FORBIDDEN, Refusal::ViewersLook);
        }
        request.extensions_mut().insert(LoggedIn(*role));
    }
    let here = match &caller {
        Caller::Person(_) => true,
        Caller::Program => opens_a_page && state.logins.is_none(),
        Caller::Token(_) | Caller::Stranger => false,
    };
    request.extensions_mut().insert(Visitor(caller.actor()));
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    if let Some(cookie) = here.then(|| state.sessions.cookie_for(session, opens_a_page, now, arrival.https)).flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Who it is, where people log in: a person with a session, a plugin on this machine, or whoever only wants what is open
/// to all. Everybody else is refused: browsers are led to log-in, programs get 401.
async fn guest(
    state: &AppState,
    logins: &Logins,
    session: Option<&Session>,
    arrival: &Arrival,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Caller, Response> {
    let path = uri.path();
    if let Some(session) = session
        && let Some(known) = logins.session(&session.id).await.map_err(|e| Failure::from(e).into_response())?
    {
        // Nothing is changed by looking; whatever changes something is asked by a page of ours.
        if method.is_safe() || from_our_page(headers, arrival.https) {
            let session = known.digest.as_str().to_owned();
            return Ok(Caller::Person(Person { session, account: known.account, role: known.role }));
        }
        let sentence = "Your browser does not say that a page of this server asks. Reload the page and try again.";
        return Err(Failure::new(StatusCode::FORBIDDEN, "not_from_our_page", sentence).into_response());
    }
    if login::is_open(path) || path == HEALTH || (method.is_safe() && assets::is_file(&state.leptos, path)) {
        return Ok(Caller::Stranger);
    }
    if arrival.here && scopes::is_plugins(method, path) {
        return Ok(Caller::Program);
    }
    // A tab whose session has ended is told so where it can hear it, and nothing else.
    if path == LIVE && is_upgrade(headers) && from_our_page(headers, arrival.https) {
        return Ok(Caller::Stranger);
    }
    if door::wanted(method, headers) {
        return Err(login::lead_there(uri));
    }
    if path.starts_with("/fn/") {
        // In the shape that pages know.
        let sentence = "You are logged out. Reload the page to log in.";
        let shape = serde_json::json!({
            "error": sentence, "code": LOGGED_OUT, "sentence": sentence, "class": "forbidden",
        });
        return Err((StatusCode::UNAUTHORIZED, axum::Json(shape)).into_response());
    }
    Err(bearer::unauthorized(
        LOGGED_OUT,
        "This server asks for log-in. Programs send a token (`Authorization: Bearer \u{2026}`), which `clutch token create` makes.",
    ))
}

/// In the shape that whoever asks there knows.
fn refusal_for(path: &str, status: StatusCode, refusal: Refusal) -> Response {
    if path.starts_with("/fn/") {
        return (status, axum::Json(AppError::from(refusal))).into_response();
    }
    Failure::from(refusal).into_response()
}

/// The code of whoever has no session and no token.
const LOGGED_OUT: &str = "login_required";
/// What says whether the server is well.
pub const HEALTH: &str = "/health";

/// Where pages hear what happens.
pub const LIVE: &str = "/live";

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The browser says that a page of this very address asks. The closed door has looked at both headers
/// already; here a request that has neither, as a program's, is not enough.
pub fn from_our_page(headers: &HeaderMap, https: bool) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text(header::ORIGIN.as_str()), text(header::HOST.as_str())) {
            (Some(origin), Some(host)) => {
                let scheme = if https { "https://" } else { "http://" };
                origin.strip_prefix(scheme).is_some_and(|origin| origin.eq_ignore_ascii_case(host))
            }
            _ => false,
        },
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Without the session layer nobody is a person.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::Program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_the_cookie_and_a_browser_at_our_page() {
        let session = Session { id: "00112233445566778899aabbccddeeff".into(), fresh: true };
        let host = ("host", "127.0.0.1:3002");
        for (headers, person) in [
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:3002")], true),
            (vec![host, ("origin", "http://127.0.0.1:3002")], true),
            (vec![host, ("origin", "HTTP://127.0.0.1:3002")], false),
            (vec![host, ("origin", "http://localhost:3002")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:3002")], false),
            (vec![host], false),
            (vec![("origin", "http://127.0.0.1:3002")], false),
        ] {
            let named: HeaderMap = headers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
            let caller = Caller::of(Some(&session), &named);
            assert_eq!(matches!(caller, Caller::Person(_)), person, "{headers:?}");
            assert_eq!(Caller::of(None, &named), Caller::Program, "no cookie, no person");
            let who = caller.claiming("ada").who;
            assert_eq!((who.is_human(), who.name.as_deref()), (person, Some(if person { "dan" } else { "ada" })));
            assert_eq!(who.id.as_deref(), person.then_some("00112233"));
        }
    }
}
