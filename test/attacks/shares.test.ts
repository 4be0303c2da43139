/** Attacks on what a guest shares with everybody: processes, descriptors, memory, disk, and the time of who waits for it. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import type * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { run } from "../support/sandbox.ts"
import { slowness } from "../support/slowness.ts"
import { directory, expectHeld, expectWon, guest, HELD, isRoot, policy, program } from "./run.ts"
import { rowsOf } from "./rows.ts"

describe("more than its share", () => {
  const ended = async (argv: ReadonlyArray<string>, limits: Policy.PolicyInput["limits"]) => {
    const result = await run(argv, policy({ limits: { wallTime: "20 seconds", ...limits } }))
    expect(result.code === HELD || result.outcome._tag === "Killed", JSON.stringify(result)).toBe(true)
  }
  const bomb = (...args: ReadonlyArray<string>) => [program("bomb"), ...args]

  it("bomb: each works without rvisor", () => {
    for (const args of [["fork", "60"], ["threads", "60"], ["files", "200"], ["memory", "96"], ["disk", "96", directory]]) expectWon("bomb", args)
  })
  it("bomb fork", () => ended(bomb("fork", "60"), { processes: 20 }))
  it("bomb threads", () => ended(bomb("threads", "60"), { processes: 20 }))
  it("spin: without rvisor", () => expectWon("spin", ["1"]))
  for (const row of rowsOf("spin")) {
    it(`spin: ${row}`, async () => {
      const start = performance.now()
      expect(await guest(row, [program("spin")], { limits: { cpuTime: "500 ms" } })).toMatchObject({ code: undefined, end: "Killed" })
      expect(performance.now() - start).toBeLessThan(20_000)
    })
  }
  it("bomb files", () => ended(bomb("files", "200"), { openFiles: 100 }))
  it("bomb disk, by the size of a file", () => ended(bomb("disk", "96"), { fileSize: "32 MiB" }))
  it("bomb disk, by the size of a tmpfs", async () => {
    const result = await run(bomb("disk", "96", "/small"), policy({ filesystem: { tmpfs: [{ path: "/small", size: "32 MiB" }] } }))
    expect(result).toMatchObject({ code: HELD, stdout: expect.stringContaining("stopped at 3") })
  })
  // Without root there may be no control group for a memory limit: then the policy is refused, which another suite tests.
  it.runIf(isRoot)("bomb memory, and disk on a tmpfs, which is memory", async () => {
    await ended(bomb("memory", "96"), { memory: "64 MiB" })
    await ended(bomb("disk", "96"), { memory: "64 MiB" })
  })

  for (const row of rowsOf("orphans")) {
    it(`orphans: nobody outlives the main process or keeps its output open (${row})`, async () => {
      const start = performance.now()
      await expectHeld(row, "orphans")
      // Who waited for its descendants would wait for a minute.
      expect(performance.now() - start).toBeLessThan(slowness * 5000)
    })
  }

  for (const output of [undefined, "1 GiB"] as const) {
    it(`a reader that never reads does not keep a sandbox alive (output limit: ${output ?? "none"})`, async () => {
      const took = await Effect.gen(function*() {
        yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", "exec cat /dev/zero"), { stdin: "ignore" }), policy(output === undefined ? {} : { limits: { output } }))
        yield* Effect.sleep(200)
        return performance.now()
      }).pipe(Effect.scoped, Effect.runPromise)
      expect(performance.now() - took).toBeLessThan(3000)
    })
  }
})
