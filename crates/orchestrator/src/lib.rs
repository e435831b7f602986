//! Use-cases, ports, the live hub and the work loop of OpenClutch.
pub mod decide;
pub mod jobs;
pub mod live;
pub mod lookup;
pub mod office;
pub mod prompt;
pub mod pull;
pub mod runtime;
pub mod store;
pub mod upgrade;
pub mod work;
