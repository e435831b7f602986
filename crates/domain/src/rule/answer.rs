//! One answer of an agent, brought by several: by the bridge, which knows the run, and by plugins, which may not.

use crate::{
    chat::Message,
    command::NewMessage,
    doc::Kind,
    range::Range,
    time::Millis,
    view::{Seen, Stop, View},
};

/// An answer without a run id that was posted this recently may be the one that comes now with a run id, or the other way round.
const SAME_ANSWER_MS: i64 = 600_000;
/// Newest messages among which it is looked for.
const LOOK_BACK: u32 = 20;

/// Words without their pictures, and how those are named: by files on the agent's machine, or as the board keeps them.
#[derive(Debug, PartialEq, Eq)]
struct Folded {
    words: String,
    files: usize,
    pictures: usize,
}

fn folded(text: &str) -> Folded {
    let mut folded = Folded { words: String::new(), files: 0, pictures: 0 };
    for line in text.lines().map(str::trim) {
        if line.starts_with("IMAGE:") {
            folded.files += 1;
        } else if line.starts_with("![") && line.contains("](/uploads/images/") && line.ends_with(')') {
            folded.pictures += 1;
        } else {
            for word in line.split_whitespace() {
                if !folded.words.is_empty() {
                    folded.words.push(' ');
                }
                folded.words.push_str(word);
            }
        }
    }
    folded
}

/// Whether two texts are one answer: whoever comes first takes the files that it names, and the other
/// finds only their names. Pictures alone are not enough to tell.
#[must_use]
pub fn same_words(one: &str, other: &str) -> bool {
    let (a, b) = (folded(one), folded(other));
    one == other || a.words == b.words && (!a.words.is_empty() || a.files + b.files > 0)
}

/// Whether the first text shows more of an answer's pictures than the second.
pub(crate) fn shows_more(one: &str, other: &str) -> bool {
    folded(one).pictures > folded(other).pictures
}

/// The message that is this answer already: the same words by the coordinator, lately, with a run id where
/// the new one has none, or without where it has one.
pub(crate) fn same_answer(view: &View, new: &NewMessage, now: Millis) -> Result<Option<Seen<Message>>, Stop> {
    if new.author.as_str() != crate::actor::COORDINATOR {
        return Ok(None);
    }
    let newest =
        Range::NewestChildren { kind: Kind::Message, parent: new.chat.to_string(), before: None, limit: LOOK_BACK };
    Ok(view.list::<Message>(newest)?.into_iter().find(|m| {
        m.is.author == new.author.as_str()
            && m.is.run_id.is_some() != new.run_id.is_some()
            && now.since(m.is.created_at) < SAME_ANSWER_MS
            && same_words(m.is.content.as_str(), new.content.as_str())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_with_and_without_its_pictures() {
        let file = "IMAGE: /tmp/openclaw-images/a.png";
        let kept = "![image](/uploads/images/0f.png)";
        let table = [
            ("one\n two", "one two", true),
            ("one", "two", false),
            (&*format!("Look:\n{file}"), &*format!("Look:\n\n{kept}"), true),
            (&format!("Look:\n{file}"), "Look:", true),
            (file, kept, true),
            (file, file, true),
            (kept, kept, true),
            (kept, "![image](/uploads/images/1f.png)", false),
            (kept, "Look:", false),
        ];
        for (one, other, same) in table {
            assert_eq!((same_words(one, other), same_words(other, one)), (same, same), "{one:?} {other:?}");
        }
        assert!(shows_more(kept, file) && !shows_more(file, kept) && !shows_more(kept, kept));
    }
}
