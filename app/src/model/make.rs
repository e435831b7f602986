//! Snapshots of the domain become page models.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clutch_domain::{
    activity::Activity,
    actor::Who,
    chat::{Chat, Message},
    doc::{Body, Dependency, Doc, Kind},
    id::{DependencyId, PromptId, TaskId},
    plan::{Policy, why::Why},
    project::Counts,
    prompt::Version,
    query::{Board, ChatView, Chats, Home, Query, Snapshot, TaskView, unread_words},
    range::Range,
    run::Run,
    talk::Signal,
    task::{Status, Task},
    text::preview,
    time::Millis,
};
use serde::Serialize;

use super::{
    attempt::{attempt, version_of},
    board::{Ask, BoardHead, Card, CardAgent},
    byline::{Byline, byline, commenter},
    chat::{ChatHead, ChatRow, ChatsHead, MessageItem, Way},
    home::{HomeHead, ProjectRow},
    logged::activity,
    looping,
    task::{CommentItem, EdgeItem, SignalItem, TaskHead},
    wire::Parts,
};
use crate::{
    markdown::{render, render_beginning},
    safe::SafeHtml,
};

/// Longest question on a card, in characters; the panel shows all of it.
pub(super) const ASK_ON_CARD: usize = 220;

/// Longest last words in the list of chats, in characters.
const CHAT_WORDS: usize = 90;

/// Most bytes of words that one page renders whole. Fifty long answers fit; eight logs of a megabyte do not.
const WORDS_MAX: usize = 512 * 1024;
/// How much is shown of a text that does not fit any more, in bytes.
const BEGINNING: usize = 8 * 1024;
/// The same where nothing fits any more.
const FEW_WORDS: usize = 1024;

/// Words that can be read whole at `/words/<kind>/<id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Of a message, by its id.
    Message,
    /// Of a comment.
    Comment,
    /// Of a task: its description, by the task's id.
    Description,
    /// Of a signal.
    Signal,
    /// Of the answer to a signal, by the signal's id.
    Answer,
}

impl Words {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Message, Self::Comment, Self::Description, Self::Signal, Self::Answer];

    /// The kind in an address.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Comment => "comment",
            Self::Description => "description",
            Self::Signal => "signal",
            Self::Answer => "answer",
        }
    }

    /// The kind that an address names.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What is left of a page for words.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(WORDS_MAX)
    }
}

impl Budget {
    /// Renders a text, or its beginning with a link to all of it. Says how many bytes it has shown.
    fn render(&mut self, text: &str, kind: Words, id: impl std::fmt::Display) -> (SafeHtml, usize) {
        if text.len() <= self.0 || text.len() <= FEW_WORDS {
            self.0 = self.0.saturating_sub(text.len());
            return (render(text), text.len());
        }
        let most = if self.0 >= BEGINNING { BEGINNING } else { FEW_WORDS };
        let cut = text.floor_char_boundary(most);
        // Better a line less than half a word.
        let cut = text[..cut].rfind('\n').filter(|line| *line > most / 2).unwrap_or(cut);
        self.0 = self.0.saturating_sub(cut);
        (render_beginning(&text[..cut], &format!("/words/{}/{id}", kind.word()), text.len()), cut)
    }
}

/// What a page shows that its query does not hold.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// The tasks at the other end of the edges.
    pub others: Vec<Task>,
    /// The prompts that agents were told. Versions never change, so nobody needs to watch them.
    pub prompts: Vec<Version>,
    /// Edges of tickets that wait for others.
    pub edges: Vec<Dependency>,
    /// What the log says, newest first.
    pub lines: Vec<Activity>,
    /// The loop's settings.
    pub policy: Policy,
}

impl Extra {
    /// What to read for it.
    #[must_use]
    pub fn ranges(snapshot: &Snapshot) -> Vec<Range> {
        let view = match snapshot {
            Snapshot::Task(view) => view,
            Snapshot::Loop(view) => return looping::ranges(view),
            _ => return Vec::new(),
        };
        let others = view.waits_for.iter().map(|e| e.depends_on).chain(view.blocks.iter().map(|e| e.task));
        let prompts: BTreeSet<PromptId> = view.runs.iter().filter_map(version_of).collect();
        let others = others.map(|id| Range::doc(Kind::Task, id));
        others.chain(prompts.into_iter().map(|id| Range::doc(Kind::PromptVersion, id))).collect()
    }

    /// What to read beyond that, as what was read names it.
    #[must_use]
    pub fn further(&self, snapshot: &Snapshot) -> Vec<Range> {
        match snapshot {
            Snapshot::Loop(view) => looping::further(view, self),
            _ => Vec::new(),
        }
    }

    /// Of what was read.
    #[must_use]
    pub fn of<'a>(docs: impl IntoIterator<Item = &'a Arc<Doc>>) -> Self {
        let mut extra = Self::default();
        extra.take(docs);
        extra
    }

    /// Takes more that was read.
    pub fn take<'a>(&mut self, docs: impl IntoIterator<Item = &'a Arc<Doc>>) {
        for doc in docs {
            match &doc.body {
                Body::Task(task) => self.others.push(Task::clone(task)),
                Body::PromptVersion(version) => self.prompts.push(Version::clone(version)),
                Body::Dependency(edge) => self.edges.push(Dependency::clone(edge)),
                Body::Activity(line) => self.lines.push(Activity::clone(line)),
                _ => {}
            }
        }
    }
}

/// The page as named parts; a thing that is gone has none.
#[must_use]
pub fn parts(_query: &Query, snapshot: &Snapshot, extra: &Extra) -> Parts {
    let mut parts = Parts::new();
    match snapshot {
        Snapshot::Home(home) => home_parts(&mut parts, home),
        Snapshot::Board(board) => board_parts(&mut parts, board),
        Snapshot::Task(view) => task_parts(&mut parts, view, extra),
        Snapshot::Chats(chats) => chats_parts(&mut parts, chats),
        Snapshot::Chat(view) => chat_parts(&mut parts, view),
        Snapshot::Loop(view) => looping::parts(&mut parts, view, extra),
        // The caller has said so already, as trouble.
        Snapshot::Gone | Snapshot::Unread(_) => {}
    }
    parts
}

/// Adds a part.
pub fn put(parts: &mut Parts, name: impl Into<String>, part: &impl Serialize) {
    let name = name.into();
    // A page model is plain data: maps with string keys, no floats that JSON cannot hold.
    match serde_json::value::to_raw_value(part) {
        Ok(raw) => drop(parts.insert(name, raw)),
        Err(error) => tracing::error!(%name, %error, "a part of a page could not be written"),
    }
}

fn home_parts(parts: &mut Parts, home: &Home) {
    put(parts, "head", &HomeHead { waiting: home.waiting.len() as u32 });
    for p in &home.projects {
        let row = ProjectRow {
            id: p.id,
            slug: p.slug.to_string(),
            name: p.name.to_string(),
            description: p.description.clone(),
            color: p.color.clone(),
            counts: home.counts.iter().find(|c| c.project == p.id).map_or([0; 6], Counts::columns),
            running: home.runs.iter().filter(|r| r.project == p.id && r.takes_a_place()).count() as u32,
            waiting: home.waiting.iter().filter(|s| s.project == p.id).count() as u32,
            loop_on: p.work_loop_enabled,
            max_agents: p.work_loop_max_agents,
            chat_layout: p.chat_layout,
            local_path: p.local_path.clone(),
            github_repo: p.github_repo.clone(),
            updated_at: p.updated_at,
        };
        put(parts, format!("p:{}", p.id), &row);
    }
}

fn chats_parts(parts: &mut Parts, chats: &Chats) {
    let project = &chats.project;
    let head = ChatsHead {
        project: project.id,
        slug: project.slug.to_string(),
        name: project.name.to_string(),
        color: project.color.clone(),
        layout: project.chat_layout,
        more: chats.more,
    };
    put(parts, "head", &head);
    chats.chats.iter().for_each(|chat| put(parts, format!("c:{}", chat.id), &chat_row(chat)));
}

/// A chat as lists show it.
#[must_use]
pub fn chat_row(chat: &Chat) -> ChatRow {
    let last = chat.last.as_ref();
    ChatRow {
        id: chat.id,
        title: chat.title.clone(),
        who: last.map_or_else(String::new, |l| byline(l.by.as_ref(), &l.author).name),
        words: last.map_or_else(String::new, |l| preview(&l.content, CHAT_WORDS)),
        at: chat.updated_at,
    }
}

fn chat_parts(parts: &mut Parts, view: &ChatView) {
    let chat = &view.chat;
    let head = ChatHead {
        id: chat.id,
        project: chat.project,
        title: chat.title.clone(),
        session: chat.session_key.clone(),
        more: view.more,
        ticket: chat.about.map(|about| about.number),
        deleted: chat.deleted_at.is_some(),
    };
    put(parts, "chat", &head);
    // What is newest is read first.
    let mut budget = Budget::default();
    for m in view.messages.iter().rev() {
        put(parts, format!("m:{}", m.id), &message(m, &mut budget));
        if let Some(way) = Way::of(m) {
            put(parts, format!("w:{}", m.id), &way);
        }
    }
}

/// A message as pages show it.
#[must_use]
pub fn message(message: &Message, budget: &mut Budget) -> MessageItem {
    let text = message.content.as_str();
    let (html, shown) = budget.render(text, Words::Message, message.id);
    let Byline { name, mine } = byline(message.by.as_ref(), &message.author);
    MessageItem {
        id: message.id,
        author: name,
        mine,
        notice: message.author == "system" && !message.by.as_ref().is_some_and(Who::is_program),
        automated: message.is_automated,
        html,
        text: text[..shown].to_owned(),
        cut: shown < text.len(),
        calls: message.calls.clone(),
        run: message.run_id.clone(),
        at: message.created_at,
        said_at: message.said_at,
    }
}

/// The name of a card's part.
#[must_use]
pub fn card_name(task: TaskId) -> String {
    format!("t:{task}")
}

fn board_parts(parts: &mut Parts, board: &Board) {
    let state = board.loop_state.as_ref();
    let project = &board.project;
    let head = BoardHead {
        project: project.id,
        slug: project.slug.to_string(),
        name: project.name.to_string(),
        color: project.color.clone(),
        github_repo: project.github_repo.clone(),
        local_path: project.local_path.clone(),
        counts: board.counts.columns(),
        loop_on: project.work_loop_enabled,
        paused: state.is_some_and(|s| s.paused),
        notice: both(unread_words(&board.unread), state.and_then(|s| s.notice.clone())),
        running: board.runs.iter().filter(|r| r.takes_a_place()).count() as u32,
        waiting: board.waiting.len() as u32,
    };
    put(parts, "head", &head);
    cards(board).iter().for_each(|card| put(parts, card_name(card.id), card));
}

/// The cards of a board.
#[must_use]
pub fn cards(board: &Board) -> Vec<Card> {
    let runs: BTreeMap<TaskId, &Run> = board.runs.iter().map(|r| (r.task, r)).collect();
    // Signals come oldest first: the oldest question is the one to answer first.
    let asks: BTreeMap<TaskId, &Signal> = board.waiting.iter().rev().map(|s| (s.task, s)).collect();
    let state = board.loop_state.as_ref();
    let notice = state.and_then(|s| s.notice.as_ref());
    let note = |t: &Task| state.and_then(|s| s.notes.get(&t.id));
    board.tasks.iter().map(|t| card(t, runs.get(&t.id).copied(), asks.get(&t.id).copied(), note(t), notice)).collect()
}

fn card(task: &Task, run: Option<&Run>, ask: Option<&Signal>, note: Option<&String>, notice: Option<&String>) -> Card {
    Card {
        id: task.id,
        number: task.number,
        title: task.title.to_string(),
        status: task.status,
        position: task.position,
        facts: task.into(),
        since: task.status_changed_at,
        open_dependencies: task.open_dependencies,
        dependencies: task.dependencies,
        dependents: task.dependents,
        why: why(task, note, notice),
        retries_at: retries_at(task, note),
        ask: ask.map(|s| Ask { signal: s.id, text: preview(s.message.as_str(), ASK_ON_CARD) }),
        agent: run.map(|r| CardAgent {
            role: r.role,
            model: r.model.clone(),
            attempt: r.attempt,
            state: r.state.label().to_owned(),
            trouble: refused(run),
            since: r.started_at.unwrap_or(r.claimed_at),
        }),
    }
}

/// Two sentences, where both are there.
pub(super) fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one} {other}")),
        (one, other) => one.or(other),
    }
}

/// What is refused again and again of the run that is open.
pub(super) fn refused(run: Option<&Run>) -> Option<String> {
    let trouble = run.filter(|run| run.open())?.trouble.as_ref()?;
    Some(format!("What is needed to follow or stop the agent is refused; it is asked again: {trouble}"))
}

/// Why a task does not go on: the loop's note where it is ready, its trouble where it is stuck.
/// What the board says above all cards is only named on each.
fn why(task: &Task, note: Option<&String>, notice: Option<&String>) -> Option<String> {
    match task.status {
        Status::Ready if note.is_none() || note == notice => {
            notice.map(|n| n.split_once(": ").map_or(n.as_str(), |(head, _)| head).to_owned())
        }
        Status::Ready if retries_at(task, note).is_some() => None,
        Status::Ready => note.cloned(),
        Status::Blocked => task.trouble.clone(),
        _ => None,
    }
}

/// When a task is tried again, where that is what the loop says of it. Its words name the moment in UTC, and pages
/// have readers in all zones.
pub(super) fn retries_at(task: &Task, note: Option<&String>) -> Option<Millis> {
    let said = |at: &Millis| note.is_some_and(|note| *note == Why::RetriesAt(*at).to_string());
    task.retry_at.filter(|at| task.status == Status::Ready && said(at))
}

fn task_parts(parts: &mut Parts, view: &TaskView, extra: &Extra) {
    let task = &view.task;
    let mut budget = Budget::default();
    let open = view.runs.iter().find(|r| Some(r.id) == task.open_run);
    let head = TaskHead {
        id: task.id,
        project: task.project,
        slug: view.project.slug.to_string(),
        number: task.number,
        title: task.title.to_string(),
        description: task.description.as_ref().map(|d| d.as_str().to_owned()),
        description_html: task.description.as_ref().map(|d| budget.render(d.as_str(), Words::Description, task.id).0),
        status: task.status,
        facts: task.into(),
        branch: task.branch.clone(),
        github_repo: view.project.github_repo.clone(),
        resolution: task.resolution,
        lost: open.filter(|run| run.open() && run.trouble.is_some()).map(|run| run.id),
        why: both(unread_words(&view.unread), refused(open).or_else(|| why(task, view.note.as_ref(), None))),
        retries_at: retries_at(task, view.note.as_ref()),
        failures: task.failures,
        created_at: task.created_at,
        since: task.status_changed_at,
        completed_at: task.completed_at,
        more_comments: view.more,
    };
    put(parts, "task", &head);
    view.signals.iter().for_each(|s| put(parts, format!("s:{}", s.id), &signal(s, &mut budget)));
    for c in view.comments.iter().rev() {
        let Byline { name, mine } = commenter(c);
        let item = CommentItem {
            id: c.id,
            author: name,
            mine,
            kind: c.kind,
            content: budget.render(c.content.as_str(), Words::Comment, c.id).0,
            at: c.created_at,
        };
        put(parts, format!("c:{}", c.id), &item);
    }
    view.runs.iter().for_each(|r| put(parts, format!("r:{}", r.id), &attempt(r, &extra.prompts)));
    view.activity.iter().for_each(|a| put(parts, format!("a:{}", a.id), &activity(a)));
    let mut edge = |id: DependencyId, other: TaskId, waits| {
        let found = extra.others.iter().find(|t| t.id == other);
        let item = EdgeItem {
            id,
            other,
            waits,
            number: found.map_or(0, |t| t.number),
            title: found.map_or_else(String::new, |t| t.title.to_string()),
            status: found.map_or(Status::Backlog, |t| t.status),
        };
        put(parts, format!("d:{id}"), &item);
    };
    view.waits_for.iter().for_each(|e| edge(e.id, e.depends_on, true));
    view.blocks.iter().for_each(|e| edge(e.id, e.task, false));
}

fn signal(signal: &Signal, budget: &mut Budget) -> SignalItem {
    SignalItem {
        id: signal.id,
        agent: signal.agent_id.clone(),
        kind: signal.kind,
        severity: signal.severity,
        message: budget.render(signal.message.as_str(), Words::Signal, signal.id).0,
        options: signal.options.clone(),
        waits: signal.waits(),
        response: signal.response.as_ref().map(|r| budget.render(r.as_str(), Words::Answer, signal.id).0),
        by_program: signal.answered_by_program(),
        delivery: signal.delivery,
        delivery_error: signal.delivery_error.clone(),
        delivery_trouble: signal.delivery_trouble.clone(),
        at: signal.created_at,
    }
}
