//! What agents use, and what they may.

use clutch_domain::{brake, refusal::Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What agents may use up in a project on one day, UTC. `null` has no bound; zero starts nobody.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Agents started.
    pub runs: Option<u32>,
    /// Minutes of work, of all agents together.
    pub minutes: Option<u32>,
    /// Tokens, read and written.
    #[schema(maximum = 1_000_000_000_000_000_u64)]
    pub tokens: Option<u64>,
    /// US dollars.
    #[schema(minimum = 0.0, maximum = 1_000_000_000.0)]
    pub usd: Option<f64>,
}

/// Dollars of millionths.
#[expect(clippy::cast_precision_loss, reason = "a number of JSON; sums are made of the whole ones")]
pub fn usd(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl From<&brake::Budget> for Budget {
    fn from(b: &brake::Budget) -> Self {
        Self { runs: b.runs, minutes: b.minutes, tokens: b.tokens, usd: b.cost_micros.map(usd) }
    }
}

impl TryFrom<&Budget> for brake::Budget {
    type Error = Refusal;

    fn try_from(b: &Budget) -> Result<Self, Refusal> {
        let said = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let usd = match b.usd {
            Some(usd) if !(0.0..=1e9).contains(&usd) => return Err(Refusal::BudgetInvalid),
            Some(usd) => format!("{usd:.6}"),
            None => String::new(),
        };
        Self::parse(&said(b.runs.map(u64::from)), &said(b.minutes.map(u64::from)), &said(b.tokens), &usd)
    }
}

/// What agents of a project used on a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct Spending {
    /// Which day, UTC: `2026-11-28`.
    #[schema(format = Date)]
    pub day: String,
    /// Agents that the loop started.
    pub runs: u32,
    /// Their work, in minutes. Waiting for an answer is none.
    pub minutes: i64,
    /// Tokens, read and written.
    pub tokens: u64,
    /// US dollars, as far as anybody knows.
    pub usd: f64,
    /// What may be used up.
    pub budget: Budget,
    /// Nothing is started any more on this day, for this reason.
    pub used_up: Option<String>,
}

/// What the model used for a run.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars; `null` where nobody knows.
    pub usd: Option<f64>,
}

impl From<&brake::Used> for Usage {
    fn from(used: &brake::Used) -> Self {
        Self { input_tokens: used.input, output_tokens: used.output, usd: used.cost_micros.map(usd) }
    }
}
