// node style.mjs FROM TO LATER BROWSERS [--small]: the two stylesheets out of their Sass, in what those browsers
// understand (light-dark() and oklch() not yet): what each page needs, and what comes with the code of app/src/lazy.rs.
// With the programs of end2end/package.json. Measures beside the few of style/_scale.scss and style/_tokens.scss are
// refused.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [from, to, later, browsers, small] = process.argv.slice(2);
const require = createRequire(path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "../end2end/package.json"));
const sass = require("sass");
const browserslist = require("browserslist");
const { transform, browserslistToTargets } = require("lightningcss");

/** Where measures are named; nowhere else are they written. */
const NAMED = ["_scale.scss", "_tokens.scss"];
const BREAKPOINTS = ["$phone", "$tablet", "$wide"];
/** What a line may not say, and what it says instead. */
const RULES = [
  [/^\s*font-weight: *[\d.]|^\s*font: *(bold|[1-9]00\b)/, "a weight is one of $w1 to $w4"],
  [/^\s*font(-size)?:[^;]*\d(px|pt|rem)\b/, "a size of type is one of $f1 to $f7"],
  [/^\s*z-index: *-?\d/, "what lies above what is one of --z-…"],
  [/^\s*((row-|column-)?gap|padding[a-z-]*|margin[a-z-]*):[^;]*\d(px|pt|rem)\b/, "a space is one of $g1 to $g16"],
  [/(^|[\s,(])(html|body|:root|\.page|\.board-page|\.room|\.board|\.col|\.cards|\.thread)(\.[\w-]+|:not\([^)]*\))*:has\(/, "what holds much is not asked what it has, for every change below it asks again: a class says it"],
  [/@(media|container)[^{]*\d(px|em|rem)\b/, `a width from which on something else holds is one of ${BREAKPOINTS.join(", ")}`],
];

/** Lines that say what they may not, each with what is wrong. */
function strays(folder) {
  const found = [];
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".scss")).sort()) {
    const lines = fs.readFileSync(path.join(folder, file), "utf8").split("\n").map((line) => line.replace(/(^|\s)\/\/.*/, ""));
    lines.forEach((line, n) => {
      const wrong = NAMED.includes(file) ? [] : RULES.filter(([stray]) => stray.test(line)).map(([, instead]) => instead);
      for (const [name] of /@media[^{]*width/.test(line) ? line.matchAll(/\$[\w-]+/g) : []) {
        if (!BREAKPOINTS.includes(name)) wrong.push(`${name} is no breakpoint: there are ${BREAKPOINTS.join(", ")}`);
      }
      for (const what of wrong) found.push(`${path.join(folder, file)}:${n + 1}: ${what}`);
    });
  }
  return found;
}

const found = strays(path.dirname(from));
if (found.length) {
  console.error(found.join("\n"));
  process.exit(1);
}
/** Where the Sass says that the second sheet begins. */
const LATER = "/*! Later */";
const sheets = sass.compile(from).css.split(LATER);
if (sheets.length !== 2) throw new Error(`${from}: ${LATER} stands in it ${sheets.length - 1} times`);
for (const [n, css] of sheets.entries()) {
  const { code, warnings } = transform({
    filename: from,
    code: Buffer.from(css),
    minify: small === "--small",
    targets: browserslistToTargets(browserslist(browsers)),
  });
  for (const warning of warnings) throw new Error(`${from}: ${warning.message}`);
  fs.writeFileSync([to, later][n], code);
}
