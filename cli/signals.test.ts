import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { forms, rvisor } from "../test/support/rvisor.ts"

/** Whether the program of the last test runs anywhere on the host. */
const sleeping = (): boolean =>
  readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === "sleep\0" + "31.4159\0"
    } catch {
      return false // it has just ended
    }
  })

describe.each(forms)("signals, $name", (form) => {
  const run = (args: ReadonlyArray<string>, options?: Parameters<typeof rvisor>[2]) => rvisor(form, ["run", ...args], options)

  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const)("%s reaches the command", async(signal) => {
    let sent = false
    const result = await run(["sh", "-c", `trap 'echo got; exit 7' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`], {
      onOutput: (child, out) => {
        if (!sent && out.includes("ready")) sent = child.kill(signal)
      }
    })
    expect(result).toMatchObject({ code: 7, out: "ready\ngot\n" })
  })

  it("a command that a signal ends is told as 128+n", async() => {
    const result = await run(["sh", "-c", "echo ready; exec sleep 10"], { onOutput: (child) => void child.kill("SIGTERM") })
    expect(result.code).toBe(143)
  })

  it("the whole group of the command gets it", async() => {
    const started = performance.now()
    const result = await run(["sh", "-c", "sleep 20 & echo ready; wait"], { onOutput: (child) => void child.kill("SIGINT") })
    // A shell starts background commands with SIGINT ignored; `wait` and the shell itself end, and the rest goes with the sandbox.
    expect(result.code).toBe(130)
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  it("a second Ctrl-C ends a command that ignores the first", async() => {
    let presses = 0
    const result = await run(["sh", "-c", "trap 'echo again' INT; echo ready; while :; do sleep 0.05; done"], {
      onOutput: (child, out) => {
        if (presses === 0 && out.includes("ready")) {
          presses = 1
          child.kill("SIGINT")
        } else if (presses === 1 && out.includes("again")) {
          presses = 2
          child.kill("SIGINT")
        }
      }
    })
    expect(result.code).toBe(137)
    expect(result.stderr).toMatch(/second interrupt: the sandbox is killed/)
  })

  it("stops with rvisor and goes on with it", async() => {
    const child = spawn(form.argv[0]!, [...form.argv.slice(1), "run", "sh", "-c", "while :; do echo tick; sleep 0.05; done"], { stdio: ["ignore", "pipe", "inherit"], timeout: 25_000, killSignal: "SIGKILL" })
    let ticks = 0
    child.stdout.on("data", () => ticks++)
    while (ticks < 3) await sleep(20)
    child.kill("SIGTSTP")
    await sleep(500)
    const stopped = ticks
    await sleep(500)
    expect(ticks).toBe(stopped)
    child.kill("SIGCONT")
    await sleep(500)
    expect(ticks).toBeGreaterThan(stopped)
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    child.kill("SIGTERM")
    expect(await ended).toBe(143)
  })

  it("when rvisor is killed, everything is", async() => {
    const child = spawn(form.argv[0]!, [...form.argv.slice(1), "run", "sh", "-c", "sleep 31.4159 & echo $$; wait"], { stdio: ["ignore", "pipe", "inherit"], timeout: 25_000, killSignal: "SIGKILL" })
    for (let i = 0; i < 100 && !sleeping(); i++) await sleep(100)
    child.kill("SIGKILL")
    for (let i = 0; i < 50 && sleeping(); i++) await sleep(100)
    expect(sleeping()).toBe(false)
  })
})
