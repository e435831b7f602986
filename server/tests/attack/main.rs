//! An attack on the running program: forged headers, paths that climb, and a flood of nonsense over all
//! routes, server functions, uploads and the live feed. What must hold: no request that is not from this
//! machine's own pages or programs is served, nothing outside is read, nothing panics, hangs, or answers
//! that it is our fault.
//!
//! A short run is part of the tests, `./run.sh fuzz` the long one ([`fuzz`]).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on says so by panicking")]

mod fuzz;
#[path = "../wire/gateway.rs"]
mod gateway;
mod hang_up;
mod headers;
mod judge;
mod live;
mod nonsense;
mod paths;
mod pool;
mod program;
mod request;
mod routes;
