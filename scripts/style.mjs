// node style.mjs FROM TO BROWSERS [--small]: the stylesheet out of its Sass, in what those browsers understand
// (light-dark() and oklch() not yet). With the programs of end2end/package.json.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [from, to, browsers, small] = process.argv.slice(2);
const require = createRequire(path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../end2end/package.json"));
const sass = require("sass");
const browserslist = require("browserslist");
const { transform, browserslistToTargets } = require("lightningcss");

const { css } = sass.compile(from);
const { code, warnings } = transform({
  filename: from,
  code: Buffer.from(css),
  minify: small === "--small",
  targets: browserslistToTargets(browserslist(browsers)),
});
for (const warning of warnings) throw new Error(`${from}: ${warning.message}`);
fs.writeFileSync(to, code);
