//! How long to wait before the next try: full jitter, for ever.

use crate::state::DownReason;

use crate::words::Trouble;

/// Ceiling of the first wait, in milliseconds; it doubles with every failure.
const FIRST_MS: u64 = 1_000;
/// Highest ceiling towards another machine.
const FAR_MAX_MS: u64 = 30_000;
/// Highest ceiling on this machine, where asking costs nothing and people wait for the answer.
const NEAR_MAX_MS: u64 = 5_000;
/// Least wait, so that a gateway that refuses at once is not asked in a tight loop.
const LEAST_MS: u64 = 100;
/// Least wait when only a person can help; gateways slow down clients that knock with a wrong token.
const PERSON_MS: u64 = 5_000;
/// A gateway may ask for patience, but not for more than this.
const PATIENCE_MAX_MS: u64 = 120_000;

/// Gives a number from 0 up to and including its argument, evenly spread.
pub type Jitter = Box<dyn FnMut(u64) -> u64 + Send>;

/// The wait after the `failures`th failure in a row, in milliseconds.
pub(super) fn wait_ms(trouble: &Trouble, failures: u32, nearby: bool, jitter: &mut Jitter) -> u64 {
    let most = if nearby { NEAR_MAX_MS } else { FAR_MAX_MS };
    let ceiling = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(most);
    let least = match trouble.why {
        DownReason::TokenRefused | DownReason::PairingNeeded | DownReason::Version => PERSON_MS,
        DownReason::NothingAnswers | DownReason::Lost | DownReason::Other => LEAST_MS,
    };
    let asked = trouble.not_before_ms.unwrap_or(0).min(PATIENCE_MAX_MS);
    least.max(asked).saturating_add(jitter(ceiling).min(ceiling))
}
