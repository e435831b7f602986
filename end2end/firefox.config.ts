import { defineConfig } from "@playwright/test";

// What another engine does otherwise, in the system's Firefox (support/firefox.ts); all else is tried in Chromium.
export default defineConfig({
  testDir: "firefox",
  workers: 1,
  forbidOnly: !!process.env.CI,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  outputDir: "test-results/firefox",
  globalSetup: "./support/setup.ts",
});
