//! Long insides. What one transaction of Convex may read and answer is bounded, so a row holds only the beginning of a
//! long inside, and an answer leaves out whatever it has no room for. That is asked for here, by the revisions that the
//! answer tells: a document at a revision has one inside, so all of it together is still what was there at one moment.

use std::collections::HashMap;

use clutch_domain::{doc::DocKey, range::Docs};
use clutch_orchestrator::store::Fault;
use serde_json::Value;

use super::{
    Shared, WHOLE,
    codec::{self, Insides, Lack},
    http::{Kind, Trouble},
};

/// Bytes of insides in one answer, of which Convex gives at most 16 MiB; one that is larger comes alone.
const BYTES_AT_ONCE: usize = 4 << 20;
/// Documents in one answer.
const MOST_AT_ONCE: usize = 500;

impl Shared {
    /// All insides that an answer left out. What `last`, an earlier answer of the same live read, or the cache has is
    /// not asked for again.
    ///
    /// # Errors
    /// An answer of other functions; inside, what keeps us from asking. That something was written since the answer is
    /// such a thing, too: then its moment is gone, and whoever wants to know asks for another one.
    pub(super) async fn insides(&self, answer: &Value, last: Option<&Docs>) -> Result<Result<Insides, Trouble>, Fault> {
        let (mut found, mut lacks) = (Insides::new(), codec::lacks(answer)?);
        if lacks.is_empty() {
            return Ok(Ok(found));
        }
        // Documents that are long have random ids, which never come again with the same revision.
        let known: HashMap<DocKey, _> =
            last.into_iter().flat_map(Docs::docs).map(|doc| (doc.body.key(), doc)).collect();
        lacks.retain(|lack| {
            let there = known.get(&lack.key).filter(|doc| doc.rev == lack.rev).map(|doc| (*doc).clone());
            let there = there.or_else(|| self.cache.begins(&lack.key, lack.rev, lack.head, lack.bytes));
            let asked = there.is_none();
            found.extend(there.map(|doc| (lack.key.clone(), doc)));
            asked
        });
        for batch in batches(&lacks) {
            let answer = match self.call(Kind::Query, WHOLE, &codec::whole_of(batch)).await {
                Ok(answer) => answer,
                Err(trouble) => return Ok(Err(trouble)),
            };
            for (lack, text) in batch.iter().zip(codec::wholes(&answer, batch.len())?) {
                let Some(text) = text else {
                    return Ok(Err(Trouble::Busy("what is read is written all the time".into())));
                };
                found.insert(lack.key.clone(), self.cache.same_text(&lack.key, lack.rev, text));
            }
        }
        Ok(Ok(found))
    }
}

/// As many as fit into one answer each.
fn batches<'a>(lacks: &'a [Lack<'a>]) -> Vec<&'a [Lack<'a>]> {
    let (mut batches, mut left) = (Vec::new(), lacks);
    while !left.is_empty() {
        let mut bytes = 0;
        let fits = left.iter().take(MOST_AT_ONCE).take_while(|lack| {
            bytes += lack.head.len() + lack.bytes;
            bytes <= BYTES_AT_ONCE
        });
        let (batch, rest) = left.split_at(fits.count().max(1));
        batches.push(batch);
        left = rest;
    }
    batches
}

#[cfg(test)]
mod tests {
    use clutch_domain::doc::Kind;

    use super::*;

    #[test]
    fn every_lack_is_in_one_batch_and_no_batch_is_too_large() {
        let of = |bytes: usize| Lack { key: DocKey::new(Kind::Task, "t"), rev: 1, head: "", bytes };
        let sizes = |lacks: &[Lack<'_>]| batches(lacks).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        let large: Vec<Lack<'_>> = [1, 9 << 20, 3 << 20, 1 << 20, 1].map(of).into();
        assert_eq!(sizes(&large), [1, 1, 2, 1]);
        let many: Vec<Lack<'_>> = (0..1_100).map(|_| of(10)).collect();
        assert_eq!(sizes(&many), [500, 500, 100]);
    }
}
