//! The gateway's connection and our plugin's state in words, each with what to copy.

use clutch_domain::text::{line, lines};
use clutch_orchestrator::runtime::{RuntimeState, Trouble};

use super::home::{Check, CheckState, Gateway};
use crate::site::SiteSettings;

/// The gateway's state as pages show it: a word for the chip, sentences, and what to copy
/// so that somebody who follows only the page gets from red to green.
#[must_use]
pub fn gateway_model(state: &RuntimeState, settings: &SiteSettings) -> Gateway {
    // Some of the words are the gateway's own.
    let Gateway { state, word, sentence, mut checks } = told(state, settings);
    if settings.token_in_the_clear {
        // After the connection itself, which pages look at first.
        checks.insert(checks.len().min(1), in_the_clear(settings));
    }
    let clean = |check: Check| Check {
        sentence: line(&check.sentence),
        command: check.command.map(|command| lines(&command)),
        ..check
    };
    Gateway { state, word, sentence: line(&sentence), checks: checks.into_iter().map(clean).collect() }
}

fn in_the_clear(settings: &SiteSettings) -> Check {
    Check {
        id: "gateway-open".into(),
        state: CheckState::Bad,
        title: "The way to the gateway".into(),
        sentence: format!(
            "OPENCLAW_TOKEN goes to {} unencrypted: whoever is on the way can read it. Use a wss:// address, or an SSH tunnel to 127.0.0.1.",
            settings.gateway_url
        ),
        command: None,
    }
}

fn told(state: &RuntimeState, settings: &SiteSettings) -> Gateway {
    match state {
        RuntimeState::Away(away) => {
            let state = if away.retry_at.is_none() { CheckState::Wait } else { CheckState::Bad };
            let command = command_in(&away.sentence).or_else(|| away.command.clone());
            Gateway {
                state,
                word: away.word.clone(),
                checks: vec![connection(state, away.sentence.clone(), command), plugin_later()],
                sentence: away.sentence.clone(),
            }
        }
        RuntimeState::Ready { what, troubles, .. } => {
            let sentence = format!("Connected to {what}.");
            let mut checks = vec![connection(CheckState::Ok, sentence.clone(), None)];
            if troubles.is_empty() {
                checks.push(Check {
                    id: "plugin".into(),
                    state: CheckState::Ok,
                    title: "OpenClutch plugin".into(),
                    sentence: "Loaded: agents can ask you questions and report their work.".into(),
                    command: None,
                });
                return Gateway { state: CheckState::Ok, word: "Connected".into(), sentence, checks };
            }
            checks.extend(troubles.iter().map(|trouble| plugin_check(trouble, settings)));
            let sentence = troubles.first().map_or(sentence, |t| t.sentence.clone());
            Gateway { state: CheckState::Bad, word: "Plugin needs you".into(), sentence, checks }
        }
    }
}

fn connection(state: CheckState, sentence: String, command: Option<String>) -> Check {
    Check { id: "gateway".into(), state, title: "OpenClaw gateway".into(), sentence, command }
}

fn plugin_later() -> Check {
    Check {
        id: "plugin".into(),
        state: CheckState::Later,
        title: "OpenClutch plugin".into(),
        sentence: "Looked at as soon as the gateway is connected.".into(),
        command: None,
    }
}

fn plugin_check(trouble: &Trouble, settings: &SiteSettings) -> Check {
    let (sentence, command) = match snippet(&trouble.code, settings) {
        Some(lines) => (
            format!("{} Or merge the lines below into openclaw.json and restart the gateway.", stop(&trouble.sentence)),
            Some(lines),
        ),
        None => (trouble.sentence.clone(), command_in(&trouble.sentence)),
    };
    Check { id: "plugin".into(), state: CheckState::Bad, title: "OpenClutch plugin".into(), sentence, command }
}

/// The sentence with a full stop.
fn stop(sentence: &str) -> String {
    let sentence = sentence.trim_end();
    if sentence.ends_with(['.', '!', '?']) { sentence.to_owned() } else { format!("{sentence}.") }
}

/// Lines for `openclaw.json`.
fn snippet(code: &str, settings: &SiteSettings) -> Option<String> {
    let folder = quoted(&settings.plugin_dir);
    let url = quoted(&settings.public_url);
    match code {
        "not_loaded" => Some(format!(
            r#"{{
  "plugins": {{
    "load": {{ "paths": [{folder}] }},
    "entries": {{
      "openclutch": {{
        "enabled": true,
        "config": {{ "url": {url} }},
        "hooks": {{ "allowConversationAccess": true }}
      }}
    }}
  }},
  "channels": {{ "clutch": {{ "enabled": true }} }},
  "tools": {{ "toolSearch": false, "alsoAllow": ["openclutch"] }}
}}"#
        )),
        // They refuse names that they do not know.
        "not_loaded_by_old" => Some(format!(
            r#"{{
  "plugins": {{
    "load": {{ "paths": [{folder}] }},
    "entries": {{
      "openclutch": {{ "enabled": true, "config": {{ "url": {url} }} }}
    }}
  }}
}}"#
        )),
        "not_allowed_to_hear" => Some(
            r#"{
  "plugins": {
    "entries": {
      "openclutch": { "hooks": { "allowConversationAccess": true } }
    }
  }
}"#
            .into(),
        ),
        "tools_hidden" => Some(
            r#"{
  "tools": { "toolSearch": false, "alsoAllow": ["openclutch"] }
}"#
            .into(),
        ),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The first command that a sentence names between backticks.
fn command_in(sentence: &str) -> Option<String> {
    sentence.split('`').skip(1).step_by(2).find(|part| part.starts_with("openclaw ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use clutch_domain::time::Millis;
    use clutch_orchestrator::runtime::{Away, Link};

    use super::*;

    fn settings() -> SiteSettings {
        SiteSettings {
            plugin_dir: "/opt/open clutch/plugins/openclutch".into(),
            public_url: "http://127.0.0.1:3002".into(),
            ..Default::default()
        }
    }

    #[test]
    fn pairing_gives_the_command_of_its_sentence() {
        let state = RuntimeState::Away(Away {
            word: "Pairing needed".into(),
            since: Some(Millis(0)),
            sentence: "The gateway does not know this device yet. On the gateway's machine run `openclaw devices approve 904c-1`.".into(),
            command: None,
            retry_at: Some(Millis(0)),
            needs_person: true,
        });
        let model = gateway_model(&state, &settings());
        assert_eq!(model.word, "Pairing needed");
        assert_eq!(model.checks[0].command.as_deref(), Some("openclaw devices approve 904c-1"));
        assert_eq!(model.checks[1].state, CheckState::Later);
    }

    #[test]
    fn a_token_that_can_be_read_on_the_way_is_a_line_of_the_list() {
        let state = RuntimeState::Away(Away {
            word: "Connecting".into(),
            since: None,
            sentence: "Connecting to ws://box:18789.".into(),
            command: None,
            retry_at: None,
            needs_person: false,
        });
        let open = SiteSettings { token_in_the_clear: true, gateway_url: "ws://box:18789".into(), ..settings() };
        let checks = gateway_model(&state, &open).checks;
        assert_eq!(checks[0].id, "gateway");
        assert!(checks[1].state == CheckState::Bad && checks[1].sentence.contains("ws://box:18789 unencrypted"));
        assert!(gateway_model(&state, &settings()).checks.iter().all(|c| c.id != "gateway-open"));
    }

    #[test]
    fn each_plugin_trouble_brings_lines_that_are_json() {
        for code in ["not_loaded", "not_loaded_by_old", "not_allowed_to_hear", "tools_hidden"] {
            let state = RuntimeState::Ready {
                what: "OpenClaw 2026.9.6 at ws://127.0.0.1:18789".into(),
                since: Millis(0),
                link: Link { connection: 1, boot: Some("b".into()) },
                troubles: vec![Trouble { code: code.into(), sentence: "It is not well".into() }],
            };
            let model = gateway_model(&state, &settings());
            assert_eq!(model.state, CheckState::Bad, "{code}");
            let lines = model.checks[1].command.as_deref().unwrap();
            let json: serde_json::Value = serde_json::from_str(lines).unwrap();
            assert!(json.is_object(), "{code}");
        }
        let all: serde_json::Value = serde_json::from_str(&snippet("not_loaded", &settings()).unwrap()).unwrap();
        assert_eq!(all["plugins"]["load"]["paths"][0], "/opt/open clutch/plugins/openclutch");
        assert_eq!(all["plugins"]["entries"]["openclutch"]["config"]["url"], "http://127.0.0.1:3002");
    }
}
