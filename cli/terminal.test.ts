import { execFileSync, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { forms } from "../test/support/rvisor.ts"
import { needs } from "../test/support/sandbox.ts"

interface Seen {
  readonly screen: string
  readonly code: number
  readonly restored: boolean
  readonly failed: string | null
}

type Step =
  | { readonly expect: string }
  | { readonly send: string }
  | { readonly resize: readonly [number, number] }
  | { readonly signal: string }
  | { readonly hangup: true }

const python = needs("python3", spawnSync("python3", ["--version"]).status === 0)

describe.runIf(python).each(forms)("terminals, $name", (form) => {
  const user = (args: ReadonlyArray<string>, steps: ReadonlyArray<Step>, options: { readonly columns?: number; readonly rows?: number } = {}): Seen =>
    JSON.parse(execFileSync("python3", [
      fileURLToPath(new URL("../test/support/terminal.py", import.meta.url)),
      JSON.stringify({ argv: [...form.argv, "run", ...args], steps, ...options })
    ], { encoding: "utf8" })) as Seen

  it("is a terminal of the sandbox's own", () => {
    const seen = user(["sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo yes"], [])
    expect(seen.screen).toBe("/dev/pts/0\r\nyes\r\n")
    expect(seen).toMatchObject({ code: 0, restored: true, failed: null })
  })

  it("has the window's size, now and when it changes", () => {
    const seen = user(["sh", "-c", "stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done"], [
      { expect: "31 97" },
      { expect: "ready" },
      { resize: [120, 40] },
      { expect: "40 120" }
    ], { columns: 97, rows: 31 })
    expect(seen).toMatchObject({ code: 5, restored: true, failed: null })
  })

  it("echoes once, and Ctrl-D ends the input", () => {
    const seen = user(["sh", "-c", "echo ready; exec cat"], [{ expect: "ready\r\n" }, { send: "word\r" }, { expect: "word\r\nword\r\n" }, { send: "\x04" }])
    expect(seen).toMatchObject({ screen: "ready\r\nword\r\nword\r\n", code: 0, restored: true, failed: null })
  })

  it("Ctrl-C interrupts what runs inside", () => {
    const seen = user(["sh", "-c", "echo ready; exec sleep 30"], [{ expect: "ready" }, { send: "\x03" }])
    expect(seen).toMatchObject({ code: 130, restored: true, failed: null })
  })

  it("has job control", () => {
    const seen = user(["--env", "PS1=> ", "sh", "-i"], [
      { expect: "> " },
      { send: "cat\r" },
      { send: "one\r" },
      { expect: "one\r\none\r\n" },
      { send: "\x1a" },
      { expect: "(Stopped|Suspended).*> " },
      { send: "fg\r" },
      { expect: "cat\r\n" },
      { send: "two\r" },
      { expect: "two\r\ntwo\r\n" },
      { send: "\x03" },
      { expect: "> " },
      { send: "exit 9\r" }
    ])
    expect(seen).toMatchObject({ code: 9, restored: true, failed: null })
    expect(seen.screen).not.toMatch(/no job control|can't access tty/)
  })

  it("carries bytes as they are, and much of them", () => {
    const seen = user(["sh", "-c", "seq 1 60000"], [])
    expect(seen.screen.split("\r\n").length).toBe(60001)
    expect(seen).toMatchObject({ code: 0, restored: true })
  })

  it("Ctrl-] three times ends a guest that holds the terminal", () => {
    const seen = user(["sh", "-c", "stty raw -echo; trap '' INT TERM HUP QUIT; echo ready; while :; do sleep 0.1; done"], [{ expect: "ready" }, { send: "\x1d\x1d\x1d" }])
    expect(seen).toMatchObject({ code: 137, restored: true, failed: null })
  })

  it("gets its modes back when a signal ends rvisor's command", () => {
    expect(user(["sh", "-c", "echo ready; exec sleep 30"], [{ expect: "ready" }, { signal: "SIGTERM" }])).toMatchObject({ code: 143, restored: true, failed: null })
  })

  it("gets its modes back when the command cannot be started", () => {
    expect(user(["no-such-program"], [])).toMatchObject({ code: 127, restored: true, failed: null })
  })

  it("that hangs up ends the sandbox, even where SIGHUP is ignored", () => {
    const seen = user(["sh", "-c", "trap '' HUP; echo ready; while :; do sleep 0.1; done"], [{ expect: "ready" }, { hangup: true }])
    expect(seen.failed).toBe(null)
  })

  it("--no-tty hands the user's terminal over as it is", () => {
    const seen = user(["--no-tty", "sh", "-c", "test -t 0 && echo terminal; echo done"], [])
    expect(seen).toMatchObject({ screen: "terminal\r\ndone\r\n", code: 0, restored: true })
  })

  it("is not taken from the shell by a command in the background", () => {
    const seen: Seen = JSON.parse(execFileSync("python3", [
      fileURLToPath(new URL("../test/support/terminal.py", import.meta.url)),
      JSON.stringify({ argv: ["bash", "-c", `set -m; "$@" run sh -c 'test -t 0 || echo no terminal; cat; echo done' & wait; read line; echo shell $line`, "bash", ...form.argv], steps: [{ expect: "done" }, { send: "mine\r" }, { expect: "shell mine" }] })
    ], { encoding: "utf8" })) as Seen
    expect(seen.screen).toContain("no terminal\r\ndone\r\n")
    expect(seen).toMatchObject({ code: 0, restored: true, failed: null })
  })

  it("--tty gives one where there is none", () => {
    const result = spawnSync(form.argv[0]!, [...form.argv.slice(1), "run", "--tty", "sh", "-c", "stty size; read line; echo got $line"], { input: "word\n", encoding: "utf8" })
    expect(result.stdout).toContain("24 80\r\n")
    expect(result.stdout).toContain("got word\r\n")
    expect(result.status).toBe(0)
  })
})
