//! How much of the house a token's scope opens: the one table, held before any route is looked at.
//!
//! What a command needs is asked once more where it is decided (`clutch_domain::right`). Here stands what is more than
//! commands: pictures, the gateway's connection, and that an agent's token opens the plugins' routes only.

use clutch_domain::{
    access::{TokenScope, UserRole},
    refusal::Refusal,
};
use http::Method;

use crate::http::{
    access,
    caller::Caller,
    compat::{error::Failure, rpc},
    login, mcp,
};

/// What the gateway's plugins call (facts §4); `*` is one part of a path.
pub const PLUGIN_ROUTES: &[(Method, &str)] = &[
    (Method::POST, "/api/signal"),
    (Method::POST, "/api/tasks/*/complete"),
    (Method::POST, "/api/chats/*/messages"),
    (Method::POST, "/api/chats/*/typing"),
    (Method::GET, "/api/chats/*/all-sent-messages"),
    (Method::GET, "/api/chats/*/latest-human-message"),
    (Method::GET, "/api/chats/*/oldest-sent-message"),
    (Method::GET, "/api/chats/*/oldest-delivered-message"),
    (Method::GET, "/api/chats/*/oldest-processing-message"),
    (Method::PATCH, "/api/chats/*/messages/*/status"),
    (Method::POST, "/api/chats/*/messages/*/retry"),
    (Method::GET, "/api/chats/messages/stuck"),
    (Method::POST, "/api/chats/messages/recover"),
];

/// What agents call that work by API v1 or by MCP, over and above what they read.
pub const AGENT_ROUTES: &[(Method, &str)] = &[
    (Method::POST, "/api/v1/claims"),
    (Method::POST, "/api/v1/runs/*/heartbeat"),
    (Method::POST, "/api/v1/runs/*/release"),
    (Method::POST, "/api/v1/tasks/*/signals"),
    (Method::POST, "/api/v1/tasks/*/complete"),
    (Method::POST, "/api/v1/tasks/*/comments"),
    (Method::POST, "/api/v1/tasks/*/attachments"),
    (Method::POST, "/api/v1/tasks/*/split"),
    (Method::POST, "/api/v1/projects/*/tasks"),
];

/// Whether a plugin calls it.
pub fn is_plugins(method: &Method, path: &str) -> bool {
    is_among(PLUGIN_ROUTES, method, path)
}

fn is_among(routes: &[(Method, &str)], method: &Method, path: &str) -> bool {
    let fits = |pattern: &str| {
        let (mut ours, mut theirs) = (pattern.split('/'), path.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some("*"), Some(part)) if !part.is_empty() => {}
                (Some(ours), Some(theirs)) if ours == theirs => {}
                _ => return false,
            }
        }
    };
    routes.iter().any(|(of, pattern)| of == method && fits(pattern))
}

/// 403 `scope_too_small` for what a scope does not open.
pub fn opens(scope: TokenScope, method: &Method, path: &str) -> Result<(), Failure> {
    let open = method.is_safe()
        // Some of its methods only look; its table says which, and asks `too_small` for the others.
        || (*method == Method::POST && path == rpc::PATH)
        // Its calls are asked one by one.
        || path == mcp::PATH
        || (scope == TokenScope::Agent && (is_plugins(method, path) || is_among(AGENT_ROUTES, method, path)));
    match too_small(scope) {
        Some(sentence) if !open => Err(Failure::new(http::StatusCode::FORBIDDEN, TOO_SMALL, sentence)),
        _ => Ok(()),
    }
}

/// Functions of pages that only look. All others change something, and are not for viewers; a test knows them all.
pub const LOOKS: &[&str] = &[
    "chat_models",
    "chat_session",
    "find_mentions",
    "find_tickets",
    "load_back",
    "load_board",
    "load_chat",
    "load_chats",
    "load_home",
    "load_loop",
    "load_loops",
    "load_older",
    "load_older_chats",
    "load_task",
    "load_tickets",
    "older_decisions",
    "search_chats",
];

/// What a viewer may ask for: to look, to log out, and to change their own password. Of the proxy's methods its own table says which look; who may
/// come in is asked where that is changed.
pub fn looks(method: &Method, path: &str) -> bool {
    method.is_safe()
        || [rpc::PATH, login::LOG_OUT, login::LOG_IN, access::END, login::OWN_PASSWORD, login::END_OWN].contains(&path)
        || path.strip_prefix("/fn/").is_some_and(|name| LOOKS.contains(&name))
}

/// Whether a caller may ask for a route at all: by the scope of its token, or by its role. The handler asks the rest.
pub fn admits(caller: &Caller, method: &Method, path: &str) -> Result<(), Failure> {
    match caller {
        Caller::Token(token) => opens(token.scope, method, path),
        Caller::Person(person) if person.role == UserRole::Viewer && !looks(method, path) => {
            Err(Refusal::ViewersLook.into())
        }
        Caller::Stranger => Err(Refusal::NotAllowed.into()),
        Caller::Person(_) | Caller::Program => Ok(()),
    }
}

/// The code of what a scope does not open.
pub const TOO_SMALL: &str = "scope_too_small";

/// What a scope is told that may not do everything that programs may.
pub const fn too_small(scope: TokenScope) -> Option<&'static str> {
    match scope {
        TokenScope::Write | TokenScope::Admin => None,
        TokenScope::Agent => Some(
            "The scope of this token is agent: it reads, takes tasks, reports and answers in chats. Use one with the scope write.",
        ),
        TokenScope::Read => Some("The scope of this token is read. Use one with the scope write."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new function does not pass here until somebody has said whether it only looks.
    #[test]
    fn each_function_of_pages_looks_or_changes_something() {
        const CHANGES: &str = "add_comment add_dependency answer_signal check_setting compact_chat create_chat create_project create_task \
            delete_chat delete_project delete_task edit_task move_task pause_loop remove_dependency rename_chat reset_chat \
            restore_chat restore_project retry_message send_message set_loop stop_agent stop_answer talk_about ticket_of \
            treat_as_ended triage_task update_project use_model withdraw_message";
        let mut known: Vec<&str> = CHANGES.split_whitespace().chain(LOOKS.iter().copied()).collect();
        known.sort_unstable();
        let mut found = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../app/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let names = text.split("endpoint = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
                found.extend(names);
            }
        }
        found.sort_unstable();
        assert_eq!(found, known);
        for (path, looks) in [("/fn/load_board", true), ("/fn/move_task", false), ("/fn/load_board/x", false)] {
            assert_eq!(super::looks(&Method::POST, path), looks, "{path}");
        }
        assert!(super::looks(&Method::GET, "/fn/move_task") && !super::looks(&Method::POST, "/api/upload/image"));
    }

    #[test]
    fn what_each_scope_opens() {
        use TokenScope::{Admin, Agent, Read, Write};
        for (method, path, who) in [
            (Method::GET, "/api/tasks", &[Read, Agent, Write, Admin][..]),
            (Method::HEAD, "/", &[Read, Agent, Write, Admin]),
            (Method::POST, "/api/tasks", &[Write, Admin]),
            (Method::DELETE, "/api/tasks/T-1", &[Write, Admin]),
            (Method::POST, "/fn/move_task", &[Write, Admin]),
            (Method::POST, "/api/openclaw/rpc", &[Read, Agent, Write, Admin]),
            (Method::PUT, "/api/openclaw/rpc", &[Write, Admin]),
            (Method::POST, "/api/openclaw/status", &[Write, Admin]),
            (Method::POST, "/api/upload/image", &[Write, Admin]),
            (Method::POST, "/api/signal", &[Agent, Write, Admin]),
            (Method::PUT, "/api/signal", &[Write, Admin]),
            (Method::POST, "/api/signal/", &[Write, Admin]),
            (Method::POST, "/api/tasks/T-1/complete", &[Agent, Write, Admin]),
            (Method::POST, "/api/tasks//complete", &[Write, Admin]),
            (Method::POST, "/api/tasks/T-1/x/complete", &[Write, Admin]),
            (Method::PATCH, "/api/chats/c/messages/m/status", &[Agent, Write, Admin]),
            (Method::POST, "/api/notifications", &[Write, Admin]),
            (Method::POST, "/api/tasks/T-1/abort", &[Write, Admin]),
            (Method::PATCH, "/api/tasks/T-1/respond", &[Write, Admin]),
            (Method::POST, "/api/sessions/s/cancel", &[Write, Admin]),
            // The handler asks for more.
            (Method::PATCH, "/api/work-loop/config", &[Write, Admin]),
            (Method::GET, "/api/sessions/s/history", &[Read, Agent, Write, Admin]),
        ] {
            for scope in TokenScope::ALL {
                assert_eq!(opens(*scope, &method, path).is_ok(), who.contains(scope), "{scope:?} {method} {path}");
            }
        }
    }
}
