//! The end of a day: has everything come to rest, with a reason, and is what was promised there?

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{
    chat::{DeliveryStatus, Message},
    invariant::Law,
    plan::Policy,
    project::Project,
    run::{Lease, LoopState, Outcome, Run, RunState},
    talk::{Comment, CommentType, Delivery, Signal},
    task::{Status, Task},
};

use crate::{agent::Board, exec::Exec, gateway::Gateway, store::SimStore};

/// How much longer than the policy says an agent may go without a sign: whoever took it up listens anew, looks
/// every half minute, and stopping takes calls.
const SLACK_MS: i64 = 3 * 60_000;

/// Watches that no agent goes without a sign for longer than it may, once nothing goes wrong any more.
pub(crate) struct Silence {
    pub exec: Exec,
    pub gateway: Arc<Gateway>,
    pub store: Arc<SimStore>,
    pub policy: Policy,
    /// When the storm ended.
    pub from: i64,
}

impl Silence {
    /// For ever.
    pub(crate) async fn watch(self) {
        // A server knows nothing of a silence before it led for the first time; leading again it must go on counting.
        let mut first_led = BTreeMap::new();
        loop {
            self.exec.sleep(30_000).await;
            if self.gateway.keeps_out() {
                continue; // nobody can stop anything; that the board comes to rest all the same is a law of its own
            }
            let now = self.exec.now();
            let Some(lease) = self.store.get::<Lease>("loop") else { continue };
            let led = *first_led.entry(lease.holder).or_insert(now);
            for (session, sign_at) in self.gateway.silent_since(now) {
                let role = self.gateway.board.run_of(&session).map(|run| run.role);
                let most = role.map_or(self.policy.stale_review_ms, |role| self.policy.stale_after(role));
                let quiet = now - sign_at.max(self.from).max(led);
                if quiet > most + SLACK_MS {
                    let says = format!("{session} gives no sign for {} minutes and works on", quiet / 60_000);
                    self.exec.wrong(Law::SilentStopped, says);
                }
            }
        }
    }
}

/// Whether there is nothing left to do.
pub(crate) fn is_quiet(store: &SimStore, gateway: &Gateway) -> bool {
    let answered = |signal: &Signal| signal.delivery == Some(Delivery::Pending) && !signal.shelved;
    let at_rest = store.look(|all| all.restless()).is_empty() && gateway.at_work().is_empty();
    at_rest && store.find(answered).is_none() && store.find(Message::open).is_none()
}

/// Everything has come to rest, and nothing was lost.
pub(crate) fn check(exec: &Exec, store: &SimStore, gateway: &Gateway, board: &Board) {
    if !exec.wrongs().is_empty() {
        return;
    }
    for breach in store.look(|all| all.restless()) {
        exec.wrong(breach.law, breach.what);
    }
    check_agents(exec, store, gateway);
    check_answers(exec, store);
    check_messages(exec, store, gateway);
    check_reports(exec, store, board);
    check_notes(exec, store);
    check_books(exec, store, gateway);
}

/// What a project's day says was used was used, and once. Less is possible: a session that is gone tells nothing.
fn check_books(exec: &Exec, store: &SimStore, gateway: &Gateway) {
    for project in store.all::<Project>() {
        let Some(state) = store.get::<LoopState>(project.id) else { continue };
        let used = gateway.used_for(project.id);
        if state.spent.tokens > used {
            let says = format!("{} says that it used {} tokens, and it used {used}", project.slug, state.spent.tokens);
            exec.wrong(Law::SpentOnce, says);
        }
        if state.spent.tokens > 0 {
            exec.count("what agents used was kept");
        }
    }
}

fn check_agents(exec: &Exec, store: &SimStore, gateway: &Gateway) {
    let runs = store.all::<Run>();
    for session in gateway.at_work() {
        if !runs.iter().any(|r| r.open() && r.session_key == session) {
            exec.wrong(Law::NoneForgotten, format!("an agent works in {session} and nobody knows"));
        }
    }
    for run in &runs {
        let late = run.hold.as_ref().map(|hold| exec.wall().since(hold.until)).filter(|late| *late > SLACK_MS);
        if let Some(late) = late.filter(|_| run.open() && run.state != RunState::Waiting) {
            let says = format!("{} gives no sign and has its task {} minutes too long", run.session_key, late / 60_000);
            exec.wrong(Law::HeldWhileThere, says);
        }
        if run.open() && store.get::<Task>(run.task).is_none() {
            exec.wrong(Law::AtRest, format!("run {} is open and its task is gone", run.id));
        }
        exec.count(run.outcome.map_or("run open", |o| match o {
            Outcome::Completed => "run completed",
            Outcome::Silent => "run ended without a report",
            Outcome::Failed => "run failed",
            Outcome::Aborted => "run stopped",
            Outcome::Limited => "run waited for a usage window",
        }));
        if !run.successors.is_empty() {
            exec.count("run continued under another id");
        }
    }
}

fn check_answers(exec: &Exec, store: &SimStore) {
    for signal in store.all::<Signal>() {
        if signal.delivery == Some(Delivery::Pending) && !signal.shelved {
            exec.wrong(Law::AnswersArrive, format!("the answer to {} was never delivered", signal.id));
        }
        if signal.delivery == Some(Delivery::Sent) {
            exec.count("answer delivered");
        }
    }
}

/// Each message that a person sent has arrived, or says why not; no chat stands still.
fn check_messages(exec: &Exec, store: &SimStore, gateway: &Gateway) {
    for message in store.all::<Message>().into_iter().filter(|message| message.outbox.is_some()) {
        if message.open() {
            exec.wrong(Law::ChatsGoOn, format!("the message {} is still on its way", message.id));
        }
        let arrived = gateway.calls(&format!("chat-{}-0", message.id)) > 0;
        exec.count(match message.delivery_status {
            Some(DeliveryStatus::Responded) if !arrived => {
                let says = format!("the message {} is said to be answered and never arrived", message.id);
                exec.wrong(Law::ChatsGoOn, says);
                "message answered"
            }
            Some(DeliveryStatus::Responded) => "message answered",
            _ if message.failure_reason.is_none() => {
                exec.wrong(Law::ChatsGoOn, format!("the message {} is over and does not say why", message.id));
                "message failed"
            }
            _ => "message failed",
        });
    }
}

/// Each report that was accepted is a comment of its task, as long as there is a task.
fn check_reports(exec: &Exec, store: &SimStore, board: &Board) {
    let comments = store.all::<Comment>();
    for report in board.reported() {
        let kept = comments.iter().any(|comment| {
            comment.task == report.task
                && comment.kind == CommentType::Completion
                && comment.content.as_str().contains(&report.words)
        });
        let there = store.get::<Task>(report.task).and_then(|task| store.get::<Project>(task.project));
        if !kept && there.is_some_and(|project| !project.purging) {
            exec.wrong(Law::ReportKept, format!("\"{}\" was accepted and is not there", report.words));
        }
        exec.count("report kept");
    }
}

/// Every task that could start and does not has one sentence that says why, and no other task has one.
fn check_notes(exec: &Exec, store: &SimStore) {
    let states = store.all::<LoopState>();
    for project in store.all::<Project>().into_iter().filter(|project| project.deleted_at.is_none()) {
        let notes = states.iter().find(|s| s.project == project.id).map(|s| s.notes.clone()).unwrap_or_default();
        for task in store.all::<Task>().into_iter().filter(|t| t.project == project.id) {
            if (task.status == Status::Ready) != notes.contains_key(&task.id) {
                let note = notes.get(&task.id);
                let says = format!("{} is {} and its note is {note:?}", task.short(), task.status.word());
                exec.wrong(Law::SaidOnce, says);
            }
            exec.count(match task.status {
                Status::Done => "task done",
                Status::InReview => "task in review",
                Status::Blocked => "task blocked",
                Status::InProgress => "task waits for a person",
                Status::Ready => "task waits for others",
                Status::Backlog => "task put back",
            });
        }
    }
}
