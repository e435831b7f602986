//! Reads, commits and live reads over TLS, with an authority of one's own: what loopback addresses do not
//! show is a client without a provider of cryptography, which panics at its first `https://`.

#![allow(clippy::unwrap_used)]

mod bridge;
mod contract;

use std::process::Command;

use bridge::{Deployment, KEY};
use clutch_domain::{doc::Kind, range::Range};
use clutch_orchestrator::store::Store;
use clutch_store::{CheckError, ConvexStore};
use contract::{count, docs::counter, fetch, must, puts, soon};
use futures_util::StreamExt;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
/// Names the address to the second process, which trusts the authority of `testdata`.
const ADDRESS: &str = "CLUTCH_TLS_TEST_URL";

fn deployment() -> Deployment {
    let (cert, key) = (format!("{DATA}/convex-localhost.pem"), format!("{DATA}/convex-localhost.key"));
    Deployment::bridge(&["--tls-cert", &cert, "--tls-key", &key])
}

/// Which authorities hold is read from the environment, so this part is a process of its own.
#[tokio::test]
#[ignore = "started by the test below"]
async fn second_process() {
    let store = ConvexStore::new(&std::env::var(ADDRESS).unwrap(), KEY).unwrap();
    store.check().await.unwrap();
    let mut live = store.watch(fetch([Range::doc(Kind::Counter, "a")]));
    let mut next = async || soon("the watch yields", live.next()).await.unwrap().unwrap();
    assert_eq!(next().await.version, 0);
    must(&store, puts([counter("a", 1)])).await;
    assert_eq!(count(&*next().await, "a"), 1);
}

#[tokio::test]
async fn everything_goes_over_tls() {
    let place = deployment();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", format!("{DATA}/convex-ca.pem"))
        .env(ADDRESS, &place.url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(second.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&second.stderr));
    assert!(place.stat("connections").await >= 1, "the live read had its socket");
}

#[tokio::test]
async fn an_authority_that_nobody_knows_is_refused() {
    let place = deployment();
    let refused = place.store().check().await.unwrap_err();
    assert!(matches!(&refused, CheckError::Away(fault) if fault.what.contains("ertificate")), "{refused:?}");
}
