//! Sentences for people: why there is no connection, and what to do about it.

use crate::state::DownReason;

use crate::wire::{Fault, text};

/// The oldest and newest protocol that we speak.
pub const PROTOCOLS: std::ops::RangeInclusive<u32> = 3..=4;

/// A kind of trouble and its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind.
    pub why: DownReason,
    /// What happened and what to do.
    pub sentence: String,
    /// How long the gateway asked us to wait, in milliseconds.
    pub not_before_ms: Option<u64>,
}

impl Trouble {
    /// Trouble without a wish of the gateway about the next try.
    #[must_use]
    pub fn new(why: DownReason, sentence: impl Into<String>) -> Self {
        Self { why, sentence: sentence.into(), not_before_ms: None }
    }
}

/// An address as it may be shown and logged: without user, password, query and fragment. One in which it
/// cannot be told where a password ends is not shown at all.
#[must_use]
pub fn shown_address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.contains('@') {
        return format!("{scheme}***");
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}{host}{}", path.trim_end_matches('/'))
}

/// Whether an address names this machine.
#[must_use]
pub fn is_nearby(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(ip) => ip.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Nobody listens, or the name is not known.
#[must_use]
pub fn nothing_answers(address: &str) -> Trouble {
    Trouble::new(
        DownReason::NothingAnswers,
        format!(
            "Nothing answers at {address}. Start the gateway with `openclaw gateway run`, \
             or set OPENCLAW_WS_URL to the address where it listens."
        ),
    )
}

/// Something listens, but it does not speak the protocol.
#[must_use]
pub fn not_a_gateway(address: &str, what: &str) -> Trouble {
    Trouble::new(
        DownReason::Other,
        format!(
            "Something answers at {address}, but not like an OpenClaw gateway ({what}). \
             Set OPENCLAW_WS_URL to the gateway's address."
        ),
    )
}

/// The address cannot be dialled at all.
#[must_use]
pub fn bad_address(address: &str, what: &str) -> Trouble {
    Trouble::new(
        DownReason::Other,
        format!(
            "{address} is not a usable gateway address ({what}). \
             Set OPENCLAW_WS_URL to something like ws://127.0.0.1:18789 and restart OpenClutch."
        ),
    )
}

/// The secure connection failed.
#[must_use]
pub fn tls(address: &str, what: &str) -> Trouble {
    Trouble::new(
        DownReason::Other,
        format!("No secure connection to {address} ({what}). Check its certificate, or use ws:// within one machine."),
    )
}

/// The connection ended.
#[must_use]
pub fn lost(address: &str, detail: &str) -> Trouble {
    Trouble::new(
        DownReason::Lost,
        format!("The connection to the gateway at {address} was lost ({detail}). It is being dialled again by itself."),
    )
}

/// The gateway said goodbye before it closed.
#[must_use]
pub fn restarting(address: &str) -> Trouble {
    Trouble::new(
        DownReason::Lost,
        format!("The gateway at {address} is stopping or restarting. It is being dialled again by itself."),
    )
}

/// The gateway speaks a protocol outside [`PROTOCOLS`].
#[must_use]
pub fn version(address: &str, expected: Option<u64>) -> Trouble {
    let newest = u64::from(*PROTOCOLS.end());
    let sentence = match expected {
        Some(theirs) if theirs > newest => format!(
            "The gateway at {address} is too new: it speaks protocol {theirs}, this OpenClutch up to {newest}. Update OpenClutch."
        ),
        Some(theirs) => format!(
            "The gateway at {address} is too old: it speaks protocol {theirs}, OpenClutch needs {} or {newest}. \
             Update it with `openclaw update`.",
            PROTOCOLS.start()
        ),
        None => format!(
            "The gateway at {address} and this OpenClutch speak different protocol versions. \
             Update the older of the two; OpenClaw 2026.1 and later works."
        ),
    };
    Trouble::new(DownReason::Version, sentence)
}

/// The gateway let us in, but without the right to run agents.
#[must_use]
pub fn no_rights(address: &str, granted: &[String]) -> Trouble {
    let granted = if granted.is_empty() { "no rights".to_owned() } else { format!("only {}", granted.join(", ")) };
    Trouble::new(
        DownReason::Other,
        format!(
            "The gateway at {address} gives OpenClutch {granted}, but it needs operator.write. Look at \
             `openclaw devices list` on the gateway's machine and approve the wider request."
        ),
    )
}

/// What a refused `connect` means. `has_token` says whether we sent one.
#[must_use]
pub fn refused(address: &str, fault: &Fault, has_token: bool) -> Trouble {
    let detail = fault.detail_code();
    let message = fault.message.to_lowercase();
    let expected = fault.details.get("expectedProtocol").and_then(serde_json::Value::as_u64);
    if detail == "PROTOCOL_MISMATCH" || expected.is_some() || message.contains("protocol mismatch") {
        return version(address, expected);
    }
    if fault.code == "NOT_PAIRED" || detail == "PAIRING_REQUIRED" {
        return pairing(address, fault);
    }
    if detail == "AUTH_RATE_LIMITED" {
        return Trouble {
            why: DownReason::TokenRefused,
            sentence: format!(
                "The gateway at {address} refuses more attempts for now, after several wrong tokens. \
                 Set OPENCLAW_TOKEN to the gateway's token (gateway.auth.token) and restart OpenClutch."
            ),
            not_before_ms: fault.retry_after_ms,
        };
    }
    if detail.starts_with("DEVICE_AUTH") || message.contains("device signature") || message.contains("device nonce") {
        return Trouble::new(
            DownReason::Other,
            format!(
                "The gateway at {address} does not accept this installation's device key ({}). Check that both \
                 machines' clocks are right, then move identity/device.json in the data folder away to have a new key made.",
                fault.message
            ),
        );
    }
    // Old gateways give no detail code, and call a wrong shared token a device token mismatch.
    if detail.starts_with("AUTH_") || message.starts_with("unauthorized") {
        let what = if has_token { "does not accept OPENCLAW_TOKEN" } else { "asks for a token" };
        return Trouble {
            why: DownReason::TokenRefused,
            sentence: format!(
                "The gateway at {address} {what}. Set OPENCLAW_TOKEN to the gateway's token \
                 (gateway.auth.token in its openclaw.json) and restart OpenClutch."
            ),
            not_before_ms: fault.retry_after_ms,
        };
    }
    if fault.code == "UNAVAILABLE" {
        return Trouble {
            why: DownReason::Other,
            sentence: format!("The gateway at {address} is still starting. It is being asked again by itself."),
            not_before_ms: fault.retry_after_ms,
        };
    }
    let said = if fault.message.is_empty() { fault.code.as_str() } else { fault.message.as_str() };
    Trouble::new(DownReason::Other, format!("The gateway at {address} refused the connection: {said}"))
}

/// Whether a refused `connect` asked for more than this device was granted before. Old gateways give no reason.
#[must_use]
pub fn wants_wider_rights(fault: &Fault) -> bool {
    let pairing = fault.code == "NOT_PAIRED" || fault.detail_code() == "PAIRING_REQUIRED";
    pairing && matches!(text(&fault.details, "reason"), "scope-upgrade" | "")
}

fn pairing(address: &str, fault: &Fault) -> Trouble {
    let request = text(&fault.details, "requestId");
    // The id goes into a command that a person pastes into a shell.
    let safe = !request.is_empty() && request.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let how = if safe {
        format!("On the gateway's machine run `openclaw devices approve {request}`")
    } else {
        "On the gateway's machine run `openclaw devices list`, then `openclaw devices approve <id>` for OpenClutch"
            .to_owned()
    };
    let what = match text(&fault.details, "reason") {
        "scope-upgrade" | "role-upgrade" | "metadata-upgrade" => "wants the wider rights of this device approved",
        _ => "does not know this device yet",
    };
    Trouble::new(
        DownReason::PairingNeeded,
        format!("The gateway at {address} {what}. {how}; OpenClutch then connects by itself."),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(value: serde_json::Value) -> Fault {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(shown_address("ws://127.0.0.1:18789/"), "ws://127.0.0.1:18789");
        assert_eq!(shown_address("wss://me:pw@host/gw/?token=abc#x"), "wss://host/gw");
        assert_eq!(shown_address("nonsense?token=abc"), "nonsense");
        assert_eq!(shown_address("me:pw@host:1"), "host:1");
        assert_eq!(shown_address("ws://me:p/w@host"), "ws://***");
        assert_eq!(shown_address("ws://me:p?w@host"), "ws://***");
        assert_eq!(shown_address("ws://me:p@w@host"), "ws://host");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for near in [
            "ws://127.0.0.1:1",
            "ws://localhost:1/x",
            "ws://[::1]:5",
            "ws://localhost",
            "ws://u@127.0.0.1",
            "ws://LOCALHOST:1",
            "ws://127.9.9.9",
            "ws://[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_nearby(near), "{near}");
        }
        for far in [
            "ws://10.0.0.1:1",
            "wss://localhost.example",
            "ws://example/127.0.0.1",
            "ws://127.example",
            "ws://127.0.0.1.example:1",
            "ws://127.0.0.1@far",
            "ws://[::2]",
        ] {
            assert!(!is_nearby(far), "{far}");
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        // Shapes from 2026.9.6 and, without details, from 2026.2.17.
        let cases = [
            (
                json!({"code":"INVALID_REQUEST","message":"unauthorized: gateway token mismatch (provide gateway auth token)",
                "details":{"code":"AUTH_TOKEN_MISMATCH"}}),
                DownReason::TokenRefused,
                "does not accept OPENCLAW_TOKEN",
            ),
            (
                json!({"code":"INVALID_REQUEST","message":"unauthorized: device token mismatch (rotate/reissue device token)"}),
                DownReason::TokenRefused,
                "OPENCLAW_TOKEN",
            ),
            (
                json!({"code":"NOT_PAIRED","message":"pairing required","details":{"code":"PAIRING_REQUIRED","requestId":"904c-1"}}),
                DownReason::PairingNeeded,
                "`openclaw devices approve 904c-1`",
            ),
            (
                json!({"code":"NOT_PAIRED","message":"pairing required","details":{"requestId":"x; rm -rf"}}),
                DownReason::PairingNeeded,
                "`openclaw devices list`",
            ),
            (
                json!({"code":"INVALID_REQUEST","message":"protocol mismatch","details":{"expectedProtocol":9}}),
                DownReason::Version,
                "too new",
            ),
            (
                json!({"code":"INVALID_REQUEST","message":"protocol mismatch","details":{"code":"PROTOCOL_MISMATCH","expectedProtocol":2}}),
                DownReason::Version,
                "too old",
            ),
            (
                json!({"code":"UNAVAILABLE","message":"starting","retryAfterMs":700}),
                DownReason::Other,
                "still starting",
            ),
            (json!({"code":"WEIRD","message":"no"}), DownReason::Other, "no"),
        ];
        for (value, why, words) in cases {
            let trouble = refused("ws://h:1", &fault(value), true);
            assert_eq!(trouble.why, why, "{}", trouble.sentence);
            assert!(trouble.sentence.contains(words), "{}", trouble.sentence);
            assert!(trouble.sentence.contains("ws://h:1"), "{}", trouble.sentence);
        }
    }

    #[test]
    fn a_missing_token_is_told_apart_from_a_wrong_one() {
        let fault = fault(json!({"code":"INVALID_REQUEST","message":"unauthorized: gateway token missing"}));
        assert!(refused("a", &fault, false).sentence.contains("asks for a token"));
        assert!(refused("a", &fault, true).sentence.contains("does not accept"));
    }
}
