// Words that would be code if anything took them for more than words. Each calls a name that the page
// watches (`hit`), or opens a dialog; both fail the test.

/** What each vector runs if it runs. */
const RUN = "hit(document.domain)";
const ENTITY = "&#104;&#105;&#116;(1)";

/** Attributes that run by themselves, on elements that fire them without anybody's hand. */
const HANDLERS: [string, string[]][] = [
  ["onerror", ["<img src=x H>", "<img/src=x/H>", "<img src=x\tH>", "<image src=x H>", "<video><source H></video>", "<audio src=x H>", "<object data=x H>", "<input type=image src=x H>", "<link rel=stylesheet href=x H>", "<script src=x H></script>"]],
  ["onload", ["<svg H>", "<svg/H>", "<body H>", "<iframe H></iframe>", "<style H></style>", "<img src='/favicon.svg' H>", "<svg><image href='/favicon.svg' H>", "<frameset H>", "<link rel=stylesheet href='data:text/css,' H>"]],
  ["onfocus", ["<input autofocus H>", "<select autofocus H>", "<textarea autofocus H>", "<button autofocus H>", "<a href=# tabindex=1 autofocus H>x</a>", "<div contenteditable autofocus H>x</div>", "<keygen autofocus H>"]],
  ["ontoggle", ["<details open H>x</details>", "<details open H><summary>x</summary></details>"]],
  ["onstart", ["<marquee H>x</marquee>", "<marquee loop=1 width=0 H>x</marquee>"]],
  ["onbegin", ["<svg><animate attributeName=x dur=1s H></svg>", "<svg><set attributeName=x H></svg>"]],
  ["onanimationstart", ["<style>@keyframes x{}</style><b style='animation-name:x' H>x</b>"]],
  ["onpageshow", ["<body H>"]],
  ["onscroll", ["<body H><br><br><input autofocus>"]],
  ["onpointerrawupdate", ["<b H>x</b>"]],
  ["onbeforetoggle", ["<button popovertarget=x>x</button><b popover id=x H>x</b>"]],
  ["oncontentvisibilityautostatechange", ["<b style='content-visibility:auto;display:block' H>x</b>"]],
];

/** Ways in which a scheme hides itself. */
const SCHEMES = [
  `javascript:${RUN}`, `JaVaScRiPt:${RUN}`, ` javascript:${RUN}`, `java\tscript:${RUN}`, `java\nscript:${RUN}`, `\u0001javascript:${RUN}`, `javascript&colon;${RUN}`,
  `&#106;avascript:${RUN}`, `&#x6A;avascript:${RUN}`, `javascript&#58;${RUN}`, `java&Tab;script:${RUN}`, `vbscript:${RUN}`, `data:text/html,<script>${RUN}</script>`,
  `data:text/html;base64,PHNjcmlwdD5oaXQoMSk8L3NjcmlwdD4=`, `data:image/svg+xml,<svg onload=${RUN}>`, `blob:${RUN}`, `filesystem:${RUN}`, `feed:javascript:${RUN}`, `jar:javascript:${RUN}!/`, `view-source:javascript:${RUN}`,
  `//javascript:${RUN}`, `javascript://%0a${RUN}`, `javascript:/*--></title></style></script><script>${RUN}</script>`,
];

/** Elements that bring code along, and tricks with how HTML and markdown are read. */
const OTHERS = [
  `<script>${RUN}</script>`, `<SCRIPT>${RUN}</SCRIPT>`, `<script\n>${RUN}</script\n>`, `<scr<script>ipt>${RUN}</scr</script>ipt>`, `<script>${RUN}`, `"><script>${RUN}</script>`, `'><script>${RUN}</script>`,
  `</title><script>${RUN}</script>`, `</textarea><script>${RUN}</script>`, `</style><script>${RUN}</script>`, `</script><script>${RUN}</script>`, `--><script>${RUN}</script>`, `<!--><script>${RUN}</script>`, `<!--<img src=--><img src=x onerror=${RUN}>`,
  `]]><script>${RUN}</script>`, `<![CDATA[<script>${RUN}</script>]]>`, `<?xml version="1.0"?><script>${RUN}</script>`, `<svg><script>${ENTITY}</script></svg>`, `<math><script>${RUN}</script></math>`, `<template><script>${RUN}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`, `<math><mtext><table><mglyph><style><img src=x onerror=${RUN}></style></mglyph></table></mtext></math>`, `<svg></p><style><a id="</style><img src=x onerror=${RUN}>">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=${RUN}>`, `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`, `<iframe src="javascript:parent.${RUN}"></iframe>`, `<embed src="javascript:${RUN}">`, `<object data="javascript:${RUN}"></object>`,
  `<a href="javascript:${RUN}" autofocus>x</a>`, `<form action="javascript:${RUN}"><input type=submit autofocus></form>`, `<button formaction="javascript:${RUN}">x</button>`, `<base href="javascript:${RUN}//">`, `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<link rel=import href="data:text/html,<script>${RUN}</script>">`, `<style>@import 'javascript:${RUN}'</style>`, `<b style="background:url(javascript:${RUN})">x</b>`, `<b style="behavior:url(x)">x</b>`, `<svg><use href="data:image/svg+xml,<svg id='x' onload='${RUN}'/>#x"></use></svg>`,
  `<svg><a xlink:href="javascript:${RUN}"><text>x</text></a></svg>`, `<svg><foreignObject><img src=x onerror=${RUN}></foreignObject></svg>`, `{{constructor.constructor('${RUN}')()}}`, `\${${RUN}}`, `<%= ${RUN} %>`, `#{${RUN}}`,
  `\`<img src=x onerror=${RUN}>\``, `\`\`\`html\n<img src=x onerror=${RUN}>\n\`\`\``, `\`\`\`"onmouseover="${RUN}"\nx\n\`\`\``, `\`\`\`<script>${RUN}</script>\nx\n\`\`\``, `    <img src=x onerror=${RUN}>`, `| a |\n|---|\n| <img src=x onerror=${RUN}> |`, `- [ ] <img src=x onerror=${RUN}>`,
  `~~<img src=x onerror=${RUN}>~~`, `# <img src=x onerror=${RUN}>`, `> <img src=x onerror=${RUN}>`, `![x](x"onerror="${RUN})`, `![x"onerror="${RUN}](x)`, `![x](/uploads/images/x"onerror="${RUN}.png)`, `[x](x "t"onmouseover="${RUN}")`, `[x]: javascript:${RUN}\n\n[x]`,
  `<javascript:${RUN}>`, `<https://x"onmouseover="${RUN}>`, `https://x.example/"onmouseover="${RUN}`, `www.x.example/<script>${RUN}</script>`, `T-1"onmouseover="${RUN}`, `\u2028<script>${RUN}</script>`, `\ufeff<script>${RUN}</script>`, `<\u0000script>${RUN}</script>`, `＜script＞${RUN}＜/script＞`,
  `<img src=x onerror\u0000=${RUN}>`, `<img src=x one\u0000rror=${RUN}>`, `<a\u00a0href=javascript:${RUN}>x</a>`, `<x onclick=${RUN} autofocus tabindex=1>x`,
];

/** All of them. */
export const VECTORS: string[] = [
  ...HANDLERS.flatMap(([name, shapes]) => shapes.map((shape) => shape.replace("H", `${name}=${RUN}`))),
  ...SCHEMES.flatMap((scheme) => [`[x](${scheme})`, `<a href="${scheme}">x</a>`]),
  ...OTHERS,
];
