//! The Model Context Protocol: a board for agents that come by themselves.
//!
//! Streamable HTTP at `/mcp`, for clients of both ages: 2025-11-25 and before with sessions, 2026-07-28 without. `clutch
//! mcp` is the same on standard input and output. Either way a tool is a call of API v1 ([`tools`]), made as whoever asks,
//! with the same checks; here is nothing that could decide anything differently.

pub mod inside;
mod prompts;
mod resources;
mod tools;

use std::{future::Future, sync::Arc};

use http::{Method, StatusCode};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, GetPromptRequestParams,
        GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
        ServerConfig,
    },
    service::RequestContext,
};
use serde_json::Value;
use uuid::Uuid;

pub use self::tools::Call;

/// Where it is.
pub const PATH: &str = "/mcp";

/// What an agent reads first.
const INSTRUCTIONS: &str = "OpenClutch is a board on which people and agents share tasks (tickets: T-1, T-2 and so on). \
    To work: call claim_task; what it answers as `prompt` says all that you have to know and how to report. Call heartbeat \
    now and then while you work, comment so that people can follow you, signal to ask them (with wait_seconds, then \
    get_signal until there is an answer), and complete_task when it is done, or release_task when you cannot do it. Then \
    claim the next one, until there is none.";

/// An answer of API v1.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// JSON; of a refusal `detail` and `code` ([`crate::http::v1::problem`]).
    pub body: Value,
}

impl Answer {
    /// The sentence of a refusal.
    fn sentence(&self) -> String {
        let said = |name: &str| self.body[name].as_str().unwrap_or_default();
        match (said("detail"), said("code")) {
            ("", _) => format!("The board answered {}.", self.status),
            (detail, code) => format!("{detail} ({code})"),
        }
    }
}

/// Asks API v1: in this process, or a server elsewhere. The error is a sentence.
pub trait Asks: Clone + Send + Sync + 'static {
    /// Makes a call as whoever stands behind the request.
    fn ask(
        &self,
        call: Call,
        context: &RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<Answer, String>> + Send;
}

/// The server of the protocol, one for each client.
#[derive(Clone)]
pub struct Server<A> {
    asks: A,
    /// Tells agents of one client apart that give no name.
    nonce: Arc<str>,
}

impl<A: Asks> Server<A> {
    /// Over this.
    pub fn new(asks: A) -> Self {
        let nonce = Uuid::new_v4().simple().to_string();
        Self { asks, nonce: nonce[..6].into() }
    }

    /// Reads something.
    async fn read(&self, target: String, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
        let call = Call { method: Method::GET, target, body: None };
        let answer =
            self.asks.ask(call, context).await.map_err(|sentence| ErrorData::internal_error(sentence, None))?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else if answer.status == StatusCode::NOT_FOUND {
            Err(ErrorData::resource_not_found(answer.sentence(), None))
        } else {
            Err(ErrorData::invalid_request(answer.sentence(), None))
        }
    }

    /// Who the client is, as far as it says so.
    fn client(context: &RequestContext<RoleServer>) -> String {
        let name = context.client_info().map(|client| client.name).filter(|name| !name.trim().is_empty());
        name.unwrap_or_else(|| "agent".to_owned())
    }
}

impl<A: Asks> ServerHandler for Server<A> {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        ServerConfig::new(can)
            .with_server_info(Implementation::new("openclutch", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::ALL.iter().map(|known| known.tool.clone()).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(known) = tools::named(&request.name) else {
            let known: Vec<&str> = tools::ALL.iter().map(|known| &*known.tool.name).collect();
            let sentence = format!("There is no tool {}. There are {}.", request.name, known.join(", "));
            return Err(ErrorData::invalid_params(sentence, None));
        };
        let mut arguments = request.arguments.unwrap_or_default();
        // A name by which people can tell who it was.
        let client = Self::client(&context);
        for (member, name) in [("agent", format!("{client}-{}", self.nonce)), ("author", client)] {
            let said = arguments.get(member).is_some_and(|said| !said.is_null());
            if known.takes(member) && !said {
                arguments.insert(member.into(), name.into());
            }
        }
        let answer = match known.call(arguments) {
            Ok(call) => self.asks.ask(call, &context).await,
            Err(sentence) => Err(sentence),
        };
        let result = match answer {
            Ok(answer) => {
                let mut result = if answer.status.is_success() {
                    CallToolResult::success(vec![ContentBlock::text(answer.body.to_string())])
                } else {
                    CallToolResult::error(vec![ContentBlock::text(answer.sentence())])
                };
                result.structured_content = Some(answer.body).filter(Value::is_object);
                result
            }
            Err(sentence) => CallToolResult::error(vec![ContentBlock::text(sentence)]),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let projects = self.read(resources::projects(), &context).await?;
        Ok(ListResourcesResult::with_all_items(resources::boards(&projects)))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let unknown = || ErrorData::resource_not_found(format!("There is no resource {}.", request.uri), None);
        let target = resources::target(&request.uri).ok_or_else(unknown)?;
        let found = self.read(target, &context).await?;
        Ok(resources::contents(&request.uri, &found).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::all()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let unknown = || ErrorData::invalid_params(format!("There is no prompt {}.", request.name), None);
        let arguments = request.arguments.clone().unwrap_or_default();
        prompts::named(&request.name, &arguments).map(Into::into).ok_or_else(unknown)
    }
}
