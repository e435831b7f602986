//! The fields that a person or a program can set, each with its measure. A command takes nothing else.

use std::collections::BTreeMap;

use super::{
    cut, line, lines,
    sign::{Sign, sign},
};
use crate::{
    actor::{COORDINATOR, OWNER, PROGRAM, SYSTEM},
    refusal::Refusal,
    runtime::{ALL, CHATS},
    task::Role,
};

/// Longest name of an author, an agent or an assignee, in characters.
pub const HANDLE_MAX: usize = 200;
/// Longest name of a token, in characters.
pub const LABEL_MAX: usize = 100;
/// Longest tag, in characters.
pub const TAG_MAX: usize = 60;
/// Most tags of a task.
pub const TAGS_MAX: usize = 50;
/// Longest title of a chat, in characters.
pub const CHAT_TITLE_MAX: usize = 200;
/// Most who take part in a chat.
pub const PARTICIPANTS_MAX: usize = 50;
/// Longest key of a session, in characters.
pub const KEY_MAX: usize = 500;
/// Longest name of a branch, in bytes: what git can keep as a file.
pub const BRANCH_MAX: usize = 240;
/// Longest path, in bytes.
pub const PATH_MAX: usize = 4_096;
/// Longest `owner/repo`, in characters.
pub const REPO_MAX: usize = 140;
/// Longest address or place, in characters.
pub const PLACE_MAX: usize = 2_000;
/// Longest description of a project, in characters.
pub const ABOUT_MAX: usize = 10_000;
/// Longest notes, in bytes.
pub const NOTES_MAX: usize = 100_000;
/// Longest prompt, in bytes.
pub const PROMPT_MAX: usize = 100_000;
/// Longest excerpt, in characters.
pub const EXCERPT_MAX: usize = 4_000;
/// Longest name of a runtime, in characters.
pub const RUNTIME_MAX: usize = 60;
/// Most roles for which a project names a model.
pub const MODELS_MAX: usize = 20;

/// Text types that are made here and never read from a store: documents keep plain strings.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        wrapped! { $(#[$doc])* $name; }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+};
}

fields! {
    /// How somebody is called who writes, takes part or is assigned: one line, at most [`HANDLE_MAX`] characters.
    Handle;
    /// What people call a token: one line, at most [`LABEL_MAX`] characters.
    Label;
    /// A tag: one line, at most [`TAG_MAX`] characters.
    Tag;
    /// A chat's title: one line, at most [`CHAT_TITLE_MAX`] characters.
    ChatTitle;
    /// The key of an agent's session: visible characters, at most [`KEY_MAX`].
    SessionKey;
    /// The id that a gateway or a program gave a run: visible characters, at most [`KEY_MAX`].
    RunKey;
    /// The name of a model: visible characters, at most [`KEY_MAX`].
    ModelName;
    /// A version of a prompt, as programs name it: visible characters, at most [`KEY_MAX`].
    PromptVersion;
    /// A branch as git allows it, at most [`BRANCH_MAX`] bytes.
    Branch;
    /// An absolute path on this machine, at most [`PATH_MAX`] bytes. Whether something is there is for the edge to say.
    LocalPath;
    /// A colour: `#rrggbb`.
    Color;
    /// A repository at GitHub: `owner/repo`.
    GithubRepo;
    /// An address or a place as somebody wrote it: one line, at most [`PLACE_MAX`] characters.
    Location;
    /// What a project is about: many lines, at most [`ABOUT_MAX`] characters.
    Description;
    /// Markdown beside the words themselves: at most [`NOTES_MAX`] bytes.
    Notes;
    /// The template of a role's prompt: many lines, at most [`PROMPT_MAX`] bytes.
    PromptText;
    /// Words of a reason or of another system's fault: cut after [`EXCERPT_MAX`] characters, never refused.
    Excerpt;
}

/// `Some` of a text in which something can be seen, if it is not longer than `max` characters.
pub(super) fn bounded<T>(
    text: String,
    max: usize,
    too_long: Refusal,
    made: fn(String) -> T,
) -> Result<Option<T>, Refusal> {
    match text.chars().count() {
        0 => Ok(None),
        n if n > max => Err(too_long),
        _ => Ok(Some(made(text))),
    }
}

/// Text that is compared byte by byte elsewhere: it is taken as it is or not at all.
fn key(text: &str) -> Result<Option<String>, Refusal> {
    let text = text.trim();
    if line(text) == text {
        bounded(text.to_owned(), KEY_MAX, Refusal::KeyInvalid, |key| key)
    } else {
        Err(Refusal::KeyInvalid)
    }
}

impl Handle {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        bounded(line(text), HANDLE_MAX, Refusal::HandleTooLong, Self)
    }

    /// The person who owns this installation.
    #[must_use]
    pub fn owner() -> Self {
        Self(OWNER.to_owned())
    }

    /// The coordinating agent.
    #[must_use]
    pub fn coordinator() -> Self {
        Self(COORDINATOR.to_owned())
    }

    /// The board itself, for notices in chats.
    #[must_use]
    pub fn system() -> Self {
        Self(SYSTEM.to_owned())
    }

    /// A program that gave no name.
    #[must_use]
    pub fn program() -> Self {
        Self(PROGRAM.to_owned())
    }

    /// Whoever asked by a route without saying who it is.
    #[must_use]
    pub fn api() -> Self {
        Self("api".to_owned())
    }

    /// Whoever stops an agent without saying who it is.
    #[must_use]
    pub fn user() -> Self {
        Self("user".to_owned())
    }

    /// Somebody who gave no name.
    #[must_use]
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// Whoever wrote a prompt and gave no name, as programs of the original call them.
    #[must_use]
    pub fn somebody() -> Self {
        Self("human".to_owned())
    }

    /// The prompts that come with the program.
    #[must_use]
    pub fn seed() -> Self {
        Self("seed".to_owned())
    }

    /// An agent that gave no name.
    #[must_use]
    pub fn agent() -> Self {
        Self("agent".to_owned())
    }
}

impl Tag {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        bounded(line(text), TAG_MAX, Refusal::TagTooLong, Self)
    }
}

impl Label {
    /// Cleans and checks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        bounded(line(text), LABEL_MAX, Refusal::LabelInvalid, Self)?.ok_or(Refusal::LabelInvalid)
    }
}

impl ChatTitle {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        bounded(line(text), CHAT_TITLE_MAX, Refusal::ChatTitleTooLong, Self)
    }

    /// A title made of words that were not meant as one, cut after `most` characters; `instead` where
    /// nothing can be seen.
    #[must_use]
    pub fn made_of(words: &str, most: usize, instead: &'static str) -> Self {
        let title = super::preview(words, most.min(CHAT_TITLE_MAX));
        Self(if title.is_empty() { instead.to_owned() } else { title })
    }
}

impl SessionKey {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        Ok(key(text)?.map(Self))
    }
}

impl RunKey {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        Ok(key(text)?.map(Self))
    }
}

impl ModelName {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        Ok(key(text)?.map(Self))
    }
}

impl PromptVersion {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        Ok(key(text)?.map(Self))
    }
}

impl Branch {
    /// Checks by git's rules for names of references. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let forbidden = |c: char| c.is_whitespace() || "~^:?*[\\".contains(c);
        let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
        let well = text.len() <= BRANCH_MAX
            && line(text) == text
            && !text.contains(forbidden)
            && !text.contains("..")
            && !text.contains("@{")
            && !text.starts_with('-')
            && !text.ends_with('.')
            && text != "@"
            && text.split('/').all(part);
        if well { Ok(Some(Self(text.to_owned()))) } else { Err(Refusal::BranchInvalid) }
    }
}

impl LocalPath {
    /// Checks. A path with characters that cannot be seen is another path once they are taken out, so it is
    /// refused. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        let seen = text
            .chars()
            .all(|c| matches!(sign(c), Sign::Visible | Sign::Space | Sign::Mark | Sign::Joins | Sign::Selects));
        match text {
            "" => Ok(None),
            _ if !text.starts_with('/') => Err(Refusal::PathNotAbsolute),
            _ if !seen || text.len() > PATH_MAX => Err(Refusal::PathInvalid),
            _ => Ok(Some(Self(text.to_owned()))),
        }
    }
}

impl Color {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        let hex = text.strip_prefix('#').unwrap_or_default();
        match text {
            "" => Ok(None),
            _ if hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()) => Ok(Some(Self(text.to_owned()))),
            _ => Err(Refusal::ColorInvalid),
        }
    }
}

impl GithubRepo {
    /// Checks. `None` for a blank one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        let word = |w: &str| {
            !w.is_empty() && w != "." && w != ".." && w.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        match text {
            "" => Ok(None),
            _ if text.len() <= REPO_MAX
                && text.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name)) =>
            {
                Ok(Some(Self(text.to_owned())))
            }
            _ => Err(Refusal::GithubRepoInvalid),
        }
    }
}

impl Location {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        bounded(line(text), PLACE_MAX, Refusal::LocationTooLong, Self)
    }
}

impl Description {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        bounded(lines(text), ABOUT_MAX, Refusal::DescriptionTooLong, Self)
    }
}

impl Notes {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = lines(text);
        if text.len() > NOTES_MAX {
            return Err(Refusal::NotesTooLong);
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }
}

impl PromptText {
    /// Cleans and checks. `None` where nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        // Cleaning takes away only; what is far beyond is not even looked at.
        let text = if text.len() > PROMPT_MAX * 16 { return Err(Refusal::PromptTooLong) } else { lines(text) };
        if text.len() > PROMPT_MAX {
            return Err(Refusal::PromptTooLong);
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }
}

impl Excerpt {
    /// Cleans and cuts.
    #[must_use]
    pub fn of(text: &str) -> Self {
        // What is beyond is not even looked at: an error may carry megabytes.
        let head = text.floor_char_boundary(EXCERPT_MAX * 16);
        Self(cut(&lines(&text[..head]), EXCERPT_MAX))
    }
}

#[expect(clippy::derivable_impls, reason = "the macro makes types that have no empty value")]
impl Default for Excerpt {
    fn default() -> Self {
        Self(String::new())
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl From<String> for Excerpt {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

/// A task's tags: each once, in the order in which they were given, at most [`TAGS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// Cleans and checks each; blank ones are left out.
    pub fn parse<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        several(tags, Tag::parse, TAGS_MAX, Refusal::TagsTooMany).map(Self)
    }

    /// The tags.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// Who takes part in a chat: each once, at most [`PARTICIPANTS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Participants(Vec<String>);

impl Participants {
    /// Cleans and checks each; blank ones are left out.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        several(names, Handle::parse, PARTICIPANTS_MAX, Refusal::ParticipantsTooMany).map(Self)
    }

    /// The coordinating agent alone, as in a chat that people begin.
    #[must_use]
    pub fn coordinator() -> Self {
        Self(vec![COORDINATOR.to_owned()])
    }

    /// The names.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

pub(super) fn several<'a, T: Into<String>>(
    texts: impl IntoIterator<Item = &'a str>,
    parse: fn(&str) -> Result<Option<T>, Refusal>,
    max: usize,
    too_many: Refusal,
) -> Result<Vec<String>, Refusal> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        let Some(text) = parse(text)?.map(Into::into) else { continue };
        if all.contains(&text) {
            continue;
        }
        if all.len() == max {
            return Err(too_many);
        }
        all.push(text);
    }
    Ok(all)
}

/// The model that a project wants for each role, by the role's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models(BTreeMap<String, String>);

impl Models {
    /// Checks each. A blank role is refused; a blank model is kept, it stands for "the gateway's".
    pub fn parse<'a>(models: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let mut all = BTreeMap::new();
        for (role, model) in models {
            let role = key(role)?.ok_or(Refusal::KeyInvalid)?;
            all.insert(role, key(model)?.unwrap_or_default());
            if all.len() > MODELS_MAX {
                return Err(Refusal::ModelsTooMany);
            }
        }
        Ok(Self(all))
    }

    /// Model by role.
    #[must_use]
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}

/// Runtimes of a project: by role, for its chats, or for all that names no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtimes(BTreeMap<String, String>);

impl Runtimes {
    /// Checks each: somebody has to run there, and a runtime's name is short and plain. Whether this server has
    /// such a runtime is for the loop to say. A blank name takes the choice back.
    pub fn parse<'a>(chosen: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let mut all = BTreeMap::new();
        for (whose, name) in chosen {
            let (whose, name) = (whose.trim(), name.trim());
            let known = whose == CHATS || whose == ALL || whose.parse::<Role>().is_ok();
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !known || name.len() > RUNTIME_MAX || !name.bytes().all(plain) {
                return Err(Refusal::RuntimesInvalid);
            }
            if !name.is_empty() {
                all.insert(whose.to_owned(), name.to_owned());
            }
        }
        Ok(Self(all))
    }

    /// Runtime by whose it is.
    #[must_use]
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}
