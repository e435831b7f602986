//! Since when the server runs, and which it is (facts §2.15).

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::time::Millis;
use clutch_orchestrator::office::Office;
use serde_json::{Value, json};

use super::programs::Programs;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `GET /api/status`.
pub async fn show(State(office): State<Arc<Office>>, State(programs): State<Arc<Programs>>) -> Json<Value> {
    let began = programs.started_at;
    let uptime = office.now().since(began);
    Json(json!({
        "startedAt": began, "startedAtFormatted": formatted(began), "startedAtRelative": relative(uptime),
        "uptime": uptime, "uptimeFormatted": span(uptime), "version": env!("CARGO_PKG_VERSION"),
        // Nothing of the kind runs here, and the program does not know of what it was built.
        "commit": null, "nodeVersion": null,
        "platform": std::env::consts::OS,
    }))
}

fn formatted(at: Millis) -> String {
    let at = at.utc();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

fn relative(ms: i64) -> String {
    let (n, unit) = match ms {
        ..MINUTE => return "just now".into(),
        MINUTE..HOUR => (ms / MINUTE, "minute"),
        HOUR..DAY => (ms / HOUR, "hour"),
        _ => (ms / DAY, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

fn span(ms: i64) -> String {
    match ms {
        ..MINUTE => format!("{}s", ms / 1_000),
        MINUTE..HOUR => format!("{}m", ms / MINUTE),
        HOUR..DAY => format!("{}h {}m", ms / HOUR, ms % HOUR / MINUTE),
        _ => format!("{}d {}h {}m", ms / DAY, ms % DAY / HOUR, ms % HOUR / MINUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_words() {
        for (ms, long, ago) in [
            (0, "0s", "just now"),
            (59_999, "59s", "just now"),
            (MINUTE, "1m", "1 minute ago"),
            (2 * HOUR + 15 * MINUTE, "2h 15m", "2 hours ago"),
            (DAY + HOUR, "1d 1h 0m", "1 day ago"),
        ] {
            assert_eq!((span(ms).as_str(), relative(ms).as_str()), (long, ago), "{ms}");
        }
        assert_eq!(formatted(Millis(1_700_000_000_000)), "2023-11-14T22:13:20Z");
    }
}
