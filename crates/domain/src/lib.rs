//! Rules of OpenClutch: pure, no clock, no randomness, no I/O.
pub mod time;
