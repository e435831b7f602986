// Many windows at once: every page is answered, whole and in time.
import { expect, freshProject, test } from "../support/fixtures.ts";

const AT_ONCE = 16, ROUNDS = 60, PATIENCE_MS = 20_000, CARDS = 12;

test("pages that are asked for at the same time are all answered", async ({ alone }) => {
  const project = await freshProject(alone, "Many");
  const task = await alone.createTask(project, "Seen by many", { status: "ready" });
  for (let card = 1; card < CARDS; card++) await alone.createTask(project, `Card ${card}`);
  const board = `/projects/${project.slug}/board`;
  const routes = ["/", board, `${board}?task=T-${task.number}`, `${board}?new`, `/projects/${project.slug}/settings`];
  const wrong: string[] = [];
  const started = Date.now();
  await Promise.all(Array.from({ length: AT_ONCE }, async (_, window) => {
    for (let round = 0; round < ROUNDS; round++) {
      const route = routes[(round + window) % routes.length];
      try {
        const answer = await fetch(alone.url + route, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE_MS) });
        const html = await answer.text();
        if (answer.status !== 200 || !html.includes(project.name) || !html.includes("</html>")) wrong.push(`${answer.status} ${route}`);
      } catch (error) {
        wrong.push(`${String(error)} ${route}`);
      }
    }
  }));
  console.log(`measured: ${AT_ONCE * ROUNDS} pages by ${AT_ONCE} windows at once, ${((Date.now() - started) / (AT_ONCE * ROUNDS)).toFixed(1)} ms each`);
  expect(wrong).toEqual([]);
});
