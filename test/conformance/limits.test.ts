/**
 * Limits: each ends what exceeds it, says so as such, and lets pass what stays below.
 */
import { Effect, Fiber } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { needs, run } from "../support/sandbox.ts"
import { text } from "../support/stream.ts"

const root = process.getuid!() === 0
const limited = (limits: NonNullable<Policy.PolicyInput["limits"]>) => Policy.make({ limits })
// A plain user without a delegated group cannot limit memory; test/faults.test.ts checks that it is told so.
const controlGroups = root || needs("a delegated control group", false)

describe.runIf(controlGroups)("memory", () => {
  it("ends a guest that takes more, and says so", async () => {
    const result = await run(["/usr/bin/python3", "-c", "a = bytearray(300 << 20)"], limited({ memory: "64 MiB" }))
    expect(result.outcome).toMatchObject({ _tag: "Killed", reason: "memory", usage: { memorySource: "cgroup" } })
    expect((result.outcome as { message: string }).message).toContain("64 MiB")
  })

  it("lets a guest below it run", async () => {
    const result = await run(["/usr/bin/python3", "-c", "a = bytearray(20 << 20); print(len(a))"], limited({ memory: "256 MiB" }))
    expect(result.stdout).toBe("20971520\n")
    expect(result.outcome.usage!.maxMemory).toBeGreaterThan(20 << 20)
  })

  it("counts tmpfs files, so that /tmp is no way around it", async () => {
    const result = await run(["sh", "-c", "head -c 300000000 /dev/zero > /tmp/f; sleep 1; echo survived"], limited({ memory: "64 MiB" }))
    expect(result.stdout).not.toContain("survived")
  })
})

const own = "/proc/self/oom_score_adj"
/** To be spared takes CAP_SYS_RESOURCE, which the root of a container need not have. */
const spared = (): boolean => {
  try {
    writeFileSync(own, "-500")
    return true
  } catch {
    return false
  }
}

describe("memory of the host", () => {
  it("a guest is not spared where its host program is", async () => {
    const before = readFileSync(own, "utf8")
    try {
      expect(spared() || Number(before) >= 0).toBe(true)
      expect((await run(["cat", own])).stdout).toBe("0\n")
    } finally {
      writeFileSync(own, before)
    }
  })
})

describe("processes", () => {
  it("refuses the fork beyond the limit; the guest sees EAGAIN and goes on", async () => {
    const program = `
import os, time
made = 0
try:
  for i in range(100):
    if os.fork() == 0: time.sleep(5); os._exit(0)
    made += 1
except BlockingIOError: pass
print(made, flush=True); os._exit(0)`
    const result = await run(["/usr/bin/python3", "-c", program], limited({ processes: 20 }))
    expect(Number(result.stdout)).toBeGreaterThan(10)
    expect(Number(result.stdout)).toBeLessThanOrEqual(20)
  })

  it("a fork bomb is held, and the sandbox ends at once when told", async () => {
    const took = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", "f() { f | f & }; f; sleep 100"), { stdin: "ignore", stdout: "ignore", stderr: "ignore" }), limited({ processes: 50 }))
      yield* Effect.sleep(500)
      const start = performance.now()
      yield* sandbox.kill()
      expect(yield* sandbox.exit).toMatchObject({ _tag: "Killed", reason: "killed" })
      return performance.now() - start
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(took).toBeLessThan(2000)
  })
})

describe("time", () => {
  it("wallTime ends a sleeper", async () => {
    const result = await run(["sleep", "100"], limited({ wallTime: "300 ms" }))
    expect(result.outcome).toMatchObject({ _tag: "Killed", reason: "wallTime" })
    expect(result.outcome.usage!.wallMs).toBeGreaterThan(290)
    expect(result.outcome.usage!.wallMs).toBeLessThan(1500)
  })

  it("cpuTime ends spinning processes together, and not a sleeper", async () => {
    const spin = await run(["sh", "-c", "(while :; do :; done) & (while :; do :; done) & wait"], limited({ cpuTime: "400 ms" }))
    expect(spin.outcome).toMatchObject({ _tag: "Killed", reason: "cpuTime" })
    const sleep = await run(["sleep", "1"], limited({ cpuTime: "400 ms" }))
    expect(sleep.code).toBe(0)
  })

  it.runIf(controlGroups)("cpus holds a spinner to its share", async () => {
    const result = await run(["sh", "-c", "while :; do :; done"], limited({ cpus: 0.25, wallTime: "1 second" }))
    expect(result.outcome).toMatchObject({ _tag: "Killed", reason: "wallTime" })
    expect(result.outcome.usage!.userMs + result.outcome.usage!.systemMs).toBeLessThan(600)
  })
})

describe("output, files", () => {
  it("output ends a flood, delivers exactly the limit, and counts stdout and stderr together", async () => {
    const flood = await run(["sh", "-c", "yes & yes >&2 & wait"], limited({ output: "100 KiB" }))
    expect(flood.outcome).toMatchObject({ _tag: "Killed", reason: "output" })
    expect(flood.stdout.length + flood.stderr.length).toBeLessThanOrEqual(102400)
    expect(flood.stdout.length + flood.stderr.length).toBeGreaterThan(50000)
    const exact = await run(["head", "-c", "102400", "/dev/zero"], limited({ output: "100 KiB" }))
    expect(exact.code).toBe(0)
    expect(exact.stdout.length).toBe(102400)
  })

  it("openFiles and fileSize are the kernel's own", async () => {
    const files = await run(["/usr/bin/python3", "-c", "import os\ntry:\n  [os.dup(0) for i in range(100)]\nexcept OSError as e: print(e.errno)"], limited({ openFiles: 32 }))
    expect(files.stdout).toBe("24\n")
    const size = await run(["sh", "-c", "trap '' XFSZ; head -c 2000000 /dev/zero > /tmp/f; stat -c %s /tmp/f"], limited({ fileSize: "1 MiB" }))
    expect(size.stdout).toBe("1048576\n")
  })
})

describe("kill and signals", () => {
  it("kill(signal) reaches the main process; the guest may handle it", async () => {
    const outcome = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", "trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done"), { stdin: "ignore" }))
      const out = yield* Effect.forkScoped(text(sandbox.stdout))
      yield* Effect.sleep(200)
      yield* sandbox.kill("SIGTERM")
      const outcome = yield* sandbox.exit
      return { outcome, out: yield* Fiber.join(out) }
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(outcome.outcome).toMatchObject({ _tag: "Exited", code: 9 })
    expect(outcome.out).toBe("ready\ngot\n")
  })

  it("a signal that ends the guest is reported by name", async () => {
    const result = await run(["sh", "-c", "kill -SEGV $$"])
    expect(result.outcome).toMatchObject({ _tag: "Signaled", signal: "SIGSEGV", signalNumber: 11 })
  })

  it("exec runs another command in the same sandbox; processes lists both", async () => {
    const seen = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", "echo shared > /tmp/f; sleep 100"), { stdin: "ignore" }))
      yield* Effect.sleep(200)
      const second = yield* sandbox.exec(Command.set(Command.make("cat", "/tmp/f"), { stdin: "ignore" }))
      const out = yield* text(second.stdout)
      const outcome = yield* second.exit
      const processes = yield* sandbox.processes
      return { out, outcome, names: processes.map((p) => p.command).sort() }
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(seen.out).toBe("shared\n")
    expect(seen.outcome).toMatchObject({ _tag: "Exited", code: 0 })
    expect(seen.names).toEqual(["sh", "sleep"])
  })

  it("leaving the scope kills the tree", async () => {
    const pid = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sleep", "1000"), { stdin: "ignore" }))
      return sandbox.pid
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(() => process.kill(pid, 0)).toThrow()
  })
})
