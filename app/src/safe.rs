//! HTML that may be put into a page as it is.

use serde::{Deserialize, Serialize};

/// HTML that [`crate::markdown`] made and sanitised. Only that module makes one, apart from reading what
/// the server sent; tests in `server/tests/house.rs` hold both. On the wire it is a plain string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SafeHtml(String);

impl SafeHtml {
    /// Trusts HTML that was sanitised just now.
    #[cfg(feature = "ssr")]
    pub(crate) const fn sanitised(html: String) -> Self {
        Self(html)
    }

    /// The HTML.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The HTML, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}
