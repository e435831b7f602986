//! The lease of the work loop: who leads, and what is done under it.

use crate::{
    change::{Change, Expect},
    command::HoldLease,
    ctx::Ctx,
    doc::{Counter, DocKey, Kind, Scope},
    range::Range,
    refusal::Refusal,
    run::{BEAT, Lease},
    view::{Stop, View},
};

use super::Decided;

pub(super) fn lease_range() -> Range {
    Range::doc(Kind::Lease, "loop")
}

/// Refuses whoever acts under a lease that is another's by now; gives what a change under it expects.
pub(super) fn under_lease(view: &View, ctx: &Ctx<'_>) -> Result<Option<Expect>, Stop> {
    let Some(holder) = &ctx.actor.lease else { return Ok(None) };
    let lease = view.one::<Lease>(lease_range())?.filter(|lease| lease.is.holder == *holder);
    let Some(lease) = lease else { return Err(Refusal::LeaseLost.into()) };
    Ok(Some(Expect::Doc(DocKey::new(Kind::Lease, "loop"), lease.rev)))
}

/// A server takes or keeps the lease of the loop.
pub fn hold(view: &View, hold: &HoldLease, _ctx: &mut Ctx<'_>) -> Decided {
    view.gather([Range::doc(Kind::Lease, "loop"), Range::doc(Kind::Counter, BEAT)])?;
    let mut change = Change::default();
    let lease = view.find::<Lease>("loop")?;
    let beat = view.find::<Counter>(BEAT)?;
    let (beat_rev, last) = beat.map_or((0, 0), |b| (b.rev, b.is.last));
    let (rev, ours) = lease.as_ref().map_or((0, false), |l| (l.rev, l.is.holder == hold.holder));
    if !ours {
        let free = lease.is_none() || hold.sole_writer || hold.take_over_beat == Some(last);
        if !free {
            return Err(Refusal::LeaseLost.into());
        }
        change.put(rev, Lease { holder: hold.holder.clone() });
        change.touch(Scope::Loop);
    }
    if !hold.sole_writer {
        if ours {
            change.expects.push(Expect::Doc(DocKey::new(Kind::Lease, "loop"), rev));
        }
        change.put(beat_rev, Counter { name: BEAT.into(), last: last + 1 });
    }
    Ok(change)
}
