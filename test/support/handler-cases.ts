/**
 * What handlers do in a sandbox, as functions that throw where a promise is not kept: run under Node by the suite, and under Bun by
 * this file as a program (`handler-cases.ts GUEST` prints one JSON object of results).
 */
import assert from "node:assert/strict"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import * as Command from "../../sdk/Command.ts"
import type { Outcome } from "../../sdk/Outcome.ts"
import * as Plugin from "../../sdk/Plugin.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import * as Syscall from "../../sdk/Syscall.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import { Address, Arg, Path } from "../../sdk/Where.ts"
import "./backend.ts"
import { type Cases, printResults } from "./cases.ts"
import { late, numbers } from "./modules/numbers.ts"

class Name extends Context.Service<Name, { readonly name: string }>()("test/Name") {}

export interface Told {
  readonly outcome: Outcome
  readonly out: string
  readonly failures: ReadonlyArray<Sandbox.HandlerFailure>
  readonly violations: ReadonlyArray<string>
}

/** Runs the guest program (or `sh -c`) under handlers. */
export const run = (guest: string, argv: ReadonlyArray<string>, handlers: ReadonlyArray<Policy.HandlerSource>, input: Policy.PolicyInput = {}): Promise<Told> =>
  Effect.gen(function*() {
    const policy = Policy.make({ ...input, filesystem: { ...input.filesystem, read: [guest, ...input.filesystem?.read ?? []] }, handlers }) as Policy.Policy
    const command = argv[0] === "sh" ? Command.make("sh", ...argv.slice(1)) : Command.make(guest, ...argv)
    const sandbox = yield* Sandbox.spawn(Command.set(command, { stdin: "ignore", env: { GUEST: guest } }), policy)
    const failures: Array<Sandbox.HandlerFailure> = []
    yield* Effect.forkScoped(Stream.runForEach(sandbox.handlerFailures, (failure) => Effect.sync(() => failures.push(failure))))
    const violations = yield* Effect.forkScoped(Stream.runCollect(sandbox.violations))
    const out = yield* Effect.forkScoped(Stream.mkString(Stream.decodeText(sandbox.all)))
    const outcome = yield* sandbox.exit
    const text = yield* Fiber.join(out)
    const refused = yield* Fiber.join(violations)
    yield* Effect.sleep(20) // failures of a module's thread come as messages
    return { outcome, out: text, failures, violations: refused.map((one) => one.syscall) }
  }).pipe(Effect.scoped, Effect.runPromise)

export const box = SyscallHandler.make("uname", (call) =>
  Effect.as(call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: "box" })), Verdict.value(0)))

export const module = (name: string) => SyscallHandler.fromModule(new URL(`./modules/${name}.ts`, import.meta.url))

export const killed = (told: Told, words: RegExp): void => {
  assert.equal(told.outcome._tag, "Killed")
  assert.equal((told.outcome as { readonly reason: string }).reason, "handler")
  assert.match((told.outcome as { readonly message: string }).message, words)
}

const scratch = (): string => mkdtempSync(join(tmpdir(), "rvisor-handlers-"))

export const cases: Cases = {
  "a guest does not rely on a Landlock that carried-out calls would pass by": async (guest) => {
    const ask = ["sh", "-c", "perl -e 'print syscall(444, 0, 0, 1), q( ), $!+0'"] // landlock_create_ruleset(NULL, 0, VERSION)
    const open = SyscallHandler.make("openat", { where: Path.under("/nowhere") }, () => Effect.succeed(Verdict.errno("EACCES")))
    assert.equal((await run(guest, ask, [open])).out, "-1 38")
    assert.match((await run(guest, ask, [box])).out, /^[1-9]\d* 0$/)
  },

  "a closure answers": async (guest) => {
    const told = await run(guest, ["uname"], [box])
    assert.equal(told.out, "0 box\n")
    assert.deepEqual(told.failures, [])
  },
  "a module answers, with what its layer provides": async (guest) => {
    assert.equal((await run(guest, ["uname"], [module("box")])).out, "0 box\n")
  },
  "a handler's services come from whoever starts the sandbox, or from its plugin": async (guest) => {
    const named = SyscallHandler.make("uname", (call) =>
      Effect.gen(function*() {
        const { name } = yield* Name
        yield* call.args.name.write(Syscall.Utsname.make({ nodename: name }))
        return Verdict.value(0)
      }))
    const spawned = Effect.gen(function*() {
      const policy = Policy.default.pipe(Policy.read(guest), Policy.handlers(named))
      const sandbox = yield* Sandbox.spawn(Command.make(guest, "uname"), policy)
      return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
    })
    const provided: Effect.Effect<string, unknown> = Effect.scoped(spawned).pipe(Effect.provideService(Name, { name: "outer" }))
    assert.equal(await Effect.runPromise(provided), "0 outer\n")
    const plugin = Plugin.make({ name: "named", handlers: [named], layer: Layer.succeed(Name, { name: "inner" }) })
    assert.equal((await run(guest, ["uname"], [plugin])).out, "0 inner\n")
  },
  "children, what they execute, and commands of exec are covered": async (guest) => {
    const told = await run(guest, ["sh", "-c", "$GUEST uname; sh -c 'exec $GUEST uname'; (uname -n)"], [box])
    assert.equal(told.out, "0 box\n0 box\nbox\n")
    const second = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make("sleep", "20"), Policy.make({ filesystem: { read: [guest] }, handlers: [box] }))
      const more = yield* sandbox.exec(Command.make(guest, "uname"))
      return yield* Stream.mkString(Stream.decodeText(more.stdout))
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.equal(second, "0 box\n")
  },
  "8 threads at once, by a closure and by a module": async (guest) => {
    for (const handler of [box, module("box")]) assert.equal((await run(guest, ["threads", "8", "200"], [handler])).out, "8 threads, 0 wrong\n")
  },
  "each call gets its own answer: of 8 threads at once, of several commands, at once and later": async (guest) => {
    for (const handler of [numbers, late, module("numbers")]) {
      assert.equal((await run(guest, ["numbers", "8", "300"], [handler])).out, "8 threads, 0 wrong\n")
    }
    const all = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make("sleep", "60"), Policy.make({ filesystem: { read: [guest] }, handlers: [numbers] }))
      const more = yield* Effect.forEach([1, 2, 3], () => sandbox.exec(Command.make(guest, "numbers", "3", "300")))
      return yield* Effect.forEach(more, (one) => Stream.mkString(Stream.decodeText(one.stdout)), { concurrency: "unbounded" })
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.deepEqual(all, ["3 threads, 0 wrong\n", "3 threads, 0 wrong\n", "3 threads, 0 wrong\n"])
  },
  "commands that end, one after the other, leave no descriptor in this program": async (guest) => {
    const { readdirSync } = await import("node:fs")
    const counts = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make("sleep", "60"), Policy.make({ filesystem: { read: [guest] }, handlers: [numbers] }))
      const found: Array<number> = []
      for (let i = 0; i < 12; i++) {
        const text = yield* Effect.scoped(Effect.flatMap(sandbox.exec(Command.make(guest, "numbers", "1", "5")), (one) =>
          Effect.andThen(one.exit, Stream.mkString(Stream.decodeText(one.stdout)))))
        assert.equal(text, "1 threads, 0 wrong\n")
        yield* Effect.sleep(20)
        found.push(readdirSync("/proc/self/fd").length)
      }
      return found
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.ok(counts.at(-1)! <= counts[2]! + 2, `descriptors: ${counts}`)
  },
  "200 threads": async (guest) => {
    for (const handler of [box, module("box")]) assert.equal((await run(guest, ["threads", "200", "5"], [handler])).out, "200 threads, 0 wrong\n")
  },
  "a virtual file, from bytes; and one of the host's descriptors": async (guest) => {
    const virtual = SyscallHandler.make("openat", { where: Path.exact("/etc/hostname") }, () => Effect.succeed(Verdict.fd(Buffer.from("from memory\n"))))
    assert.equal((await run(guest, ["sh", "-c", "cat /etc/hostname; cat < /etc/hostname; echo x > /proc/self/fd/9 9< /etc/hostname"], [virtual])).out.split("\n").slice(0, 2).join(), "from memory,from memory")
    const directory = scratch()
    writeFileSync(join(directory, "file"), "of the host\n")
    const fd = openSync(join(directory, "file"), "r")
    const given = SyscallHandler.make("openat", { where: Path.exact("/etc/hostname") }, (call) =>
      Effect.succeed(Verdict.fd(fd, { cloexec: Syscall.OpenFlags.has(call.args.flags, "O_CLOEXEC") })))
    assert.equal((await run(guest, ["sh", "-c", "cat /etc/hostname"], [given])).out, "of the host\n")
    closeSync(fd)
    rmSync(directory, { recursive: true })
  },
  "what it lets go on is what it saw, whatever the guest's threads write meanwhile": async (guest) => {
    const directory = scratch()
    writeFileSync(join(directory, "secret"), "secret")
    writeFileSync(join(directory, "public"), "public")
    const careful = SyscallHandler.make("openat", (call) =>
      Effect.map(call.args.filename.read, (path) => path.endsWith("secret") ? Verdict.errno("EACCES") : Verdict.continue))
    const told = await run(guest, ["race", "2000"], [careful], {
      filesystem: { read: [{ path: join(directory, "secret"), as: "/tmp/secret" }, { path: join(directory, "public"), as: "/tmp/public" }] }
    })
    assert.match(told.out, /^public some, secret 0, refused (some|none)$/m)
    rmSync(directory, { recursive: true })
  },
  "path filters see where links lead, and no link leads past them": async (guest) => {
    const denied = SyscallHandler.make("openat", { where: Path.under("/etc") }, () => Effect.succeed(Verdict.errno("EPERM")))
    const told = await run(guest, ["sh", "-c", "ln -s /etc /tmp/e; cat /tmp/e/hostname; cat /tmp/e/../etc/hostname; cat /etc/hostname; echo fine > /tmp/x; cat /tmp/x"], [denied])
    assert.equal(told.out.match(/Operation not permitted/g)?.length, 3, told.out)
    assert.match(told.out, /^fine$/m)
  },
  "where a path leads, by a link, from a directory, and where nothing is": async (guest) => {
    const seen: Array<string> = []
    const look = SyscallHandler.make("newfstatat", { where: [Path.under("/tmp"), Arg.eq("flag", 0)] }, (call) =>
      Effect.gen(function*() {
        const text = yield* call.args.filename.read
        const path = yield* Effect.catchTag(call.resolve("filename"), "GuestFault", ({ errno }) => Effect.succeed(errno))
        seen.push(`${text} ${path}`)
        return Verdict.continue
      }))
    const script = "import os; os.mkdir('/tmp/d'); os.symlink('/tmp/d', '/tmp/l'); open('/tmp/d/f', 'w').close(); os.chdir('/tmp/d'); d = os.open('/tmp/d', 0)\n" +
      "for at, name in [(None, '/tmp/l/f'), (None, 'f'), (d, 'f'), (None, '/tmp/l/../no/./such/../file'), (d, 'none/x'), (d, 'none'), (None, '/tmp/d/f/x')]:\n" +
      "  try: os.stat(name, dir_fd=at); print('there')\n" +
      "  except OSError as e: print(e.strerror)"
    const told = await run(guest, ["sh", "-c", `python3 -IS -c "${script}"`], [look])
    assert.equal(told.out, "there\nthere\nthere\nNo such file or directory\nNo such file or directory\nNo such file or directory\nNot a directory\n")
    assert.deepEqual(seen, ["/tmp/l/f /tmp/d/f", "f /tmp/d/f", "f /tmp/d/f", "/tmp/l/../no/./such/../file /tmp/no/file", "none/x /tmp/d/none/x", "none /tmp/d/none"])
  },
  "what it was shown is where the call leads, however the guest changes its links": async (guest) => {
    const directory = scratch()
    for (const name of ["secret", "public"]) writeFileSync(join(directory, name), name)
    const policy = { filesystem: { read: [{ path: join(directory, "secret"), as: "/tmp/secret" }, { path: join(directory, "public"), as: "/tmp/public" }] } }
    const careful = (memory: "copied" | "racy") => SyscallHandler.make("openat", { memory }, (call) =>
      Effect.map(Effect.catchTag(call.resolve(), "GuestFault", () => Effect.succeed("")), (path) => path === "/tmp/secret" ? Verdict.errno("EACCES") : Verdict.continue))
    assert.equal((await run(guest, ["relink", "2000"], [careful("copied")], policy)).out, "secret none\n")
    assert.equal((await run(guest, ["relink", "2000"], [careful("racy")], policy)).out, "secret some\n") // it can be won, where nothing is kept
    rmSync(directory, { recursive: true })
  },
  "descriptors: what is open there, where it stands, and bytes from there": async (guest) => {
    const seen: Array<string> = []
    const look = SyscallHandler.make("fdatasync", (call) =>
      Effect.gen(function*() {
        const { flags, path, position, size, standsFor, take, type } = yield* call.descriptor(call.args.fd)
        const bytes = type === "file" ? yield* Effect.match(take(3), { onSuccess: (bytes) => Buffer.from(bytes).toString(), onFailure: ({ errno }) => errno }) : ""
        seen.push([path, type, size, position, Syscall.OpenFlags.format(flags & 3), standsFor, bytes].join(" "))
        const { path: cwd, type: kind } = yield* call.descriptor(-100)
        assert.match(yield* call.executable, /python3/)
        return Verdict.value(cwd === "/tmp" && kind === "directory" ? 0 : 1)
      }))
    const script = "import os; os.chdir('/tmp'); open('f', 'w').write('0123456789'); f = os.open('f', os.O_RDWR); os.lseek(f, 2, 0); g = os.dup(f)\n" +
      "os.fdatasync(f); os.fdatasync(g); print(os.read(f, 9)); r, w = os.pipe(); os.fdatasync(r); os.fdatasync(os.open('/tmp', 0)); os.unlink('f'); os.fdatasync(f)\n" +
      "try: os.fdatasync(99)\nexcept OSError as e: print(e.strerror)"
    const told = await run(guest, ["sh", "-c", `python3 -c "${script}"`], [look])
    assert.equal(told.out, "b'89'\nBad file descriptor\n")
    assert.deepEqual(seen.map((line) => line.replace(/ \d+ 0 /, " N 0 ")), [
      "/tmp/f file 10 2 O_RDWR false 234", "/tmp/f file 10 5 O_RDWR false 567", " pipe 0  O_RDONLY false ", "/tmp directory N 0 O_RDONLY false ", " file 10 10 O_RDWR false "
    ])
    assert.deepEqual(told.failures, [])
    const outside = scratch()
    const given = openSync(join(outside, "out"), "w")
    seen.length = 0
    const policy = Policy.make({ handlers: [look] })
    await Effect.runPromise(Effect.scoped(Effect.flatMap(Sandbox.spawn(Command.set(Command.make("python3", "-c", "import os; os.chdir('/tmp'); os.fdatasync(1)"), { stdout: given }), policy), ({ exit }) => exit)))
    assert.deepEqual(seen, [" file 0 0 O_WRONLY false EACCES"]) // a file of the host's has no name in the guest, and is not the guest's to read
    closeSync(given)
    rmSync(outside, { recursive: true })
  },
  "bytes that stand for a path: names are relative to it, and the guest's own grant nothing": async (guest) => {
    const directory = SyscallHandler.make("openat", { where: Path.exact("/nowhere") }, () => Effect.succeed(Verdict.fd(Buffer.from("token"), { path: "/nowhere", readable: false })))
    const file = SyscallHandler.make("openat", { where: Path.exact("/nowhere/deep/file") }, (call) => Effect.map(call.resolve(), (path) => Verdict.fd(Buffer.from(path))))
    const script = "import os; d = os.open('/nowhere', 0); print(os.read(os.open('deep/file', 0, dir_fd=os.dup(d)), 99), os.read(os.open('../nowhere/./deep/file', 0, dir_fd=d), 99))\n" +
      "for f in [lambda: os.read(d, 1), lambda: os.open('x', 0, dir_fd=d), lambda: os.open('../etc/hostname', 0, dir_fd=d), lambda: os.write(d, b'x'), lambda: os.open('/proc/self/fd/%d' % d, os.O_RDWR) and os.write(3, b'x')]:\n" +
      "  try: print(f())\n  except OSError as e: print(e.strerror)"
    const told = await run(guest, ["sh", "-c", `python3 -c "${script}"`], [directory, file])
    assert.equal(told.out, "b'/nowhere/deep/file' b'/nowhere/deep/file'\nBad file descriptor\nNot a directory\nNot a directory\nBad file descriptor\nBad file descriptor\n")
    const etc = SyscallHandler.make("openat", { where: Path.under("/etc") }, () => Effect.succeed(Verdict.continue))
    assert.equal((await run(guest, ["forged"], [etc], { violations: "report" })).out, "-20 -20 -20\n")
    assert.throws(() => Verdict.fd(new Uint8Array(), { path: "relative" }), RangeError)
    assert.throws(() => Verdict.fd(new Uint8Array(), { path: `/${"x".repeat(249)}` }), RangeError)
  },
  "a descriptor to name things by (O_PATH)": async (guest) => {
    const pass = SyscallHandler.make("openat", { where: Path.under("/nowhere") }, () => Effect.succeed(Verdict.continue))
    const script = "import os; d = os.open('/etc', os.O_PATH); print(os.stat('hostname', dir_fd=d).st_size, os.stat(os.open('/etc/hostname', os.O_PATH)).st_size)"
    const told = await run(guest, ["sh", "-c", `python3 -c "${script}"`], [pass])
    assert.match(told.out, /^(\d+) \1\n$/)
  },
  "argument filters": async (guest) => {
    const some = SyscallHandler.make("getpgid", { where: Arg.oneOf("pid", 7, 9) }, (call) => Effect.succeed(Verdict.value(call.args.pid * 100)))
    assert.equal((await run(guest, ["call", "121", "7"], [some])).out, "700\n")
    assert.equal((await run(guest, ["call", "121", "8"], [some])).out, "-3\n")
  },
  "connections are seen with their address, and refused by it": async (guest) => {
    const seen: Array<string> = []
    const audit = SyscallHandler.make("connect", (call) =>
      Effect.map(call.args.uservaddr.read, (address) => {
        if (address.family === "AF_INET") seen.push(`${address.address}:${address.port}`)
        return Verdict.continue
      }))
    assert.equal((await run(guest, ["connect", "127.0.0.1", "9"], [audit])).out, "-111\n")
    assert.deepEqual(seen, ["127.0.0.1:9"])
    const refuse = SyscallHandler.make("connect", { where: Address.net("127.0.0.0/8", { ports: [80, 90] }) }, () => Effect.succeed(Verdict.errno("EHOSTUNREACH")))
    assert.equal((await run(guest, ["connect", "127.0.0.1", "85"], [refuse])).out, "-113\n")
    assert.equal((await run(guest, ["connect", "127.0.0.1", "95"], [refuse])).out, "-111\n")
  },
  "an observer counts, and changes nothing": async (guest) => {
    const counts = new Map<string, number>()
    const count = SyscallHandler.make("openat", { power: "observe" }, (call) =>
      Effect.map(call.args.filename.read, (path) => {
        counts.set(path, (counts.get(path) ?? 0) + 1)
        return Verdict.continue
      }))
    const told = await run(guest, ["sh", "-c", "cat /etc/hostname /etc/hostname /nowhere"], [count])
    assert.match(told.out, /sandbox\nsandbox\n/)
    assert.deepEqual([counts.get("/etc/hostname"), counts.get("/nowhere")], [2, 1])
  },
  "several handlers are asked in order, on both threads": async (guest) => {
    const asked: Array<string> = []
    const pass = (label: string) => SyscallHandler.make("uname", { label }, () => Effect.sync(() => (asked.push(label), Verdict.continue)))
    assert.equal((await run(guest, ["uname"], [pass("first"), module("box"), pass("last")])).out, "0 box\n")
    assert.deepEqual(asked, ["first"])
    const told = await run(guest, ["sh", "-c", "uname -n"], [pass("a"), pass("b")])
    assert.equal(told.out, "sandbox\n")
    assert.deepEqual(asked, ["first", "a", "b"])
  },
  "memory: large buffers are read and written in pieces": async (guest) => {
    let sum = 0
    const size = 100_000
    const look = SyscallHandler.make("write", { where: Arg.eq("count", size) }, (call) =>
      Effect.map(call.args.buf.read, (bytes) => {
        for (const byte of bytes) sum += byte
        return Verdict.value(bytes.length)
      }))
    assert.equal((await run(guest, ["writes", String(size)], [look])).out, `${size}\n`)
    assert.equal(sum, Array.from({ length: size }, (_, i) => i % 251).reduce((a, b) => a + b))
    const fill = SyscallHandler.make("getrandom", (call) => Effect.as(call.args.ubuf.write(new Uint8Array(Number(call.args.len)).fill(1)), Verdict.value(call.args.len)))
    assert.equal((await run(guest, ["getrandom", "50000"], [fill])).out, "50000 50000\n")
  },
  "memory that is not mapped is EFAULT": async (guest) => {
    const read = SyscallHandler.make("openat", (call) => Effect.as(call.args.filename.read, Verdict.continue))
    const told = await run(guest, ["unmapped"], [box, read])
    assert.equal(told.out, "-14 -14 -14 -14 -14\n")
    assert.deepEqual(told.failures, [])
  },
  "the process of a call is the guest's own number": async (guest) => {
    const pid = SyscallHandler.make("getpgid", (call) => Effect.sync(() => Verdict.value(call.pid === call.tid ? 1 : 0)))
    assert.equal((await run(guest, ["call", "121"], [pid])).out, "1\n")
  },
  "what the policy refuses is not shown, unless the handler overrides it; nothing overrides a kill": async (guest) => {
    const answer = (override: boolean) => SyscallHandler.make("getpgid", { override }, () => Effect.succeed(Verdict.value(5)))
    assert.equal((await run(guest, ["call", "121"], [answer(false)], { syscalls: { deny: ["getpgid"] } })).out, "-1\n")
    assert.equal((await run(guest, ["call", "121"], [answer(true)], { syscalls: { deny: ["getpgid"] } })).out, "5\n")
    const ended = await run(guest, ["call", "121"], [answer(true)], { syscalls: { kill: ["getpgid"] } })
    assert.equal((ended.outcome as { readonly reason?: string }).reason, "syscall")
    const passes = SyscallHandler.make("getpgid", { override: true }, () => Effect.succeed(Verdict.continue))
    assert.equal((await run(guest, ["call", "121"], [passes], { syscalls: { deny: ["getpgid"] } })).out, "-1\n")
    const socket = SyscallHandler.make("socket", () => Effect.succeed(Verdict.continue))
    const refused = await run(guest, ["call", "41", "40", "1", "0"], [socket]) // AF_VSOCK
    assert.equal(refused.out, "-1\n")
    assert.deepEqual(refused.violations, []) // nobody has asked for them
  },
  "together with reports of refusals, of which a handler's errno is none": async (guest) => {
    const refuse = SyscallHandler.make("getpgid", () => Effect.succeed(Verdict.errno("ENOSPC")))
    const told = await run(guest, ["sh", "-c", "$GUEST call 121; $GUEST call 101"], [refuse], { violations: "report" })
    assert.equal(told.out, "-28\n-1\n")
    assert.deepEqual(told.violations, ["ptrace"])
  },
  "calls of other ABIs are nobody's, and refused": async (guest) => {
    const answer = SyscallHandler.make("getpid", () => Effect.succeed(Verdict.value(7)))
    const told = await run(guest, ["abi"], [answer], { violations: "report" })
    assert.equal(told.out, "-1 -1 -1\n")
    assert.equal(told.violations.length, 3)
  },
  "kill": async (guest) => killed(await run(guest, ["call", "121"], [SyscallHandler.make("getpgid", () => Effect.succeed(Verdict.kill("enough of this")))]), /enough of this/),

  // ------------------------------------------------------------------------------------------------------- faults
  "a handler that throws": async (guest) => {
    const make = (onFailure: "kill" | "continue" | "EIO") => SyscallHandler.make("getpgid", { label: "thrower", onFailure }, () => { throw new Error("oh no") })
    const told = await run(guest, ["call", "121"], [make("EIO")])
    assert.equal(told.out, "-5\n")
    assert.deepEqual(told.failures.map(({ detail, handler, reason }) => [handler, reason, detail]), [["thrower", "threw", "oh no"]])
    assert.match((await run(guest, ["call", "121", "1"], [make("continue")])).out, /^\d+\n$/)
    killed(await run(guest, ["call", "121"], [make("kill")]), /thrower threw: oh no/)
    const dies = SyscallHandler.make("getpgid", { onFailure: "EIO" }, () => Effect.die("later"))
    assert.equal((await run(guest, ["call", "121"], [dies])).out, "-5\n")
  },
  "a handler that never answers": async (guest) => {
    const never = SyscallHandler.make("getpgid", { deadline: 50, onFailure: "ETIMEDOUT" }, () => Effect.never)
    const told = await run(guest, ["call", "121"], [never])
    assert.equal(told.out, "-110\n")
    assert.equal(told.failures[0]?.reason, "deadline")
    killed(await run(guest, ["call", "121"], [SyscallHandler.make("getpgid", { deadline: 50 }, () => Effect.never)]), /exceeded its deadline/)
  },
  "a verdict it may not give, and a descriptor that is closed": async (guest) => {
    const wrong = SyscallHandler.make("getpgid", { onFailure: "EIO" }, (() => Effect.succeed(Verdict.fd(Buffer.from("x")))) as never) as SyscallHandler.Any
    const told = await run(guest, ["call", "121"], [wrong])
    assert.equal(told.out, "-5\n")
    assert.equal(told.failures[0]?.reason, "verdict")
    const closed = SyscallHandler.make("openat", { where: Path.exact("/etc/hostname"), onFailure: "EBADF" }, () => Effect.succeed(Verdict.fd(999_999)))
    const other = await run(guest, ["sh", "-c", "cat /etc/hostname"], [closed])
    assert.match(other.out, /Bad file descriptor/)
    assert.match(other.failures[0]!.detail, /descriptor 999999 cannot be given/)
  },
  "a handler that answers late, and one whose guest is killed in the middle": async (guest) => {
    const slow = SyscallHandler.make("getpgid", () => Effect.as(Effect.sleep(60), Verdict.value(3)))
    const told = await run(guest, ["killed"], [slow, box])
    assert.equal(told.out, "0 box\n")
    assert.deepEqual(told.failures, [])
  },
  "1,500 calls wait for a slow handler, more than go to the host at once": async (guest) => {
    const slow = SyscallHandler.make("getpgid", { deadline: "60 seconds" }, () => Effect.as(Effect.sleep(200), Verdict.value(3)))
    const told = await run(guest, ["many", "1500"], [slow])
    assert.equal(told.out, "1500\n")
    assert.deepEqual(told.failures, [])
  },
  "a blocked main thread: modules go on, closures are overdue": async (guest) => {
    const blocked = (milliseconds: number) => Effect.sync(() => {
      const until = performance.now() + milliseconds
      while (performance.now() < until) { /* nothing else runs here */ }
    })
    const told = await Effect.gen(function*() {
      const directory = scratch()
      const policy = Policy.make({ filesystem: { read: [guest], write: [directory] }, handlers: [module("box")] })
      const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", `${guest} uname > ${directory}/out; date +%s%N > ${directory}/when`), policy)
      const before = Date.now()
      yield* blocked(1500)
      const after = Date.now()
      yield* sandbox.exit
      const { readFileSync } = yield* Effect.promise(() => import("node:fs"))
      const when = Number(readFileSync(join(directory, "when"), "utf8").trim()) / 1e6
      const out = readFileSync(join(directory, "out"), "utf8")
      rmSync(directory, { recursive: true })
      return { before, after, when, out }
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.equal(told.out, "0 box\n")
    assert.ok(told.when < told.after, "the guest went on while the main thread was blocked")
    const due = await Effect.gen(function*() {
      const closure = SyscallHandler.make("getpgid", { deadline: 100, onFailure: "ETIMEDOUT" }, () => Effect.succeed(Verdict.value(1)))
      const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", `sleep 0.2; ${guest} call 121`), Policy.make({ filesystem: { read: [guest] }, handlers: [closure] }))
      yield* blocked(1500)
      return yield* Stream.mkString(Stream.decodeText(sandbox.stdout))
    }).pipe(Effect.scoped, Effect.runPromise)
    assert.equal(due, "-110\n")
  },
  "a module that waits on its own event loop": async (guest) => {
    assert.equal((await run(guest, ["sh", "-c", "$GUEST call 121; $GUEST uname; $GUEST call 121"], [module("box")])).out, "77\n0 box\n77\n")
  },
  "a module that does not load": async (guest) => {
    const failure = async (name: string, policy = Policy.make({ handlers: [module(name)] })) =>
      Effect.runPromise(Effect.scoped(Effect.flip(Sandbox.spawn(Command.make(guest, "uname"), Policy.read(policy, guest)))))
    for (const [name, words] of [["throws", /this module does not load/], ["broken", /no name to be had/], ["nothing", /no default export/], ["other", /no plugin, handler, or list/]] as const) {
      const error = await failure(name)
      assert.equal(error._tag, "LoadError")
      assert.match(error.message, words)
    }
  },
  "a module whose thread ends while it serves": async (guest) => {
    const told = await run(guest, ["sh", "-c", "$GUEST call 121 & sleep 0.5; $GUEST uname"], [module("ends")])
    killed(told, /getpgid threw: the thread of its module has ended/)
  },
  "calls that a module's thread had taken when it ended fail at once, each as its handler says": async (guest) => {
    const begin = performance.now()
    const told = await run(guest, ["sh", "-c", "($GUEST call 121 > /tmp/a; echo > /tmp/b) & sleep 0.2; $GUEST call 124; while [ ! -e /tmp/b ]; do sleep 0.05; done; cat /tmp/a; $GUEST call 140"], [module("lost")], { filesystem: { tmpfs: ["/tmp"] } })
    assert.match(told.out, /^\d+\n-5\n-28\n$/)
    assert.ok(performance.now() - begin < 300_000, "nobody waited for a deadline, all of ten minutes")
    assert.deepEqual(told.failures.map(({ handler, reason }) => [handler, reason]).sort(), [["getpgid", "threw"], ["getpriority", "threw"], ["getsid", "threw"]])
    for (const { detail } of told.failures) assert.match(detail, /the thread of its module has ended: .*lost its way/)
  },
  "what needs more power than there is, is refused before anything starts": async (guest) => {
    const refused = async (handler: SyscallHandler.Any) => {
      const error = await Effect.runPromise(Effect.scoped(Effect.flip(Sandbox.spawn(Command.make(guest), Policy.make({ filesystem: { read: [guest] }, handlers: [handler] }) as Policy.Policy))))
      return error.message
    }
    assert.match(await refused({ ...box, name: "unam" as never }), /no system call/)
    assert.match(await refused(SyscallHandler.make("execve", { power: "observe", where: Path.under("/usr") }, () => Effect.succeed(Verdict.continue))), /path filters are decided where/)
  },
  "no descriptor of the ring is the guest's": async (guest) => {
    const told = await run(guest, ["sh", "-c", "ls /proc/self/fd | wc -l; ls -l /proc/self/fd | grep -c rvisor"], [box])
    assert.equal(told.out, "4\n0\n")
  }
}

if (process.argv[1] === import.meta.filename) await printResults(cases, process.argv[2]!)
