//! The engine of effects over a store in memory, in virtual time, against a runtime that keeps, marks,
//! forgets and refuses as a test wants it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
// The ban is for the engine; the tests give it tokio's virtual time.
#![allow(clippy::disallowed_methods)]

mod answers;
mod brakes;
mod fake;
mod glass;
mod hardship;
mod house;
mod messages;
mod prompts;
mod receivers;
mod runs;
mod runtimes;
mod webhooks;
