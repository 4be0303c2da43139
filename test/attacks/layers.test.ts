/**
 * Defence in depth: of each pair of layers the first is taken away, by a sentry that is built for this and never shipped
 * (native/tests/without.cc), and the second must hold the attack by itself. What `without` takes away is gone indeed: each pair names
 * an attack that succeeds where both are.
 */
import { execFileSync, spawn } from "node:child_process"
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Command from "../../sdk/Command.ts"
import type { PolicyInput } from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { directory, guest, type Guest, HELD, isRoot, policy, program, WON } from "./run.ts"
import { pairs } from "./rows.ts"

const sentry = vi.hoisted(() => ({ path: "" }))
vi.mock("../../sdk/internal/assets.ts", async (original) => {
  const module = await original<typeof import("../../sdk/internal/assets.ts")>()
  return { ...module, sentryExecutable: () => sentry.path === "" ? module.sentryExecutable() : sentry.path }
})

const root = join(import.meta.dirname, "../..")
const product = join(root, "dist/native/rvisor-sentry")
const built = join(directory, "rvisor-sentry")

beforeAll(() => {
  const tree = join(root, "native/build")
  execFileSync("cmake", ["--build", tree, "--target", "rvisor-sentry-without"], { stdio: ["ignore", "ignore", "inherit"] })
  const found = ["sentry/rvisor-sentry-without", "native/sentry/rvisor-sentry-without"].map((name) => join(tree, name)).find((name) => existsSync(name))
  copyFileSync(found!, built)
}, 300_000)

/** Runs `act` by a sentry that lacks these layers. */
const without = async <A>(layers: ReadonlyArray<string>, act: () => Promise<A>): Promise<A> => {
  sentry.path = [built, ...layers].join(".")
  if (layers.length > 0 && !existsSync(sentry.path)) linkSync(built, sentry.path)
  try {
    return await act()
  } finally {
    sentry.path = ""
  }
}

const held = { code: HELD, said: expect.stringContaining("held") }

/** What a pair's attack needs, as the function that runs it under a policy. */
type Attack = (input: PolicyInput) => Promise<Guest>

// Not beneath /tmp, which every guest may write: where the view is gone that is the host's.
const home = mkdtempSync(join(homedir(), ".rvisor-attacks-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const tree = (name: string) => {
  const outside = join(home, `${name}-outside`), readable = join(home, `${name}-readable`)
  for (const path of [outside, readable]) mkdirSync(path, { recursive: true })
  writeFileSync(join(outside, "secret"), "TREASURE\n")
  writeFileSync(join(readable, "readable"), "nothing\n")
  return { outside, readable }
}

/**
 * Landlock lets the directories of the skeleton be listed, `/` among them, and with it all beneath: names are the view's alone to hide. And
 * where there is no view, what its own directories (`/etc`, `/tmp`) are called is the host's.
 */
const outside: Attack = async (input) => {
  const { outside, readable } = tree(`tree-${Math.random().toString(36).slice(2)}`)
  return guest("filter", [program("outside"), outside, readable, ...(sentry.path.includes(".view") ? ["names"] : [])], { ...input, filesystem: { ...input.filesystem, read: [readable] } })
}
const denied: Attack = async (input) => {
  const path = join(directory, `denied-${Math.random().toString(36).slice(2)}`)
  mkdirSync(join(path, "sub"), { recursive: true })
  for (const file of ["secret", "sub/deeper"]) writeFileSync(join(path, file), "TREASURE\n")
  writeFileSync(join(path, "public"), "nothing\n")
  return guest("filter", [program("denied_file"), path], { ...input, filesystem: { ...input.filesystem, write: [path], deny: [join(path, "secret"), join(path, "sub/deeper")] } })
}
const signalled: Attack = async (input) => {
  const victim = spawn("sleep", ["60"], { stdio: "ignore" })
  try {
    const result = await guest("filter", [program("signal_outside"), String(victim.pid)], input)
    await new Promise((resolve) => setTimeout(resolve, 50))
    // The attack itself cannot tell whether a descriptor's signal came.
    return victim.signalCode === null && victim.exitCode === null ? result : { ...result, code: WON }
  } finally {
    victim.kill("SIGKILL")
  }
}
const connected: Attack = async (input) => {
  const server = createServer((socket) => socket.on("error", () => {}).destroy())
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    return await guest("filter", [program("loopback"), String((server.address() as { readonly port: number }).port)], input)
  } finally {
    server.close()
  }
}
/** Modes are none of Landlock's business. */
const settings: Attack = (input) => guest("filter", [program("proc_settings"), ...(sentry.path.includes(".readonly") ? ["contents"] : [])], input)
const alone = (name: string): Attack => (input) => guest("filter", [program(name)], input)
const privileged: Attack = (input) => {
  const path = join(directory, "set-user-id")
  copyFileSync(program("privileged_file"), path)
  execFileSync("chmod", ["4755", path])
  return guest("filter", [path], { ...input, filesystem: { read: [path] } })
}

const attacks: Readonly<Record<string, Attack>> = {
  outside, denied_file: denied, signal_outside: signalled, loopback: connected, privileged_file: privileged, proc_settings: settings,
  ...Object.fromEntries(["devices", "spin", "init_memory", "mounts", "namespaces", "user_namespace", "file_handles", "kernel_surface", "keys", "machine", "tiocsti"].map((name) => [name, alone(name)]))
}

describe("what stands behind", () => {
  for (const { attack, held: by, input, without: layer } of pairs) {
    it(`${layer}: ${attack}, held by ${by}`, async () => {
      const result = await without(layer.split(" "), () => attacks[attack]!(input ?? {}))
      if (attack === "spin") expect(result, result.said).toMatchObject({ code: undefined, end: expect.stringMatching(/Signaled|Killed/) })
      else expect(result).toMatchObject(held)
    }, 60_000)
  }
})

describe("what is taken away is gone: where both layers are, the attack succeeds", () => {
  for (const { attack, both, bothInput, input, needsRoot } of pairs) {
    if (both === undefined || (needsRoot === true && !isRoot)) continue
    it(`${both}: ${attack}`, async () => expect(await without(both.split(" "), () => attacks[attack]!(bothInput ?? input ?? {}))).toMatchObject({ code: WON }), 60_000)
  }
})

describe("the life of the guest", () => {
  const children = (pid: number): ReadonlyArray<number> => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter((each) => each !== "").map(Number)
  const named = (pid: number): string => readFileSync(`/proc/${pid}/comm`, "utf8").trim()
  const find = (pid: number, name: string): number | undefined => children(pid).map((child) => named(child) === name ? child : find(child, name)).find((each) => each !== undefined)
  for (const victim of ["rvisor-sentry", "rvisor-warden"]) {
    it(`without parent-death signals it ends with the ${victim.slice(7)}, by the ends of sockets`, async () => {
      const { outcome, pid, took } = await without(["parent-death"], () =>
        Effect.gen(function*() {
          const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sleep", "100"), { stdin: "ignore" }), policy())
          const start = performance.now()
          process.kill(find(process.pid, victim)!, "SIGKILL")
          return { outcome: yield* Effect.exit(sandbox.exit), pid: sandbox.pid, took: performance.now() - start }
        }).pipe(Effect.scoped, Effect.runPromise))
      expect(JSON.stringify(outcome)).toMatch(/sentry/)
      expect(took).toBeLessThan(2000)
      expect(existsSync(`/proc/${pid}`)).toBe(false)
    })
  }
})

it("what is shipped does not lack a layer by being called so", async () => {
  const named = join(directory, "rvisor-sentry.landlock.readonly.view")
  copyFileSync(product, named)
  sentry.path = named
  try {
    expect(await outside({})).toMatchObject(held)
    const layers = await Effect.runPromise(Effect.scoped(Effect.map(Sandbox.spawn(Command.make("true"), policy()), (sandbox) => sandbox.layers)))
    expect(layers.filter((each) => each.startsWith("landlock:"))).toHaveLength(1)
  } finally {
    sentry.path = ""
  }
})
