//! Whoever watches a screen, or the loop's world, is woken by what changes it, and by as little else as can be.

use std::collections::BTreeSet;

use clutch_domain::{
    actor::Actor,
    chat::Chat,
    command::{
        ClaimRun, Command, Completion, DecisionMade, Direction, EdgeRef, Force, HoldLease, NewChat, NewComment,
        NewDispatch, NewMessage, NewNotification, NewSignal, Place, ProjectPatch, PullTask, ReleaseRun, Retry, Said,
        Subtask, TaskPatch, Triage, TriageStep,
    },
    decision::{AskKind, Verdict},
    doc::{Kind, Scope},
    id::TaskId,
    notification::{NotificationSeverity, NotificationType},
    plan::world::Shape,
    query::Query,
    range::{Docs, Fetch, Range, Versioned},
    run::Run,
    talk::{AuthorType, CommentType, Signal, SignalKind, SignalSeverity},
    task::{Priority, Role, Status, TaskFields},
    text::{Body, ChatTitle, Handle, LocalPath, Participants, SessionKey, Title},
};
use futures_util::{FutureExt, StreamExt};

use crate::{
    house::{House, at, me, new_task, reopen, to, waiting_for},
    scene::new_prompt,
};

fn words(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

fn comment(task: TaskId) -> Command {
    Command::AddComment(NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("Nice."),
        kind: CommentType::Message,
    })
}

fn signal(task: TaskId, kind: SignalKind) -> Command {
    Command::RaiseSignal(NewSignal {
        task,
        session_key: SessionKey::parse("s").unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind,
        severity: SignalSeverity::Normal,
        message: words("Red?"),
        options: clutch_domain::text::Options::default(),
    })
}

async fn read(house: &House, fetch: &Fetch) -> Versioned<Docs> {
    house.store.read(fetch).await.unwrap()
}

/// Four tasks, of which b waits for c and d for a, a chat, and a loop that may take a.
async fn scene() -> (House, Vec<(Actor, Command)>) {
    let house = House::new().await;
    let [a, b, c, d] = [
        house.task("a", Status::Ready).await,
        house.task("b", Status::Done).await,
        house.task("c", Status::Backlog).await,
        house.task("d", Status::Ready).await,
    ];
    house.run(Command::AddDependency(b, c)).await.unwrap();
    house.run(Command::AddDependency(d, a)).await.unwrap();
    let on = ProjectPatch {
        work_loop_enabled: Some(true),
        local_path: Some(Some(LocalPath::parse("/srv/site").unwrap().unwrap())),
        ..ProjectPatch::default()
    };
    house.run(Command::UpdateProject(house.project, on)).await.unwrap();
    let hold = HoldLease { holder: "one".into(), take_over_beat: None, sole_writer: true };
    house.office.run(&Actor::work_loop(), &Command::HoldLease(hold)).await.unwrap();
    let chat = house.list::<Chat>(Range::children(Kind::Chat, house.project, 1)).await[0].id;

    let new = |edges: &[(TaskId, Direction)]| waiting_for(new_task(house.project, "new", Status::Backlog), edges);
    let mut send = NewMessage::new(chat, Handle::owner(), words("Hello"));
    send.send = true;
    let comment = NewComment {
        task: a,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("Nice."),
        kind: CommentType::Message,
    };
    let signal = NewSignal {
        task: a,
        session_key: SessionKey::parse("s").unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: words("Red?"),
        options: clutch_domain::text::Options::default(),
    };
    let report = Completion {
        task: a,
        summary: words("Done."),
        pr_url: None,
        notes: None,
        agent: None,
        session_key: None,
        run_id: None,
        finishes: false,
    };
    let notice = NewNotification {
        task: Some(a),
        project: None,
        kind: NotificationType::RequestInput,
        severity: NotificationSeverity::Info,
        title: None,
        message: words("Red?"),
        agent: None,
    };
    let claim = ClaimRun {
        task: a,
        phase: clutch_domain::phase::Phase::Work,
        role: Role::Dev,
        attempt: 1,
        runtime: clutch_domain::runtime::usual(),
        session: "session".into(),
        model: None,
        most: None,
        prompt_version: "v".into(),
        holder: "one".into(),
    };
    let triage = |task, step| Command::Triage(Triage { task, author: Handle::coordinator(), step });
    let part = Subtask { title: Title::parse("part").unwrap(), description: None, priority: None, role: None };
    let urgent = TaskPatch::from(TaskFields { priority: Some(Priority::High), ..TaskFields::default() });
    let people = [
        Command::AddDependency(a, b),
        Command::AddDependency(c, d),
        Command::AddDependency(c, a),
        Command::RemoveDependency(EdgeRef::Ends(b, c)),
        Command::CreateTask(new(&[])),
        Command::CreateTask(new(&[(a, Direction::DependsOn), (b, Direction::Blocks)])),
        Command::CreateTask(new(&[(c, Direction::DependsOn), (d, Direction::Blocks)])),
        to(a, Status::Done),
        to(c, Status::Done),
        reopen(b, Status::Ready),
        at(c, Status::Ready, Place::Before(a)),
        triage(a, TriageStep::Escalate(None)),
        triage(a, TriageStep::Abort),
        Command::Notify(notice),
        triage(d, TriageStep::Split(vec![part])),
        Command::Dispatch(NewDispatch { task: c, agent: Handle::agent(), by: Handle::owner() }),
        Command::DeleteTask(a),
        Command::DeleteTask(c),
        Command::UpdateTask(a, urgent),
        Command::AddComment(comment),
        Command::DeleteProject(house.project, Force::Yes),
        Command::PauseLoop(house.project, true),
        Command::CreatePrompt(new_prompt(Role::Dev, None, "Do it.")),
        Command::PostMessage(send),
        Command::DeleteChat(chat),
        Command::CreateChat(NewChat {
            project: house.project,
            title: ChatTitle::parse("About").unwrap().unwrap(),
            participants: Participants::default(),
            about: Some(a),
        }),
    ];
    let mut all: Vec<(Actor, Command)> = people.into_iter().map(|command| (me(), command)).collect();
    all.push((Actor::agent("main"), Command::RaiseSignal(signal)));
    all.push((Actor::agent("main"), Command::CompleteTask(report)));
    let pull = |task| PullTask {
        task,
        phase: clutch_domain::phase::Phase::Work,
        role: Role::Dev,
        attempt: 1,
        session: format!("pull {task}"),
        agent: Handle::agent(),
        model: None,
        prompt_version: "v".into(),
        hold_ms: 1,
    };
    let taken = house.task("e", Status::Ready).await;
    let held = house.office.run(&Actor::agent("main"), &Command::PullTask(pull(taken))).await.unwrap();
    let held = held.made::<Run>().unwrap().id;
    let retry = Retry { wait_ms: 1, cap: 3 };
    let release = ReleaseRun { run: held, reason: "I cannot.".into(), retry };
    all.push((Actor::agent("main"), Command::PullTask(pull(a))));
    all.push((Actor::agent("main"), Command::Heartbeat(held)));
    all.push((Actor::agent("main"), Command::ReleaseRun(release)));
    all.push((Actor::work_loop(), Command::LapseRun(held, retry)));
    all.push((Actor::work_loop(), Command::ClaimRun(claim)));
    let decided = DecisionMade {
        asked: AskKind::Command,
        said: Said::Verdict(Verdict::AllowOnce),
        about: "rm -r build".into(),
        session: SessionKey::parse(&format!("pull {taken}")).unwrap().map(Into::into),
        not_taken: None,
    };
    all.push((me(), Command::NoteDecision(decided)));
    (house, all)
}

/// What the loop watches.
async fn world(house: &House) -> Fetch {
    let mut shape = Shape::default();
    loop {
        let next = Shape::of(&read(house, &shape.fetch()).await.value);
        if next == shape {
            return shape.fetch();
        }
        shape = next;
    }
}

/// Everything that somebody may look at.
async fn looks(house: &House) -> Vec<(String, Fetch)> {
    let project = house.project;
    let mut queries = vec![Query::Home, Query::board(project), Query::Chats { project }, Query::Loop { project }];
    queries.extend(house.tasks().await.iter().map(|task| Query::Task { project, task: task.id }));
    queries.extend(house.all::<Chat>().iter().map(|chat| Query::Chat { chat: chat.id }));
    let mut looks: Vec<(String, Fetch)> = queries.iter().map(|query| (format!("{query:?}"), query.fetch())).collect();
    looks.push(("the loop's world".into(), world(house).await));
    looks
}

/// Runs a command; whatever it changes in a look must wake that look. Answers the scopes that it touched.
async fn woken(house: &House, actor: &Actor, command: &Command) -> BTreeSet<Scope> {
    let mut before = Vec::new();
    for (name, fetch) in looks(house).await {
        let docs = read(house, &fetch).await.value;
        before.push((name, fetch, docs));
    }
    let touched: BTreeSet<Scope> = match house.office.run(actor, command).await {
        Ok(done) => done.committed.scopes.iter().map(|(scope, _)| *scope).collect(),
        Err(_) => BTreeSet::new(),
    };
    for (name, fetch, docs) in before {
        let changed = read(house, &fetch).await.value != docs;
        let wakes = fetch.scopes.iter().any(|scope| touched.contains(scope));
        assert!(wakes || !changed, "{name} is not told of {command:?}, which touches {touched:?}");
    }
    touched
}

#[tokio::test]
async fn every_look_is_told_of_what_changes_it() {
    let count = scene().await.1.len();
    for first in 0..count {
        // Each after each other one: what the first made is there for the others to change.
        let (house, all) = scene().await;
        let one = all[first].clone();
        for (actor, command) in std::iter::once(&one).chain(&all) {
            woken(&house, actor, command).await;
        }
        for waits in house.all::<Signal>() {
            woken(&house, &me(), &Command::AnswerSignal(waits.id, words("Blue."))).await;
            let courier = Actor::work_loop();
            woken(&house, &courier, &Command::SettleAnswer(waits.id, Ok("run".into()))).await;
        }
    }
}

#[tokio::test]
async fn a_comment_reads_no_board_and_does_not_wake_the_loop() {
    let house = House::new().await;
    let (project, task) = (house.project, house.task("a", Status::Ready).await);
    let other = house.task("b", Status::Ready).await;
    let mut panel = house.store.watch(Query::Task { project, task }.fetch());
    let mut still = Vec::new();
    for query in [
        Query::Home,
        Query::board(project),
        Query::Chats { project },
        Query::Loop { project },
        Query::Task { project, task: other },
    ] {
        still.push(query.fetch());
    }
    still.push(world(&house).await);
    let mut still: Vec<_> = still.into_iter().map(|fetch| (fetch.clone(), house.store.watch(fetch))).collect();
    for live in std::iter::once(&mut panel).chain(still.iter_mut().map(|(_, live)| live)) {
        live.next().await.unwrap().unwrap();
    }
    let mut shown = 0;
    for command in [comment(task), signal(task, SignalKind::Fyi)] {
        let actor = if matches!(command, Command::AddComment(_)) { me() } else { Actor::agent("main") };
        let touched = woken(&house, &actor, &command).await;
        assert_eq!(touched, BTreeSet::from([Scope::Task(task)]));
        shown += panel.next().await.unwrap().unwrap().value.len();
        for (fetch, live) in &mut still {
            assert!(fetch.scopes.iter().all(|scope| !touched.contains(scope)), "{:?}", fetch.scopes);
            assert!(live.next().now_or_never().is_none(), "it is read again: {:?}", fetch.scopes);
        }
    }
    assert!(shown > 0);
    // A question is on the card.
    let asks = woken(&house, &Actor::agent("main"), &signal(task, SignalKind::Question)).await;
    assert!(asks.contains(&Scope::Project(project)) && asks.contains(&Scope::Installation), "{asks:?}");
}

/// A tab that is open across an upgrade holds a version of before: the new numbers go on from there.
#[tokio::test]
async fn a_version_that_was_told_before_is_never_told_again() {
    let house = House::new().await;
    let (project, task) = (house.project, house.task("a", Status::Ready).await);
    let chats = house.list::<Chat>(Range::children(Kind::Chat, project, 1)).await;
    // What these screens were numbered by before they had scopes of their own.
    let before = read(&house, &Fetch { scopes: vec![Scope::Project(project)], ranges: Vec::new() }).await.version;
    for query in
        [Query::board(project), Query::Chats { project }, Query::Loop { project }, Query::Task { project, task }]
    {
        assert!(read(&house, &query.fetch()).await.version >= before, "{query:?}");
    }
    assert_eq!(Query::Chat { chat: chats[0].id }.fetch().scopes, [Scope::Chat(chats[0].id)]);
}
