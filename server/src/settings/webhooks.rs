//! What holds for outgoing webhooks.

use super::{Secret, SettingsError, Source, wrong};
use crate::webhooks::Private;

/// Fewest characters of a key.
const KEY_MIN: usize = 32;

/// What holds for outgoing webhooks.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    /// Addresses of this machine and its networks to which something may be sent.
    pub private: Private,
    /// The key of their secrets, where several servers share a store.
    pub key: Option<Secret>,
}

pub(super) fn webhooks(source: &Source) -> Result<Webhooks, SettingsError> {
    const PRIVATE: &str = "CLUTCH_WEBHOOKS_PRIVATE";
    const KEY: &str = "CLUTCH_WEBHOOKS_KEY";
    let private = match source.get(PRIVATE) {
        None => Private::None,
        Some(text) => Private::parse(text).ok_or_else(|| {
            wrong(PRIVATE, text, "all, or addresses and networks, comma separated, such as 10.0.0.0/8")
        })?,
    };
    let key = source.get(KEY);
    if key.is_some_and(|key| key.chars().count() < KEY_MIN) {
        return Err(SettingsError(format!(
            "{KEY} has fewer than {KEY_MIN} characters. Make one with: openssl rand -base64 32"
        )));
    }
    Ok(Webhooks { private, key: key.map(|key| Secret(key.to_owned())) })
}
