//! What a server function answers when it does not do what was asked.

use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// How an answer is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The request is wrong.
    Invalid,
    /// The thing is not there.
    NotFound,
    /// It does not fit the present state.
    Conflict,
    /// The person may not.
    Forbidden,
    /// Ours: the server or its store is in trouble.
    Fault,
    /// No answer came: the network or the server is away.
    Away,
}

/// A refusal or a fault, in words that a page can show as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError {
    /// Stable code, for example `done_is_final`.
    pub code: String,
    /// A sentence for people.
    pub sentence: String,
    /// How it is meant.
    pub class: Class,
}

/// The request got no answer: it may have arrived all the same.
const NO_ANSWER: &str = "no_answer";
/// What came as an answer makes no sense.
const NO_SENSE: &str = "no_sense";
/// The store did not say whether it was done.
const OUTCOME_UNKNOWN: &str = "outcome_unknown";

impl AppError {
    /// The server's answer makes no sense to this page.
    #[must_use]
    pub fn not_understood() -> Self {
        Self::new(Class::Fault, NO_SENSE, "The server's answer was not understood. Reload the page.")
    }

    /// Nobody knows whether what was asked for was done; under the same key it can be asked for again.
    #[must_use]
    pub fn unsure(&self) -> bool {
        [NO_ANSWER, NO_SENSE, OUTCOME_UNKNOWN].contains(&self.code.as_str())
    }

    /// The sentence where something was only read.
    #[must_use]
    pub fn of_reading(self) -> String {
        if self.code == NO_ANSWER { "The server does not answer. Try again in a moment.".into() } else { self.sentence }
    }

    /// An error of this page's own making.
    #[must_use]
    pub fn new(class: Class, code: &str, sentence: impl Into<String>) -> Self {
        Self { code: code.to_owned(), sentence: sentence.into(), class }
    }
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for AppError {}

impl FromServerFnError for AppError {
    type Encoder = crate::codec::TextJson;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Request(_) => Self::new(
                Class::Away,
                NO_ANSWER,
                "No answer came. It may have been done; trying again does it only once.",
            ),
            ServerFnErrorErr::Args(what) | ServerFnErrorErr::MissingArg(what) => {
                Self::new(Class::Invalid, "bad_request", format!("The form was not understood: {what}."))
            }
            // On the server it is the request that was no text, or too much of it.
            #[cfg(feature = "ssr")]
            ServerFnErrorErr::Deserialization(what) => {
                Self::new(Class::Invalid, "bad_request", format!("The form was not understood: {what}."))
            }
            _ => Self::not_understood(),
        }
    }
}

impl From<clutch_domain::refusal::Refusal> for AppError {
    fn from(refusal: clutch_domain::refusal::Refusal) -> Self {
        use clutch_domain::refusal::RefusalClass as R;
        let class = match refusal.class() {
            R::Invalid => Class::Invalid,
            R::NotFound => Class::NotFound,
            R::Conflict => Class::Conflict,
            R::Forbidden => Class::Forbidden,
        };
        Self::new(class, refusal.code(), refusal.to_string())
    }
}

#[cfg(feature = "ssr")]
mod on_server {
    use super::{AppError, Class, OUTCOME_UNKNOWN};
    use clutch_orchestrator::{office, store::Fault};

    impl From<Fault> for AppError {
        fn from(fault: Fault) -> Self {
            tracing::error!(what = %fault.what, "a page's request failed");
            Self::new(
                Class::Fault,
                "fault",
                "Something went wrong on the server; its log says what. Nothing was changed.",
            )
        }
    }

    impl From<office::Error> for AppError {
        fn from(error: office::Error) -> Self {
            match error {
                office::Error::Refused(refusal) => refusal.into(),
                office::Error::Busy => Self::new(Class::Conflict, "busy", office::Error::Busy.to_string()),
                office::Error::Stale => {
                    Self::new(Class::Conflict, "changed_meanwhile", office::Error::Stale.to_string())
                }
                office::Error::KeyReused => {
                    Self::new(Class::Invalid, "idempotency_key_reused", office::Error::KeyReused.to_string())
                }
                office::Error::Unknown(fault) => {
                    tracing::error!(what = %fault.what, "nobody knows whether a page's request was done");
                    Self::new(
                        Class::Fault,
                        OUTCOME_UNKNOWN,
                        "The store gave no answer. It may have been done; trying again does it only once.",
                    )
                }
                office::Error::Fault(fault) => fault.into(),
            }
        }
    }

    impl Class {
        /// The HTTP status that a program sees.
        #[must_use]
        pub const fn status(self) -> http::StatusCode {
            match self {
                Self::Invalid => http::StatusCode::BAD_REQUEST,
                Self::NotFound => http::StatusCode::NOT_FOUND,
                Self::Conflict => http::StatusCode::CONFLICT,
                Self::Forbidden => http::StatusCode::FORBIDDEN,
                Self::Fault => http::StatusCode::INTERNAL_SERVER_ERROR,
                Self::Away => http::StatusCode::SERVICE_UNAVAILABLE,
            }
        }
    }
}
