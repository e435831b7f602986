//! Small things that pages are made of.

mod acts;
mod copy;
mod draft;
mod erase;
mod icon;
mod inside;
mod markdown;
mod marks;
mod modal;
mod time;
mod title;
mod words;

pub use acts::{Act, ToastRegion, Toasts, Undo, use_act};
pub use copy::{CopyBox, to_clipboard};
pub use draft::Drafts;
pub use erase::{Erase, dynamic};
pub use icon::Icon;
pub use markdown::Markdown;
pub use marks::{Avatar, Dot, PriorityMark, StatusMark};
pub use modal::{Confirm, Modal, when_in_page};
pub use time::{Ago, Clock, duration, use_clock};
pub use title::title;
pub use words::{coded, lower, upper};
