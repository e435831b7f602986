//! How much of the house a token's scope opens: the one table, held before any route is looked at.
//!
//! What a command needs is asked once more where it is decided (`clutch_domain::right`). Here stands what is more than
//! commands: pictures, the gateway's connection, and that an agent's token opens the plugins' routes only.

use clutch_domain::access::TokenScope;
use http::Method;

use crate::http::compat::{error::Failure, rpc};

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

/// Whether a plugin calls it.
pub fn is_plugins(method: &Method, path: &str) -> bool {
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
    PLUGIN_ROUTES.iter().any(|(of, pattern)| of == method && fits(pattern))
}

/// 403 `scope_too_small` for what a scope does not open.
pub fn opens(scope: TokenScope, method: &Method, path: &str) -> Result<(), Failure> {
    let open = method.is_safe()
        // Some of its methods only look; its table says which, and asks `too_small` for the others.
        || (*method == Method::POST && path == rpc::PATH)
        || (scope == TokenScope::Agent && is_plugins(method, path));
    match too_small(scope) {
        Some(sentence) if !open => Err(Failure::new(http::StatusCode::FORBIDDEN, TOO_SMALL, sentence)),
        _ => Ok(()),
    }
}

/// The code of what a scope does not open.
pub const TOO_SMALL: &str = "scope_too_small";

/// What a scope is told that may not do everything that programs may.
pub const fn too_small(scope: TokenScope) -> Option<&'static str> {
    match scope {
        TokenScope::Write | TokenScope::Admin => None,
        TokenScope::Agent => Some(
            "The scope of this token is agent: it reads, reports and answers in chats. Use one with the scope write.",
        ),
        TokenScope::Read => Some("The scope of this token is read. Use one with the scope write."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
