//! What clients may read beside tools: boards and tasks.

use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::Value;

use super::tools::in_an_address;

/// The addresses of boards begin so.
const BOARDS: &str = "openclutch://projects/";
/// The addresses of tasks.
const TASKS: &str = "openclutch://tasks/";
/// Everything is JSON of API v1.
const TYPE: &str = "application/json";

/// The call that lists projects.
pub fn projects() -> String {
    "/api/v1/projects?limit=200".into()
}

/// The boards of a list of projects.
pub fn boards(projects: &Value) -> Vec<Resource> {
    let board = |project: &Value| {
        let (slug, name) = (project["slug"].as_str()?, project["name"].as_str()?);
        let words = format!("The tasks of {name}, the newest two hundred.");
        Some(Resource::new(format!("{BOARDS}{slug}"), name).with_description(words).with_mime_type(TYPE))
    };
    projects["items"].as_array().into_iter().flatten().filter_map(board).collect()
}

/// Where all others are.
pub fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(format!("{BOARDS}{{project}}"), "board")
            .with_description("The tasks of a project, the newest two hundred.")
            .with_mime_type(TYPE),
        ResourceTemplate::new(format!("{TASKS}{{task}}"), "task")
            .with_description("A task (T-12) with its project, dependencies, comments, signals and runs.")
            .with_mime_type(TYPE),
    ]
}

/// The call that reads a resource; `None` where the address is none of ours.
pub fn target(uri: &str) -> Option<String> {
    let part = |rest: &str| (!rest.is_empty() && !rest.contains('/')).then(|| in_an_address(rest));
    if let Some(project) = uri.strip_prefix(BOARDS) {
        return Some(format!("/api/v1/projects/{}/tasks?limit=200", part(project)?));
    }
    Some(format!("/api/v1/tasks/{}/context", part(uri.strip_prefix(TASKS)?)?))
}

/// What was read.
pub fn contents(uri: &str, found: &Value) -> ReadResourceResult {
    ReadResourceResult::new(vec![ResourceContents::text(found.to_string(), uri).with_mime_type(TYPE)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_what_they_name() {
        for (uri, leads) in [
            ("openclutch://projects/site", Some("/api/v1/projects/site/tasks?limit=200")),
            ("openclutch://tasks/T-1", Some("/api/v1/tasks/T-1/context")),
            ("openclutch://tasks/..", Some("/api/v1/tasks/%2E%2E/context")),
            ("openclutch://tasks/", None),
            ("openclutch://tasks/T-1/x", None),
            ("openclutch://chats/1", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(target(uri).as_deref(), leads, "{uri}");
        }
    }
}
