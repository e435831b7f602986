//! The connection's state: as this client knows it, and as the rest of the program is told.

use clutch_domain::time::Millis;
use clutch_orchestrator::runtime::{Away, Link, RuntimeState, Trouble};

/// The connection to the gateway as this client knows it. The rest of the program sees [`GatewayState::shown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayState {
    /// Not tried yet, or trying now. `attempt` counts from 1.
    Connecting {
        /// Address that is tried.
        address: String,
        /// Which try this is.
        attempt: u32,
    },
    /// No connection. `why` is one of the kinds that a person can act on.
    Down {
        /// Address that was tried.
        address: String,
        /// Since when there is no connection.
        since: Millis,
        /// The kind of trouble.
        why: DownReason,
        /// A sentence that says what to do.
        sentence: String,
        /// When the next try starts.
        retry_at: Millis,
    },
    /// Connected.
    Connected {
        /// Address.
        address: String,
        /// Since when, by the clock of this process; for people, never to be compared with another clock's moments.
        since: Millis,
        /// Which connection of this process it is: another number after each loss.
        connection: u64,
        /// Names the runtime's process: another one after its restart. `None` where the runtime tells none
        /// (OpenClaw 2026.2.17); then only the same `connection` means the same process.
        boot: Option<String>,
        /// The runtime's version, for example `2026.9.6`.
        version: String,
        /// Troubles of the plugin, each a sentence; empty when it is loaded, may hear conversations and its tools can be seen.
        plugin: Vec<Trouble>,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// Nothing answers at the address.
    NothingAnswers,
    /// The token was refused or is missing.
    TokenRefused,
    /// This device must be approved on the runtime's machine.
    PairingNeeded,
    /// The runtime is too old or too new for our protocol range.
    Version,
    /// The connection ended or fell silent.
    Lost,
    /// Anything else that the runtime said while connecting.
    Other,
}

impl GatewayState {
    /// What is told of it through the port.
    #[must_use]
    pub fn shown(&self) -> RuntimeState {
        match self {
            Self::Connecting { address, attempt } => RuntimeState::Away(Away {
                word: "Connecting".into(),
                since: None,
                sentence: if *attempt > 1 {
                    format!("Trying {address} again (try {attempt}).")
                } else {
                    format!("Connecting to {address}.")
                },
                command: None,
                retry_at: None,
                needs_person: false,
            }),
            Self::Down { since, why, sentence, retry_at, .. } => RuntimeState::Away(Away {
                word: why.word().into(),
                since: Some(*since),
                sentence: sentence.clone(),
                command: why.command().map(str::to_owned),
                retry_at: Some(*retry_at),
                needs_person: why.needs_person(),
            }),
            Self::Connected { address, since, connection, boot, version, plugin } => RuntimeState::Ready {
                what: format!("OpenClaw {version} at {address}"),
                since: *since,
                link: Link { connection: *connection, boot: boot.clone() },
                troubles: plugin.clone(),
            },
        }
    }

    /// The state in one word, as `/api/openclaw/status` gives it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Connecting { attempt: 0 | 1, .. } => "connecting",
            Self::Connected { .. } => "connected",
            // Only a person can help; until then there is nothing to wait for.
            Self::Down { why, .. } if why.needs_person() => "disconnected",
            Self::Connecting { .. } | Self::Down { .. } => "reconnecting",
        }
    }
}

impl DownReason {
    /// Whether nothing gets better before a person has done something.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::TokenRefused | Self::PairingNeeded | Self::Version)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::NothingAnswers => "No gateway",
            Self::TokenRefused => "Token refused",
            Self::PairingNeeded => "Pairing needed",
            Self::Version => "Wrong version",
            Self::Lost => "Connection lost",
            Self::Other => "Not connected",
        }
    }

    const fn command(self) -> Option<&'static str> {
        match self {
            Self::TokenRefused => Some("echo 'OPENCLAW_TOKEN=<gateway.auth.token>' >> .env.local && ./run.sh start"),
            Self::NothingAnswers => Some("openclaw gateway run"),
            _ => None,
        }
    }
}
