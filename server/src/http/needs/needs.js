(() => {
  // Keeps the list true, answers without leaving the page, and lets keys answer. Without it the page is links and forms.
  const EVERY = 2500;
  const list = document.getElementById("list"), said = document.getElementById("said");
  // Without its style, which another page's policy does not allow here.
  const read = (text) => new DOMParser().parseFromString(text.replace(/<style[^]*?<\/style>/g, ""), "text/html");
  const id = (card) => card.dataset.card;
  const cards = () => [...list.querySelectorAll("[data-card]")];
  // What somebody writes into, or has under their hands, is not changed.
  const held = (card) => card.contains(document.activeElement) || [...card.querySelectorAll("textarea, input:not([type=hidden])")]
    .some((field) => field.type === "radio" || field.type === "checkbox" ? field.checked : field.value !== "");
  const open = (card) => card.querySelector("details[open]") !== null;
  let busy = 0;

  function take(page) {
    const there = page.getElementById("list");
    if (!there) return;
    const known = new Map(cards().map((card) => [id(card), card]));
    const focus = document.activeElement?.closest?.("[data-card]");
    const before = cards();
    const place = before.indexOf(focus);
    const next = [...there.children].map((one) => {
      const old = known.get(id(one));
      known.delete(id(one));
      return old && (held(old) || open(old) || old.outerHTML === one.outerHTML) ? old : document.adoptNode(one);
    });
    const gone = focus && known.has(id(focus));
    if (next.length !== list.children.length || next.some((one, n) => one !== list.children[n])) {
      // What stays is not moved unless it must be: a field keeps its focus.
      for (const one of [...list.children]) if (!next.includes(one)) one.remove();
      next.forEach((one, n) => { if (list.children[n] !== one) list.insertBefore(one, list.children[n] ?? null); });
    }
    if (gone) (cards()[Math.min(place, cards().length - 1)] ?? document.getElementById("main")).focus();
    for (const name of ["needs", "count"]) {
      const [here, now] = [document.getElementById(name), page.getElementById(name)];
      if (here && now && here.outerHTML !== now.outerHTML) here.replaceWith(document.adoptNode(now));
    }
    document.title = page.title;
  }

  async function look() {
    if (busy || document.visibilityState !== "visible") return;
    const asked = ++turn;
    try {
      const answer = await fetch(location.pathname, { headers: { accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok && !busy && asked === turn) take(read(await answer.text()));
    } catch { /* the server is away: the next look tells */ }
  }
  let turn = 0;
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);

  document.addEventListener("submit", async (event) => {
    const form = event.target, card = form.closest("[data-card]");
    if (!card || busy) return event.preventDefault();
    event.preventDefault();
    busy += 1;
    turn += 1;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    card.classList.add("gone");
    for (const button of card.querySelectorAll("button")) button.disabled = true;
    document.querySelector(".wrong[role=alert]")?.remove();
    try {
      const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { accept: "text/html" } });
      const page = read(await answer.text());
      const wrong = page.querySelector(".wrong[role=alert]");
      for (const field of card.querySelectorAll("textarea")) if (answer.ok) field.value = "";
      if (answer.ok && document.activeElement && card.contains(document.activeElement)) card.focus();
      card.classList.remove("gone");
      for (const button of card.querySelectorAll("button")) button.disabled = false;
      if (wrong) list.before(document.adoptNode(wrong));
      else if (!answer.ok) throw new Error(String(answer.status));
      take(page);
      said.textContent = wrong ? "" : page.getElementById("said")?.textContent ?? "";
    } catch {
      card.classList.remove("gone");
      for (const button of card.querySelectorAll("button")) button.disabled = false;
      said.textContent = "The server did not answer. Nothing may have been said: look again in a moment.";
    } finally {
      busy -= 1;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
    const all = cards(), here = event.target.closest("[data-card]"), at = all.indexOf(here);
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (step && (at >= 0 ? event.target === here : event.key === "j")) {
      all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step))]?.focus();
      event.preventDefault();
    } else if (here && event.target === here && /^[1-9]$/.test(event.key)) {
      // Only on the card itself, which has the focus: no digit that was meant for something else answers.
      const way = [...here.querySelectorAll("kbd")].find((kbd) => kbd.textContent === event.key);
      way?.closest("button, a")?.click();
    }
  });
})();
