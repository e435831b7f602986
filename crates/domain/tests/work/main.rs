//! What the work loop decides, and what its commands write.

mod bench;
mod brakes;
mod ends;
mod explain;
mod lease;
mod plan;
mod pull;
