//! The loop's settings as programs see and change them (facts §2.20): eight names in `.env.local`, which count from the
//! server's next start. Of the file only the lines of these names change, and a value is what its name takes.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::plan::Policy;

use super::{
    CYCLE_MS, SettingsError, Source, policy,
    source::{FILE, Line, env_line, text},
};

const ENABLED: &str = "WORK_LOOP_ENABLED";
const CYCLE: &str = "WORK_LOOP_CYCLE_MS";
/// What they are, in the order in which they are told.
const NAMES: [&str; 8] = [
    ENABLED,
    "WORK_LOOP_MAX_AGENTS",
    "WORK_LOOP_MAX_AGENTS_PER_PROJECT",
    "WORK_LOOP_MAX_DEV_AGENTS",
    "WORK_LOOP_MAX_REVIEWER_AGENTS",
    "WORK_LOOP_STALE_TASK_MINUTES",
    "WORK_LOOP_STALE_REVIEW_MINUTES",
    CYCLE,
];

/// Why a value is not set.
#[derive(Debug, PartialEq, Eq)]
pub enum NotSet {
    /// There is no such name.
    Unknown(String),
    /// The name does not take the value.
    Wrong(String),
    /// The environment says something, and counts over the file.
    Elsewhere(&'static str),
    /// The file cannot be read or written.
    File(String),
}

/// The file in which they stand.
#[derive(Clone, Debug)]
pub struct Knobs {
    file: PathBuf,
    /// One change at a time: each rests on the lines that it has read.
    turn: Arc<Mutex<()>>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self { file: FILE.into(), turn: Arc::default() }
    }
}

impl Knobs {
    /// In another file.
    #[cfg(test)]
    pub fn of(file: PathBuf) -> Self {
        Self { file, turn: Arc::default() }
    }

    /// The values with which a server would start now.
    pub fn now(&self) -> Result<Vec<(&'static str, String)>, SettingsError> {
        let source = Source::of(&self.file)?;
        Ok(said(&policy(&source, &mut Vec::new())))
    }

    /// Sets some of them; all or none.
    pub fn set(&self, wanted: &[(String, String)]) -> Result<(), NotSet> {
        let mut known = Vec::new();
        for (name, value) in wanted {
            let Some(name) = NAMES.iter().find(|known| *known == name) else {
                return Err(NotSet::Unknown(name.clone()));
            };
            known.push((*name, checked(name, value)?));
        }
        let there = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if let Some((name, _)) = known.iter().find(|(name, _)| there(name)) {
            return Err(NotSet::Elsewhere(name));
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(NotSet::File(error.to_string())),
        };
        let old = text(&bytes).ok_or_else(|| NotSet::File("it is not text in UTF-8".into()))?;
        self.write(&with(old, &known)).map_err(|error| NotSet::File(error.to_string()))
    }

    /// Whoever reads the file meanwhile sees the old one or the new one.
    fn write(&self, text: &str) -> std::io::Result<()> {
        let file = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let mut name = file.clone().into_os_string();
        name.push(".new");
        let aside = PathBuf::from(name);
        let written = (|| {
            let mut new = File::create(&aside)?;
            // It may hold a token.
            match fs::metadata(&file) {
                Ok(before) => new.set_permissions(before.permissions())?,
                Err(_) => {
                    use std::os::unix::fs::PermissionsExt;
                    new.set_permissions(fs::Permissions::from_mode(0o600))?;
                }
            }
            new.write_all(text.as_bytes())?;
            new.sync_all()?;
            fs::rename(&aside, &file)
        })();
        if written.is_err() {
            fs::remove_file(&aside).ok();
        }
        written
    }
}

fn said(policy: &Policy) -> Vec<(&'static str, String)> {
    let minutes = |ms: i64| (ms / 60_000).to_string();
    let values = [
        policy.enabled.to_string(),
        policy.max_agents.to_string(),
        policy.max_agents_per_project.to_string(),
        policy.max_dev_agents.to_string(),
        policy.max_reviewer_agents.to_string(),
        minutes(policy.stale_ms),
        minutes(policy.stale_review_ms),
        policy.cycle_ms.to_string(),
    ];
    NAMES.into_iter().zip(values).collect()
}

/// The value as the file will have it.
fn checked(name: &str, value: &str) -> Result<String, NotSet> {
    let value = value.trim();
    let number = || value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse::<u32>().ok()).flatten();
    let wrong = |what: String| NotSet::Wrong(format!("{name} must be {what}"));
    match name {
        ENABLED => match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Ok("true".into()),
            "false" | "0" | "off" | "no" => Ok("false".into()),
            _ => Err(wrong("true or false".into())),
        },
        CYCLE => match number() {
            Some(ms) if CYCLE_MS.contains(&i64::from(ms)) => Ok(ms.to_string()),
            _ => Err(wrong(format!("a whole number from {} to {}", CYCLE_MS.start(), CYCLE_MS.end()))),
        },
        _ => match number() {
            Some(n) if n > 0 => Ok(n.to_string()),
            _ => Err(wrong("a positive whole number".into())),
        },
    }
}

/// The text of the file with these values: the line that counts is changed in its place, those before it go.
fn with(old: &str, values: &[(&'static str, String)]) -> String {
    let names = |line: &str| match env_line(line) {
        Line::Sets(name, _) => values.iter().position(|(known, _)| *known == name),
        Line::Nothing | Line::Unclear => None,
    };
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let mut last = vec![None; values.len()];
    for (at, line) in lines.iter().enumerate() {
        if let Some(n) = names(line) {
            last[n] = Some(at);
        }
    }
    let set = |(name, value): &(&str, String)| format!("{name}={value}\n");
    let mut new = String::new();
    for (at, line) in lines.iter().enumerate() {
        match names(line) {
            None => new.push_str(line),
            Some(n) if last[n] == Some(at) => new.push_str(&set(&values[n])),
            Some(_) => {}
        }
    }
    if !new.is_empty() && !new.ends_with('\n') {
        new.push('\n');
    }
    values.iter().zip(&last).filter(|(_, at)| at.is_none()).for_each(|(value, _)| new.push_str(&set(value)));
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_these_names_change() {
        let set = |old: &str| with(old, &[("WORK_LOOP_MAX_AGENTS", "7".into()), (ENABLED, "false".into())]);
        let both = "WORK_LOOP_MAX_AGENTS=7\nWORK_LOOP_ENABLED=false\n";
        assert_eq!(set(""), both);
        assert_eq!(set("# mine\r\nlower=1\r\nPORT=4000"), format!("# mine\r\nlower=1\r\nPORT=4000\n{both}"));
        assert_eq!(
            set(
                "WORK_LOOP_MAX_AGENTS=1\n\nexport WORK_LOOP_MAX_AGENTS='2'\n# WORK_LOOP_ENABLED=true\nOPENCLAW_TOKEN=t\n"
            ),
            "\nWORK_LOOP_MAX_AGENTS=7\n# WORK_LOOP_ENABLED=true\nOPENCLAW_TOKEN=t\nWORK_LOOP_ENABLED=false\n"
        );
    }

    #[test]
    fn values_are_what_their_names_take() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env.local");
        let knobs = Knobs::of(file.clone());
        let set = |name: &str, value: &str| knobs.set(&[(name.to_owned(), value.to_owned())]);
        for (name, value) in [
            ("WORK_LOOP_MAX_AGENTS", "0"),
            ("WORK_LOOP_MAX_AGENTS", "-1"),
            ("WORK_LOOP_MAX_AGENTS", "+1"),
            ("WORK_LOOP_MAX_AGENTS", "1\nOPENCLAW_TOKEN=stolen"),
            ("WORK_LOOP_MAX_AGENTS", "99999999999"),
            ("WORK_LOOP_CYCLE_MS", "999"),
            ("WORK_LOOP_CYCLE_MS", "3600001"),
            ("WORK_LOOP_ENABLED", "perhaps"),
            ("WORK_LOOP_ENABLED", ""),
        ] {
            assert!(matches!(set(name, value), Err(NotSet::Wrong(_))), "{name}={value:?}");
        }
        assert_eq!(set("PATH", "/x"), Err(NotSet::Unknown("PATH".into())));
        assert!(!file.exists(), "nothing was written");
        assert_eq!(set("WORK_LOOP_MAX_AGENTS", " 12 "), Ok(()));
        assert_eq!(set("WORK_LOOP_ENABLED", "off"), Ok(()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "WORK_LOOP_MAX_AGENTS=12\nWORK_LOOP_ENABLED=false\n");
        let now = knobs.now().unwrap();
        assert_eq!(now[..2], [(ENABLED, "false".to_owned()), ("WORK_LOOP_MAX_AGENTS", "12".to_owned())]);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
    }
}
