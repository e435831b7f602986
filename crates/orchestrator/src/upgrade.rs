//! After an upgrade: documents that programs of before wrote are found by words of then.
//!
//! The server that leads writes them again, page by page, before it plans anything: what the loop
//! does not find it would start twice. It may be killed at any point, and the next one goes through
//! all of it again; writing a document as it is does no harm. No older program can write meanwhile:
//! a data folder has one writer, and the functions on Convex take no older words.

use std::{collections::BTreeSet, sync::Arc};

use clutch_domain::{
    change::Change,
    doc::{Body, Counter, Doc, INDEX_VERSION, INDEXED, Kind, REINDEXED, Scope},
    range::{Docs, Fetch, Range},
};

use crate::{
    office::Office,
    store::{CommitError, Fault, IdempotencyKey},
};

/// Documents that are read at once.
const STEP: u32 = 100;
/// Bytes of insides that are written at once: long texts in one change would be more than some engines take.
const STEP_BYTES: usize = 4 << 20;
/// How often one page is read anew because somebody changed a document of it.
const TRIES: u32 = 20;

/// Brings everything in order; `false` when `lawful` said no before the end.
///
/// # Errors
/// The store's. What was done stays, and the next call goes on.
pub async fn reindex(office: &Office, lawful: impl Fn() -> bool) -> Result<bool, Fault> {
    let marked = Range::doc(Kind::Counter, INDEXED);
    let read = look(office, &marked).await?;
    if read.first::<Counter>(&marked).is_some_and(|mark| mark.last >= INDEX_VERSION) {
        return Ok(true);
    }
    let mut written = 0;
    for kind in REINDEXED {
        let (mut after, mut tries) = (None, 0);
        loop {
            if !lawful() {
                return Ok(false);
            }
            let docs = look(office, &Range::All { kind: *kind, after: after.clone(), limit: STEP }).await?;
            let Some(last) = docs.docs().last().map(|doc| doc.body.key().id) else { break };
            match write(office, &docs).await {
                Ok(()) => {
                    written += docs.len();
                    (after, tries) = (Some(last), 0);
                }
                Err(CommitError::Conflict(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(fault(error)),
            }
        }
    }
    let mut mark = Change::default();
    let rev = read.docs().next().map_or(0, |doc| doc.rev);
    mark.put(rev, Counter { name: INDEXED.into(), last: INDEX_VERSION });
    commit(office, mark).await.map_err(fault)?;
    if written > 0 {
        tracing::info!(written, "documents of an older program were written again; this happens once");
    }
    Ok(true)
}

/// Writes each document of a page as it is, in as many changes as it takes.
async fn write(office: &Office, docs: &Docs) -> Result<(), CommitError> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    for doc in docs.docs() {
        let size = serde_json::to_string(&doc.body).map_or(0, |text| text.len());
        if bytes + size > STEP_BYTES && !part.is_empty() {
            commit(office, again(docs, &part)).await?;
            (part, bytes) = (Vec::new(), 0);
        }
        part.push(doc);
        bytes += size;
    }
    commit(office, again(docs, &part)).await
}

/// Each of these documents of a page as it is. Whoever watches them looks again: some are found elsewhere now.
fn again(docs: &Docs, part: &[&Arc<Doc>]) -> Change {
    let mut change = Change::default();
    let mut scopes = BTreeSet::from([Scope::Installation]);
    for doc in part {
        if !matches!(doc.body, Body::Unread(_)) {
            scopes.insert(doc.body.index().scope);
            change.put(doc.rev, doc.body.clone());
        }
    }
    for scope in scopes {
        change.touch(scope);
    }
    change.keep(docs);
    change
}

async fn look(office: &Office, range: &Range) -> Result<Docs, Fault> {
    Ok(office.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?.value)
}

async fn commit(office: &Office, change: Change) -> Result<(), CommitError> {
    let key = IdempotencyKey(office.fresh_id().to_string());
    office.store().commit(change, key).await.map(drop)
}

fn fault(error: CommitError) -> Fault {
    match error {
        CommitError::Conflict(what) | CommitError::Unknown(what) => Fault::new(what),
        CommitError::Fault(fault) => fault,
    }
}
