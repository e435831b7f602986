//! Page models: what a page shows, as it crosses the wire.
//!
//! A page is a set of **parts**, each with a name ("head", "t:<id>", …). The live
//! feed sends whole parts that changed and names those that went; so a delta is
//! made and applied without knowing the page. Server functions return the same
//! parts for the first paint ([`wire::Loaded`]), so a page is made in one way only.

#[cfg(feature = "ssr")]
mod attempt;
pub mod board;
#[cfg(feature = "ssr")]
mod byline;
pub mod chat;
#[cfg(feature = "ssr")]
mod decided;
pub mod filter;
#[cfg(feature = "ssr")]
mod gateway;
pub mod home;
#[cfg(feature = "ssr")]
mod logged;
#[cfg(feature = "ssr")]
mod looping;
#[cfg(feature = "ssr")]
mod make;
#[cfg(feature = "ssr")]
mod paint;
pub mod settings;
pub mod slash;
pub mod task;
pub mod tickets;
pub mod wire;
pub mod work_loop;

#[cfg(feature = "ssr")]
pub use byline::{Byline, byline, commenter, several_look, sign_of};
#[cfg(feature = "ssr")]
pub use gateway::gateway_model;
#[cfg(feature = "ssr")]
pub use looping::older;
#[cfg(feature = "ssr")]
pub use make::{Extra, Words, card_name, cards, chat_row, parts, put};
#[cfg(feature = "ssr")]
pub use paint::{messages, painted};
