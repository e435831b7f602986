//! The protocol without a gateway: recorded transcripts, random cuts, and corner cases.

mod cuts;
mod session;
mod support;
mod transcripts;
