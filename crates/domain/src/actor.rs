//! Who does something. Every accepted command is recorded with its true actor.
//!
//! An edge makes an [`Actor`] of its caller: who it is, and what it may ask for
//! ([`crate::right`]). What is stored is [`Who`] alone: rights belong to a request.

use serde::{Deserialize, Serialize};

use crate::{
    access::{Token, UserRole},
    right::{Right, Rights},
    task::words,
    text::{HANDLE_MAX, cut, line},
};

/// Name of the person who owns this installation, as outside programs know it (facts §0.4).
pub const OWNER: &str = "dan";
/// Name of the coordinating agent, as outside programs know it (facts §0.4).
pub const COORDINATOR: &str = "ada";
/// Author of the board's own notices in chats (facts §1.6).
pub const SYSTEM: &str = "system";
/// What the names of sub-commands begin with that change who may come in.
const OPERATOR: &str = "clutch ";
/// Name under which a program writes that gives none.
pub const PROGRAM: &str = "program";

words! {
    /// What kind of caller acts.
    ActorKind {
        /// A person in the browser.
        Human = "human", "Person";
        /// An agent that reports through the plugin.
        Agent = "agent", "Agent";
        /// A program on this machine.
        Program = "program", "Program";
        /// The work loop.
        Loop = "loop", "Work loop";
        /// Another part of the server.
        Server = "server", "OpenClutch";
    }
}

/// Who did something, as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// What kind of caller.
    #[serde(rename = "who")]
    pub kind: ActorKind,
    /// Which of its kind, where that is known: of a person the browser session, of a program its token.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_line")]
    pub id: Option<String>,
    /// Name. Of a program without a token it is the one that its request claims: shown as a claim, never believed.
    #[serde(
        default,
        alias = "claim",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::text::stored::some_line"
    )]
    pub name: Option<String>,
}

impl Who {
    fn new(kind: ActorKind, name: Option<&str>) -> Self {
        let name = name.map(|n| cut(&line(n), HANDLE_MAX)).filter(|n| !n.is_empty());
        Self { kind, id: None, name }
    }

    /// A person.
    #[must_use]
    pub fn human(name: &str) -> Self {
        Self::new(ActorKind::Human, Some(name))
    }

    /// An agent that reports.
    #[must_use]
    pub fn agent(name: &str) -> Self {
        Self::new(ActorKind::Agent, Some(name))
    }

    /// A program, with the name that it claims.
    #[must_use]
    pub fn program(claim: Option<&str>) -> Self {
        Self::new(ActorKind::Program, claim)
    }

    /// The work loop.
    #[must_use]
    pub fn work_loop() -> Self {
        Self::new(ActorKind::Loop, None)
    }

    /// A part of the server that is not the loop.
    #[must_use]
    pub fn server(part: &str) -> Self {
        Self::new(ActorKind::Server, Some(part))
    }

    /// Whether a person acts.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.kind == ActorKind::Human
    }

    /// How a sentence that is stored begins with whoever acts. The owner where nobody logs in has a name on the wire
    /// only.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.kind, self.name.as_deref()) {
            (ActorKind::Human, None | Some(OWNER)) => "A person".to_owned(),
            (_, Some(name)) => name.to_owned(),
            (kind, None) => format!("A {}", kind.label().to_lowercase()),
        }
    }

    /// Whether somebody acts who has the data folder in their hands.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.kind == ActorKind::Server && self.name.as_ref().is_some_and(|name| name.starts_with(OPERATOR))
    }

    /// Whether a program acts, whatever name it gives.
    #[must_use]
    pub fn is_program(&self) -> bool {
        self.kind == ActorKind::Program
    }
}

/// Who asks, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// What it may ask for.
    pub rights: Rights,
    /// The holder of the loop's lease under whom it acts: once another holds it, what it asks for is refused.
    pub lease: Option<String>,
}

impl Actor {
    /// The person at the page where nobody logs in, and an owner: everything that is not a step of the server itself.
    #[must_use]
    pub fn human(name: &str) -> Self {
        Self::user(name, UserRole::Owner)
    }

    /// A person at the page who has logged in.
    #[must_use]
    pub fn user(name: &str, role: UserRole) -> Self {
        Self { who: Who::human(name), rights: role.rights(), lease: None }
    }

    /// An agent that reports through the plugin.
    #[must_use]
    pub fn agent(name: &str) -> Self {
        Self { who: Who::agent(name), rights: Rights::of(&[Right::Write, Right::Report, Right::Spend]), lease: None }
    }

    /// A program on this machine, with the name that it claims.
    #[must_use]
    pub fn program(claim: Option<&str>) -> Self {
        Self {
            who: Who::program(claim),
            rights: Rights::of(&[Right::Write, Right::Report, Right::Brief, Right::Spend]),
            lease: None,
        }
    }

    /// A program with this token.
    #[must_use]
    pub fn token(token: &Token) -> Self {
        let who = Who { id: Some(token.digest.id8().to_owned()), ..Who::program(Some(&token.name)) };
        Self { who, rights: token.scope.rights(), lease: None }
    }

    /// Whoever has the data folder in their hands, by this sub-command: `clutch token`, `clutch session`, `clutch user`.
    #[must_use]
    pub fn operator(command: &str) -> Self {
        let rights = Rights::of(&[Right::Admit, Right::Leave]);
        // A part of the server and no program: a program could say of itself that it is called so.
        Self { who: Who::server(&format!("{OPERATOR}{command}")), rights, lease: None }
    }

    /// The work loop.
    #[must_use]
    pub fn work_loop() -> Self {
        Self { who: Who::work_loop(), rights: Rights::of(&[Right::Lead]), lease: None }
    }

    /// The courier, which carries messages to agents.
    #[must_use]
    pub fn courier() -> Self {
        Self { who: Who::server("courier"), rights: Rights::of(&[Right::Carry]), lease: None }
    }

    /// Whoever empties the bin.
    #[must_use]
    pub fn sweeper() -> Self {
        Self { who: Who::server("bin"), rights: Rights::of(&[Right::Sweep]), lease: None }
    }

    /// Whoever keeps the door: writes down who came.
    #[must_use]
    pub fn doorkeeper() -> Self {
        Self { who: Who::server("door"), rights: Rights::of(&[Right::Watch]), lease: None }
    }

    /// The server itself, where it tells people something in a chat.
    #[must_use]
    pub fn notices() -> Self {
        Self { who: Who::server("notices"), rights: Rights::of(&[Right::Write]), lease: None }
    }

    /// The same, as long as this holder has the loop's lease.
    #[must_use]
    pub fn under(self, holder: &str) -> Self {
        Self { lease: Some(holder.to_owned()), ..self }
    }

    /// Whether it has a right.
    #[must_use]
    pub const fn may(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// Whether a person acts.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.who.is_human()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_ids_and_claims_were_one_shape_still_reads() {
        for (stored, who) in [
            (r#"{"who":"human","name":"dan"}"#, Who::human("dan")),
            (r#"{"who":"agent","name":"kimi"}"#, Who::agent("kimi")),
            (r#"{"who":"loop"}"#, Who::work_loop()),
            (r#"{"who":"program","claim":"dan"}"#, Who::program(Some("dan"))),
            (r#"{"who":"program","claim":null}"#, Who::program(None)),
        ] {
            assert_eq!(serde_json::from_str::<Who>(stored).unwrap(), who, "{stored}");
            let again = serde_json::to_string(&who).unwrap();
            assert_eq!(serde_json::from_str::<Who>(&again).unwrap(), who, "{again}");
        }
    }

    #[test]
    fn a_claim_of_nothing_is_none() {
        assert_eq!(Who::program(Some("  ")), Who::program(None));
        assert_eq!(Who::program(Some(" dan ")).name.as_deref(), Some("dan"));
    }
}
