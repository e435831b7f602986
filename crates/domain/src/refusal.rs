//! Every way in which we say no: a stable code, a sentence for people.

use serde::{Deserialize, Serialize};

/// How an edge should answer a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// The request is wrong: HTTP 400.
    Invalid,
    /// The thing is not there: HTTP 404.
    NotFound,
    /// It does not fit the present state: HTTP 409.
    Conflict,
    /// The actor may not: HTTP 403.
    Forbidden,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => $class:ident, $code:literal, $text:literal;)+) => {
        /// The user may not or cannot. Sentences that outside programs compare are those of facts §2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name,)+
            /// A task waits for others. Carries how many.
            #[error("Cannot change status: dependencies not complete. {0} incomplete dependencies must be done first.")]
            DependenciesOpen(u32),
        }

        impl Refusal {
            /// Every refusal, for tests and documents.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+ Self::DependenciesOpen(1)];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ Self::DependenciesOpen(_) => "dependencies_open" }
            }

            /// How an edge answers it.
            #[must_use]
            pub const fn class(self) -> RefusalClass {
                match self { $(Self::$name => RefusalClass::$class,)+ Self::DependenciesOpen(_) => RefusalClass::Invalid }
            }
        }
    };
}

refusals! {
    /// No title.
    TitleMissing => Invalid, "title_missing", "A task needs a title.";
    /// Title over 200 characters.
    TitleTooLong => Invalid, "title_too_long", "A title has at most 200 characters; put the rest into the description.";
    /// No project name.
    NameMissing => Invalid, "name_missing", "A project needs a name.";
    /// Name over 100 characters.
    NameTooLong => Invalid, "name_too_long", "A project's name has at most 100 characters.";
    /// Slug over 50 characters.
    SlugTooLong => Invalid, "slug_too_long", "Slug must be 50 characters or less";
    /// Slug with other characters.
    SlugInvalid => Invalid, "slug_invalid", "A slug has lower-case letters, digits and inner hyphens only.";
    /// The slug belongs to another project.
    SlugTaken => Conflict, "slug_taken", "A project with this slug already exists";
    /// A budget that is none.
    BudgetInvalid => Invalid, "budget_invalid", "A budget is a whole number of agents, minutes or tokens, and dollars such as 12.50; empty is no bound.";
    /// Text over one megabyte.
    TextTooLong => Invalid, "text_too_long", "The text is longer than one megabyte; attach a file instead.";
    /// A name of an author, an agent or an assignee over 200 characters.
    HandleTooLong => Invalid, "handle_too_long", "The name of an author, an agent or an assignee has at most 200 characters.";
    /// Tag over 60 characters.
    TagTooLong => Invalid, "tag_too_long", "A tag has at most 60 characters.";
    /// More than 50 tags.
    TagsTooMany => Invalid, "tags_too_many", "A task has at most 50 tags.";
    /// Chat title over 200 characters.
    ChatTitleTooLong => Invalid, "chat_title_too_long", "A chat's title has at most 200 characters.";
    /// More than nine answers, or a long one.
    OptionsInvalid => Invalid, "options_invalid", "A question offers at most nine answers of at most 200 characters each.";
    /// More than 50 names.
    ParticipantsTooMany => Invalid, "participants_too_many", "A chat has at most 50 participants.";
    /// A session key, run id, version or model that is long or has characters that cannot be seen.
    KeyInvalid => Invalid, "key_invalid", "A session key, run id, version or model name is one line of at most 500 visible characters.";
    /// A branch that git would not take.
    BranchInvalid => Invalid, "branch_invalid", "This is no name of a branch that git allows.";
    /// A path that is long or has characters that cannot be seen.
    PathInvalid => Invalid, "path_invalid", "The repository's path has characters that cannot be seen, or more than 4096 bytes.";
    /// An address over 2,000 characters.
    LocationTooLong => Invalid, "location_too_long", "An address has at most 2000 characters.";
    /// A project's description over 10,000 characters.
    DescriptionTooLong => Invalid, "description_too_long", "A project's description has at most 10000 characters.";
    /// Notes over 100 kilobytes.
    NotesTooLong => Invalid, "notes_too_long", "Notes have at most a hundred kilobytes.";
    /// More than 20 roles with a model.
    ModelsTooMany => Invalid, "models_too_many", "A project names models for at most 20 roles.";
    /// A choice of runtimes for what has none, or a name that is none.
    RuntimesInvalid => Invalid, "runtimes_invalid", "Runtimes are chosen by role, for chats or for all, each by a name of at most 60 lower-case letters, digits and hyphens.";
    /// A word that is none of those that a form offers.
    ChoiceUnknown => Invalid, "value_unknown", "That is not one of the choices.";
    /// Empty text.
    ContentMissing => Invalid, "content_missing", "Content is required";
    /// An agent said only that it has nothing to say.
    NothingSaid => Invalid, "nothing_said", "This says only that there is nothing to say.";
    /// No summary in a completion.
    SummaryMissing => Invalid, "summary_missing", "Summary is required";
    /// An empty answer to a signal.
    ResponseMissing => Invalid, "response_missing", "response is required and must be a string";
    /// Path that is not absolute.
    PathNotAbsolute => Invalid, "path_not_absolute", "The repository's path must be absolute, for example /home/you/project.";
    /// Repository not in owner/repo form.
    GithubRepoInvalid => Invalid, "github_repo_invalid", "github_repo must be in owner/repo format";
    /// Limit below one.
    MaxAgentsInvalid => Invalid, "max_agents_invalid", "work_loop_max_agents must be a positive integer";
    /// Colour that is not `#rrggbb`.
    ColorInvalid => Invalid, "color_invalid", "A colour is written as # and six hexadecimal digits.";
    /// No such project.
    ProjectNotFound => NotFound, "project_not_found", "Project not found";
    /// No such task.
    TaskNotFound => NotFound, "task_not_found", "Task not found";
    /// No such comment.
    CommentNotFound => NotFound, "comment_not_found", "Comment not found";
    /// No such notification.
    NotificationNotFound => NotFound, "notification_not_found", "Notification not found";
    /// No such signal.
    SignalNotFound => NotFound, "signal_not_found", "Signal not found";
    /// No such dependency.
    DependencyNotFound => NotFound, "dependency_not_found", "Dependency not found";
    /// No such chat.
    ChatNotFound => NotFound, "chat_not_found", "Chat not found";
    /// No such message.
    MessageNotFound => NotFound, "message_not_found", "Message not found";
    /// No such run.
    RunNotFound => NotFound, "run_not_found", "This run is not known.";
    /// A task waits for itself.
    SelfDependency => Invalid, "self_dependency", "Task cannot depend on itself";
    /// The edge would close a circle.
    DependencyCycle => Invalid, "dependency_cycle", "Adding this dependency would create a cycle";
    /// The edge exists.
    DependencyExists => Conflict, "dependency_exists", "Dependency already exists";
    /// Two tasks of different projects.
    DependencyAcross => Invalid, "dependency_across_projects", "Both tasks of a dependency must belong to the same project.";
    /// A task with too many edges.
    TooManyDependencies => Conflict, "too_many_dependencies", "A task can wait for at most 2,000 others, and at most 2,000 can wait for it.";
    /// The graph is too large to check.
    DependencyGraphTooLarge => Invalid, "dependency_graph_too_large", "This project has too many dependencies to check for cycles; remove some first.";
    /// A text that somebody else has changed since the writer began.
    TextChanged => Conflict, "text_changed", "Somebody else changed this text meanwhile. Nothing was saved yet.";
    /// A finished task moved without saying so.
    DoneIsFinal => Conflict, "done_is_final", "Cannot move a task out of done by accident. Reopen it on purpose.";
    /// Somebody has answered already.
    SignalAnswered => Conflict, "signal_answered", "Signal has already been responded to";
    /// A message that failed too often.
    RetriesUsedUp => Invalid, "retries_used_up", "Maximum retry attempts exceeded. Please create a new message.";
    /// A message that is under way is sent again.
    MessageUnderWay => Conflict, "message_under_way", "This message is still under way; it can be sent again when it has failed.";
    /// A message that left is taken back.
    MessageLeft => Conflict, "message_left", "This message is on its way already; write another one instead.";
    /// A command to the gateway that no person typed.
    CommandRefused => Invalid, "command_refused", "Commands (text that begins with /) are for people at the page.";
    /// A chat is tied to a session that is not its own.
    SessionForeign => Invalid, "session_foreign", "A chat speaks in a session of its own only: clutch:<project>:<chat id>.";
    /// A signal names a session of another project.
    SessionElsewhere => Invalid, "session_elsewhere", "This session belongs to another project.";
    /// A step of a delivery that has gone on already.
    DeliveryMoved => Conflict, "delivery_moved", "The delivery of this message has gone on in the meantime.";
    /// A ticket has a chat already.
    ChatExists => Conflict, "chat_exists", "This ticket has a chat already.";
    /// A message with this run id exists.
    MessageExists => Conflict, "message_exists", "Message already exists";
    /// Nothing in the patch.
    NothingToChange => Invalid, "nothing_to_change", "No fields to update";
    /// The project's tasks would go too.
    ProjectHasTasks => Conflict, "project_has_tasks", "This project still has tasks; delete it with force to remove them too.";
    /// The neighbour of a move is not in that column.
    NeighbourNotFound => Invalid, "neighbour_not_found", "The card to place this one beside is no longer in that column.";
    /// An agent is already at work.
    RunOpen => Conflict, "run_open", "An agent is already working on this task.";
    /// The claim is not possible any more.
    NotReady => Conflict, "not_ready", "The task is no longer ready.";
    /// The run has ended.
    RunEnded => Conflict, "run_ended", "This run has already ended.";
    /// A person has paused the project.
    LoopPaused => Conflict, "loop_paused", "The loop is paused in this project: no agent starts, also none that takes tasks by itself.";
    /// As many agents hold tasks as can be looked after.
    HeldTooMany => Conflict, "held_too_many", "Two hundred tasks are held by agents already. Try again when one of them is done.";
    /// Another agent's run.
    RunOfAnother => Forbidden, "run_of_another", "Another agent took this task, with another token.";
    /// A run that no agent took by itself.
    RunNotHeld => Conflict, "run_not_held", "The work loop follows this run; only a task that an agent took by itself is kept and given back by it.";
    /// Words to its agent were sent, and nobody knows yet whether they arrived.
    AnswerUnderWay => Conflict, "answer_under_way", "An answer to this run's agent may arrive yet.";
    /// Nothing keeps the run from being followed.
    RunIsFollowed => Conflict, "run_is_followed", "This run is followed: stop its agent by moving the task.";
    /// Only what is blocked is unblocked.
    NotBlocked => Conflict, "not_blocked", "Only a blocked task is unblocked.";
    /// Nobody works on it, so it does not stand.
    NotUnderWay => Conflict, "not_under_way", "Only a task that is in progress, in review or blocked is escalated.";
    /// Nobody works on it.
    NotInProgress => Invalid, "not_in_progress", "Task is not in_progress";
    /// It stands on that list already.
    DispatchActive => Conflict, "dispatch_active", "Task already has active dispatch";
    /// A task is split into nothing.
    SubtasksMissing => Invalid, "subtasks_missing", "subtasks array is required";
    /// More than 50 parts.
    SubtasksTooMany => Invalid, "subtasks_too_many", "A task is split into at most 50 subtasks.";
    /// Somebody else leads.
    LeaseLost => Conflict, "lease_lost", "Another server leads the work loop now.";
    /// A newer program wrote the document.
    WrittenByNewer => Conflict, "written_by_newer", "This was written by a newer OpenClutch. Update this server to see it and to change it.";
    /// The document is damaged.
    Unreadable => Conflict, "unreadable", "This cannot be read. It stays as it is; a backup may have it whole.";
    /// Eight ids in a row clashed.
    IdsExhausted => Conflict, "ids_exhausted", "No free id was found for the task; try again.";
    /// Only a person may do this.
    HumansOnly => Forbidden, "humans_only", "Only a person in the browser may do this; if you are one, reload the page.";
    /// A token's name is empty or over 100 characters.
    LabelInvalid => Invalid, "token_name_invalid", "A token needs a name of at most 100 characters.";
    /// A token that would be over before it begins.
    ExpiryPast => Invalid, "expiry_past", "The end of a token lies in the future.";
    /// The list of tokens is full of those that are in force.
    TokensTooMany => Conflict, "tokens_too_many", "There are 200 tokens already; revoke those that nobody uses.";
    /// A token with this secret is there already.
    TokenExists => Conflict, "token_exists", "There is a token with this secret already.";
    /// No such token.
    TokenNotFound => NotFound, "token_not_found", "There is no such token.";
    /// No such session.
    SessionNotFound => NotFound, "session_not_found", "There is no such session.";
    /// A session of this cookie is there already.
    SessionExists => Conflict, "session_exists", "This session is there already.";
    /// A prompt over 100 kilobytes.
    PromptTooLong => Invalid, "prompt_too_long", "A prompt has at most a hundred kilobytes.";
    /// No such version.
    PromptNotFound => NotFound, "prompt_not_found", "Prompt version not found";
    /// A version that was made of one that its role does not have.
    PromptParentUnknown => Invalid, "prompt_parent_unknown", "parent_version_id is no version of this role's prompts.";
    /// A role that has versions is seeded.
    PromptsExist => Conflict, "prompts_exist", "This role has prompt versions already.";
    /// Only whoever has the keys may do this.
    OwnersOnly => Forbidden, "owners_only", "Only an owner at the page, or a token with the scope admin, may do this.";
    /// Only an owner may change what the loop may spend.
    OwnersSpend => Forbidden, "owners_spend", "Only an owner may change what the work loop may spend: its switch, how many agents, their models and runtimes.";
    /// A viewer asks for more than to look.
    ViewersLook => Forbidden, "viewers_look", "You may look at this board and change nothing. An owner can make you a member.";
    /// A name that nobody can have.
    UserNameInvalid => Invalid, "user_name_invalid", "A name has at most 40 small letters, digits, dots, hyphens or underscores, and is none that the board uses itself.";
    /// A password that is too short or too long.
    PasswordInvalid => Invalid, "password_invalid", "A password has at least 10 characters, and at most a kilobyte.";
    /// The password of the owner whom the settings make.
    PasswordOfSettings => Conflict, "password_of_settings", "The first owner's password is CLUTCH_PASSWORD, in the settings where the server runs (.env.local). Change it there and start the server again; every session ends then.";
    /// Somebody has this name.
    UserExists => Conflict, "user_exists", "Somebody has this name already.";
    /// Nobody has this name.
    UserNotFound => NotFound, "user_not_found", "There is nobody with this name.";
    /// The list of people is full.
    UsersTooMany => Conflict, "users_too_many", "There are 100 people already; remove those who do not come any more.";
    /// The last owner would be none.
    LastOwner => Conflict, "last_owner", "This is the only owner. Make somebody else an owner first.";
    /// Somebody who is no owner would be the first.
    OwnerFirst => Conflict, "owner_first", "There is no owner yet. Start the server with CLUTCH_PASSWORD, or let an owner in first.";
    /// The password was changed while it was looked at.
    PasswordChanged => Conflict, "password_changed", "This password was changed a moment ago. Log in with the new one.";
    /// No such webhook.
    WebhookNotFound => NotFound, "webhook_not_found", "There is no such webhook.";
    /// No such delivery, or it is too old.
    DeliveryNotFound => NotFound, "delivery_not_found", "There is no such delivery (any more).";
    /// A project with too many webhooks.
    WebhooksTooMany => Conflict, "webhooks_too_many", "A project has at most 20 webhooks; delete one that nobody needs.";
    /// An address that is none.
    WebhookUrlInvalid => Invalid, "webhook_url_invalid", "A webhook's address begins with https:// or http://, names a host, has no user, password or fragment, and at most 2000 characters.";
    /// A description over 200 characters.
    WebhookDescriptionTooLong => Invalid, "webhook_description_too_long", "A webhook's description has at most 200 characters.";
    /// A word that is no event, or none at all.
    WebhookEventsInvalid => Invalid, "webhook_events_invalid", "Choose at least one of the events of a project, or all of them.";
    /// Something is to be sent by a webhook that is off.
    WebhookOff => Conflict, "webhook_off", "This webhook is switched off. Switch it on first.";
    /// So many wait that more stay in the log.
    DeliveriesTooMany => Conflict, "deliveries_too_many", "A thousand deliveries of this webhook wait; the next are queued when some are over.";
    /// A step of the server itself.
    ServerOnly => Forbidden, "server_only", "Only OpenClutch itself does this.";
    /// The caller lacks the right.
    NotAllowed => Forbidden, "not_allowed", "This caller has no right to do this.";
}
