//! The page of what opens the house: tokens, people and sessions, made, listed and taken back. Plain forms, as log-in's: it works
//! without our code, and costs the app none.

mod people;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clutch_domain::{
    access::{Account, BrowserSession, Digest, INSTALLATION, Standing, Token, TokenScope, called},
    activity::{Activity, REFUSED},
    command::{Command, NewToken},
    doc::{Kind, Scope},
    project::Project,
    query::PROJECTS_MAX,
    range::Range,
    refusal::Refusal,
    right::Right,
    rule::{access::tokens, login::sessions, user::users},
    text::Label,
    time::{DAY_MS, Millis},
};
use clutch_orchestrator::{office::Error, store::Fault};
use http::StatusCode;

use crate::{
    http::{
        audit,
        bearer::Secret,
        caller::Caller,
        compat::error::Failure,
        door::escaped,
        login::{
            OWN,
            page::{Wide, nonce, page},
        },
    },
    state::AppState,
};

/// Where the page is.
pub const PATH: &str = "/access";
/// Where a session is ended.
pub const END: &str = "/access/sessions/end";
/// Lines of the log that are looked at for who let whom in.
const LINES: u32 = 50;
/// Longest time of a token that the form takes, in days: a hundred years.
const DAYS_MAX: u32 = 36_500;

/// Its routes.
pub fn routes() -> Router<AppState> {
    people::routes()
        .route(PATH, get(show))
        .route("/access/tokens", post(make))
        .route("/access/tokens/revoke", post(revoke))
        .route(END, post(end))
}

/// What the page says above its lists.
enum Said {
    Nothing,
    /// This is wrong.
    Wrong(String),
    /// This was made; its secret is shown here and nowhere else.
    Made(Token, String),
}

async fn show(State(state): State<AppState>, caller: Caller) -> Response {
    // Where nobody logs in, whoever is on this machine may look, as at everything else. Where people do, whoever says who
    // may come in; all others have a page of their own.
    if state.logins.is_some() && !caller.actor().may(Right::Admit) {
        return match &caller {
            Caller::Person(_) => Redirect::to(OWN).into_response(),
            _ => Failure::from(Refusal::OwnersOnly).into_response(),
        };
    }
    whole(&state, &caller, StatusCode::OK, Said::Nothing).await
}

/// `POST /access/tokens`: the page with the new token's secret.
async fn make(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    let actor = caller.actor();
    if !actor.may(Right::Admit) {
        return Failure::from(Refusal::OwnersOnly).into_response();
    }
    match made(&state, &caller, &body).await {
        Ok((token, secret)) => whole(&state, &caller, StatusCode::OK, Said::Made(token, secret)).await,
        Err(Error::Refused(refusal)) => {
            let failure = Failure::from(refusal);
            whole(&state, &caller, failure.status(), Said::Wrong(refusal.to_string())).await
        }
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn made(state: &AppState, caller: &Caller, body: &[u8]) -> Result<(Token, String), Error> {
    let name = Label::parse(&field(body, "name"))?;
    let scope: TokenScope = field(body, "scope").parse().map_err(|()| Refusal::ChoiceUnknown)?;
    let days = field(body, "days");
    let days: Option<u32> = match days.trim() {
        "" => None,
        days => Some(days.parse().ok().filter(|d| (1..=DAYS_MAX).contains(d)).ok_or(Refusal::ExpiryPast)?),
    };
    let secret = Secret::fresh().ok_or_else(|| Fault::new("the system gives no random numbers"))?;
    let expires_at = days.map(|days| state.office.now().plus(i64::from(days) * DAY_MS));
    let new = NewToken { digest: secret.digest(), name, scope, expires_at };
    let done = state.office.run(&caller.actor(), &Command::CreateToken(new)).await?;
    let token = done.made::<Token>().cloned().ok_or_else(|| Fault::new("a token was not kept"))?;
    Ok((token, secret.reveal()))
}

async fn revoke(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    take_back(&state, &caller, Command::RevokeToken(Digest::from(field(&body, "id")))).await
}

async fn end(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    take_back(&state, &caller, Command::EndSession(Digest::from(field(&body, "id")))).await
}

/// Two hands may press the same button: what is gone is gone.
async fn take_back(state: &AppState, caller: &Caller, command: Command) -> Response {
    match state.office.run(&caller.actor(), &command).await {
        Ok(_) | Err(Error::Refused(Refusal::SessionNotFound | Refusal::TokenNotFound)) => {
            Redirect::to(PATH).into_response()
        }
        Err(error) => Failure::from(error).into_response(),
    }
}

pub(super) fn field(body: &[u8], name: &str) -> String {
    form_urlencoded::parse(body).find(|(n, _)| n == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

pub(super) const LOG_OUT: &str =
    "<form method=\"post\" action=\"/logout\"><button type=\"submit\">Log out here</button></form>";

async fn whole(state: &AppState, caller: &Caller, status: StatusCode, said: Said) -> Response {
    let all = async {
        let tokens: Vec<Token> = state.office.all(tokens()).await?;
        let sessions: Vec<BrowserSession> = state.office.all(sessions()).await?;
        let users: Vec<Account> = state.office.all(users()).await?;
        let newest = Range::Newest { kind: Kind::Activity, scope: Scope::Installation, before: None, limit: LINES };
        let lines: Vec<Activity> = state.office.all(newest).await?;
        let projects: Vec<Project> =
            state.office.all(Range::children(Kind::Project, INSTALLATION, PROJECTS_MAX)).await?;
        Ok::<_, Fault>((tokens, sessions, users, lines, projects))
    };
    let (tokens, sessions, users, lines, projects) = match all.await {
        Ok(all) => all,
        Err(fault) => return Failure::from(fault).into_response(),
    };
    let (now, nonce) = (state.office.now(), nonce());
    let mut html = String::from("<h1>Who may come in</h1>");
    match said {
        Said::Nothing => {}
        Said::Wrong(sentence) => {
            html.push_str(&format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(&sentence)));
        }
        Said::Made(token, secret) => html.push_str(&format!(
            "<section role=\"status\" class=\"made\"><p>This is the token <b>{}</b>. It is shown this once: keep it now.</p>\
             <label for=\"secret\">Token</label><input id=\"secret\" value=\"{secret}\" readonly autofocus spellcheck=\"false\">\
             <button type=\"button\" id=\"copy\" hidden>Copy</button></section>\
             <script nonce=\"{nonce}\">(function(b,i){{b.hidden=!navigator.clipboard;b.onclick=function(){{\
             navigator.clipboard.writeText(i.value).then(function(){{b.textContent='Copied'}})}}}})\
             (document.getElementById('copy'),document.getElementById('secret'))</script>",
            escaped(&token.name)
        )),
    }
    html.push_str("<h2>Tokens</h2><p>A program shows its token as <code>Authorization: Bearer \u{2026}</code>.</p>");
    html.push_str(&list_of_tokens(&tokens, now));
    html.push_str(NEW_TOKEN);
    if state.logins.is_some() {
        html.push_str(&people::section(&users));
        html.push_str("<h2>Browsers that are logged in</h2>");
        html.push_str(&list_of_sessions(&sessions, caller.session().as_ref(), now, END));
        html.push_str(&format!("<p><a href=\"{OWN}\">Your own password and browsers</a></p>{LOG_OUT}"));
    }
    html.push_str(&list_of_lines(&lines));
    html.push_str(&webhooks_of(&projects));
    html.push_str("<p><a href=\"/\">Back to the board</a></p>");
    page(status, "Who may come in", &html, &nonce, Some(Wide))
}

const NEW_TOKEN: &str = "<form method=\"post\" action=\"/access/tokens\" class=\"new\"><h3>New token</h3>\
    <label for=\"name\">Name</label><input id=\"name\" name=\"name\" required maxlength=\"100\" autocomplete=\"off\">\
    <label for=\"scope\">It may</label><select id=\"scope\" name=\"scope\">\
    <option value=\"read\">read</option>\
    <option value=\"agent\">report as an agent: read, signal, complete, answer in chats</option>\
    <option value=\"write\" selected>write: everything that programs may do</option>\
    <option value=\"admin\">administer: also what is kept for people, and tokens</option></select>\
    <label for=\"days\">Days until it ends (empty: never)</label>\
    <input id=\"days\" name=\"days\" type=\"number\" min=\"1\" max=\"36500\" inputmode=\"numeric\">\
    <button type=\"submit\">Make token</button></form>";

fn list_of_tokens(tokens: &[Token], now: Millis) -> String {
    if tokens.is_empty() {
        return "<p>There are none yet.</p>".into();
    }
    let rows = tokens.iter().rev().map(|token| {
        let (state, button) = match token.standing(now) {
            Standing::Revoked => ("revoked".to_owned(), String::new()),
            Standing::Expired => ("expired".to_owned(), String::new()),
            Standing::InForce => (
                token.expires_at.map_or_else(|| "no end".to_owned(), |at| format!("until {}", moment(at))),
                sure("Revoke", "/access/tokens/revoke", &token.digest, &token.name),
            ),
        };
        let used = token.used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", moment(at)));
        format!(
            "<li><div><b>{}</b> <small>{} \u{b7} {} \u{b7} {state} \u{b7} {used} \u{b7} made {} by {}</small></div>{button}</li>",
            escaped(&token.name),
            token.digest.id8(),
            token.scope.word(),
            moment(token.created_at),
            escaped(token.made_by.name.as_deref().unwrap_or("nobody")),
        )
    });
    format!("<ul>{}</ul>", rows.collect::<String>())
}

pub(super) fn list_of_sessions(sessions: &[BrowserSession], mine: Option<&Digest>, now: Millis, end: &str) -> String {
    let rows = sessions.iter().rev().map(|session| {
        let here = mine == Some(&session.digest);
        let seen = if here || now.since(session.seen_at) < 120_000 {
            "here now".to_owned()
        } else {
            format!("last here {}", moment(session.seen_at))
        };
        format!(
            "<li><div><b>{}</b>{} <small>{} \u{b7} {} \u{b7} {} \u{b7} since {} \u{b7} {seen}</small></div>{}</li>",
            escaped(&session.browser),
            if here { " (this one)" } else { "" },
            escaped(called(&session.account)),
            session.digest.id8(),
            escaped(&session.from),
            moment(session.created_at),
            sure("Log out", end, &session.digest, &session.browser),
        )
    });
    format!("<ul>{}</ul>", rows.collect::<String>())
}

/// Who let whom in, the newest first.
fn list_of_lines(lines: &[Activity]) -> String {
    let rows = lines.iter().filter_map(|line| {
        let what = happened(line)?;
        Some(format!("<li><div>{} {what} <small>{}</small></div></li>", audit::caller_of(&line.actor), moment(line.at)))
    });
    let rows: String = rows.collect();
    let all = format!("<p><a href=\"{}\">Who did what</a>, in all projects</p>", audit::PATH);
    if rows.is_empty() { all } else { format!("<h2>Lately</h2><ul>{rows}</ul>{all}") }
}

/// The way to what leaves the house, project by project.
fn webhooks_of(projects: &[Project]) -> String {
    if projects.is_empty() {
        return String::new();
    }
    let each = projects.iter().map(|project| {
        let (slug, name) = (escaped(project.slug.as_str()), escaped(project.name.as_str()));
        format!("<a href=\"/projects/{slug}/webhooks\">{name}</a>")
    });
    format!("<p>What is sent to programs elsewhere, webhooks of: {}</p>", each.collect::<Vec<_>>().join(" \u{b7} "))
}

/// What a line says of who may come in; nothing where it is about something else.
pub(super) fn happened(line: &Activity) -> Option<String> {
    let of = |name: &str| escaped(line.data.get(name).map_or("", String::as_str));
    Some(match line.what.as_str() {
        "token_created" => format!("made the token <b>{}</b> ({}, {})", of("name"), of("token"), of("scope")),
        "token_revoked" => format!("revoked the token <b>{}</b> ({})", of("name"), of("token")),
        "logged_in" => {
            format!(
                "let <b>{}</b> in with <b>{}</b>, from {} ({})",
                of("account"),
                of("browser"),
                of("from"),
                of("session")
            )
        }
        "logged_out" => format!(
            "logged <b>{}</b> out of <b>{}</b>, which came from {} ({})",
            of("account"),
            of("browser"),
            of("from"),
            of("session")
        ),
        "user_added" => format!("let <b>{}</b> log in from now on ({})", of("user"), of("role")),
        "user_role" => format!("made <b>{}</b> {}", of("user"), of("role")),
        "user_password" => format!("set another password for <b>{}</b>; their sessions ended", of("user")),
        "own_password" => {
            format!("set another password of their own, which ended {} of their other sessions", of("sessions"))
        }
        "user_removed" => format!("removed <b>{}</b>", of("user")),
        REFUSED => {
            let whose = match of("account").as_str() {
                "" => "a name that nobody has".to_owned(),
                account => format!("<b>{account}</b>"),
            };
            format!("refused {} log-ins as {whose}, from {}", of("times"), of("from"))
        }
        "password_set" => "set another password; every session ended".to_owned(),
        _ => return None,
    })
}

/// A button behind a question.
fn sure(verb: &str, action: &str, id: &Digest, name: &str) -> String {
    let name = escaped(name);
    format!(
        "<details><summary>{verb}\u{2026}<span class=\"there\"> {name}</span></summary>\
         <form method=\"post\" action=\"{action}\"><input type=\"hidden\" name=\"id\" value=\"{id}\">\
         <button type=\"submit\">{verb} \u{201c}{name}\u{201d} now</button></form></details>"
    )
}

/// To the minute, in UTC.
pub fn moment(at: Millis) -> String {
    let utc = at.utc();
    format!("{:04}-{:02}-{:02} {:02}:{:02} UTC", utc.year, utc.month, utc.day, utc.hour, utc.minute)
}
