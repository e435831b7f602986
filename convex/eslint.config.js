import convex from "@convex-dev/eslint-plugin";
import tseslint from "typescript-eslint";

// All of Convex's own rules, also those that are off by default, with the types in hand.
export default tseslint.config(
  { ignores: ["functions/_generated", "node_modules", "*.js", "*.ts"] },
  ...tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ["functions/**/*.ts"],
    plugins: { "@convex-dev": convex },
    rules: Object.fromEntries(Object.keys(convex.rules).map((name) => [`@convex-dev/${name}`, "error"])),
  },
);
