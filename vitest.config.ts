/**
 * Where the tests are: beside the code, under `test/` for what crosses parts, beside the examples. `scripts/test.mjs` runs
 * them in several lanes (runtimes, users, builds); this file is the same for all of them.
 */
import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["sdk/**/*.test.ts", "cli/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts", "kmod/**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", ".cache/**"],
    // A sandbox starts in milliseconds; what takes longer than this hangs. Suites that must take longer say so themselves.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    maxWorkers: availableParallelism(),
    // A suite without tests, or a name that matches none, is a mistake.
    passWithNoTests: false,
    restoreMocks: true
  }
})
