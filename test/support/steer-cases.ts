/**
 * What handlers of power `steer` do in a sandbox, as functions that throw where a promise is not kept: run under Node by the suite, and
 * under Bun by this file as a program (`steer-cases.ts GUEST`).
 */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Exit, Fiber, Layer, Stream } from "effect"
import * as EventHandler from "../../sdk/EventHandler.ts"
import * as Command from "../../sdk/Command.ts"
import * as Plugin from "../../sdk/Plugin.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import * as Syscall from "../../sdk/Syscall.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import { Path } from "../../sdk/Where.ts"
import { syscallNumbers } from "../../sdk/internal/syscalls.ts"
import { type Cases, printResults } from "./cases.ts"
import { killed, module, run } from "./handler-cases.ts"

const steer = { power: "steer" } as const
const answers = SyscallHandler.make("getpgid", steer, () => Effect.succeed(Verdict.value(77)))
const injects = SyscallHandler.make("getpgid", steer, (call) => Effect.as(call.inject("getppid", {}), Verdict.value(77)))
const passes = SyscallHandler.make("getpgid", steer, () => Effect.succeed(Verdict.continue))

const everyCall = Object.keys(syscallNumbers).filter((name) => Syscall.classify(name as Syscall.SyscallName).safety !== "fixed")

export const cases: Cases = {
  "a value, an errno, a kill, and going on": async (guest) => {
    assert.equal((await run(guest, ["registers", "121"], [answers])).out, "77: 11 12 13 14 15 16\n")
    const fails = SyscallHandler.make("getpgid", steer, () => Effect.succeed(Verdict.errno("ENOSPC")))
    assert.equal((await run(guest, ["registers", "121"], [fails])).out, "-28: 11 12 13 14 15 16\n")
    assert.equal((await run(guest, ["registers", "121"], [passes])).out, "-3: 11 12 13 14 15 16\n")
    killed(await run(guest, ["call", "121"], [SyscallHandler.make("getpgid", steer, () => Effect.succeed(Verdict.kill("enough")))]), /enough/)
  },
  "rewritten arguments are the kernel's, and the guest finds its own again": async (guest) => {
    const self = SyscallHandler.make("getsid", steer, (call) => Effect.succeed(call.rewrite({ pid: 0 })))
    const ran = await run(guest, ["registers", "124"], [self])
    assert.match(ran.out, /^\d+: 11 12 13 14 15 16\n$/)
  },
  "a result is seen and replaced; the first handler has the last word": async (guest) => {
    const seen: Array<string> = []
    const hook = (label: string, plus: bigint) => SyscallHandler.make("getsid", { ...steer, label }, (call) =>
      Effect.succeed(call.after((result) => Effect.sync(() => {
        seen.push(`${label} ${result.errno ?? result.value}`)
        return Verdict.value(result.value + plus)
      }))))
    assert.equal((await run(guest, ["registers", "124"], [hook("outer", 100n), hook("inner", 10n)])).out, "109: 11 12 13 14 15 16\n")
    assert.deepEqual(seen, ["inner ESRCH", "outer 9"])
    assert.equal((await run(guest, ["registers", "124"], [hook("main", 100n), module("after")])).out, "1099: 11 12 13 14 15 16\n")
  },
  "a hook reads what the kernel wrote": async (guest) => {
    let name = ""
    const look = SyscallHandler.make("uname", steer, (call) =>
      Effect.succeed(call.after(() => Effect.map(call.args.name.read, (read) => {
        name = read.nodename
        return Verdict.continue
      }))))
    await run(guest, ["sh", "-c", "uname -n"], [look])
    assert.equal(name, "sandbox")
  },
  "a hook that fails: the result is withheld": async (guest) => {
    const make = (onFailure: "kill" | "continue" | "ENOSPC", hook: () => Effect.Effect<Verdict.Continue>) =>
      SyscallHandler.make("getsid", { ...steer, onFailure, deadline: 100 }, (call) => Effect.succeed(call.after(hook, { pid: 0 })))
    const dies = () => Effect.die(new Error("oh no"))
    for (const [onFailure, out] of [["kill", "-5\n"], ["ENOSPC", "-28\n"]] as const) {
      const told = await run(guest, ["call", "124"], [make(onFailure, dies)])
      assert.equal(told.out, out)
      assert.deepEqual(told.failures.map(({ detail, reason }) => [reason, detail]), [["threw", "oh no"]])
    }
    assert.match((await run(guest, ["call", "124"], [make("continue", dies)])).out, /^\d+\n$/)
    const late = await run(guest, ["call", "124"], [make("ENOSPC", () => Effect.never)])
    assert.equal(late.out, "-28\n")
    assert.equal(late.failures[0]?.reason, "deadline")
  },
  "calls are injected, before the call and after it": async (guest) => {
    const before = SyscallHandler.make("getpgid", steer, (call) =>
      Effect.gen(function*() {
        let sum = 0n
        for (let i = 0; i < 5; i++) sum += (yield* call.inject("getppid", {})).value
        const bad = yield* call.inject("close", { fd: 12345 })
        assert.equal(bad.errno, "EBADF")
        return sum === 5n ? Verdict.continue : Verdict.value(sum)
      }))
    assert.equal((await run(guest, ["registers", "121"], [before])).out, "-3: 11 12 13 14 15 16\n")
    const after = SyscallHandler.make("getsid", steer, (call) =>
      Effect.succeed(call.after((result) => Effect.map(call.inject("getppid", {}), (other) => Verdict.value(result.value * 10n + other.value)), { pid: 12345 })))
    assert.equal((await run(guest, ["registers", "124"], [after])).out, "-9: 11 12 13 14 15 16\n")
  },
  "bytes are placed below the stack, for injected calls and for the call itself": async (guest) => {
    const opens = SyscallHandler.make("getpgid", steer, (call) =>
      Effect.gen(function*() {
        const path = yield* call.scratch(Buffer.from("/etc/hostname\0"))
        const room = yield* call.scratch(new Uint8Array(16))
        const file = yield* call.inject("openat", { dfd: -100, filename: path, flags: 0 })
        const got = yield* call.inject("read", { fd: file.value, buf: room, count: 16 })
        yield* call.inject("write", { fd: 1, buf: room, count: got.value })
        yield* call.inject("close", { fd: file.value })
        return Verdict.value(got.value)
      }))
    assert.equal((await run(guest, ["call", "121"], [opens])).out, "sandbox\n8\n")
    const other = SyscallHandler.make("open", { ...steer, memory: "racy" }, (call) => Effect.map(call.scratch(Buffer.from("/etc/hostname\0")), (filename) => call.rewrite({ filename })))
    const at = SyscallHandler.make("openat", { ...steer, memory: "racy" }, (call) =>
      Effect.gen(function*() {
        if ((yield* call.args.filename.read) !== "/nowhere") return Verdict.continue
        return call.rewrite({ filename: yield* call.scratch(Buffer.from("/etc/hostname\0")) })
      }))
    assert.equal((await run(guest, ["open", "/nowhere"], [other, at])).out, "sandbox\n")
    assert.equal((await run(guest, ["no-stack"], [opens])).out, "-14\n")
  },
  "modules steer too": async (guest) => {
    assert.equal((await run(guest, ["registers", "121"], [module("steer")])).out, "101: 11 12 13 14 15 16\n")
  },
  "what must not be injected is not, and what is injected passes the filter": async (guest) => {
    const results: Array<string | undefined> = []
    const tries = SyscallHandler.make("getpgid", steer, (call) =>
      Effect.gen(function*() {
        for (const name of ["fork", "clone", "vfork", "clone3", "execve", "rt_sigreturn"] as const) results.push((yield* call.inject(name, {})).errno)
        results.push((yield* call.inject("ptrace", {})).errno, (yield* call.inject("unshare", { unshare_flags: 0x10000000 })).errno)
        return Verdict.value(1)
      }))
    assert.equal((await run(guest, ["call", "121"], [tries, SyscallHandler.make("unshare", steer, () => Effect.succeed(Verdict.continue))])).out, "1\n")
    assert.deepEqual(results, ["ENOSYS", "ENOSYS", "ENOSYS", "ENOSYS", "ENOSYS", "ENOSYS", "EPERM", "EPERM"])
  },
  "other handlers of the call are asked there too, in order": async (guest) => {
    const asked: Array<string> = []
    const note = (label: string, power: "observe" | "answer" | "steer") =>
      SyscallHandler.make("getpgid", { label, power }, ((call: { readonly args: { readonly pid: number } }) => Effect.sync(() => (asked.push(`${label} ${call.args.pid}`), Verdict.continue))) as never)
    const changes = SyscallHandler.make("getpgid", steer, (call) => Effect.succeed(call.rewrite({ pid: 0 })))
    assert.match((await run(guest, ["call", "121", "9"], [note("a", "observe"), note("b", "answer"), changes, note("c", "answer")])).out, /^\d+\n$/)
    assert.deepEqual(asked, ["a 9", "b 9", "c 0"])
  },
  "files: carried out on the guest's behalf, given by the handler, and kept from it by path": async (guest) => {
    const seen: Array<string> = []
    const careful = SyscallHandler.make("openat", steer, (call) => Effect.map(call.args.filename.read, (path) => (seen.push(path), Verdict.continue)))
    assert.equal((await run(guest, ["open", "/etc/hostname"], [careful])).out, "sandbox\n")
    assert.ok(seen.includes("/etc/hostname"))
    const virtual = SyscallHandler.make("openat", { ...steer, where: Path.exact("/etc/hostname") }, () => Effect.succeed(Verdict.fd(Buffer.from("virtual\n"))))
    assert.equal((await run(guest, ["open", "/etc/hostname"], [virtual])).out, "virtual\n")
    assert.match((await run(guest, ["open", "/etc/passwd"], [virtual])).out, /^root:/)
    const denied = SyscallHandler.make("openat", { ...steer, where: Path.under("/etc") }, () => Effect.succeed(Verdict.errno("EPERM")))
    assert.equal((await run(guest, ["sh", "-c", "ln -s /etc /tmp/e; $GUEST open /tmp/e/hostname"], [denied])).out, "-1\n")
    assert.equal((await run(guest, ["opens", "300"], [careful])).out, "0 wrong\n")
  },
  "what waits on the guest's behalf is taken back by signals": async (guest) => {
    const careful = (["open", "openat"] as const).map((name) =>
      SyscallHandler.make(name as "openat", steer, (call) => Effect.andThen(call.args.filename.read, Effect.as(call.inject("getppid", {}), Verdict.continue))))
    assert.equal((await run(guest, ["fifo"], careful)).out, "-4, opened, 2 signals\n")
  },
  "calls that can only be steered": async (guest) => {
    let forks = 0, closes = 0, exits = 0
    const observe = { power: "observe" } as const
    const count = [
      SyscallHandler.make("clone", observe, () => Effect.sync(() => (forks++, Verdict.continue))),
      SyscallHandler.make("close", observe, () => Effect.sync(() => (closes++, Verdict.continue))),
      SyscallHandler.make("exit_group", observe, () => Effect.sync(() => (exits++, Verdict.continue)))
    ]
    assert.equal((await run(guest, ["sh", "-c", "(exit 3); (exit 4); cat /etc/hostname"], count)).out, "sandbox\n")
    assert.ok(forks >= 2 && closes > 2 && exits >= 3, `${forks} ${closes} ${exits}`)
    const refuses = SyscallHandler.make("clone", steer, () => Effect.succeed(Verdict.errno("EAGAIN")))
    assert.match((await run(guest, ["sh", "-c", "(exit 3); :"], [refuses])).out, /[Cc]annot fork/)
    const children: Array<bigint> = []
    const born = SyscallHandler.make("clone", steer, (call) => Effect.succeed(call.after((result) => Effect.sync(() => (children.push(result.value), Verdict.continue)))))
    assert.equal((await run(guest, ["sh", "-c", "(exit 3); echo $?"], [born])).out, "3\n")
    assert.ok(children.length === 1 && children[0]! > 1n)
  },
  "what a program becomes is seen after its execve": async (guest) => {
    const seen: Array<string> = []
    const look = SyscallHandler.make("execve", { ...steer, memory: "racy" }, (call) =>
      Effect.map(call.args.filename.read, (path) => call.after((result) => Effect.sync(() => (seen.push(`${path} ${result.errno ?? result.value}`), Verdict.continue)))))
    assert.match((await run(guest, ["sh", "-c", "/bin/nothing; exec /bin/echo hello"], [look])).out, /^hello$/m)
    assert.deepEqual(seen.slice(-2), ["/bin/nothing ENOENT", "/bin/echo 0"])
    assert.match(seen[0]!, /\/sh (0|ENOENT)$/)
  },

  // ------------------------------------------------------------------------------------------- threads and processes
  "200 threads": async (guest) => {
    for (const handler of [answers, injects, module("steer77")]) assert.equal((await run(guest, ["threads", "200", "5"], [handler])).out, "200 threads, 0 wrong\n")
  },
  "signals all the while": async (guest) => {
    for (const handler of [answers, injects]) assert.equal((await run(guest, ["storm", "2000"], [handler])).out, "signals, 0 wrong\n")
    const slow = SyscallHandler.make("getpgid", steer, (call) =>
      Effect.succeed(call.after(() => Effect.as(Effect.andThen(Effect.sleep(1), call.inject("getppid", {})), Verdict.value(77)), { pid: 0 })))
    assert.equal((await run(guest, ["storm", "200"], [slow])).out, "signals, 0 wrong\n")
  },
  "interrupted calls end or start again as without a tracer": async (guest) => {
    const results: Array<bigint> = []
    const look = SyscallHandler.make("read", { ...steer, memory: "none" }, (call) =>
      Effect.succeed(call.after((result) => Effect.sync(() => (results.push(result.raw), Verdict.continue)), { count: call.args.count })))
    assert.equal((await run(guest, ["interrupted"], [look])).out, "-4 1, registers kept\n")
    assert.ok(results.includes(-512n))
    assert.equal((await run(guest, ["interrupted", "restart"], [look])).out, "1 1, registers kept\n")
  },
  "job control": async (guest) => {
    const look = SyscallHandler.make("nanosleep", { ...steer, memory: "none" }, (call) => Effect.succeed(call.after(() => Effect.succeed(Verdict.continue))))
    const clock = SyscallHandler.make("clock_nanosleep", { ...steer, memory: "none" }, (call) => Effect.succeed(call.after(() => Effect.succeed(Verdict.continue))))
    assert.equal((await run(guest, ["sleep"], [look, clock])).out, "stopped 1, continued 1, exit 0\n")
    assert.equal((await run(guest, ["sleep"], [answers])).out, "stopped 1, continued 1, exit 0\n")
  },
  "a process that is killed while its handler thinks": async (guest) => {
    const slow = SyscallHandler.make("getpgid", steer, (call) => Effect.as(Effect.andThen(Effect.sleep(300), Effect.ignore(call.inject("getppid", {}))), Verdict.value(3)))
    const told = await run(guest, ["killed"], [slow])
    assert.equal(told.out, "killed\n")
    assert.deepEqual(told.failures, [])
    const blocks = SyscallHandler.make("getpgid", steer, (call) => Effect.as(Effect.ignore(call.inject("pause", {})), Verdict.value(3)))
    assert.equal((await run(guest, ["killed"], [blocks])).out, "killed\n")
  },
  "a program is executed by a thread that is not the first": async (guest) => {
    const look = SyscallHandler.make("execve", { ...steer, memory: "none" }, (call) => Effect.succeed(call.after(() => Effect.succeed(Verdict.continue))))
    const pauses = SyscallHandler.make("getpgid", steer, (call) => Effect.as(Effect.andThen(Effect.sleep(1), call.inject("getppid", {})), Verdict.value(3)))
    for (const handlers of [[answers], [look, answers], [look, pauses]]) assert.equal((await run(guest, ["thread-exec"], handlers)).out, "executed\n")
  },
  "vfork, trees of processes, orphans, death signals": async (guest) => {
    const observe = ["vfork", "clone", "exit_group", "wait4"].map((name) => SyscallHandler.make(name as "clone", { power: "observe" }, () => Effect.succeed(Verdict.continue)))
    const handlers = [answers, ...observe]
    assert.equal((await run(guest, ["vfork"], handlers)).out, "child\nparent 0\n")
    assert.equal((await run(guest, ["forks", "50"], handlers)).out, "0 failures\n")
    assert.equal((await run(guest, ["orphans"], handlers)).out, "done\n")
    assert.equal((await run(guest, ["death-signal"], handlers)).out, "gone\n")
  },
  "a handler that never answers": async (guest) => {
    const never = SyscallHandler.make("getpgid", { ...steer, deadline: 50, onFailure: "ETIMEDOUT" }, () => Effect.never)
    const told = await run(guest, ["call", "121"], [never])
    assert.equal(told.out, "-110\n")
    assert.equal(told.failures[0]?.reason, "deadline")
  },

  // -------------------------------------------------------------------------------------------------------- attacks
  "the number of bounced calls is no call of the guest's": async (guest) => {
    const careful = SyscallHandler.make("openat", steer, (call) => Effect.as(call.args.filename.read, Verdict.continue))
    const plain = SyscallHandler.make("open", steer, (call) => Effect.as(call.args.filename.read, Verdict.continue))
    assert.equal((await run(guest, ["bounced"], [careful, plain])).out, "0 wrong\n")
  },
  "nobody in there can trace": async (guest) => {
    assert.equal((await run(guest, ["ptrace"], [answers], { extends: "trusted" })).out, "child -1, init -1\n")
  },
  "a process of the guest hunts for commands that are being started": async (guest) => {
    const hunt = (handlers: ReadonlyArray<Policy.HandlerSource>) =>
      Effect.gen(function*() {
        const policy = Policy.make({ extends: "trusted", filesystem: { read: [guest] }, handlers }) as Policy.Policy
        const sandbox = yield* Sandbox.spawn(Command.set(Command.make(guest, "hunt", "3"), { stdin: "ignore" }), policy)
        const out = yield* Effect.forkScoped(Stream.mkString(Stream.decodeText(sandbox.all)))
        let said = 0
        for (let i = 0; i < 15; i++) {
          const command = yield* sandbox.exec(Command.set(Command.make(guest, "say", "here"), { stdin: "ignore" }))
          if ((yield* Stream.mkString(Stream.decodeText(command.stdout))) === "here\n") said++
        }
        yield* sandbox.exit
        return { said, out: yield* Fiber.join(out) }
      }).pipe(Effect.scoped, Effect.exit, Effect.runPromise)
    // The control: without a tracer they are found, once they run.
    const plain = await hunt([])
    assert.ok(Exit.isSuccess(plain))
    assert.match(plain.value.out, /^seized some, opened \w+, unfiltered 0/)
    const traced = await hunt([answers])
    // Whoever is quicker than the tracer has the sandbox ended, and has won nothing.
    if (Exit.isSuccess(traced)) {
      assert.match(traced.value.out, /^seized none, opened \w+, unfiltered 0, descriptors 0$/m)
      assert.equal(traced.value.said, 15)
    }
  },
  "a process that asks for not being traced": async (guest) => {
    assert.equal(execFileSync(guest, ["untraced"], { encoding: "utf8" }), "4, 4\n") // the control: both are calls of the kernel's
    const told: Array<string> = []
    const handlers = [answers, EventHandler.make("clone", (event) => Effect.sync(() => void told.push(event.how)))]
    assert.equal((await run(guest, ["untraced"], handlers)).out, "3, -38\n")
    assert.equal((await run(guest, ["untraced"], handlers, { syscalls: { allow: ["clone3"] } })).out, "3, -38\n")
    assert.deepEqual(told, ["fork", "fork"])
    const sees = ["clone", "clone3"].map((name) => SyscallHandler.make(name as "clone", { ...steer, memory: "none" }, (call) => Effect.as(Effect.sync(() => void told.push(`${name} ${Number(call.registers[0]) & 0x00800000}`)), Verdict.continue)))
    assert.equal((await run(guest, ["untraced"], [answers, ...sees], { syscalls: { allow: ["clone3"] } })).out, "3, -38\n")
    assert.deepEqual(told.slice(2).map((line) => line.split(" ")[0]), ["clone", "clone3"])
    assert.equal(told[2], "clone 0")
  },
  "the instruction is changed while calls are injected": async (guest) => {
    assert.equal((await run(guest, ["scribble", "1000"], [injects])).out, "0 wrong\n")
  },
  "what lies below the stack is changed while it is used": async (guest) => {
    const opens = SyscallHandler.make("getpgid", steer, (call) =>
      Effect.gen(function*() {
        const path = yield* call.scratch(Buffer.from("/etc/hostname\0"))
        const file = yield* call.inject("openat", { dfd: -100, filename: path, flags: 0 })
        if (file.errno !== undefined) return Verdict.errno(file.errno)
        yield* call.inject("close", { fd: file.value })
        return Verdict.value(77)
      }))
    assert.match((await run(guest, ["scratch", "1000"], [opens])).out, /^good some, spoilt (some|none), other 0\n$/)
    const virtual = SyscallHandler.make("openat", { ...steer, where: Path.exact("/etc/hostname") }, () => Effect.succeed(Verdict.fd(Buffer.from("virtual\n"))))
    assert.equal((await run(guest, ["given", "300"], [virtual])).out, "good some, then virtual\n")
  },

  // --------------------------------------------------------------------------------------------------------- events
  "signals are told, with who sent them, and then delivered": async (guest) => {
    const seen: Array<EventHandler.SignalEvent> = []
    const note = EventHandler.make("signal", (event) => Effect.sync(() => void seen.push(event)))
    assert.equal((await run(guest, ["sh", "-c", "trap 'echo caught' USR1; kill -USR1 $$; (exit 3); kill -TERM $$"], [note])).out, "caught\n")
    const [usr1, child, term] = seen
    assert.deepEqual([usr1?.name, usr1?.info.kind, child?.name, child?.info.kind, term?.name], ["SIGUSR1", "kill", "SIGCHLD", "child", "SIGTERM"])
    assert.ok(usr1?.info.kind === "kill" && usr1.info.pid === usr1.pid && usr1.tid === usr1.pid)
    assert.ok(child?.info.kind === "child" && child.info.status === 3)
    assert.equal((await run(guest, ["sleep"], [note])).out, "stopped 1, continued 1, exit 0\n")
    assert.ok(seen.some(({ name }) => name === "SIGSTOP") && seen.some(({ name }) => name === "SIGCONT"))
  },
  "programs, ends, threads and processes are told, in order with the calls": async (guest) => {
    const log: Array<string> = []
    const note = (text: string) => Effect.sync(() => void log.push(text))
    const numbers = new Map<number, string>()
    const name = (tid: number): string => {
      if (!numbers.has(tid)) numbers.set(tid, String.fromCharCode(97 + numbers.size))
      return numbers.get(tid)!
    }
    const handlers = [
      EventHandler.make("exec", (event) => note(`${name(event.tid)} exec ${event.path.split("/").at(-1)}`)),
      EventHandler.make("clone", (event) => note(`${name(event.tid)} ${event.how} ${name(event.childTid)}`)),
      EventHandler.make("exit", (event) => note(`${name(event.tid)} exit ${event.code ?? event.signal}${event.last ? " last" : ""}`)),
      SyscallHandler.make("getpgid", { power: "observe" }, (call) => Effect.as(note(`${name(call.tid)} getpgid`), Verdict.continue)),
      SyscallHandler.make("exit_group", { power: "observe" }, (call) => Effect.as(note(`${name(call.tid)} exit_group ${call.args.error_code}`), Verdict.continue))
    ]
    assert.equal((await run(guest, ["forks", "1"], handlers)).out, "1 failures\n")
    assert.deepEqual(log, [
      "a exec steer", "a fork b", "b fork c", "c getpgid", "c exit_group 4", "c exit 4 last", "b exit_group 4", "b exit 4 last", "a exit_group 0", "a exit 0 last"
    ])
    log.length = 0
    numbers.clear()
    await run(guest, ["vfork"], handlers)
    assert.deepEqual(log.slice(0, 4), ["a exec steer", "a vfork b", "b exec steer", "b exit_group 0"])
    log.length = 0
    numbers.clear()
    await run(guest, ["threads", "2", "1"], handlers)
    assert.deepEqual(log.filter((line) => line.includes("thread")).map((line) => line.slice(0, 8)), ["a thread", "a thread"])
    assert.equal(log.filter((line) => line.endsWith("last")).length, 1)
    assert.equal(log.at(-1), "a exit 0 last")
    log.length = 0
    const slow = SyscallHandler.make("getpgid", steer, () => Effect.as(Effect.sleep(300), Verdict.value(3)))
    await run(guest, ["killed"], [slow, EventHandler.make("exit", (event) => note(`${event.signal ?? event.code}`))])
    assert.deepEqual(log, ["SIGKILL", "0"])
  },
  "200 threads, trees of processes, an execve by another thread, orphans: all ends are told, once": async (guest) => {
    for (const argv of [["threads", "200", "2"], ["forks", "30"], ["thread-exec"], ["orphans"]]) {
      const born = new Set<number>(), gone = new Map<number, number>()
      const handlers = [
        answers,
        EventHandler.make("clone", (event) => Effect.sync(() => void born.add(event.childTid))),
        EventHandler.make("exit", (event) => Effect.sync(() => void gone.set(event.tid, (gone.get(event.tid) ?? 0) + 1)))
      ]
      assert.match((await run(guest, argv, handlers)).out, /^(200 threads, 0 wrong|0 failures|executed|done)\n$/)
      assert.ok(born.size >= 5, `${born.size}`)
      // Whoever is left when the main command has ended, is ended with the sandbox.
      const told = [...gone.values()].reduce((a, b) => a + b)
      assert.ok(argv[0] === "orphans" ? told > 51 : told === born.size + 1, `${argv[0]}: ${born.size} made, ${told} ended`)
      // Where a thread executes a program, it ends under the number of the first, whose end has been told before.
      assert.deepEqual([...gone.values()].filter((count) => count !== 1), argv[0] === "thread-exec" ? [2] : [], argv[0])
    }
  },
  "handlers of events in modules, and in plugins with what they require": async (guest) => {
    const said: Array<string> = []
    class Log extends Context.Service<Log, { readonly say: (text: string) => void }>()("test/Log") {}
    const plugin = Plugin.make({
      name: "ends",
      handlers: [EventHandler.make("exit", (event) => Effect.map(Log, (log) => log.say(`${event.code}`)))],
      layer: Layer.succeed(Log, { say: (text) => void said.push(text) })
    })
    assert.equal((await run(guest, ["sh", "-c", "(exit 4); :"], [plugin, module("events")])).out, "")
    assert.deepEqual(said, ["4", "0"])
    killed(await run(guest, ["sh", "-c", "(exit 5); echo not reached"], [module("events")]), /exit threw: five/)
  },
  "a handler of events that fails": async (guest) => {
    const make = (onFailure: "kill" | "continue", handler: () => Effect.Effect<void>) => EventHandler.make("exec", { onFailure, deadline: 50, label: "watcher" }, handler)
    killed(await run(guest, ["say", "x"], [make("kill", () => Effect.die(new Error("oh no")))]), /watcher threw: oh no/)
    killed(await run(guest, ["say", "x"], [make("kill", () => Effect.never)]), /watcher exceeded its deadline/)
    const told = await run(guest, ["say", "x"], [make("continue", () => Effect.die(new Error("oh no"))), make("continue", () => Effect.never)])
    assert.equal(told.out, "x\n")
    assert.deepEqual(told.failures.map(({ handler, reason, syscall }) => [handler, reason, syscall]), [["watcher", "threw", "exec"], ["watcher", "deadline", "exec"]])
  },

  // --------------------------------------------------------------------------------------------------- many calls
  "one handler stands at every call, in this thread and in a module's": async (guest) => {
    const calls = new Map<string, number>()
    const every = SyscallHandler.many(everyCall as ReadonlyArray<"getpgid">, { ...steer, memory: "racy", vdso: "keep" }, (call) =>
      Effect.sync(() => {
        calls.set(call.name, (calls.get(call.name) ?? 0) + 1)
        return call.name === "getpgid" ? Verdict.value(77) : Verdict.continue
      }))
    assert.ok(every.length > 300)
    assert.equal((await run(guest, ["registers", "121"], every)).out, "77: 11 12 13 14 15 16\n")
    assert.equal(calls.get("getpgid"), 1)
    assert.ok(["execve", "mmap", "write", "exit_group"].every((name) => calls.has(name)), [...calls.keys()].join())
    assert.equal((await run(guest, ["registers", "121"], [module("many")])).out, "77: 11 12 13 14 15 16\n")
    // Each of its calls has the handlers before and behind it, in their order.
    const plus = (label: string, more: bigint) => SyscallHandler.make("getsid", { ...steer, label }, (call) => Effect.succeed(call.after((result) => Effect.succeed(Verdict.value(result.value * 10n + more)), { pid: 0 })))
    const two = SyscallHandler.many(["getsid", "getpgid"], { ...steer, label: "two" }, (call) => Effect.succeed(call.after((result) => Effect.succeed(Verdict.value(result.value * 10n + 2n)))))
    assert.match((await run(guest, ["registers", "124"], [plus("one", 1n), ...two, plus("three", 3n)])).out, /^\d+321: 11 12 13 14 15 16\n$/)
    const rejected = await run(guest, ["say"], Array.from({ length: 65 }, () => answers)).then(() => undefined, (error: Error) => error.message)
    assert.match(rejected ?? "", /65 handlers, more than 64/)
  },
  "a hook sees what the policy refuses, and where Landlock is asked for it is there": async (guest) => {
    const seen: Array<string> = []
    const every = (override: boolean) => SyscallHandler.many(everyCall as ReadonlyArray<"getpgid">, { ...steer, memory: "racy", vdso: "keep", override }, (call) =>
      Effect.succeed(call.after((result) => Effect.sync(() => {
        seen.push(`${call.name} ${result.errno ?? "fine"}`)
        return Verdict.continue
      }))))
    const ask = ["sh", "-c", "perl -e 'print syscall(169, 1, 2, 3, 0), q( ), $!+0, q( ), syscall(444, 0, 0, 1) > 0'"] // reboot, landlock_create_ruleset
    const told = await run(guest, ask, every(true), { violations: "report" })
    assert.equal(told.out, "-1 1 1")
    assert.ok(seen.includes("reboot EPERM") && seen.includes("landlock_create_ruleset fine"), seen.join())
    assert.deepEqual(told.violations, ["reboot"])
    seen.length = 0
    assert.equal((await run(guest, ask, every(false))).out, "-1 1 1")
    assert.ok(!seen.some((one) => one.startsWith("reboot")), "only with `override`")
  },

  // ----------------------------------------------------------------------------------------------------------- vDSO
  "the time is asked for without a call where a handler wants it so": async (guest) => {
    const times: Array<string> = []
    const watch = (vdso: "hide" | "keep") => [SyscallHandler.make("clock_gettime", { ...steer, vdso }, (call) => Effect.sync(() => {
      times.push(call.name)
      return Verdict.continue
    }))]
    await run(guest, ["time"], watch("keep"))
    assert.deepEqual(times, [])
    await run(guest, ["time"], watch("hide"))
    assert.notEqual(times.length, 0)
  },
  "the time is asked for by calls, where a handler stands on them": async (guest) => {
    const fake = [
      SyscallHandler.make("clock_gettime", (call) => Effect.as(call.args.tp.write(Syscall.Timespec.make({ tv_sec: 1000000n, tv_nsec: 0n })), Verdict.value(0))),
      SyscallHandler.make("gettimeofday", (call) => Effect.as(call.args.tv.write(Syscall.Timeval.make({ tv_sec: 1000000n, tv_usec: 0n })), Verdict.value(0))),
      SyscallHandler.make("time", () => Effect.succeed(Verdict.value(1000000)))
    ]
    const directory = mkdtempSync(join(tmpdir(), "rvisor-steer-"))
    const fixed = join(directory, "static")
    execFileSync("gcc", ["-O1", "-static", "-pthread", "-o", fixed, join(import.meta.dirname, "steer.c")])
    assert.equal((await run(guest, ["time"], fake)).out, "1000000\n")
    assert.equal((await run(fixed, ["time"], fake)).out, "1000000\n")
    assert.equal((await run(guest, ["sh", "-c", "date -u +%s; python3 -c 'import time; print(int(time.time()))'"], fake)).out, "1000000\n1000000\n")
    assert.equal((await run(process.versions["bun"] === undefined ? process.execPath : guest, process.versions["bun"] === undefined ? ["-e", "console.log(Math.floor(Date.now() / 1000))"] : ["time"], fake)).out, "1000000\n")
    assert.equal((await run(guest, ["vdso"], fake)).out, "-1\n")
    assert.notEqual((await run(guest, ["time"], [answers])).out, "1000000\n") // the control: without such a handler it is not asked
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] === import.meta.filename) await printResults(cases, process.argv[2]!)
