//! Every setting of the program, declared once (the table in README.md is checked against it).
//!
//! Precedence: flag, environment, `.env.local`, default. An empty value counts as absent.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clutch_domain::plan::Policy;

mod engine;

pub use engine::{ConvexKey, Engine};

/// A secret: never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// One name that the program reads.
pub struct Setting {
    /// Environment name.
    pub name: &'static str,
    /// Group, as in the README.
    pub group: &'static str,
    /// What it does and its default, in a line.
    pub about: &'static str,
}

const fn row(name: &'static str, group: &'static str, about: &'static str) -> Setting {
    Setting { name, group, about }
}

/// All names that the program reads.
pub const SETTINGS: &[Setting] = &[
    row("PORT", "Place", "Port to listen on; 3002"),
    row("CLUTCH_HOST", "Place", "Address to listen on; 127.0.0.1"),
    row("HOST", "Place", "The same, if it is an IP address"),
    row("CLUTCH_DATA_DIR", "Place", "Data folder; $XDG_DATA_HOME/openclutch"),
    row("CLUTCH_LOG_DIR", "Place", "Log folder; logs in the data folder"),
    row("CLUTCH_UPLOAD_QUOTA_MB", "Place", "Most megabytes of uploaded pictures; 2048"),
    row("CONVEX_URL", "Store", "Convex deployment that keeps the data; without it SQLite in the data folder"),
    row("CONVEX_SELF_HOSTED_URL", "Store", "The same, self-hosted"),
    row("NEXT_PUBLIC_CONVEX_URL", "Store", "Alias of CONVEX_URL"),
    row("NEXT_PUBLIC_CONVEX_SELF_HOSTED_URL", "Store", "Alias of CONVEX_SELF_HOSTED_URL"),
    row("CONVEX_SELF_HOSTED_ADMIN_KEY", "Store", "The deployment's admin key, self-hosted; stays on the server"),
    row("CONVEX_DEPLOY_KEY", "Store", "Instead of it: a deploy key, in Convex's cloud"),
    row("OPENCLAW_WS_URL", "Gateway", "Address of the OpenClaw gateway; ws://127.0.0.1:18789"),
    row("OPENCLAW_HOST", "Gateway", "Its host, when OPENCLAW_WS_URL is not set"),
    row("OPENCLAW_PORT", "Gateway", "Its port, when OPENCLAW_WS_URL is not set"),
    row("OPENCLAW_TOKEN", "Gateway", "Its token; stays on the server"),
    row("NEXT_PUBLIC_OPENCLAW_TOKEN", "Gateway", "Never used; a warning that it was public"),
    row("NEXT_PUBLIC_OPENCLAW_HTTP_URL", "Gateway", "Ignored: the server speaks to the gateway itself"),
    row("NEXT_PUBLIC_OPENCLAW_API_URL", "Gateway", "Ignored: the server speaks to the gateway itself"),
    row("WORK_LOOP_ENABLED", "Loop", "Whether this server runs the work loop; on"),
    row("WORK_LOOP_CYCLE_MS", "Loop", "Longest pause between two looks, in ms; 30000"),
    row("WORK_LOOP_MAX_AGENTS", "Loop", "Most agents at once; 10"),
    row("WORK_LOOP_MAX_AGENTS_PER_PROJECT", "Loop", "Most agents in one project; 3"),
    row("WORK_LOOP_MAX_DEV_AGENTS", "Loop", "Most dev agents in one project; 2"),
    row("WORK_LOOP_MAX_REVIEWER_AGENTS", "Loop", "Most reviewer agents in one project; 1"),
    row("WORK_LOOP_STALE_TASK_MINUTES", "Loop", "A silent agent is looked at after this; 15"),
    row("WORK_LOOP_STALE_REVIEW_MINUTES", "Loop", "The same for reviewers; 30"),
    row("CLUTCH_PASSWORD", "Access", "Reserved for log-in, which is not in this build: other addresses are refused"),
    row("CLUTCH_ALLOWED_HOSTS", "Access", "Other host names, comma separated; needs log-in"),
    row("CLUTCH_URL", "Programs", "Where agents and programs reach this server; http://127.0.0.1:PORT"),
    row("CLUTCH_ROLES_DIR", "Loop", "Folder with your own `<role>.md` prompts, over the built-in ones"),
];

/// All settings as a text, for `clutch serve --help`.
pub fn table() -> String {
    let mut text = String::from("Settings, from the environment or .env.local:\n");
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            text.push_str(&format!("\n  {group}\n"));
        }
        text.push_str(&format!("    {:34} {}\n", setting.name, setting.about));
    }
    text
}

/// What the flags of `clutch serve` say.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--host`.
    pub host: Option<IpAddr>,
    /// `--port`.
    pub port: Option<u16>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// Effective settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on.
    pub address: SocketAddr,
    /// Data folder.
    pub data_dir: PathBuf,
    /// Log folder.
    pub log_dir: PathBuf,
    /// Most megabytes of uploaded pictures.
    pub upload_quota_mb: u64,
    /// Where data is kept.
    pub engine: Engine,
    /// Gateway.
    pub gateway_url: String,
    /// Its token.
    pub gateway_token: Option<Secret>,
    /// Where programs reach us, if it was set.
    pub public_url: Option<String>,
    /// Folder of role prompts, if it was set.
    pub roles_dir: Option<PathBuf>,
    /// Limits and switches of the loop.
    pub policy: Policy,
    /// What people should know, each a sentence.
    pub warnings: Vec<String>,
}

/// Why the program does not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// Where values come from: the environment over `.env.local`.
#[derive(Clone, Debug, Default)]
pub struct Source {
    values: BTreeMap<String, String>,
}

impl Source {
    /// Reads the process's environment and `.env.local` in the current folder.
    pub fn from_process() -> Self {
        let file = std::fs::read_to_string(".env.local").unwrap_or_default();
        Self::new(&file, std::env::vars())
    }

    /// Lays an environment over the text of an env file.
    pub fn new(file: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values: BTreeMap<String, String> = file.lines().filter_map(env_line).collect();
        values.extend(environment.into_iter().filter(|(_, v)| !v.trim().is_empty()));
        Self { values }
    }

    fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(
            name.starts_with("XDG_")
                || name.starts_with("LEPTOS_")
                || name == "HOME"
                || SETTINGS.iter().any(|s| s.name == name)
        );
        self.values.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}

fn env_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let value = value.trim();
    let quoted = |q: char| value.len() >= 2 && value.starts_with(q) && value.ends_with(q);
    let value = if quoted('"') || quoted('\'') { &value[1..value.len() - 1] } else { value };
    Some((name.trim().to_owned(), value.to_owned())).filter(|(_, v)| !v.is_empty())
}

impl Settings {
    /// Works out what holds. Fails where guessing would be wrong or unsafe.
    pub fn resolve(flags: &Flags, source: &Source) -> Result<Self, SettingsError> {
        let mut warnings = Vec::new();
        let leptos: Option<SocketAddr> = source.get("LEPTOS_SITE_ADDR").and_then(|a| a.parse().ok());
        let host = match (flags.host, source.get("CLUTCH_HOST")) {
            (Some(host), _) => host,
            (None, Some(text)) => {
                text.parse().map_err(|_| wrong("CLUTCH_HOST", text, "an IP address such as 127.0.0.1"))?
            }
            // Some shells export the machine's name as HOST; only an address is meant for us.
            (None, None) => source
                .get("HOST")
                .and_then(|h| h.parse().ok())
                .or(leptos.map(|a| a.ip()))
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        let port = match (flags.port, source.get("PORT")) {
            (Some(port), _) => port,
            (None, Some(text)) => text.parse().map_err(|_| wrong("PORT", text, "a number from 0 to 65535"))?,
            (None, None) => leptos.map_or(3002, |a| a.port()),
        };
        if !host.is_loopback() {
            return Err(SettingsError(format!(
                "Refusing to listen on {host}: that lets others in, and log-in with a password (CLUTCH_PASSWORD) is not in this build yet. Listen on 127.0.0.1 and use an SSH tunnel: ssh -L {port}:127.0.0.1:{port} <this machine>"
            )));
        }
        if let Some(hosts) = source.get("CLUTCH_ALLOWED_HOSTS") {
            return Err(SettingsError(format!(
                "Refusing to start: CLUTCH_ALLOWED_HOSTS names {hosts}, and other hosts need log-in with a password (CLUTCH_PASSWORD), which is not in this build yet. Unset it."
            )));
        }
        if source.get("CLUTCH_PASSWORD").is_some() {
            warnings.push(
                "CLUTCH_PASSWORD is set, but log-in is not in this build yet: only this machine can connect.".into(),
            );
        }
        let data_dir = flags
            .data_dir
            .clone()
            .or_else(|| source.get("CLUTCH_DATA_DIR").map(PathBuf::from))
            .or_else(|| source.get("XDG_DATA_HOME").map(|d| Path::new(d).join("openclutch")))
            .or_else(|| source.get("HOME").map(|h| Path::new(h).join(".local/share/openclutch")))
            .ok_or_else(|| {
                SettingsError("There is no HOME to keep data in. Set CLUTCH_DATA_DIR to a folder.".into())
            })?;
        let log_dir = source.get("CLUTCH_LOG_DIR").map_or_else(|| data_dir.join("logs"), PathBuf::from);
        for name in ["NEXT_PUBLIC_OPENCLAW_HTTP_URL", "NEXT_PUBLIC_OPENCLAW_API_URL"] {
            if source.get(name).is_some() {
                warnings.push(format!("{name} is ignored: the server speaks to the gateway itself."));
            }
        }
        if source.get("NEXT_PUBLIC_OPENCLAW_TOKEN").is_some() {
            warnings.push("NEXT_PUBLIC_OPENCLAW_TOKEN is never used. It was public to every browser: make a new token and set OPENCLAW_TOKEN.".into());
        }
        let upload_quota_mb = upload_quota_mb(source, &mut warnings);
        Ok(Self {
            address: SocketAddr::new(host, port),
            log_dir,
            data_dir,
            upload_quota_mb,
            engine: engine::engine(source)?,
            gateway_url: gateway(source)?,
            gateway_token: source.get("OPENCLAW_TOKEN").map(|t| Secret(t.to_owned())),
            public_url: source.get("CLUTCH_URL").map(|u| u.trim_end_matches('/').to_owned()),
            roles_dir: source.get("CLUTCH_ROLES_DIR").map(PathBuf::from),
            policy: policy(source, &mut warnings),
            warnings,
        })
    }
}

fn wrong(name: &str, text: &str, wanted: &str) -> SettingsError {
    SettingsError(format!("{name} is {text:?}, but it must be {wanted}."))
}

fn gateway(source: &Source) -> Result<String, SettingsError> {
    let url = match source.get("OPENCLAW_WS_URL") {
        Some(url) => url.to_owned(),
        None => {
            let host = source.get("OPENCLAW_HOST").unwrap_or("127.0.0.1");
            if host.contains(['/', '@', '?', '#']) {
                // Not printed: a whole address may have a password in it.
                return Err(SettingsError(
                    "OPENCLAW_HOST must be a host name or an IP address alone; put a whole address into OPENCLAW_WS_URL.".into(),
                ));
            }
            let port = source.get("OPENCLAW_PORT").unwrap_or("18789");
            let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
            format!("ws://{host}:{port}")
        }
    };
    if url.starts_with("ws://") || url.starts_with("wss://") {
        Ok(url)
    } else {
        Err(wrong("OPENCLAW_WS_URL", &url, "an address that begins with ws:// or wss://"))
    }
}

fn upload_quota_mb(source: &Source, warnings: &mut Vec<String>) -> u64 {
    const DEFAULT: u64 = 2048;
    let Some(text) = source.get("CLUTCH_UPLOAD_QUOTA_MB") else { return DEFAULT };
    text.parse().unwrap_or_else(|_| {
        warnings.push(format!("CLUTCH_UPLOAD_QUOTA_MB is {text:?}, which is not a number: {DEFAULT} is used."));
        DEFAULT
    })
}

fn policy(source: &Source, warnings: &mut Vec<String>) -> Policy {
    let mut policy = Policy::default();
    if let Some(text) = source.get("WORK_LOOP_ENABLED") {
        policy.enabled = !matches!(text.to_lowercase().as_str(), "false" | "0" | "off" | "no");
    }
    let mut number = |name: &str, slot: &mut u32| {
        if let Some(text) = source.get(name) {
            match text.parse::<u32>() {
                Ok(n) if n > 0 => *slot = n,
                _ => warnings.push(format!("{name} is {text:?}, which is not a positive number: {} is used.", *slot)),
            }
        }
    };
    number("WORK_LOOP_MAX_AGENTS", &mut policy.max_agents);
    number("WORK_LOOP_MAX_AGENTS_PER_PROJECT", &mut policy.max_agents_per_project);
    number("WORK_LOOP_MAX_DEV_AGENTS", &mut policy.max_dev_agents);
    number("WORK_LOOP_MAX_REVIEWER_AGENTS", &mut policy.max_reviewer_agents);
    let mut long = |name: &str, slot: &mut i64, unit_ms: i64| {
        let mut units = u32::try_from(*slot / unit_ms).unwrap_or(u32::MAX);
        number(name, &mut units);
        *slot = i64::from(units) * unit_ms;
    };
    long("WORK_LOOP_STALE_TASK_MINUTES", &mut policy.stale_ms, 60_000);
    long("WORK_LOOP_STALE_REVIEW_MINUTES", &mut policy.stale_review_ms, 60_000);
    long("WORK_LOOP_CYCLE_MS", &mut policy.cycle_ms, 1);
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn with(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let env = [("HOME", "/home/you")].iter().chain(pairs).map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Settings::resolve(&Flags::default(), &Source::new("", env.collect::<Vec<_>>()))
    }

    #[test]
    fn defaults() {
        let s = with(&[]).unwrap();
        assert_eq!(s.address.to_string(), "127.0.0.1:3002");
        assert_eq!(s.data_dir, Path::new("/home/you/.local/share/openclutch"));
        assert_eq!(s.log_dir, Path::new("/home/you/.local/share/openclutch/logs"));
        assert_eq!(s.gateway_url, "ws://127.0.0.1:18789");
        assert!(s.gateway_token.is_none() && s.warnings.is_empty());
    }

    /// `run.sh` looks for ports and folders by the same file: `scripts/tests` holds both to one table.
    #[test]
    fn the_file_is_read_as_run_sh_reads_it() {
        let source = Source::new(include_str!("../../scripts/tests/env.local"), []);
        for line in include_str!("../../scripts/tests/env.expected").lines() {
            let (name, value) = line.split_once('=').unwrap();
            assert_eq!(source.get(name).unwrap_or_default(), value, "{name}");
        }
    }

    type Effect = fn(&Settings) -> bool;

    /// Each name alone, with its effective value or the warning.
    #[test]
    fn each_name_alone() {
        let cases: &[(&str, &str, Effect)] = &[
            ("PORT", "4000", |s| s.address.port() == 4000),
            ("CLUTCH_HOST", "127.0.0.2", |s| s.address.ip().to_string() == "127.0.0.2"),
            ("HOST", "127.0.0.3", |s| s.address.ip().to_string() == "127.0.0.3"),
            ("HOST", "mybox", |s| s.address.ip().to_string() == "127.0.0.1"),
            ("CLUTCH_DATA_DIR", "/d", |s| s.data_dir == Path::new("/d")),
            ("CLUTCH_LOG_DIR", "/l", |s| s.log_dir == Path::new("/l")),
            ("CLUTCH_UPLOAD_QUOTA_MB", "7", |s| s.upload_quota_mb == 7),
            ("CLUTCH_UPLOAD_QUOTA_MB", "0", |s| s.upload_quota_mb == 0),
            ("CLUTCH_UPLOAD_QUOTA_MB", "lots", |s| s.upload_quota_mb == 2048 && s.warnings.len() == 1),
            ("OPENCLAW_WS_URL", "wss://g", |s| s.gateway_url == "wss://g"),
            ("OPENCLAW_HOST", "g", |s| s.gateway_url == "ws://g:18789"),
            ("OPENCLAW_PORT", "1", |s| s.gateway_url == "ws://127.0.0.1:1"),
            ("OPENCLAW_TOKEN", "t", |s| s.gateway_token.as_ref().is_some_and(|t| t.reveal() == "t")),
            ("NEXT_PUBLIC_OPENCLAW_TOKEN", "t", |s| s.gateway_token.is_none() && s.warnings[0].contains("public")),
            ("NEXT_PUBLIC_OPENCLAW_HTTP_URL", "x", |s| s.warnings[0].contains("ignored")),
            ("NEXT_PUBLIC_OPENCLAW_API_URL", "x", |s| s.warnings[0].contains("ignored")),
            ("WORK_LOOP_ENABLED", "false", |s| !s.policy.enabled),
            ("WORK_LOOP_ENABLED", "1", |s| s.policy.enabled),
            ("WORK_LOOP_CYCLE_MS", "5", |s| s.policy.cycle_ms == 5),
            ("WORK_LOOP_MAX_AGENTS", "7", |s| s.policy.max_agents == 7),
            ("WORK_LOOP_MAX_AGENTS", "-1", |s| s.policy.max_agents == 10 && s.warnings.len() == 1),
            ("WORK_LOOP_MAX_AGENTS_PER_PROJECT", "7", |s| s.policy.max_agents_per_project == 7),
            ("WORK_LOOP_MAX_DEV_AGENTS", "7", |s| s.policy.max_dev_agents == 7),
            ("WORK_LOOP_MAX_REVIEWER_AGENTS", "7", |s| s.policy.max_reviewer_agents == 7),
            ("WORK_LOOP_STALE_TASK_MINUTES", "7", |s| s.policy.stale_ms == 420_000),
            ("WORK_LOOP_STALE_REVIEW_MINUTES", "7", |s| s.policy.stale_review_ms == 420_000),
            ("CLUTCH_PASSWORD", "p", |s| s.warnings[0].contains("log-in")),
            ("CLUTCH_URL", "http://u/", |s| s.public_url.as_deref() == Some("http://u")),
            ("CLUTCH_ROLES_DIR", "/r", |s| s.roles_dir.as_deref() == Some(Path::new("/r"))),
        ];
        for (name, value, holds) in cases {
            let settings = with(&[(name, value)]).unwrap();
            assert!(holds(&settings), "{name}={value} gave {settings:?}");
        }
        let tried: std::collections::BTreeSet<&str> =
            cases.iter().map(|(n, _, _)| *n).chain(["CLUTCH_ALLOWED_HOSTS"]).chain(CONVEX).collect();
        for setting in SETTINGS {
            assert!(tried.contains(setting.name), "{} has no case", setting.name);
        }
    }

    /// Names that mean something together only.
    pub(super) const CONVEX: [&str; 6] = [
        "CONVEX_URL",
        "CONVEX_SELF_HOSTED_URL",
        "NEXT_PUBLIC_CONVEX_URL",
        "NEXT_PUBLIC_CONVEX_SELF_HOSTED_URL",
        "CONVEX_SELF_HOSTED_ADMIN_KEY",
        "CONVEX_DEPLOY_KEY",
    ];

    #[test]
    fn refusals_say_what_to_do() {
        let cases = [
            (vec![("CLUTCH_HOST", "0.0.0.0")], "SSH tunnel"),
            (vec![("CLUTCH_ALLOWED_HOSTS", "board.example")], "Unset it"),
            (vec![("CONVEX_URL", "http://a"), ("NEXT_PUBLIC_CONVEX_URL", "http://b")], "NEXT_PUBLIC_CONVEX_URL"),
            (vec![("OPENCLAW_WS_URL", "http://g")], "ws://"),
            (vec![("OPENCLAW_HOST", "ws://g")], "OPENCLAW_WS_URL"),
            (vec![("PORT", "many")], "number"),
        ];
        for (pairs, says) in cases {
            let error = with(&pairs).unwrap_err();
            assert!(error.0.contains(says), "{error}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let source = Source::new(
            "PORT=1\nexport OPENCLAW_TOKEN='a b'\n# PORT=2\n",
            [("PORT".into(), "3".into()), ("HOME".into(), "/h".into())],
        );
        let s = Settings::resolve(&Flags::default(), &source).unwrap();
        assert_eq!((s.address.port(), s.gateway_token.unwrap().reveal().to_owned()), (3, "a b".to_owned()));
    }

    #[test]
    fn the_readme_lists_every_setting() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        for setting in SETTINGS {
            assert!(readme.contains(&format!("`{}`", setting.name)), "README.md does not name {}", setting.name);
        }
    }
}
