//! What the work loop decides, and what its commands write.

mod bench;
mod ends;
mod explain;
mod lease;
mod plan;
mod pull;
