//! A scene with everything in it, everything that somebody may do about it, and somebody else who is faster. The stores'
//! own tests play it too.

#![allow(dead_code)]

#[path = "scene/overtaken.rs"]
mod overtaken;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use clutch_domain::{
    access::{Account, Digest, TokenScope, UserName, UserRole},
    activity::Activity,
    chat::{Chat, DeliveryStatus, Message},
    command::{
        Came, Carry, ChangeUser, ChatPatch, ClaimRun, Command, Completion, ContinueRun, DecisionMade, DeliveryPatch,
        Direction, EdgeRef, EndRun, Ended, Force, HoldLease, NewBrowserSession, NewChat, NewComment, NewDispatch,
        NewMessage, NewNotification, NewPassword, NewProject, NewPrompt, NewSignal, NewToken, NewWebhook, Place,
        ProjectPatch, PullTask, QueueDeliveries, RefusedLogIns, ReleaseRun, Retry, Said, SettleDelivery, Subtask,
        TaskPatch, Triage, TriageStep, UserStep, WebhookPatch,
    },
    decision::{AskKind, Verdict},
    doc::{Body as Stored, Kind, Scope},
    id::{ChatId, ProjectId, TaskId, WebhookId},
    invariant::Everything,
    notification::{Notification, NotificationSeverity, NotificationType},
    phase::Phase,
    project::Project,
    prompt::{Line, Version},
    range::{Fetch, Range},
    run::{Run, Stopping},
    talk::{AuthorType, CommentType, Signal, SignalKind, SignalSeverity},
    task::{Priority, Role, Status, Task, TaskFields},
    text::{
        Body, ChatTitle, Excerpt, Handle, Label, LocalPath, Participants, PromptText, SessionKey, Slug, Title,
        WebhookDescription, WebhookEvents, WebhookUrl,
    },
    time::Millis,
    webhook::{Attempt, Delivery, Webhook},
};
use clutch_orchestrator::{
    office::{Done, Error, Office},
    store::Store,
};
use clutch_store::MemoryStore;

use self::overtaken::Overtaken;
use crate::house::{Counting, Ticking, at, new_project, new_task, reopen, to, usual, waiting_for};

fn words(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

/// An office over a store, with the ids and the clock of every other scene.
pub fn office_over(store: Arc<dyn Store>) -> Office {
    Office::new(store, Arc::new(Ticking::default()), Arc::new(Counting::default()))
}

async fn must(office: &Office, command: Command) -> Done {
    office.run(&usual(&command), &command).await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

async fn make_task(office: &Office, project: ProjectId, title: &str, status: Status) -> TaskId {
    must(office, Command::CreateTask(new_task(project, title, status))).await.made::<Task>().unwrap().id
}

async fn make_project(office: &Office, name: &str) -> ProjectId {
    must(office, Command::CreateProject(new_project(name))).await.made::<Project>().unwrap().id
}

fn decides(session: &str, not_taken: Option<&str>) -> Command {
    Command::NoteDecision(DecisionMade {
        asked: AskKind::Command,
        said: Said::Verdict(Verdict::Deny),
        about: "rm -r build".into(),
        session: SessionKey::parse(session).unwrap().map(Into::into),
        not_taken: not_taken.map(Into::into),
    })
}

fn asks(task: TaskId, session: &str) -> Command {
    Command::RaiseSignal(NewSignal {
        task,
        session_key: SessionKey::parse(session).unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: words("Red?"),
        options: clutch_domain::text::Options::default(),
    })
}

fn claims(task: TaskId, role: Role) -> Command {
    Command::ClaimRun(ClaimRun {
        task,
        phase: Phase::Work,
        role,
        attempt: 1,
        runtime: clutch_domain::runtime::usual(),
        session: format!("session of {task} as {role:?}"),
        model: None,
        most: None,
        prompt_version: "v".into(),
        holder: "one".into(),
    })
}

/// How long a sign of an agent counts that holds its task.
const HELD_MS: i64 = 3_600_000;

fn pulls(task: TaskId, hold_ms: i64) -> Command {
    Command::PullTask(PullTask {
        task,
        phase: Phase::Work,
        role: Role::Dev,
        attempt: 1,
        session: format!("pull of {task}"),
        agent: Handle::agent(),
        model: None,
        prompt_version: "v".into(),
        hold_ms,
    })
}

/// A prompt for any model, or for one.
pub fn new_prompt(role: Role, model: Option<&str>, words: &str) -> NewPrompt {
    NewPrompt {
        line: Line { role, model: model.map(str::to_owned) },
        content: PromptText::parse(words).unwrap().unwrap(),
        variables: Vec::new(),
        change_summary: None,
        parent: None,
        created_by: Handle::owner(),
    }
}

/// A webhook of a project that is told everything.
pub fn new_webhook(project: ProjectId) -> NewWebhook {
    NewWebhook {
        project,
        url: WebhookUrl::parse("https://example.com/hook").unwrap(),
        description: WebhookDescription::parse("").unwrap(),
        events: WebhookEvents::all(),
        on: true,
        key: "k".into(),
    }
}

/// An attempt that got this answer.
pub fn attempt(status: Option<u16>) -> Attempt {
    let error = (!matches!(status, Some(200..=299))).then(|| "It failed.".to_owned());
    Attempt { at: Millis(2_000_000), ms: 5, status, error, answer: String::new() }
}

async fn make_webhook(office: &Office, project: ProjectId) -> WebhookId {
    must(office, Command::CreateWebhook(new_webhook(project))).await.made::<Webhook>().unwrap().id
}

fn sends(chat: ChatId, text: &str) -> Command {
    let mut new = NewMessage::new(chat, Handle::owner(), words(text));
    new.send = true;
    Command::PostMessage(new)
}

/// A project with tasks in chains, one at work, one that waits for an answer; a chat with a message in the queue, one that
/// failed and one that nobody carries; projects and a chat in the bin. And everything that somebody may do about it.
pub async fn scene(office: &Office) -> Vec<Command> {
    let project = make_project(office, "Birds").await;
    let on = ProjectPatch {
        work_loop_enabled: Some(true),
        local_path: Some(Some(LocalPath::parse("/srv/site").unwrap().unwrap())),
        ..ProjectPatch::default()
    };
    must(office, Command::UpdateProject(project, on)).await;
    let hold = HoldLease { holder: "one".into(), take_over_beat: None, sole_writer: true };
    must(office, Command::HoldLease(hold.clone())).await;
    let a = make_task(office, project, "a", Status::Ready).await;
    let b = make_task(office, project, "b", Status::Done).await;
    let c = make_task(office, project, "c", Status::Backlog).await;
    let d = make_task(office, project, "d", Status::Ready).await;
    must(office, Command::AddDependency(b, c)).await;
    must(office, Command::AddDependency(d, a)).await;
    // e is at work and asks; f has asked, was answered, and its answer is on its way.
    let e = make_task(office, project, "e", Status::Ready).await;
    let f = make_task(office, project, "f", Status::Ready).await;
    let at_work = must(office, claims(e, Role::Dev)).await.made::<Run>().unwrap().clone();
    must(office, Command::RunStarted(at_work.id.into())).await;
    let question = must(office, asks(e, &at_work.session_key)).await.made::<Signal>().unwrap().id;
    let waiting = must(office, claims(f, Role::Pm)).await.made::<Run>().unwrap().clone();
    let answered = must(office, asks(f, &waiting.session_key)).await.made::<Signal>().unwrap().id;
    // g is held by an agent that took it and asks; h by one that gives no sign any more.
    let g = make_task(office, project, "g", Status::Ready).await;
    let h = make_task(office, project, "h", Status::Ready).await;
    let held = must(office, pulls(g, HELD_MS)).await.made::<Run>().unwrap().clone();
    let asked = must(office, asks(g, &held.session_key)).await.made::<Signal>().unwrap().id;
    let silent = must(office, pulls(h, 1)).await.made::<Run>().unwrap().id;
    let retry = Retry { wait_ms: 1_000, cap: 3 };
    let end = |run: &Run, how| EndRun {
        run: run.id,
        as_id: None,
        how,
        last_words: Excerpt::from("The end."),
        used: None,
        retry: Retry { wait_ms: 1_000, cap: 3 },
    };
    must(office, Command::RunEnded(end(&waiting, Ended::Finished))).await;
    must(office, Command::AnswerSignal(answered, words("Green."))).await;
    let chat = office.all::<Chat>(Range::children(Kind::Chat, project, 1)).await.unwrap()[0].id;
    let failed = must(office, sends(chat, "One")).await.made::<Message>().unwrap().id;
    while office.get::<Message>(failed).await.unwrap().unwrap().open() {
        must(office, Command::CarryMessage(failed, Carry::Send)).await;
        must(office, Command::CarryMessage(failed, Carry::Failed("no".into()))).await;
    }
    let queued = must(office, sends(chat, "Two")).await.made::<Message>().unwrap().id;
    let stored = NewMessage::new(chat, Handle::owner(), words("Three"));
    let stored = must(office, Command::PostMessage(stored)).await.made::<Message>().unwrap().id;
    let new_chat = |title: &str, about| {
        let title = ChatTitle::parse(title).unwrap().unwrap();
        Command::CreateChat(NewChat { project, title, participants: Participants::default(), about })
    };
    let gone = must(office, new_chat("Gone", None)).await.made::<Chat>().unwrap().id;
    must(office, sends(gone, "Bye")).await;
    must(office, Command::DeleteChat(gone)).await;
    let (hook, other, leaving) =
        (make_webhook(office, project).await, make_webhook(office, project).await, make_webhook(office, project).await);
    let (binned, purging) = (make_project(office, "Binned").await, make_project(office, "Purging").await);
    for project in [binned, purging] {
        let task = make_task(office, project, "x", Status::Ready).await;
        must(office, asks(task, "by-hand")).await;
        let hook = make_webhook(office, project).await;
        must(office, Command::TestWebhook(hook)).await;
        must(office, Command::DeleteProject(project, Force::Yes)).await;
    }
    must(office, Command::DiscardProject(purging)).await;
    let token = |n: u8| NewToken {
        digest: Digest::new([n; 32]),
        name: Label::parse("CI").unwrap(),
        scope: TokenScope::Write,
        expires_at: None,
    };
    must(office, Command::CreateToken(token(1))).await;
    must(office, Command::SetPassword("$".to_owned().into())).await;
    let user = |name: &str, step| Command::ChangeUser(ChangeUser { name: UserName::parse(name).unwrap(), step });
    must(office, user("eve", UserStep::Add(UserRole::Owner, "$".to_owned().into()))).await;
    let password_of = office.get::<Account>("dan").await.unwrap().unwrap().password_set_at;
    let eves = office.get::<Account>("eve").await.unwrap().unwrap().password_set_at;
    let own = NewPassword { hash: "$$".to_owned().into(), password_of: eves, session: Digest::new([3; 32]) };
    let session = |n: u8| NewBrowserSession {
        digest: Digest::new([n; 32]),
        account: UserName::owner(),
        password_of,
        browser: "Firefox".into(),
        from: "192.0.2.7".into(),
    };
    must(office, Command::OpenSession(session(1))).await;
    for n in [3, 4] {
        let account = UserName::parse("eve").unwrap();
        must(office, Command::OpenSession(NewBrowserSession { account, password_of: eves, ..session(n) })).await;
    }
    let prompt = |model, words| Command::CreatePrompt(new_prompt(Role::Dev, model, words));
    let version = must(office, prompt(None, "One.")).await.made::<Version>().unwrap().id;
    must(office, prompt(None, "Two.")).await;
    must(office, prompt(Some("gpt"), "Three.")).await;
    let made_of = NewPrompt { parent: Some(version), ..new_prompt(Role::Dev, None, "Five.") };

    let tells = |task| NewNotification {
        task,
        project: Some(project),
        kind: NotificationType::Escalation,
        severity: NotificationSeverity::Info,
        title: None,
        message: words("Look."),
        agent: None,
    };
    let notice = must(office, Command::Notify(tells(None))).await.made::<Notification>().unwrap().id;

    // One delivery waits, one is over, and lines of the log are to become some.
    let told = must(office, Command::TestWebhook(hook)).await.made::<Delivery>().unwrap().id;
    let over = must(office, Command::TestWebhook(hook)).await.made::<Delivery>().unwrap().id;
    must(office, Command::TestWebhook(leaving)).await;
    must(office, Command::DeleteWebhook(leaving)).await;
    let settles = |delivery, status| {
        Command::SettleDelivery(SettleDelivery { delivery, came: Came::Sent(attempt(status), None) })
    };
    must(office, settles(over, Some(200))).await;
    let lines = office.all::<Activity>(Range::newest(Kind::Activity, Scope::Project(project), 6)).await.unwrap();
    let queues = |webhook| {
        let ids = lines.iter().rev().map(|line| line.id).collect();
        Command::QueueDeliveries(QueueDeliveries { webhook, lines: ids, place: lines[0].at })
    };
    let off = WebhookPatch { on: Some(false), ..WebhookPatch::default() };

    let new = |edges: &[(TaskId, Direction)]| waiting_for(new_task(project, "new", Status::Backlog), edges);
    let comment = NewComment {
        task: a,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("Nice."),
        kind: CommentType::Message,
    };
    let report = |task| {
        let summary = words("Done.");
        let (pr_url, notes, agent, session_key, run_id) = (None, None, None, None, None);
        Command::CompleteTask(Completion { task, summary, pr_url, notes, agent, session_key, run_id, finishes: false })
    };
    let delivery =
        DeliveryPatch { status: DeliveryStatus::Failed, retry_count: None, cooldown_until: None, failure_reason: None };
    let named = NewProject { slug: Some(Slug::parse("binned").unwrap()), ..new_project("Binned") };
    let rename = ChatPatch { title: Some(ChatTitle::parse("New").unwrap().unwrap()), session_key: None };
    let urgent = TaskPatch::from(TaskFields { priority: Some(Priority::High), ..TaskFields::default() });
    let quiet = ProjectPatch { work_loop_enabled: Some(false), ..ProjectPatch::default() };
    let triage = |task, step| Command::Triage(Triage { task, author: Handle::coordinator(), step });
    let part = |title| Subtask { title: Title::parse(title).unwrap(), description: None, priority: None, role: None };
    vec![
        triage(a, TriageStep::Reassign { role: Some(Role::Research), model: None }),
        triage(a, TriageStep::Split(vec![part("a1"), part("a2")])),
        triage(e, TriageStep::Escalate(Some("It stands.".into()))),
        triage(e, TriageStep::Kill(None)),
        triage(e, TriageStep::Abort),
        Command::Notify(tells(Some(a))),
        Command::MarkNotification(notice, true),
        Command::DeleteNotification(notice),
        Command::Dispatch(NewDispatch { task: a, agent: Handle::agent(), by: Handle::owner() }),
        Command::AddDependency(a, b),
        Command::AddDependency(c, d),
        Command::AddDependency(c, a),
        Command::RemoveDependency(EdgeRef::Ends(b, c)),
        Command::CreateTask(new(&[])),
        Command::CreateTask(new(&[(a, Direction::DependsOn), (b, Direction::Blocks)])),
        Command::CreateTask(new(&[(c, Direction::DependsOn), (d, Direction::Blocks)])),
        to(a, Status::Done),
        to(c, Status::Done),
        to(e, Status::Backlog),
        reopen(b, Status::Ready),
        at(c, Status::Ready, Place::Before(a)),
        Command::DeleteTask(a),
        Command::DeleteTask(c),
        Command::DeleteTask(e),
        Command::DeleteTask(f),
        Command::UpdateTask(a, urgent),
        Command::AddComment(comment),
        Command::CreateProject(named),
        Command::UpdateProject(project, quiet),
        Command::DeleteProject(project, Force::Yes),
        Command::RestoreProject(binned),
        Command::DiscardProject(binned),
        Command::ShelveProject(binned),
        Command::PurgeProject(purging),
        Command::PauseLoop(project, true),
        sends(chat, "Four"),
        Command::UpdateChat(chat, rename),
        Command::DeleteChat(chat),
        Command::RestoreChat(gone),
        Command::PurgeChat(gone),
        new_chat("About", Some(a)),
        Command::NameSession(chat, "s".into(), None),
        Command::CarryMessage(queued, Carry::Send),
        Command::SetDelivery(stored, delivery),
        Command::RetryMessage(failed),
        Command::WithdrawMessage(queued),
        asks(a, "s"),
        Command::AnswerSignal(question, words("Green.")),
        Command::SettleAnswer(answered, Ok("signal-run".into())),
        Command::SettleAnswer(answered, Err("it refused".into())),
        report(a),
        report(e),
        claims(a, Role::Dev),
        claims(a, Role::Pm),
        report(g),
        report(h),
        pulls(a, HELD_MS),
        Command::Heartbeat(silent),
        Command::ReleaseRun(ReleaseRun { run: silent, reason: "I cannot.".into(), retry }),
        Command::LapseRun(silent, retry),
        Command::LapseRun(held.id, retry),
        asks(h, "s"),
        to(g, Status::Backlog),
        Command::DeleteTask(g),
        Command::AnswerSignal(asked, words("Green.")),
        Command::RunStarted(at_work.id.into()),
        Command::RunContinued(ContinueRun { run: at_work.id, from: at_work.key.clone(), as_id: "resumed".into() }),
        Command::StopRun(
            at_work.id,
            Stopping { how: Ended::Failed, why: "It is silent.".into(), forget: false, used: None, by: None },
        ),
        Command::StopAgent(at_work.id),
        Command::TellTrouble(at_work.id, Some("It refuses.".into())),
        Command::BeginAnswer(answered),
        Command::TreatAsEnded(waiting.id),
        decides(&waiting.session_key, None),
        decides("nobodys", Some("It expired.")),
        Command::TellAnswerTrouble(answered, Some("It refuses.".into())),
        Command::RunEnded(end(&at_work, Ended::Finished)),
        Command::RunEnded(end(&at_work, Ended::Failed)),
        Command::RunEnded(end(&waiting, Ended::Aborted)),
        Command::NoteProject(project, BTreeMap::from([(d, "Waits for 1 task".to_owned())]), None),
        Command::HoldLease(HoldLease { holder: "two".into(), ..hold }),
        Command::CreateToken(token(2)),
        Command::RevokeToken(token(1).digest),
        Command::NoteTokenUse(token(1).digest, Millis(1_000)),
        Command::SetPassword("$".to_owned().into()),
        user("mia", UserStep::Add(UserRole::Member, "$".to_owned().into())),
        user("eve", UserStep::Become(UserRole::Viewer)),
        user("dan", UserStep::Become(UserRole::Member)),
        user("dan", UserStep::Remove),
        user("eve", UserStep::Password("$$".to_owned().into())),
        Command::ChangePassword(own),
        Command::NoteRefused(RefusedLogIns { account: None, from: "192.0.2.7".into(), times: 3 }),
        Command::OpenSession(session(2)),
        Command::EndSession(session(1).digest),
        Command::NoteSessionSeen(session(1).digest, Millis(9_000_000_000_000)),
        prompt(None, "Four."),
        Command::CreatePrompt(made_of),
        Command::SeedPrompt(new_prompt(Role::Pm, None, "Six.")),
        Command::ActivatePrompt(version),
        Command::CreateWebhook(new_webhook(project)),
        Command::UpdateWebhook(hook, off),
        Command::RotateWebhook(hook, "l".into()),
        Command::DeleteWebhook(hook),
        Command::TestWebhook(other),
        Command::Redeliver(told),
        Command::Redeliver(over),
        queues(hook),
        queues(other),
        settles(told, Some(204)),
        settles(told, Some(410)),
        settles(told, None),
        Command::SettleDelivery(SettleDelivery { delivery: told, came: Came::GivenUp("Gone.".into()) }),
        Command::PurgeWebhook(leaving),
        Command::ForgetDeliveries,
    ]
}

/// What must be true of everything in a store.
async fn check(store: &Arc<dyn Store>, says: impl Fn() -> String) {
    let ranges: Vec<Range> =
        Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 10_000 }).collect();
    let read = store.read(&Fetch { scopes: Vec::new(), ranges }).await.unwrap().value;
    let broken = Everything::of(read.docs().map(|doc| &doc.body)).broken();
    assert!(broken.is_empty(), "{}: {broken:#?}", says());
}

/// `one` is overtaken by `other` before its look or commit number `at`. False where it was over before.
pub async fn overtake(inner: Arc<dyn Store>, one: &Command, other: &Command, at: usize) -> bool {
    let store = Arc::new(Overtaken {
        inner: inner.clone(),
        calls: AtomicUsize::new(0),
        at,
        other: Mutex::new(Some((usual(other), other.clone()))),
    });
    let office = Office::new(store.clone(), Arc::new(Ticking::default()), Arc::new(Counting::starting_at(10_000)));
    match office.run(&usual(one), one).await {
        Ok(_) | Err(Error::Refused(_)) => {}
        Err(error) => panic!("{one:?} overtaken by {other:?} at {at}: {error}"),
    }
    let over = store.other.lock().unwrap().is_some();
    if !over {
        check(&inner, || format!("{one:?} overtaken by {other:?} at {at}")).await;
    }
    !over
}

/// What a command writes alone, and which of its looks and commits is the last.
async fn alone(memory: &MemoryStore, command: &Command) -> (BTreeSet<Kind>, usize) {
    let store = Arc::new(Overtaken {
        inner: Arc::new(memory.fork()),
        calls: AtomicUsize::new(0),
        at: usize::MAX,
        other: Mutex::new(None),
    });
    let office = Office::new(store.clone(), Arc::new(Ticking::default()), Arc::new(Counting::starting_at(10_000)));
    let Ok(done) = office.run(&usual(command), command).await else { return (BTreeSet::new(), 0) };
    let written = done.change.puts().map(Stored::kind).chain(done.change.deletes().map(|key| key.kind)).collect();
    (written, store.calls.load(Ordering::Relaxed) - 1)
}

/// Pairs of commands that write a kind in common, each with the last look or commit of the first: its commit.
pub async fn pairs(memory: &MemoryStore, all: &[Command]) -> Vec<(Command, Command, usize)> {
    let mut written = Vec::new();
    for command in all {
        written.push(alone(memory, command).await);
    }
    let mut pairs = Vec::new();
    for (one, (kinds, last)) in all.iter().zip(&written) {
        let share = all.iter().zip(&written).filter(|(_, (others, _))| !kinds.is_disjoint(others));
        pairs.extend(share.map(|(other, _)| (one.clone(), other.clone(), *last)));
    }
    pairs
}
