//! The edge: from a connection to a call of the office, and what is sent back.

pub mod access;
pub mod answers;
pub mod assets;
pub mod audit;
pub mod bearer;
pub mod bounds;
pub mod caller;
pub mod compat;
pub mod connections;
pub mod door;
pub mod forms;
pub mod limits;
pub mod live;
pub mod login;
pub mod mcp;
pub mod scopes;
pub mod session;
pub mod short;
pub mod throttle;
pub mod uploads;
pub mod v1;
pub mod webhooks;
pub mod whole;
pub mod words;
