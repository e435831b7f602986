//! Webhooks: made within bounds, told each line once, switched off for cause, and gone with their project.

use std::collections::BTreeSet;

use clutch_domain::{
    activity::{self, Activity},
    change::Change,
    command::{Came, Command, Force, NewComment, NewWebhook, QueueDeliveries, SettleDelivery, WebhookPatch},
    doc::{Kind, Scope},
    id::{DeliveryId, ProjectId, WebhookId},
    project::Project,
    range::Range,
    refusal::Refusal,
    rule::webhook::webhooks,
    talk::{AuthorType, CommentType},
    task::Status,
    text::{Body, Handle, WebhookEvents, WebhookUrl},
    time::{DAY_MS, Millis},
    webhook::{
        ATTEMPTS_KEPT, Attempt, Delivery, DeliveryState, FAILING_MOST_MS, KEPT_MS, OLD_SECRET_MS, PAUSES_MS,
        WEBHOOKS_MAX, Webhook, delivery_id,
    },
};
use clutch_orchestrator::office::Error;
use clutch_store::MemoryStore;
use std::sync::Arc;

use crate::{
    house::{House, new_project, usual},
    scene::{attempt, new_webhook, office_over, scene},
};

async fn hook(house: &House, events: &[&str]) -> Webhook {
    let all = WebhookEvents::all();
    let events = if events.is_empty() { all } else { WebhookEvents::parse(events.iter().copied()).unwrap() };
    let new = NewWebhook { events, ..new_webhook(house.project) };
    house.run(Command::CreateWebhook(new)).await.unwrap().made::<Webhook>().unwrap().clone()
}

async fn the(house: &House, id: WebhookId) -> Webhook {
    house.list(Range::doc(Kind::Webhook, id)).await.remove(0)
}

async fn told(house: &House, id: DeliveryId) -> Delivery {
    house.list(Range::doc(Kind::Delivery, id)).await.remove(0)
}

async fn tests(house: &House, id: WebhookId) -> DeliveryId {
    house.run(Command::TestWebhook(id)).await.unwrap().made::<Delivery>().unwrap().id
}

async fn settles(house: &House, delivery: DeliveryId, came: Came) -> Result<(), Error> {
    house.run(Command::SettleDelivery(SettleDelivery { delivery, came })).await.map(drop)
}

async fn sent(house: &House, delivery: DeliveryId, status: Option<u16>) -> Result<(), Error> {
    settles(house, delivery, Came::Sent(attempt(status), None)).await
}

async fn comments(house: &House) {
    let task = house.task("x", Status::Backlog).await;
    let new = NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: Body::parse("Nice.").unwrap().unwrap(),
        kind: CommentType::Message,
    };
    house.run(Command::AddComment(new)).await.unwrap();
}

async fn queues(house: &House, id: WebhookId) -> Result<Change, Error> {
    let lines = house.log().await;
    let place = lines.first().map_or(Millis(0), |line| line.at);
    let lines = lines.iter().rev().map(|line| line.id).collect();
    let queue = QueueDeliveries { webhook: id, lines, place };
    house.run(Command::QueueDeliveries(queue)).await.map(|done| done.change)
}

/// Whatever a project's log may say is known to those who choose, whoever does what.
#[tokio::test]
async fn each_word_of_a_projects_log_can_be_chosen() {
    let memory = Arc::new(MemoryStore::new());
    let all = scene(&office_over(memory.clone())).await;
    let mut said: BTreeSet<String> = BTreeSet::new();
    let lines = |store: &MemoryStore| -> Vec<String> {
        let all = store.everything();
        let lines = all.iter().filter_map(|doc| match &doc.body {
            clutch_domain::doc::Body::Activity(line) => line.project.map(|_| line.what.clone()),
            _ => None,
        });
        lines.collect()
    };
    for command in &all {
        let store = Arc::new(memory.fork());
        let ids = Arc::new(crate::house::Counting::starting_at(10_000));
        let clock = Arc::new(crate::house::Ticking::default());
        let office = clutch_orchestrator::office::Office::new(store.clone(), clock, ids);
        drop(office.run(&usual(command), command).await);
        said.extend(lines(&store));
    }
    said.remove(activity::WEBHOOK_TESTED);
    let unknown: Vec<&String> = said.iter().filter(|word| !activity::is_of_projects(word)).collect();
    assert!(unknown.is_empty(), "{unknown:?} is missing in activity::OF_PROJECTS");
    assert!(said.len() > 35, "{said:?}");
    let words: Vec<&str> = activity::OF_PROJECTS.iter().flat_map(|(_, words)| words.iter().map(|(w, _)| *w)).collect();
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "each once");
}

#[tokio::test]
async fn a_project_has_a_bounded_number_of_webhooks() {
    let house = House::new().await;
    for _ in 0..WEBHOOKS_MAX {
        hook(&house, &[]).await;
    }
    house.refuses(Command::CreateWebhook(new_webhook(house.project)), Refusal::WebhooksTooMany).await;
    let first = house.list::<Webhook>(webhooks(house.project)).await[0].id;
    house.run(Command::DeleteWebhook(first)).await.unwrap();
    hook(&house, &[]).await;
    let nobody = NewWebhook { project: ProjectId(uuid::Uuid::nil()), ..new_webhook(house.project) };
    house.refuses(Command::CreateWebhook(nobody), Refusal::ProjectNotFound).await;
    house.check().await;
}

#[tokio::test]
async fn each_line_that_is_asked_for_becomes_one_delivery_however_often_it_is_read() {
    let house = House::new().await;
    comments(&house).await;
    let id = hook(&house, &["comment_added"]).await.id;
    comments(&house).await;
    for _ in 0..3 {
        queues(&house, id).await.unwrap();
    }
    let all = house.all::<Delivery>();
    let line = house.log().await.into_iter().find(|line| line.what == "comment_added").unwrap();
    assert_eq!(all.iter().map(|d| (d.id, d.line)).collect::<Vec<_>>(), [(delivery_id(id, line.id), line.id)]);
    assert_eq!(the(&house, id).await.waiting, 1);
    assert!(queues(&house, id).await.unwrap().is_empty(), "nothing new");
    // Taken and forgotten it does not come back either, as the log is not read from there any more.
    sent(&house, all[0].id, Some(200)).await.unwrap();
    assert!(queues(&house, id).await.unwrap().is_empty());
    house.check().await;
    // Lines of another project are none of its own.
    let other = house.run(Command::CreateProject(new_project("Other"))).await.unwrap();
    let other = other.made::<Project>().unwrap().id;
    let lines: Vec<Activity> = house.list(Range::newest(Kind::Activity, Scope::Project(other), 10)).await;
    let all = hook(&house, &[]).await.id;
    let queue = QueueDeliveries { webhook: all, lines: lines.iter().map(|line| line.id).collect(), place: Millis(0) };
    assert!(house.run(Command::QueueDeliveries(queue)).await.unwrap().change.is_empty());
}

#[tokio::test]
async fn how_a_delivery_ends() {
    let gone = "410 Gone";
    for (statuses, state, tries, on) in [
        (&[Some(200)][..], DeliveryState::Delivered, 1, true),
        (&[Some(500), Some(204)], DeliveryState::Delivered, 2, true),
        (&[None], DeliveryState::Waiting, 1, true),
        (&[Some(302)], DeliveryState::Waiting, 1, true),
        (&[Some(410)], DeliveryState::Failed, 1, false),
        (&[Some(500); 6], DeliveryState::Waiting, 6, true),
        (&[Some(500); 7], DeliveryState::Failed, 7, true),
    ] {
        let house = House::new().await;
        let id = hook(&house, &[]).await.id;
        let delivery = tests(&house, id).await;
        for status in statuses {
            sent(&house, delivery, *status).await.unwrap();
        }
        let (is, hook) = (told(&house, delivery).await, the(&house, id).await);
        assert_eq!((is.state, is.tries, hook.on), (state, tries, on), "{statuses:?}");
        assert_eq!(hook.waiting, u32::from(state == DeliveryState::Waiting), "{statuses:?}");
        assert_eq!(hook.off_because.is_some_and(|why| why.contains(gone)), !on, "{statuses:?}");
        assert_eq!(hook.last.map(|last| last.status), statuses.last().copied(), "{statuses:?}");
        assert_eq!(hook.failing_since.is_some(), state != DeliveryState::Delivered, "{statuses:?}");
        if state == DeliveryState::Waiting {
            let pause = PAUSES_MS[tries as usize - 1];
            assert!(is.due.since(is.created_at) >= pause, "{statuses:?}");
        } else {
            // Said twice it is refused.
            assert_eq!(sent(&house, delivery, Some(200)).await, Err(Error::Refused(Refusal::DeliveryMoved)));
        }
        house.check().await;
    }
}

#[tokio::test]
async fn a_delivery_remembers_its_newest_attempts_only() {
    let house = House::new().await;
    let id = hook(&house, &[]).await.id;
    let delivery = tests(&house, id).await;
    for n in 0..ATTEMPTS_KEPT + 5 {
        let attempt = Attempt { ms: n as u32, ..attempt(Some(500)) };
        settles(&house, delivery, Came::Sent(attempt, None)).await.unwrap();
        if !told(&house, delivery).await.waits() {
            house.run(Command::Redeliver(delivery)).await.unwrap();
        }
    }
    let kept: Vec<u32> = told(&house, delivery).await.attempts.iter().map(|attempt| attempt.ms).collect();
    assert_eq!((kept.len(), kept.last()), (ATTEMPTS_KEPT, Some(&(ATTEMPTS_KEPT as u32 + 4))));
    house.check().await;
}

#[tokio::test]
async fn what_takes_nothing_for_days_is_switched_off() {
    for (since, on) in [(FAILING_MOST_MS - DAY_MS, true), (FAILING_MOST_MS + DAY_MS, false)] {
        let house = House::new().await;
        let id = hook(&house, &[]).await.id;
        let delivery = tests(&house, id).await;
        let long_ago = Attempt { at: house.office.now().plus(-since), ..attempt(Some(503)) };
        settles(&house, delivery, Came::Sent(long_ago, None)).await.unwrap();
        sent(&house, delivery, None).await.unwrap();
        let is = the(&house, id).await;
        assert_eq!((is.on, is.off_because.is_none()), (on, on), "{is:?}");
        assert_eq!(house.log().await.iter().any(|line| line.what == "webhook_off"), !on);
        if !on {
            house.refuses(Command::TestWebhook(id), Refusal::WebhookOff).await;
            house.refuses(Command::Redeliver(delivery), Refusal::WebhookOff).await;
            assert_eq!(queues(&house, id).await, Err(Error::Refused(Refusal::WebhookOff)));
            // What waits goes on waiting, and another address is given its time.
            let url = Some(WebhookUrl::parse("https://other.example/").unwrap());
            let patch = WebhookPatch { url, on: Some(true), ..WebhookPatch::default() };
            house.run(Command::UpdateWebhook(id, patch)).await.unwrap();
            let is = the(&house, id).await;
            assert_eq!((is.failing_since, is.off_because.clone(), is.waiting), (None, None, 1));
            assert!(is.since > is.created_at && is.place == is.since);
        }
        house.check().await;
    }
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let house = House::new().await;
    let first = hook(&house, &[]).await;
    let now = house.office.now();
    assert_eq!(first.secrets(now).map(|secret| secret.generation).collect::<Vec<_>>(), [1]);
    house.run(Command::RotateWebhook(first.id, "other".into())).await.unwrap();
    let is = the(&house, first.id).await;
    let signs = |at| is.secrets(at).map(|s| (s.generation, s.key.clone())).collect::<Vec<_>>();
    assert_eq!(signs(now), [(2, "other".to_owned()), (1, "k".to_owned())]);
    assert_eq!(signs(now.plus(OLD_SECRET_MS + DAY_MS)), [(2, "other".to_owned())]);
    house.run(Command::RotateWebhook(first.id, "other".into())).await.unwrap();
    let is = the(&house, first.id).await;
    assert_eq!(is.secrets(now).map(|secret| secret.generation).collect::<Vec<_>>(), [3, 2]);
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_not_written_and_the_log_names_no_path() {
    let house = House::new().await;
    let is = hook(&house, &[]).await;
    let same =
        WebhookPatch { url: Some(WebhookUrl::parse(&is.url).unwrap()), on: Some(true), ..WebhookPatch::default() };
    assert!(house.run(Command::UpdateWebhook(is.id, same)).await.unwrap().change.is_empty());
    let url = Some(WebhookUrl::parse("https://chat.example/services/T000/secret").unwrap());
    house.run(Command::UpdateWebhook(is.id, WebhookPatch { url, ..WebhookPatch::default() })).await.unwrap();
    for line in house.log().await {
        assert!(line.data.values().all(|value| !value.contains("secret")), "{line:?}");
    }
    let line = house.log().await.remove(0);
    assert_eq!((line.what.as_str(), line.data["host"].as_str()), ("webhook_changed", "chat.example"));
}

/// Deleted, its deliveries go in short steps, and nothing is left.
#[tokio::test]
async fn a_deleted_webhook_goes_with_all_that_it_was_told() {
    let house = House::new().await;
    let (id, other) = (hook(&house, &[]).await.id, hook(&house, &[]).await.id);
    for _ in 0..150 {
        tests(&house, id).await;
    }
    let kept = tests(&house, other).await;
    house.refuses(Command::PurgeWebhook(id), Refusal::NothingToChange).await;
    house.run(Command::DeleteWebhook(id)).await.unwrap();
    house.refuses(Command::TestWebhook(id), Refusal::WebhookNotFound).await;
    house.refuses(Command::DeleteWebhook(id), Refusal::WebhookNotFound).await;
    let mut steps = 0;
    while !house.list::<Webhook>(Range::doc(Kind::Webhook, id)).await.is_empty() {
        let done = house.run(Command::PurgeWebhook(id)).await.unwrap();
        assert!(done.change.deletes().count() <= 100);
        house.check().await;
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert_eq!(house.all::<Delivery>().iter().map(|d| d.id).collect::<Vec<_>>(), [kept]);
}

#[tokio::test]
async fn a_project_that_goes_takes_its_webhooks_along() {
    let house = House::new().await;
    let (id, deleted) = (hook(&house, &[]).await.id, hook(&house, &[]).await.id);
    for _ in 0..120 {
        tests(&house, id).await;
    }
    tests(&house, deleted).await;
    house.run(Command::DeleteWebhook(deleted)).await.unwrap();
    house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    house.refuses(Command::TestWebhook(id), Refusal::WebhookNotFound).await;
    house.run(Command::RestoreProject(house.project)).await.unwrap();
    tests(&house, id).await;
    house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    house.run(Command::DiscardProject(house.project)).await.unwrap();
    while !house.list::<Project>(Range::doc(Kind::Project, house.project)).await.is_empty() {
        house.run(Command::PurgeProject(house.project)).await.unwrap();
        house.check_everything();
    }
    assert!(house.all::<Webhook>().is_empty() && house.all::<Delivery>().is_empty());
}

#[tokio::test]
async fn what_is_over_for_a_week_is_forgotten() {
    let house = House::new().await;
    let id = hook(&house, &[]).await.id;
    let (over, waits) = (tests(&house, id).await, tests(&house, id).await);
    sent(&house, over, Some(200)).await.unwrap();
    assert!(house.run(Command::ForgetDeliveries).await.unwrap().change.is_empty(), "it is new");
    let mut old = told(&house, over).await;
    old.ended_at = Some(house.office.now().plus(-KEPT_MS - DAY_MS));
    let mut change = Change::default();
    change.overwrite(old);
    house.store.commit(change, house.key()).await.unwrap();
    assert_eq!(house.run(Command::ForgetDeliveries).await.unwrap().change.deletes().count(), 1);
    assert_eq!(house.all::<Delivery>().iter().map(|d| d.id).collect::<Vec<_>>(), [waits]);
    house.refuses(Command::Redeliver(over), Refusal::DeliveryNotFound).await;
    house.check().await;
}
