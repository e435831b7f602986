//! Comments, signals and their answers, completions.

use crate::{
    change::Change,
    chat::Chat,
    command::{Completion, FromSession, NewComment, NewSignal, Place},
    ctx::Ctx,
    doc::{Kind, Scope, session_name},
    id::{CommentId, ProjectId, SignalId},
    range::Range,
    refusal::Refusal,
    rule::{Decided, alive, line, pull},
    run::{Run, RunState},
    sabotage::{Switch, removed},
    talk::{AuthorType, Comment, CommentType, Delivery, Signal},
    task::{Status, Task},
    text::{Body, Excerpt, RunKey, preview},
    view::{Seen, Stop, View},
};

/// Writes a comment.
pub fn comment(view: &View, new: &NewComment, ctx: &mut Ctx<'_>) -> Decided {
    let task = alive::task(view, new.task)?;
    let project = task.is.project;
    let mut change = Change::default();
    change.create(Comment {
        id: CommentId(ctx.ids.fresh()),
        task: new.task,
        project,
        author: new.author.to_string(),
        author_type: new.author_type,
        by: Some(ctx.actor.who.clone()),
        content: new.content.clone(),
        kind: new.kind,
        responded_at: None,
        created_at: ctx.now,
    });
    change.touch(Scope::Task(new.task));
    let said = [("author", new.author.to_string()), ("preview", new.content.preview(200))];
    let log = line(ctx, Some(project), Some(new.task), "comment_added", &said);
    change.activity.push(log);
    Ok(change)
}

/// An agent signals. A blocking one waits for a person.
pub fn raise(view: &View, new: &NewSignal, ctx: &mut Ctx<'_>) -> Decided {
    let task = alive::task(view, new.task)?;
    let reporter = reporting_run(view, &task.is, new.run_id.as_ref(), Some(&new.session_key))?;
    let (asker, asked_from) = match reporter {
        Reporter::Of(run) => (Some(run), None),
        // It counts for the run that asks, not for one of the task that it is about.
        Reporter::Elsewhere(run) => {
            let from = run.is.task;
            (Some(run), Some(from))
        }
        Reporter::Nobody => (None, None),
    };
    let run = asker.as_ref().map(|run| run.is.id);
    let project = task.is.project;
    if !speaks_here(view, project, &new.session_key)? {
        return Err(Refusal::SessionElsewhere.into());
    }
    let signal = Signal {
        id: SignalId(ctx.ids.fresh()),
        task: new.task,
        project,
        run,
        asked_from,
        session_key: new.session_key.said.to_string(),
        agent_id: new.agent_id.to_string(),
        kind: new.kind,
        severity: new.severity,
        message: new.message.clone(),
        options: new.options.clone().into_vec(),
        responded_at: None,
        response: None,
        answered_by: None,
        delivered_at: None,
        delivery: None,
        delivery_error: None,
        delivery_begun: None,
        delivery_trouble: None,
        fetched: asker.as_ref().is_some_and(|run| run.is.hold.is_some()),
        shelved: false,
        created_at: ctx.now,
    };
    let mut change = Change::default();
    if signal.waits() {
        change.touch(Scope::Project(project)).touch(Scope::Installation);
    } else {
        change.touch(Scope::Task(new.task));
    }
    if let Some(asker) = asker {
        pull::speaks(&mut change, asker, &signal, ctx.now);
    }
    change.create(signal);
    let said = [
        ("kind", new.kind.word().to_owned()),
        ("severity", new.severity.word().into()),
        ("preview", new.message.preview(200)),
    ];
    let log = line(ctx, Some(project), Some(new.task), "signal_raised", &said);
    change.activity.push(log);
    Ok(change)
}

/// Somebody answers. The answer is on its way from now on, whatever dies.
pub fn answer(view: &View, id: SignalId, answer: &Body, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Signal>(id, Refusal::SignalNotFound)?;
    if old.is.responded_at.is_some() {
        return Err(Refusal::SignalAnswered.into());
    }
    alive::within(view, old.is.project, Refusal::SignalNotFound)?;
    let mut is = old.is;
    is.responded_at = Some(ctx.now);
    is.response = Some(answer.clone());
    is.answered_by = Some(ctx.actor.who.clone());
    let mut change = Change::default();
    if is.fetched {
        pull::answered(view, &mut change, &is, ctx.now)?;
    } else {
        is.delivery = Some(Delivery::Pending);
        is.delivery_begun = Some(false);
    }
    let (project, task) = (is.project, is.task);
    change.put(old.rev, is).touch(Scope::Project(project)).touch(Scope::Installation);
    let log = line(ctx, Some(project), Some(task), "signal_answered", &[("preview", answer.preview(200))]);
    change.activity.push(log);
    Ok(change)
}

/// The answer is about to be sent. Said twice it changes nothing.
///
/// An agent that is being stopped is told nothing any more: what could show that it had arrived may be gone with its
/// session. Nor is it told a second thing before it is known whether the first has arrived: a run goes on under what was
/// said to it last, and takes for that what was written down last.
pub fn begin(view: &View, id: SignalId, _: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Signal>(id, Refusal::SignalNotFound)?;
    if old.is.delivery != Some(Delivery::Pending) {
        return Err(Refusal::DeliveryMoved.into());
    }
    let mut change = Change::default();
    if let Some(run) = old.is.run {
        let run = view.find::<Run>(run)?.filter(|run| run.is.open());
        let run = run.filter(|run| run.is.stopping.is_none() || removed(Switch::NothingToStopped));
        let run = run.ok_or(Refusal::RunEnded)?;
        if run.is.hears.is_some_and(|other| other != id) {
            return Err(Refusal::AnswerUnderWay.into());
        }
        if run.is.hears.is_none() {
            change.put(run.rev, Run { hears: Some(id), ..run.is });
        }
    }
    if old.is.delivery_begun != Some(true) {
        // Nobody sees it: no scope is touched.
        change.put(old.rev, Signal { delivery_begun: Some(true), ..old.is });
    }
    Ok(change)
}

/// What keeps the answer from being sent. The same words write nothing.
pub fn tell(view: &View, id: SignalId, trouble: Option<&Excerpt>, _: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Signal>(id, Refusal::SignalNotFound)?;
    if old.is.delivery != Some(Delivery::Pending) {
        return Err(Refusal::DeliveryMoved.into());
    }
    let mut change = Change::default();
    let trouble = trouble.map(ToString::to_string);
    if old.is.delivery_trouble != trouble {
        change.touch(Scope::Task(old.is.task));
        change.put(old.rev, Signal { delivery_trouble: trouble, ..old.is });
    }
    Ok(change)
}

/// The gateway took the answer under a run id, or refused it. A run that waited for it goes on.
pub fn settle(view: &View, id: SignalId, settled: &Result<String, Excerpt>, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Signal>(id, Refusal::SignalNotFound)?;
    if old.is.delivery != Some(Delivery::Pending) {
        return Ok(Change::default());
    }
    let mut change = Change::default();
    let mut is = old.is;
    is.delivery_trouble = None;
    if let Some(run) = is.run
        && let Some(run) = view.find::<Run>(run)?
        && run.is.open()
    {
        let mut now = run.is;
        now.hears = now.hears.filter(|other| *other != id);
        if let Ok(run_id) = settled {
            if now.state == RunState::Waiting {
                now.state = RunState::Started;
                now.waits_for = None;
            }
            if !now.is_known_as(run_id) {
                now.successors.push(run_id.clone());
            }
        }
        change.put(run.rev, now);
    }
    let said = match settled {
        Ok(_) => {
            is.delivery = Some(Delivery::Sent);
            is.delivered_at = Some(ctx.now);
            ("delivered", "yes".to_owned())
        }
        Err(reason) => {
            is.delivery = Some(Delivery::Failed);
            is.delivery_error = Some(reason.to_string());
            ("reason", reason.to_string())
        }
    };
    let (project, task) = (is.project, is.task);
    change.put(old.rev, is).touch(Scope::Project(project)).touch(Scope::Installation);
    let log = line(ctx, Some(project), Some(task), "answer_delivered", &[said]);
    change.activity.push(log);
    Ok(change)
}

/// An agent reports its work as complete (facts §2.6): a comment, and the task goes to review.
///
/// The report of an older attempt is recorded, not obeyed; so is one for a task that is done, and one
/// for a task that was taken from the agent in the meantime.
pub fn complete(view: &View, report: &Completion, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::task(view, report.task)?;
    let mut is = old.is.clone();
    let project = is.project;
    let from = is.status;
    let reporter = reporting_run(view, &is, report.run_id.as_ref(), report.session_key.as_ref())?;
    let stale = match &reporter {
        Reporter::Of(run) => !run.is.open(),
        // Whoever works on another task may say something about this one; it is not theirs to finish.
        Reporter::Elsewhere(_) => true,
        Reporter::Nobody => false,
    };
    if stale && removed(Switch::LateReport) {
        return Ok(Change::default());
    }
    let author =
        report.agent.clone().map(String::from).or_else(|| is.assignee.clone()).unwrap_or_else(|| "agent".into());
    let mut words = format!("## Task Completed\n\n{}", report.summary);
    if let Some(url) = &report.pr_url {
        words.push_str(&format!("\n\n**Pull Request:** {url}"));
    }
    if let Some(notes) = &report.notes {
        words.push_str(&format!("\n\n**Notes:** {notes}"));
    }
    let mut change = Change::default();
    change.create(Comment {
        id: CommentId(ctx.ids.fresh()),
        task: report.task,
        project,
        author,
        author_type: AuthorType::Agent,
        by: Some(ctx.actor.who.clone()),
        content: Body::parse(&words)?.ok_or(Refusal::SummaryMissing)?,
        kind: CommentType::Completion,
        responded_at: None,
        created_at: ctx.now,
    });
    let obeyed = !stale && from != Status::Done && !taken_away(&is);
    if obeyed {
        if is.pr_number.is_none() {
            is.pr_number = report.pr_url.as_ref().and_then(|url| pull_request_number(url.as_str()));
        }
        if let Reporter::Of(mut run) = reporter {
            run.is.reported = true;
            if run.is.hold.is_some() {
                pull::completed(&mut change, &mut is, run, report.summary.as_str(), ctx);
            } else {
                change.put(run.rev, run.is);
            }
        }
        // What a person must look at is not finished by a report.
        let finishes = report.finishes && report.pr_url.is_none() && !is.requires_human_review;
        let to = if finishes { Status::Done } else { Status::InReview };
        if from != to {
            super::task::enter(view, &mut change, &mut is, to, Place::End, None, false, ctx)?;
        }
        is.failures = 0;
        is.updated_at = ctx.now;
        change.put(old.rev, is.clone());
    }
    change.touch(Scope::Project(project));
    let said = [
        ("from_status", from.word().to_owned()),
        ("to_status", is.status.word().to_owned()),
        ("pr_url", report.pr_url.clone().map(String::from).unwrap_or_default()),
        ("preview", preview(report.summary.as_str(), 200)),
        ("recorded_only", if obeyed { "" } else { "yes" }.to_owned()),
    ];
    let log = line(ctx, Some(project), Some(report.task), "task_completed", &said);
    change.activity.push(log);
    Ok(change)
}

/// Somebody or something has moved the task away from whoever worked on it. One that nobody ever
/// touched is obeyed in any column: agents that the loop did not start may move nothing before they report.
fn taken_away(task: &Task) -> bool {
    let touched = task.open_run.is_some() || !task.ended_runs.is_empty() || task.status_changed_at > task.created_at;
    touched && matches!(task.status, Status::Backlog | Status::Ready | Status::Blocked)
}

/// The run whose session this is.
pub(super) fn run_in(view: &View, session: &FromSession) -> Result<Option<Seen<Run>>, Stop> {
    let ranges: Vec<Range> = session.names().map(|name| Range::unique(session_name(name))).collect();
    view.gather(ranges.iter().cloned())?;
    for range in ranges {
        if let Some(run) = view.one::<Run>(range)? {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Whether an answer about a task of this project may go into a session: not into one that belongs to another
/// project. A session that is none of this board's is an agent's that somebody runs by hand.
fn speaks_here(view: &View, project: ProjectId, session: &FromSession) -> Result<bool, Stop> {
    if let Some(chat) = session.chat {
        return Ok(view.find::<Chat>(chat)?.is_some_and(|chat| chat.is.project == project));
    }
    Ok(run_in(view, session)?.is_none_or(|run| run.is.project == project))
}

/// Who reports about a task.
enum Reporter {
    /// A run of this task.
    Of(Seen<Run>),
    /// A run of another one: the report counts for no run of this task.
    Elsewhere(Seen<Run>),
    /// No run that we know.
    Nobody,
}

impl Reporter {
    fn of(task: &Task, run: Seen<Run>) -> Self {
        if run.is.task == task.id { Self::Of(run) } else { Self::Elsewhere(run) }
    }
}

/// Which run a report belongs to: the one that it names by session or run id, if we know that. One that names
/// nothing that we know belongs to the run that is open now.
fn reporting_run(
    view: &View,
    task: &Task,
    run_id: Option<&RunKey>,
    session: Option<&FromSession>,
) -> Result<Reporter, Stop> {
    let names = !removed(Switch::ReportNames);
    if let Some(session) = session.filter(|_| names)
        && let Some(run) = run_in(view, session)?
    {
        return Ok(Reporter::of(task, run));
    }
    if let Some(run_id) = run_id.map(RunKey::as_str).filter(|_| names) {
        let runs = view.list::<Run>(Range::NewestChildren {
            kind: Kind::Run,
            parent: task.id.to_string(),
            before: None,
            limit: 50,
        })?;
        if let Some(run) = runs.into_iter().find(|r| r.is.is_known_as(run_id)) {
            return Ok(Reporter::Of(run));
        }
        if let Some(id) = Run::id_of_key(run_id)
            && let Some(run) = view.find::<Run>(id)?
        {
            return Ok(Reporter::of(task, run));
        }
    }
    let open = task.open_run.map(|id| view.find::<Run>(id)).transpose()?.flatten();
    Ok(open.map_or(Reporter::Nobody, Reporter::Of))
}

/// `…/pull/12` → 12.
fn pull_request_number(url: &str) -> Option<u64> {
    let tail = url.rsplit_once("/pull/")?.1;
    let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
