//! The board that runs, asked by API v1 from outside: what `clutch mcp` and `clutch why` share.

use std::time::Duration;

use http::{Method, StatusCode, header};
use reqwest::{Client, Url, redirect::Policy};
use serde_json::Value;

use crate::http::mcp::Answer;

/// Where a server is where nothing else is said.
const USUAL: &str = "http://127.0.0.1:3002";
/// The variable that says where the server is.
const URL: &str = "CLUTCH_URL";
/// The variable that holds the token.
pub const TOKEN: &str = "CLUTCH_TOKEN";
/// Longer than any call waits for an answer of people.
const TIME_OUT: Duration = Duration::from_secs(90);

/// API v1 of a server elsewhere.
#[derive(Clone)]
pub struct Board {
    client: Client,
    base: Url,
    token: Option<String>,
}

impl Board {
    /// Where `url` says, else the environment. The error is a sentence.
    pub fn at(url: Option<String>) -> Result<Self, String> {
        let set = |name: &str| std::env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let said = url.or_else(|| set(URL)).unwrap_or_else(|| USUAL.to_owned());
        let wrong = || format!("{said:?} is no address of a server: say http://HOST:PORT.");
        let base = Url::parse(&said).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(wrong)?;
        // Reqwest brings no cryptography along. An error says that somebody was here before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(TIME_OUT)
            // A token goes where it was meant to go, and nowhere else.
            .redirect(Policy::none())
            .build()
            .map_err(|e| format!("No connections can be made: {e}."))?;
        Ok(Self { client, base, token: set(TOKEN) })
    }

    /// Asks. The error is a sentence: it does not answer, or asks for a token of this scope.
    pub async fn ask(&self, method: Method, target: &str, body: Option<&Value>, scope: &str) -> Result<Answer, String> {
        let url = self.base.join(target).map_err(|_| "These arguments make no address of the API.".to_owned())?;
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            let words = serde_json::to_vec(body).map_err(|e| e.to_string())?;
            request = request.header(header::CONTENT_TYPE, "application/json").body(words);
        }
        let away = |error: reqwest::Error| {
            // Without the address: its query may say what nobody else should read.
            let why = error.without_url();
            format!("The board at {} does not answer: {why}. Start it, or say where it is with {URL}.", self.base)
        };
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let words = response.bytes().await.map_err(away)?;
        let answer = Answer { status, body: serde_json::from_slice(&words).unwrap_or_default() };
        if answer.status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            return Err(format!(
                "The board at {} asks for a token: make one with `clutch token create NAME --scope {scope}` and hand it over \
                 in {TOKEN}.",
                self.base
            ));
        }
        Ok(answer)
    }
}
