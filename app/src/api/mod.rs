//! Server functions: thin calls of use-cases. Always POST. Those behind a form take
//! url-encoded fields and answer a plain form post with a redirect, so they work
//! before the WASM is there and without JavaScript.

// The macro makes a struct of each function's arguments; their names say what they are.
#[allow(missing_docs)]
#[expect(clippy::too_many_arguments, reason = "one for each field of a form")]
mod boards;
#[allow(missing_docs)]
mod chats;
mod home;
#[allow(missing_docs)]
#[expect(clippy::too_many_arguments, reason = "one for each field of a form")]
mod projects;
#[allow(missing_docs)]
mod search;
#[allow(missing_docs)]
mod sessions;
#[cfg(feature = "ssr")]
mod snippet;
#[allow(missing_docs)]
mod tasks;
#[allow(missing_docs)]
mod tickets;
#[allow(missing_docs)]
mod work_loop;

pub use boards::*;
pub use chats::*;
pub use home::*;
pub use projects::*;
pub use search::*;
pub use sessions::*;
pub use tasks::*;
pub use tickets::*;
pub use work_loop::*;

use serde::{Deserialize, Serialize};

/// A change was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Version of the project's live queries at which the change shows; 0 when nothing changed.
    pub version: u64,
}

#[cfg(feature = "ssr")]
pub(crate) mod edge {
    //! What all server functions share on the server.

    use clutch_domain::{
        actor::Actor, command::Command, doc::Scope, id::ProjectId, project::Project, refusal::Refusal, task::Task,
        text::LocalPath,
    };
    use clutch_orchestrator::{office::Done, store::IdempotencyKey};
    use leptos::prelude::*;

    use super::Saved;
    use crate::{
        error::{AppError, Class},
        site::{Site, site, who},
    };

    /// Runs a command for the person at the page.
    pub async fn run(command: Command) -> Result<Done, AppError> {
        told(async { Ok(site()?.office.run(&who(), &command).await?) }.await)
    }

    /// Runs a command and answers where it shows.
    pub async fn save(command: Command) -> Result<Saved, AppError> {
        run(command).await.map(|done| saved(&done))
    }

    /// Runs a command of a press: pressed again under the same key, it is done once. `what` names what is
    /// asked for; without a key (a form without our code) each press is a new one.
    pub async fn run_once(what: &str, press: Option<String>, command: Command) -> Result<Done, AppError> {
        let run = async {
            let (office, actor) = (site()?.office, who());
            Ok(match pressed(&actor, what, press)? {
                Some(key) => office.run_as(&actor, &command, &key).await?,
                None => office.run(&actor, &command).await?,
            })
        };
        told(run.await)
    }

    /// Runs a command of a press, and answers where it shows.
    pub async fn save_once(what: &str, press: Option<String>, command: Command) -> Result<Saved, AppError> {
        run_once(what, press, command).await.map(|done| saved(&done))
    }

    /// Digits of a press's key: 128 random bits.
    const PRESS: usize = 32;

    /// The ledger's key for a press. People and programs have names of their own there, so that nobody
    /// meets another's key, and so have the functions.
    pub fn pressed(actor: &Actor, what: &str, press: Option<String>) -> Result<Option<IdempotencyKey>, AppError> {
        let Some(press) = filled(press) else { return Ok(None) };
        if press.len() != PRESS || !press.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            let sentence = format!("A key has {PRESS} digits from 0 to f.");
            return Err(AppError::new(Class::Invalid, "key_invalid", sentence));
        }
        Ok(Some(IdempotencyKey(format!("page:{}:{what}:{press}", actor.who.kind.word()))))
    }

    fn saved(done: &Done) -> Saved {
        let of_project = done.committed.scopes.iter().filter(|(scope, _)| matches!(scope, Scope::Project(_)));
        Saved { version: of_project.map(|(_, rev)| *rev).max().unwrap_or(0) }
    }

    /// Gives an error its HTTP status, where a program asks. A form's answer stays a redirect.
    pub fn told<T>(answer: Result<T, AppError>) -> Result<T, AppError> {
        if let Err(error) = &answer
            && !wants_html()
            && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
        {
            response.set_status(error.class.status());
        }
        answer
    }

    /// A browser's form without our code, rather than our code.
    fn wants_html() -> bool {
        use_context::<http::request::Parts>().is_some_and(|parts| {
            parts
                .headers
                .get(http::header::ACCEPT)
                .and_then(|v| v.to_str().ok())
                .is_some_and(|v| v.contains("text/html"))
        })
    }

    /// A field as the domain takes it, and nothing when it is empty.
    pub fn parsed<T>(
        text: Option<String>,
        parse: fn(&str) -> Result<Option<T>, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        text.map_or(Ok(None), |text| parse(&text))
    }

    /// Refuses a folder that is not on this machine, unless the project has that one already.
    pub async fn there(folder: Option<&LocalPath>, of: Option<ProjectId>) -> Result<(), AppError> {
        let (site, Some(folder)) = (site()?, folder) else { return Ok(()) };
        let Some(lack) = site.lacks(folder).await else { return Ok(()) };
        let before: Option<Project> = match of {
            Some(project) => site.office.get(project).await?,
            None => None,
        };
        if before.is_some_and(|p| p.local_path.as_deref() == Some(folder.as_str())) {
            return Ok(());
        }
        Err(AppError::new(Class::Invalid, "path_not_there", lack))
    }

    /// Leads a form without our code to a page of ours; our code knows where it is.
    pub fn lead_forms_to(path: &str) {
        if wants_html() {
            lead_to(path);
        }
    }

    /// Leads the browser to a page of ours.
    pub fn lead_to(path: &str) {
        // A path that no header can hold was made of something that nobody has checked.
        match http::HeaderValue::from_str(path) {
            #[expect(clippy::disallowed_methods, reason = "the one place that has looked")]
            Ok(_) => leptos_axum::redirect(path),
            Err(_) => tracing::error!(path, "an address cannot be led to"),
        }
    }

    /// A text field: trimmed, and nothing when empty.
    pub fn filled(text: Option<String>) -> Option<String> {
        text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    }

    /// The project with this slug or id.
    pub async fn project(site: &Site, name: &str) -> Result<Project, AppError> {
        site.office.project(name).await?.ok_or_else(|| Refusal::ProjectNotFound.into())
    }

    /// The task that a person names: `T-12`, `12`, or its id.
    pub async fn task(site: &Site, name: &str) -> Result<Task, AppError> {
        site.office.task(name).await?.ok_or_else(|| Refusal::TaskNotFound.into())
    }
}
