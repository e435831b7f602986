// Measurements that need a browser and a gateway: bench/chat.sh starts them. Nothing here asserts a time.
import { defineConfig } from "@playwright/test";
import base from "./playwright.config.ts";

export default defineConfig(base, {
  testDir: "bench",
  testMatch: "*.bench.ts",
  workers: 1,
  retries: 0,
  timeout: 900_000,
});
