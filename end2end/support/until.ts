// Waiting for what other processes make true.
import { setTimeout as pause } from "node:timers/promises";

const LOOK_EVERY_MS = 20;

/** Thrown by a look: there is no use in waiting on. */
export class Hopeless extends Error {}

/** Waits until `look` gives something; fails with `what` after `seconds`. A look that throws counts as nothing yet. */
export async function until<T>(what: string, look: () => T | Promise<T>, seconds = 30): Promise<NonNullable<T>> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`Not within ${seconds} s: ${what}${last === undefined ? "" : ` (last: ${String(last)})`}`);
    await pause(LOOK_EVERY_MS);
  }
}
