//! Who sends to webhooks: reads the log behind where each webhook is, makes deliveries of the lines that it asks for,
//! and sends those whose moment has come.
//!
//! The log is all that counts: a commit only wakes. Lines may come later than they say, and clocks may be set back, so
//! the log is read again from a while before the place: a little for what is heard of, more twice a minute, and hours
//! now and then and by whoever begins to lead. What was told already makes nothing new, as a delivery's id follows from
//! its line.
//! Each receiver has few hands, so one that is slow keeps nobody else waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clutch_domain::{
    activity::Activity,
    actor::Actor,
    command::{Command, QueueDeliveries},
    doc::{Kind, Scope},
    id::{ActivityId, DeliveryId, ProjectId, WebhookId},
    range::{Before, Docs, Fetch, Order, Range},
    refusal::Refusal,
    sabotage::{Switch, removed},
    time::Millis,
    webhook::{CLOCKS_APART_MS, Delivery as Told, LATE_MS, WAITING_MAX, WEBHOOK_ON, Webhook, deliveries_due},
};
use futures_util::{FutureExt, StreamExt, select_biased};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    jobs::{Desk, JobId, drive, hands::Hands, webhook::Delivery},
    office::Error,
    store::Fault,
};

/// Most webhooks of the installation: as many as all projects that are shown can have.
const WEBHOOKS: u32 = 10_000;
/// Deliveries that are under way to one receiver at once.
const TO_ONE: usize = 2;
/// To all receivers.
const TO_ALL: usize = 64;
/// Webhooks of which what is due is read at once.
const READ_AT_ONCE: usize = 50;
/// Lines that are read at once.
const LINES: u32 = 100;
/// Lines that become deliveries in one change.
const QUEUED_AT_ONCE: usize = 50;
/// The log is read at most so often for what is heard of, in milliseconds.
const BREATH_MS: i64 = 200;
/// Lines that are heard of were committed at once, or nearly so.
const SOON_MS: i64 = 5_000;
/// How often all logs are read from further back, for lines that came late or were written elsewhere.
const AGAIN_MS: i64 = 30_000;
/// The same where other servers write too.
const OTHERS_MS: i64 = 5_000;
/// How often they are read from so far back as clocks may be apart.
const FAR_MS: i64 = 600_000;
/// After a store that failed.
const FAILED_MS: i64 = 1_000;

/// The webhooks that are on.
fn those_on() -> Range {
    Range::ByStatus {
        kind: Kind::Webhook,
        scope: None,
        status: WEBHOOK_ON.into(),
        order: Order::Ordered,
        limit: WEBHOOKS,
    }
}

/// A webhook as this process knows it.
struct Known {
    is: Webhook,
    /// Up to here the log was read by this process, whatever is written of it.
    place: Millis,
    /// Lines that it was told, as long as they may be read again.
    told: BTreeMap<ActivityId, Millis>,
    /// So many wait that the log is not read for it until half of them are over.
    full: bool,
}

struct Posting<'a> {
    desk: &'a Arc<Desk>,
    hands: Hands,
    known: BTreeMap<WebhookId, Known>,
    /// Whose deliveries this process has under way.
    sending: BTreeMap<DeliveryId, WebhookId>,
    /// Projects whose log has news, and when it is read.
    news: BTreeSet<ProjectId>,
    read_at: Option<Millis>,
    /// When all logs are read.
    all_at: Millis,
    /// When each is read from far back next; at once, where it is not said.
    far_at: BTreeMap<ProjectId, Millis>,
    /// When the next delivery is due.
    due_at: Option<Millis>,
    /// Who is served first, so that nobody always is.
    turn: usize,
}

enum News {
    Webhooks(Docs),
    Line(Option<ProjectId>),
    Back,
    Due,
    Away,
}

/// Sends until the lease is lost.
pub(super) async fn lead(desk: &Arc<Desk>) {
    let watch = || {
        let fetch = Fetch { scopes: vec![Scope::Webhooks], ranges: vec![those_on()] };
        desk.office.store().watch(fetch)
    };
    let mut webhooks = watch();
    let mut lines = desk.office.lines();
    let mut losses = desk.lead.losses();
    let mut posting = Posting {
        desk,
        hands: Hands::default(),
        known: BTreeMap::new(),
        sending: BTreeMap::new(),
        news: BTreeSet::new(),
        read_at: None,
        all_at: desk.reactor.steady(),
        far_at: BTreeMap::new(),
        due_at: None,
        turn: 0,
    };
    loop {
        if desk.lawful().is_err() {
            return;
        }
        let news = {
            let back = posting.hands.back().fuse();
            let lost = losses.changed().fuse();
            let due = posting.wait().fuse();
            let line = posting.heard(&mut lines).fuse();
            futures_util::pin_mut!(back, lost, due, line);
            select_biased! {
                _ = lost => return,
                () = back => News::Back,
                seen = webhooks.next().fuse() => match seen {
                    Some(Ok(seen)) => News::Webhooks(seen.value.clone()),
                    Some(Err(away)) => {
                        tracing::debug!(why = %away.why, "webhooks are not seen for now");
                        continue;
                    }
                    None => News::Away,
                },
                line = line => match line {
                    Ok(project) => News::Line(Some(project)),
                    Err(RecvError::Lagged(_)) => News::Line(None),
                    // The office is ours, and gone with us.
                    Err(RecvError::Closed) => return,
                },
                () = due => News::Due,
            }
        };
        match news {
            News::Webhooks(docs) => posting.learn(docs.all::<Webhook>(&those_on())),
            News::Line(project) => posting.hear(project),
            News::Back | News::Due => {}
            News::Away => {
                // A watch does not end; a store that is being closed is the only way here.
                webhooks = watch();
                desk.breathe().await;
            }
        }
        if let Err(fault) = posting.work().await {
            tracing::warn!(%fault, "webhooks have to wait; they are looked at again");
            posting.read_at = Some(desk.reactor.steady().plus(FAILED_MS));
            posting.news.extend(posting.known.values().map(|known| known.is.project));
        }
    }
}

impl Posting<'_> {
    fn learn<'w>(&mut self, webhooks: impl Iterator<Item = &'w Webhook>) {
        let mut before = std::mem::take(&mut self.known);
        for webhook in webhooks {
            let mut known = before.remove(&webhook.id).unwrap_or_else(|| {
                self.all_at = self.desk.reactor.steady();
                self.far_at.remove(&webhook.project);
                Known { is: webhook.clone(), place: webhook.place, told: BTreeMap::new(), full: false }
            });
            if known.full && webhook.waiting <= WAITING_MAX / 2 {
                known.full = false;
                self.all_at = self.desk.reactor.steady();
                self.far_at.remove(&webhook.project);
            }
            if known.is.since != webhook.since || known.is.events != webhook.events {
                known.told.clear();
            }
            known.place = known.place.max(webhook.place);
            known.is = webhook.clone();
            self.known.insert(webhook.id, known);
        }
    }

    fn hear(&mut self, project: Option<ProjectId>) {
        let concerned = self.known.values().map(|known| known.is.project);
        let concerned: Vec<ProjectId> = concerned.filter(|of| project.is_none_or(|project| project == *of)).collect();
        if !concerned.is_empty() {
            self.news.extend(concerned);
            self.read_at.get_or_insert(self.desk.reactor.steady().plus(BREATH_MS));
        }
    }

    /// The next project whose log has news; nothing is heard where no webhook is on.
    async fn heard(&self, lines: &mut Receiver<ProjectId>) -> Result<ProjectId, RecvError> {
        if self.known.is_empty() { std::future::pending().await } else { lines.recv().await }
    }

    /// Ready when something is due; never where no webhook is on.
    async fn wait(&self) {
        if self.known.is_empty() {
            return std::future::pending().await;
        }
        let resting = self.hands.wake_at(self.desk.reactor.steady());
        let first = [self.read_at, self.due_at, resting].into_iter().flatten().fold(self.all_at, Millis::min);
        self.desk.reactor.sleep_until(first).await;
    }

    async fn work(&mut self) -> Result<(), Fault> {
        let now = self.desk.reactor.steady();
        if now >= self.all_at && !self.known.is_empty() {
            let every = if self.desk.office.store().sole_writer() { AGAIN_MS } else { OTHERS_MS };
            self.all_at = now.plus(every);
            let all: BTreeSet<ProjectId> = self.known.values().map(|known| known.is.project).collect();
            for project in all {
                self.news.remove(&project);
                let far = self.far_at.get(&project).is_none_or(|at| now >= *at);
                self.read(project, if far { CLOCKS_APART_MS } else { LATE_MS }).await?;
                if far {
                    self.far_at.insert(project, now.plus(FAR_MS));
                }
            }
        } else if self.read_at.is_some_and(|at| now >= at) {
            self.read_at = None;
            while let Some(project) = self.news.pop_first() {
                self.read(project, SOON_MS).await?;
            }
        }
        if self.news.is_empty() {
            self.read_at = None;
        }
        self.send().await
    }

    /// Reads the log of a project from so long before where its webhooks are, and makes deliveries of what is new.
    async fn read(&mut self, project: ProjectId, back_ms: i64) -> Result<(), Fault> {
        let ours = |known: &&mut Known| known.is.project == project && !known.full;
        let from = |known: &Known| known.place.plus(-back_ms).max(known.is.since);
        let mut ours: Vec<&mut Known> = self.known.values_mut().filter(ours).collect();
        let Some(first) = ours.iter().map(|known| from(known)).min() else { return Ok(()) };
        let lines = behind(self.desk, project, first).await?;
        let now = self.desk.office.now();
        for known in &mut ours {
            let from = from(known);
            let wanted: Vec<&Activity> = lines
                .iter()
                .filter(|line| line.at >= from && known.is.wants(line) && !known.told.contains_key(&line.id))
                .collect();
            if removed(Switch::PlaceBehindQueued) && wanted.len() > 1 {
                known.told.extend(wanted.iter().map(|line| (line.id, line.at)));
                continue;
            }
            let mut whole = true;
            for part in wanted.chunks(QUEUED_AT_ONCE) {
                whole = queue(self.desk, known, part).await?;
                if !whole {
                    break; // there is no room, or it is off by now; the rest stays in the log
                }
            }
            let Some(newest) = lines.last().filter(|_| whole) else { continue };
            known.place = known.place.max(newest.at.min(now));
            // Where it asks for nothing of what happens its place is written now and then, or each start would read all.
            if lines.len() >= LINES as usize && known.is.place.plus(LATE_MS) < known.place {
                queue(self.desk, known, &[]).await?;
            }
            let keep = known.place.plus(-CLOCKS_APART_MS);
            known.told.retain(|_, at| *at >= keep);
        }
        Ok(())
    }

    /// Begins what is due, as far as there are hands.
    async fn send(&mut self) -> Result<(), Fault> {
        let at_work = self.hands.at_work();
        self.sending.retain(|id, _| at_work.contains(&JobId::Delivery(*id)));
        self.due_at = None;
        let mut some: Vec<WebhookId> =
            self.known.values().filter(|known| known.is.waiting > 0).map(|known| known.is.id).collect();
        if some.is_empty() {
            return Ok(());
        }
        self.turn = (self.turn + 1) % some.len();
        some.rotate_left(self.turn);
        // Those that are under way are still among what is due.
        let limit = u32::try_from(2 * TO_ONE).unwrap_or(u32::MAX);
        for part in some.chunks(READ_AT_ONCE) {
            let ranges = part.iter().map(|id| Range::linked(Kind::Delivery, deliveries_due(*id), limit)).collect();
            let docs = self.desk.office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
            let (now, steady) = (self.desk.office.now(), self.desk.reactor.steady());
            for webhook in part {
                let mut hands = TO_ONE.saturating_sub(self.sending.values().filter(|of| *of == webhook).count());
                for told in docs.all::<Told>(&Range::linked(Kind::Delivery, deliveries_due(*webhook), limit)) {
                    if self.sending.contains_key(&told.id) {
                        continue;
                    }
                    if told.due > now {
                        let due = steady.plus(told.due.since(now));
                        self.due_at = Some(self.due_at.map_or(due, |first| first.min(due)));
                        break;
                    }
                    if hands == 0 || self.sending.len() >= TO_ALL {
                        break; // whoever comes back takes it
                    }
                    hands -= 1;
                    self.begin(told.id, *webhook);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: DeliveryId, webhook: WebhookId) {
        let desk = self.desk.clone();
        self.hands.begin(self.desk, JobId::Delivery(id), "webhook", |stop| {
            let effect = Delivery::new(desk.clone(), id);
            Box::pin(async move { drive(&desk, effect, stop).await })
        });
        self.sending.insert(id, webhook);
    }
}

/// The lines of a project from a moment on, the oldest first.
async fn behind(desk: &Desk, project: ProjectId, from: Millis) -> Result<Vec<Activity>, Fault> {
    let mut found: Vec<Activity> = Vec::new();
    let mut before: Option<Before> = None;
    loop {
        let range = Range::Newest { kind: Kind::Activity, scope: Scope::Project(project), before, limit: LINES };
        let page: Vec<Activity> = desk.office.all(range).await?;
        let whole = page.len() < LINES as usize;
        before = page.last().map(|line| Before { at: line.at, id: line.id.to_string() });
        let all = page.len();
        let new: Vec<Activity> = page.into_iter().take_while(|line| line.at >= from).collect();
        let reached = new.len() < all;
        found.extend(new);
        if reached || whole {
            found.reverse();
            return Ok(found);
        }
    }
}

/// Makes deliveries of lines. `false` where there is no room for them, or the webhook is off or gone.
async fn queue(desk: &Desk, known: &mut Known, lines: &[&Activity]) -> Result<bool, Fault> {
    let place = lines.last().map_or(known.place, |line| line.at);
    let ids = lines.iter().map(|line| line.id).collect();
    let command = Command::QueueDeliveries(QueueDeliveries { webhook: known.is.id, lines: ids, place });
    match desk.command(Actor::work_loop(), &command).await {
        Ok(done) => {
            if let Some(webhook) = done.now::<Webhook>(known.is.id) {
                known.is = webhook.clone();
            }
            known.told.extend(lines.iter().map(|line| (line.id, line.at)));
            Ok(true)
        }
        Err(Error::Refused(refusal)) => {
            known.full = refusal == Refusal::DeliveriesTooMany;
            Ok(false)
        }
        Err(error) => Err(Fault::new(error.to_string())),
    }
}
