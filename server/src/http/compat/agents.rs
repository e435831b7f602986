//! The registry of agents to which tasks are dispatched (facts §2.2).

use axum::Json;
use http::StatusCode;
use serde_json::{Value, json};

use super::{body::Path, error::Failure};

/// An agent of the registry.
pub struct Agent {
    id: &'static str,
    name: &'static str,
    /// What it is for.
    pub role: &'static str,
    model: &'static str,
    color: &'static str,
    capabilities: &'static [&'static str],
    /// What it is told of its role.
    pub told: &'static str,
}

const AGENTS: [Agent; 4] = [
    Agent {
        id: "ada",
        name: "Ada",
        role: "coordinator",
        model: "anthropic/claude-opus-4-5",
        color: "#a855f7",
        capabilities: &["coordinate", "review", "escalate", "plan"],
        told: "Decide what has to be done, by whom and in which order, and say so on the ticket.",
    },
    Agent {
        id: "kimi-coder",
        name: "Kimi",
        role: "executor",
        model: "moonshot/kimi-for-coding",
        color: "#3b82f6",
        capabilities: &["code", "test", "debug", "pr"],
        told: "Do the work, test it, and open a pull request.",
    },
    Agent {
        id: "sonnet-reviewer",
        name: "Sonnet",
        role: "evaluator",
        model: "anthropic/claude-sonnet-4-20250514",
        color: "#22c55e",
        capabilities: &["review", "verify", "merge"],
        told: "Judge the work against the ticket, and say what is missing.",
    },
    Agent {
        id: "haiku-triage",
        name: "Haiku",
        role: "scanner",
        model: "anthropic/claude-haiku-4-5",
        color: "#eab308",
        capabilities: &["triage", "scan", "categorize"],
        told: "Look through it, sort it, and say what needs somebody's attention.",
    },
];

/// The agent of this id.
pub fn agent(id: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.id == id)
}

impl Agent {
    /// In a dispatch.
    pub fn named(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "model": self.model, "role": self.role })
    }

    fn shape(&self) -> Value {
        let mut shape = self.named();
        shape["color"] = json!(self.color);
        shape["capabilities"] = json!(self.capabilities);
        shape
    }
}

/// `GET /api/agents`.
pub async fn list() -> Json<Value> {
    Json(json!({ "agents": AGENTS.iter().map(Agent::shape).collect::<Vec<_>>() }))
}

/// `GET /api/agents/:id`.
pub async fn show(Path(id): Path<String>) -> Result<Json<Value>, Failure> {
    let agent = agent(&id).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "agent_not_found", "Agent not found"))?;
    Ok(Json(json!({ "agent": agent.shape() })))
}
