/**
 * Every refusal is told, with what was tried, by whom, why, and what would allow it; and no flood of refusals blocks the guest,
 * grows without bound, or is counted wrongly.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { Effect, Fiber, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Command from "../../sdk/Command.ts"
import type { Outcome } from "../../sdk/Outcome.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import type { Count, Violation } from "../../sdk/Violation.ts"
import { scratch } from "../support/sandbox.ts"
import { text } from "../support/stream.ts"

const directory = scratch()
let calls: string

// calls NR COUNT [ARG…]: makes one call COUNT times, prints the last result as the kernel gave it.
const program = `
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  long a[6] = {0}, nr = strtol(argv[1], 0, 0), count = atol(argv[2]), result = 0;
  for (int i = 3; i < argc && i < 9; i++) a[i - 3] = strtoul(argv[i], 0, 0);
  for (long i = 0; i < count; i++) { result = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]); if (result < 0) result = -errno; }
  printf("%ld\\n", result);
}`

beforeAll(() => {
  const source = join(directory, "calls.c")
  calls = join(directory, "calls")
  writeFileSync(source, program)
  execFileSync("gcc", ["-O1", "-static", "-o", calls, source])
})

interface Told {
  readonly outcome: Outcome
  readonly stdout: string
  readonly violations: ReadonlyArray<Violation>
  readonly counts: ReadonlyArray<Count>
}

const run = (argv: ReadonlyArray<string | number>, policy: Policy.PolicyInput = {}): Promise<Told> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(
      Command.set(Command.make(calls, ...argv.map(String)), { stdin: "ignore" }),
      Policy.make({ violations: "report", ...policy, filesystem: { read: [directory] } })
    )
    const stdout = yield* Effect.forkScoped(text(sandbox.stdout))
    const violations = yield* Effect.forkScoped(Stream.runCollect(sandbox.violations))
    const outcome = yield* sandbox.exit
    return { outcome, stdout: yield* Fiber.join(stdout), violations: yield* Fiber.join(violations), counts: yield* sandbox.violationCounts }
  }).pipe(Effect.scoped, Effect.runPromise)

describe("violations", () => {
  it("say who tried what, which rule decided, why, and what would allow it", async () => {
    const told = await run([101, 1, 0]) // ptrace(PTRACE_TRACEME)
    expect(told.stdout).toBe("-1\n")
    expect(told.violations).toHaveLength(1)
    const [violation] = told.violations
    expect(violation).toMatchObject({ syscall: "ptrace", errno: "EPERM", executable: calls, rule: "preset default" })
    expect(violation!.args[0]).toMatchObject({ text: "PTRACE_TRACEME" })
    expect(violation!.reason).toContain("other processes' memory")
    expect(violation!.remedy).toContain('syscalls.allow: ["ptrace"]')
    expect(Math.abs(violation!.time - Date.now())).toBeLessThan(60_000)
    expect(told.counts).toEqual([{ syscall: "ptrace", count: 1 }])
  })

  it("name the policy's own key where that decided", async () => {
    const told = await run([39, 1], { syscalls: { deny: ["getpid"] } })
    expect(told.violations.find((v) => v.syscall === "getpid")).toMatchObject({ errno: "EPERM", rule: "syscalls.deny" })
  })

  it("are told for a call that ends the guest", async () => {
    const told = await run([169, 1], { syscalls: { kill: ["reboot"] } })
    expect(told.outcome).toMatchObject({ _tag: "Killed", reason: "syscall" })
    expect(told.violations.at(-1)).toMatchObject({ syscall: "reboot", rule: "syscalls.kill" })
    expect(told.violations.at(-1)!.errno).toBeUndefined()
  })

  it("conditions on arguments are explained, and what they allow passes", async () => {
    const refused = await run([41, 1, 40, 1, 0]) // socket(AF_VSOCK, …)
    expect(refused.violations[0]).toMatchObject({ syscall: "socket", errno: "EPERM" })
    expect(refused.violations[0]!.reason).toContain("AF_VSOCK")
    const allowed = await run([41, 1, 1, 1, 0]) // socket(AF_UNIX, …)
    expect(Number(allowed.stdout)).toBeGreaterThan(2)
    expect(allowed.violations).toEqual([])
  })

  it("refuse the same as without report, high argument halves and foreign numbers included", async () => {
    for (const argv of [[41, 1, "0x100000028", 1, 0], [272, 1, "0x10000000"], [16, 1, 0, "0xf00005412", 0], [321, 1, 0], [425, 1, 1, 0], [435, 1, 0, 0], [600, 1], ["0x40000027", 1]]) {
      const reported = await run(argv)
      const ignored = await run(argv, { violations: "ignore" })
      expect(reported.stdout, argv.join(" ")).toBe(ignored.stdout)
      expect(ignored.violations).toEqual([])
    }
  })

  it("a limit of processes counts the guest's own", async () => {
    const told = await run([39, 1], { limits: { processes: 1 }, syscalls: { deny: ["getpid"] } })
    expect(told.outcome).toMatchObject({ _tag: "Exited", code: 0 })
    expect(told.violations).toHaveLength(1)
  })

  it("commands of exec are told of too", async () => {
    const told = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(
        Command.set(Command.make("sleep", "100"), { stdin: "ignore" }),
        Policy.make({ violations: "report", filesystem: { read: [directory] } })
      )
      const second = yield* sandbox.exec(Command.set(Command.make(calls, "101", "1", "0"), { stdin: "ignore", stdout: "ignore" }))
      yield* second.exit
      return yield* Stream.runCollect(Stream.take(sandbox.violations, 1))
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(told[0]).toMatchObject({ syscall: "ptrace", executable: calls })
  })

  it("clone3, which libc tries at every fork, is no violation", async () => {
    const told = await run([435, 1, 0, 0])
    expect(told.stdout).toBe("-38\n")
    expect(told.violations).toEqual([])
  })

  it("a flood is counted exactly, told in part, and blocks nobody", async () => {
    const begin = performance.now()
    const told = await run([101, 50_000, 0])
    const seconds = (performance.now() - begin) / 1000
    expect(told.stdout).toBe("-1\n")
    expect(told.violations.length).toBeGreaterThanOrEqual(256)
    // So many at once, and then so many a second (native/sentry/budget.h).
    expect(told.violations.length).toBeLessThanOrEqual(256 + 64 * seconds)
    expect(told.counts).toEqual([{ syscall: "ptrace", count: 50_000 }])
    // Each waits for its answer: on an emulated processor that takes minutes.
  }, 120_000)

  it("a host program that never takes violations loses nothing but the oldest", async () => {
    const counts = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(
        Command.set(Command.make(calls, "101", "3000", "0"), { stdin: "ignore", stdout: "ignore" }),
        Policy.make({ violations: "report", filesystem: { read: [directory] } })
      )
      yield* sandbox.exit
      return yield* sandbox.violationCounts
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(counts).toEqual([{ syscall: "ptrace", count: 3000 }])
  })
})
