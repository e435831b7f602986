//! What a template may name: what programs of the original know (facts §5.10), and what our own templates say.

use clutch_domain::task::Role;

/// Fields of a comment.
const COMMENT: &[&str] = &["author", "content", "timestamp"];
/// Fields of a question that was answered.
const ANSWER: &[&str] = &["question", "response"];

/// What is filled in for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Words.
    Text,
    /// A number, or nothing.
    Number,
    /// Yes or no.
    Flag,
    /// Several, each with these fields; without fields each is words. Named alone it is all of them as words.
    List(&'static [&'static str]),
}

impl Shape {
    /// Its word in a schema.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Flag => "boolean",
            Self::List(_) => "array",
        }
    }
}

/// A name that a template may use.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Name.
    pub name: &'static str,
    /// What is filled in.
    pub shape: Shape,
    /// Whether there always is something.
    pub required: bool,
    /// What it is, in words.
    pub about: &'static str,
    roles: &'static [Role],
}

const ALL: &[Role] = Role::ALL;
const WITH_BRANCH: &[Role] = &[Role::Dev, Role::Reviewer, Role::ConflictResolver];
const WITH_PR: &[Role] = &[Role::Reviewer, Role::ConflictResolver];
const PM: &[Role] = &[Role::Pm];

const fn of(name: &'static str, shape: Shape, required: bool, roles: &'static [Role], about: &'static str) -> Variable {
    Variable { name, shape, required, about, roles }
}

/// All of them.
pub const VARIABLES: &[Variable] = &[
    of("taskId", Shape::Text, true, ALL, "Id of the task"),
    of("taskTitle", Shape::Text, true, ALL, "Title of the task"),
    of("taskDescription", Shape::Text, false, ALL, "Description of the task; empty where it has none"),
    of("projectSlug", Shape::Text, true, ALL, "Address of the project, as commands name it"),
    of("repoDir", Shape::Text, true, ALL, "Folder of the project's repository"),
    of("comments", Shape::List(COMMENT), false, ALL, "Newest comments, oldest first; alone, all of them as text"),
    of("hasComments", Shape::Flag, true, ALL, "Whether there are comments"),
    of("branchName", Shape::Text, true, WITH_BRANCH, "Branch of the task"),
    of("worktreeDir", Shape::Text, true, WITH_BRANCH, "Folder of the task's worktree"),
    of("prNumber", Shape::Number, false, WITH_PR, "Number of the pull request"),
    of("hasPrNumber", Shape::Flag, true, WITH_PR, "Whether there is a pull request"),
    of("imageUrls", Shape::List(&[]), false, PM, "Addresses of pictures in the description"),
    of("hasImages", Shape::Flag, true, PM, "Whether there are pictures"),
    of("signalResponses", Shape::List(ANSWER), false, PM, "Questions that were answered"),
    of("hasSignalResponses", Shape::Flag, true, PM, "Whether questions were answered"),
    of(
        "ticket",
        Shape::Text,
        true,
        ALL,
        "Id, number, title, attempt, role, project, repository and board, a line each",
    ),
    of("description", Shape::Text, true, ALL, "Description of the task, or that it has none"),
    of("reporting", Shape::Text, true, ALL, "How the agent comments, asks, and says that it is done"),
    of("id", Shape::Text, true, ALL, "Id of the task"),
    of("number", Shape::Text, true, ALL, "Number of the task, as people say it"),
    of("title", Shape::Text, true, ALL, "Title of the task"),
    of("attempt", Shape::Text, true, ALL, "Which attempt this is, from 1"),
    of("role", Shape::Text, true, ALL, "Role of the agent"),
    of("repository", Shape::Text, true, ALL, "Folder of the project's repository"),
    of("board", Shape::Text, true, ALL, "Address of the board"),
    of("project", Shape::Text, true, ALL, "Name of the project"),
];

/// Those that a role's template may use.
pub fn of_role(role: Role) -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().filter(move |variable| variable.roles.contains(&role))
}

/// The one of this name that a role's template may use.
#[must_use]
pub fn named(role: Role, name: &str) -> Option<&'static Variable> {
    of_role(role).find(|variable| variable.name == name)
}

/// Whether any role's template may use it.
#[must_use]
pub fn is_anyones(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// The one that was probably meant.
pub fn nearest(name: &str, among: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let folded = |text: &str| -> Vec<char> {
        let letters = text.chars().take(64).filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let meant = folded(name);
    let far = |known: &str| distance(&meant, &folded(known));
    let best = among.map(|known| (far(known), known)).min()?;
    (best.0 <= 2.max(meant.len() / 3).min(4) && best.0 < meant.len()).then_some(best.1)
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
