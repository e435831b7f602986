//! `clutch why`: asks a server that runs why a ticket is where it is.

use std::process::ExitCode;

use http::{Method, StatusCode};
use serde_json::Value;

use super::board::Board;

/// What `--help` ends with.
pub const HELP: &str = "Exit status: 0 where it was answered, 1 where there is no such ticket, 2 where the words make no \
    command, 3 where no server answers. With log-in a token stands in CLUTCH_TOKEN (`clutch token create NAME --scope read`).";

/// Why there is no answer.
pub struct Unanswered {
    /// In a sentence.
    pub sentence: String,
    /// What the program ends with.
    pub code: ExitCode,
}

impl Unanswered {
    fn away(sentence: String) -> Self {
        Self { sentence, code: ExitCode::from(3) }
    }
}

/// Prints the answer, as sentences or as the API has it.
#[expect(clippy::print_stdout, reason = "a command answers where it was asked")]
pub fn explain(url: Option<String>, task: &str, json: bool) -> Result<(), Unanswered> {
    let board = Board::at(url).map_err(|sentence| Unanswered { sentence, code: ExitCode::from(2) })?;
    let name: String = form_urlencoded::byte_serialize(task.trim().as_bytes()).collect();
    // A blank is %20 in a path.
    let target = format!("/api/v1/tasks/{}/why", name.replace('+', "%20"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Unanswered::away(format!("The program's threads could not be started: {e}.")))?;
    let answer = runtime.block_on(board.ask(Method::GET, &target, None, "read")).map_err(Unanswered::away)?;
    match answer.status {
        StatusCode::OK if json => println!("{}", serde_json::to_string_pretty(&answer.body).unwrap_or_default()),
        StatusCode::OK => print!("{}", in_words(&answer.body)),
        StatusCode::NOT_FOUND => {
            let sentence = format!("There is no ticket {task:?}.");
            return Err(Unanswered { sentence, code: ExitCode::FAILURE });
        }
        status => {
            let said = answer.body["detail"].as_str().map_or_else(|| format!("it says {status}"), str::to_owned);
            return Err(Unanswered::away(format!("The board gave no answer: {said}")));
        }
    }
    Ok(())
}

/// The answer in sentences, one in a line.
fn in_words(answer: &Value) -> String {
    let each = |member: &str| {
        answer[member].as_array().into_iter().flatten().filter_map(Value::as_str).map(|line| format!("  {line}\n"))
    };
    let mut words = format!("{}\n", answer["state"].as_str().unwrap_or_default());
    words.extend(each("because"));
    let next: String = each("next").collect();
    if !next.is_empty() {
        words.push_str("What brings it on:\n");
        words.push_str(&next);
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_a_few_lines() {
        let answer = json!({ "state": "It is Ready.", "because": ["It waits.", "For T-1."], "next": ["Finish T-1."] });
        assert_eq!(in_words(&answer), "It is Ready.\n  It waits.\n  For T-1.\nWhat brings it on:\n  Finish T-1.\n");
        assert_eq!(in_words(&json!({ "state": "It is done.", "because": [], "next": [] })), "It is done.\n");
    }
}
