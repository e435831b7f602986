//! Everything that a person, an agent, a program or the loop may ask for.

mod access;
mod decision;
mod delivery;
mod new;
mod notification;
mod prompt;
mod report;
mod triage;
mod webhook;
mod work;

use std::collections::BTreeMap;

use crate::{
    access::{Digest, PasswordHash},
    brake::Budget,
    chat::{Call, DeliveryStatus},
    id::{
        ChatId, DeliveryId, DependencyId, MessageId, NotificationId, ProjectId, PromptId, RunId, SignalId, TaskId,
        WebhookId,
    },
    project::ChatLayout,
    run::Stopping,
    talk::{AuthorType, CommentType},
    task::{Resolution, Status, TaskField, TaskFields},
    text::{
        Body, ChatTitle, Color, Description, Excerpt, GithubRepo, Handle, LocalPath, Location, Models, Name,
        Participants, RunKey, Runtimes, SessionKey, Slug, Title,
    },
    time::Millis,
};

pub use self::access::{ChangeUser, NewBrowserSession, NewPassword, NewToken, RefusedLogIns, UserStep};
pub use self::decision::{DecisionMade, Said};
pub use self::delivery::{Carry, DeliveryPatch};
pub use self::notification::NewNotification;
pub use self::prompt::NewPrompt;
pub use self::report::{Completion, NewSignal};
pub use self::triage::{NewDispatch, Subtask, Triage, TriageStep};
pub use self::webhook::{Came, NewWebhook, QueueDeliveries, SettleDelivery, WebhookPatch};
pub use self::work::{ClaimRun, ContinueRun, EndRun, HoldLease, PullTask, ReleaseRun, Retry, RunTaken};
pub use crate::run::Ended;

/// A command. Each has one public function in [`crate::rule`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Makes a project with a chat "General".
    CreateProject(NewProject),
    /// Changes fields of a project.
    UpdateProject(ProjectId, ProjectPatch),
    /// Takes a project away with everything in it; it can be brought back for a while
    /// ([`crate::project::KEPT_DELETED_MS`]).
    DeleteProject(ProjectId, Force),
    /// Brings a deleted project back: under its old address, or the next free one.
    RestoreProject(ProjectId),
    /// Gives a deleted project up: it goes for good as soon as possible.
    DiscardProject(ProjectId),
    /// Takes the next of what a deleted project has in the installation's lists out of them.
    ShelveProject(ProjectId),
    /// Removes the next part of a deleted project for good.
    PurgeProject(ProjectId),
    /// Makes a task.
    CreateTask(NewTask),
    /// Changes fields of a task, and its column when asked.
    UpdateTask(TaskId, TaskPatch),
    /// Moves a task across or within columns.
    MoveTask(MoveTask),
    /// Removes a task, its edges and comments.
    DeleteTask(TaskId),
    /// Deals with a task that does not go on.
    Triage(Triage),
    /// Somebody wants a task handed to an agent from outside.
    Dispatch(NewDispatch),
    /// `task` waits for `depends_on` from now on.
    AddDependency(TaskId, TaskId),
    /// It does not wait any more.
    RemoveDependency(EdgeRef),
    /// Writes a comment.
    AddComment(NewComment),
    /// A program tells people something.
    Notify(NewNotification),
    /// Somebody has seen a notification, or has not.
    MarkNotification(NotificationId, bool),
    /// Removes a notification.
    DeleteNotification(NotificationId),
    /// An agent signals.
    RaiseSignal(NewSignal),
    /// A person answers a signal.
    AnswerSignal(SignalId, Body),
    /// The answer is about to be sent; written before it is, so that whoever comes after a crash looks first.
    BeginAnswer(SignalId),
    /// The answer was taken by the gateway under `run_id`, or refused with a reason.
    SettleAnswer(SignalId, Result<String, Excerpt>),
    /// What keeps the answer from being sent, for people; `None` when nothing does any more.
    TellAnswerTrouble(SignalId, Option<Excerpt>),
    /// An agent reports its work as complete.
    CompleteTask(Completion),
    /// Makes a chat.
    CreateChat(NewChat),
    /// Renames a chat or ties it to a session.
    UpdateChat(ChatId, ChatPatch),
    /// Takes a chat away; it can be brought back for a while ([`crate::chat::KEPT_DELETED_MS`]).
    DeleteChat(ChatId),
    /// Brings a deleted chat back.
    RestoreChat(ChatId),
    /// Removes a deleted chat for good, or the next part of its messages when there are many.
    PurgeChat(ChatId),
    /// Writes a message.
    PostMessage(NewMessage),
    /// The agent's session of a chat gets its name, in place of this one; a chat that has another by now keeps it.
    NameSession(ChatId, String, Option<String>),
    /// The next step of a message on its way to the agent.
    CarryMessage(MessageId, Carry),
    /// A program says how far a message came.
    SetDelivery(MessageId, DeliveryPatch),
    /// A person wants a failed message sent again.
    RetryMessage(MessageId),
    /// A person takes back a message that has not left yet.
    WithdrawMessage(MessageId),
    /// The loop takes a ready task for an agent.
    ClaimRun(ClaimRun),
    /// The runtime took the run.
    RunStarted(RunTaken),
    /// The runtime goes on with the run under another id.
    RunContinued(ContinueRun),
    /// The run is to be stopped; written before anything is.
    StopRun(RunId, Stopping),
    /// Somebody wants the agent of a run stopped; what it has done so far stays.
    StopAgent(RunId),
    /// What keeps the run from being followed, for people; `None` when nothing does any more.
    TellTrouble(RunId, Option<Excerpt>),
    /// A person says that a run is over which the runtime neither shows nor stops.
    TreatAsEnded(RunId),
    /// The run is over.
    RunEnded(EndRun),
    /// An agent takes a task by itself.
    PullTask(PullTask),
    /// It gives a sign of life, and keeps the task.
    Heartbeat(RunId),
    /// It gives the task back.
    ReleaseRun(ReleaseRun),
    /// It has given no sign for long: the task goes back. One that has given a sign meanwhile keeps it.
    LapseRun(RunId, Retry),
    /// A person decides what a runtime's agent waits for.
    NoteDecision(DecisionMade),
    /// The loop's notes about a project changed.
    NoteProject(ProjectId, BTreeMap<TaskId, String>, Option<Excerpt>),
    /// A person pauses or resumes the loop in a project.
    PauseLoop(ProjectId, bool),
    /// A server takes or keeps the lease of the loop.
    HoldLease(HoldLease),
    /// Makes a token for a program.
    CreateToken(NewToken),
    /// Takes a token back.
    RevokeToken(Digest),
    /// A token was used at this moment.
    NoteTokenUse(Digest, Millis),
    /// The owner's password is another one from now on; every session ends.
    SetPassword(PasswordHash),
    /// People come, go, and may do more or less.
    ChangeUser(ChangeUser),
    /// Whoever asks has another password from now on; their other sessions end.
    ChangePassword(NewPassword),
    /// A browser has logged in.
    OpenSession(NewBrowserSession),
    /// Log-ins were refused.
    NoteRefused(RefusedLogIns),
    /// A browser is logged out.
    EndSession(Digest),
    /// A browser was here at this moment.
    NoteSessionSeen(Digest, Millis),
    /// Writes a version of a prompt, which counts from now on.
    CreatePrompt(NewPrompt),
    /// The same as the first version of its role; refused where that has one.
    SeedPrompt(NewPrompt),
    /// This version counts from now on.
    ActivatePrompt(PromptId),
    /// Makes a webhook.
    CreateWebhook(NewWebhook),
    /// Changes a webhook.
    UpdateWebhook(WebhookId, WebhookPatch),
    /// Gives a webhook a new secret, made of the key with this fingerprint.
    RotateWebhook(WebhookId, String),
    /// Takes a webhook away.
    DeleteWebhook(WebhookId),
    /// Sends a webhook an event that nothing has caused.
    TestWebhook(WebhookId),
    /// Somebody wants a delivery sent again.
    Redeliver(DeliveryId),
    /// Lines of the log become deliveries.
    QueueDeliveries(QueueDeliveries),
    /// What came of a delivery.
    SettleDelivery(SettleDelivery),
    /// Removes the next part of a deleted webhook for good.
    PurgeWebhook(WebhookId),
    /// Removes the next deliveries that have been over for long.
    ForgetDeliveries,
}

/// Whether to remove what hangs on the thing too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Refuse when something hangs on it.
    No,
    /// Remove it too.
    Yes,
}

/// A new project.
#[derive(Clone, Debug, PartialEq)]
pub struct NewProject {
    /// Name.
    pub name: Name,
    /// `Some`: exactly this slug, or a refusal. `None`: made from the name, numbered when taken.
    pub slug: Option<Slug>,
    /// Description.
    pub description: Option<Description>,
    /// `#rrggbb`.
    pub color: Option<Color>,
    /// Legacy.
    pub repo_url: Option<Location>,
    /// Absolute path of the repository.
    pub local_path: Option<LocalPath>,
    /// `owner/repo`.
    pub github_repo: Option<GithubRepo>,
    /// Chat layout.
    pub chat_layout: ChatLayout,
    /// The loop's switch.
    pub work_loop_enabled: bool,
    /// Most agents.
    pub work_loop_max_agents: Option<u32>,
}

/// Fields to change; the outer `None` keeps, the inner `None` clears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectPatch {
    /// Name.
    pub name: Option<Name>,
    /// Slug.
    pub slug: Option<Slug>,
    /// Description.
    pub description: Option<Option<Description>>,
    /// Colour.
    pub color: Option<Color>,
    /// Legacy.
    pub repo_url: Option<Option<Location>>,
    /// Legacy.
    pub context_path: Option<Option<Location>>,
    /// Repository.
    pub local_path: Option<Option<LocalPath>>,
    /// `owner/repo`.
    pub github_repo: Option<Option<GithubRepo>>,
    /// Chat layout.
    pub chat_layout: Option<ChatLayout>,
    /// The loop's switch.
    pub work_loop_enabled: Option<bool>,
    /// Most agents.
    pub work_loop_max_agents: Option<Option<u32>>,
    /// What agents may use up on a day, all four bounds together.
    pub budget: Option<Budget>,
    /// The loop only says what it would do.
    pub dry_run: Option<bool>,
    /// Usage windows that run out count as failures.
    pub limits_fail: Option<bool>,
    /// Model per role.
    pub role_model_overrides: Option<Models>,
    /// Runtimes.
    pub runtimes: Option<Runtimes>,
}

/// Which way a dependency of a new task points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The new task waits for the other.
    DependsOn,
    /// The other waits for the new task.
    Blocks,
}

/// A new task.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Project.
    pub project: ProjectId,
    /// Title.
    pub title: Title,
    /// Column.
    pub status: Status,
    /// What else is known of it; the rest is what is usual ([`Task::new`](crate::task::Task::new)).
    pub fields: TaskFields,
    /// Edges to existing tasks.
    pub dependencies: Vec<(TaskId, Direction)>,
}

/// A change of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPatch {
    /// Fields.
    pub fields: TaskFields,
    /// Column, with the reason that the log keeps.
    pub status: Option<(Status, Option<Excerpt>)>,
    /// Leaving `done` is meant.
    pub reopen: bool,
    /// The text that the writer had before them, and meant to replace. Where it is another by now, and not the
    /// new one, nothing is changed.
    pub instead_of: Option<(TaskField, String)>,
}

impl From<TaskFields> for TaskPatch {
    fn from(fields: TaskFields) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// Where a moved card goes within its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Below all others.
    End,
    /// Above all others.
    Top,
    /// Right above this card.
    Before(TaskId),
    /// Right below this card.
    After(TaskId),
    /// At this place, counted from 0 without the moved card.
    Index(u32),
}

/// A move.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveTask {
    /// Which.
    pub task: TaskId,
    /// Column; its own column reorders.
    pub to: Status,
    /// Place in it; `done` is always newest first.
    pub place: Place,
    /// Reason for the log.
    pub reason: Option<Excerpt>,
    /// How it ended, for `done`.
    pub resolution: Option<Resolution>,
    /// Leaving `done` is meant.
    pub reopen: bool,
}

/// An edge, named by its own id or by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeRef {
    /// By id.
    Id(DependencyId),
    /// The first waits for the second.
    Ends(TaskId, TaskId),
}

/// A new comment.
#[derive(Clone, Debug, PartialEq)]
pub struct NewComment {
    /// On which task.
    pub task: TaskId,
    /// Author, as given.
    pub author: Handle,
    /// Kind of author, as given.
    pub author_type: AuthorType,
    /// Markdown.
    pub content: Body,
    /// What it is for.
    pub kind: CommentType,
}

/// The session from which somebody reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromSession {
    /// Its name as it was said.
    pub said: SessionKey,
    /// Whole names that it may have, where reports shorten them; by the word of the runtimes' adapters.
    pub whole: Vec<String>,
    /// The chat whose session it is, by the same word.
    pub chat: Option<ChatId>,
}

impl FromSession {
    /// All names under which it may be stored.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.said.as_str()).chain(self.whole.iter().map(String::as_str))
    }
}

impl From<SessionKey> for FromSession {
    /// One of which nobody knows more than its name.
    fn from(said: SessionKey) -> Self {
        Self { said, whole: Vec::new(), chat: None }
    }
}

/// A session that is to be a chat's, with the chat whose it is by the word of the runtimes' adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSession {
    /// The chat; `None` where it is no chat's.
    pub chat: Option<ChatId>,
    /// The session's name.
    pub name: SessionKey,
}

/// A new chat.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChat {
    /// Project.
    pub project: ProjectId,
    /// Title; the edge gives a default.
    pub title: ChatTitle,
    /// Participants.
    pub participants: Participants,
    /// The ticket that it is about; a ticket has one such chat at most.
    pub about: Option<TaskId>,
}

/// Fields of a chat to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatPatch {
    /// Title.
    pub title: Option<ChatTitle>,
    /// Session.
    pub session_key: Option<OwnSession>,
}

/// A new message (facts §2.3).
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// Chat.
    pub chat: ChatId,
    /// Author, as given.
    pub author: Handle,
    /// Markdown.
    pub content: Body,
    /// The run that it answers.
    pub run_id: Option<RunKey>,
    /// Session.
    pub session_key: Option<SessionKey>,
    /// Made by a machine.
    pub is_automated: bool,
    /// Delivery, for a person's words.
    pub delivery_status: Option<DeliveryStatus>,
    /// As given.
    pub retry_count: Option<u32>,
    /// As given.
    pub cooldown_until: Option<i64>,
    /// As given.
    pub failure_reason: Option<Excerpt>,
    /// The server carries it to the agent.
    pub send: bool,
    /// What the agent did before it said this.
    pub calls: Vec<Call>,
    /// The agent's session was emptied: the next words carry the project's context again.
    pub resets: bool,
    /// The server itself read it in the agent's session; nobody said so to it.
    pub heard: bool,
}

impl NewMessage {
    /// Words in a chat, and nothing else: only stored.
    #[must_use]
    pub fn new(chat: ChatId, author: Handle, content: Body) -> Self {
        Self {
            chat,
            author,
            content,
            run_id: None,
            session_key: None,
            is_automated: false,
            delivery_status: None,
            retry_count: None,
            cooldown_until: None,
            failure_reason: None,
            send: false,
            calls: Vec::new(),
            resets: false,
            heard: false,
        }
    }
}
