//! What happens is told to receivers elsewhere.

use std::{collections::BTreeSet, time::Duration};

use clutch_domain::{
    activity::Activity,
    change::Change,
    command::{Command, Force, NewComment, NewWebhook, WebhookPatch},
    id::{DeliveryId, TaskId, WebhookId},
    talk::{AuthorType, CommentType},
    text::{Body, Handle, WebhookDescription, WebhookEvents, WebhookUrl},
    webhook::{Delivery, DeliveryState, PAUSES_MS, WAITING_MAX, Webhook, delivery_id},
};

use crate::{
    glass::Dies,
    house::{House, pass},
    receivers::Says,
};

const URL: &str = "https://one.example/hook";
const OTHER: &str = "https://two.example/hook";

async fn hook(house: &House, url: &str, events: &[&str]) -> WebhookId {
    let events =
        if events.is_empty() { Ok(WebhookEvents::all()) } else { WebhookEvents::parse(events.iter().copied()) };
    let new = NewWebhook {
        project: house.project,
        url: WebhookUrl::parse(url).unwrap(),
        description: WebhookDescription::parse("").unwrap(),
        events: events.unwrap(),
        on: true,
        key: "k".into(),
    };
    house.person(Command::CreateWebhook(new)).await.made::<Webhook>().unwrap().id
}

async fn comment(house: &House, task: TaskId, words: &str) {
    let new = NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: Body::parse(words).unwrap().unwrap(),
        kind: CommentType::Message,
    };
    house.person(Command::AddComment(new)).await;
}

/// A ticket that nobody takes.
async fn ticket(house: &House) -> TaskId {
    let title = clutch_domain::text::Title::parse("Paint").unwrap();
    let new = clutch_domain::command::NewTask::new(house.project, title, clutch_domain::task::Status::Backlog);
    house.person(Command::CreateTask(new)).await.made::<clutch_domain::task::Task>().unwrap().id
}

fn the_hook(house: &House, id: WebhookId) -> Webhook {
    house.all::<Webhook>().into_iter().find(|webhook| webhook.id == id).unwrap()
}

fn deliveries(house: &House, webhook: WebhookId) -> Vec<Delivery> {
    house.all::<Delivery>().into_iter().filter(|delivery| delivery.webhook == webhook).collect()
}

/// Ids of all that a webhook is to be told, from the log.
fn wanted(house: &House, webhook: WebhookId) -> BTreeSet<DeliveryId> {
    let is = the_hook(house, webhook);
    house.all::<Activity>().iter().filter(|line| is.wants(line)).map(|line| delivery_id(webhook, line.id)).collect()
}

fn got(house: &House, url: &str) -> BTreeSet<DeliveryId> {
    house.receivers.got(url).iter().map(|came| came.id).collect()
}

async fn all_told(house: &House, webhook: WebhookId, url: &str) {
    house
        .until("all of it is told", || {
            let over = deliveries(house, webhook).iter().all(|delivery| !delivery.waits());
            over && wanted(house, webhook).is_subset(&got(house, url))
        })
        .await;
    assert_eq!(got(house, url), wanted(house, webhook), "and nothing else");
    assert_eq!(the_hook(house, webhook).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_webhook_asks_for_is_told_once_and_nothing_else() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    comment(&house, task, "Before.").await;
    pass(1).await;
    let (some, all) = (hook(&house, URL, &["comment_added", "status_changed"]).await, hook(&house, OTHER, &[]).await);
    for n in 0..5 {
        comment(&house, task, &format!("{n}")).await;
    }
    ticket(&house).await;
    all_told(&house, some, URL).await;
    all_told(&house, all, OTHER).await;
    let kinds: Vec<String> = house.receivers.got(URL).iter().map(|came| came.what.clone()).collect();
    assert_eq!(kinds, ["comment_added"; 5], "each once, and none from before");
    let kinds: Vec<String> = house.receivers.got(OTHER).iter().map(|came| came.what.clone()).collect();
    assert_eq!(kinds.iter().filter(|what| *what == "task_created").count(), 1);
    assert!(deliveries(&house, some).iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    // What is quiet stays quiet: nothing comes twice as the log is read again.
    pass(600).await;
    assert_eq!(house.receivers.got(URL).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_sent_again_under_one_id_by_the_schedule_and_then_given_up() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Status(500, None));
    let id = hook(&house, URL, &["comment_added"]).await;
    comment(&house, task, "x").await;
    pass(PAUSES_MS.iter().sum::<i64>() as u64 / 1_000).await;
    house.until("it is given up", || deliveries(&house, id).iter().any(|d| d.state == DeliveryState::Failed)).await;
    let came = house.receivers.got(URL);
    assert_eq!((came.len(), got(&house, URL).len()), (PAUSES_MS.len() + 1, 1));
    for (pair, pause) in came.windows(2).zip(PAUSES_MS) {
        let waited = pair[1].at.duration_since(pair[0].at).as_millis() as i64;
        assert!((pause..pause + 1_000).contains(&waited), "{waited} instead of {pause}");
    }
    let told = deliveries(&house, id).remove(0);
    assert_eq!(told.attempts.len(), PAUSES_MS.len() + 1);
    assert_eq!(told.attempts[0].error.as_deref(), Some("It answered 500."));
    // A person sends it again once the receiver is well: the same id.
    house.receivers.say(URL, Says::Status(204, None));
    house.person(Command::Redeliver(told.id)).await;
    house.until("it is taken", || deliveries(&house, id)[0].state == DeliveryState::Delivered).await;
    assert_eq!(got(&house, URL).len(), 1);
    assert_eq!(the_hook(&house, id).failing_since, None);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_time_gets_it() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Status(429, Some(120_000)));
    let id = hook(&house, URL, &["comment_added"]).await;
    comment(&house, task, "x").await;
    house.until("it came twice", || house.receivers.got(URL).len() == 2).await;
    let came = house.receivers.got(URL);
    assert!(came[1].at.duration_since(came[0].at) >= Duration::from_secs(120));
    house.receivers.say(URL, Says::Status(200, None));
    house.until("it is taken", || deliveries(&house, id)[0].state == DeliveryState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_gone_is_switched_off_and_told_nothing_more() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Status(410, None));
    let id = hook(&house, URL, &["comment_added"]).await;
    comment(&house, task, "x").await;
    house.until("it is off", || !the_hook(&house, id).on).await;
    assert!(the_hook(&house, id).off_because.unwrap().contains("410"));
    assert!(house.all::<Activity>().iter().any(|line| line.what == "webhook_off"));
    comment(&house, task, "y").await;
    pass(600).await;
    assert_eq!(house.receivers.got(URL).len(), 1);
    // Switched on again it is told what happens from then on, and not what happened meanwhile.
    house.receivers.say(URL, Says::Status(200, None));
    let on = WebhookPatch { on: Some(true), ..WebhookPatch::default() };
    house.person(Command::UpdateWebhook(id, on)).await;
    comment(&house, task, "z").await;
    house.until("it is told again", || house.receivers.got(URL).len() == 2).await;
    pass(600).await;
    assert_eq!(house.receivers.got(URL).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_keeps_nobody_else_waiting() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Silence);
    let (slow, quick) = (hook(&house, URL, &["comment_added"]).await, hook(&house, OTHER, &["comment_added"]).await);
    let began = tokio::time::Instant::now();
    for n in 0..20 {
        comment(&house, task, &format!("{n}")).await;
    }
    all_told(&house, quick, OTHER).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(deliveries(&house, slow).iter().all(Delivery::waits));
    house.until("the slow one is given some", || house.receivers.got(URL).len() >= 6).await;
    assert!(house.receivers.most_at_once(URL) <= 2, "few hands for each");
    let told = deliveries(&house, slow).into_iter().find(|told| !told.attempts.is_empty()).unwrap();
    assert_eq!(told.attempts[0].error.as_deref(), Some("No answer within 15 seconds."));
    assert!((15_000..16_000).contains(&told.attempts[0].ms), "{}", told.attempts[0].ms);
}

/// The server dies while a receiver has its event and has not answered yet.
#[tokio::test(start_paused = true)]
async fn what_was_under_way_as_the_server_died_comes_again_under_its_id() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Silence);
    let id = hook(&house, URL, &["comment_added"]).await;
    comment(&house, task, "x").await;
    house.until("it is there", || house.receivers.got(URL).len() == 1).await;
    house.kill();
    house.receivers.say(URL, Says::Status(200, None));
    comment(&house, task, "while nobody is there").await;
    house.start();
    all_told(&house, id, URL).await;
    assert_eq!((house.receivers.got(URL).len(), got(&house, URL).len()), (3, 2));
}

/// The server dies at any of its commits, before or after: each event comes at least once, under one id.
#[tokio::test(start_paused = true)]
async fn whenever_the_server_dies_nothing_is_lost_and_nothing_has_two_ids() {
    for dies in [Dies::Before, Dies::After] {
        for commit in 1..=12 {
            let house = House::asleep(true).await;
            let task = ticket(&house).await;
            let id = hook(&house, URL, &["comment_added"]).await;
            house.start();
            house.glass.die_at(commit, dies);
            for n in 0..5 {
                comment(&house, task, &format!("{n}")).await;
                pass(1).await;
            }
            pass(40).await;
            let died = house.glass.has_died();
            house.kill();
            house.start();
            all_told(&house, id, URL).await;
            assert_eq!(got(&house, URL).len(), 5, "{dies:?} {commit}");
            assert!(died || commit > 5, "{dies:?} {commit}: it dies while there is something to do");
        }
    }
}

/// A line that is committed behind newer ones: its commit took long, or another server's clock is behind.
#[tokio::test(start_paused = true)]
async fn a_line_that_comes_late_is_told_all_the_same() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    let id = hook(&house, URL, &["comment_added"]).await;
    pass(90).await;
    comment(&house, task, "x").await;
    all_told(&house, id, URL).await;
    let line = house.all::<Activity>().into_iter().find(|line| line.what == "comment_added").unwrap();
    let late = Activity {
        id: clutch_domain::id::ActivityId::of_time(line.at.plus(-80_000), uuid::Uuid::from_u128(7)),
        at: line.at.plus(-80_000),
        ..line
    };
    let mut change = Change::default();
    change.activity.push(late);
    house.write(change).await;
    all_told(&house, id, URL).await;
    assert_eq!(got(&house, URL).len(), 2);
}

/// A receiver that is away for long: what does not fit stays in the log and comes when there is room.
#[tokio::test(start_paused = true)]
async fn thousands_that_wait_stay_in_the_log() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Lost);
    let id = hook(&house, URL, &["comment_added"]).await;
    let many = WAITING_MAX as usize + 200;
    for n in 0..many {
        comment(&house, task, &format!("{n}")).await;
    }
    house.until("the queue is full", || the_hook(&house, id).waiting >= WAITING_MAX).await;
    pass(60).await;
    assert!(deliveries(&house, id).len() < WAITING_MAX as usize + 60, "{}", deliveries(&house, id).len());
    house.receivers.say(URL, Says::Status(200, None));
    all_told(&house, id, URL).await;
    assert_eq!(got(&house, URL).len(), many);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_deleted_project_is_given_up_in_words() {
    let house = House::new(true).await;
    let task = ticket(&house).await;
    house.receivers.say(URL, Says::Lost);
    let id = hook(&house, URL, &["comment_added"]).await;
    comment(&house, task, "x").await;
    house.until("it came", || house.receivers.got(URL).len() == 1).await;
    house.person(Command::DeleteProject(house.project, Force::Yes)).await;
    house.until("it is given up", || deliveries(&house, id).iter().all(|told| !told.waits())).await;
    let told = deliveries(&house, id).remove(0);
    assert_eq!(told.given_up.as_deref(), Some("The project was deleted."));
    assert_eq!(house.receivers.got(URL).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_test_goes_to_the_one_that_it_tests() {
    let house = House::new(true).await;
    let (one, _) = (hook(&house, URL, &["comment_added"]).await, hook(&house, OTHER, &[]).await);
    house.person(Command::TestWebhook(one)).await;
    house.until("it came", || house.receivers.got(URL).len() == 1).await;
    pass(60).await;
    assert_eq!(house.receivers.got(URL)[0].what, "webhook_tested");
    assert!(house.receivers.got(OTHER).iter().all(|came| came.what != "webhook_tested"));
}

/// Where no webhook is on nothing is read for them.
#[tokio::test(start_paused = true)]
async fn where_nobody_asks_nothing_is_done() {
    let house = House::new(true).await;
    pass(600).await;
    let since = tokio::time::Instant::now();
    pass(3_600).await;
    // The work loop itself looks every half minute.
    assert!(house.glass.most_in_a_minute(since) <= 4, "{}", house.glass.most_in_a_minute(since));
}
