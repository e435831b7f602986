// Preload (node --require) that keeps a process on loopback: name look-ups and TCP connections to
// anything else fail at once with ENOTFOUND or ECONNREFUSED. UDP is not looked at, nor what a child does that is
// no Node. OC_GUARD_LOG collects what was refused.
"use strict";
const dns = require("node:dns"), net = require("node:net"), fs = require("node:fs");

const LOCAL = /^(localhost|127\.\d+\.\d+\.\d+|::1|::|0\.0\.0\.0|::ffff:127\.\d+\.\d+\.\d+)$/i;
const local = (host) => !host || LOCAL.test(String(host).replace(/^\[|\]$/g, "").replace(/\.$/, ""));

function refuse(code, host) {
  if (process.env.OC_GUARD_LOG) {
    try { fs.appendFileSync(process.env.OC_GUARD_LOG, `${new Date().toISOString()} ${code} ${host}\n`); } catch { /* the refusal counts, not the note */ }
  }
  return Object.assign(new Error(`${code} ${host} (loopback guard)`), { code, errno: code, syscall: "getaddrinfo", hostname: host });
}

// The module's own functions, and those of resolvers that somebody makes.
for (const name of ["lookup", "resolve", "resolve4", "resolve6", "resolveTxt", "resolveSrv", "resolveAny"]) {
  for (const place of [dns, dns.Resolver.prototype]) {
    const withCallback = place[name];
    if (withCallback) place[name] = function (host, ...rest) {
      if (local(host)) return withCallback.call(this, host, ...rest);
      const done = rest[rest.length - 1], error = refuse("ENOTFOUND", host);
      if (typeof done === "function") process.nextTick(done, error); else throw error;
    };
  }
  for (const place of [dns.promises, dns.promises.Resolver.prototype]) {
    const withPromise = place[name];
    if (withPromise) place[name] = function (host, ...rest) {
      return local(host) ? withPromise.call(this, host, ...rest) : Promise.reject(refuse("ENOTFOUND", host));
    };
  }
}

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  const host = first && typeof first === "object" ? (first.path ? "" : first.host) : typeof args[1] === "string" ? args[1] : "";
  if (net.isIP(host ?? "") && !local(host)) { process.nextTick(() => this.destroy(refuse("ECONNREFUSED", host))); return this; }
  return connect.apply(this, args);
};
require("node:module").syncBuiltinESMExports();
