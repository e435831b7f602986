//! Errors as programs see them: `{"error": "<sentence>", "code": "<stable code>"}`.

use axum::{
    Extension, Json,
    response::{IntoResponse, Response},
};
use clutch_domain::refusal::{Refusal, RefusalClass};
use clutch_orchestrator::{office, runtime::RuntimeError, store::Fault};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::json;

/// What whoever meets no gateway is told to wait, in seconds.
pub const AGAIN: &str = "5";
/// What an error says, kept beside its words for those who tell it in another shape.
#[derive(Clone, Debug)]
pub struct Told {
    /// Stable.
    pub code: &'static str,
    /// For people.
    pub sentence: String,
}

/// An answer that is not a success.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    sentence: String,
    /// Seconds after which the caller may try again.
    again: Option<&'static str>,
}

impl Failure {
    /// A failure.
    pub fn new(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into(), again: None }
    }

    /// 400.
    pub fn invalid(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, sentence)
    }

    /// 503: what is asked for is not there now, and may be soon.
    pub fn away(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { again: Some(AGAIN), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence) }
    }

    /// Its code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its sentence.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Status, code and sentence, for whoever tells them in another shape.
    pub fn parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.code, self.sentence)
    }

    /// Whether it says this.
    pub fn is(&self, refusal: Refusal) -> bool {
        self.code == refusal.code()
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.class() {
            RefusalClass::Invalid => StatusCode::BAD_REQUEST,
            RefusalClass::NotFound => StatusCode::NOT_FOUND,
            RefusalClass::Conflict => StatusCode::CONFLICT,
            RefusalClass::Forbidden => StatusCode::FORBIDDEN,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        tracing::error!(what = %fault, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on the server; its log says what.",
        )
    }
}

impl From<office::Error> for Failure {
    fn from(error: office::Error) -> Self {
        match error {
            office::Error::Refused(refusal) => refusal.into(),
            office::Error::Busy => Self::new(StatusCode::CONFLICT, "busy", office::Error::Busy.to_string()),
            office::Error::Stale => Self::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", error.to_string()),
            office::Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                office::Error::KeyReused.to_string(),
            ),
            office::Error::Fault(fault) | office::Error::Unknown(fault) => fault.into(),
        }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Away(_) => Self::away("gateway_away", "OpenClaw gateway not connected"),
            RuntimeError::Unknown(_) => Self::away("gateway_silent", "The gateway did not answer; try again."),
            RuntimeError::Refused { sentence, .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "gateway_refused", sentence)
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let words = Json(json!({ "error": self.sentence, "code": self.code }));
        let told = Extension(Told { code: self.code, sentence: self.sentence });
        let mut response = (self.status, told, words).into_response();
        if let Some(again) = self.again {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(again));
        }
        response
    }
}
