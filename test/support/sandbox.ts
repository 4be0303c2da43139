/**
 * What suites that cross parts share: running one command in a sandbox to its end, and a scratch directory.
 */
import { spawnSync } from "node:child_process"
import { Effect, Fiber, Stream } from "effect"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as Command from "../../sdk/Command.ts"
import type { Outcome } from "../../sdk/Outcome.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import "./backend.ts"
import { text } from "./stream.ts"

export interface Ran {
  readonly outcome: Outcome
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end and collects what it wrote. `input` is its whole stdin. */
export const run = (
  argv: ReadonlyArray<string>,
  policy: Policy.Policy = Policy.default,
  options: Command.Options & { readonly input?: string } = {}
): Promise<Ran> => {
  const { input, ...rest } = options
  const command = Command.set(Command.make(argv[0]!, ...argv.slice(1)), rest)
  return Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(command, policy)
    const stdout = yield* Effect.forkScoped(text(sandbox.stdout))
    const stderr = yield* Effect.forkScoped(text(sandbox.stderr))
    if (rest.stdin === undefined) yield* Stream.make(new TextEncoder().encode(input ?? "")).pipe(Stream.run(sandbox.stdin), Effect.ignore)
    const outcome = yield* sandbox.exit
    return {
      outcome,
      code: outcome._tag === "Exited" ? outcome.code : undefined,
      stdout: yield* Fiber.join(stdout),
      stderr: yield* Fiber.join(stderr)
    }
  }).pipe(Effect.scoped, Effect.runPromise)
}

/** A directory of this test file's own, gone afterwards. Everybody may enter it, so that plain-user suites can use it too. */
export const scratch = (): string => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "rvisor-test-")))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** True when something is there; says aloud when not, and fails in CI, so that nothing is skipped in silence. */
export const needs = (name: string, present: boolean): boolean => {
  if (present) return true
  const message = `this host lacks ${name}: its tests do not run here`
  if (process.env["CI"] === "true") throw new Error(message)
  console.warn(`!! ${message}`)
  return false
}

/** The same of a program that a guest would find. */
export const has = (program: string): boolean =>
  needs(program, spawnSync("sh", ["-c", `command -v ${program}`], { env: { PATH: "/usr/sbin:/usr/bin:/bin" } }).status === 0)
