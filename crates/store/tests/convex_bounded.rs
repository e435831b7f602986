//! What Convex reads: as many documents with 20,000 finished tasks as with sixty, and how many documents
//! and round trips each thing that a person does costs. Counted by the bridge at Convex's own calls.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod bridge;
mod contract;
mod history;

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use bridge::Deployment;
use clutch_domain::{
    actor::Actor,
    command::{Command, MoveTask, NewComment, NewMessage, NewProject, NewTask, Place},
    id::{ChatId, ProjectId, TaskId},
    project::Project,
    query::Query,
    talk::{AuthorType, CommentType},
    task::Status,
    text::{Body as Text, Handle, Name, Title},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, Done, IdSource, Office},
    store::Store,
};
use history::{BATCH, PAST, SHORT, board, done, past, present, world};
use serde_json::{Value, json};
use uuid::Uuid;

/// A finished task as `docs:apply` would write it; applying 20,000 takes the mock minutes.
fn row(n: u64) -> Value {
    let body = done(n);
    let index = body.index();
    json!({
        "id": body.key().id, "rev": 1, "scope": index.scope.word(), "parent": index.parent, "link": "", "status": index.status,
        "ord": index.order, "at": { "$integer": base64(index.at.0) }, "body": serde_json::to_string(&body).unwrap(), "more": 0,
    })
}

fn base64(n: i64) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(n.to_le_bytes())
}

#[tokio::test]
async fn convex_reads_what_is_open() {
    let place = Deployment::bridge(&[]);
    let store = &place.store();
    present(store).await;
    past(store, 0, SHORT).await;
    let costs = async || {
        let before = place.stat("documentsRead").await;
        let board = board(store).await.value.len();
        let middle = place.stat("documentsRead").await;
        let world = world(store).await.value.len();
        (board, middle - before, world, place.stat("documentsRead").await - middle)
    };
    let short = costs().await;
    for start in (SHORT..PAST).step_by(usize::try_from(BATCH).unwrap()) {
        let rows: Vec<Value> = (start..PAST.min(start + BATCH)).map(row).collect();
        place.control("/insert", json!({ "table": "task", "rows": rows })).await;
    }
    let long = costs().await;
    assert_eq!(long, short, "documents given and read, board and world");
    println!(
        "measured: with {PAST} finished tasks Convex reads {} documents for a board, {} for the loop's world",
        long.1, long.3
    );
}

#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Millis {
        Millis(1_000_000 + self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl IdSource for Counting {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

struct House {
    place: Deployment,
    office: Office,
}

/// What one thing costs.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    trips: u64,
    documents: u64,
}

impl House {
    async fn numbers(&self) -> (u64, u64) {
        let all = self.place.control("/stats", json!(null)).await;
        let number = |name: &str| all[name].as_u64().unwrap();
        (number("queries") + number("mutations"), number("documentsRead"))
    }

    async fn run(&self, what: &str, most: Cost, command: Command) -> Done {
        let before = self.numbers().await;
        let done = self.office.run(&Actor::human("dan"), &command).await.unwrap();
        self.within(what, &most, before).await;
        done
    }

    async fn within(&self, what: &str, most: &Cost, before: (u64, u64)) {
        let after = self.numbers().await;
        let cost = Cost { trips: after.0 - before.0, documents: after.1 - before.1 };
        // Of the column that is filled one by one, the first and the last will do.
        if !what.contains("below") || what.contains("below 0") || what.contains("below 39") {
            println!("measured: on Convex, {what}: {} round trips, {} documents read", cost.trips, cost.documents);
        }
        assert!(cost.trips <= most.trips && cost.documents <= most.documents, "{what}: {cost:?}, at most {most:?}");
    }
}

fn title(n: u64) -> Title {
    Title::parse(&format!("Ticket {n}")).unwrap()
}

/// Ceilings, so that a rule that reads on and on is noticed: a round trip is what Convex costs.
#[tokio::test]
async fn what_people_do_is_a_few_round_trips() {
    let place = Deployment::bridge(&[]);
    let store: Arc<dyn Store> = Arc::new(place.store());
    place.store().check().await.unwrap();
    let office = Office::new(store.clone(), Arc::new(Ticking::default()), Arc::new(Counting::default()));
    let house = House { place, office };
    let most = |trips, documents| Cost { trips, documents };

    let new = NewProject::new(Name::parse("Birds").unwrap());
    // The first commit asks once what the deployment is.
    let made = house.run("creating the first project", most(8, 40), Command::CreateProject(new)).await;
    let project: ProjectId = made.made::<Project>().unwrap().id;
    let chat: ChatId =
        made.change.puts().find_map(<clutch_domain::chat::Chat as clutch_domain::doc::Inside>::of).unwrap().id;
    let mut tasks: Vec<TaskId> = Vec::new();
    for n in 0..40 {
        let new = NewTask::new(project, title(n), Status::Backlog);
        let made =
            house.run(&format!("creating a ticket below {n} others"), most(7, 60), Command::CreateTask(new)).await;
        tasks.push(made.change.activity[0].task.unwrap());
    }
    let to = |task, place| {
        Command::MoveTask(MoveTask { task, to: Status::Ready, place, reason: None, resolution: None, reopen: false })
    };
    house.run("moving a card to another column", most(7, 60), to(tasks[0], Place::End)).await;
    house.run("moving a card above another", most(7, 60), to(tasks[1], Place::Before(tasks[0]))).await;
    let comment = NewComment {
        task: tasks[0],
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: Text::parse("Look at the nest.").unwrap().unwrap(),
        kind: CommentType::Message,
    };
    house.run("writing a comment", most(5, 30), Command::AddComment(comment)).await;
    house.run("adding a dependency", most(9, 60), Command::AddDependency(tasks[0], tasks[2])).await;
    let message = NewMessage::new(chat, Handle::owner(), Text::parse("Good morning.").unwrap().unwrap());
    house.run("writing a chat message", most(5, 30), Command::PostMessage(message)).await;
    for (what, documents, query) in [
        ("opening the home page", 20, Query::Home),
        ("opening a board with 40 cards", 60, Query::board(project)),
        ("opening a ticket", 30, Query::Task { project, task: tasks[0] }),
    ] {
        let before = house.numbers().await;
        store.read(&query.fetch()).await.unwrap();
        house.within(what, &most(1, documents), before).await;
    }
}
