//! Rules of OpenClutch: pure, no async, no clock, no randomness, no I/O.
//!
//! A command meets its rule in [`rule`]; the rule looks at a [`view::View`] and
//! gives a [`change::Change`] or says no with a [`refusal::Refusal`]. Reads are
//! [`range::Range`]s; [`query`] gives them meaning. [`plan`] decides what the
//! work loop does next.

pub mod access;
pub mod activity;
pub mod actor;
pub mod brake;
pub mod change;
pub mod chat;
pub mod command;
pub mod ctx;
pub mod decision;
pub mod doc;
pub mod id;
pub mod invariant;
pub mod limit;
pub mod named;
pub mod notification;
pub mod phase;
pub mod plan;
pub mod project;
pub mod prompt;
pub mod query;
pub mod range;
pub mod refusal;
pub mod right;
pub mod rule;
pub mod run;
pub mod runtime;
pub mod sabotage;
pub mod speech;
pub mod talk;
pub mod task;
pub mod text;
pub mod time;
pub mod view;
pub mod webhook;
