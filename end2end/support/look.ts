// Where things are on the pages, by what people and screen readers know them by.
import type { Locator, Page } from "@playwright/test";

export type Column = "Backlog" | "Ready" | "In progress" | "In review" | "Blocked" | "Done";

/** A column of the board. */
export const column = (page: Page, name: Column): Locator => page.getByRole("region", { name, exact: true });

/** A card, wherever it lies. */
export const card = (page: Page, title: string): Locator => page.locator("[data-card]").filter({ has: page.getByRole("link", { name: title, exact: true }) });

/** A card in a column. */
export const cardIn = (page: Page, name: Column, title: string): Locator => column(page, name).locator("[data-card]").filter({ has: page.getByRole("link", { name: title, exact: true }) });

/** Titles of a column's cards, from above. */
export const titles = (page: Page, name: Column): Promise<string[]> => column(page, name).locator("[data-card] h3").allTextContents();

/** The panel of the open ticket. */
export const panel = (page: Page): Locator => page.getByRole("complementary", { name: /^Ticket / });

/** Opens the panel of a card. */
export async function openPanel(page: Page, title: string): Promise<Locator> {
  await card(page, title).getByRole("link", { name: title, exact: true }).click();
  const opened = panel(page);
  await opened.getByRole("button", { name: title, exact: true }).waitFor();
  return opened;
}

/** Messages at the lower edge. */
export const toasts = (page: Page): Locator => page.locator(".toasts");

/** From now on keeps every text that an element with this selector shows; gives a way to read them. */
export async function keepTexts(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const name = `kept${Math.random().toString(36).slice(2)}`;
  await page.evaluate(([name, selector]) => {
    const kept = new Set<string>();
    (window as unknown as Record<string, Set<string>>)[name] = kept;
    const look = () => document.querySelectorAll(selector).forEach((element) => kept.add(element.textContent ?? ""));
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, [name, selector]);
  return () => page.evaluate((name) => [...(window as unknown as Record<string, Set<string>>)[name]], name);
}
