//! The rules through their public face: commands go into an office over a memory store,
//! and what the store then holds is checked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod bin;
mod chat;
mod commands;
mod graph;
mod house;
mod keys;
mod moves;
mod order;
mod projects;
mod races;
mod scene;
mod scopes;
mod talk;
mod webhooks;
