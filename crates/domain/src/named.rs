//! What people and programs call things. The one place that reads such names.

use crate::{
    doc::{Kind, number_name, slug_name},
    id::{ProjectId, TaskId},
    range::Range,
};

/// Where the task is found that somebody calls `T-12`, `t-12`, `12`, or by its id; `None` when it is no such name.
#[must_use]
pub fn task(name: &str) -> Option<Range> {
    let name = name.trim();
    let digits = name.strip_prefix("T-").or_else(|| name.strip_prefix("t-")).unwrap_or(name);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return digits.parse().ok().map(|number| Range::unique(number_name(number)));
    }
    name.parse::<TaskId>().ok().map(|id| Range::doc(Kind::Task, id))
}

/// Where the project is found that somebody calls by its id or its slug. A slug may look like an id, so
/// there may be two places; the first that holds something counts.
#[must_use]
pub fn project(name: &str) -> Vec<Range> {
    let name = name.trim();
    let by_id = name.parse::<ProjectId>().ok().map(|id| Range::doc(Kind::Project, id));
    by_id.into_iter().chain([Range::unique(slug_name(&name.to_lowercase()))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d11";

    #[test]
    fn tasks_have_numbers_and_ids() {
        let number = |n: u64| Some(Range::unique(number_name(n)));
        let id = Some(Range::doc(Kind::Task, ID));
        for (name, want) in [
            ("T-12", number(12)),
            ("t-12", number(12)),
            ("12", number(12)),
            (" T-12 ", number(12)),
            ("T-0012", number(12)),
            (ID, id.clone()),
            (&ID.to_uppercase(), id),
            ("", None),
            ("T-", None),
            ("T-+12", None),
            ("+12", None),
            ("-12", None),
            ("1 2", None),
            ("#12", None),
            ("T-١٢", None),
            ("T-99999999999999999999999", None),
            ("nobody", None),
        ] {
            assert_eq!(task(name), want, "{name:?}");
        }
    }

    #[test]
    fn projects_have_ids_and_slugs() {
        let slug = |slug: &str| Range::unique(slug_name(slug));
        assert_eq!(project("Site"), [slug("site")]);
        assert_eq!(project(ID), [Range::doc(Kind::Project, ID), slug(ID)]);
    }
}
