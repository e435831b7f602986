//! One prompt per role: how an agent begins. What it has to know of a ticket and its role it is told with the ticket, by the
//! role's own prompt.

use clutch_domain::task::Role;
use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role as Speaker};
use serde_json::Value;

/// All of them.
pub fn all() -> Vec<Prompt> {
    let argument = |name: &str, words: &str| PromptArgument::new(name).with_description(words).with_required(false);
    let prompt = |role: &Role| {
        let arguments = vec![
            argument("project", "Only tickets of this project: its slug."),
            argument("task", "This ticket and no other: T-12."),
        ];
        let words = format!("Take tickets for the role {} and work on them.", role.word());
        Prompt::new(role.word(), Some(words), Some(arguments)).with_title(format!("Work as {}", role.label()))
    };
    Role::ALL.iter().map(prompt).collect()
}

/// The prompt of a role, by its word.
pub fn named(name: &str, arguments: &JsonObject) -> Option<GetPromptResult> {
    let role: Role = name.parse().ok()?;
    let said = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|said| !said.is_empty());
    let mut of = format!("`role` \"{}\"", role.word());
    for name in ["project", "task"] {
        if let Some(value) = said(name) {
            of.push_str(&format!(", `{name}` {}", Value::from(value)));
        }
    }
    let next = if said("task").is_some() { "Then stop." } else { "Then claim the next one, until there is none." };
    let text = format!(
        "Work on tickets of the board OpenClutch as {}. Call the tool `claim_task` with {of}. Where it gives you a ticket, do \
         what its `prompt` says, and report as it says. {next}",
        role.label()
    );
    let words = format!("Work as {}.", role.label());
    Some(GetPromptResult::new(vec![PromptMessage::new_text(Speaker::User, text)]).with_description(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_a_prompt_that_says_how_to_begin() {
        assert_eq!(all().len(), Role::ALL.len());
        for prompt in all() {
            let arguments = JsonObject::from_iter([("task".to_owned(), Value::from("T-1"))]);
            let told = serde_json::to_value(named(&prompt.name, &arguments).unwrap()).unwrap();
            let text = told["messages"][0]["content"]["text"].as_str().unwrap();
            assert!(text.contains("`claim_task`") && text.contains("\"T-1\""), "{text}");
            assert!(text.contains(&format!("\"{}\"", prompt.name)), "{text}");
        }
        assert!(named("nobody", &JsonObject::default()).is_none());
    }
}
