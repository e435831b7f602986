//! Every setting of the program, declared once (the table in README.md is checked against it).
//!
//! Precedence: flag, environment, `.env.local`, default. An empty value counts as absent.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clutch_domain::plan::Policy;
use clutch_gateway::words::{is_nearby, shown_address};

mod access;
mod engine;
mod knobs;
mod programs;
mod source;
mod webhooks;

pub use access::Access;
pub use engine::{ConvexKey, Engine};
pub use knobs::{Knobs, NotSet};
pub use programs::WithoutPr;
pub use source::Source;
pub use webhooks::Webhooks;

/// A secret: never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// For tests.
    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

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
    row("CLUTCH_LOG", "Place", "What is logged, as tracing filters say it (warn,clutch=trace); info,clutch=debug"),
    row("CLUTCH_UPLOAD_DIR", "Place", "Folder of uploaded pictures; uploads/images in the data folder"),
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
    row("WORK_LOOP_CYCLE_MS", "Loop", "Longest pause between two looks, in ms, from 1000 to 3600000; 30000"),
    row("WORK_LOOP_MAX_AGENTS", "Loop", "Most agents at once; 10"),
    row("WORK_LOOP_MAX_AGENTS_PER_PROJECT", "Loop", "Most agents in one project; 3"),
    row("WORK_LOOP_MAX_DEV_AGENTS", "Loop", "Most dev agents in one project; 2"),
    row("WORK_LOOP_MAX_REVIEWER_AGENTS", "Loop", "Most reviewer agents in one project; 1"),
    row("WORK_LOOP_STALE_TASK_MINUTES", "Loop", "A silent agent is stopped after this; 15"),
    row("WORK_LOOP_STALE_REVIEW_MINUTES", "Loop", "The same for reviewers; 30"),
    row("CLUTCH_PASSWORD", "Access", "The owner's password, which turns log-in on; none: only this machine is served"),
    row("CLUTCH_ALLOWED_HOSTS", "Access", "Names under which it is reached, comma separated; needs log-in"),
    row(
        "CLUTCH_TRUSTED_PROXIES",
        "Access",
        "Addresses of proxies whose X-Forwarded-For and -Proto count; needs log-in",
    ),
    row("CLUTCH_URL", "Programs", "Where agents and programs reach this server; http://127.0.0.1:PORT"),
    row(
        "CLUTCH_COMPLETE_WITHOUT_PR",
        "Programs",
        "Where a report without a pull request leads: in_review or done; in_review",
    ),
    row("CLUTCH_ROOTS", "Programs", "Folders besides the home in which paths may be looked at, separated by colons"),
    row("CLUTCH_ROLES_DIR", "Loop", "Folder with your own `<role>.md` prompts, over the built-in ones"),
    row(
        "CLUTCH_WEBHOOKS_PRIVATE",
        "Webhooks",
        "Own networks and addresses to which webhooks may send, comma separated, or all; none",
    ),
    row(
        "CLUTCH_WEBHOOKS_KEY",
        "Webhooks",
        "Key of the webhooks' secrets, where several servers share a store; one of its own in the data folder",
    ),
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
    /// Log-in, where it is on.
    pub access: Option<Access>,
    /// Data folder.
    pub data_dir: PathBuf,
    /// Log folder.
    pub log_dir: PathBuf,
    /// What is logged, if it was set: a filter of `tracing`.
    pub log: Option<String>,
    /// Folder of uploaded pictures.
    pub upload_dir: PathBuf,
    /// Most megabytes of uploaded pictures.
    pub upload_quota_mb: u64,
    /// Where data is kept.
    pub engine: Engine,
    /// Gateway.
    pub gateway_url: String,
    /// Its token.
    pub gateway_token: Option<Secret>,
    /// The token goes to another machine, and whoever is on the way can read it.
    pub token_in_the_clear: bool,
    /// Where programs reach us, if it was set.
    pub public_url: Option<String>,
    /// Folder of role prompts, if it was set.
    pub roles_dir: Option<PathBuf>,
    /// Limits and switches of the loop.
    pub policy: Policy,
    /// What becomes of a task that is reported as complete without a pull request.
    pub without_pr: WithoutPr,
    /// Folders in which programs may ask about paths.
    pub roots: Vec<PathBuf>,
    /// What holds for outgoing webhooks.
    pub webhooks: Webhooks,
    /// What people should know, each a sentence.
    pub warnings: Vec<String>,
}

/// Why the program does not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct SettingsError(pub String);

impl Settings {
    /// Works out what holds. Fails where guessing would be wrong or unsafe.
    pub fn resolve(flags: &Flags, source: &Source) -> Result<Self, SettingsError> {
        let mut warnings = source.warnings.clone();
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
        let address = SocketAddr::new(host, port);
        let access = access::access(source, address)?;
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
        let upload_dir =
            source.get("CLUTCH_UPLOAD_DIR").map_or_else(|| data_dir.join("uploads").join("images"), PathBuf::from);
        let gateway_url = gateway(source)?;
        let gateway_token = source.get("OPENCLAW_TOKEN").map(|t| Secret(t.to_owned()));
        let token_in_the_clear =
            gateway_token.is_some() && gateway_url.starts_with("ws://") && !is_nearby(&gateway_url);
        if token_in_the_clear {
            warnings.push(format!(
                "OPENCLAW_TOKEN goes to {} unencrypted: whoever is on the way can read it. Use wss://, or an SSH tunnel to 127.0.0.1.",
                shown_address(&gateway_url)
            ));
        }
        Ok(Self {
            address,
            access,
            log_dir,
            data_dir,
            log: source.get("CLUTCH_LOG").map(str::to_owned),
            upload_dir,
            upload_quota_mb,
            engine: engine::engine(source)?,
            gateway_url,
            gateway_token,
            token_in_the_clear,
            public_url: public_url(source, &mut warnings)?,
            roles_dir: source.get("CLUTCH_ROLES_DIR").map(PathBuf::from),
            policy: policy(source, &mut warnings),
            without_pr: programs::without_pr(source)?,
            roots: programs::roots(source)?,
            webhooks: webhooks::webhooks(source)?,
            warnings,
        })
    }
}

fn wrong(name: &str, text: &str, wanted: &str) -> SettingsError {
    SettingsError(format!("{name} is {text:?}, but it must be {wanted}."))
}

/// The same for an address, whose user, password and query are nobody's business.
fn wrong_address(name: &str, text: &str, wanted: &str) -> SettingsError {
    wrong(name, &shown_address(text), wanted)
}

/// Agents and pages are told this address, so it holds no password.
fn public_url(source: &Source, warnings: &mut Vec<String>) -> Result<Option<String>, SettingsError> {
    let Some(url) = source.get("CLUTCH_URL").map(|u| u.trim_end_matches('/')) else { return Ok(None) };
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(wrong_address("CLUTCH_URL", url, "an address that begins with http:// or https://"));
    }
    let shown = shown_address(url);
    if shown != url {
        warnings.push(format!(
            "CLUTCH_URL is used as {shown}: agents and pages are told it, so it has no user, password or query."
        ));
    }
    Ok(Some(shown))
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
        Err(wrong_address("OPENCLAW_WS_URL", &url, "an address that begins with ws:// or wss://"))
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

/// A shorter cycle of the loop would only look at the same again and again; a longer one would miss the hour.
const CYCLE_MS: std::ops::RangeInclusive<i64> = 1_000..=3_600_000;

fn policy(source: &Source, warnings: &mut Vec<String>) -> Policy {
    let mut policy = Policy::default();
    if let Some(text) = source.get("WORK_LOOP_ENABLED") {
        policy.enabled = !matches!(text.to_lowercase().as_str(), "false" | "0" | "off" | "no");
    }
    if let Some(text) = source.get("WORK_LOOP_CYCLE_MS") {
        let wanted = text.parse::<i64>().ok();
        let ms = wanted.map_or(policy.cycle_ms, |ms| ms.clamp(*CYCLE_MS.start(), *CYCLE_MS.end()));
        if wanted != Some(ms) {
            warnings.push(format!(
                "WORK_LOOP_CYCLE_MS is {text:?}, which is not a number from {} to {}: {ms} is used.",
                CYCLE_MS.start(),
                CYCLE_MS.end()
            ));
        }
        policy.cycle_ms = ms;
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
    policy
}

#[cfg(test)]
mod tests;
