//! `wss://` with an authority of one's own: what `SSL_CERT_FILE` names is trusted, and nothing else.

use std::{process::Command, sync::Arc, time::Duration};

use clutch_gateway::GatewayState;
use clutch_gateway::{Config, OpenClaw};
use futures_util::SinkExt;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// A certificate for `localhost` and the authority that signed it; neither is of use anywhere else.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/testdata");
/// Names the address to the second process.
const ADDRESS: &str = "CLUTCH_WSS_TEST_URL";
const LONG: Duration = Duration::from_secs(60);

/// A gateway that greets and says no more; it lives as long as the runtime.
async fn gateway() -> String {
    let certificate = CertificateDer::from_pem_file(format!("{DATA}/convex-localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{DATA}/convex-localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut socket) = accept_async(stream).await else { return };
                let challenge =
                    json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}});
                let _ = socket.send(Message::text(challenge.to_string())).await;
                while let Some(Ok(frame)) = futures_util::StreamExt::next(&mut socket).await {
                    let Ok(asked) = serde_json::from_str::<serde_json::Value>(frame.to_text().unwrap_or("")) else {
                        continue;
                    };
                    let hello =
                        json!({"protocol": 4, "server": {"version": "9", "bootId": "b"}, "features": {"methods": []}});
                    let answer = json!({"type": "res", "id": asked["id"], "ok": true, "payload": hello});
                    let _ = socket.send(Message::text(answer.to_string())).await;
                }
            });
        }
    });
    format!("wss://localhost:{port}")
}

/// The state once it is neither new nor being tried.
async fn settled(url: String) -> GatewayState {
    let dir = tempfile::tempdir().unwrap();
    let (gateway, task) = OpenClaw::connect(Config {
        url,
        token: None,
        identity_dir: dir.path().into(),
        legacy_identity: None,
        version: "0".into(),
    });
    let mut states = gateway.connection();
    let settled = states.wait_for(|state| !matches!(state, GatewayState::Connecting { .. }));
    let state = tokio::time::timeout(LONG, settled).await.unwrap().unwrap().clone();
    task.shutdown().await;
    state
}

/// Which authorities hold is read from the environment, so this part is a process of its own.
#[tokio::test]
#[ignore = "started by the test below"]
async fn second_process() {
    let state = settled(std::env::var(ADDRESS).unwrap()).await;
    assert!(matches!(state, GatewayState::Connected { .. }), "{state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let url = gateway().await;
    let state = settled(url.clone()).await;
    assert!(
        matches!(&state, GatewayState::Down { sentence, .. } if sentence.contains("No secure connection")),
        "nobody knows it: {state:?}"
    );
    let second = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::second_process", "--ignored", "--nocapture"])
            .env("SSL_CERT_FILE", format!("{DATA}/convex-ca.pem"))
            .env(ADDRESS, url)
            .output()
            .unwrap()
    });
    let second = second.await.unwrap();
    let said = String::from_utf8_lossy(&second.stdout);
    assert!(second.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&second.stderr));
}
