//! The activity log: one line per accepted command, with the true actor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    actor::Who,
    id::{ActivityId, ProjectId, TaskId},
    time::Millis,
};

/// What a line says of log-ins that were refused.
pub const REFUSED: &str = "log_ins_refused";
/// What such lines hang on: they come from outside, and only the newest are kept.
pub const REFUSED_LOG_INS: &str = "log-ins-refused";
/// How many.
pub const REFUSED_MAX: u32 = 200;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Id.
    pub id: ActivityId,
    /// Project, where there is one.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// Task, where there is one.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// Stable word, for example `status_changed` (facts §1.10).
    pub what: String,
    /// Who.
    pub actor: Who,
    /// Details, for example `from_status`, `to_status`, `reason`.
    #[serde(default, deserialize_with = "crate::text::stored::each_value")]
    pub data: BTreeMap<String, String>,
    /// When.
    pub at: Millis,
}
