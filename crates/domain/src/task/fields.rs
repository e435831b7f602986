//! The fields of a ticket that are edited as such, in one table: what a patch may hold, what it does to
//! the ticket, whether the log names it, and how the words of a page's form are read.
//!
//! A new field is a row here and a member of [`Task`]; the compiler and the tests name the other places
//! (ARCHITECTURE.md, "How to add").

use serde::{Deserialize, Serialize};

use crate::{
    refusal::Refusal,
    task::{Priority, Role, Task},
    text::{Body, Branch, Handle, Notes, PromptVersion, SessionKey, Tags, Title},
};

/// `name: Type = how, log, Form(parse);` where `Type` is what the field is set to, `how` it is stored
/// (`plain`: as it is, `text`: as a string, `list`: as strings), `log` is `logged` or `unlogged`, and
/// `Form(parse)` says that pages edit it, too.
macro_rules! fields {
    (@plain $slot:expr, $value:ident) => { $slot = $value.clone() };
    (@text $slot:expr, $value:ident) => { $slot = $value.clone().map(String::from) };
    (@list $slot:expr, $value:ident) => { $slot = $value.clone().into_vec() };
    (@logged $names:ident, $old:ident, $new:ident, $name:ident) => {
        if $old.$name != $new.$name { $names.push(stringify!($name)); }
    };
    (@unlogged $names:ident, $old:ident, $new:ident, $name:ident) => {};
    ($($(#[$doc:meta])* $name:ident: $type:ty = $how:ident, $log:ident $(, $form:ident($parse:expr))?;)+) => {
        /// Fields to set: `None` keeps one. Where a field is an option itself, `Some(None)` clears it.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct TaskFields { $($(#[$doc])* pub $name: Option<$type>,)+ }

        /// A field that pages edit in place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum TaskField { $($(#[doc = concat!("[`TaskFields::", stringify!($name), "`].")] $form,)?)+ }

        impl TaskFields {
            /// The names, as documents and programs write them.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)+];

            /// Sets what is to be set.
            pub fn apply(&self, task: &mut Task) {
                $(if let Some(value) = &self.$name { fields!(@$how task.$name, value); })+
            }

            /// Names of the fields that differ, for the log.
            #[must_use]
            pub fn changed(old: &Task, new: &Task) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(fields!(@$log names, old, new, $name);)+
                names
            }

            /// Reads what somebody wrote or chose in a form.
            ///
            /// # Errors
            /// The field's own refusal; [`Refusal::ChoiceUnknown`] for a word that is not offered.
            pub fn parse(field: TaskField, text: &str) -> Result<Self, Refusal> {
                Ok(match field {
                    $($(TaskField::$form => Self { $name: Some($parse(text)?), ..Self::default() },)?)+
                })
            }
        }
    };
}

fields! {
    /// One line.
    title: Title = plain, logged, Title(Title::parse);
    /// Markdown; empty clears.
    description: Option<Body> = plain, logged, Description(Body::parse);
    /// `low` to `urgent`.
    priority: Priority = plain, logged, Priority(choice::<Priority>);
    /// Kind of agent; empty clears.
    role: Option<Role> = plain, logged, Role(choice_or_none::<Role>);
    /// Registry id or free text; empty clears.
    assignee: Option<Handle> = text, logged, Assignee(Handle::parse);
    /// A person must look before it is done: `true` or `false`.
    requires_human_review: bool = plain, logged, NeedsReview(choice::<bool>);
    /// Tags; in a form separated by commas.
    tags: Tags = list, logged, Tags(|text: &str| Tags::parse(text.split(',')));
    /// Last session.
    session_id: Option<SessionKey> = text, unlogged;
    /// Version of the prompt.
    prompt_version_id: Option<PromptVersion> = text, unlogged;
    /// Branch of the work.
    branch: Option<Branch> = text, logged;
    /// Number of the pull request.
    pr_number: Option<u64> = plain, logged;
    /// Session that works on it.
    agent_session_key: Option<SessionKey> = text, unlogged;
    /// Markdown of commands to run after the merge.
    post_merge_steps: Option<Notes> = text, logged;
}

fn choice<T: std::str::FromStr>(text: &str) -> Result<T, Refusal> {
    text.trim().parse().map_err(|_| Refusal::ChoiceUnknown)
}

fn choice_or_none<T: std::str::FromStr>(text: &str) -> Result<Option<T>, Refusal> {
    if text.trim().is_empty() { Ok(None) } else { choice(text).map(Some) }
}
