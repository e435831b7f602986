/**
 * What this plugin uses of a gateway, as observed in 2026.2.17 and 2026.9.6. Everything that only
 * one of them gives is optional here.
 */

/** The gateway's log. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** Which conversation a tool is made for. The key has the form `agent:<agent>:<rest>`, lower case. */
export interface ToolContext {
  sessionKey?: string;
  agentId?: string;
  runId?: string;
}

/** What a tool gives back: text for the model, and the same as data for whoever watches. */
export interface ToolResult {
  content: { type: "text"; text: string }[];
  details: unknown;
}

/** A tool as the gateway offers it to a model; `parameters` is a JSON Schema. */
export interface Tool {
  name: string;
  label: string;
  description: string;
  parameters: object;
  execute(callId: string, params: Record<string, unknown>, signal?: AbortSignal): Promise<ToolResult>;
}

/** The parts of hook events that are read. Old gateways leave out `runId`, `toolCallId` and `sessionKey`. */
export interface HookEvent {
  runId?: string;
  toolCallId?: string;
  sessionKey?: string;
  success?: boolean;
  error?: unknown;
}

/** The parts of hook contexts that are read. */
export interface HookContext {
  runId?: string;
  toolCallId?: string;
  sessionKey?: string;
  conversationId?: string;
}

/** What the gateway hands to a channel to deliver. `to` is a chat's id or its session key. */
export interface Outgoing {
  to: string;
  text?: string;
  mediaUrl?: string;
}

/** The object that `register` gets. */
export interface PluginApi {
  config?: { env?: Record<string, unknown> };
  pluginConfig?: Record<string, unknown>;
  logger: Logger;
  registerTool(factory: (context: ToolContext) => Tool, options: { name: string }): void;
  registerChannel(registration: { plugin: object }): void;
  on(hook: string, handler: (event: HookEvent, context: HookContext) => void | Promise<void>): void;
}
