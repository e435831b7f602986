// The configuration of a gateway that stays on this machine and asks one model server.

/** Versions before May 2026 refuse keys that they do not know. */
const STRICT = /^2026\.[1-4]\./;

const model = (id) => ({
  id, name: id, reasoning: false, input: ["text", "image"], contextWindow: 128000, maxTokens: 8192,
  cost: { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 },
});

/**
 * Builds openclaw.json as an object.
 * `version`, `port`, `token`, `state`, `logs`, `workspace`, `modelUrl`: as in start-gateway.sh;
 * `models`: ids, the first is the default; `plugins`: folders with the ids from their manifests, `[{path, id, channels}]`;
 * `allow`: optional tools by name; `extra`: merged over everything.
 */
export function gatewayConfig({ version, port, token, state, logs, workspace, modelUrl, models, plugins, allow, extra }) {
  const config = {
    gateway: { mode: "local", bind: "loopback", port, auth: { mode: "token", token } },
    logging: { file: `${logs}/gateway.jsonl`, consoleStyle: "pretty" },
    update: { checkOnStart: false },
    telemetry: { enabled: false },
    discovery: { mdns: { mode: "off" } },
    models: {
      mode: "replace", catalogRefresh: { enabled: false },
      providers: { scripted: { baseUrl: modelUrl, apiKey: "scripted-local", api: "openai-completions", models: models.map(model) } },
    },
    // Without this, plugin tools hide behind a search tool; and nobody is there to approve commands.
    tools: { toolSearch: false, exec: { host: "gateway", security: "full", ask: "off" } },
    agents: { defaults: { model: { primary: `scripted/${models[0]}` }, workspace, skipBootstrap: true, heartbeat: { every: "0m" } } },
  };
  if (allow.length) config.tools.alsoAllow = allow;
  if (plugins.length) {
    config.plugins = { load: { paths: plugins.map((p) => p.path) }, entries: {} };
    for (const plugin of plugins) {
      config.plugins.entries[plugin.id] = { enabled: true, hooks: { allowConversationAccess: true } };
      for (const channel of plugin.channels) config.channels = { ...config.channels, [channel]: { enabled: true } };
    }
  }
  if (STRICT.test(version)) {
    delete config.telemetry;
    delete config.models.catalogRefresh;
    delete config.tools.toolSearch;
    delete config.channels; // it would look for a plugin with the channel's name; channels run without
    for (const entry of Object.values(config.plugins?.entries ?? {})) delete entry.hooks;
  }
  return extra ? merge(config, extra) : config;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function merge(base, over) {
  for (const key of Object.keys(over)) base[key] = isObject(base[key]) && isObject(over[key]) ? merge(base[key], over[key]) : over[key];
  return base;
}
