//! Calls of functions by Convex's HTTP API: each is answered or fails in known time.

use std::time::Duration;

use clutch_orchestrator::store::Fault;
use reqwest::{
    Client, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::timeout};

use super::Waits;

/// Idle connections are closed before servers and proxies do it.
const IDLE: Duration = Duration::from_secs(30);
/// Calls under way at once; more wait. A self-hosted backend runs 16 queries and 16 mutations at once.
const CALLS_AT_ONCE: usize = 32;
/// Characters of a server's own words in a sentence.
const WORDS: usize = 300;

/// A kind of function.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Query,
    Mutation,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The deployment was not reached: nothing happened.
    Unreached(String),
    /// The answer is lost: nobody knows what happened.
    Lost(String),
    /// It said that it cannot now: nothing happened.
    Busy(String),
    /// It does not take the key.
    WrongKey,
    /// It does not have our functions.
    NotDeployed,
    /// It refused for good.
    Refused(String),
}

impl Trouble {
    /// Whether waiting may help.
    pub(super) const fn passes(&self) -> bool {
        matches!(self, Self::Unreached(_) | Self::Lost(_) | Self::Busy(_))
    }

    /// The sentence for the person who runs the server.
    pub(super) fn fault(&self, url: &str) -> Fault {
        Fault::new(match self {
            Self::Unreached(why) => format!(
                "Convex at {url} cannot be reached ({why}). Start it, or correct CONVEX_URL. OpenClutch goes on by itself when it is there."
            ),
            Self::Lost(why) => format!(
                "Convex at {url} did not answer ({why}). Look whether it runs and at the network in between. OpenClutch goes on by itself."
            ),
            Self::Busy(why) => format!("Convex at {url} has too much to do ({why}). OpenClutch tries again by itself."),
            Self::WrongKey => format!(
                "Convex at {url} refuses the key. Set CONVEX_SELF_HOSTED_ADMIN_KEY to the admin key of this deployment (self-hosted) or CONVEX_DEPLOY_KEY to one of its deploy keys (cloud)."
            ),
            Self::NotDeployed => {
                format!(
                    "The Convex deployment at {url} does not have OpenClutch's functions. Run: clutch convex deploy"
                )
            }
            Self::Refused(why) => format!(
                "Convex at {url} refused: {why} If its functions are not those of this program, run: clutch convex deploy"
            ),
        })
    }
}

/// Calls functions of one deployment.
pub(super) struct Http {
    client: Client,
    url: String,
    key: HeaderValue,
    secret: String,
    places: Semaphore,
    /// Longest wait for one of them.
    patience: Duration,
}

impl Http {
    /// `url` without a slash at its end.
    pub(super) fn new(url: &str, key: &str, waits: Waits) -> Result<Self, Fault> {
        let mut header = HeaderValue::from_str(&format!("Convex {key}"))
            .map_err(|_| Fault::new("The Convex key has characters that no key has. Copy it again, in one line."))?;
        header.set_sensitive(true);
        let client = Client::builder()
            .connect_timeout(waits.connect)
            .timeout(waits.answer)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .redirect(Policy::none())
            // As the live connection, which knows no proxy either.
            .no_proxy()
            .build()
            .map_err(|e| Fault::new(format!("Connections to Convex cannot be made: {}.", causes(&e))))?;
        Ok(Self {
            client,
            url: url.to_owned(),
            key: header,
            secret: key.to_owned(),
            places: Semaphore::new(CALLS_AT_ONCE),
            patience: waits.answer,
        })
    }

    /// Calls a function. Arguments and answer are in Convex's own JSON.
    pub(super) async fn call(&self, kind: Kind, path: &str, args: &Value) -> Result<Value, Trouble> {
        let route = match kind {
            Kind::Query => "query",
            Kind::Mutation => "mutation",
        };
        let body = json!({ "path": path, "format": "convex_encoded_json", "args": [args] }).to_string();
        let Ok(_place) = timeout(self.patience, self.places.acquire()).await else {
            return Err(Trouble::Busy(format!("{CALLS_AT_ONCE} calls have had no answer for a while")));
        };
        let sent = self
            .client
            .post(format!("{}/api/{route}", self.url))
            .header(AUTHORIZATION, self.key.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Err(Trouble::Unreached(causes(&error))),
            Err(error) => return Err(Trouble::Lost(causes(&error))),
        };
        let status = response.status();
        let text = response.text().await.map_err(|error| Trouble::Lost(causes(&error)))?;
        result(status, &self.without_key(&text))
    }

    /// Words of the deployment, or of whatever stands before it, without the key: some say back what they
    /// were sent, and sentences are printed and logged.
    pub(super) fn without_key(&self, words: &str) -> String {
        if self.secret.is_empty() { words.to_owned() } else { words.replace(&self.secret, "***") }
    }
}

/// Convex's status for a function that failed; the body is as with 200.
const FUNCTION_FAILED: u16 = 560;

/// What an HTTP answer means.
fn result(status: StatusCode, text: &str) -> Result<Value, Trouble> {
    let mut answer: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    if status.is_success() || status.as_u16() == FUNCTION_FAILED {
        return match answer.get("status").and_then(Value::as_str) {
            Some("success") => Ok(answer.get_mut("value").map(Value::take).unwrap_or_default()),
            Some("error") => Err(failed(answer.get("errorMessage").and_then(Value::as_str).unwrap_or_default())),
            _ => Err(Trouble::Refused("what answers there is no Convex deployment.".into())),
        };
    }
    let said = |name: &str| answer.get(name).and_then(Value::as_str).map(short);
    let words = said("message").or_else(|| said("code")).unwrap_or_else(|| format!("status {status}"));
    Err(match status.as_u16() {
        401 | 403 => Trouble::WrongKey,
        // Conflicts that Convex could not settle by itself, too many at once, and a server that starts or ends.
        409 | 429 | 503 => Trouble::Busy(words),
        // Whatever stands between may have lost the answer of a call that was carried out.
        408 | 500..=599 => Trouble::Lost(words),
        404 => Trouble::Refused(format!("there is no Convex deployment ({words}).")),
        _ => Trouble::Refused(format!("{words}.")),
    })
}

/// What a function's error means.
pub(super) fn failed(message: &str) -> Trouble {
    if message.contains("Could not find") && message.contains("function") {
        Trouble::NotDeployed
    } else if message.contains("admin key") || message.contains("AuthError") {
        Trouble::WrongKey
    } else if message.contains("OptimisticConcurrencyControlFailure") {
        Trouble::Busy("too many changes of the same documents at once".into())
    } else {
        Trouble::Refused(short(message))
    }
}

fn short(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS).collect()
}

/// An error with its causes: reqwest's own words say only that something failed.
fn causes(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut words = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(one) = next {
        words.push(one.to_string());
        next = one.source();
    }
    // The innermost says what; those around it repeat the address.
    short(words.last().map_or("no cause given", String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy that says back what it was sent, in each of the ways in which somebody says no.
    #[tokio::test]
    async fn no_sentence_names_the_key() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        const CANARY: &str = "prod|canary0123456789";
        let _ = rustls::crypto::ring::default_provider().install_default();
        for status in ["200 OK", "400 No", "401 No", "404 No", "418 No", "429 No", "500 No", "503 No", "560 No"] {
            for name in ["message", "errorMessage", "code"] {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("http://{}", listener.local_addr().unwrap());
                let echo = tokio::spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut head = vec![0; 16 * 1024];
                    let mut read = 0;
                    while !String::from_utf8_lossy(&head[..read]).contains("}]}") {
                        read += stream.read(&mut head[read..]).await.unwrap();
                    }
                    let heard = String::from_utf8_lossy(&head[..read]).into_owned();
                    assert!(heard.contains(CANARY), "it was told");
                    // The key stands where a long sentence is cut.
                    let words = format!("{} Convex {CANARY}", "x".repeat(WORDS - 12));
                    let body = json!({ "status": "error", name: words }).to_string();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                });
                let http = Http::new(&url, CANARY, Waits::default()).unwrap();
                let trouble = http.call(Kind::Query, "docs:fetch", &json!({})).await.unwrap_err();
                echo.await.unwrap();
                let said = format!("{trouble:?} {}", trouble.fault(&url).what);
                assert!(!said.contains("canary") && !said.contains("prod|"), "{status} {name}: {said}");
            }
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let seen = |status: u16, text: &str| result(StatusCode::from_u16(status).unwrap(), text);
        let error = |words: &str| json!({ "status": "error", "errorMessage": words }).to_string();
        assert_eq!(seen(200, r#"{"status":"success","value":[1]}"#), Ok(json!([1])));
        assert_eq!(seen(200, r#"{"status":"success"}"#), Ok(Value::Null));
        let missing = error(
            "[Request ID: a] Server Error\nCould not find public function for 'docs:fetch'. Did you forget to deploy?",
        );
        assert_eq!(seen(200, &missing), Err(Trouble::NotDeployed));
        assert_eq!(seen(560, &missing), Err(Trouble::NotDeployed));
        assert_eq!(seen(401, r#"{"code":"BadAdminKey","message":"invalid"}"#), Err(Trouble::WrongKey));
        assert_eq!(
            seen(503, r#"{"code":"OptimisticConcurrencyControlFailure","message":"again"}"#),
            Err(Trouble::Busy("again".into()))
        );
        assert_eq!(seen(500, "oops"), Err(Trouble::Lost("status 500 Internal Server Error".into())));
        assert!(matches!(seen(200, "<html>"), Err(Trouble::Refused(_))));
        assert!(matches!(seen(302, ""), Err(Trouble::Refused(_))));
        assert_eq!(seen(560, &error("Uncaught  Error:\n no")), Err(Trouble::Refused("Uncaught Error: no".into())));
    }

    #[test]
    fn each_trouble_says_what_to_do_and_only_some_pass() {
        let all = [
            (Trouble::Unreached("refused".into()), true, "CONVEX_URL"),
            (Trouble::Lost("no answer in time".into()), true, "Look whether it runs"),
            (Trouble::Busy("x".into()), true, "tries again"),
            (Trouble::WrongKey, false, "CONVEX_SELF_HOSTED_ADMIN_KEY"),
            (Trouble::NotDeployed, false, "clutch convex deploy"),
            (Trouble::Refused("no.".into()), false, "clutch convex deploy"),
        ];
        for (trouble, passes, words) in all {
            assert_eq!(trouble.passes(), passes, "{trouble:?}");
            let sentence = trouble.fault("http://c").what;
            assert!(sentence.contains(words) && sentence.contains("http://c"), "{sentence}");
        }
    }
}
