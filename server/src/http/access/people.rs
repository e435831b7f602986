//! People who may log in, on the page of who may come in: let in, made more or less, given another password, sent away.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use clutch_domain::{
    access::{Account, UserName, UserRole, called},
    actor::OWNER,
    command::{ChangeUser, Command, UserStep},
    refusal::Refusal,
    right::Right,
};
use clutch_orchestrator::office::Error;
use http::StatusCode;

use super::{PATH, Said, field, moment, whole};
use crate::{
    http::{caller::Caller, compat::error::Failure, door::escaped, login::Logins},
    state::AppState,
};

/// The routes, where people log in.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/access/people", post(add))
        .route("/access/people/role", post(role))
        .route("/access/people/password", post(password))
        .route("/access/people/remove", post(remove))
}

/// What is asked for.
enum What {
    Add,
    Role,
    Password,
    Remove,
}

async fn add(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    done(&state, &caller, &body, What::Add).await
}

async fn role(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    done(&state, &caller, &body, What::Role).await
}

async fn password(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    done(&state, &caller, &body, What::Password).await
}

async fn remove(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    done(&state, &caller, &body, What::Remove).await
}

async fn asked(logins: &Logins, body: &[u8], what: What) -> Result<Command, Error> {
    let name = UserName::parse(&field(body, "name"))?;
    let role = || field(body, "role").parse::<UserRole>().map_err(|()| Refusal::ChoiceUnknown);
    let step = match what {
        What::Add => UserStep::Add(role()?, logins.hash(field(body, "password")).await?),
        What::Role => UserStep::Become(role()?),
        What::Password => UserStep::Password(logins.hash(field(body, "password")).await?),
        What::Remove => UserStep::Remove,
    };
    Ok(Command::ChangeUser(ChangeUser { name, step }))
}

/// Who may not is refused before a password is hashed.
async fn done(state: &AppState, caller: &Caller, body: &[u8], what: What) -> Response {
    let actor = caller.actor();
    let Some(logins) = &state.logins else { return StatusCode::NOT_FOUND.into_response() };
    if !actor.may(Right::Admit) {
        return Failure::from(Refusal::OwnersOnly).into_response();
    }
    let said = async {
        let command = asked(logins, body, what).await?;
        state.office.run(&actor, &command).await
    };
    match said.await {
        Ok(_) | Err(Error::Refused(Refusal::UserNotFound)) => Redirect::to(PATH).into_response(),
        Err(Error::Refused(refusal)) => {
            let failure = Failure::from(refusal);
            whole(state, caller, failure.status(), Said::Wrong(refusal.to_string())).await
        }
        Err(error) => Failure::from(error).into_response(),
    }
}

/// The list, and the form for one more.
pub(super) fn section(users: &[Account]) -> String {
    let rows = users.iter().map(|user| {
        let name = escaped(called(&user.name));
        let hidden = format!("<input type=\"hidden\" name=\"name\" value=\"{name}\">");
        let password_form = if user.name == OWNER {
            format!("<p>{}</p>", Refusal::PasswordOfSettings)
        } else {
            format!(
                "<form method=\"post\" action=\"/access/people/password\">{hidden}\
                 <label for=\"password-{name}\">New password</label>\
                 <input id=\"password-{name}\" name=\"password\" type=\"password\" required minlength=\"10\" autocomplete=\"new-password\">\
                 <button type=\"submit\">Set {name}\u{2019}s password</button></form>"
            )
        };
        format!(
            "<li><div><b>{name}</b> <small>{role} \u{b7} since {since} \u{b7} password of {password}</small></div>\
             <details><summary>Change\u{2026}<span class=\"there\"> {name}</span></summary>\
             <form method=\"post\" action=\"/access/people/role\">{hidden}\
             <label for=\"role-{name}\">They may</label><select id=\"role-{name}\" name=\"role\">{choices}</select>\
             <button type=\"submit\">Change what {name} may do</button></form>\
             {password_form}\
             <form method=\"post\" action=\"/access/people/remove\">{hidden}\
             <button type=\"submit\">Remove {name} now</button></form></details></li>",
            role = user.role.word(),
            since = moment(user.created_at),
            password = moment(user.password_set_at),
            choices = choices(user.role),
        )
    });
    format!(
        "<h2>People</h2><ul>{}</ul>\
         <form method=\"post\" action=\"/access/people\" class=\"new\"><h3>Let somebody in</h3>\
         <label for=\"person\">Their name</label><input id=\"person\" name=\"name\" required maxlength=\"40\" autocomplete=\"off\" \
         autocapitalize=\"none\" spellcheck=\"false\">\
         <label for=\"person-role\">They may</label><select id=\"person-role\" name=\"role\">{}</select>\
         <label for=\"person-password\">Password (at least 10 characters; tell it to them)</label>\
         <input id=\"person-password\" name=\"password\" type=\"password\" required minlength=\"10\" autocomplete=\"new-password\">\
         <button type=\"submit\">Let them in</button></form>",
        rows.collect::<String>(),
        choices(UserRole::Member),
    )
}

fn choices(now: UserRole) -> String {
    let each = UserRole::ALL.iter().map(|role| {
        let says = match role {
            UserRole::Viewer => "look",
            UserRole::Member => "do all work on the board",
            UserRole::Owner => "own it: also tokens, people, and what the work loop may spend",
        };
        let selected = if *role == now { " selected" } else { "" };
        format!("<option value=\"{}\"{selected}>{says}</option>", role.word())
    });
    each.collect()
}
