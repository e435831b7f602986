//! Outgoing webhooks: the secrets that sign, the addresses to which nothing is sent, and the sending itself.
//!
//! Receivers are told by the Standard Webhooks specification: `webhook-id`, `webhook-timestamp` and `webhook-signature`
//! (docs/webhooks.md).

mod keys;
mod nets;
mod post;
mod way;

#[cfg(test)]
pub use self::way::Names;
pub use self::{
    keys::Keys,
    nets::Private,
    post::HttpPost,
    way::{System, Way},
};
