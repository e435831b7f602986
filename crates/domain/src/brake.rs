//! Brakes of the work loop: what agents of a project may use up on a day, what they have used, and usage windows of
//! models that ran out.
//!
//! A day is one of UTC, for everybody the same. What a run uses is known when a turn of it ends; what it takes is
//! bounded where agents are **started**: one that is at work is not stopped because the day's budget is used up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    refusal::Refusal,
    time::{DAY_MS, Millis},
};

/// What the model used for a run, all its turns together, as its runtime tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Used {
    /// Tokens that were read.
    pub input: u64,
    /// Tokens that were written.
    pub output: u64,
    /// What it cost, in millionths of a US dollar; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
}

impl Used {
    /// Both together. A cost that is known of one of them counts alone.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let costs = [self.cost_micros, other.cost_micros];
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cost_micros: costs.into_iter().flatten().reduce(u64::saturating_add),
        }
    }

    /// All tokens.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// What agents may use up in a project on one day. `None` has no bound; zero starts nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Agents started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u32>,
    /// Minutes of work, of all agents together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Tokens, read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
}

impl Budget {
    /// Whether nothing is bounded.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is used up, the first of it.
    #[must_use]
    pub fn used_up(&self, spent: &Spent) -> Option<UsedUp> {
        let minutes = spent.worked_ms.max(0).unsigned_abs() / 60_000;
        if let Some(most) = self.runs.filter(|most| spent.runs >= *most) {
            Some(UsedUp::Runs(most))
        } else if let Some(most) = self.minutes.filter(|most| minutes >= u64::from(*most)) {
            Some(UsedUp::Minutes(most))
        } else if let Some(most) = self.tokens.filter(|most| spent.tokens >= *most) {
            Some(UsedUp::Tokens(most))
        } else {
            self.cost_micros.filter(|most| spent.cost_micros >= *most).map(UsedUp::Cost)
        }
    }
}

/// Most of whatever a budget bounds: what JSON holds exactly, with room for sums.
const MOST: u64 = 1_000_000_000_000_000;

impl Budget {
    /// A budget as somebody writes it: whole numbers, and money in dollars such as `12.50`. Blank is no bound.
    ///
    /// # Errors
    /// [`Refusal::BudgetInvalid`].
    pub fn parse(runs: &str, minutes: &str, tokens: &str, dollars: &str) -> Result<Self, Refusal> {
        let whole = |text: &str| -> Result<Option<u64>, Refusal> {
            // People group long numbers.
            let digits: String = text.chars().filter(|c| !c.is_whitespace() && !",_'\u{2019}".contains(*c)).collect();
            if digits.is_empty() {
                return Ok(None);
            }
            digits.parse().ok().filter(|n| *n <= MOST).map(Some).ok_or(Refusal::BudgetInvalid)
        };
        let few = |text: &str| -> Result<Option<u32>, Refusal> {
            // What numbers of 32 bits hold on every wire.
            let fits = |n: u64| i32::try_from(n).map(i32::cast_unsigned).map_err(|_| Refusal::BudgetInvalid);
            whole(text)?.map(fits).transpose()
        };
        let cost_micros = match dollars.trim().trim_start_matches('$').trim() {
            "" => None,
            text => Some(micros(text).ok_or(Refusal::BudgetInvalid)?),
        };
        Ok(Self { runs: few(runs)?, minutes: few(minutes)?, tokens: whole(tokens)?, cost_micros })
    }
}

/// `12`, `12.5`, `0.000001`: millionths.
fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let part = format!("{part:0<6}").parse::<u64>().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(part).filter(|micros| *micros <= MOST)
}

/// Which bound of a day is reached, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedUp {
    /// Agents started.
    Runs(u32),
    /// Minutes of work.
    Minutes(u32),
    /// Tokens.
    Tokens(u64),
    /// Millionths of a US dollar.
    Cost(u64),
}

impl fmt::Display for UsedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs(1) => f.write_str("1 agent"),
            Self::Runs(most) => write!(f, "{most} agents"),
            Self::Minutes(1) => f.write_str("1 minute of work"),
            Self::Minutes(most) => write!(f, "{most} minutes of work"),
            Self::Tokens(most) => write!(f, "{} tokens", grouped(*most)),
            Self::Cost(most) => f.write_str(&dollars(*most)),
        }
    }
}

/// `$12.40`; what is less than a cent in tenths of it.
#[must_use]
pub fn dollars(micros: u64) -> String {
    match micros {
        1..10_000 => format!("${}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100),
        _ => format!("${}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// What agents of a project used on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Which day: whole days since 1970-01-01, UTC.
    pub day: i64,
    /// Agents that the loop started.
    #[serde(default)]
    pub runs: u32,
    /// Their work, in milliseconds. Waiting for an answer is none.
    #[serde(default)]
    pub worked_ms: i64,
    /// Tokens, read and written.
    #[serde(default)]
    pub tokens: u64,
    /// Money, in millionths of a US dollar, as far as anybody knows.
    #[serde(default)]
    pub cost_micros: u64,
}

impl Spent {
    /// What was used on the day of this moment. A clock that goes after another's takes no day back.
    #[must_use]
    pub const fn on(&self, now: Millis) -> Self {
        if self.day >= now.day() {
            *self
        } else {
            Self { day: now.day(), runs: 0, worked_ms: 0, tokens: 0, cost_micros: 0 }
        }
    }
}

/// When the day of a moment is over.
#[must_use]
pub const fn next_day(now: Millis) -> Millis {
    Millis((now.day() + 1).saturating_mul(DAY_MS))
}

/// A usage window of a model that ran out: whoever asks it before it opens again is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Of agents in this runtime.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub runtime: String,
    /// With this model; `None` is the runtime's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_line")]
    pub model: Option<String>,
    /// When it opens again.
    pub until: Millis,
}

/// Most windows that a project remembers.
pub const WINDOWS_MAX: usize = 20;

impl Window {
    /// Whether it keeps an agent from starting now.
    #[must_use]
    pub fn shuts(&self, runtime: &str, model: Option<&str>, now: Millis) -> bool {
        self.runtime == runtime && self.model.as_deref() == model && now < self.until
    }
}

/// Ended runs in a row without a report, a comment or a question after which a task waits for a person.
pub const FRUITLESS_MAX: u32 = 4;
/// Usage windows in a row that a task waits for; what comes after counts as a failure.
pub const WINDOWS_IN_A_ROW: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_as_people_write_it() {
        let none = Budget::default();
        for (written, is) in [
            (["", " ", "", ""], none),
            (
                ["5", "90", "2,000,000", "$12.50"],
                Budget { runs: Some(5), minutes: Some(90), tokens: Some(2_000_000), cost_micros: Some(12_500_000) },
            ),
            (
                ["0", "", "1\u{a0}000", "0.000001"],
                Budget { runs: Some(0), tokens: Some(1_000), cost_micros: Some(1), ..none },
            ),
            (["", "", "", "7"], Budget { cost_micros: Some(7_000_000), ..none }),
        ] {
            let [runs, minutes, tokens, dollars] = written;
            assert_eq!(Budget::parse(runs, minutes, tokens, dollars), Ok(is), "{written:?}");
        }
        for wrong in [
            ["-1", "", "", ""],
            ["1.5", "", "", ""],
            ["2147483648", "", "", ""],
            ["", "an hour", "", ""],
            ["", "", "99999999999999999999", ""],
            ["", "", "", "12,50"],
            ["", "", "", ".5"],
            ["", "", "", "1.0000001"],
            ["", "", "", "-3"],
            ["", "", "", "18446744073710"],
        ] {
            let [runs, minutes, tokens, dollars] = wrong;
            assert_eq!(Budget::parse(runs, minutes, tokens, dollars), Err(Refusal::BudgetInvalid), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_used_up_is_said_and_nothing_before_it() {
        let spent = Spent { day: 3, runs: 4, worked_ms: 59 * 60_000 + 59_999, tokens: 1_999, cost_micros: 4_999_999 };
        let none = Budget::default();
        for (budget, used_up, says) in [
            (none, None, ""),
            (Budget { runs: Some(5), minutes: Some(60), tokens: Some(2_000), cost_micros: Some(5_000_000) }, None, ""),
            (Budget { runs: Some(4), ..none }, Some(UsedUp::Runs(4)), "4 agents"),
            (Budget { runs: Some(0), ..none }, Some(UsedUp::Runs(0)), "0 agents"),
            (Budget { minutes: Some(59), ..none }, Some(UsedUp::Minutes(59)), "59 minutes of work"),
            (Budget { tokens: Some(1_999), ..none }, Some(UsedUp::Tokens(1_999)), "1,999 tokens"),
            (Budget { cost_micros: Some(4_990_000), ..none }, Some(UsedUp::Cost(4_990_000)), "$4.99"),
            (Budget { cost_micros: Some(0), ..none }, Some(UsedUp::Cost(0)), "$0.00"),
        ] {
            assert_eq!(budget.used_up(&spent), used_up, "{budget:?}");
            assert_eq!(used_up.map_or_else(String::new, |up| up.to_string()), says);
        }
        assert_eq!(
            (dollars(2_500), dollars(9_999), dollars(12_400_000)),
            ("$0.0025".into(), "$0.0099".into(), "$12.40".into())
        );
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_day_begins_with_nothing_and_no_clock_takes_one_back() {
        let spent = Spent { day: 3, runs: 4, ..Spent::default() };
        assert_eq!(spent.on(Millis(3 * DAY_MS + 5)), spent);
        assert_eq!(spent.on(Millis(3 * DAY_MS - 1)), spent);
        assert_eq!(spent.on(Millis(4 * DAY_MS)), Spent { day: 4, ..Spent::default() });
        assert_eq!(next_day(Millis(3 * DAY_MS + 5)), Millis(4 * DAY_MS));
    }
}
