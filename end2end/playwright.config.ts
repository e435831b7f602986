import { defineConfig } from "@playwright/test";
import { chromium } from "./support/places.ts";

/** Gateways need 700 MB each, so there are few workers; every file starts what it needs. */
const WORKERS = 2;

export default defineConfig({
  testDir: "tests",
  workers: WORKERS,
  forbidOnly: !!process.env.CI,
  // What passes at the second go is a fault that hides: no second go, and red if somebody asks for one.
  retries: 0,
  failOnFlakyTests: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  outputDir: "test-results",
  globalSetup: "./support/setup.ts",
  use: {
    browserName: "chromium",
    headless: true,
    viewport: { width: 1440, height: 900 },
    actionTimeout: 10_000,
    launchOptions: {
      executablePath: chromium(),
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
      ],
    },
  },
});
