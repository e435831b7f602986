//! An attack on the running program: forged headers, paths that climb, and a flood of nonsense over all
//! routes, server functions, uploads and the live feed. What must hold: no request that is not from this
//! machine's own pages or programs is served, nothing outside is read, nothing panics, hangs, or answers
//! that it is our fault.
//!
//! A short run is part of the tests. The whole one: `CLUTCH_FUZZ=100000 cargo test -p clutch --test attack --
//! --nocapture`; `CLUTCH_FUZZ_SEED` repeats one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod fuzz;
mod headers;
mod live;
mod nonsense;
mod paths;
mod program;
mod routes;
