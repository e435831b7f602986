import { type Board, refusal } from "./board.ts";
import type { Tool, ToolContext, ToolResult } from "./host.ts";
import type { CallRuns } from "./runs.ts";

const WAIT_FOR_THE_ANSWER =
  "The ticket waits for a person now. End your turn; the answer comes as a message in this session.";
const GO_ON = "A person will see this. You need not wait, go on with the work.";

/** `signal`: the agent asks or tells people something about a ticket. */
export function signalTool(board: Board, runs: CallRuns, context: ToolContext): Tool {
  return {
    name: "signal",
    label: "Signal",
    description:
      "Ask or tell the people on the board something about a ticket. 'question' and 'blocker' stop the work until " +
      "somebody answers; 'alert' and 'fyi' do not.",
    parameters: {
      type: "object",
      properties: {
        taskId: { type: "string", description: "Id of the ticket." },
        kind: { type: "string", enum: ["question", "blocker", "alert", "fyi"], description: "What it is." },
        message: { type: "string", description: "What people should know or answer, in full sentences." },
        severity: { type: "string", enum: ["normal", "urgent", "critical"], description: "How much it matters; normal if left out." },
      },
      required: ["taskId", "kind", "message"],
    },
    async execute(callId, params, signal) {
      const body = {
        taskId: params["taskId"], kind: params["kind"], message: params["message"], severity: params["severity"] ?? "normal",
        ...sender(runs, context, callId),
      };
      try {
        const answer = await board.call("POST", "/api/signal", body, signal);
        if (!answer.ok) return result({ error: refusal(answer) });
        return result({ ...answer.body, _guidance: answer.body["blocking"] === true ? WAIT_FOR_THE_ANSWER : GO_ON });
      } catch (error) {
        return result({ error: `The signal was not sent: ${sentence(error)}. Try again later in this turn.` });
      }
    },
  };
}

/** `mark_complete`: the agent reports that a ticket's work is done. */
export function markCompleteTool(board: Board, runs: CallRuns, context: ToolContext): Tool {
  return {
    name: "mark_complete",
    label: "Mark complete",
    description: "Report that the work on a ticket is done. Call it once, at the very end.",
    parameters: {
      type: "object",
      properties: {
        taskId: { type: "string", description: "Id of the ticket." },
        summary: { type: "string", description: "What was done, for the person who reviews it." },
        prUrl: { type: "string", description: "Address of the pull request, if there is one." },
        notes: { type: "string", description: "What else the reviewer should know." },
      },
      required: ["taskId", "summary"],
    },
    async execute(callId, params, signal) {
      const { agentId, ...rest } = sender(runs, context, callId);
      const body = { summary: params["summary"], prUrl: params["prUrl"], notes: params["notes"], agent: agentId, ...rest };
      const path = `/api/tasks/${encodeURIComponent(String(params["taskId"] ?? ""))}/complete`;
      try {
        const answer = await board.call("POST", path, body, signal);
        if (!answer.ok) return result({ error: refusal(answer) });
        const task = answer.body["task"] as { status?: unknown } | undefined;
        const status = String(task?.status ?? "unknown");
        return result({ success: true, status, message: `The ticket is now ${status.replaceAll("_", " ")}. Your work on it is finished.` });
      } catch (error) {
        return result({ error: `The report was not sent: ${sentence(error)}. Try again later in this turn.` });
      }
    },
  };
}

/** Who reports, and out of which conversation and run; a run that the gateway does not name is left out. */
function sender(runs: CallRuns, context: ToolContext, callId: string): { agentId: string; sessionKey?: string; run_id?: string } {
  const runId = context.runId ?? runs.of(context.sessionKey, callId);
  return {
    agentId: context.agentId ?? "unknown",
    ...(context.sessionKey === undefined ? {} : { sessionKey: context.sessionKey }),
    ...(runId === undefined ? {} : { run_id: runId }),
  };
}

function result(value: Record<string, unknown>): ToolResult {
  return { content: [{ type: "text", text: JSON.stringify(value) }], details: value };
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
