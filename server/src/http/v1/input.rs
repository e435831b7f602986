//! Requests as types: what does not fit is refused with the member that does not, and a member that nobody knows is
//! refused too. Numbers are numbers and `"false"` is no boolean.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use clutch_domain::{actor::Actor, command::Command};
use clutch_orchestrator::office::{Done, Office};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::error::Category;

use crate::http::{
    caller::Caller,
    compat::{body, error::Failure, once::Call},
};

/// A request's body.
pub struct Input<T> {
    /// What it says.
    pub value: T,
    /// Its words as they came: a call that is repeated has the same.
    words: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON: send `Content-Type: application/json`.",
            ));
        }
        let words = body::read(request, state).await?;
        // A list would be taken for the members of an object in their order.
        if words.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(match serde_json::from_slice::<serde::de::IgnoredAny>(&words) {
                Ok(_) => Failure::invalid("invalid_json", "The body must be a JSON object."),
                Err(why) => not_json(&why),
            });
        }
        let mut json = serde_json::Deserializer::from_slice(&words);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (at, why) = (error.path().to_string(), error.inner());
            match why.classify() {
                Category::Data => {
                    let code =
                        if why.to_string().starts_with("unknown field") { "unknown_field" } else { "invalid_field" };
                    Failure::invalid(code, if at == "." { format!("{why}") } else { format!("{at}: {why}") })
                }
                Category::Io | Category::Syntax | Category::Eof => not_json(why),
            }
        })?;
        json.end().map_err(|why| not_json(&why))?;
        Ok(Self { value, words })
    }
}

fn not_json(why: &serde_json::Error) -> Failure {
    Failure::invalid("invalid_json", format!("The body is not valid JSON: {why}."))
}

/// JSON, or one of the types that are JSON (`application/merge-patch+json`); a body without a type is taken for it.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

impl<T> Input<T> {
    /// Runs the command that was made of it, once for the `Idempotency-Key` where the caller gave one.
    pub async fn run(
        &self,
        office: &Office,
        caller: &Caller,
        headers: &HeaderMap,
        route: &str,
        command: &Command,
    ) -> Result<Done, Failure> {
        self.run_as(office, caller, &caller.actor(), headers, route, command).await
    }

    /// The same for an actor that is the caller in somebody's name.
    pub async fn run_as(
        &self,
        office: &Office,
        caller: &Caller,
        actor: &Actor,
        headers: &HeaderMap,
        route: &str,
        command: &Command,
    ) -> Result<Done, Failure> {
        let call = Call::named(caller, headers, route, || String::from_utf8_lossy(&self.words).into_owned())?;
        call.run(office, actor, command).await
    }
}

/// A member of a patch: `None` where it is absent, `Some(None)` for `null`, which clears.
pub fn patched<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// A member that is an object. A list would be taken for its members in their order.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let members = serde_json::Map::deserialize(from)?;
        T::deserialize(serde_json::Value::Object(members)).map(Self).map_err(serde::de::Error::custom)
    }
}
