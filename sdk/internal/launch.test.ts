/**
 * Starting a warden, and what becomes of a host whose warden is not what it should be. A stand-in for the sentry says what it is
 * told to.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Exit } from "effect"
import koffi from "koffi"
import { beforeAll, describe, expect, it } from "vitest"
import { compileSupport } from "../../test/support/compile.ts"
import { scratch } from "../../test/support/sandbox.ts"
import * as Command from "../Command.ts"
import * as Policy from "../Policy.ts"
import * as Sandbox from "../Sandbox.ts"
import { builtFilters, sentryExecutable } from "./assets.ts"
import { compile } from "./compile.ts"
import { watcherOf, type Watcher } from "./io.ts"
import { filterKey, Session, signalName, withProgram } from "./launch.ts"
import { load, type Native, NULL } from "./native.ts"
import type { Plan } from "./protocol.ts"

const directory = scratch()
const root = process.getuid!() === 0
const repository = fileURLToPath(new URL("../..", import.meta.url))
let native: Native
let watcher: Watcher
let fake: string
beforeAll(async () => {
  native = await Effect.runPromise(load)
  watcher = watcherOf(native) as Watcher
  fake = compileSupport("fake-sentry", directory)
})

const stdio = () => Int32Array.of(NULL, NULL, NULL)
const launch = (says: string, sentry = fake): Int32Array => {
  const out = new Int32Array(7)
  const plan = Buffer.from(says)
  const rc = native.launch(sentry, plan, plan.length, stdio(), -1, out)
  if (rc !== 0) throw new Error(`${out[0]} ${native.errnoName(-rc)}`)
  return out
}
const session = (says: string): Session => new Session(native, watcher, { limits: {}, seccomp: {}, view: { kind: "namespace" } } as Plan, launch(says))
const end = (of: Session) => Effect.runPromise(Effect.timeout(Deferred.await(of.gone), 3000))
const started = (of: Session) => Effect.runPromise(Effect.exit(Deferred.await(of.main.started)))
const descriptors = () => readdirSync("/proc/self/fd").length

describe("the warden", () => {
  it("inherits its nine descriptors and nothing else: no environment, no signal mask, no directory, no terminal", async () => {
    const dup = koffi.load("libc.so.6").func("int dup(int)") // without close-on-exec
    const stray: ReadonlyArray<number> = [dup(1), dup(1), dup(1)]
    process.on("SIGUSR2", () => {})
    const out = launch("?")
    let text = ""
    for (const buffer = new Uint8Array(4096);;) {
      const got = native.read(out[3]!, buffer, buffer.length)
      if (got > 0) text += Buffer.from(buffer.subarray(0, got)).toString()
      else if (got === 0) break
      else await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(text).toBe("fds: 0 1 2 3 4 5 6 7 8\nsignals:\nenvironment:\ncwd: /\nleader: 1\n")
    while (native.reap(out[1]!) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const fd of [...stray, out[1]!, out[2]!, out[3]!]) native.close(fd)
    process.removeAllListeners("SIGUSR2")
  })

  it("that cannot be executed is told from a host that lacks something", () => {
    writeFileSync(join(directory, "plain"), "text", { mode: 0o644 })
    writeFileSync(join(directory, "broken"), "\x7fELF", { mode: 0o755 })
    expect(() => launch("", join(directory, "missing"))).toThrow("0 ENOENT")
    expect(() => launch("", join(directory, "plain"))).toThrow("0 EACCES")
    expect(() => launch("", join(directory, "broken"))).toThrow("0 ENOEXEC")
  })
})

describe("a session", () => {
  it("ends when the warden ends, reaped, with every descriptor closed", async () => {
    const before = descriptors()
    const one = session(`{"event":"started","id":0,"pid":1,"pty":false,"init":999999,"sentry":999999,"layers":["pid"]}\n{"event":"exit","id":0,"code":7,"reason":null}\n{"event":"end"}\n`)
    await end(one)
    expect(await Effect.runPromise(Deferred.await(one.main.exit))).toMatchObject({ _tag: "Exited", code: 7 })
    expect(one.layers).toEqual(["pid"])
    expect(existsSync(`/proc/${one.pid}`)).toBe(false)
    expect(descriptors()).toBeLessThanOrEqual(before)
  })

  it("whose warden ends in silence fails to start", async () => {
    const exit = await started(session(""))
    expect(Exit.isFailure(exit) && JSON.stringify(exit)).toContain("the sentry died before the command had started")
  })

  it("takes nothing that is not of the contract, and ends whoever says it", async () => {
    for (const words of ["nonsense\n!", "{\"event\":\"started\"}\n!", "{\"event\":\"end\",\"id\":\"x\"}\nx\n!", "[]\n!"]) {
      const one = session(words)
      await end(one)
      expect(Exit.isFailure(await started(one)), words).toBe(true)
      expect(existsSync(`/proc/${one.pid}`)).toBe(false)
    }
  })

  it("believes control groups only as the first word: later it could be the guest's", async () => {
    const group = join(directory, "group")
    mkdirSync(group)
    const victim = spawn("sleep", ["100"])
    writeFileSync(join(group, "cgroup.procs"), `${victim.pid}\n`)
    await end(session(`{"event":"started","id":0,"pid":1,"pty":false,"init":999999}\n{"event":"cgroups","paths":["${group}"]}\n`))
    expect(existsSync(group)).toBe(true)
    expect(victim.exitCode ?? victim.signalCode).toBe(null)
    victim.kill("SIGKILL")
  })

  it("hangs up: the warden hears it", async () => {
    const one = session(`{"event":"started","id":0,"pid":1,"pty":false,"init":999999}\n!`)
    await Effect.runPromise(Deferred.await(one.main.started))
    expect(one.send({ op: "processes", seq: 1 })).toBe(0)
    one.hangUp()
    await end(one)
    expect(await Effect.runPromise(Deferred.await(one.main.exit))).toMatchObject({ _tag: "Killed", reason: "killed" })
  })

  it("is told when the sentry does not read what it is sent", async () => {
    const one = session(`{"event":"started","id":0,"pid":1,"pty":false,"init":999999}\n!`)
    let rc = 0
    for (let i = 0; i < 10_000 && rc === 0; i++) rc = one.send({ op: "processes", seq: i })
    expect(native.errnoName(rc)).toBe("EAGAIN")
    one.hangUp()
    await end(one)
  })

  it("keeps the first sandbox's seccomp program for later ones, and only for the same rules", async () => {
    const text = (policy: Policy.Policy) => Effect.runPromise(Effect.map(compile(policy, Command.make("true")), ({ plan }) => withProgram(plan).seccomp))
    const run = (policy: Policy.Policy, ...argv: readonly [string, ...Array<string>]) =>
      Effect.runPromise(Sandbox.spawn(Command.set(Command.make(...argv), { stdin: "ignore", stdout: "ignore", stderr: "ignore" }), policy).pipe(Effect.flatMap((sandbox) => sandbox.exit), Effect.scoped))
    const killing = Policy.make({ syscalls: { kill: ["getpriority"] } })
    const nice = ["python3", "-c", "import os; os.getpriority(os.PRIO_PROCESS, 0)"] as const
    expect(await text(killing)).toMatchObject({ share: true })
    for (const _ of ["made", "kept"]) {
      expect(await run(killing, ...nice)).toMatchObject({ _tag: "Killed", reason: "syscall" })
      expect(await text(killing)).toMatchObject({ program: expect.stringMatching(/^[A-Za-z0-9+/]{1000,}=*$/) })
    }
    for (const _ of ["made", "kept"]) expect(await run(Policy.default, ...nice)).toMatchObject({ _tag: "Exited", code: 0 })
    expect((await text(Policy.default)).program).not.toBe((await text(killing)).program)
  })

  it("refuses a program that is none", async () => {
    const plan = await Effect.runPromise(Effect.map(compile(Policy.default, Command.make("true")), (compiled) => compiled.plan))
    for (const program of ["", "AAAA", "not base64", Buffer.alloc(16).toString("base64")]) {
      const out = launch(JSON.stringify({ ...plan, seccomp: { ...plan.seccomp, program } }), sentryExecutable())
      const one = new Session(native, watcher, plan, out)
      await end(one)
      expect(JSON.stringify(await started(one)), program).toMatch(/SetupError/)
    }
  })

  it("names signals", () => {
    expect([signalName(11), signalName(6), signalName(34), signalName(64)]).toEqual(["SIGSEGV", "SIGABRT", "SIGRTMIN+0", "SIGRTMIN+30"])
  })
})

describe.runIf(root)("control groups of a warden that was killed", () => {
  it("are removed by the host program, with everything in them", async () => {
    await Effect.gen(function*() {
      const command = Command.set(Command.make("sh", "-c", "trap '' TERM; setsid sleep 100 & sleep 100"), { stdin: "ignore" })
      const sandbox = yield* Sandbox.spawn(command, Policy.make({ limits: { memory: "64 MiB", processes: 20 } }))
      const groups = () => spawnSync("find", ["/sys/fs/cgroup", "-type", "d", "-name", `rvisor-${sandbox.id}*`], { encoding: "utf8" }).stdout.split("\n").filter((line) => line !== "")
      const status = (pid: number) => readFileSync(`/proc/${pid}/status`, "utf8")
      let warden = sandbox.pid
      for (; !status(warden).startsWith("Name:\trvisor-warden"); warden = Number(/^PPid:\t(\d+)/m.exec(status(warden))![1]));
      expect(groups().length).toBeGreaterThan(0)
      process.kill(warden, "SIGKILL")
      expect(yield* sandbox.exit).toMatchObject({ _tag: "Killed", reason: "sentry" })
      expect(groups()).toEqual([])
    }).pipe(Effect.scoped, Effect.runPromise)
  })
})

describe("without native parts", () => {
  const install = (name: string, parts: ReadonlyArray<string>): string => {
    const base = join(directory, name)
    cpSync(join(repository, "sdk"), join(base, "sdk"), { recursive: true })
    cpSync(join(repository, "test/support"), join(base, "test/support"), { recursive: true })
    symlinkSync(join(repository, "node_modules"), join(base, "node_modules"))
    writeFileSync(join(base, "package.json"), `{"type":"module"}`)
    mkdirSync(join(base, "dist/native"), { recursive: true })
    for (const part of parts) cpSync(join(repository, "dist/native", part), join(base, "dist/native", part))
    return base
  }
  const run = (base: string) => {
    const result = execFileSync(process.execPath, [join(base, "test/support/one.ts"), JSON.stringify({ argv: ["true"] })], { encoding: "utf8" })
    rmSync(base, { recursive: true })
    return (JSON.parse(result) as { error: Record<string, string> }).error
  }

  it("says which is missing and what to do", () => {
    expect(run(install("nothing", []))).toMatchObject({ _tag: "LoadError", object: expect.stringContaining("librvisor.so"), remedy: expect.stringContaining("reinstall") })
    expect(run(install("library", ["librvisor.so"]))).toMatchObject({ _tag: "LoadError", object: expect.stringContaining("rvisor-sentry"), reason: expect.stringContaining("ENOENT") })
  })

  it("says so when the library is something else", () => {
    const base = install("wrong", ["rvisor-sentry"])
    writeFileSync(join(base, "dist/native/librvisor.so"), "not a library")
    expect(run(base)).toMatchObject({ _tag: "LoadError", object: expect.stringContaining("librvisor.so") })
  })
})

describe("programs of seccomp rules", () => {
  it("of every preset were made when rvisor was built, for the rules that it has now", () => {
    const built = builtFilters()
    for (const preset of [Policy.default, Policy.strict, Policy.trusted]) {
      for (const violations of ["ignore", "report"] as const) {
        const { plan } = Effect.runSync(compile(Policy.violations(preset, violations), Command.make("true")))
        expect(built[filterKey(plan)]).toBeTypeOf("string")
        expect(withProgram(plan).seccomp).toMatchObject({ rules: [], program: built[filterKey(plan)] })
      }
    }
  })

  it("are asked for where the policy changes a preset's", () => {
    const { plan } = Effect.runSync(compile(Policy.make({ syscalls: { deny: ["sysinfo"], kill: ["ustat"] } }), Command.make("true")))
    expect(withProgram(plan).seccomp).toMatchObject({ share: true })
    expect(withProgram(plan).seccomp.rules.length).toBeGreaterThan(100)
  })
})
