//! Who may ask for what: every command against every kind of actor, and what a person has kept for people.
#![allow(clippy::unwrap_used, reason = "test helpers")]

#[path = "../work/bench.rs"]
#[allow(dead_code, reason = "shared with the tests of the loop")]
mod bench;
mod people;

use std::collections::BTreeMap;

use clutch_domain::{
    access::{Digest, Token, TokenScope, UserName, UserRole},
    actor::{Actor, Who},
    chat::DeliveryStatus,
    command::{
        Came, Carry, ChangeUser, ChatPatch, Command, Completion, ContinueRun, DecisionMade, DeliveryPatch, EdgeRef,
        EndRun, Ended, Force, MoveTask, NewBrowserSession, NewChat, NewComment, NewDispatch, NewMessage,
        NewNotification, NewPassword, NewProject, NewPrompt, NewSignal, NewTask, NewToken, NewWebhook, Place,
        ProjectPatch, PullTask, QueueDeliveries, RefusedLogIns, ReleaseRun, Said, SettleDelivery, Subtask, TaskPatch,
        Triage, TriageStep, UserStep, WebhookPatch,
    },
    ctx::Ctx,
    decision::{AskKind, Verdict},
    id::{
        ChatId, DeliveryId, DependencyId, MessageId, NotificationId, ProjectId, PromptId, RunId, SignalId, TaskId,
        WebhookId,
    },
    notification::{NotificationSeverity, NotificationType},
    phase::Phase,
    prompt::Line,
    refusal::Refusal,
    right::{Right, Rights, needed},
    rule,
    run::Stopping,
    talk::{AuthorType, CommentType, SignalKind, SignalSeverity},
    task::{Role, Status, TaskFields},
    text::{
        ChatTitle, Excerpt, Handle, Label, Name, Participants, PromptText, SessionKey, Title, WebhookDescription,
        WebhookEvents, WebhookUrl,
    },
    time::Millis,
    view::{Stop, View},
};
use uuid::Uuid;

use bench::{Bench, RETRY, claim, hold, words};

const NIL: Uuid = Uuid::nil();
const TASK: TaskId = TaskId(NIL);

fn new_project() -> NewProject {
    NewProject::new(Name::parse("Site").unwrap())
}

fn new_task(project: ProjectId, status: Status, reserved: bool) -> NewTask {
    NewTask {
        project,
        title: Title::parse("Paint").unwrap(),
        status,
        fields: TaskFields { requires_human_review: Some(reserved), ..TaskFields::default() },
        dependencies: Vec::new(),
    }
}

fn new_token() -> NewToken {
    let name = Label::parse("CI").unwrap();
    NewToken { digest: Digest::new([7; 32]), name, scope: TokenScope::Read, expires_at: None }
}

fn token(scope: TokenScope) -> Token {
    Token {
        digest: Digest::new([7; 32]),
        name: "CI".into(),
        scope,
        made_by: Who::human("dan"),
        created_at: Millis(0),
        expires_at: None,
        used_at: None,
        revoked_at: None,
    }
}

fn new_prompt() -> NewPrompt {
    NewPrompt {
        line: Line::any(Role::Dev),
        content: PromptText::parse("Do it.").unwrap().unwrap(),
        variables: Vec::new(),
        change_summary: None,
        parent: None,
        created_by: Handle::owner(),
    }
}

fn new_webhook(project: ProjectId) -> NewWebhook {
    NewWebhook {
        project,
        url: WebhookUrl::parse("https://example.com/").unwrap(),
        description: WebhookDescription::parse("").unwrap(),
        events: WebhookEvents::all(),
        on: true,
        key: "k".into(),
    }
}

fn split(task: TaskId) -> Triage {
    let title = Title::parse("x").unwrap();
    let part = Subtask { title, description: None, priority: None, role: None };
    Triage { task, author: Handle::coordinator(), step: TriageStep::Split(vec![part]) }
}

fn decision() -> DecisionMade {
    DecisionMade {
        asked: AskKind::Command,
        said: Said::Verdict(Verdict::AllowOnce),
        about: "rm -r build".into(),
        session: None,
        not_taken: None,
    }
}

/// One of each command; a new one does not compile here until somebody has said who may ask for it.
fn all() -> Vec<(Command, &'static str)> {
    let (project, chat, message, run) = (ProjectId(NIL), ChatId(NIL), MessageId(NIL), RunId(NIL));
    let comment = NewComment {
        task: TASK,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("x"),
        kind: CommentType::Message,
    };
    let signal = NewSignal {
        task: TASK,
        session_key: SessionKey::parse("s").unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Fyi,
        severity: SignalSeverity::Normal,
        message: words("x"),
        options: clutch_domain::text::Options::default(),
    };
    let notice = NewNotification {
        task: Some(TASK),
        project: None,
        kind: NotificationType::System,
        severity: NotificationSeverity::Info,
        title: None,
        message: words("x"),
        agent: None,
    };
    let report = Completion {
        task: TASK,
        summary: words("x"),
        pr_url: None,
        notes: None,
        agent: None,
        session_key: None,
        run_id: None,
        finishes: false,
    };
    let delivery =
        DeliveryPatch { status: DeliveryStatus::Sent, retry_count: None, cooldown_until: None, failure_reason: None };
    let patch = ProjectPatch { work_loop_enabled: Some(true), ..ProjectPatch::default() };
    let end =
        EndRun { run, as_id: None, how: Ended::Finished, last_words: Excerpt::default(), used: None, retry: RETRY };
    let title = ChatTitle::made_of("t", 10, "");
    let new_chat = NewChat { project, title: title.clone(), participants: Participants::default(), about: None };
    let to =
        MoveTask { task: TASK, to: Status::Ready, place: Place::End, reason: None, resolution: None, reopen: false };
    let rename = ChatPatch { title: Some(title), session_key: None };
    let session = NewBrowserSession {
        digest: new_token().digest,
        account: UserName::owner(),
        password_of: Millis(0),
        browser: Excerpt::default(),
        from: Excerpt::default(),
    };
    let become_owner = ChangeUser { name: UserName::parse("eve").unwrap(), step: UserStep::Become(UserRole::Owner) };
    let own = NewPassword { hash: "$".to_owned().into(), password_of: Millis(0), session: new_token().digest };
    let (hook, told) = (WebhookId(NIL), DeliveryId(NIL));
    let pull = PullTask {
        task: TASK,
        phase: Phase::Work,
        role: Role::Dev,
        attempt: 1,
        session: "s".into(),
        agent: Handle::agent(),
        model: None,
        prompt_version: "v".into(),
        hold_ms: 1,
    };
    // h: an owner, or the person where nobody logs in, m: a member, v: a viewer, a: an agent, p: a program, w: one with a token to write, x: with an admin's, r: with one to read;
    // l: the loop, c: the courier, b: who empties the bin, o: who has the data folder in their hands, d: the doorkeeper.
    vec![
        (Command::CreateProject(new_project()), "hmapwx"),
        (Command::UpdateProject(project, patch), "hmapwx"),
        (Command::DeleteProject(project, Force::Yes), "hmapwx"),
        (Command::RestoreProject(project), "hmapwx"),
        (Command::DiscardProject(project), "hmapwx"),
        (Command::ShelveProject(project), "b"),
        (Command::PurgeProject(project), "b"),
        (Command::CreateTask(new_task(project, Status::Ready, false)), "hmapwx"),
        (Command::UpdateTask(TASK, TaskPatch::default()), "hmapwx"),
        (Command::MoveTask(to), "hmapwx"),
        (Command::DeleteTask(TASK), "hmapwx"),
        (Command::Triage(split(TASK)), "hmapwx"),
        (Command::Dispatch(NewDispatch { task: TASK, agent: Handle::agent(), by: Handle::owner() }), "hmapwx"),
        (Command::AddDependency(TASK, TaskId(Uuid::from_u128(1))), "hmapwx"),
        (Command::RemoveDependency(EdgeRef::Id(DependencyId(NIL))), "hmapwx"),
        (Command::AddComment(comment), "hmapwx"),
        (Command::Notify(notice), "hmapwx"),
        (Command::MarkNotification(NotificationId(NIL), true), "hmapwx"),
        (Command::DeleteNotification(NotificationId(NIL)), "hmapwx"),
        (Command::RaiseSignal(signal), "hmapwx"),
        (Command::AnswerSignal(SignalId(NIL), words("x")), "hmapwx"),
        (Command::BeginAnswer(SignalId(NIL)), "l"),
        (Command::SettleAnswer(SignalId(NIL), Ok("r".into())), "l"),
        (Command::TellAnswerTrouble(SignalId(NIL), None), "l"),
        (Command::CompleteTask(report), "hmapwx"),
        (Command::CreateChat(new_chat), "hmapwx"),
        (Command::UpdateChat(chat, rename), "hmapwx"),
        (Command::DeleteChat(chat), "hmapwx"),
        (Command::RestoreChat(chat), "hmapwx"),
        (Command::PurgeChat(chat), "b"),
        (Command::PostMessage(NewMessage::new(chat, Handle::owner(), words("x"))), "hmapwx"),
        (Command::CarryMessage(message, Carry::Send), "c"),
        (Command::NameSession(chat, "s".into(), None), "c"),
        (Command::SetDelivery(message, delivery), "hmapwx"),
        (Command::RetryMessage(message), "hmapwx"),
        (Command::WithdrawMessage(message), "hmapwx"),
        (claim(TASK, 1), "l"),
        (Command::RunStarted(run.into()), "l"),
        (Command::RunContinued(ContinueRun { run, from: "f".into(), as_id: "r".into() }), "l"),
        (
            Command::StopRun(
                run,
                Stopping { how: Ended::Failed, why: "w".into(), forget: false, used: None, by: None },
            ),
            "l",
        ),
        (Command::StopAgent(run), "hmapwx"),
        (Command::TellTrouble(run, None), "l"),
        (Command::TreatAsEnded(run), "hmx"),
        (Command::NoteDecision(decision()), "hmx"),
        (Command::RunEnded(end), "l"),
        (Command::PullTask(pull), "hmapwx"),
        (Command::Heartbeat(run), "hmapwx"),
        (Command::ReleaseRun(ReleaseRun { run, reason: Excerpt::default(), retry: RETRY }), "hmapwx"),
        (Command::LapseRun(run, RETRY), "l"),
        (Command::NoteProject(project, BTreeMap::new(), None), "l"),
        (Command::PauseLoop(project, true), "hmapwx"),
        (hold("s", None, true), "l"),
        (Command::CreateToken(new_token()), "hxo"),
        (Command::RevokeToken(new_token().digest), "hxo"),
        (Command::NoteTokenUse(new_token().digest, Millis(1)), "d"),
        (Command::SetPassword("$".to_owned().into()), "d"),
        (Command::OpenSession(session), "d"),
        (Command::ChangeUser(become_owner), "hxo"),
        (Command::ChangePassword(own), "hmv"),
        (Command::NoteRefused(RefusedLogIns { account: None, from: Excerpt::default(), times: 1 }), "d"),
        (Command::EndSession(new_token().digest), "hmvxo"),
        (Command::NoteSessionSeen(new_token().digest, Millis(1)), "d"),
        // What agents are told: agents do not say it.
        (Command::CreatePrompt(new_prompt()), "hmpwx"),
        (Command::SeedPrompt(new_prompt()), "hmpwx"),
        (Command::ActivatePrompt(PromptId(NIL)), "hmpwx"),
        // What leaves the house: owners say it.
        (Command::CreateWebhook(new_webhook(project)), "hx"),
        (Command::UpdateWebhook(hook, WebhookPatch::default()), "hx"),
        (Command::RotateWebhook(hook, "k".into()), "hx"),
        (Command::DeleteWebhook(hook), "hx"),
        (Command::TestWebhook(hook), "hx"),
        (Command::Redeliver(told), "hx"),
        (Command::QueueDeliveries(QueueDeliveries { webhook: hook, lines: Vec::new(), place: Millis(0) }), "l"),
        (Command::SettleDelivery(SettleDelivery { delivery: told, came: Came::GivenUp("w".into()) }), "l"),
        (Command::PurgeWebhook(hook), "b"),
        (Command::ForgetDeliveries, "b"),
    ]
}

fn actors() -> Vec<(char, Actor)> {
    vec![
        ('h', Actor::human("dan")),
        ('m', Actor::user("mia", UserRole::Member)),
        ('v', Actor::user("vic", UserRole::Viewer)),
        ('a', Actor::agent("kimi")),
        ('p', Actor::program(Some("dan"))),
        ('l', Actor::work_loop()),
        ('c', Actor::courier()),
        ('b', Actor::sweeper()),
        ('r', Actor::token(&token(TokenScope::Read))),
        ('w', Actor::token(&token(TokenScope::Write))),
        ('x', Actor::token(&token(TokenScope::Admin))),
        ('o', Actor::operator("user")),
        ('d', Actor::doorkeeper()),
    ]
}

#[test]
fn every_command_against_every_kind_of_actor() {
    for (command, allowed) in all() {
        for (letter, actor) in actors() {
            let mut ids = || NIL;
            let mut ctx = Ctx { actor: actor.clone(), now: Millis(1), ids: &mut ids };
            // Nothing was read: whoever has the right is asked for more, or told what is wrong with the words.
            let said = rule::handle(&View::default(), &command, &mut ctx);
            let refused = match said {
                Err(Stop::Refuse(r)) => {
                    let no = [Refusal::OwnersOnly, Refusal::ServerOnly, Refusal::NotAllowed, Refusal::ViewersLook];
                    r == Refusal::HumansOnly || no.contains(&r)
                }
                _ => false,
            };
            assert_eq!(!refused, allowed.contains(letter), "{:?} asks for {command:?}", actor.who);
        }
    }
}

#[test]
fn rights_do_not_overlap_and_each_has_its_sentence() {
    for right in Right::ALL {
        let only = Rights::of(&[*right]);
        assert!(Right::ALL.iter().all(|other| only.has(*other) == (other == right)), "{right:?}");
        assert!(!Rights::default().has(*right));
    }
    let kinds: Vec<Right> = all().iter().map(|(command, _)| needed(command)).collect();
    let never = [Right::Instruct, Right::Spend]; // asked for by rules that have read the document, as Decide is by some
    assert!(Right::ALL.iter().all(|r| kinds.contains(r) != never.contains(r)), "{kinds:?}");
}

/// A task of this column that a person must look at, or not.
fn made(bench: &mut Bench, status: Status, reserved: bool) -> TaskId {
    bench.person(&Command::CreateTask(new_task(bench.project, status, reserved))).unwrap();
    let tasks = bench.all::<clutch_domain::task::Task>();
    tasks.iter().max_by_key(|t| t.number).unwrap().id
}

#[test]
fn what_a_person_must_look_at_is_finished_freed_and_removed_by_a_person_only() {
    let to =
        |task| MoveTask { task, to: Status::Done, place: Place::End, reason: None, resolution: None, reopen: false };
    let done = |patch: TaskPatch| TaskPatch { status: Some((Status::Done, None)), ..patch };
    let free = || TaskPatch::from(TaskFields { requires_human_review: Some(false), ..TaskFields::default() });
    for reserved in [true, false] {
        for (letter, actor) in actors() {
            let mut bench = Bench::new();
            let (task, project) = (made(&mut bench, Status::InReview, reserved), bench.project);
            for command in [
                Command::MoveTask(to(task)),
                Command::UpdateTask(task, done(TaskPatch::default())),
                Command::UpdateTask(task, free()),
                Command::UpdateTask(task, done(free())),
                Command::DeleteTask(task),
                Command::Triage(split(task)),
                Command::DeleteProject(project, Force::Yes),
                Command::CreateTask(new_task(project, Status::Done, reserved)),
            ] {
                let want = match letter {
                    'h' | 'm' | 'x' => None,
                    'v' => Some(Refusal::ViewersLook),
                    'a' | 'p' | 'w' if reserved => Some(Refusal::HumansOnly),
                    'a' | 'p' | 'w' => None,
                    _ => Some(Refusal::NotAllowed),
                };
                assert_eq!(bench.decide(actor.clone(), &command).err(), want, "{letter} {reserved} {command:?}");
            }
            // What is only changed or put elsewhere stays open to all who may write.
            let words = TaskFields { title: Some(Title::parse("Other").unwrap()), ..TaskFields::default() }.into();
            let back = TaskPatch { status: Some((Status::Ready, None)), ..TaskPatch::default() };
            for patch in [words, back] {
                let said = bench.decide(actor.clone(), &Command::UpdateTask(task, patch)).err();
                assert_eq!(said.is_none(), "hmapwx".contains(letter), "{letter}");
            }
        }
    }
}

/// What costs money is an owner's; a form that sends it unchanged is not refused for it.
#[test]
fn what_the_loop_may_spend_is_changed_by_owners_and_programs() {
    for (letter, actor) in actors() {
        let mut bench = Bench::new();
        let project = bench.project;
        let is: clutch_domain::project::Project = bench.all().remove(0);
        let patch = |enabled: bool, agents: Option<u32>| {
            let (work_loop_enabled, work_loop_max_agents) = (Some(enabled), Some(agents));
            let name = Some(Name::parse("Other").unwrap());
            Command::UpdateProject(
                project,
                ProjectPatch { name, work_loop_enabled, work_loop_max_agents, ..ProjectPatch::default() },
            )
        };
        let (on, agents) = (is.work_loop_enabled, is.work_loop_max_agents);
        let with = NewProject { work_loop_enabled: true, ..new_project() };
        for command in [patch(!on, agents), patch(on, Some(agents.unwrap_or(0) + 1)), Command::CreateProject(with)] {
            let want = match letter {
                'h' | 'a' | 'p' | 'w' | 'x' => None,
                'm' => Some(Refusal::OwnersSpend),
                'v' => Some(Refusal::ViewersLook),
                _ => Some(Refusal::NotAllowed),
            };
            assert_eq!(bench.decide(actor.clone(), &command).err(), want, "{letter} {command:?}");
        }
        assert_eq!(bench.decide(actor, &patch(on, agents)).is_ok(), "hmapwx".contains(letter), "{letter}");
    }
}

#[test]
fn a_report_never_finishes_what_a_person_must_look_at() {
    let mut bench = Bench::new();
    let task = made(&mut bench, Status::Ready, true);
    let run = bench.start(task);
    bench.report(task, run);
    bench.end(run, Ended::Finished, "Done.").unwrap();
    assert_eq!(bench.task(task).status, Status::InReview);
}

#[test]
fn an_agent_cannot_win_attempts_without_end_by_handing_its_ticket_back() {
    let back = |task| {
        let patch = TaskPatch { status: Some((Status::Ready, None)), ..TaskPatch::default() };
        Command::UpdateTask(task, patch)
    };
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    for turn in 1..=RETRY.cap {
        let run = bench.start(task);
        bench.ask(Actor::program(Some("dev agent")), &back(task)).unwrap();
        bench.end(run, Ended::Aborted, "").unwrap();
        let is = bench.task(task);
        let want = if turn < RETRY.cap { Status::Ready } else { Status::Blocked };
        assert_eq!((is.failures, is.status, is.open_run), (turn, want, None));
    }
    assert!(bench.task(task).trouble.unwrap().starts_with("The agent gave it back 3 times in a row."));
    // Somebody else wants it tried: nobody is at work now.
    bench.ask(Actor::program(None), &back(task)).unwrap();
    assert_eq!((bench.task(task).failures, bench.task(task).trouble), (0, None));
    // A person may take it from an agent as often as they like.
    for _ in 0..=RETRY.cap {
        let run = bench.start(task);
        bench.person(&back(task)).unwrap();
        bench.end(run, Ended::Aborted, "").unwrap();
        assert_eq!((bench.task(task).failures, bench.task(task).status), (0, Status::Ready));
    }
}

#[test]
fn a_report_for_a_task_that_was_taken_away_is_only_recorded() {
    for away in [Status::Backlog, Status::Ready, Status::Blocked] {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        let run = bench.start(task);
        bench.person(&bench::relocate(task, away)).unwrap();
        bench.report(task, run);
        assert_eq!((bench.task(task).status, bench.the_run(run).reported), (away, false));
        let said = bench.all::<clutch_domain::talk::Comment>();
        assert_eq!((said.len(), said[0].kind), (1, CommentType::Completion), "its words are kept");
        assert_eq!(bench.last.activity[0].data["recorded_only"], "yes");
        // Nor does it count later, when the run is over and the report names none.
        bench.end(run, Ended::Aborted, "").unwrap();
        let late = Completion {
            task,
            summary: words("Late."),
            pr_url: None,
            notes: None,
            agent: None,
            session_key: None,
            run_id: None,
            finishes: false,
        };
        bench.ask(Actor::agent("main"), &Command::CompleteTask(late)).unwrap();
        assert_eq!(bench.task(task).status, away);
    }
}
