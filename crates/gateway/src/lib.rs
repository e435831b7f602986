//! The OpenClaw gateway client: one WebSocket connection, kept for ever, that
//! implements the loop's [`AgentRuntime`](clutch_orchestrator::runtime::AgentRuntime).
//!
//! - [`wire`]: the frames as they travel.
//! - [`session`]: the protocol without any I/O: frames, commands and the time go in,
//!   effects come out. Everything that can go wrong is tested here.
//! - `actor`, `transport`: the one task that owns the socket and performs the effects.
//! - `care`: renews subscriptions, looks up what was missed, and watches our plugin.
//! - `decisions`: what waits for a person there: commands, plugins and questions.
//! - [`runtime`]: [`OpenClaw`], what the rest of the program holds.
//! - [`signs`], [`sight`], [`plugin`]: pure readers of events, of a session's traces and
//!   of the gateway's plugin settings.
//! - [`identity`], [`keys`], [`names`]: the device key, the gateway's session keys and ours.
//! - [`state`], [`words`]: the connection, and sentences for people.
//!
//! Contract: protocol 3 and 4 (OpenClaw 2026.1 and later), tried against 2026.2.17 and 2026.9.6.

mod actor;
mod care;
mod decisions;
pub mod identity;
pub mod keys;
mod literal;
pub mod names;
pub mod plugin;
pub mod runtime;
pub mod session;
pub mod sight;
pub mod signs;
pub mod state;
mod task;
mod transport;
pub mod wire;
pub mod words;

pub use names::OpenClawNames;
pub use runtime::{Config, OpenClaw, Secret};
pub use state::{DownReason, GatewayState};
pub use task::GatewayTask;
