/** Lines, tables and selections of `rvisor trace`, without a sandbox. */
import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import type { Entry, Returned } from "../sdk/SyscallFormat.ts"
import { json } from "./trace-json.ts"
import { type LineOptions, lines } from "./trace-lines.ts"
import { select } from "./trace-filter.ts"
import type { Made } from "./trace-report.ts"
import { summary, table } from "./trace-summary.ts"
import { buffered, type Sink } from "./trace-sink.ts"

const collected = () => {
  let text = ""
  const sink: Sink = { write: (more) => void (text += more), flush: () => {} }
  return { sink, text: () => text }
}

/** Four o'clock in the afternoon, somewhere. */
const noon = new Date(2026, 0, 2, 16, 5, 7).getTime() + 0.25

const made = (tid: number, name: "read" | "close" | "exit_group", known: ReadonlyArray<string>, count = known.length, at = noon): Made => {
  const entry: Entry = { name, known: known.map((text, i) => ({ name: `a${i}`, text })), count, continues: false, returned: () => Effect.die("not asked for") }
  return { tid, name, at, entry }
}
const back = (rest: string, result: string): Returned => ({ arguments: [], rest, result })

const with_ = (options: Partial<LineOptions>) => {
  const { sink, text } = collected()
  return { to: lines({ sink, file: false, follow: true, clock: "none", durations: false, status: undefined, quiet: false, ...options }), text }
}

describe("lines", () => {
  it("one thread: a call is written as it is made, its result behind it", () => {
    const { text, to } = with_({})
    to.began(5)
    const read = made(5, "read", ["3"], 3)
    to.made(read, false)
    expect(text()).toBe("read(3, ")
    to.returned(read, noon, 2n, back("\"hi\", 64", "2"))
    const close = made(5, "close", ["3"])
    to.made(close, false)
    to.returned(close, noon, -9n, back("", "-1 EBADF (Bad file descriptor)"))
    to.made(made(5, "exit_group", ["0"]), true)
    to.ended(5, noon, "exited with 0")
    expect(text()).toBe([
      "read(3, \"hi\", 64)                       = 2",
      "close(3)                                = -1 EBADF (Bad file descriptor)",
      "exit_group(0)                           = ?",
      "+++ exited with 0 +++\n"
    ].join("\n"))
  })

  it("several threads: what another interrupts goes on later; a call that its thread does not survive has no result", () => {
    const { text, to } = with_({})
    to.began(5)
    const read = made(5, "read", ["3"], 3)
    to.made(read, false)
    to.attached(12, noon)
    const close = made(12, "close", ["3"])
    to.made(close, false)
    to.signalled(5, noon, 17, "SIGCHLD {}")
    to.returned(close, noon, 0n, back("", "0"))
    to.returned(read, noon, 0n, back("\"\", 64", "0"))
    to.made(close, false)
    to.ended(12, noon, "killed by SIGKILL")
    to.made(read, false)
    to.close()
    expect(text()).toBe([
      "read(3,  <unfinished ...>",
      "rvisor trace: Process 12 attached",
      "[pid    12] close(3 <unfinished ...>",
      "[pid     5] --- SIGCHLD {} ---",
      "[pid    12] <... close resumed>)        = 0",
      "[pid     5] <... read resumed>\"\", 64)   = 0",
      "[pid    12] close(3)                    = ?",
      "[pid    12] +++ killed by SIGKILL +++",
      "read(3,  <unfinished ...>\n"
    ].join("\n"))
  })

  it("a file has the thread in front of each line with -f, nothing without, and no remarks", () => {
    for (const [follow, head] of [[true, "5     "], [false, ""]] as const) {
      const { text, to } = with_({ file: true, follow })
      to.began(5)
      to.attached(6, noon)
      const close = made(5, "close", ["3"])
      to.made(close, false)
      to.returned(close, noon, 0n, back("", "0"))
      expect(text()).toBe(`${`${head}close(3)`.padEnd(39)} = 0\n`)
    }
  })

  it("times before and behind", () => {
    const of = (clock: LineOptions["clock"], durations = false) => {
      const { text, to } = with_({ clock, durations })
      const [one, two] = [made(5, "close", ["3"]), made(5, "close", ["3"], 1, noon + 1500)]
      for (const call of [one, two]) {
        to.made(call, false)
        to.returned(call, call.at + 2, 0n, back("", "0"))
      }
      return text().replace(/ +=/g, " =").split("\n")
    }
    expect(of("seconds")[0]).toBe("16:05:07 close(3) = 0")
    expect(of("micros")[0]).toBe("16:05:07.000250 close(3) = 0")
    expect(of("epoch")[0]).toBe(`${Math.floor(noon / 1000)}.000250 close(3) = 0`)
    expect(of("relative").slice(0, 2)).toEqual(["     0.000000 close(3) = 0", "     1.500000 close(3) = 0"])
    expect(of("none", true)[0]).toBe("close(3) = 0 <0.002000>")
  })

  it("by status: only whole lines, when it is known", () => {
    const { text, to } = with_({ status: "failed" })
    const [read, close] = [made(5, "read", ["3"], 3), made(5, "close", ["3"])]
    to.made(read, false)
    to.returned(read, noon, 0n, back("\"\", 64", "0"))
    to.made(close, false)
    expect(text()).toBe("")
    to.returned(close, noon, -9n, back("", "-1 EBADF (Bad file descriptor)"))
    to.ended(5, noon, "exited with 0")
    expect(text()).toBe("close(3)                                = -1 EBADF (Bad file descriptor)\n+++ exited with 0 +++\n")
  })

  it("quiet", () => {
    const { text, to } = with_({ quiet: true })
    to.attached(6, noon)
    to.ended(6, noon, "exited with 0")
    expect(text()).toBe("")
  })

  it("a thread that executes a program while its first thread is in a call", () => {
    const { text, to } = with_({})
    to.began(5)
    to.attached(6, noon)
    to.made(made(5, "read", ["3"], 3), false)
    to.superseded(6, 5, noon)
    to.ended(5, noon, "exited with 0")
    expect(text()).toContain("+++ superseded by execve in pid 6 +++")
  })
})

describe("the table", () => {
  it("is strace's", () => {
    expect(table(new Map([["read", { calls: 3, errors: 0, time: 3 }], ["openat", { calls: 2, errors: 1, time: 1 }]]))).toBe([
      "% time     seconds  usecs/call     calls    errors syscall",
      "------ ----------- ----------- --------- --------- ----------------",
      " 75.00    0.003000        1000         3           read",
      " 25.00    0.001000         500         2         1 openat",
      "------ ----------- ----------- --------- --------- ----------------",
      "100.00    0.004000         800         5         1 total",
      ""
    ].join("\n"))
  })

  it("counts what returns, and is nothing without a call", () => {
    const { sink, text } = collected()
    summary(sink).close()
    expect(text()).toBe("")
    const to = summary(sink)
    for (const raw of [0n, -2n]) to.returned(made(5, "close", ["3"]), noon + 1, raw, undefined)
    to.close()
    expect(text()).toMatch(/^100\.00 +0\.002000 +1000 +2 +1 close$/m)
  })
})

describe("objects", () => {
  it("are one a line, whatever is in them", () => {
    const { sink, text } = collected()
    const to = json(sink, undefined)
    to.returned(made(5, "close", ["3"]), noon + 1, 0x7fff_ffff_ffff_fff0n, { arguments: [{ name: "fd", text: "3\n" }], rest: "", result: "0" })
    to.signalled(5, noon, 15, "SIGTERM {}")
    const [call, signal] = text().trimEnd().split("\n").map((line) => JSON.parse(line))
    expect(call).toMatchObject({ type: "call", thread: 5, call: "close", arguments: { fd: "3\n" }, result: "9223372036854775792", duration: 0.001 })
    expect(signal).toMatchObject({ type: "signal", signal: 15, text: "SIGTERM {}" })
  })
})

describe("selections", () => {
  const of = (...expressions: ReadonlyArray<string>) => Effect.runSync(select(expressions, undefined))
  const fails = (expression: string): string => Result.match(Effect.runSync(Effect.result(select([expression], undefined))), { onSuccess: () => "", onFailure: (error) => error.message })

  it("every call that has a trace point, where nothing is said", () => {
    const { calls, signal, status } = of()
    expect(calls.length).toBeGreaterThan(300)
    expect(calls).not.toContain("rt_sigreturn")
    expect([signal(9), status]).toEqual([true, undefined])
  })

  it.each<[string, ReadonlyArray<string>, ReadonlyArray<string>]>([
    ["%file", ["openat", "execve", "getcwd", "rename", "mount"], ["read", "close", "mmap"]],
    ["%desc", ["openat", "read", "close", "mmap", "epoll_wait", "dup2", "socket"], ["brk", "getpid"]],
    ["%process", ["clone", "wait4", "kill", "exit_group"], ["openat"]],
    ["%network", ["socket", "connect", "sendmsg"], ["read"]],
    ["%signal", ["rt_sigaction", "kill", "signalfd4"], ["read"]],
    ["%ipc", ["shmget", "semop"], ["mq_open"]],
    ["%memory", ["mmap", "brk", "mprotect"], ["read"]],
    ["%clock", ["clock_gettime", "time"], ["clock_nanosleep"]],
    ["%pure", ["getpid", "getuid"], ["getgroups"]],
    ["%creds", ["setuid", "capset"], ["getpid"]],
    ["%%stat", ["stat", "newfstatat", "statx"], ["statfs"]],
    ["file", ["openat"], ["read"]],
    ["/^sched_", ["sched_yield"], ["clone"]],
    ["!openat,%network", ["close"], ["openat", "connect"]],
    ["t=open@64", ["open"], ["openat"]]
  ])("%s", (expression, there, missing) => {
    const { calls } = of(expression)
    for (const name of there) expect(calls).toContain(name)
    for (const name of missing) expect(calls).not.toContain(name)
  })

  it("signals", () => {
    expect([2, 17].map(of("signal=INT,SIGCHLD").signal)).toEqual([true, true])
    expect([2, 17].map(of("s=!int").signal)).toEqual([false, true])
    expect([2, 17].map(of("signal=17").signal)).toEqual([false, true])
  })

  it("mistakes", () => {
    expect(fails("opennat")).toMatch(/no system call of x86-64 has that name/)
    expect(fails("trace=%fille")).toMatch(/%file/)
    expect(fails("/nosuchcall")).toMatch(/no system call matches/)
    expect(fails("fault=openat")).toMatch(/handler/)
    expect(fails("odd=1")).toMatch(/odd is no subject/)
    expect(fails("read=3")).toMatch(/-s/)
  })
})

describe("a file", () => {
  it("gets what was written in its order", async() => {
    const { closeSync, mkdtempSync, openSync, readFileSync, rmSync } = await import("node:fs")
    const { tmpdir } = await import("node:os")
    const directory = mkdtempSync(`${tmpdir()}/rvisor-sink-`)
    const fd = openSync(`${directory}/x`, "w")
    const sink = buffered(fd)
    for (let i = 0; i < 20_000; i++) sink.write(`${i}\n`)
    expect(readFileSync(`${directory}/x`, "utf8").startsWith("0\n1\n")).toBe(true)
    sink.write("é\n")
    sink.flush()
    expect(readFileSync(`${directory}/x`, "utf8")).toBe(`${Array.from({ length: 20_000 }, (_, i) => i).join("\n")}\né\n`)
    closeSync(fd)
    rmSync(directory, { recursive: true })
  })
})
