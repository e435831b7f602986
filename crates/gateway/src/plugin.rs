//! Whether our plugin works inside the gateway, read from the gateway's own answers.

use clutch_orchestrator::runtime::Trouble;
use serde_json::Value;

use crate::wire::text;

/// Id of our plugin.
pub const PLUGIN_ID: &str = "openclutch";
/// Channel that the plugin registers.
pub const CHANNEL_ID: &str = "clutch";
/// Tools that the plugin gives to agents.
pub const TOOLS: [&str; 2] = ["signal", "mark_complete"];

/// The gateway's answers. `None` where it does not offer the method or did not answer in time.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// `plugins.list`.
    pub list: Option<Value>,
    /// `plugins.inspect {pluginId}`.
    pub inspect: Option<Value>,
    /// `config.get`.
    pub config: Option<Value>,
    /// `tools.catalog`.
    pub catalog: Option<Value>,
    /// `channels.status`: all that old gateways tell about plugins.
    pub channels: Option<Value>,
}

/// What is wrong, each with what to do. Empty when nothing is, or nothing can be known.
#[must_use]
pub fn troubles(answers: &Answers) -> Vec<Trouble> {
    // Without the plugin the other questions have no meaning.
    if let Some(sentence) = not_loaded(answers) {
        return vec![trouble("not_loaded", sentence)];
    }
    if let Some(sentence) = not_loaded_by_old(answers) {
        return vec![trouble("not_loaded_by_old", sentence)];
    }
    let mut found = Vec::new();
    if not_allowed_to_hear(answers) {
        found.push(trouble(
            "not_allowed_to_hear",
            format!(
                "The gateway does not let the OpenClutch plugin hear conversations. Run \
                 `openclaw config set plugins.entries.{PLUGIN_ID}.hooks.allowConversationAccess true` on its machine."
            ),
        ));
    }
    found.extend(tools_hidden(answers).map(|sentence| trouble("tools_hidden", sentence)));
    found
}

fn trouble(code: &str, sentence: impl Into<String>) -> Trouble {
    Trouble { code: code.to_owned(), sentence: sentence.into() }
}

fn not_loaded(answers: &Answers) -> Option<String> {
    let plugins = answers.list.as_ref().and_then(|list| list["plugins"].as_array())?;
    let ours = plugins.iter().find(|plugin| text(plugin, "id") == PLUGIN_ID);
    let Some(ours) = ours.filter(|plugin| plugin["installed"] != Value::Bool(false)) else {
        return Some(format!(
            "The OpenClutch plugin is not in the gateway. On the gateway's machine, in OpenClutch's folder, run \
                 `openclaw plugins install -l ./plugins/{PLUGIN_ID}`, say that you trust it, then \
                 `openclaw plugins enable {PLUGIN_ID}`."
        ));
    };
    if ours["enabled"] == Value::Bool(false) {
        return Some(format!(
            "The OpenClutch plugin is switched off in the gateway. \
                 Run `openclaw plugins enable {PLUGIN_ID}` on the gateway's machine."
        ));
    }
    (text(&ours["runtime"], "state") == "unloaded").then(|| {
        format!(
            "The gateway knows the OpenClutch plugin but has not loaded it. \
                 `openclaw plugins inspect {PLUGIN_ID}` on the gateway's machine says why; then restart the gateway."
        )
    })
}

/// Gateways without `plugins.list` show a plugin only by its channel.
fn not_loaded_by_old(answers: &Answers) -> Option<String> {
    if answers.list.is_some() {
        return None;
    }
    let channels = answers.channels.as_ref().and_then(|status| status["channelOrder"].as_array())?;
    (!channels.iter().any(|channel| channel == CHANNEL_ID)).then(|| {
        format!(
            "The OpenClutch plugin is not loaded in the gateway. Name the folder plugins/{PLUGIN_ID} under plugins.load.paths \
             in its openclaw.json and restart the gateway."
        )
    })
}

/// Gateways without `plugins.inspect` do not know this permission: there every plugin hears everything.
fn not_allowed_to_hear(answers: &Answers) -> bool {
    let Some(inspect) = &answers.inspect else { return false };
    match inspect["grants"]["hooks"]["allowConversationAccess"]["effective"].as_bool() {
        Some(granted) => !granted,
        None => answers.config.as_ref().is_some_and(|config| {
            config["config"]["plugins"]["entries"][PLUGIN_ID]["hooks"]["allowConversationAccess"] != Value::Bool(true)
        }),
    }
}

/// Only for gateways with `tools.catalog`; older ones show every tool of a plugin to the model.
fn tools_hidden(answers: &Answers) -> Option<String> {
    let catalog = answers.catalog.as_ref()?;
    let empty = Vec::new();
    let groups = catalog["groups"].as_array().unwrap_or(&empty);
    let offered: Vec<&Value> = groups
        .iter()
        .filter(|group| text(group, "pluginId") == PLUGIN_ID)
        .flat_map(|group| group["tools"].as_array().unwrap_or(&empty))
        .collect();
    let missing: Vec<&str> =
        TOOLS.into_iter().filter(|name| !offered.iter().any(|tool| text(tool, "id") == *name)).collect();
    if !missing.is_empty() {
        return Some(format!(
            "The gateway does not offer the plugin's tools {} to agents. Update the plugin \
             (`openclaw plugins reload {PLUGIN_ID}` on the gateway's machine) or restart the gateway.",
            missing.join(" and ")
        ));
    }
    let tools = &answers.config.as_ref()?["config"]["tools"];
    let hidden: Vec<&str> = TOOLS
        .into_iter()
        .filter(|name| {
            let optional =
                offered.iter().any(|tool| text(tool, "id") == *name && tool["optional"] == Value::Bool(true));
            !allowed(tools, name, optional)
        })
        .collect();
    if !hidden.is_empty() {
        return Some(format!(
            "The gateway's tool rules keep {} from agents. Add \"{PLUGIN_ID}\" to tools.alsoAllow in its openclaw.json \
             (and look at tools.deny).",
            hidden.join(" and ")
        ));
    }
    let search = &tools["toolSearch"];
    let off = *search == Value::Bool(false) || search["enabled"] == Value::Bool(false);
    (!off).then(|| {
        "The gateway hides plugin tools behind its tool search, so agents do not see signal and mark_complete. \
         Run `openclaw config set tools.toolSearch false` on the gateway's machine."
            .to_owned()
    })
}

/// Whether the gateway's global tool rules let a plugin's tool through.
fn allowed(tools: &Value, name: &str, optional: bool) -> bool {
    let names = |list: &str| -> Vec<String> {
        let items = tools[list].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
    };
    let matches = |list: &[String]| {
        list.iter().any(|item| item == name || item == PLUGIN_ID || item == "group:plugins" || item == "*")
    };
    if matches(&names("deny")) {
        return false;
    }
    let also = matches(&names("alsoAllow"));
    let allow = names("allow");
    let profile = text(tools, "profile");
    if also {
        return true;
    }
    let named = matches(&allow);
    matches!(profile, "" | "full") && (named || allow.is_empty() && !optional)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Answers {
        Answers {
            list: Some(json!({"plugins": [{"id": "openclutch", "installed": true, "enabled": true, "state": "enabled",
                "runtime": {"state": "active"}}]})),
            inspect: Some(json!({"grants": {"hooks": {"allowConversationAccess": {"effective": true}}}})),
            config: Some(json!({"config": {"tools": {"toolSearch": false}}})),
            catalog: Some(json!({"groups": [{"id": "plugin:openclutch", "pluginId": "openclutch", "tools": [
                {"id": "signal", "optional": false}, {"id": "mark_complete", "optional": false}]}]})),
            channels: Some(json!({"channelOrder": ["clutch"]})),
        }
    }

    fn codes(answers: &Answers) -> Vec<String> {
        troubles(answers).into_iter().map(|trouble| trouble.code).collect()
    }

    #[test]
    fn nothing_is_wrong_when_nothing_is_wrong() {
        assert_eq!(troubles(&good()), []);
        assert_eq!(troubles(&Answers::default()), [], "what cannot be known is no trouble");
    }

    #[test]
    fn a_plugin_that_is_not_there_is_the_only_trouble() {
        for plugins in [
            json!([]),
            json!([{"id": "openclutch", "installed": false}]),
            json!([{"id": "openclutch", "installed": true, "enabled": false}]),
            json!([{"id": "openclutch", "installed": true, "enabled": true, "runtime": {"state": "unloaded"}}]),
        ] {
            let answers = Answers { list: Some(json!({ "plugins": plugins })), ..good() };
            assert_eq!(codes(&answers), ["not_loaded"]);
        }
    }

    #[test]
    fn old_gateways_are_judged_by_the_channel() {
        let old = |order: Value| Answers { channels: Some(json!({ "channelOrder": order })), ..Answers::default() };
        assert_eq!(codes(&old(json!([]))), ["not_loaded_by_old"]);
        assert_eq!(codes(&old(json!(["clutch"]))), [""; 0]);
    }

    #[test]
    fn deaf_and_hidden_are_told_together() {
        let mut answers = good();
        answers.inspect = Some(json!({"grants": {"hooks": {"allowConversationAccess": {"effective": false}}}}));
        answers.config = Some(json!({"config": {"tools": {}}}));
        assert_eq!(codes(&answers), ["not_allowed_to_hear", "tools_hidden"]);
        answers.inspect = Some(json!({}));
        assert_eq!(codes(&answers)[0], "not_allowed_to_hear", "the configuration counts where grants are not told");
    }

    #[test]
    fn every_way_of_hiding_tools_is_seen() {
        let with = |tools: Value, optional: bool| {
            let mut answers = good();
            answers.config = Some(json!({ "config": { "tools": tools } }));
            answers.catalog = Some(json!({"groups": [{"pluginId": "openclutch", "tools": [
                {"id": "signal", "optional": optional}, {"id": "mark_complete", "optional": optional}]}]}));
            codes(&answers)
        };
        let hidden = ["tools_hidden"];
        assert_eq!(with(json!({"toolSearch": true}), false), hidden);
        assert_eq!(with(json!({"toolSearch": false, "deny": ["signal"]}), false), hidden);
        assert_eq!(with(json!({"toolSearch": false, "profile": "coding"}), false), hidden);
        assert_eq!(with(json!({"toolSearch": false, "allow": ["read"]}), false), hidden);
        assert_eq!(with(json!({"toolSearch": false}), true), hidden);
        let seen = [""; 0];
        assert_eq!(with(json!({"toolSearch": {"enabled": false}}), false), seen);
        assert_eq!(with(json!({"toolSearch": false, "alsoAllow": ["signal", "mark_complete"]}), true), seen);
        assert_eq!(with(json!({"toolSearch": false, "profile": "coding", "alsoAllow": ["openclutch"]}), true), seen);
        let mut answers = good();
        answers.catalog = Some(json!({"groups": []}));
        assert_eq!(codes(&answers), hidden, "a tool that is missing from the catalogue");
    }
}
