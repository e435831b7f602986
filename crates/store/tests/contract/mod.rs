//! The one suite that every adapter of the port passes: `contract!(MyPlace);` in a test file
//! makes one test of each case. A case knows only the port.

// Not every adapter's file uses every helper.
#![allow(dead_code, unused_macros, unused_imports, clippy::unwrap_used)]

pub mod commits;
pub mod docs;
pub mod histories;
pub mod model;
pub mod ranges;
pub mod reads;
pub mod texts;
pub mod watches;

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use clutch_domain::{
    change::{Change, Parts},
    doc::{Body, Doc, DocKey, Kind, Scope},
    range::{Docs, Fetch, Range, Versioned},
};
use clutch_orchestrator::store::{CommitError, Committed, IdempotencyKey, Store};
use uuid::Uuid;

/// Where one test keeps its documents: empty at first.
#[async_trait]
pub trait Place: Send + Sync {
    /// A fresh place.
    fn new() -> Self
    where
        Self: Sized;
    /// Opens a store there. A second call, after the first store was dropped, finds what the first left,
    /// unless the adapter forgets everything at the end.
    async fn open(&self) -> Arc<dyn Store>;
}

/// The cases of the suite, each as a test of its own.
macro_rules! contract {
    ($place:ty) => {
        contract::contract! { $place:
            commits::{
                a_stale_revision_is_refused, a_document_must_be_absent, a_missing_document_has_no_revision,
                a_change_is_applied_whole_or_not_at_all, a_conflict_is_not_remembered_under_its_key,
                a_known_key_answers_the_stored_result, the_same_key_at_once_applies_once,
                a_scope_that_moved_on_is_refused, of_two_changes_from_one_view_one_wins,
                a_put_without_expectation_raises_the_revision, a_document_put_twice_is_written_once,
                deletes_remove_and_absent_ones_are_no_error, a_document_put_and_deleted_is_deleted,
                a_revision_is_never_used_again, what_was_read_must_still_be_so,
                a_key_knows_what_was_made_and_asked,
                a_scope_is_raised_once_per_change, a_line_of_the_log_is_written_once,
                no_update_is_lost, an_order_that_is_no_number_is_refused, large_and_strange_text_survives,
                a_change_with_many_documents_is_one_change, members_that_are_not_known_survive,
            }
            reads::{
                a_version_is_the_sum_of_the_scopes, several_ranges_are_of_one_moment, numbers_come_back_exactly,
                a_document_or_none, a_unique_name_leads_to_its_document,
            }
            ranges::{
                children_come_in_order_and_in_pages, newest_children_come_in_pages, linked_documents_come_in_order,
                one_status_of_one_scope, one_status_everywhere, a_status_in_pages_both_ways, a_status_in_pages_by_time,
                the_newest_of_a_scope,
                all_of_a_kind_come_in_pages,
                a_moved_document_is_found_at_its_new_place_only, empty_names_find_nothing, a_limit_of_none_finds_none,
                what_no_index_serves_is_refused,
            }
            texts::{ accepted_text_comes_back_the_same, }
            histories::{ the_same_history_leaves_the_same_documents, }
            model::{ random_changes_read_as_in_the_plainest_store, }
            watches::{
                the_first_answer_needs_no_write, a_commit_is_seen_at_its_version_or_later,
                an_equal_answer_is_not_repeated, a_commit_before_the_first_look_is_seen,
                a_slow_watcher_gets_the_last_state, each_watcher_is_woken, a_deleted_document_is_seen,
                versions_never_go_back_and_the_last_state_is_seen,
            }
        }
    };
    ($place:ty: $($module:ident::{ $($case:ident),+ $(,)? })+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                contract::$module::$case(&<$place as contract::Place>::new()).await;
            }
        )+)+
    };
}
pub(crate) use contract;

/// Longest wait for something that must happen; it only ends a test that would fail.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("did not happen: {what}"))
}

/// A key that was never used.
pub fn key() -> IdempotencyKey {
    IdempotencyKey(Uuid::new_v4().to_string())
}

/// A change that puts one document as read at `rev` and touches the installation.
pub fn put(rev: u64, body: impl Into<Body>) -> Change {
    let mut change = Change::default();
    change.put(rev, body).touch(Scope::Installation);
    change
}

/// A change that puts documents without looking at their revisions.
pub fn puts(bodies: impl IntoIterator<Item = Body>) -> Change {
    let mut change = Change::from(Parts { touches: vec![Scope::Installation], ..Parts::default() });
    for body in bodies {
        change.overwrite(body);
    }
    change
}

/// Commits under a fresh key.
pub async fn commit(store: &dyn Store, change: Change) -> Result<Committed, CommitError> {
    store.commit(change, key()).await
}

/// Commits, and it must succeed.
pub async fn must(store: &dyn Store, change: Change) -> Committed {
    commit(store, change).await.unwrap()
}

/// Commits, and it must be a conflict.
pub async fn must_conflict(store: &dyn Store, change: Change) {
    let answer = commit(store, change).await;
    assert!(matches!(answer, Err(CommitError::Conflict(_))), "{answer:?}");
}

/// A fetch of ranges under the installation's scope.
pub fn fetch(ranges: impl IntoIterator<Item = Range>) -> Fetch {
    Fetch { scopes: vec![Scope::Installation], ranges: ranges.into_iter().collect() }
}

/// Reads one range.
pub async fn read(store: &dyn Store, range: &Range) -> Vec<Arc<Doc>> {
    let answer = store.read(&fetch([range.clone()])).await.unwrap();
    answer.value.get(range).unwrap().to_vec()
}

/// Reads one document.
pub async fn doc(store: &dyn Store, key: &DocKey) -> Option<Arc<Doc>> {
    read(store, &Range::Doc { key: key.clone() }).await.into_iter().next()
}

/// The ids of a range's answer.
pub async fn ids(store: &dyn Store, range: &Range) -> Vec<String> {
    read(store, range).await.iter().map(|doc| doc.body.key().id).collect()
}

/// A scope's revision.
pub async fn scope(store: &dyn Store, scope: Scope) -> u64 {
    store.read(&Fetch { scopes: vec![scope], ranges: vec![] }).await.unwrap().version
}

/// The counter `name` in an answer.
pub fn count(answer: &Versioned<Docs>, name: &str) -> u64 {
    let range = Range::doc(Kind::Counter, name);
    answer.value.first::<clutch_domain::doc::Counter>(&range).map_or(0, |counter| counter.last)
}
