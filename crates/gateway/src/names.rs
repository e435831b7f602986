//! How sessions of the gateway are called. Old boards, plugins and gateways know these names: they never change.

use clutch_domain::{id::ChatId, text::Slug};
use clutch_orchestrator::runtime::{Names, OfRun};

/// The names: `agent:main:<slug>:<role>:<first eight of the task>:r<attempt>` and `clutch:<slug>:<chat>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenClawNames;

impl Names for OpenClawNames {
    fn of_run(&self, run: &OfRun<'_>) -> String {
        format!("agent:main:{}:{}:{}:r{}", run.slug, run.role.word(), run.task.id8(), run.attempt)
    }

    fn of_chat(&self, slug: &Slug, chat: ChatId) -> String {
        format!("clutch:{slug}:{chat}")
    }

    /// `clutch:<slug>:<chat>`, with or without the gateway's `agent:<agent>:` before it.
    fn chat_of(&self, session: &str) -> Option<ChatId> {
        let parts: Vec<&str> = session.split(':').collect();
        match parts[..] {
            ["clutch", slug, chat] if !slug.is_empty() => chat.parse().ok(),
            ["agent", agent, "clutch", slug, chat] if !agent.is_empty() && !slug.is_empty() => chat.parse().ok(),
            _ => None,
        }
    }

    /// Plugins take `agent:main:` off.
    fn whole(&self, said: &str) -> Option<String> {
        (!said.starts_with("agent:")).then(|| format!("agent:main:{said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clutch_domain::{id::TaskId, task::Role};

    /// Gateways, plugins and stores have these; whoever changes one loses what runs under it.
    #[test]
    fn names_stay_byte_for_byte() {
        const ID: &str = "abcdef01-0000-4000-8000-000000000001";
        let (task, id): (TaskId, ChatId) = (ID.parse().unwrap(), ID.parse().unwrap());
        let slug = Slug::parse("my-site").unwrap();
        let run = OfRun { slug: &slug, role: Role::ConflictResolver, task, attempt: 12 };
        assert_eq!(OpenClawNames.of_run(&run), "agent:main:my-site:conflict_resolver:abcdef01:r12");
        let chat = OpenClawNames.of_chat(&slug, id);
        assert_eq!(chat, "clutch:my-site:abcdef01-0000-4000-8000-000000000001");
        for known in [&chat, &format!("agent:boss:{chat}")] {
            assert_eq!(OpenClawNames.chat_of(known), Some(id), "{known}");
        }
        for other in ["agent:main:my-site:dev:abcdef01:r1", "main", "clutch:my-site:x", &format!("{chat}:more")] {
            assert_eq!(OpenClawNames.chat_of(other), None, "{other}");
        }
        assert_eq!(OpenClawNames.whole("s:dev:abcdef01:r1").as_deref(), Some("agent:main:s:dev:abcdef01:r1"));
        assert_eq!(OpenClawNames.whole("agent:main:s:dev:abcdef01:r1"), None);
    }
}
