//! What names and values come to mean.

use super::*;
use crate::webhooks::Private;

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
    let source = Source::new(include_str!("../../../scripts/tests/env.local"), []);
    for line in include_str!("../../../scripts/tests/env.expected").lines() {
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
        ("WORK_LOOP_CYCLE_MS", "5000", |s| s.policy.cycle_ms == 5_000 && s.warnings.is_empty()),
        ("WORK_LOOP_CYCLE_MS", "1", |s| s.policy.cycle_ms == 1_000 && s.warnings[0].contains("1000 is used")),
        ("WORK_LOOP_CYCLE_MS", "-5", |s| s.policy.cycle_ms == 1_000 && s.warnings.len() == 1),
        ("WORK_LOOP_CYCLE_MS", "99999999999", |s| s.policy.cycle_ms == 3_600_000 && s.warnings.len() == 1),
        ("WORK_LOOP_CYCLE_MS", "soon", |s| s.policy.cycle_ms == 30_000 && s.warnings.len() == 1),
        ("CLUTCH_LOG", "warn,clutch=trace", |s| s.log.as_deref() == Some("warn,clutch=trace")),
        ("CLUTCH_UPLOAD_DIR", "/u", |s| s.upload_dir == Path::new("/u")),
        ("WORK_LOOP_MAX_AGENTS", "7", |s| s.policy.max_agents == 7),
        ("WORK_LOOP_MAX_AGENTS", "-1", |s| s.policy.max_agents == 10 && s.warnings.len() == 1),
        ("WORK_LOOP_MAX_AGENTS_PER_PROJECT", "7", |s| s.policy.max_agents_per_project == 7),
        ("WORK_LOOP_MAX_DEV_AGENTS", "7", |s| s.policy.max_dev_agents == 7),
        ("WORK_LOOP_MAX_REVIEWER_AGENTS", "7", |s| s.policy.max_reviewer_agents == 7),
        ("WORK_LOOP_STALE_TASK_MINUTES", "7", |s| s.policy.stale_ms == 420_000),
        ("WORK_LOOP_STALE_REVIEW_MINUTES", "7", |s| s.policy.stale_review_ms == 420_000),
        ("CLUTCH_PASSWORD", "correct horse", |s| {
            s.access.as_ref().is_some_and(|a| a.password.reveal() == "correct horse") && s.warnings.is_empty()
        }),
        ("CLUTCH_URL", "http://u/", |s| s.public_url.as_deref() == Some("http://u") && s.warnings.is_empty()),
        ("CLUTCH_URL", "https://me:pw@u:1/b/?t=x", |s| {
            s.public_url.as_deref() == Some("https://u:1/b") && !s.warnings[0].contains("pw")
        }),
        ("CLUTCH_COMPLETE_WITHOUT_PR", "done", |s| s.without_pr == WithoutPr::Done),
        ("CLUTCH_COMPLETE_WITHOUT_PR", "in_review", |s| s.without_pr == WithoutPr::InReview),
        ("CLUTCH_ROOTS", "/srv:/opt/work/", |s| s.roots == ["/home/you", "/srv", "/opt/work"].map(PathBuf::from)),
        ("CLUTCH_WEBHOOKS_PRIVATE", "all", |s| s.webhooks.private == Private::All),
        (
            "CLUTCH_WEBHOOKS_PRIVATE",
            "10.0.0.0/8, 127.0.0.1",
            |s| matches!(&s.webhooks.private, Private::Some(n) if n.len() == 2),
        ),
        ("CLUTCH_WEBHOOKS_KEY", "0123456789abcdef0123456789abcdef", |s| s.webhooks.key.is_some()),
        ("CLUTCH_ROLES_DIR", "/r", |s| s.roles_dir.as_deref() == Some(Path::new("/r"))),
    ];
    for (name, value, holds) in cases {
        let settings = with(&[(name, value)]).unwrap();
        assert!(holds(&settings), "{name}={value} gave {settings:?}");
    }
    let tried: std::collections::BTreeSet<&str> = cases
        .iter()
        .map(|(n, _, _)| *n)
        .chain(["CLUTCH_ALLOWED_HOSTS", "CLUTCH_TRUSTED_PROXIES"])
        .chain(CONVEX)
        .collect();
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
        (vec![("CLUTCH_COMPLETE_WITHOUT_PR", "yes")], "in_review or done"),
        (vec![("CLUTCH_ROOTS", "/srv:work")], "absolute"),
        (vec![("CLUTCH_WEBHOOKS_PRIVATE", "localhost")], "10.0.0.0/8"),
        (vec![("CLUTCH_WEBHOOKS_KEY", "short")], "openssl rand"),
        (vec![("CLUTCH_ALLOWED_HOSTS", "board.example")], "Unset it"),
        (vec![("CLUTCH_TRUSTED_PROXIES", "127.0.0.1")], "CLUTCH_PASSWORD"),
        (vec![("CLUTCH_PASSWORD", "too short")], "fewer than 10"),
        (vec![("CLUTCH_PASSWORD", "correct horse"), ("CLUTCH_ALLOWED_HOSTS", "https://board.example")], "host names"),
        (vec![("CLUTCH_PASSWORD", "correct horse"), ("CLUTCH_TRUSTED_PROXIES", "proxy")], "IP addresses"),
        (vec![("CONVEX_URL", "http://a"), ("NEXT_PUBLIC_CONVEX_URL", "http://b")], "NEXT_PUBLIC_CONVEX_URL"),
        (vec![("OPENCLAW_WS_URL", "http://g")], "ws://"),
        (vec![("OPENCLAW_HOST", "ws://g")], "OPENCLAW_WS_URL"),
        (vec![("PORT", "many")], "number"),
        (vec![("CLUTCH_URL", "u:3002")], "http://"),
        (vec![("CONVEX_URL", "http://me:canary@c"), ("CONVEX_DEPLOY_KEY", "k")], "Remove it"),
    ];
    for (pairs, says) in cases {
        let error = with(&pairs).unwrap_err();
        assert!(error.0.contains(says), "{error}");
    }
}

#[test]
fn with_log_in_others_may_come() {
    let password = ("CLUTCH_PASSWORD", "correct horse");
    let names = ("CLUTCH_ALLOWED_HOSTS", "Board.example:8443, other.example,");
    let proxies = ("CLUTCH_TRUSTED_PROXIES", "127.0.0.1, ::1");
    let s = with(&[password, names, proxies, ("CLUTCH_HOST", "0.0.0.0")]).unwrap();
    let access = s.access.as_ref().unwrap();
    assert_eq!(access.hosts, ["board.example", "other.example"]);
    assert_eq!((access.proxies.len(), s.address.to_string().as_str()), (2, "0.0.0.0:3002"));
    assert!(!format!("{s:?}").contains("correct horse"), "{s:?}");
}

/// Passwords stand in addresses in many ways, also in wrong ones; a sentence names none.
#[test]
fn no_sentence_names_a_password() {
    let names = ["OPENCLAW_WS_URL", "CLUTCH_URL", "CONVEX_URL", "CONVEX_SELF_HOSTED_URL"];
    let mut said = 0;
    for name in names {
        for scheme in ["ws://", "wss://", "http://", "ftp://", ""] {
            for rest in [
                "me:canary@host:1",
                "canary@host/x",
                "me:can@canary@host",
                "me:canary/a@host",
                "me:canary?a@host",
                "me:canary#a@host",
                "host/?token=canary",
                "host/#canary",
                "me:canary@",
                "host/x?u=a@canary",
            ] {
                let url = format!("{scheme}{rest}");
                let pairs = [(name, url.as_str()), ("OPENCLAW_TOKEN", "canary"), ("CONVEX_DEPLOY_KEY", "canary")];
                let sentences = match with(&pairs) {
                    Err(error) => vec![error.0],
                    Ok(s) => {
                        [s.warnings, s.public_url.into_iter().collect(), vec![shown_address(&s.gateway_url)]].concat()
                    }
                };
                for sentence in sentences {
                    assert!(!sentence.contains("canary"), "{name}={url}: {sentence}");
                    said += 1;
                }
            }
        }
    }
    assert!(said > 150, "{said}");
}

#[test]
fn a_token_that_can_be_read_on_the_way_is_warned_about() {
    for (url, warned) in [
        ("ws://10.0.0.7:18789", true),
        ("ws://127.example:1", true),
        ("ws://box.local", true),
        ("wss://10.0.0.7", false),
        ("ws://127.0.0.1:18789", false),
        ("ws://localhost:1", false),
        ("ws://[::1]:1", false),
    ] {
        let warnings = with(&[("OPENCLAW_WS_URL", url), ("OPENCLAW_TOKEN", "t")]).unwrap().warnings;
        assert_eq!(warnings.iter().any(|w| w.contains("unencrypted")), warned, "{url}: {warnings:?}");
        assert!(with(&[("OPENCLAW_WS_URL", url)]).unwrap().warnings.is_empty(), "{url} without a token");
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
