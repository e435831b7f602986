//! What a request may cost before anybody has looked at it: the form of its target, the bytes that bodies
//! of all requests hold in memory together, and the time that a body may take to come.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use crate::http::{
    compat::{body::BODY_BYTES_MAX, error::Failure, rpc},
    uploads,
};

/// Most bytes of bodies that are held at once.
const HELD_MAX: usize = 96 * 1024 * 1024;
/// A body of so many bytes needs no place.
const SMALL: usize = 64 * 1024;
/// How long a request waits for a place.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How long the next piece of a body may take.
const PIECE_MAX: Duration = Duration::from_secs(20);
/// How long a whole body may take: ten megabytes through a slow tunnel.
const WHOLE_MAX: Duration = Duration::from_secs(300);
/// What a client that comes in vain is asked to wait, in seconds.
const RETRY_AFTER: &str = "5";

/// Refuses targets that are no path of ours: `CONNECT host:port`, `GET http://host/`, `OPTIONS *`. Only
/// proxies are asked so, and this is none.
pub async fn targets(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let ours = uri.scheme().is_none()
        && uri.authority().is_none()
        && uri.path().starts_with('/')
        && request.method() != Method::CONNECT;
    if ours {
        return next.run(request).await;
    }
    Failure::invalid("invalid_target", "The request's target must be a path, for example /api/projects.")
        .into_response()
}

/// The place for bodies.
#[derive(Clone)]
pub struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HELD_MAX)))
    }
}

impl Bodies {
    async fn place(&self, bytes: usize, wait: Duration) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes.min(HELD_MAX)).unwrap_or(u32::MAX);
        timeout(wait, self.0.clone().acquire_many_owned(bytes)).await.ok()?.ok()
    }
}

/// The layer: whoever brings a large body asks for the place first, and brings it in time.
pub async fn bodies(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    let bytes = announced(&request);
    if bytes == 0 {
        return next.run(request).await;
    }
    let place = if bytes <= SMALL {
        None
    } else {
        match bodies.place(bytes, WAIT_MAX).await {
            Some(place) => Some(place),
            None => return busy(),
        }
    };
    let response = next.run(request.map(|body| in_time(body, PIECE_MAX, WHOLE_MAX))).await;
    drop(place);
    response
}

fn busy() -> Response {
    let sentence = "Too much is being sent at once. Nothing was done; try again in a moment.";
    let mut response = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too_busy", sentence).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    response
}

/// How many bytes of a body may come to lie in memory.
fn announced(request: &Request) -> usize {
    let most = match request.uri().path() {
        uploads::PATH => uploads::FILE_BYTES_MAX,
        rpc::PATH => rpc::BODY_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    };
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return most;
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    length.unwrap_or(0).min(most)
}

/// The same body, as an error if it does not come in time.
fn in_time(body: Body, piece_max: Duration, whole_max: Duration) -> Body {
    let whole = Instant::now() + whole_max;
    Body::from_stream(stream::unfold(Some(body.into_data_stream()), move |rest| async move {
        let mut rest = rest?;
        let late = |_| axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
        match timeout_at(whole.min(Instant::now() + piece_max), rest.next()).await.map_err(late) {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => Some((Ok::<Bytes, _>(piece), Some(rest))),
            Ok(Some(Err(error))) | Err(error) => Some((Err(error), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    fn with(path: &str, headers: &[(&str, &str)]) -> usize {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        announced(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn what_a_body_may_take() {
        assert_eq!(with("/api/tasks", &[]), 0);
        assert_eq!(with("/api/tasks", &[("content-length", "7")]), 7);
        assert_eq!(with("/api/tasks", &[("content-length", "999999999999")]), BODY_BYTES_MAX);
        assert_eq!(with("/api/tasks", &[("transfer-encoding", "chunked")]), BODY_BYTES_MAX);
        assert_eq!(with(uploads::PATH, &[("transfer-encoding", "chunked")]), uploads::FILE_BYTES_MAX);
        assert_eq!(with(uploads::PATH, &[("content-length", "40000000")]), uploads::FILE_BYTES_MAX);
        assert_eq!(with(rpc::PATH, &[("content-length", "40000000")]), rpc::BODY_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_body_comes_in_time_or_not_at_all() {
        let ms = Duration::from_millis;
        let slow = |pause: u64, pieces: u32, piece_max: u64, whole_max: u64| {
            let pieces = stream::iter(0..pieces).then(move |_| async move {
                tokio::time::sleep(ms(pause)).await;
                Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
            });
            to_bytes(in_time(Body::from_stream(pieces), ms(piece_max), ms(whole_max)), 1_000)
        };
        assert_eq!(slow(1, 10, 60_000, 60_000).await.unwrap().len(), 10);
        let began = Instant::now();
        assert!(slow(60_000, 2, 20, 60_000).await.is_err(), "a piece is late");
        assert!(slow(5, 100_000, 60_000, 60).await.is_err(), "the whole is late");
        assert!(began.elapsed() < ms(30_000));
    }

    #[tokio::test]
    async fn large_bodies_wait_for_their_place_and_are_told_when_there_is_none() {
        let bodies = Bodies::default();
        let held = bodies.place(HELD_MAX - 1, WAIT_MAX).await.unwrap();
        assert!(bodies.place(SMALL, Duration::from_millis(20)).await.is_none());
        let waiting = tokio::spawn({
            let bodies = bodies.clone();
            async move { bodies.place(SMALL, WAIT_MAX).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert!(waiting.await.unwrap());
        let reply = busy();
        assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    }
}
