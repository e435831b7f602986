//! `clutch mcp`: the Model Context Protocol on standard input and output, for clients that start their servers themselves.
//! Each call is one to API v1 of a server that runs.

use rmcp::{RoleServer, ServiceExt, service::RequestContext, transport::stdio};

use super::board::Board;
use crate::http::mcp::{Answer, Asks, Call, Server};

/// API v1 of a server elsewhere.
#[derive(Clone)]
struct Outside(Board);

impl Asks for Outside {
    async fn ask(&self, call: Call, _: &RequestContext<RoleServer>) -> Result<Answer, String> {
        self.0.ask(call.method, &call.target, call.body.as_ref(), "agent").await
    }
}

/// Serves until the client goes. The error is a sentence.
pub fn serve(url: Option<String>) -> Result<(), String> {
    let asks = Outside(Board::at(url)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("The program's threads could not be started: {e}."))?;
    runtime.block_on(async {
        let running = match Server::new(asks).serve(stdio()).await {
            Ok(running) => running,
            // It went before it said anything.
            Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => return Err(format!("The client does not speak the Model Context Protocol: {error}.")),
        };
        running.waiting().await.map(drop).map_err(|error| format!("The connection ended: {error}."))
    })
}
