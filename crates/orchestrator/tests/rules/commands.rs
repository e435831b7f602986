//! The names of all commands.

use clutch_domain::command::Command;

/// Which command it is. A new one does not compile here until it has its place in the scene of `scene.rs` too.
pub const fn name(command: &Command) -> &'static str {
    match command {
        Command::CreateProject(_) => "create a project",
        Command::UpdateProject(..) => "change a project",
        Command::DeleteProject(..) => "delete a project",
        Command::RestoreProject(_) => "restore a project",
        Command::DiscardProject(_) => "discard a project",
        Command::ShelveProject(_) => "shelve a project",
        Command::PurgeProject(_) => "purge a project",
        Command::CreateTask(_) => "create a task",
        Command::UpdateTask(..) => "change a task",
        Command::MoveTask(_) => "move a task",
        Command::DeleteTask(_) => "delete a task",
        Command::Triage(_) => "triage",
        Command::Dispatch(_) => "dispatch",
        Command::AddDependency(..) => "add a dependency",
        Command::RemoveDependency(_) => "remove a dependency",
        Command::AddComment(_) => "comment",
        Command::RaiseSignal(_) => "signal",
        Command::AnswerSignal(..) => "answer",
        Command::BeginAnswer(_) => "begin to send an answer",
        Command::SettleAnswer(..) => "settle an answer",
        Command::CompleteTask(_) => "report",
        Command::CreateChat(_) => "create a chat",
        Command::UpdateChat(..) => "change a chat",
        Command::DeleteChat(_) => "delete a chat",
        Command::RestoreChat(_) => "restore a chat",
        Command::PurgeChat(_) => "purge a chat",
        Command::PostMessage(_) => "post",
        Command::NameSession(..) => "name a session",
        Command::CarryMessage(..) => "carry",
        Command::SetDelivery(..) => "set a delivery",
        Command::RetryMessage(_) => "retry",
        Command::WithdrawMessage(_) => "withdraw",
        Command::ClaimRun(_) => "claim",
        Command::RunStarted(_) => "start a run",
        Command::RunContinued(_) => "continue a run",
        Command::StopRun(..) => "want a run stopped",
        Command::TellTrouble(..) => "tell the trouble of a run",
        Command::TreatAsEnded(_) => "treat a run as ended",
        Command::TellAnswerTrouble(..) => "tell the trouble of an answer",
        Command::RunEnded(_) => "end a run",
        Command::NoteProject(..) => "note",
        Command::PauseLoop(..) => "pause",
        Command::HoldLease(_) => "hold the lease",
        Command::CreateToken(_) => "make a token",
        Command::RevokeToken(_) => "revoke a token",
        Command::NoteTokenUse(..) => "note the use of a token",
        Command::SetPassword(_) => "set the password",
        Command::OpenSession(_) => "open a session",
        Command::EndSession(_) => "end a session",
        Command::NoteSessionSeen(..) => "note that a browser was here",
    }
}

/// How many there are.
pub const COMMANDS: usize = 50;
