//! One short line for people about what an agent does now.

use serde_json::Value;

/// Longest line, in characters.
pub const LINE_CHARS: usize = 120;

/// Arguments that say most about a call, best first.
const TELLING: [&str; 14] = [
    "command",
    "cmd",
    "path",
    "file_path",
    "filePath",
    "file",
    "url",
    "query",
    "pattern",
    "message",
    "question",
    "text",
    "task",
    "name",
];

/// A tool call: `read src/main.rs`, `exec git commit -m fix`.
#[must_use]
pub fn tool_line(name: &str, args: &Value) -> String {
    let telling = args.as_object().and_then(|all| {
        let known = TELLING.iter().find_map(|key| all.get(*key).and_then(Value::as_str));
        known.or_else(|| all.values().find_map(Value::as_str))
    });
    one_line(&format!("{name} {}", telling.unwrap_or_default()))
}

/// What a phase of starting means; `None` for phases that say nothing.
pub(super) fn phase_line(phase: &str) -> Option<&'static str> {
    Some(match phase {
        "preparing_workspace" => "preparing the workspace",
        "naming_worktree" => "naming the worktree",
        "creating_worktree" => "creating the worktree",
        "running_setup" => "running the setup",
        "provisioning_environment" => "preparing the environment",
        "preparing_context" => "preparing the context",
        "starting_model" => "starting the model",
        "retrying" => "the model failed, trying again",
        _ => return None,
    })
}

/// White space folded, control characters dropped, cut to [`LINE_CHARS`] with an ellipsis.
#[must_use]
pub(super) fn one_line(words: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in words.split_whitespace() {
        let room = LINE_CHARS - count;
        let gap = usize::from(count > 0);
        let clean: String = word.chars().filter(|c| !c.is_control()).collect();
        let length = clean.chars().count();
        if length == 0 {
            continue;
        }
        if gap + length > room {
            let keep = room.saturating_sub(gap + 1);
            if gap > 0 && keep > 0 {
                line.push(' ');
            }
            line.extend(clean.chars().take(keep));
            // The ellipsis needs one place; a line that is already full gives up its last character.
            if line.chars().count() >= LINE_CHARS {
                line.pop();
            }
            line.push('…');
            return line;
        }
        if gap > 0 {
            line.push(' ');
        }
        line.push_str(&clean);
        count += gap + length;
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tool_calls_read_like_a_person_would_say_them() {
        assert_eq!(tool_line("read", &json!({"path": "src/main.rs", "limit": 20})), "read src/main.rs");
        assert_eq!(tool_line("exec", &json!({"command": "git commit \\\n  -m 'fix'"})), "exec git commit \\ -m 'fix'");
        assert_eq!(tool_line("browser", &json!({"zoom": 2})), "browser");
        assert_eq!(tool_line("odd", &json!({"n": 1, "what": "this"})), "odd this");
        assert_eq!(tool_line("ls", &Value::Null), "ls");
    }

    #[test]
    fn lines_are_cut() {
        for length in [0, 1, 100, 118, 119, 120, 121, 500] {
            for words in ["a".repeat(length), "ab ".repeat(length), "ä".repeat(length)] {
                let line = one_line(&words);
                assert!(line.chars().count() <= LINE_CHARS, "{length}: {line}");
                let whole = words.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(line == whole, whole.chars().count() <= LINE_CHARS, "{length}: {line}");
            }
        }
        assert_eq!(one_line("a\u{7}b\nc"), "ab c");
    }
}
