//! The edge: from a connection to a call of the office, and what is sent back.

pub mod assets;
pub mod bearer;
pub mod bounds;
pub mod caller;
pub mod compat;
pub mod connections;
pub mod door;
pub mod forms;
pub mod live;
pub mod scopes;
pub mod session;
pub mod short;
pub mod uploads;
pub mod words;
