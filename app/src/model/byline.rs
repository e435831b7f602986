//! How pages name whoever wrote something: who acted counts, and the author that was given is a claim.

use clutch_domain::{
    actor::{ActorKind, OWNER, PROGRAM, Who},
    talk::{AuthorType, Comment},
};

/// How pages name whoever wrote something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Byline {
    /// "You", a name with a capital, or "A program, as dan".
    pub name: String,
    /// The person at this installation wrote it.
    pub mine: bool,
}

/// Whether others than the owner look at pages, too. Pages are painted once for all of them, so "You" would be a lie.
static SEVERAL: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Others than the owner look at pages from now on.
pub fn several_look() {
    SEVERAL.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// What pages call the owner.
#[must_use]
pub fn owner() -> &'static str {
    if SEVERAL.load(std::sync::atomic::Ordering::Relaxed) { "Owner" } else { "You" }
}

/// Names whoever wrote something from who did and from the author that was given. Of what was written
/// before it was recorded who did, the author is believed, as it was then.
#[must_use]
pub fn byline(by: Option<&Who>, author: &str) -> Byline {
    let person = |name: &str| if name == OWNER { owner().into() } else { capital(name) };
    let (name, mine) = match by {
        Some(who) => match who.kind {
            ActorKind::Human => (person(who.name.as_deref().unwrap_or(author)), true),
            ActorKind::Program => (claimed("A program", author), false),
            ActorKind::Agent if passes_as_person(author) => (claimed("An agent", author), false),
            ActorKind::Agent | ActorKind::Loop | ActorKind::Server => (capital(author), false),
        },
        None => (person(author), author == OWNER),
    };
    Byline { name, mine }
}

/// Whoever a program says to think or type.
#[must_use]
pub fn sign_of(author: &str) -> String {
    if passes_as_person(author) { claimed("A program", author) } else { capital(author) }
}

/// "A program, as dan"; "A program", where it gave no name.
fn claimed(kind: &str, author: &str) -> String {
    match author.trim() {
        "" | PROGRAM | "unknown" => kind.to_owned(),
        name => format!("{kind}, as {name}"),
    }
}

/// A name that readers would take for the person's own.
fn passes_as_person(author: &str) -> bool {
    let name = author.trim();
    name.eq_ignore_ascii_case(OWNER) || name.eq_ignore_ascii_case("you")
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Who wrote a comment. Agents comment as programs that call themselves agents: that is no claim to a
/// right, so such a name stands alone.
#[must_use]
pub fn commenter(comment: &Comment) -> Byline {
    let agent = comment.author_type == AuthorType::Agent && !passes_as_person(&comment.author);
    match &comment.by {
        Some(who) if who.is_program() && agent && comment.author != PROGRAM => {
            Byline { name: comment.author.clone(), mine: false }
        }
        Some(who) => byline(Some(who), &comment.author),
        None => {
            let human = comment.author_type == AuthorType::Human;
            let name = if human && comment.author == OWNER { owner().into() } else { comment.author.clone() };
            Byline { name, mine: human }
        }
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::{talk::CommentType, text::Body, time::Millis};

    use super::*;

    fn table() -> Vec<(Option<Who>, &'static str, &'static str, bool)> {
        let program = || Some(Who::program(Some("whatever")));
        vec![
            (Some(Who::human(OWNER)), "dan", "You", true),
            (Some(Who::human(OWNER)), "ada", "You", true),
            (Some(Who::human("eve")), "dan", "Eve", true),
            (program(), "dan", "A program, as dan", false),
            (program(), "You", "A program, as You", false),
            (program(), "ada", "A program, as ada", false),
            (program(), "system", "A program, as system", false),
            (program(), "program", "A program", false),
            (program(), "unknown", "A program", false),
            (program(), " ", "A program", false),
            (Some(Who::agent("ada")), "ada", "Ada", false),
            (Some(Who::agent("dan")), "dan", "An agent, as dan", false),
            (Some(Who::server("notices")), "system", "System", false),
            (None, "dan", "You", true),
            (None, "ada", "Ada", false),
        ]
    }

    #[test]
    fn messages() {
        for (by, author, name, mine) in table() {
            assert_eq!(byline(by.as_ref(), author), Byline { name: name.into(), mine }, "{by:?} {author}");
        }
        assert_eq!(
            (sign_of("ada"), sign_of("dan"), sign_of("you")),
            ("Ada".into(), "A program, as dan".into(), "A program, as you".into())
        );
    }

    #[test]
    fn comments() {
        let by = |by: Option<Who>, author: &str, author_type| {
            let comment = Comment {
                id: some_id(),
                task: some_id(),
                project: some_id(),
                author: author.into(),
                author_type,
                by,
                content: Body::parse("x").unwrap().unwrap(),
                kind: CommentType::Message,
                responded_at: None,
                created_at: Millis(0),
            };
            let Byline { name, mine } = commenter(&comment);
            (name, mine)
        };
        let program = || Some(Who::program(Some("x")));
        for (who, author, kind, name, mine) in [
            (Some(Who::human(OWNER)), "dan", AuthorType::Human, "You", true),
            (program(), "dan", AuthorType::Human, "A program, as dan", false),
            (program(), "dan", AuthorType::Agent, "A program, as dan", false),
            (program(), "you", AuthorType::Agent, "A program, as you", false),
            (program(), "ada", AuthorType::Coordinator, "A program, as ada", false),
            (program(), "dev agent", AuthorType::Agent, "dev agent", false),
            (program(), "program", AuthorType::Agent, "A program", false),
            (Some(Who::agent("kimi")), "kimi", AuthorType::Agent, "Kimi", false),
            (None, "dan", AuthorType::Human, "You", true),
            (None, "bob", AuthorType::Human, "bob", true),
            (None, "dan", AuthorType::Agent, "dan", false),
        ] {
            assert_eq!(by(who.clone(), author, kind), (name.to_owned(), mine), "{who:?} {author} {kind:?}");
        }
    }

    /// An id of any kind; which does not matter here.
    fn some_id<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
        "00000000-0000-4000-8000-000000000000".parse().unwrap()
    }
}
