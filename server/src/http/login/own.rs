//! The page of whoever has logged in: who they are, their password, their browsers. Plain forms, as log-in's.

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clutch_domain::{
    access::{Account, BrowserSession, Digest, PASSWORD_MIN, UserRole, called},
    actor::OWNER,
    command::{Command, NewPassword},
    refusal::Refusal,
    rule::login::sessions,
};
use clutch_orchestrator::office::Error;
use http::{HeaderValue, StatusCode, header};

use super::{
    Logins, Refused,
    hash::fits,
    page::{Wide, nonce, page},
    too_often,
};
use crate::{
    http::{
        access::{self, LOG_OUT, field, list_of_sessions},
        caller::{Caller, Person},
        compat::error::Failure,
        door::{Arrival, escaped},
    },
    state::AppState,
};

/// Where the page is.
pub const OWN: &str = "/account";
/// Where the password is changed.
pub const OWN_PASSWORD: &str = "/account/password";
/// Where a session is ended.
pub const END_OWN: &str = "/account/sessions/end";

/// Its routes.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route(OWN, get(show)).route(OWN_PASSWORD, post(change)).route(END_OWN, post(end))
}

/// What the page says of the password that was asked for.
enum Said {
    Nothing,
    /// It is another one now; so many other browsers were logged out.
    Changed(String),
    /// It is as before: what is wrong, and with which of the fields, where it is one.
    Wrong(Option<Field>, String),
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Current,
    New,
}

impl Logins {
    /// Gives a person another password, who has to say the one that they have: the browser may be somebody else's by now.
    /// How many of their other sessions ended.
    async fn change(
        &self,
        caller: &Caller,
        person: &Person,
        given: (String, String),
        arrival: &Arrival,
    ) -> Result<String, Refused> {
        let (current, new) = given;
        // What must be refused anyhow costs no try.
        if person.account == OWNER {
            return Err(Error::from(Refusal::PasswordOfSettings).into());
        }
        fits(&new).map_err(Error::from)?;
        let (_, account) = self.proven((&person.account, current), arrival).await?;
        let ask = NewPassword {
            hash: self.hash(new).await?,
            password_of: account.password_set_at,
            session: Digest::from(person.session.clone()),
        };
        let done = self.office.run(&caller.actor(), &Command::ChangePassword(ask)).await?;
        tracing::info!(from = %arrival.address, account = person.account, "a password was changed");
        let line = done.change.activity.first();
        Ok(line.and_then(|line| line.data.get("sessions")).cloned().unwrap_or_default())
    }
}

/// `GET /account`.
async fn show(State(state): State<AppState>, caller: Caller) -> Response {
    whole(&state, &caller, StatusCode::OK, Said::Nothing).await
}

/// `POST /account/password`: the page, which says what became of it; 403 with another password, 429 after too many.
async fn change(
    State(state): State<AppState>,
    Extension(arrival): Extension<Arrival>,
    caller: Caller,
    body: Bytes,
) -> Response {
    let (Some(logins), Caller::Person(person)) = (&state.logins, &caller) else {
        return Failure::from(Refusal::HumansOnly).into_response();
    };
    let given = (field(&body, "current"), field(&body, "new"));
    match logins.change(&caller, person, given, &arrival).await {
        Ok(ended) => whole(&state, &caller, StatusCode::OK, Said::Changed(ended)).await,
        Err(Refused::Wrong) => {
            let words = "This is not your password. Nothing was changed; try again.".to_owned();
            whole(&state, &caller, StatusCode::FORBIDDEN, Said::Wrong(Some(Field::Current), words)).await
        }
        Err(Refused::TooOften(wait)) => {
            let (seconds, words) = too_often(wait);
            let said = Said::Wrong(Some(Field::Current), words);
            let mut response = whole(&state, &caller, StatusCode::TOO_MANY_REQUESTS, said).await;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Err(Refused::Error(Error::Refused(refusal))) => {
            let which = (refusal == Refusal::PasswordInvalid).then_some(Field::New);
            let said = Said::Wrong(which, refusal.to_string());
            whole(&state, &caller, Failure::from(refusal).status(), said).await
        }
        Err(Refused::Error(error)) => Failure::from(error).into_response(),
    }
}

/// `POST /account/sessions/end`. What is gone is gone.
async fn end(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    let command = Command::EndSession(Digest::from(field(&body, "id")));
    match state.office.run(&caller.actor(), &command).await {
        Ok(_) | Err(Error::Refused(Refusal::SessionNotFound)) => Redirect::to(OWN).into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn whole(state: &AppState, caller: &Caller, status: StatusCode, said: Said) -> Response {
    let Caller::Person(person) = caller else { return Failure::from(Refusal::HumansOnly).into_response() };
    let known = async {
        let mine: Vec<BrowserSession> = state.office.all(sessions()).await?;
        Ok::<_, Error>((mine, state.office.get::<Account>(&person.account).await?))
    };
    let (mut mine, account) = match known.await {
        Ok(known) => known,
        Err(error) => return Failure::from(error).into_response(),
    };
    mine.retain(|session| session.account == person.account);
    let set_at = account.map_or_else(String::new, |account| {
        format!("<p>It was set on {}.</p>", access::moment(account.password_set_at))
    });
    let html = format!(
        "<h1>You are {who}</h1><p>{may}</p><h2>Your password</h2>{set_at}{password}\
         <h2>Your browsers</h2>{browsers}{LOG_OUT}<p><a href=\"/\">Back to the board</a></p>",
        who = escaped(called(&person.account)),
        may = match person.role {
            UserRole::Viewer => "You may look at everything, and change nothing. Tokens and people are for owners.",
            UserRole::Member => "You may do all work on the board. Tokens and people are for owners.",
            UserRole::Owner => "You own this board, and also say <a href=\"/access\">who may come in</a>.",
        },
        password = password(&person.account, &said),
        browsers = list_of_sessions(&mine, caller.session().as_ref(), state.office.now(), END_OWN),
    );
    page(status, "Your account", &html, &nonce(), Some(Wide))
}

/// The form, with what became of it.
fn password(account: &str, said: &Said) -> String {
    if account == OWNER {
        return format!("<p>{}</p>", Refusal::PasswordOfSettings);
    }
    let (which, words) = match said {
        Said::Nothing => (None, String::new()),
        Said::Changed(ended) => {
            let others = match ended.as_str() {
                "0" => "No other browser was logged in.".to_owned(),
                "1" => "Your one other browser was logged out.".to_owned(),
                n => format!("Your {n} other browsers were logged out."),
            };
            (None, format!("<p class=\"made\" role=\"status\">Your password is another one now. {others}</p>"))
        }
        Said::Wrong(which, sentence) => {
            (*which, format!("<p class=\"bad\" id=\"wrong\" role=\"alert\">{}</p>", escaped(sentence)))
        }
    };
    let marks = |field| match which {
        Some(wrong) if wrong == field => " autofocus aria-invalid=\"true\" aria-describedby=\"wrong\"",
        _ => "",
    };
    format!(
        "{words}<form method=\"post\" action=\"{OWN_PASSWORD}\" class=\"new\">\
         <input class=\"there\" type=\"text\" name=\"username\" value=\"{name}\" autocomplete=\"username\" tabindex=\"-1\" \
         aria-hidden=\"true\" readonly>\
         <label for=\"current\">Current password</label><input id=\"current\" name=\"current\" type=\"password\" required \
         autocomplete=\"current-password\"{current}>\
         <label for=\"new\">New password (at least {PASSWORD_MIN} characters)</label><input id=\"new\" name=\"new\" \
         type=\"password\" required minlength=\"{PASSWORD_MIN}\" autocomplete=\"new-password\"{new}>\
         <p><small>All your other browsers are logged out with it.</small></p>\
         <button type=\"submit\">Change my password</button></form>",
        name = escaped(account),
        current = marks(Field::Current),
        new = marks(Field::New),
    )
}
