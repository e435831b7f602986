//! Who may ask for what: one table, command → right. [`crate::rule::handle`] refuses before any rule is looked at.
//!
//! What depends on the document too (a task that a person must look at, words that a
//! gateway would run) is asked of the same rights by the rule that has read it.

use crate::{command::Command, refusal::Refusal};

/// A right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Tasks, projects, chats, words, the loop's switches.
    Write,
    /// To do an agent's work: to take a task, to signal, to complete.
    Report,
    /// What is kept for people: a task that a person must look at, and what an agent may not do before one has decided.
    Decide,
    /// To say words that a gateway runs as commands.
    Instruct,
    /// The steps of the work loop.
    Lead,
    /// The steps of a message on its way to its agent.
    Carry,
    /// To remove for good what lies in the bin.
    Sweep,
    /// To say who may come in: tokens, people and sessions.
    Admit,
    /// To end one's own sessions and to change one's own password; those of others ask for [`Right::Admit`].
    Leave,
    /// To change what the work loop may spend.
    Spend,
    /// To write down who came in.
    Watch,
    /// To say what agents are told: role prompts. Agents have it not, so that no ticket talks one into telling all others.
    Brief,
    /// To say what is told to programs elsewhere: webhooks. Agents have it not, nor has a program without an admin's
    /// token: what happens leaves the house this way.
    Publish,
}

impl Right {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Write,
        Self::Report,
        Self::Decide,
        Self::Instruct,
        Self::Lead,
        Self::Carry,
        Self::Sweep,
        Self::Admit,
        Self::Leave,
        Self::Spend,
        Self::Watch,
        Self::Brief,
        Self::Publish,
    ];

    /// What somebody without it is told.
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::Write | Self::Report | Self::Brief => Refusal::NotAllowed,
            Self::Decide | Self::Instruct => Refusal::HumansOnly,
            Self::Admit | Self::Leave | Self::Publish => Refusal::OwnersOnly,
            Self::Spend => Refusal::OwnersSpend,
            Self::Lead | Self::Carry | Self::Sweep | Self::Watch => Refusal::ServerOnly,
        }
    }
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u16);

impl Rights {
    /// These.
    #[must_use]
    pub const fn of(rights: &[Right]) -> Self {
        let mut set = 0;
        let mut n = 0;
        while n < rights.len() {
            set |= 1 << rights[n] as u16;
            n += 1;
        }
        Self(set)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.0 & (1 << right as u16) != 0
    }
}

/// The right that a command needs, whatever it is about.
#[must_use]
pub const fn needed(command: &Command) -> Right {
    match command {
        Command::CreateProject(_)
        | Command::UpdateProject(..)
        | Command::DeleteProject(..)
        | Command::RestoreProject(_)
        | Command::DiscardProject(_)
        | Command::CreateTask(_)
        | Command::UpdateTask(..)
        | Command::MoveTask(_)
        | Command::DeleteTask(_)
        | Command::Triage(_)
        | Command::Dispatch(_)
        | Command::AddDependency(..)
        | Command::RemoveDependency(_)
        | Command::AddComment(_)
        | Command::Notify(_)
        | Command::MarkNotification(..)
        | Command::DeleteNotification(_)
        | Command::AnswerSignal(..)
        | Command::CreateChat(_)
        | Command::UpdateChat(..)
        | Command::DeleteChat(_)
        | Command::RestoreChat(_)
        | Command::PostMessage(_)
        | Command::SetDelivery(..)
        | Command::RetryMessage(_)
        | Command::WithdrawMessage(_)
        | Command::StopAgent(_)
        | Command::PauseLoop(..) => Right::Write,
        Command::CreatePrompt(_) | Command::SeedPrompt(_) | Command::ActivatePrompt(_) => Right::Brief,
        Command::CreateWebhook(_)
        | Command::UpdateWebhook(..)
        | Command::RotateWebhook(..)
        | Command::DeleteWebhook(_)
        | Command::TestWebhook(_)
        | Command::Redeliver(_) => Right::Publish,
        Command::TreatAsEnded(_) | Command::NoteDecision(_) => Right::Decide,
        Command::RaiseSignal(_)
        | Command::CompleteTask(_)
        | Command::PullTask(_)
        | Command::Heartbeat(_)
        | Command::ReleaseRun(_) => Right::Report,
        Command::BeginAnswer(_)
        | Command::SettleAnswer(..)
        | Command::TellAnswerTrouble(..)
        | Command::ClaimRun(_)
        | Command::RunStarted(_)
        | Command::RunContinued(_)
        | Command::StopRun(..)
        | Command::TellTrouble(..)
        | Command::RunEnded(_)
        | Command::LapseRun(..)
        | Command::NoteProject(..)
        | Command::HoldLease(_)
        | Command::QueueDeliveries(_)
        | Command::SettleDelivery(_) => Right::Lead,
        Command::CarryMessage(..) | Command::NameSession(..) => Right::Carry,
        Command::PurgeChat(_)
        | Command::ShelveProject(_)
        | Command::PurgeProject(_)
        | Command::PurgeWebhook(_)
        | Command::ForgetDeliveries => Right::Sweep,
        Command::CreateToken(_) | Command::RevokeToken(_) | Command::ChangeUser(_) => Right::Admit,
        Command::EndSession(_) | Command::ChangePassword(_) => Right::Leave,
        Command::NoteTokenUse(..)
        | Command::SetPassword(_)
        | Command::OpenSession(_)
        | Command::NoteRefused(_)
        | Command::NoteSessionSeen(..) => Right::Watch,
    }
}
