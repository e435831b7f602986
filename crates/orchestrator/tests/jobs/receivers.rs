//! Receivers of webhooks that answer, ask for time, keep silent or lose their answers, as a test wants it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use clutch_domain::id::DeliveryId;
use clutch_orchestrator::jobs::post::{Parcel, Post, Receipt};
use tokio::time::Instant;

/// What a receiver does with whatever comes.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    /// It answers with this status, and may ask for so many milliseconds.
    Status(u16, Option<i64>),
    /// It takes what comes and never answers.
    Silence,
    /// It takes what comes, and its answer is lost.
    Lost,
}

/// What came to a receiver.
#[derive(Clone, Debug)]
pub struct Came {
    pub url: String,
    pub id: DeliveryId,
    pub what: String,
    pub at: Instant,
}

/// All receivers; those of which nothing is said take everything.
#[derive(Default)]
pub struct Receivers {
    came: Mutex<Vec<Came>>,
    says: Mutex<BTreeMap<String, Says>>,
    open: Mutex<BTreeMap<String, (usize, usize)>>,
}

/// A call that is under way, however it ends.
struct Open(Arc<Receivers>, String);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.lock().unwrap().entry(self.1.clone()).or_default().0 -= 1;
    }
}

impl Receivers {
    pub fn say(&self, url: &str, says: Says) {
        self.says.lock().unwrap().insert(url.to_owned(), says);
    }

    /// What came to this receiver, in order.
    pub fn got(&self, url: &str) -> Vec<Came> {
        self.came.lock().unwrap().iter().filter(|came| came.url == url).cloned().collect()
    }

    /// Most calls that were under way to this receiver at once.
    pub fn most_at_once(&self, url: &str) -> usize {
        self.open.lock().unwrap().get(url).map_or(0, |(_, most)| *most)
    }
}

/// The way to them.
pub struct Way(pub Arc<Receivers>);

#[async_trait]
impl Post for Way {
    async fn send(&self, parcel: &Parcel) -> Receipt {
        let url = parcel.webhook.url.clone();
        let came = Came { url: url.clone(), id: parcel.id, what: parcel.line.what.clone(), at: Instant::now() };
        self.0.came.lock().unwrap().push(came);
        let _open = {
            let mut open = self.0.open.lock().unwrap();
            let (now, most) = open.entry(url.clone()).or_default();
            *now += 1;
            *most = (*most).max(*now);
            Open(self.0.clone(), url.clone())
        };
        let says = self.0.says.lock().unwrap().get(&url).copied();
        match says.unwrap_or(Says::Status(200, None)) {
            Says::Status(status @ 200..=299, _) => Receipt { status: Some(status), ..Receipt::default() },
            Says::Status(status, asked_ms) => Receipt {
                status: Some(status),
                error: Some(format!("It answered {status}.")),
                asked_ms,
                ..Receipt::default()
            },
            Says::Silence => std::future::pending().await,
            Says::Lost => Receipt::none("The connection broke off."),
        }
    }
}
