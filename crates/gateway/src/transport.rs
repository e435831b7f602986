//! The socket. Knows nothing of the protocol.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::session::Ending;

/// An open connection.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Largest frame that is taken from the gateway, in bytes. Its own buffer for a client is 50 MiB.
const FRAME_MAX: usize = 64 * 1024 * 1024;

/// Whether the address names this machine.
pub(crate) fn is_nearby(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.starts_with("127.") || host.starts_with("[::1]") || host.split(':').next() == Some("localhost")
}

/// Opens a connection. Sends no `Origin`: gateways refuse foreign ones.
pub(crate) async fn dial(url: String) -> Result<Socket, Ending> {
    let request = url.as_str().into_client_request().map_err(|error| ending(&error))?;
    let config = WebSocketConfig::default().max_message_size(Some(FRAME_MAX)).max_frame_size(Some(FRAME_MAX));
    let connector = if url.starts_with("wss://") { Some(Connector::Rustls(tls()?)) } else { None };
    let (socket, _) =
        connect_async_tls_with_config(request, Some(config), true, connector).await.map_err(|error| ending(&error))?;
    Ok(socket)
}

fn tls() -> Result<Arc<rustls::ClientConfig>, Ending> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Ending::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn ending(error: &Error) -> Ending {
    match error {
        // A secure connection that fails arrives as an I/O error with a TLS error inside.
        Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Ending::Tls(io.to_string()),
        Error::Io(_) => Ending::NothingAnswers,
        Error::Tls(tls) => Ending::Tls(tls.to_string()),
        Error::Url(_) | Error::HttpFormat(_) => Ending::BadAddress(error.to_string()),
        Error::Http(response) => Ending::NotAGateway(format!("HTTP {}", response.status().as_u16())),
        Error::Protocol(_) | Error::Utf8(_) => Ending::NotAGateway("it does not speak WebSocket".to_owned()),
        other => Ending::Closed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for near in ["ws://127.0.0.1:1", "ws://localhost:1/x", "ws://[::1]:5", "ws://localhost", "ws://u@127.0.0.1"] {
            assert!(is_nearby(near), "{near}");
        }
        for far in ["ws://10.0.0.1:1", "wss://localhost.example", "ws://example/127.0.0.1"] {
            assert!(!is_nearby(far), "{far}");
        }
    }
}
