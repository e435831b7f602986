//! The protocol without a gateway: recorded transcripts, random cuts, and corner cases.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod cuts;
mod session;
mod socket;
mod support;
mod tls;
mod transcripts;
