//! Versions of prompts that people and programs wrote, each compiled once: a version never changes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::{
    doc::{Body, Kind},
    id::PromptId,
    prompt::Version,
    range::{Fetch, Range},
    text::cut,
};

use super::template::Template;
use crate::{office::Office, store::Fault};

/// Most versions that are kept.
const KEPT: usize = 256;
/// Longest sentence about one that cannot be used, in characters: it stands on cards.
const WHY_MAX: usize = 300;

/// A version, or why nothing can be told by it, in a sentence for people.
pub type Known = Result<Arc<Template>, String>;

/// Those that were read.
#[derive(Debug, Default)]
pub struct Stored {
    known: Mutex<BTreeMap<PromptId, Known>>,
}

/// As it can be used, or why not.
fn compiled(version: &Version) -> Known {
    Template::compile(version.role, &version.content).map(Arc::new).map_err(|faults| {
        let (role, number, why) = (version.role.word(), version.version, cut(&faults.sentences(), WHY_MAX));
        let model = version.model.as_ref().map(|model| format!(" for {model}")).unwrap_or_default();
        format!("Version {number} of the prompt of {role}{model} cannot be used. {why}")
    })
}

impl Stored {
    /// These versions.
    pub(crate) async fn these(
        &self,
        office: &Office,
        ids: impl IntoIterator<Item = PromptId>,
    ) -> Result<BTreeMap<PromptId, Known>, Fault> {
        let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                match known.get(&id) {
                    Some(one) => _ = found.insert(id, one.clone()),
                    None => unknown.push(id),
                }
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let range = |id: &PromptId| Range::doc(Kind::PromptVersion, id);
        let docs = office.read(&Fetch { scopes: Vec::new(), ranges: unknown.iter().map(range).collect() }).await?.value;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + unknown.len() > KEPT {
            known.clear();
        }
        for id in unknown {
            let one = match docs.get(&range(&id)).and_then(|docs| docs.first()).map(|doc| &doc.body) {
                Some(Body::PromptVersion(version)) => known.entry(id).or_insert_with(|| compiled(version)).clone(),
                // Another program may write it again.
                Some(Body::Unread(unread)) => Err(format!("The prompt cannot be used. {}", unread.refusal())),
                _ => Err("The version of the prompt that counts is not there any more.".to_owned()),
            };
            found.insert(id, one);
        }
        Ok(found)
    }
}
