/**
 * `sdk/internal/ring/moduleWorker.ts` in the self-contained executable. A module of handlers that imports `rvisor` or `effect` gets the
 * executable's own, whether or not they are installed where it lies.
 */
import { plugin } from "bun"
import * as effect from "effect"
import * as rvisor from "../../sdk/index.ts"

plugin({
  name: "rvisor in modules of handlers",
  setup: (build) => {
    build.module("rvisor", () => ({ exports: rvisor, loader: "object" }))
    build.module("effect", () => ({ exports: effect, loader: "object" }))
  }
})

await import("../../sdk/internal/ring/moduleWorker.ts")
