/**
 * Handlers without a backend: the order in which they are asked, deadlines, failures, and what is refused beforehand. Guest memory,
 * where it is needed, is a real process's.
 */
import { readFileSync } from "node:fs"
import { it as effect } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Child, startC } from "../test/support/childMemory.ts"
import * as Errno from "./Errno.ts"
import { GuestFault, type GuestMemory } from "./GuestMemory.ts"
import { addressArgument, pathArguments, safetyClass } from "./internal/syscall/classes.ts"
import { syscallInfo, syscallName } from "./internal/syscall/table.ts"
import { type SyscallName, syscallNumbers } from "./internal/syscalls.ts"
import * as Ioctl from "./Ioctl.ts"
import * as Plugin from "./Plugin.ts"
import * as Signal from "./Signal.ts"
import * as Syscall from "./Syscall.ts"
import * as SyscallHandler from "./SyscallHandler.ts"
import * as Verdict from "./Verdict.ts"
import { Address, Arg, Path } from "./Where.ts"

const names = Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>

let child: Child
beforeAll(async () => {
  child = await startC(`
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
static struct utsname name;
static char path[] = "/etc/hostname";
int main(void) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  printf("name %p\\npath %p\\nready\\n", (void *)&name, (void *)path); fflush(stdout);
  char line[8];
  while (fgets(line, sizeof line, stdin)) { printf("%s\\n", name.nodename); fflush(stdout); }
}`)
})
afterAll(() => child.stop())

const incoming = (name: SyscallName, registers: ReadonlyArray<bigint | number> = [], memory: GuestMemory["Service"] = child.memory): SyscallHandler.Incoming => {
  const words = new BigUint64Array(6)
  registers.forEach((register, i) => (words[i] = BigInt(register)))
  return { name, tid: 7, pid: 7, registers: words, memory }
}
/** A thread that answers every injected call with the sum of its arguments and remembers it. */
const steered = (name: SyscallName, registers: ReadonlyArray<bigint | number>, log: Array<string> = []): SyscallHandler.Incoming => ({
  ...incoming(name, registers),
  tracee: {
    inject: (number, words) => Effect.sync(() => {
      log.push(`${syscallName(number)}(${words.join(",")})`)
      return words.reduce((a, b) => a + b, 0n)
    }),
    scratch: (bytes) => Effect.succeed(0x7000n - BigInt(bytes.length))
  }
})
const decide = (handlers: ReadonlyArray<SyscallHandler.SyscallHandler>, call: SyscallHandler.Incoming) => Effect.runSync(SyscallHandler.answer(handlers, call))
/** A handler as untyped JavaScript would make it. */
const loose = SyscallHandler.make as unknown as (name: string, options: object, handler: (call: any) => unknown) => SyscallHandler.SyscallHandler

describe("one handler", () => {
  it("answers with a value, an error, a descriptor, a kill", () => {
    const verdicts = [Verdict.value(5), Verdict.errno("ENOSPC"), Verdict.fd(4, { cloexec: true }), Verdict.kill("no")]
    for (const verdict of verdicts) {
      expect(decide([SyscallHandler.make("openat", () => Effect.succeed(verdict))], incoming("openat"))).toMatchObject({
        verdict,
        registers: new Map(),
        after: undefined,
        failures: []
      })
    }
  })
  it("writes into the guest, and requires services", async () => {
    class Hostname extends Context.Service<Hostname, string>()("test/Hostname") {}
    const handler = SyscallHandler.make("uname", (call) =>
      Effect.gen(function*() {
        yield* call.args.name.write(Syscall.Utsname.make({ nodename: yield* Hostname }))
        return Verdict.value(0)
      }))
    const decision = Effect.runSync(Effect.provide(SyscallHandler.answer([handler], incoming("uname", [child.addresses.get("name")!])), Layer.succeed(Hostname, "box")))
    expect(decision.verdict).toEqual(Verdict.value(0))
    expect(await child.ask("?")).toBe("box")
  })
  it("sees thread, process and raw registers", () => {
    const handler = SyscallHandler.make("kill", (call) => Effect.sync(() => {
      expect([call.name, call.number, call.tid, call.pid, call.args.pid, call.args.sig]).toEqual(["kill", 62, 7, 7, -1, 9])
      expect(call.registers).toEqual([0xffff_ffff_ffff_ffffn, 9n, 0n, 0n, 0n, 0n])
      return Verdict.continue
    }))
    expect(decide([handler], incoming("kill", [0xffff_ffff_ffff_ffffn, 9])).failures).toEqual([])
  })
  it("reads structures at addresses that it found", () => {
    const handler = SyscallHandler.make("ioctl", (call) => Effect.map(call.at(Syscall.Utsname, call.args.arg).read, (name) => Verdict.value(name.nodename.length)))
    expect(decide([handler], incoming("ioctl", [0, 0, child.addresses.get("name")!])).verdict).toEqual(Verdict.value(3))
  })
  it("is not asked for other calls", () => {
    expect(decide([SyscallHandler.make("getpid", () => Effect.die("asked"))], incoming("getppid"))).toMatchObject({ verdict: Verdict.continue, failures: [] })
  })
  it("a fault on guest memory is the call's errno, and no failure", () => {
    const handler = SyscallHandler.make("openat", (call) => Effect.as(call.args.filename.read, Verdict.continue))
    expect(decide([handler], incoming("openat", [0, 16]))).toMatchObject({ verdict: Verdict.errno("EFAULT"), failures: [] })
  })
})

describe("failures", () => {
  const throwing = (onFailure?: "kill" | "continue" | "EIO") => SyscallHandler.make("openat", onFailure === undefined ? {} : { onFailure }, (): Effect.Effect<Verdict.Value> => {
    throw new Error("boom")
  })
  it("a handler that throws kills the guest", () => {
    const decision = decide([throwing()], incoming("openat"))
    expect(decision.verdict).toEqual(Verdict.kill("handler openat threw: boom"))
    expect(decision.failures).toMatchObject([{ reason: "threw", detail: "boom" }])
  })
  it("or answers with an error, or lets the call go on, if it is made so", () => {
    expect(decide([throwing("EIO")], incoming("openat")).verdict).toEqual(Verdict.errno("EIO"))
    expect(decide([throwing("continue")], incoming("openat")).verdict).toEqual(Verdict.continue)
    expect(decide([throwing("continue")], incoming("openat")).failures).toHaveLength(1)
  })
  it("a defect inside the effect is the same", () => {
    expect(decide([SyscallHandler.make("openat", () => Effect.die(new Error("late")))], incoming("openat")).failures).toMatchObject([{ reason: "threw", detail: "late" }])
  })
  it("so is an error of a handler without types", () => {
    expect(decide([loose("openat", {}, () => Effect.fail("no"))], incoming("openat")).failures).toMatchObject([{ reason: "threw", detail: "no" }])
  })
  it("and a verdict that is none, or that the handler may not give", () => {
    const cases: ReadonlyArray<[string, object, () => unknown]> = [
      ["openat", {}, () => undefined],
      ["openat", {}, () => ({ _tag: "Allow" })],
      ["kill", {}, () => Verdict.fd(3)],
      ["execve", {}, () => Verdict.continue],
      ["openat", { power: "observe" }, () => Verdict.errno("EPERM")],
      ["getpid", {}, () => ({ _tag: "Rewrite", name: "getpid", registers: new Map() })],
      ["nanosleep", { power: "steer" }, () => ({ _tag: "Rewrite", name: "nanosleep", registers: new Map() })]
    ]
    for (const [name, options, verdict] of cases) {
      const decision = decide([loose(name, options, () => Effect.sync(verdict))], incoming(name as SyscallName))
      expect(decision.verdict._tag, name).toBe("Kill")
      expect(decision.failures, name).toMatchObject([{ reason: "verdict" }])
    }
  })
  it("a handler that failed once and is asked again is judged again", () => {
    let times = 0
    const handler = loose("kill", { onFailure: "continue" }, () => Effect.sync(() => (times++ === 0 ? undefined : Verdict.fd(3))))
    expect(decide([handler, handler], incoming("kill"))).toMatchObject({ verdict: Verdict.continue, failures: [{ reason: "verdict" }, { reason: "verdict" }] })
  })
  effect.effect("a handler that exceeds its deadline is interrupted", () =>
    Effect.gen(function*() {
      let interrupted = false
      const slow = SyscallHandler.make("openat", { deadline: "2 seconds", onFailure: "EAGAIN" }, () =>
        Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => (interrupted = true)))))
      const fiber = yield* Effect.forkChild(SyscallHandler.answer([slow], incoming("openat")))
      yield* TestClock.adjust("1999 millis")
      expect(interrupted).toBe(false)
      yield* TestClock.adjust("1 millis")
      const decision = yield* Fiber.join(fiber)
      expect(interrupted).toBe(true)
      expect(decision.verdict).toEqual(Verdict.errno("EAGAIN"))
      expect(decision.failures).toMatchObject([{ reason: "deadline", detail: "2000 ms" }])
    }))
  effect.effect("the default is ten seconds, and one may do without", () =>
    Effect.gen(function*() {
      expect(SyscallHandler.make("getpid", () => Effect.never).deadline).toBe(10_000)
      const patient = SyscallHandler.make("getpid", { deadline: "Infinity" }, () => Effect.as(Effect.sleep("1 hour"), Verdict.value(1)))
      const fiber = yield* Effect.forkChild(SyscallHandler.answer([patient], incoming("getpid")))
      yield* TestClock.adjust("1 hour")
      expect((yield* Fiber.join(fiber)).verdict).toEqual(Verdict.value(1))
    }))
})

describe("several handlers", () => {
  const asked: Array<string> = []
  const say = (label: string, verdict: Verdict.Continue | Verdict.Value) => SyscallHandler.make("getpid", { label }, () => Effect.sync(() => {
    asked.push(label)
    return verdict
  }))
  it("are asked in order until one answers", () => {
    asked.length = 0
    const decision = decide([say("a", Verdict.continue), say("b", Verdict.value(1)), say("c", Verdict.value(2))], incoming("getpid"))
    expect(decision.verdict).toEqual(Verdict.value(1))
    expect(asked).toEqual(["a", "b"])
  })
  it("a later one sees what an earlier one rewrote, and the last rewrite counts", () => {
    const seen: Array<number> = []
    const add = SyscallHandler.make("kill", { power: "steer" }, (call) => Effect.sync(() => {
      seen.push(call.args.sig)
      return call.rewrite({ sig: call.args.sig + 1, pid: -1 })
    }))
    const decision = decide([add, add], steered("kill", [5, 9]))
    expect(seen).toEqual([9, 10])
    expect(decision.verdict).toEqual(Verdict.continue)
    expect([...decision.registers]).toEqual([[1, 11n], [0, 0xffff_ffff_ffff_ffffn]])
  })
  it("an answer after a rewrite changes no register", () => {
    const rewriting = SyscallHandler.make("kill", { power: "steer" }, (call) => Effect.succeed(call.rewrite({ sig: 0 })))
    expect(decide([rewriting, SyscallHandler.make("kill", () => Effect.succeed(Verdict.value(0)))], steered("kill", [5, 9]))).toMatchObject({
      verdict: Verdict.value(0),
      registers: new Map()
    })
  })
  it("the registers of the call itself stay as they were", () => {
    const call = steered("kill", [5, 9])
    decide([SyscallHandler.make("kill", { power: "steer" }, (c) => Effect.succeed(c.rewrite({ sig: 0 })))], call)
    expect(call.registers[1]).toBe(9n)
  })
  it("hooks on the result run in reverse, each on what the other made of it", () => {
    const times = (factor: bigint) => SyscallHandler.make("getpid", { power: "steer" }, (call) =>
      Effect.succeed(call.after((result) => Effect.succeed(Verdict.value(result.value * factor + 1n)))))
    const decision = decide([times(10n), times(2n)], steered("getpid", []))
    expect(Effect.runSync(decision.after!(3n))).toBe(71n)
  })
  it("a hook sees errors by name, may keep, replace or refuse the result, and may fail", () => {
    const hook = (onFailure: "kill" | "continue" | "EIO", f: (result: Verdict.Result) => Effect.Effect<Verdict.Continue | Verdict.Value | Verdict.Errno, GuestFault>) =>
      Effect.runSync(decide([SyscallHandler.make("getpid", { power: "steer", onFailure }, (call) => Effect.succeed(call.after(f)))], steered("getpid", [])).after!(-2n))
    expect(hook("kill", (result) => Effect.succeed(result.errno === "ENOENT" && result.value === -1n ? Verdict.value(7) : Verdict.continue))).toBe(7n)
    expect(hook("kill", () => Effect.succeed(Verdict.continue))).toBe(-2n)
    expect(hook("kill", () => Effect.succeed(Verdict.errno("EPERM")))).toBe(-1n)
    expect(hook("kill", () => Effect.fail(new GuestFault({ access: "read", address: 0n, length: 1, reason: "unmapped" })))).toBe(-14n)
    expect(hook("continue", () => Effect.die("boom"))).toBe(-2n)
    expect(hook("kill", () => Effect.die("boom"))).toBe(-5n)
  })
  it("one may run other calls in the guest", () => {
    const log: Array<string> = []
    const handler = SyscallHandler.make("getpid", { power: "steer" }, (call) =>
      Effect.gen(function*() {
        const address = yield* call.scratch(new Uint8Array(16))
        const result = yield* call.inject("lseek", { fd: 3, offset: -1n, whence: 2 })
        return Verdict.value(address + (result.errno === undefined ? 0n : 1n))
      }))
    expect(decide([handler], steered("getpid", [], log)).verdict).toEqual(Verdict.value(0x6ff0))
    expect(log).toEqual(["lseek(3,18446744073709551615,2,0,0,0)"])
  })
})

describe("what is refused when the plan is made", () => {
  const messages = (handler: SyscallHandler.Any) => SyscallHandler.check(handler).map((fault) => `${fault.path}: ${fault.message}${fault.suggestion === undefined ? "" : ` (${fault.suggestion})`}`)
  const any = () => Effect.succeed(Verdict.value(0))
  it("nothing of a good handler", () => {
    expect(messages(SyscallHandler.make("openat", { where: [Path.under("/etc"), Arg.has("flags", 64)] }, any))).toEqual([])
    expect(messages(SyscallHandler.make("connect", { where: Address.any(Address.net("10.0.0.0/8"), Address.port(80, 443)) }, any))).toEqual([])
  })
  it.each<[string, string, object, RegExp]>([
    ["a misspelt call", "opennat", {}, /opennat is no system call of x86-64 \(did you mean `openat`\?\)/],
    ["the kernel's own flow", "rt_sigreturn", {}, /cannot be handled/],
    ["an answer where a signal would break the call", "close", {}, /close cannot be answered from a notification/],
    ["a power that is none", "openat", { power: "all" }, /all is no power/],
    ["a use of memory that is none", "openat", { memory: "safe" }, /safe is no use of memory/],
    ["a deadline of nothing", "openat", { deadline: 0 }, /deadline/],
    ["going on after a failure on raced memory", "execve", { onFailure: "continue" }, /execve takes its input from memory that the guest can change/],
    ["an error that is none", "openat", { onFailure: "ENOTHING" }, /ENOTHING is no error name/],
    ["an argument that is none", "openat", { where: Arg.eq("flag", 1) }, /openat has no argument flag \(did you mean `flags`\?\)/],
    ["an order on pointers", "openat", { where: Arg.lt("filename", 1) }, /filename is a pointer/],
    ["a path of a call without", "kill", { where: Path.under("/") }, /kill takes no path/],
    ["an address of a call without", "openat", { where: Address.net("::/0") }, /openat takes no socket address/],
    ["a path that is an integer", "openat", { where: Path.under("/", { argument: "flags" }) }, /flags of openat is no path \(one of filename\)/],
    ["two path filters", "openat", { where: [Path.under("/a"), Path.under("/b")] }, /a second path filter/],
    ["a path filter before a call that runs on the guest's memory", "execve", { memory: "none", where: Path.under("/usr") }, /the guest can change it in between/],
    ["one that a guest could evade", "execve", { where: Path.under("/usr") }, /evade the filter/],
    ["one before a call that is steered on the guest's memory", "openat", { power: "steer", memory: "none", where: Path.under("/usr") }, /evade the filter/]
  ])("%s", (_, name, options, message) => {
    expect(messages(loose(name, options, any)).join("\n")).toMatch(message)
  })
  it("every fault at once, each with its place", () => {
    expect(messages(loose("execve", { onFailure: "continue", deadline: -1, where: [Arg.eq("x", 1), Address.net("::/0")] }, any)).map((m) => m.slice(0, m.indexOf(":")))).toEqual([
      "handler.deadline",
      "handler.onFailure",
      "handler.where[0]",
      "handler.where[1]"
    ])
  })
  it("which point a handler needs, and whether it is a boundary", () => {
    expect(SyscallHandler.point(SyscallHandler.make("openat", any))).toBe("notify")
    expect(SyscallHandler.point(SyscallHandler.make("openat", { power: "steer" }, any))).toBe("trace")
    expect(SyscallHandler.point(SyscallHandler.make("close", { power: "observe" }, () => Effect.succeed(Verdict.continue)))).toBe("trace")
    expect(SyscallHandler.isBoundary(SyscallHandler.make("execve", any))).toBe(true)
    expect(SyscallHandler.isBoundary(SyscallHandler.make("execve", { memory: "racy" }, any))).toBe(false)
  })
  it("is plain data, and can be sent to a worker without its function", () => {
    const { run: _, ...data } = SyscallHandler.make("openat", { where: [Path.any(Path.glob("*.pem"), Path.exact("/x")), Arg.masked("flags", 3, 1)] }, any)
    expect(structuredClone(data)).toEqual(data)
    expect(data.where).toEqual([
      { kind: "path", argument: undefined, patterns: [{ scope: "exact", glob: "*.pem" }, { scope: "exact", path: "/x" }] },
      { kind: "argument", argument: "flags", test: { op: "eq", mask: 3n, value: 1n } }
    ])
  })
})

describe("docs/handlers.md", () => {
  const text = readFileSync(new URL("../docs/handlers.md", import.meta.url), "utf8")
  it("its table of verdicts is what `allows` says", () => {
    const rows = [...text.matchAll(/^\| (registers|behalf|memory) \| (copied|none|racy) \|(.*)\|$/gm)]
    expect(rows).toHaveLength(9)
    const example = { registers: "kill", behalf: "openat", memory: "execve" } as const
    const verdicts = ["Continue", "Value", "Errno", "Kill", "Rewrite", "After"] as const
    for (const [, group, memory, cells] of rows) {
      const said = cells!.split("|").map((cell) => cell.trim())
      const name = example[group as keyof typeof example]
      expect(safetyClass(name)).toBe(group)
      const may = (power: string) => verdicts.map((verdict) => SyscallHandler.allows(loose(name, { memory, power }, () => Effect.never), verdict))
      const answer = may("answer")
      const steer = may("steer")
      expect(said, `${group} ${memory}`).toEqual(verdicts.map((_, i) => answer[i] ? "yes" : steer[i] ? "steer" : "no"))
    }
  })
  it("its examples of classes are in them", () => {
    for (const [, group, examples] of text.matchAll(/^\| `(registers|behalf|memory|fixed)` \|.*\| (.*) \|$/gm)) {
      for (const [, name] of examples!.matchAll(/`(\w+)`/g)) expect(safetyClass(name as SyscallName), name).toBe(group)
    }
  })
})

describe("plugins", () => {
  it("hold handlers and their layer, and say what is wrong with them", () => {
    const plugin = Plugin.make({ name: "p", handlers: [SyscallHandler.make("getpid", () => Effect.succeed(Verdict.value(1))), loose("opennat", {}, () => Effect.succeed(Verdict.value(0)))] })
    expect(Plugin.isPlugin(plugin)).toBe(true)
    expect(Plugin.isPlugin({ ...plugin, layer: undefined })).toBe(false)
    expect(Plugin.isPlugin(null)).toBe(false)
    expect(Plugin.check(plugin).map((fault) => fault.path)).toEqual(["plugin p.handlers[1].name"])
  })
})

describe("the tables", () => {
  it("every call is in a class, has at most six arguments, and refers only to its own", () => {
    for (const name of names) {
      expect(safetyClass(name), name).toBeDefined()
      const { arguments: list } = syscallInfo(name)
      expect(list.length, name).toBeLessThanOrEqual(6)
      const own = list.map((a) => a.name)
      for (const argument of list) {
        if (argument.kind !== "pointer") continue
        const extent = /\[\*?([a-z_]\w*)\]/.exec(argument.pointee)?.[1]
        if (extent !== undefined) expect(own, `${name} ${argument.name}`).toContain(extent)
      }
      for (const path of pathArguments(name)) {
        expect(list.find((a) => a.name === path.argument)?.kind, `${name} ${path.argument}`).toBe("pointer")
        if (path.directory !== undefined) expect(own, name).toContain(path.directory)
        const flags = [path.empty, typeof path.follow === "object" ? ("unless" in path.follow ? path.follow.unless : path.follow.only) : undefined]
        for (const flag of flags.filter((f) => f !== undefined)) {
          const [argument, member] = flag.argument.split(".")
          const holder = list.find((a) => a.name === argument)
          expect(holder, `${name} ${flag.argument}`).toBeDefined()
          const set = member === undefined && holder?.kind === "scalar" ? holder.flags! : "OpenFlags"
          const { entries } = (Syscall as unknown as Readonly<Record<string, Syscall.FlagSet<string>>>)[set]!
          expect(entries.map((entry) => entry.name), `${name} ${set}`).toContain(flag.flag)
        }
      }
      const address = addressArgument(name)
      if (address !== undefined) expect(own, name).toContain(address)
    }
  })
  it("a call that reads memory through a pointer is not in the class of those that read none", () => {
    const addressesOnly = ["shmat.shmaddr", "shmdt.shmaddr", "getcpu.unused"]
    for (const name of names) {
      if (safetyClass(name) !== "registers") continue
      const reading = syscallInfo(name).arguments.filter((a) => a.kind === "pointer" && a.direction !== "out").map((a) => `${name}.${a.name}`)
      expect(reading.filter((argument) => !addressesOnly.includes(argument))).toEqual([])
    }
  })
  it("what is called carried out on the guest's behalf, the sentry can carry out", () => {
    const source = readFileSync(new URL("../native/sentry/behalf.cc", import.meta.url), "utf8")
    const listed = new Set([.../kCalls\[\] = \{([^}]*)\}/.exec(source)![1]!.matchAll(/SYS_(\w+)|k([A-Z]\w+)/g)].map((m) => m[1] ?? m[2]!.toLowerCase()))
    expect(names.filter((name) => safetyClass(name) === "behalf" && !listed.has(name))).toEqual([])
  })
  it("every call that names a path by `const char *filename` or the like is known to", () => {
    const word = /^((file|path|old|new|dir|to_path|from_path)(name)?|new_root|put_old|specialfile)$/
    const texts = names.filter((name) => syscallInfo(name).arguments.some((a) => a.kind === "pointer" && a.pointee === "str" && word.test(a.name)))
    expect(texts.filter((name) => pathArguments(name).length === 0)).toEqual([])
  })
  it("paths: directories, links, empty paths", () => {
    expect(Syscall.classify("linkat").paths).toEqual([
      { argument: "oldname", directory: "olddfd", follow: { only: { argument: "flags", flag: "AT_SYMLINK_FOLLOW" } }, empty: { argument: "flags", flag: "AT_EMPTY_PATH" } },
      { argument: "newname", directory: "newdfd", follow: "never", empty: undefined }
    ])
    expect(Syscall.classify("openat2").paths[0]!.follow).toEqual({ unless: { argument: "how.flags", flag: "O_NOFOLLOW" } })
  })
  it("numbers and names go both ways", () => {
    for (const name of names) expect(Syscall.nameOf(Syscall.info(name).number)).toBe(name)
    expect(Syscall.nameOf(-1)).toBeUndefined()
    expect(Syscall.nameOf(0x40000000)).toBeUndefined()
    expect(Syscall.info("uselib").implemented).toBe(false)
    expect(Syscall.info("openat")).toMatchObject({ number: 257, implemented: true })
    expect(Syscall.isName("toString")).toBe(false)
  })
  it("arguments: what the table says of some well-known calls", () => {
    const line = (name: SyscallName) => syscallInfo(name).arguments.map((a) => a.kind === "pointer" ? `${a.name} ${a.direction} ${a.pointee}` : `${a.name} ${a.descriptor ?? a.code}${a.flags === undefined ? "" : ` ${a.flags}`}`)
    expect(line("openat")).toEqual(["dfd directory", "filename in str", "flags i4 OpenFlags", "mode u2 Mode"])
    expect(line("read")).toEqual(["fd file", "buf out bytes[count]", "count u8"])
    expect(line("clone")).toEqual(["clone_flags u8 CloneFlags", "newsp u8", "parent_tidptr out i4", "child_tidptr out i4", "tls u8"])
    expect(line("file_setattr")).toEqual(["dfd directory", "filename in str", "ufattr in FileAttr", "usize u8", "at_flags u4 AtFlags"])
  })
  it("errors, signals and ioctl requests by name and number", () => {
    expect([Errno.number("ENOENT"), Errno.name(2), Errno.name(11), Errno.name(4095), Errno.isName("EWOULDBLOCK")]).toEqual([2, "ENOENT", "EAGAIN", undefined, true])
    for (const [name, number] of Errno.all()) expect(Errno.number(Errno.name(number)!), name).toBe(number)
    expect([Signal.number("SIGKILL"), Signal.name(9), Signal.name(6), Signal.name(34), Signal.name(64), Signal.name(0)]).toEqual([9, "SIGKILL", "SIGABRT", "SIGRTMIN", "SIGRTMIN+30", undefined])
    expect(Ioctl.number("TIOCGWINSZ")).toBe(0x5413)
    expect(Ioctl.request("TIOCGWINSZ").argument).toBe(Syscall.Winsize)
    expect(Ioctl.requests(0x5401).map((r) => r.name)).toContain("TCGETS")
    expect(Ioctl.requests(Ioctl.number("UFFDIO_API") | 0)).toMatchObject([{ name: "UFFDIO_API" }])
    expect(Ioctl.requests(1)).toEqual([])
  })
  it("verdicts refuse nonsense", () => {
    expect(() => Verdict.errno(0)).toThrow(RangeError)
    expect(() => Verdict.errno(4096)).toThrow(RangeError)
    expect(() => Verdict.errno("ENOTHING" as never)).toThrow(RangeError)
    expect(() => Verdict.fd(-1)).toThrow(RangeError)
    expect(Verdict.value(2n ** 64n - 1n).value).toBe(-1n)
    expect(Verdict.fd(Uint8Array.of(1))).toEqual({ _tag: "Fd", source: Uint8Array.of(1), cloexec: false, path: undefined, readable: true })
  })
})
