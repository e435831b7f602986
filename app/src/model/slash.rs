//! Commands that are typed into a chat: `/new Release`.

/// A command that the page knows. Others go to the agent as they are: gateways have commands of their own.
pub struct Slash {
    /// Its word, with the slash.
    pub name: &'static str,
    /// What follows, as a hint; empty where nothing does.
    pub takes: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// All of them, in the order of the menu.
pub const SLASHES: [Slash; 7] = [
    Slash { name: "/new", takes: "[title]", does: "Begin another chat" },
    Slash { name: "/issue", takes: "what you want", does: "Let the agent make tickets of it" },
    Slash { name: "/status", takes: "", does: "Gateway, model and context of this chat" },
    Slash { name: "/model", takes: "[name]", does: "Show the models, or choose one" },
    Slash { name: "/compact", takes: "", does: "Shorten what the agent remembers to a summary" },
    Slash { name: "/reset", takes: "", does: "Let the agent forget this chat; the messages stay" },
    Slash { name: "/help", takes: "", does: "What can be typed here" },
];

/// A known command of a message and what follows it.
#[must_use]
pub fn parse(words: &str) -> Option<(&'static str, &str)> {
    let words = words.trim();
    let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    SLASHES.iter().find(|slash| slash.name.eq_ignore_ascii_case(word)).map(|slash| (slash.name, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_commands_are_told_from_words() {
        let cases: [(&str, Option<(&str, &str)>); 8] = [
            ("/new", Some(("/new", ""))),
            ("  /New  Release 2 ", Some(("/new", "Release 2"))),
            ("/issue\ncount by hour", Some(("/issue", "count by hour"))),
            ("/model fake/fake-1", Some(("/model", "fake/fake-1"))),
            ("/think high", None),
            ("/newer", None),
            ("see /help", None),
            ("/", None),
        ];
        for (words, meant) in cases {
            assert_eq!(parse(words), meant, "{words}");
        }
    }
}
