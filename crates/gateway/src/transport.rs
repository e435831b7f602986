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

/// Opens a connection. Sends no `Origin`: gateways refuse foreign ones.
pub(crate) async fn dial(url: String) -> Result<Socket, Ending> {
    let request = url.as_str().into_client_request().map_err(|error| ending(&error))?;
    let config = WebSocketConfig::default().max_message_size(Some(FRAME_MAX)).max_frame_size(Some(FRAME_MAX));
    let connector = if url.starts_with("wss://") { Some(Connector::Rustls(tls().await?)) } else { None };
    let (socket, _) =
        connect_async_tls_with_config(request, Some(config), true, connector).await.map_err(|error| ending(&error))?;
    Ok(socket)
}

/// Whom a gateway's certificate may come from: the authorities that this machine trusts, or those of
/// `SSL_CERT_FILE` and `SSL_CERT_DIR`. A machine that has none (a bare container) trusts the public ones.
fn roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificates of this machine could not be read");
    }
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if unusable > 0 {
        tracing::debug!(unusable, "certificates of this machine were left out");
    }
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

async fn tls() -> Result<Arc<rustls::ClientConfig>, Ending> {
    // Anew for each connection: a certificate that was renewed or added counts without a restart.
    let roots = tokio::task::spawn_blocking(roots).await.map_err(|error| Ending::Tls(error.to_string()))?;
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
