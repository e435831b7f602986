//! Chats with agents: what goes to them, what they say by themselves and who is there.

pub mod bridge;
pub mod context;
pub mod ephemeral;
pub mod letter;
pub mod mail;
pub mod missed;
pub mod settling;
pub mod streams;
