//! Pages are made to their end, whoever still waits for them.
//!
//! Parts of a page are made beside each other. Where one who asked goes, and what was begun for him is dropped in the
//! middle, parts that go on find nothing any more of what they belong to, and break off.

use std::{future::Future, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use clutch_orchestrator::store::Fault;
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument;

use crate::{http::compat::error::Failure, supervise::Supervisor};

/// Pages that are made at once. Who comes for another waits for a place, and may go as long as he waits.
const PLACES: usize = 64;
/// Largest page, in bytes.
const PAGE_MAX: usize = 64 * 1024 * 1024;

/// Where pages are made.
#[derive(Clone)]
pub struct Workshop {
    supervisor: Supervisor,
    places: Arc<Semaphore>,
}

impl Workshop {
    /// One whose work this supervisor looks after.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Makes a page, and hands it over whole.
    pub async fn make(&self, page: impl Future<Output = Response> + Send + 'static) -> Response {
        let broken = |what: &str| Failure::from(Fault::new(what)).into_response();
        let Ok(place) = self.places.clone().acquire_owned().await else { return broken("no page is made any more") };
        let (hand, made) = oneshot::channel();
        let work = async move {
            let (parts, body) = page.await.into_parts();
            let whole = to_bytes(body, PAGE_MAX).await;
            drop(place);
            // He may have gone.
            let _ = hand.send(whole.map(|bytes| Response::from_parts(parts, Body::from(bytes))));
        };
        // The log goes on to say whose request it is.
        self.supervisor.spawn("a page", work.in_current_span());
        match made.await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => broken(&format!("a page could not be made to its end: {error}")),
            // It broke off, and the log says where; or the server goes.
            Err(_) => broken("a page broke off"),
        }
    }
}

/// The layer of pages.
pub async fn pages(State(workshop): State<Workshop>, request: Request, next: Next) -> Response {
    workshop.make(next.run(request)).await
}
