//! What programs of the original find set as they knew it.

use std::path::PathBuf;

use super::{SettingsError, Source, wrong};

/// What becomes of a task that is reported as complete without a pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutPr {
    /// Somebody looks at it.
    #[default]
    InReview,
    /// It is done, as it was in the oldest versions of the original.
    Done,
}

pub(super) fn without_pr(source: &Source) -> Result<WithoutPr, SettingsError> {
    const NAME: &str = "CLUTCH_COMPLETE_WITHOUT_PR";
    match source.get(NAME).map(str::to_lowercase).as_deref() {
        None | Some("in_review") => Ok(WithoutPr::InReview),
        Some("done") => Ok(WithoutPr::Done),
        Some(other) => Err(wrong(NAME, other, "in_review or done")),
    }
}

/// The home, and what was added to it.
pub(super) fn roots(source: &Source) -> Result<Vec<PathBuf>, SettingsError> {
    const NAME: &str = "CLUTCH_ROOTS";
    let named = source.get(NAME).unwrap_or_default();
    let mut roots: Vec<PathBuf> = source.get("HOME").map(PathBuf::from).into_iter().collect();
    for root in named.split(':').map(str::trim).filter(|root| !root.is_empty()) {
        let path = PathBuf::from(root);
        if !path.is_absolute() {
            return Err(wrong(NAME, root, "a list of absolute paths, separated by colons"));
        }
        // Without a slash at its end.
        roots.push(path.components().collect());
    }
    Ok(roots)
}
