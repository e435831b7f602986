/**
 * The OpenClaw plugin of OpenClutch: two tools with which agents report to the board, the channel
 * of the board's chats, and what happens to a chat message on its way.
 *
 * It imports nothing from the gateway and needs no build step; gateways from 2026.2 on load the
 * folder as it is. A gateway may call `register` more than once, so nothing here starts a timer or
 * opens a connection before it is used, and what several registrations share lives in `CallRuns`.
 */
import { Board } from "./src/board.ts";
import { clutchChannel } from "./src/channel.ts";
import { Delivery } from "./src/delivery.ts";
import type { PluginApi } from "./src/host.ts";
import { CallRuns } from "./src/runs.ts";
import { readSettings } from "./src/settings.ts";
import { markCompleteTool, signalTool } from "./src/tools.ts";

/** Module-wide: the registration that hears `before_tool_call` need not be the one whose tool runs. */
const runs = new CallRuns();

export default {
  id: "openclutch",
  name: "OpenClutch",
  description: "Tools with which agents report to an OpenClutch board, and the channel of its chats.",

  register(api: PluginApi): void {
    const board = new Board(readSettings(api, process.env));
    const delivery = new Delivery(board, api.logger);

    api.registerTool((context) => signalTool(board, runs, context), { name: "signal" });
    api.registerTool((context) => markCompleteTool(board, runs, context), { name: "mark_complete" });
    api.registerChannel({ plugin: clutchChannel(board) });

    api.on("before_tool_call", (event, context) => runs.heard(event, context));
    api.on("message_received", (event, context) => delivery.received(event, context));
    api.on("before_model_resolve", (_event, context) => delivery.started(context));
    // Never `before_agent_finalize`: registering it makes the gateway hold back all live text.
    api.on("agent_end", (event, context) => delivery.ended(event, context));
  },
};
