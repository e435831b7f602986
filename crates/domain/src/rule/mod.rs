//! Rules: one public function per command. A rule sees only what the view holds
//! and stops where it needs more ([`crate::view::Stop::Need`]).

pub mod access;
mod alive;
pub mod answer;
mod brake;
pub mod chat;
pub mod claim;
mod decision;
mod delivery;
pub mod dependency;
pub mod dispatch;
pub mod lease;
pub mod login;
mod lost;
pub mod notification;
mod order;
pub mod placing;
pub mod project;
pub mod prompt;
pub mod pull;
pub mod purge;
pub mod talk;
pub mod task;
pub mod triage;
pub mod user;
pub mod webhook;
pub mod work;

use std::collections::BTreeMap;

use crate::{
    activity::Activity,
    change::Change,
    command::Command,
    ctx::Ctx,
    id::{ActivityId, ProjectId, TaskId},
    refusal::Refusal,
    right::{self, Right},
    view::{Stop, View},
};

/// Documents that a rule reads in one go where it must see all of them.
const PAGE: u32 = 2_000;

/// Bytes of words that one change writes again where it writes many documents: a transaction of Convex takes
/// sixteen megabytes, and what is quoted or begins a line takes more there.
const WORDS_AT_ONCE: usize = 4_000_000;

/// What one change has room for: at least one document, then as many as fit.
#[derive(Default)]
struct Room {
    words: usize,
}

impl Room {
    /// Whether so many bytes of words still fit; once some did not, no others do.
    const fn takes(&mut self, words: usize) -> bool {
        let first = self.words == 0;
        // A document without words is none for nothing.
        self.words += words + 1;
        first || self.words <= WORDS_AT_ONCE
    }
}

/// What a rule gives.
pub type Decided = Result<Change, Stop>;

/// Sends a command to its rule, if its actor has the right ([`crate::right`]) and, where it acts under the
/// lease, still holds that. The change then expects that the lease is still as it was.
pub fn handle(view: &View, command: &Command, ctx: &mut Ctx<'_>) -> Decided {
    require(ctx, right::needed(command))?;
    match lease::under_lease(view, ctx) {
        Ok(lease) => {
            let mut change = decide(view, command, ctx)?;
            if !change.is_empty() {
                change.expects.extend(lease);
            }
            Ok(change)
        }
        // Asked for together with what the rule needs first: the lease costs no look of its own.
        Err(Stop::Need(mut lease)) => {
            if let Err(Stop::Need(rule)) = decide(view, command, ctx) {
                lease.scopes.extend(rule.scopes);
                lease.ranges.extend(rule.ranges.into_iter().filter(|range| *range != lease::lease_range()));
            }
            Err(Stop::Need(lease))
        }
        Err(refused) => Err(refused),
    }
}

fn decide(view: &View, command: &Command, ctx: &mut Ctx<'_>) -> Decided {
    match command {
        Command::CreateProject(new) => project::create(view, new, ctx),
        Command::UpdateProject(id, patch) => project::update(view, *id, patch, ctx),
        Command::DeleteProject(id, force) => project::delete(view, *id, *force, ctx),
        Command::RestoreProject(id) => project::restore(view, *id, ctx),
        Command::DiscardProject(id) => purge::discard(view, *id, ctx),
        Command::ShelveProject(id) => purge::shelve(view, *id, ctx),
        Command::PurgeProject(id) => purge::purge(view, *id, ctx),
        Command::CreateTask(new) => task::create(view, new, ctx),
        Command::UpdateTask(id, patch) => task::update(view, *id, patch, ctx),
        Command::MoveTask(to) => task::relocate(view, to, ctx),
        Command::DeleteTask(id) => task::delete(view, *id, ctx),
        Command::Triage(step) => triage::triage(view, step, ctx),
        Command::Dispatch(new) => dispatch::request(view, new, ctx),
        Command::AddDependency(task, on) => dependency::add(view, *task, *on, ctx),
        Command::RemoveDependency(edge) => dependency::remove(view, *edge, ctx),
        Command::AddComment(new) => talk::comment(view, new, ctx),
        Command::Notify(new) => notification::notify(view, new, ctx),
        Command::MarkNotification(id, read) => notification::mark(view, *id, *read, ctx),
        Command::DeleteNotification(id) => notification::delete(view, *id, ctx),
        Command::RaiseSignal(new) => talk::raise(view, new, ctx),
        Command::AnswerSignal(id, answer) => talk::answer(view, *id, answer, ctx),
        Command::BeginAnswer(id) => talk::begin(view, *id, ctx),
        Command::SettleAnswer(id, settled) => talk::settle(view, *id, settled, ctx),
        Command::TellAnswerTrouble(id, trouble) => talk::tell(view, *id, trouble.as_ref(), ctx),
        Command::CompleteTask(report) => talk::complete(view, report, ctx),
        Command::CreateChat(new) => chat::create(view, new, ctx),
        Command::UpdateChat(id, patch) => chat::update(view, *id, patch, ctx),
        Command::DeleteChat(id) => chat::delete(view, *id, ctx),
        Command::RestoreChat(id) => chat::restore(view, *id, ctx),
        Command::PurgeChat(id) => chat::purge(view, *id),
        Command::PostMessage(new) => chat::post(view, new, ctx),
        Command::NameSession(chat, name, before) => chat::name_session(view, *chat, name, before.as_deref()),
        Command::CarryMessage(id, step) => delivery::carry(view, *id, step, ctx),
        Command::SetDelivery(id, patch) => delivery::set_delivery(view, *id, patch, ctx),
        Command::RetryMessage(id) => delivery::retry(view, *id, ctx),
        Command::WithdrawMessage(id) => delivery::withdraw(view, *id, ctx),
        Command::ClaimRun(claim) => claim::claim(view, claim, ctx),
        Command::RunStarted(taken) => work::started(view, taken, ctx),
        Command::RunContinued(continued) => work::continued(view, continued, ctx),
        Command::StopRun(run, stopping) => work::stop(view, *run, stopping, ctx),
        Command::StopAgent(run) => work::stop_agent(view, *run, ctx),
        Command::TellTrouble(run, trouble) => work::tell(view, *run, trouble.as_ref(), ctx),
        Command::TreatAsEnded(run) => lost::treat_as_ended(view, *run, ctx),
        Command::RunEnded(end) => work::over(view, end, ctx),
        Command::PullTask(ask) => pull::pull(view, ask, ctx),
        Command::Heartbeat(run) => pull::heartbeat(view, *run, ctx),
        Command::ReleaseRun(release) => pull::release(view, release, ctx),
        Command::LapseRun(run, retry) => pull::lapse(view, *run, *retry, ctx),
        Command::NoteDecision(made) => decision::note(view, made, ctx),
        Command::NoteProject(project, notes, notice) => work::note(view, *project, notes, notice.as_ref(), ctx),
        Command::PauseLoop(project, paused) => work::pause(view, *project, *paused, ctx),
        Command::HoldLease(hold) => lease::hold(view, hold, ctx),
        Command::CreateToken(new) => access::create_token(view, new, ctx),
        Command::RevokeToken(token) => access::revoke_token(view, token, ctx),
        Command::NoteTokenUse(token, at) => access::note_use(view, token, *at),
        Command::SetPassword(hash) => login::set_password(view, hash, ctx),
        Command::ChangeUser(ask) => user::change(view, ask, ctx),
        Command::ChangePassword(ask) => user::change_password(view, ask, ctx),
        Command::OpenSession(new) => login::open(view, new, ctx),
        Command::NoteRefused(refused) => login::note_refused(view, refused, ctx),
        Command::EndSession(session) => login::end(view, session, ctx),
        Command::NoteSessionSeen(session, at) => login::note_seen(view, session, *at),
        Command::CreatePrompt(new) => prompt::create(view, new, ctx),
        Command::SeedPrompt(new) => prompt::seed(view, new, ctx),
        Command::ActivatePrompt(id) => prompt::activate(view, *id, ctx),
        Command::CreateWebhook(new) => webhook::create(view, new, ctx),
        Command::UpdateWebhook(id, patch) => webhook::update(view, *id, patch, ctx),
        Command::RotateWebhook(id, key) => webhook::rotate(view, *id, key, ctx),
        Command::DeleteWebhook(id) => webhook::delete(view, *id, ctx),
        Command::TestWebhook(id) => webhook::test(view, *id, ctx),
        Command::Redeliver(id) => webhook::redeliver(view, *id, ctx),
        Command::QueueDeliveries(queue) => webhook::queue(view, queue, ctx),
        Command::SettleDelivery(settled) => webhook::settle(view, settled, ctx),
        Command::PurgeWebhook(id) => webhook::purge(view, *id, ctx),
        Command::ForgetDeliveries => webhook::forget(view, ctx),
    }
}

/// Refuses an actor without the right.
pub(crate) fn require(ctx: &Ctx<'_>, right: Right) -> Result<(), Refusal> {
    match right {
        _ if ctx.actor.may(right) => Ok(()),
        // Of all people only a viewer may not write.
        Right::Write | Right::Report | Right::Brief | Right::Decide | Right::Spend
            if ctx.actor.is_human() && !ctx.actor.may(Right::Write) =>
        {
            Err(Refusal::ViewersLook)
        }
        _ => Err(right.refusal()),
    }
}

/// A line for the log.
pub(crate) fn line(
    ctx: &mut Ctx<'_>,
    project: Option<ProjectId>,
    task: Option<TaskId>,
    what: &str,
    data: &[(&str, String)],
) -> Activity {
    Activity {
        id: ActivityId::of_time(ctx.now, ctx.ids.fresh()),
        project,
        task,
        what: what.to_owned(),
        actor: ctx.actor.who.clone(),
        data: data
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect::<BTreeMap<_, _>>(),
        at: ctx.now,
    }
}
