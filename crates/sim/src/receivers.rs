//! Receivers of webhooks, and the ways to them: a request may be lost, refused, late, or taken while its answer is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    activity::Activity,
    id::{ActivityId, DeliveryId, WebhookId},
    invariant::Law,
    project::Project,
    webhook::{Delivery, DeliveryState, Webhook, delivery_id},
};
use clutch_orchestrator::jobs::post::{Parcel, Post, Receipt};

use crate::{exec::Exec, store::SimStore};

/// How often in a hundred a way is so slow that nobody waits for its end, and how long it is, in milliseconds.
const SLOW_PERCENT: u32 = 4;
const SLOW_MS: (i64, i64) = (10_000, 60_000);

/// All receivers of a day: what each has taken.
pub struct Receivers {
    exec: Exec,
    store: Arc<SimStore>,
    // Faults in a hundred of each kind.
    faults: AtomicU32,
    taken: Mutex<BTreeMap<WebhookId, BTreeMap<DeliveryId, BTreeSet<ActivityId>>>>,
}

impl Receivers {
    /// Receivers that take everything.
    #[must_use]
    pub fn new(exec: Exec, store: Arc<SimStore>) -> Arc<Self> {
        Arc::new(Self { exec, store, faults: AtomicU32::new(0), taken: Mutex::default() })
    }

    /// How many requests in a hundred go wrong, per kind of fault.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<WebhookId, BTreeMap<DeliveryId, BTreeSet<ActivityId>>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_wrong(&self, what: &'static str) -> bool {
        let percent = self.faults.load(Ordering::Relaxed);
        let is = percent > 0 && self.exec.rng(|r| r.chance(percent));
        if is {
            self.exec.count(what);
        }
        is
    }

    /// Whether something is still on its way.
    #[must_use]
    pub fn are_quiet(&self) -> bool {
        self.store.find(Delivery::waits).is_none()
    }

    /// Once nothing goes wrong any more: whatever a webhook asks for has reached its receiver, under one id.
    pub(crate) fn check(&self) {
        let (lines, deliveries) = (self.store.log(), self.store.all::<Delivery>());
        let taken = self.taken();
        let wrong = |what: String| self.exec.wrong(Law::EventsTold, what);
        for webhook in self.store.all::<Webhook>().into_iter().filter(Webhook::sends) {
            let there = self.store.get::<Project>(webhook.project).is_some_and(|project| project.deleted_at.is_none());
            if !there {
                continue;
            }
            let none = BTreeMap::new();
            let got = taken.get(&webhook.id).unwrap_or(&none);
            for line in lines.iter().filter(|line: &&Activity| webhook.wants(line)) {
                let id = delivery_id(webhook.id, line.id);
                match deliveries.iter().find(|delivery| delivery.id == id) {
                    None => wrong(format!("{} ({}) never became a delivery of {}", line.what, line.id, webhook.id)),
                    Some(told) if told.waits() => wrong(format!("the delivery {id} still waits")),
                    Some(told) if told.state == DeliveryState::Delivered && !got.contains_key(&id) => {
                        wrong(format!("the delivery {id} counts as taken, and its receiver never had it"));
                    }
                    Some(told) if told.state == DeliveryState::Failed && told.given_up.is_none() => {
                        wrong(format!("the delivery {id} failed, and its receiver is well"));
                    }
                    Some(_) => self.exec.count("event told"),
                }
            }
            for (id, lines) in got {
                if lines.len() != 1 || lines.iter().any(|line| delivery_id(webhook.id, *line) != *id) {
                    wrong(format!("{id} was told {} events", lines.len()));
                }
            }
        }
    }
}

/// The way of one server to the receivers.
pub struct SimPost {
    /// Where it leads.
    pub receivers: Arc<Receivers>,
}

#[async_trait]
impl Post for SimPost {
    async fn send(&self, parcel: &Parcel) -> Receipt {
        let Receivers { exec, .. } = &*self.receivers;
        let storm = self.receivers.faults.load(Ordering::Relaxed) > 0;
        let way = exec.rng(|r| {
            let slow = storm && r.chance(SLOW_PERCENT);
            if slow { r.between(SLOW_MS.0, SLOW_MS.1) } else { r.between(1, 400) }
        });
        exec.sleep(way).await;
        if self.receivers.goes_wrong("event was lost on its way") {
            return Receipt::none("The connection broke off.");
        }
        if self.receivers.goes_wrong("receiver refused an event") {
            return Receipt { status: Some(503), error: Some("It answered 503.".into()), ..Receipt::default() };
        }
        let again = {
            let mut taken = self.receivers.taken();
            let had = taken.entry(parcel.webhook.id).or_default().entry(parcel.id).or_default();
            let again = !had.is_empty();
            had.insert(parcel.line.id);
            again
        };
        exec.say(|| format!("the receiver of {} has {} ({})", parcel.webhook.id, parcel.id, parcel.line.what));
        if again {
            exec.count("event came again under its id");
        }
        exec.sleep(way.min(400)).await;
        if self.receivers.goes_wrong("answer of a receiver was lost") {
            return Receipt::none("The connection broke off.");
        }
        Receipt { status: Some(200), ..Receipt::default() }
    }
}
