//! The protocol without a gateway: recorded transcripts, random cuts, and corner cases.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod care;
mod cuts;
mod decisions;
mod peer;
mod session;
mod sessions;
mod socket;
mod support;
mod tls;
mod transcripts;
