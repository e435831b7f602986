//! Small things that pages are made of.

mod acts;
mod copy;
mod draft;
mod erase;
mod fresh;
mod icon;
mod inside;
pub mod keys;
mod list;
pub mod listen;
mod markdown;
mod marks;
mod modal;
mod once;
mod outbox;
mod time;
mod title;
mod toasts;
mod words;

pub use acts::{Act, use_act};
pub use copy::{CopyBox, to_clipboard};
pub use draft::{Drafts, same_lines};
#[cfg(feature = "hydrate")]
pub use draft::{insert, write};
pub use erase::{Erase, dynamic};
pub use fresh::fresh;
pub use icon::Icon;
pub use list::list;
pub use markdown::Markdown;
pub use marks::{Avatar, Dot, PriorityMark, StatusMark};
pub use modal::{Confirm, Modal, Sheet, closes, when_in_page};
pub use once::{Once, fresh_key};
pub use outbox::{Outbox, Outboxes};
#[cfg(feature = "ssr")]
pub use time::age;
pub use time::{Ago, Clock, How, SaidAt, duration, use_clock};
pub use title::title;
pub use toasts::{Deed, ToastRegion, Toasts, Undo};
#[cfg(feature = "ssr")]
pub use words::is_accent;
pub use words::{coded, fold, lower, thousands, upper};
