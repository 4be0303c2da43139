/**
 * The promise API against real sandboxes, in the order of docs/sdk.md: results, failures, output, input, ending, terminals,
 * more commands in one sandbox, overlays.
 */
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Readable, Writable } from "node:stream"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, expectTypeOf, it } from "vitest"
import { scratch } from "../test/support/sandbox.ts"
import * as promise from "./promise.ts"
import { $, type CommandResult, run, SandboxCommandError, spawn } from "./promise.ts"

const directory = scratch()

/** The error that a promise rejects with. */
const failure = async (attempt: Promise<unknown>): Promise<SandboxCommandError> => {
  const error = await attempt.then((value) => { throw new Error(`did not fail: ${JSON.stringify(value)}`) }, (error: unknown) => error)
  expect(error).toBeInstanceOf(SandboxCommandError)
  return error as SandboxCommandError
}

/** Whether a process is there; a zombie of ours is not. */
const alive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))

describe("results", () => {
  it("say what was run and how it ended", async () => {
    const result = await run("sh", ["-c", "echo 'a b'; echo oops >&2"])
    expect(result).toMatchObject({
      command: "sh -c echo 'a b'; echo oops >&2",
      cwd: undefined,
      exitCode: 0,
      signal: undefined,
      signalDescription: undefined,
      killedBy: undefined,
      isTerminated: false,
      timedOut: false,
      isCanceled: false,
      isMaxBuffer: false,
      failed: false,
      stdout: "a b",
      stderr: "oops",
      all: undefined,
      stdio: [undefined, "a b", "oops"]
    })
    expect(result.escapedCommand).toMatch(/^sh -c /)
    expect(result.pid).toBeGreaterThan(1)
    expect(result.durationMs).toBeGreaterThan(0)
    expect(result.usage!.maxMemory).toBeGreaterThan(0)
    expect(alive(result.pid!)).toBe(false)
  })

  it("arguments and options may be left out", async () => {
    expect((await run("true")).exitCode).toBe(0)
    expect((await run("pwd", { cwd: "/usr" })).stdout).toBe("/usr")
    expect((await run("pwd", [], { cwd: "/usr" })).cwd).toBe("/usr")
  })

  it("the environment is the policy's and the command's, never the host's", async () => {
    process.env["RVISOR_SECRET"] = "s"
    try {
      const { stdout } = await run("env", { env: { A: "1", USER: undefined }, policy: { environment: { set: { B: "2" } } } })
      expect(stdout.split("\n")).toEqual(expect.arrayContaining(["A=1", "B=2", "HOME=/tmp"]))
      expect(stdout).not.toMatch(/RVISOR_SECRET|^USER=/m)
    } finally {
      delete process.env["RVISOR_SECRET"]
    }
  })

  it("the policy may be a Policy or its JSON form", async () => {
    const secret = join(directory, "readable")
    writeFileSync(secret, "visible")
    expect((await run("cat", [secret], { policy: { filesystem: { read: [secret] } } })).stdout).toBe("visible")
    expect((await run("cat", [secret], { policy: promise.Policy.read(promise.Policy.default, secret) })).stdout).toBe("visible")
    expect((await run("cat", [secret], { reject: false })).exitCode).toBe(1)
  })

  it("types follow the options", () => {
    type Of<F extends (...args: never) => unknown> = Awaited<ReturnType<F>>
    const text = () => run("x", [], { lines: false })
    const bytes = () => run("x", [], { encoding: "buffer" })
    const lines = () => run("x", [], { lines: true, all: true })
    const nothing = () => run("x", [], { buffer: false })
    const inherited = () => run("x", [], { stdout: "inherit" })
    expectTypeOf<Of<typeof text>["stdout"]>().toEqualTypeOf<string>()
    expectTypeOf<Of<typeof text>["all"]>().toEqualTypeOf<undefined>()
    expectTypeOf<Of<typeof bytes>["stderr"]>().toEqualTypeOf<Uint8Array>()
    expectTypeOf<Of<typeof lines>["all"]>().toEqualTypeOf<ReadonlyArray<string>>()
    expectTypeOf<Of<typeof nothing>["stdout"]>().toEqualTypeOf<undefined>()
    expectTypeOf<Of<typeof inherited>["stdout"]>().toEqualTypeOf<undefined>()
    expectTypeOf<Of<typeof inherited>["stderr"]>().toEqualTypeOf<string>()
    expectTypeOf<Of<typeof text>>().toExtend<CommandResult>()
  })
})

describe("failures", () => {
  it("an exit code other than 0", async () => {
    const error = await failure(run("sh", ["-c", "echo out; echo err >&2; exit 3"]))
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ failed: true, exitCode: 3, stdout: "out", stderr: "err", originalMessage: undefined })
    expect([error.name, error.cause]).toEqual(["SandboxCommandError", undefined])
    expect(error.shortMessage).toMatch(/^Command failed with exit code 3: sh -c /)
    expect(error.message).toBe(`${error.shortMessage}\nerr\nout`)
  })

  it("a signal", async () => {
    const error = await failure(run("sh", ["-c", "kill -SEGV $$"]))
    expect(error).toMatchObject({ exitCode: undefined, signal: "SIGSEGV", signalDescription: "segmentation fault", killedBy: undefined, isTerminated: true })
    expect(error.shortMessage).toContain("SIGSEGV (segmentation fault)")
  })

  it("a limit of the policy says which", async () => {
    const error = await failure(run("sleep", ["60"], { policy: { limits: { wallTime: 100 } } }))
    expect(error).toMatchObject({ killedBy: "wallTime", signal: "SIGKILL", isTerminated: true, timedOut: false, exitCode: undefined })
    expect(error.shortMessage).toContain("wallTime")
    const loud = await failure(run("yes", { policy: { limits: { output: "100 KiB" } } }))
    expect(loud.killedBy).toBe("output")
  })

  it("reject: false gives the error as the result", async () => {
    const result = await run("false", { reject: false })
    expect(result).toBeInstanceOf(SandboxCommandError)
    expect(result.failed).toBe(true)
    expect((await run("true", { reject: false })).failed).toBe(false)
  })

  it("a program that does not exist is a SetupError, whatever reject says", async () => {
    await expect(run("no-such-program", { reject: false })).rejects.toMatchObject({ _tag: "SetupError", step: "exec", errno: "ENOENT" })
    await expect(spawn("no-such-program")).rejects.toBeInstanceOf(promise.SetupError)
  })

  it("a policy at fault is a PolicyError with every fault", async () => {
    const error = await spawn("true", { policy: { filesystem: { read: ["/no/such", "/nor/this"] } } }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(promise.PolicyError)
    expect((error as promise.PolicyError).faults).toHaveLength(2)
    await expect(run("true", { policy: { filesytem: {} } as never })).rejects.toThrow(/filesystem/)
  })

  it("a wrong option is a TypeError that names it", async () => {
    const wrong = (options: object, message: RegExp) => expect(run("true", options as never)).rejects.toThrow(message)
    await wrong({ timout: 1 }, /`timout` does not exist: did you mean `timeout`/)
    await wrong({ cancelSignal: AbortSignal.abort() }, /called `signal`/)
    await wrong({ shell: true }, /"sh"/)
    await wrong({ timeout: "soon" }, /`timeout`: expected a number of milliseconds or a text such as "5 seconds", got "soon"/)
    await wrong({ maxBuffer: -1 }, /maxBuffer/)
    await wrong({ encoding: "utf9" }, /encoding/)
    await wrong({ lines: true, encoding: "buffer" }, /lines/)
    await wrong({ input: "x", stdin: "inherit" }, /excludes/)
    await wrong({ tty: { columns: 0, rows: 3 } }, /tty/)
    await wrong({ tty: true, stdout: "inherit" }, /terminal/)
    await wrong({ env: { A: 1 } }, /env.A/)
    await expect(run("echo", [1] as never)).rejects.toThrow(/argument 1/)
    await expect(run("echo", ["a\0b"])).rejects.toMatchObject({ _tag: "PolicyError" })
  })

  it("a message never carries the guest's control sequences, or all of its output", async () => {
    const error = await failure(run("sh", ["-c", "printf '\\033[31mred\\033[0m\\007'; head -c 50000 /dev/zero | tr '\\0' x >&2; exit 1"]))
    expect(error.message).toContain("\\x1b[31mred\\x1b[0m\\x07")
    // eslint-disable-next-line no-control-regex
    expect(error.message).not.toMatch(/[\x1b\x07]/)
    expect(error.message).toContain("40000 characters left out")
    expect(error.message.length).toBeLessThan(11_000)
    expect((error.stderr as string).length).toBe(50_000)
  })
})

describe("output", () => {
  it("encodings, lines, the final newline", async () => {
    const print = "printf 'one\\ntwo\\r\\n\\nthree\\n'"
    expect((await run("sh", ["-c", print])).stdout).toBe("one\ntwo\r\n\nthree")
    expect((await run("sh", ["-c", print], { stripFinalNewline: false })).stdout).toBe("one\ntwo\r\n\nthree\n")
    expect((await run("sh", ["-c", print], { lines: true })).stdout).toEqual(["one", "two", "", "three"])
    expect((await run("sh", ["-c", print], { lines: true, stripFinalNewline: false })).stdout).toEqual(["one\n", "two\r\n", "\n", "three\n"])
    expect((await run("true", { lines: true })).stdout).toEqual([])
    expect(Buffer.from((await run("printf", ["\\377\\000"], { encoding: "buffer" })).stdout)).toEqual(Buffer.from([255, 0]))
    expect((await run("printf", ["\\377\\000"], { encoding: "hex" })).stdout).toBe("ff00")
    expect((await run("printf", ["é"])).stdout).toBe("é")
  })

  it("all holds both, in order", async () => {
    const result = await run("sh", ["-c", "echo 1; sleep 0.05; echo 2 >&2; sleep 0.05; echo 3"], { all: true, lines: true })
    expect(result.all).toEqual(["1", "2", "3"])
    expect(result.stdout).toEqual(["1", "3"])
  })

  it("large output needs no reader", async () => {
    const result = await run("sh", ["-c", "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2"], { encoding: "buffer" })
    expect([result.stdout.length, result.stderr.length]).toEqual([5_000_000, 3_000_000])
  })

  it("more than maxBuffer ends the command and keeps the beginning", async () => {
    const error = await failure(run("yes", { maxBuffer: "1 KiB", stripFinalNewline: false }))
    expect(error).toMatchObject({ isMaxBuffer: true, isTerminated: true })
    expect(error.stdout).toBe("y\n".repeat(512))
    expect(error.shortMessage).toContain("stdout was larger than 1024 bytes")
    expect((await run("printf", ["x".repeat(1024)], { maxBuffer: 1024 })).stdout).toHaveLength(1024)
    expect(await failure(run("sh", ["-c", "printf xyz >&2"], { maxBuffer: 2 }))).toMatchObject({ isMaxBuffer: true, stderr: "xy" })
  })

  it("iterating gives lines as they come, then waits for the command", async () => {
    await using sandbox = await spawn("sh", ["-c", "echo one; echo two; printf three"])
    const lines = []
    for await (const line of sandbox) lines.push(line)
    expect(lines).toEqual(["one", "two", "three"])
    // Again, from what was kept, and after the end.
    const again = []
    for await (const line of sandbox) again.push(line)
    expect(again).toEqual(lines)
    expect((await sandbox.result).stdout).toBe("one\ntwo\nthree")
  })

  it("iterating throws where the command failed", async () => {
    await using sandbox = await spawn("sh", ["-c", "echo one; exit 7"])
    const lines: Array<string> = []
    await expect((async () => { for await (const line of sandbox) lines.push(line) })()).rejects.toMatchObject({ exitCode: 7 })
    expect(lines).toEqual(["one"])
  })

  it("long lines, characters and line ends across chunks", async () => {
    await using sandbox = await spawn("sh", ["-c", "head -c 300000 /dev/zero | tr '\\0' a; printf '\\303'; sleep 0.05; printf '\\251\\r'; sleep 0.05; printf '\\nend'"])
    const lines = []
    for await (const line of sandbox) lines.push(line)
    expect(lines).toEqual([`${"a".repeat(300_000)}é`, "end"])
  })

  it("streams give everything, also to a late reader", async () => {
    await using sandbox = await spawn("sh", ["-c", "echo out; echo err >&2"], { all: true })
    expect(await text(sandbox.stdout!)).toBe("out\n")
    await sandbox.result
    expect(await text(sandbox.stderr!)).toBe("err\n")
    expect((await text(sandbox.all!)).split("\n").sort()).toEqual(["", "err", "out"])
    expect(sandbox.stdout).toBe(sandbox.stdout)
  })

  it("buffer: false keeps nothing, and the guest waits for its reader", async () => {
    await using sandbox = await spawn("sh", ["-c", "head -c 10000000 /dev/zero; echo done >&2"], { buffer: false })
    await sleep(200)
    // 10 MB do not fit into a pipe.
    expect((await sandbox.processes()).length).toBeGreaterThan(1)
    let size = 0
    for await (const chunk of sandbox.stdout!) size += (chunk as Uint8Array).length
    expect(size).toBe(10_000_000)
    expect(await text(sandbox.stderr!)).toBe("done\n")
    const result = await sandbox.result
    expect([result.exitCode, result.stdout, result.all]).toEqual([0, undefined, undefined])
  })

  it("buffer: false holds the source back for a slow reader", async () => {
    await using sandbox = await spawn("sh", ["-c", "i=0; while [ $i -lt 200 ]; do head -c 40000 /dev/zero; i=$((i+1)); echo $i > /tmp/progress; done"], { buffer: false })
    const stdout = sandbox.stdout!
    stdout.once("data", () => stdout.pause())
    await once(stdout, "pause")
    await sleep(300)
    const progress = Number((await sandbox.run("cat", ["/tmp/progress"])).stdout)
    expect(progress).toBeLessThan(50)
    stdout.resume()
    await sandbox.result
  })

  it("buffer: false, output that nobody wants any more does not stop the command", async () => {
    await using sandbox = await spawn("sh", ["-c", "seq 1 100000"], { buffer: false })
    for await (const line of sandbox) if (line === "10") break
    expect((await sandbox.result).exitCode).toBe(0)
  })

  it("a writable stream of the caller's takes the output, and is ended", async () => {
    const chunks: Array<Buffer> = []
    let busy = 0, most = 0
    const slow = new Writable({
      highWaterMark: 1024,
      write: (chunk: Buffer, _, done) => {
        most = Math.max(most, ++busy)
        chunks.push(chunk)
        setTimeout(() => { busy--; done() }, 1)
      }
    })
    const result = await run("sh", ["-c", "seq 1 20000; echo err >&2"], { stdout: slow })
    expect(Buffer.concat(chunks).toString()).toBe(`${Array.from({ length: 20_000 }, (_, i) => i + 1).join("\n")}\n`)
    expect([most, slow.writableFinished, result.stdout, result.stderr]).toEqual([1, true, undefined, "err"])
  })

  it("a web stream likewise", async () => {
    let got = ""
    const decoder = new TextDecoder()
    await run("echo", ["web"], { stdout: new WritableStream<Uint8Array>({ write: (chunk) => { got += decoder.decode(chunk) } }) })
    expect(got).toBe("web\n")
  })

  it("a failing stream of the caller's ends the command and is the cause", async () => {
    const broken = new Writable({ write: (_, __, done) => done(new Error("disk full")) })
    const error = await failure(run("yes", { stdout: broken }))
    expect(error).toMatchObject({ originalMessage: "disk full", isTerminated: true })
    expect(error.cause).toMatchObject({ message: "disk full" })
  })

  it("ignored and inherited outputs have no stream", async () => {
    await using sandbox = await spawn("echo", ["x"], { stdout: "ignore", stdin: "ignore" })
    expect([sandbox.stdin, sandbox.stdout]).toEqual([null, null])
    expect((await sandbox.result).stdout).toBeUndefined()
  })
})

describe("input", () => {
  it("text, bytes, iterables, streams", async () => {
    const echo = async (input: promise.Input) => (await run("cat", { input })).stdout
    expect(await echo("text")).toBe("text")
    expect(await echo(Buffer.from("bytes"))).toBe("bytes")
    expect(await echo(["a", Buffer.from("b")])).toBe("ab")
    expect(await echo((async function*() { yield "x"; await sleep(5); yield "y" })())).toBe("xy")
    expect(await echo(Readable.from(["from ", "readable"]))).toBe("from readable")
    expect(await echo(new Blob(["web stream"]).stream())).toBe("web stream")
    expect(await echo("")).toBe("")
    expect((await run("wc", ["-c"], { input: new Uint8Array(3_000_000) })).stdout).toBe("3000000")
  })

  it("run without input has an empty stdin", async () => {
    expect((await run("cat")).stdout).toBe("")
    expect((await run("cat", { input: undefined })).stdout).toBe("")
  })

  it("a handle's stdin is a stream with back-pressure", async () => {
    await using sandbox = await spawn("sh", ["-c", "read a; echo got $a; read b; echo got $b"])
    const lines = sandbox[Symbol.asyncIterator]()
    sandbox.stdin!.write("one\n")
    expect((await lines.next()).value).toBe("got one")
    sandbox.stdin!.end("two\n")
    expect((await lines.next()).value).toBe("got two")
    await sandbox.result
  })

  it("a guest that does not read its input is no error", async () => {
    expect((await run("true", { input: new Uint8Array(5_000_000) })).exitCode).toBe(0)
    await using sandbox = await spawn("sh", ["-c", "exec <&-; sleep 0.2"])
    await sleep(50)
    sandbox.stdin!.write("nobody reads this")
    expect((await sandbox.result).exitCode).toBe(0)
  })

  it("a source that has no end is let go when the command ends", async () => {
    let returned = false
    const source = new Readable({ read() { this.push("tick\n") }, destroy: (_, done) => { returned = true; done(null) } })
    expect((await run("head", ["-n", "2"], { input: source })).stdout).toBe("tick\ntick")
    expect(returned).toBe(true)
    const silent = new Readable({ read: () => {} })
    expect((await run("true", { input: silent })).exitCode).toBe(0)
  })

  it("a source that fails ends the command and is the cause", async () => {
    const error = await failure(run("cat", { input: (async function*() { yield "begin"; await sleep(100); throw new Error("no more") })() }))
    expect(error).toMatchObject({ originalMessage: "no more", stdout: "begin", isTerminated: true })
    expect(error.shortMessage).toContain("stdin")
    expect(await failure(run("cat", { input: [1] as never }))).toMatchObject({ originalMessage: expect.stringContaining("texts or bytes") as string })
  })
})

describe("ending", () => {
  it("the end of an await using block ends the whole tree", async () => {
    let pids: ReadonlyArray<number> = []
    {
      await using sandbox = await spawn("sh", ["-c", "sleep 60 & sleep 60 & wait"])
      while ((await sandbox.processes()).length < 3) await sleep(5)
      pids = [sandbox.pid]
    }
    expect(pids.filter(alive)).toEqual([])
  })

  it("a result that nobody awaits is no unhandled rejection", async () => {
    const seen: Array<unknown> = []
    const note = (reason: unknown) => seen.push(reason)
    process.on("unhandledRejection", note)
    try {
      { await using _ = await spawn("sleep", ["60"]) }
      { await using sandbox = await spawn("false"); await sleep(100); void sandbox.pid }
      await sleep(50)
    } finally {
      process.off("unhandledRejection", note)
    }
    expect(seen).toEqual([])
  })

  it("kill without a signal ends everything", async () => {
    await using sandbox = await spawn("sh", ["-c", "trap '' TERM; sleep 60"])
    expect(await sandbox.kill()).toBe(true)
    expect(await failure(sandbox.result)).toMatchObject({ killedBy: "killed", signal: "SIGKILL", isCanceled: false })
    expect(await sandbox.kill()).toBe(false)
    expect(await sandbox.kill("SIGTERM")).toBe(false)
  })

  it("kill with a signal sends it", async () => {
    await using sandbox = await spawn("sh", ["-c", "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.01; done"])
    const lines = sandbox[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("ready")
    expect(await sandbox.kill("SIGUSR1")).toBe(true)
    expect((await lines.next()).value).toBe("caught")
    expect(await failure(sandbox.result)).toMatchObject({ exitCode: 5 })
    await expect((await spawn("sleep", ["1"])).kill("SIGNOPE" as never)).rejects.toMatchObject({ _tag: "SandboxError", kind: "refused" })
  })

  it("timeout", async () => {
    const error = await failure(run("sh", ["-c", "echo begun; sleep 60"], { timeout: "150 ms" }))
    expect(error).toMatchObject({ timedOut: true, killedBy: "timeout", isTerminated: true, stdout: "begun", isCanceled: false })
    expect(error.shortMessage).toContain("timed out after 150 milliseconds")
    expect(error.durationMs).toBeLessThan(5_000)
    expect((await run("true", { timeout: 10_000 })).timedOut).toBe(false)
  })

  it("an aborted signal ends the whole tree, and is the cause", async () => {
    const controller = new AbortController()
    const reason = new Error("user left")
    const running = run("sh", ["-c", "sleep 60 & sleep 60; :"], { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 150)
    const error = await failure(running)
    expect(error).toMatchObject({ isCanceled: true, timedOut: false, isTerminated: true, originalMessage: "user left" })
    expect(error.cause).toBe(reason)
    expect(alive(error.pid!)).toBe(false)
  })

  it("a signal aborted beforehand starts nothing", async () => {
    const error = await failure(spawn("sleep", ["60"], { signal: AbortSignal.abort("never mind") }))
    expect(error).toMatchObject({ isCanceled: true, pid: undefined, cause: "never mind" })
    const result = await run("sleep", ["60"], { signal: AbortSignal.abort(), reject: false })
    expect(result.isCanceled).toBe(true)
  })

  it("a signal aborted during the set-up leaves nothing behind", async () => {
    for (const delay of [0, 1, 2, 4, 8, 16]) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), delay)
      expect(await failure(run("sleep", ["60"], { signal: controller.signal }))).toMatchObject({ isCanceled: true })
    }
  })

  it("a signal aborted after the end changes nothing, and keeps no listener", async () => {
    const controller = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = controller.signal
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => { listeners++; addEventListener.apply(controller.signal, args) }
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => { listeners--; removeEventListener.apply(controller.signal, args) }
    const result = await run("true", { signal: controller.signal })
    controller.abort()
    expect([result.isCanceled, listeners]).toEqual([false, 0])
  })

  it("many at once", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => run("echo", [String(i)])))
    expect(results.map((result) => result.stdout)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
  })
})

describe("terminals", () => {
  it("tty gives one, which can be resized", async () => {
    await using sandbox = await spawn("sh", ["-c", "stty size; read x; stty size; tty >&2"], { tty: { columns: 90, rows: 30 } })
    const lines = sandbox[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("30 90")
    await sandbox.resize(120, 40)
    sandbox.stdin!.write("\n")
    const rest = []
    for await (const line of lines) rest.push(line)
    expect(rest).toContain("40 120")
    expect(rest.at(-1)).toMatch(/^\/dev\/pts\//)
  })

  it("without one there is nothing to resize", async () => {
    await using sandbox = await spawn("sleep", ["5"])
    await expect(sandbox.resize(80, 24)).rejects.toThrow(TypeError)
  })
})

describe("more commands in one sandbox", () => {
  it("they share its files and processes", async () => {
    await using sandbox = await spawn("sleep", ["60"])
    expect(sandbox.id).toMatch(/^[a-z0-9]+$/)
    expect(sandbox.layers).toEqual(expect.arrayContaining(["seccomp"]))
    await sandbox.run("sh", ["-c", "echo kept > /tmp/note"])
    const result = await sandbox.run("cat", ["/tmp/note"], { cwd: "/tmp" })
    expect(result).toMatchObject({ stdout: "kept", exitCode: 0, usage: undefined, cwd: "/tmp" })
    expect((await sandbox.processes()).map((process) => process.command)).toContain("sleep")
  })

  it("have options, failures and handles of their own", async () => {
    await using sandbox = await spawn("sleep", ["60"])
    expect(await failure(sandbox.run("sh", ["-c", "exit 4"]))).toMatchObject({ exitCode: 4 })
    expect((await sandbox.run("false", { reject: false })).failed).toBe(true)
    await expect(sandbox.run("no-such-program")).rejects.toMatchObject({ _tag: "SetupError", step: "exec" })
    await expect(sandbox.exec("true", { policy: {} } as never)).rejects.toThrow(/that sandbox's policy/)
    await using cat = await sandbox.exec("cat", [], { env: { A: "1" } })
    cat.stdin!.end("through")
    expect((await cat.result).stdout).toBe("through")
    expect((await sandbox.run("cat", { input: "piped" })).stdout).toBe("piped")
  })

  it("a time limit ends the command and what it started, not the sandbox", async () => {
    await using sandbox = await spawn("sleep", ["60"])
    const error = await failure(sandbox.run("sh", ["-c", "echo before; sleep 50 & sleep 51; :"], { timeout: 150 }))
    expect(error).toMatchObject({ timedOut: true, killedBy: "timeout", stdout: "before" })
    expect((await sandbox.run("echo", ["still here"])).stdout).toBe("still here")
    expect((await sandbox.processes()).map((process) => process.argv.join(" "))).not.toContain("sleep 51")
  })

  it("a server left behind holds no result up, and goes on", async () => {
    await using sandbox = await spawn("sleep", ["60"])
    const started = performance.now()
    const result = await sandbox.run("sh", ["-c", "(while :; do echo tick; sleep 0.5; done) & echo started"])
    expect(result.stdout.split("\n")).toContain("started")
    expect(performance.now() - started).toBeLessThan(3_000)
    await sleep(1_200)
    const names = (await sandbox.processes()).map((process) => process.command)
    expect(names.filter((name) => name === "sh")).toHaveLength(1)
  })

  it("end with the sandbox", async () => {
    const sandbox = await spawn("sleep", ["60"])
    const other = await sandbox.exec("sleep", ["61"])
    await sandbox.close()
    expect(await failure(other.result)).toMatchObject({ isTerminated: true })
    expect([sandbox.pid, other.pid].filter(alive)).toEqual([])
    await expect(sandbox.exec("true")).rejects.toMatchObject({ _tag: "SandboxError", kind: "gone" })
  })
})

describe("$", () => {
  it("runs a template, each value one argument", async () => {
    const word = "two words; $(id) 'quoted'"
    expect((await $`echo ${word}`).stdout).toBe(word)
    expect((await $`printf %s- ${["a", "b c"]} d`).stdout).toBe("a-b c-d-")
    expect((await $`echo 'a  b' "c"`).stdout).toBe("a  b c")
    await expect($`false`).rejects.toBeInstanceOf(SandboxCommandError)
  })

  it("takes options", async () => {
    const quiet = $({ reject: false })({ lines: true })
    const result = await quiet`sh -c ${"echo a; echo b; exit 2"}`
    expect([result.stdout, result.exitCode]).toEqual([["a", "b"], 2])
  })
})

describe("overlays", () => {
  it("changes are listed, committed or discarded after the run", async () => {
    const work = join(directory, "work")
    mkdirSync(work)
    writeFileSync(join(work, "old"), "old")
    await using sandbox = await spawn("sh", ["-c", "echo new > made; echo changed > old"], { cwd: work, policy: { filesystem: { overlay: [work] } } })
    await sandbox.result
    expect(readFileSync(join(work, "old"), "utf8")).toBe("old")
    const [changes] = sandbox.changes
    expect(changes!.target).toBe(work)
    expect((await changes!.list()).map(({ kind, path }) => [kind, path.replace(`${work}/`, "")]).sort()).toEqual([["added", "made"], ["modified", "old"]])
    await changes!.commit()
    expect([readFileSync(join(work, "old"), "utf8"), readFileSync(join(work, "made"), "utf8")]).toEqual(["changed\n", "new\n"])
  })
})
