//! What a run has to name: things that are there, and things that are not.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::nonsense::Chance;

/// Of each kind so many are kept; the newest take the places of the oldest. The number never changes, so what is picked
/// follows from the seed, whatever the program has called it.
const KEPT: usize = 4;
const KINDS: [&str; 11] = [
    "project",
    "slug",
    "task",
    "chat",
    "message",
    "signal",
    "notification",
    "version",
    "dependency",
    "comment",
    "number",
];

/// Ids by kind.
pub struct Pool {
    ids: BTreeMap<&'static str, Vec<String>>,
    turn: usize,
}

impl Pool {
    /// Of the things that [`crate::program::Program::furnish`] has made.
    pub fn new(furnished: &[(&'static str, String)]) -> Self {
        let mut ids = BTreeMap::new();
        for kind in KINDS {
            let known = furnished.iter().filter(|(of, _)| *of == kind).map(|(_, id)| id.clone());
            let mut known: Vec<String> = known.collect();
            if known.is_empty() {
                known.push("00000000-0000-4000-8000-000000000000".to_owned());
            }
            ids.insert(kind, known.iter().cycle().take(KEPT).cloned().collect());
        }
        Self { ids, turn: 0 }
    }

    /// What a successful answer has told of.
    pub fn learn(&mut self, path: &str, answer: &Value) {
        let mut keep = |kind: &str, id: &Value| {
            if let (Some(ids), Some(id)) = (self.ids.get_mut(kind), id.as_str()) {
                self.turn += 1;
                ids[self.turn % KEPT] = id.to_owned();
            }
        };
        for (name, value) in answer.as_object().into_iter().flatten() {
            keep(name, &value["id"]);
        }
        keep("project", &answer["project"]["id"]);
        keep("slug", &answer["project"]["slug"]);
        // What the typed routes make stands there by itself.
        for (end, kind) in [("/tasks", "task"), ("/chats", "chat"), ("/messages", "message"), ("/comments", "comment")]
        {
            if path.ends_with(end) {
                keep(kind, &answer["id"]);
            }
        }
    }

    pub fn id(&self, kind: &str, chance: &mut Chance) -> String {
        chance.pick(&self.ids[kind]).clone()
    }

    /// One of any kind.
    pub fn any(&self, chance: &mut Chance) -> String {
        let kind = *chance.pick(&KINDS);
        self.id(kind, chance)
    }

    /// The newest ids of all kinds, for what picks by itself.
    pub fn all(&self) -> Vec<String> {
        self.ids.values().map(|ids| ids[0].clone()).collect()
    }

    /// What the parts of a path, a field, or an argument of this name are ids of.
    pub fn kind_of(name: &str, path: &str) -> Option<&'static str> {
        let lower = name.to_lowercase();
        let by_name = [
            ("slug", "slug"),
            ("project", "project"),
            ("depends", "task"),
            ("task", "task"),
            ("ticket", "task"),
            ("other", "task"),
            ("chat", "chat"),
            ("message", "message"),
            ("signal", "signal"),
            ("number", "number"),
            ("edge", "dependency"),
            ("depid", "dependency"),
            ("version_id", "version"),
        ];
        if let Some((_, kind)) = by_name.iter().find(|(part, _)| lower.contains(part)) {
            return Some(kind);
        }
        let by_path = [
            ("/projects", "project"),
            ("/tasks", "task"),
            ("/chats", "chat"),
            ("/signal", "signal"),
            ("/notifications", "notification"),
            ("/prompts", "version"),
            ("/task-dependencies", "dependency"),
            ("/words", "task"),
        ];
        ["id", "before", "after"].contains(&lower.as_str()).then_some(())?;
        by_path.iter().find(|(part, _)| path.contains(part)).map(|(_, kind)| *kind)
    }

    /// `text` with names for what this run has called otherwise than the next one will: `{task.2}`.
    pub fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (kind, ids) in &self.ids {
            for (n, id) in ids.iter().enumerate().filter(|(_, id)| id.len() > 8) {
                text = text.replace(id, &format!("{{{kind}.{n}}}"));
            }
        }
        text
    }

    /// The other way.
    pub fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (kind, ids) in &self.ids {
            for (n, id) in ids.iter().enumerate() {
                text = text.replace(&format!("{{{kind}.{n}}}"), id);
            }
        }
        text
    }
}
