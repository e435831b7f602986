//! What providers of models say where a usage window ran out, and until when.
//!
//! Their sentences are nobody's contract, so only what is plain is understood: that a limit of use was reached, and a
//! time. Everything else is an ordinary failure.

use crate::time::Millis;

/// What such sentences contain.
const LIMITS: &[&str] =
    &["usage limit", "limit reached", "hit your limit", "rate limit", "rate_limit", "quota", "too many requests"];
/// What stands before the time.
const BEFORE: &[&str] = &["reset", "again", "retry", "available", "wait", "|"];

/// The least and the longest time that is believed, in milliseconds: a minute, and a week with a day to spare.
const BELIEVED_MS: (i64, i64) = (60_000, 8 * 86_400_000);

/// When the window opens again that a refusal speaks of; `None` where it speaks of none or names no time.
/// A time of day counts as one of UTC, and only where it says so.
#[must_use]
pub fn opens_at(refusal: &str, now: Millis) -> Option<Millis> {
    let said = refusal.to_lowercase();
    if !LIMITS.iter().any(|limit| said.contains(limit)) {
        return None;
    }
    let ms = BEFORE.iter().filter_map(|word| said.find(word)).min().and_then(|at| {
        let rest = &said[at..];
        stamp(rest).map(|at| at.0 - now.0).or_else(|| span(rest)).or_else(|| time_of_day(rest, now))
    })?;
    (ms > 0).then(|| now.plus(ms.clamp(BELIEVED_MS.0, BELIEVED_MS.1)))
}

/// A moment: seconds or milliseconds since 1970, or `2026-11-28T15:04:05Z`.
fn stamp(said: &str) -> Option<Millis> {
    for word in said.split(|c: char| c.is_whitespace() || "|(),;\"'".contains(c)) {
        let word = word.trim_end_matches(['.', ':']);
        if word.len() >= 10 && word.bytes().all(|b| b.is_ascii_digit()) {
            let number: i64 = word.parse().ok()?;
            return Some(Millis(if word.len() >= 13 { number } else { number.saturating_mul(1_000) }));
        }
        if let Some(at) = iso(word) {
            return Some(at);
        }
    }
    None
}

/// `2026-11-28t15:04:05z` in small letters, with or without parts of a second.
fn iso(word: &str) -> Option<Millis> {
    let (date, time) = word.split_once('t')?;
    let time = time.strip_suffix('z').or_else(|| time.strip_suffix("+00:00"))?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let time = time.split('.').next()?;
    let mut parts = time.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let second = parts.next().unwrap_or(Ok(0)).ok()?;
    let fits = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (fits && (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second))
        .then(|| Millis((days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000))
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `in 3 days 4 hours`, `2h 15m`, `after 90 seconds`, `retry-after: 120`: milliseconds.
fn span(said: &str) -> Option<i64> {
    let (mut ms, mut found, mut number) = (0_i64, false, None::<i64>);
    for word in words(said) {
        if let Ok(n) = word.parse::<f64>() {
            number = (n.is_finite() && (0.0..1e9).contains(&n)).then_some((n * 1_000.0) as i64);
            continue;
        }
        match (number.take(), unit(word)) {
            (Some(thousands), Some(seconds)) => {
                (ms, found) = (ms.saturating_add(thousands.saturating_mul(seconds)), true);
            }
            // The first span counts; "and" joins its parts.
            _ if found && word != "and" => break,
            _ => {}
        }
    }
    if found {
        return Some(ms);
    }
    // The header's form has no unit: seconds.
    let rest = said.split_once("retry-after").or_else(|| said.split_once("retry_after"))?.1;
    let seconds: String =
        rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).take(9).collect();
    seconds.parse::<i64>().ok().map(|seconds| seconds * 1_000)
}

/// Runs of digits and runs of letters.
fn words(said: &str) -> impl Iterator<Item = &str> {
    let mut rest = said;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let first = rest.chars().next()?;
        let digits = first.is_ascii_digit();
        let end =
            rest.char_indices()
                .find(|(_, c)| {
                    if digits { !c.is_ascii_digit() && *c != '.' } else { !c.is_alphanumeric() || c.is_ascii_digit() }
                })
                .map_or(rest.len(), |(at, _)| at);
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.trim_end_matches('.'))
    })
}

fn unit(word: &str) -> Option<i64> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    })
}

/// `3pm (UTC)`, `at 15:04 UTC`: milliseconds from now to the next such moment.
fn time_of_day(said: &str, now: Millis) -> Option<i64> {
    if !["utc", "gmt"].iter().any(|zone| words(said).any(|word| word == *zone)) {
        return None;
    }
    let mut all = words(said).peekable();
    while let Some(word) = all.next() {
        let Ok(mut hour) = word.parse::<i64>() else { continue };
        let mut minute = 0;
        if let Some(n) = all.peek().and_then(|next| next.parse::<i64>().ok()) {
            minute = n;
            all.next();
        }
        match all.peek().copied() {
            Some("pm") if hour < 12 => hour += 12,
            Some("am") if hour == 12 => hour = 0,
            _ => {}
        }
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
            return None;
        }
        let of_day = (hour * 60 + minute) * 60_000;
        return Some((of_day - now.0.rem_euclid(86_400_000)).rem_euclid(86_400_000));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28 10:00:00 UTC.
    const NOW: Millis = Millis(1_795_860_000_000);
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn what_names_a_limit_and_a_time_is_understood() {
        for (said, after_ms) in [
            ("Claude AI usage limit reached|1795867200", 2 * HOUR),
            ("usage limit reached. Resets at 1795863600000.", HOUR),
            ("You've hit your usage limit. Try again in 3 days 4 hours 5 minutes.", 76 * HOUR + 5 * MINUTE),
            ("You've hit your limit \u{b7} resets 3pm (UTC)", 5 * HOUR),
            ("You've hit your limit \u{b7} resets 9:30am (UTC)", 23 * HOUR + 30 * MINUTE),
            ("Usage limit reached, available again at 15:04 UTC", 5 * HOUR + 4 * MINUTE),
            ("429 rate limit: please retry after 90 seconds", 90_000),
            ("Rate limit reached for gpt-5. Please try again in 2h15m.", 2 * HOUR + 15 * MINUTE),
            ("Quota exceeded; retry-after: 120", 2 * MINUTE),
            ("429 {\"error\":\"rate_limit\",\"reset_at\":\"2026-11-28T11:00:00Z\"}", HOUR),
            ("429 Too Many Requests. Try again at 2026-11-28T10:30:00.000Z", 30 * MINUTE),
            // Nobody is asked again at once, and nobody is believed for ever.
            ("Rate limit reached. Please try again in 1.5s.", MINUTE),
            ("Usage limit reached. Try again in 400 days.", 8 * 24 * HOUR),
        ] {
            assert_eq!(opens_at(said, NOW), Some(NOW.plus(after_ms)), "{said}");
        }
    }

    #[test]
    fn everything_else_is_an_ordinary_failure() {
        for said in [
            "",
            "The model failed.",
            "429 Too Many Requests",
            "API rate limit reached. Please try again later.",
            "Usage limit reached, resets at 3pm (Europe/Berlin)",
            "Usage limit reached, resets at 3pm",
            "Try again in 5 minutes.",
            "usage limit reached|1795000000",
            "usage limit reached|99999999999999999999",
            "quota, retry at 2026-99-28T10:30:00Z",
            "rate limit \u{1f980} retry in \u{661} hours",
        ] {
            assert_eq!(opens_at(said, NOW), None, "{said}");
        }
    }
}
