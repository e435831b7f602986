//! Whether a repository is there (facts §10.1): one question to GitHub, without a token.

use std::{sync::OnceLock, time::Duration};

use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};

/// Longest wait for the whole answer.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// Most bytes of an answer that are read.
const ANSWER_MAX: usize = 1 << 20;
/// Longest name of an owner or a repository.
const SEGMENT_MAX: usize = 100;
/// How often an answer may lead elsewhere: a repository that was renamed does once.
const REDIRECTS: usize = 3;

/// GitHub's API.
pub struct GitHub {
    address: String,
    client: OnceLock<Result<Client, String>>,
}

impl Default for GitHub {
    fn default() -> Self {
        Self { address: "https://api.github.com".into(), client: OnceLock::new() }
    }
}

impl GitHub {
    /// One of a test.
    #[cfg(test)]
    pub fn of(address: String) -> Self {
        Self { address, client: OnceLock::new() }
    }

    /// What is known of a repository; or why nothing is.
    pub async fn look(&self, repo: &str) -> Value {
        let found = match segments(repo) {
            Some((owner, name)) => self.ask(owner, name).await,
            None => Err("Repository must be in owner/repository format".into()),
        };
        found.unwrap_or_else(|error| json!({ "accessible": false, "error": error }))
    }

    async fn ask(&self, owner: &str, name: &str) -> Result<Value, String> {
        let client = self.client.get_or_init(client).as_ref().map_err(|error| format!("Network error: {error}"))?;
        let asked = client
            .get(format!("{}/repos/{owner}/{name}", self.address))
            .header("accept", "application/vnd.github.v3+json")
            .header("user-agent", "OpenClutch-Project-Settings")
            .send();
        let mut answer = asked.await.map_err(|error| network(&error))?;
        let spent = answer.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        match answer.status().as_u16() {
            200 => {}
            404 => return Err("Repository not found or is private".into()),
            403 | 429 => return Err("Rate limited by GitHub API".into()),
            // Whoever asked too often is told so in more than one way.
            _ if spent => return Err("Rate limited by GitHub API".into()),
            other => return Err(format!("GitHub API error: {other}")),
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| network(&error))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_MAX {
                return Err("Network error: the answer is too long".into());
            }
        }
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !told["full_name"].is_string() {
            return Err("Network error: the answer is none of GitHub's".into());
        }
        Ok(json!({
            "accessible": true, "name": told["name"], "full_name": told["full_name"], "private": told["private"],
            "default_branch": told["default_branch"], "description": told["description"],
        }))
    }
}

fn client() -> Result<Client, String> {
    // reqwest brings no cryptography along.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().connect_timeout(PATIENCE).timeout(PATIENCE).redirect(Policy::limited(REDIRECTS));
    client.build().map_err(|error| error.to_string())
}

fn network(error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        "GitHub did not answer in time"
    } else if error.is_connect() {
        "GitHub cannot be reached"
    } else {
        "the answer broke off"
    };
    format!("Network error: {why}")
}

/// Owner and name, of which neither leads anywhere else.
fn segments(repo: &str) -> Option<(&str, &str)> {
    let (owner, name) = repo.trim().split_once('/')?;
    let fits = |part: &str| {
        (1..=SEGMENT_MAX).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && part.bytes().any(|b| b != b'.')
    };
    (fits(owner) && fits(name)).then_some((owner, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories() {
        for (text, is) in [
            ("owner/repo", true),
            (" owner/re.po_-1 ", true),
            (".github/.github", true),
            ("owner/..", false),
            ("../repo", false),
            ("./.", false),
            ("owner", false),
            ("owner/", false),
            ("/repo", false),
            ("a/b/c", false),
            ("a/b?x", false),
            ("a/b#x", false),
            ("a/b%2e", false),
            ("a\u{e9}/b", false),
            ("a b/c", false),
            ("", false),
        ] {
            assert_eq!(segments(text).is_some(), is, "{text:?}");
        }
        assert!(segments(&format!("{}/b", "a".repeat(101))).is_none());
    }
}
