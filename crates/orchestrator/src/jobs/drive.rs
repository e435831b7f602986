//! The one driver of effects.

use clutch_domain::sabotage::{Switch, removed};
use futures_util::{FutureExt, select_biased};
use tokio::sync::watch;

use super::{Deposed, Desk, Effect, GivenUp, Hitch, Seen, Stage, judge::LOST_AFTER_MS};

/// The first and the longest pause before a step that did not come about is tried again, in milliseconds.
pub(crate) const PAUSE_MS: (i64, i64) = (1_000, 60_000);
/// After so many refusals in a row people are told.
const TOLD_AFTER: u32 = 3;
/// After so many refusals in a row an effect is given up: about six minutes.
const REFUSED_MOST: u32 = 11;

/// Whether somebody wants an effect undone. Its sender lives as long as this process leads.
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub fn new(wanted: watch::Receiver<bool>) -> Self {
        Self(wanted)
    }

    /// Whether it is wanted; a later change is news.
    fn wanted(&mut self) -> Result<bool, Deposed> {
        if self.0.has_changed().is_err() {
            // The driver that sent us does not lead any more; another may have begun since.
            return Err(Deposed);
        }
        Ok(*self.0.borrow_and_update())
    }

    /// Ready when it is wanted, or nobody is left to want anything.
    pub async fn changed(&mut self) {
        // An error says that the driver is gone; the next step sees it.
        let _ = self.0.changed().await;
    }
}

/// How long to wait after how many hitches.
#[derive(Debug, Default)]
struct Patience {
    /// Hitches since a step came about.
    hitches: u32,
    /// Refusals among them, in a row.
    refusals: u32,
}

impl Patience {
    fn pause(&mut self) -> i64 {
        let pause = PAUSE_MS.0 << self.hitches.min(16);
        self.hitches = self.hitches.saturating_add(1);
        pause.min(PAUSE_MS.1)
    }
}

/// Brings an effect to its end, however often its steps fail. Answers whether there was anything to do.
pub(crate) async fn drive<E: Effect>(desk: &Desk, mut effect: E, mut stop: Stop) -> Result<bool, Deposed> {
    let mut patience = Patience::default();
    let mut did = false;
    loop {
        desk.lawful()?;
        let wanted = stop.wanted()?;
        let Err(hitch) = step(desk, &mut effect, &mut stop, wanted, &mut patience).await else {
            did = true;
            continue;
        };
        let hitch = match hitch {
            Halt::Over => return Ok(did),
            Halt::Hitch(hitch) => hitch,
        };
        did = true;
        match hitch {
            Hitch::Deposed => return Err(Deposed),
            Hitch::Away(why) => {
                tracing::debug!(%why, "waits for the runtime");
                patience.refusals = 0;
                online(desk, &effect, &mut stop).await;
                rest(desk, PAUSE_MS.0, &mut stop).await;
            }
            Hitch::Unclear(why) => {
                tracing::debug!(%why, "a step is tried again");
                patience.refusals = 0;
                let pause = patience.pause();
                rest(desk, pause, &mut stop).await;
            }
            Hitch::Refused(sentence) => {
                patience.refusals += 1;
                let pause = patience.pause();
                if patience.refusals == TOLD_AFTER {
                    tracing::warn!(%sentence, "refused again and again");
                }
                if patience.refusals >= REFUSED_MOST && !removed(Switch::GivingUp) {
                    tracing::warn!(%sentence, "given up");
                    if let Err(Hitch::Deposed) = effect.give_up(GivenUp::Refused(sentence)).await {
                        return Err(Deposed);
                    }
                } else if patience.refusals >= TOLD_AFTER
                    && let Err(Hitch::Deposed) = effect.tell(sentence).await
                {
                    return Err(Deposed);
                }
                rest(desk, pause, &mut stop).await;
            }
        }
    }
}

enum Halt {
    Over,
    Hitch(Hitch),
}

impl From<Hitch> for Halt {
    fn from(hitch: Hitch) -> Self {
        Self::Hitch(hitch)
    }
}

/// One round: read, look, act, and take in what was seen.
async fn step<E: Effect>(
    desk: &Desk,
    effect: &mut E,
    stop: &mut Stop,
    wanted: bool,
    patience: &mut Patience,
) -> Result<(), Halt> {
    let seen = match effect.stage(wanted).await? {
        Stage::Over => return Err(Halt::Over),
        Stage::Stopping => {
            effect.undo().await?;
            None
        }
        Stage::New => Some(effect.act().await?),
        Stage::Open => match effect.look().await? {
            Seen::No => Some(effect.act().await?),
            seen => Some(seen),
        },
    };
    match seen {
        None => {}
        Some(Seen::Done(result)) => effect.record(result).await?,
        Some(Seen::CannotTell) if removed(Switch::NeverAgain) => drop(effect.act().await?),
        Some(Seen::CannotTell) if effect.quiet_ms() >= LOST_AFTER_MS => effect.give_up(GivenUp::Unclear).await?,
        Some(Seen::Begun | Seen::CannotTell) => effect.follow(stop).await?,
        // Acting leaves nothing that was not begun; were it so, it is looked for again, not at once.
        Some(Seen::No) => rest(desk, PAUSE_MS.0, stop).await,
    }
    *patience = Patience::default();
    Ok(())
}

/// Waits, unless somebody wants the effect undone.
pub(crate) async fn rest(desk: &Desk, ms: i64, stop: &mut Stop) {
    until(desk.reactor.sleep_until(desk.reactor.steady().plus(ms)), stop).await;
}

/// Waits for the runtime, unless somebody wants the effect undone.
async fn online<E: Effect>(desk: &Desk, effect: &E, stop: &mut Stop) {
    match effect.line() {
        Some(line) => until(Box::pin(async move { line.online().await }), stop).await,
        None => rest(desk, PAUSE_MS.1, stop).await,
    }
}

async fn until(what: futures_util::future::BoxFuture<'_, ()>, stop: &mut Stop) {
    let mut what = what.fuse();
    let stopped = stop.changed().fuse();
    futures_util::pin_mut!(stopped);
    select_biased! { () = stopped => {}, () = what => {} }
}

/// How long something rests that ended without having done anything, after so many times.
pub(crate) fn rest_after(times: u32) -> i64 {
    ((PAUSE_MS.0 / 4) << times.min(16)).min(PAUSE_MS.1)
}
