//! What the agent reads of a person's message: the words, before them what the project is where the
//! agent does not know it yet, and the pictures themselves.

use clutch_domain::{
    chat::Message,
    project::Project,
    speech::{self, Speech},
    task::Task,
};
use clutch_orchestrator::{jobs::mail::Letter, runtime::Picture};

use crate::{chat::context, http::uploads::Uploads};

/// Where pictures of this board lie.
const PICTURES: &str = "](/uploads/images/";
/// Most pictures that go with one message; further ones stay links.
pub const PICTURES_MAX: usize = 8;
/// Largest picture that a gateway takes, in bytes (`policy.attachments.maxImageBytes` of its hello).
pub const PICTURE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Most bytes of all pictures of a message (`policy.attachments.maxBytes`, with room for the frame).
pub const ALL_BYTES_MAX: usize = 18 * 1024 * 1024;

/// Puts a message together. `board` is the address at which the agent reaches this board.
pub async fn letter(
    message: &Message,
    project: &Project,
    ticket: Option<&Task>,
    uploads: &Uploads,
    board: &str,
) -> Letter {
    let words = message.content.as_str();
    let speech = message.outbox.as_ref().map_or(Speech::Words, |o| o.speech);
    if speech == Speech::Command {
        return Letter { speech, text: words.to_owned(), pictures: Vec::new() };
    }
    let mut text = words.replace(PICTURES, &format!("]({board}/uploads/images/"));
    if let Some(wish) = speech::issue(&text) {
        text = issue(wish, project, board);
    }
    if message.outbox.as_ref().is_some_and(|o| o.introduces) {
        text = context::before(project, ticket, &text).await;
    }
    let mut pictures = Vec::new();
    let mut all = 0;
    for name in pictures_in(words) {
        let Some((bytes, mime)) = uploads.read(name, PICTURE_BYTES_MAX).await else { continue };
        if all + bytes.len() > ALL_BYTES_MAX {
            continue;
        }
        all += bytes.len();
        pictures.push(Picture { name: name.to_owned(), mime: mime.to_owned(), bytes });
    }
    Letter { speech, text, pictures }
}

/// File names of this board's pictures, each once, in order.
fn pictures_in(words: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for piece in words.split(PICTURES).skip(1) {
        let name = piece.split([')', ' ', '"']).next().unwrap_or_default();
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() == PICTURES_MAX {
            break;
        }
    }
    names
}

/// `/issue <wish>` in the words that an agent can act on (facts §7.4).
fn issue(wish: &str, project: &Project, board: &str) -> String {
    format!(
        "Turn this wish into tickets of the project \u{201c}{name}\u{201d}. Do not implement it now.\n\n\
         1. Look into the repository until you know what the wish means there.\n\
         2. Make one ticket, or a few small ones where that is clearer: a title that says what will be true, and a \
         description with what to do, where, and how to see that it is done. For each: \
         `POST {board}/api/tasks` with the JSON \
         `{{\"project_id\": \"{id}\", \"title\": \"...\", \"description\": \"...\", \"status\": \"backlog\", \
         \"priority\": \"medium\"}}`; the answer has the ticket's `id` and `number`.\n\
         3. Where one must wait for another: `POST {board}/api/tasks/<id>/dependencies` with \
         `{{\"depends_on_id\": \"<id of the other>\"}}`.\n\
         4. Say which tickets you made, by their numbers (T-12), and what you left open.\n\n\
         The wish:\n\n{wish}",
        name = project.name,
        id = project.id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_this_board_are_found_once_each() {
        let words = "![a](/uploads/images/1.png) and [b](/uploads/images/2.jpg \"two\"), again ![a](/uploads/images/1.png), \
                     not ![c](https://elsewhere/uploads/images/3.png)";
        assert_eq!(pictures_in(words), ["1.png", "2.jpg"]);
        assert!(pictures_in("no pictures").is_empty());
    }
}
