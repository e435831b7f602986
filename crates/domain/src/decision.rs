//! What people decide of what a runtime's agents may not do by themselves, and of what they ask by the runtime's own way.

use serde::{Deserialize, Serialize};

use crate::task::words;

words! {
    /// What waits for a person.
    AskKind {
        /// A command that an agent wants to run.
        Command = "command", "A command";
        /// What a plugin of the runtime wants to do.
        Plugin = "plugin", "A plugin";
        /// Questions that are answered together.
        Questions = "questions", "Questions";
    }
}

words! {
    /// What is said to a command or a plugin.
    Verdict {
        /// This time.
        AllowOnce = "allow-once", "Allow once";
        /// From now on without asking.
        AllowAlways = "allow-always", "Always allow";
        /// No.
        Deny = "deny", "Deny";
    }
}
