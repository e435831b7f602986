import type { PluginApi } from "./host.ts";

/** Where the board is. */
export interface Settings {
  /** Address without a slash at its end. */
  url: string;
  /** Sent as bearer token when the board asks for one. */
  token: string | undefined;
}

const DEFAULT_URL = "http://localhost:3002";

/**
 * The first that is set: `plugins.entries.openclutch.config.url`, `env.CLUTCH_URL` of the gateway's
 * configuration, the environment's `CLUTCH_URL`, then `CLUTCH_API_URL`, then port 3002 of this machine.
 * The token likewise: the plugin's `token`, then `CLUTCH_TOKEN` of either.
 */
export function readSettings(api: Pick<PluginApi, "config" | "pluginConfig">, environment: Record<string, string | undefined>): Settings {
  const own = api.pluginConfig ?? {};
  const configured = configuredEnvironment(api.config?.env);
  const url = firstText(own["url"], configured["CLUTCH_URL"], environment["CLUTCH_URL"], environment["CLUTCH_API_URL"]);
  return {
    url: (url ?? DEFAULT_URL).replace(/\/+$/, ""),
    token: firstText(own["token"], configured["CLUTCH_TOKEN"], environment["CLUTCH_TOKEN"]),
  };
}

/** The gateway's configuration names variables either in `env` itself or in `env.vars`. */
function configuredEnvironment(env: Record<string, unknown> | undefined): Record<string, unknown> {
  const vars = env?.["vars"];
  return { ...(vars !== null && typeof vars === "object" ? vars : {}), ...env };
}

function firstText(...values: unknown[]): string | undefined {
  for (const value of values) if (typeof value === "string" && value.trim() !== "") return value.trim();
  return undefined;
}
