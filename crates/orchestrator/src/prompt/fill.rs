//! What stands for each name of a template.

use clutch_domain::{
    talk::{Comment, CommentType},
    time::{Millis, Utc},
};

use super::{
    Ticket, kind,
    template::{Filled, Item},
};

/// Most pictures of a description that are told.
const IMAGES_MAX: usize = 20;
/// How addresses of pictures end.
const PICTURES: [&str; 6] = [".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"];

fn words(text: impl Into<String>) -> Filled {
    let text: String = text.into();
    Filled { truth: !text.is_empty(), text, items: Vec::new() }
}

fn flag(truth: bool) -> Filled {
    Filled { text: truth.to_string(), truth, items: Vec::new() }
}

fn several(items: Vec<Item>) -> Filled {
    let text = items.iter().map(|item| item.whole.as_str()).collect::<Vec<_>>().join("\n");
    Filled { text, truth: !items.is_empty(), items }
}

impl Ticket<'_> {
    /// What stands for a name.
    pub(super) fn fill(&self, name: &str) -> Filled {
        let task = self.task;
        let description = task.description.as_ref().map_or("", |text| text.as_str());
        let repository = self.project.local_path.as_deref().unwrap_or_default();
        let branch = || task.branch.clone().unwrap_or_else(|| format!("fix/{}", task.id.id8()));
        match name {
            "taskId" | "id" => words(task.id.to_string()),
            "number" => words(task.short()),
            "taskTitle" | "title" => words(task.title.as_str()),
            "taskDescription" => words(description),
            "description" if description.is_empty() => Filled { truth: false, ..words("(no description)") },
            "description" => words(description.trim_end()),
            "projectSlug" => words(self.project.slug.as_str()),
            "project" => words(self.project.name.as_str()),
            "repoDir" | "repository" => words(repository),
            "branchName" => words(branch()),
            "worktreeDir" => words(format!("{repository}-worktrees/{}", branch())),
            "prNumber" => words(task.pr_number.map(|number| number.to_string()).unwrap_or_default()),
            "hasPrNumber" => flag(task.pr_number.is_some()),
            "comments" => Filled { text: self.talk().trim_end().to_owned(), ..several(self.said()) },
            "hasComments" => flag(!self.said().is_empty()),
            "imageUrls" => several(self.pictures()),
            "hasImages" => flag(!self.pictures().is_empty()),
            "signalResponses" => several(self.answered()),
            "hasSignalResponses" => flag(!self.answered().is_empty()),
            "ticket" => words(self.head().trim_end()),
            "reporting" => words(self.reporting().trim_end()),
            "attempt" => words(self.run.attempt.to_string()),
            "role" => words(self.run.role.word()),
            "board" => words(self.board),
            _ => Filled::default(),
        }
    }

    /// What was said about it; that it was moved tells its column.
    fn said(&self) -> Vec<Item> {
        let said = self.comments.iter().filter(|comment| comment.kind != CommentType::StatusChange);
        said.map(|comment| {
            let author = author(comment);
            Item {
                whole: format!("{author}: {}", comment.content),
                fields: vec![
                    ("author", author),
                    ("content", comment.content.to_string()),
                    ("timestamp", iso(comment.created_at)),
                ],
            }
        })
        .collect()
    }

    fn answered(&self) -> Vec<Item> {
        let answered = self.signals.iter().filter_map(|signal| Some((signal, signal.response.as_ref()?)));
        answered
            .map(|(signal, response)| {
                let by = if signal.answered_by_program() { " (by a program)" } else { "" };
                Item {
                    whole: format!("Question: {}\nAnswer{by}: {response}", signal.message),
                    fields: vec![("question", signal.message.to_string()), ("response", response.to_string())],
                }
            })
            .collect()
    }

    fn pictures(&self) -> Vec<Item> {
        let description = self.task.description.as_ref().map_or("", |text| text.as_str());
        let urls = pictures(description, self.board);
        urls.into_iter().map(|url| Item { whole: url, fields: Vec::new() }).collect()
    }
}

/// A program's word for a person is told as what it is.
fn author(comment: &Comment) -> String {
    let kind = kind(comment);
    if kind == comment.author_type.word() { comment.author.clone() } else { format!("{} ({kind})", comment.author) }
}

/// Pictures of a text, each once: those of markdown, wherever they lie, and bare addresses that end like one. What was
/// uploaded to the board has its address.
fn pictures(text: &str, board: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut take = |url: &str| {
        let whole = if url.starts_with("/uploads/") { format!("{board}{url}") } else { url.to_owned() };
        let known = ["http://", "https://", "data:image/"].iter().any(|begins| whole.starts_with(begins));
        if known && found.len() < IMAGES_MAX && !found.contains(&whole) {
            found.push(whole);
        }
    };
    for part in text.split("![").skip(1) {
        let behind = part.split_once("](").and_then(|(_, behind)| behind.split_once(')'));
        if let Some(url) = behind.and_then(|(inside, _)| inside.split_whitespace().next()) {
            take(url);
        }
    }
    for word in text.split(|c: char| c.is_whitespace() || "()<>[]\"'".contains(c)) {
        let bare = word.split(['?', '#']).next().unwrap_or(word).to_ascii_lowercase();
        if word.starts_with("http") && PICTURES.iter().any(|end| bare.ends_with(end)) {
            take(word);
        }
    }
    found
}

/// As programs write moments: `2026-01-02T14:05:00.000Z`.
fn iso(at: Millis) -> String {
    let Utc { year, month, day, hour, minute, second } = at.utc();
    let ms = at.0.rem_euclid(1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_wherever_they_stand() {
        let text = "See ![a shot](/uploads/images/a.webp \"the shot\") and ![x](https://x.example/b?c=1), \
            https://x.example/D.PNG?raw=1 and <http://x.example/e.gif>. Not ![y](file:///etc/passwd), \
            https://x.example/page or [a link](https://x.example/f.jpg).\n![inline](data:image/png;base64,AA==) \
            https://x.example/D.PNG?raw=1 ![cut off](https://x.example/g.png";
        assert_eq!(
            pictures(text, "http://board"),
            [
                "http://board/uploads/images/a.webp",
                "https://x.example/b?c=1",
                "data:image/png;base64,AA==",
                "https://x.example/D.PNG?raw=1",
                "http://x.example/e.gif",
                "https://x.example/f.jpg",
                "https://x.example/g.png",
            ]
        );
        let many: String = (0..100).map(|n| format!("![]({n}) https://x.example/{n}.png ")).collect();
        assert_eq!(pictures(&many, "").len(), IMAGES_MAX);
    }
}
