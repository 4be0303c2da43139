/**
 * The attacks that must fail. Each is a small C program beside this file, whose head says what it tries, where that is known
 * from and what must happen; it exits with 0 when the attack has succeeded and with 1 when it was held. Each has its control:
 * the same program succeeds without rvisor, so that a test cannot pass because the attack is broken. Those that say what
 * stands behind the system call filter are run once more without the filter.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, closeSync, copyFileSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, symlinkSync, writeFileSync } from "node:fs"
import { createSocket } from "node:dgram"
import { createServer } from "node:net"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Exit, Fiber, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { syscallNumbers } from "../../sdk/internal/syscalls.ts"
import { carriedOut } from "../support/carried-out.ts"
import { run, scratch } from "../support/sandbox.ts"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = process.getuid!() === 0
const directory = scratch()
const programs = join(directory, "programs")
const names = readdirSync(here).filter((name) => name.endsWith(".c")).map((name) => basename(name, ".c")).sort()

/** A file's bytes from its start, wherever its descriptor stands. */
const readAll = (file: number): Uint8Array => {
  const bytes = new Uint8Array(fstatSync(file).size)
  readSync(file, bytes, 0, bytes.length, 0)
  return bytes
}

const WON = 0, HELD = 1
const head = (name: string, label: string) => new RegExp(`^// ${label}: +(.*)$`, "m").exec(readFileSync(join(here, `${name}.c`), "utf8"))?.[1] ?? ""
const program = (name: string) => join(programs, name)

beforeAll(() => {
  mkdirSync(programs)
  chmodSync(directory, 0o755)
  for (const name of names) {
    execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-pthread", "-o", program(name), join(here, `${name}.c`)], { stdio: ["ignore", "inherit", "inherit"] })
  }
}, 120_000)

const native = (argv: ReadonlyArray<string>, options: { stdio?: Array<"ignore" | "pipe" | number> } = {}) => {
  const result = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8", timeout: 20_000, ...options })
  return { code: result.status, said: `${result.stdout}${result.stderr}` }
}
const CONTAINER = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork"]

/** Lays `input` over a policy that lets the guest read the programs. */
const policy = (input: Policy.PolicyInput = {}) =>
  Policy.make({ ...input, filesystem: { ...input.filesystem, read: [programs, ...(input.filesystem?.read ?? [])] } })

/** Every system call allowed, as far as a filter can: only the flags that make namespaces are still looked at. */
const withoutFilter: Policy.PolicyInput = {
  syscalls: { allow: Object.keys(syscallNumbers).filter((name) => name !== "clone" && name !== "unshare") as Array<never> }
}

const expectHeld = async (argv: ReadonlyArray<string>, applied: Policy.Policy) => {
  const result = await run(argv, applied)
  expect({ code: result.code, said: result.stdout }).toMatchObject({ code: HELD, said: expect.stringContaining("held") })
}

// Those that need more than themselves have their own tests below.
const SPECIAL = ["init_files", "denied_file", "runtime_exe", "privileged_file", "abstract_socket", "bomb", "swap_paths", "orphans", "leaked", "race_paths", "race_addresses"]
const plain = names.filter((name) => !SPECIAL.includes(name))

describe("held, and each works without rvisor", () => {
  for (const name of plain) {
    const control = head(name, "Control")
    const needsRoot = control.startsWith("root")
    it(`${name}`, async () => {
      const argument = control.includes("victim") ? ["victim"] : []
      const prefix = control.startsWith("container") ? CONTAINER : []
      if (!needsRoot || root) expect(native([...prefix, program(name), ...argument])).toMatchObject({ code: WON })
      await expectHeld([program(name)], policy())
      // The strict preset limits memory, which takes a control group: a plain user may have none.
      if (root) await expectHeld([program(name)], policy({ extends: "strict" }))
    })
  }

  for (const name of plain.filter((each) => head(each, "Behind") !== "")) {
    it(`${name}, by what stands behind the filter`, () => expectHeld([program(name)], policy(withoutFilter)))
  }
})

describe("files", () => {
  const tree = (name: string) => {
    const path = join(directory, name)
    mkdirSync(join(path, "sub"), { recursive: true })
    for (const file of ["secret", "sub/deeper"]) writeFileSync(join(path, file), "TREASURE\n")
    writeFileSync(join(path, "public"), "nothing\n")
    return path
  }

  for (const [title, base] of [["by the filter and the mask", {}], ["by the mask alone", withoutFilter]] as const) {
    it(`denied_file: a mask in a writable tree holds under every name, ${title}`, async () => {
      expect(native([program("denied_file"), tree(`control-${title.length}`)])).toMatchObject({ code: WON })
      const path = tree(`masked-${title.length}`)
      const deny = [join(path, "secret"), join(path, "sub/deeper")]
      await expectHeld([program("denied_file"), path], policy({ ...base, filesystem: { write: [path], deny } }))
    })
  }

  it("leaked: no descriptor and no directory of the host's is left open", async () => {
    const open = openSync("/", "r")
    try {
      expect(native([program("leaked")], { stdio: ["ignore", "pipe", "pipe", open] })).toMatchObject({ code: WON })
      await expectHeld([program("leaked")], policy())
      await expectHeld([program("leaked")], policy(withoutFilter))
    } finally {
      closeSync(open)
    }
  })

  it("privileged_file: set-user-ID gives nothing", async () => {
    const own = join(directory, "setuid")
    copyFileSync(program("privileged_file"), own)
    chmodSync(own, 0o4755)
    if (root) expect(native(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", own])).toMatchObject({ code: WON })
    await expectHeld([own], policy({ filesystem: { read: [own] } }))
    await expectHeld([own], policy({ ...withoutFilter, filesystem: { read: [own] } }))
  })

  it("swap_paths: a tree that a guest keeps changing grants a later sandbox nothing of the host's", async () => {
    const path = join(directory, "swapped")
    const outside = join(directory, "outside")
    for (const each of [join(path, "data"), outside]) mkdirSync(each, { recursive: true })
    writeFileSync(join(outside, "file"), "TREASURE\n")
    symlinkSync(outside, join(path, "link"))
    const script = `cat '${path}/data/file' '${path}/link/file' '${outside}/file' 2>/dev/null; echo ran`
    const starts = await Effect.gen(function*() {
      const attacker = yield* Sandbox.spawn(Command.set(Command.make(program("swap_paths"), path), { stdin: "ignore" }), policy({ filesystem: { write: [path] } }))
      yield* attacker.stdout.pipe(Stream.take(1), Stream.runDrain)
      const seen: Array<string> = []
      for (let i = 0; i < 60 || (i < 1000 && !seen.includes("ran\n")); i++) {
        // Making the policy and starting: a fault of either is a sound answer.
        const exit = yield* Effect.exit(Effect.tryPromise(async () => (await run(["sh", "-c", script], policy({ filesystem: { write: [path], read: [join(path, "data")] } }))).stdout))
        seen.push(Exit.isSuccess(exit) ? exit.value : "refused")
      }
      return seen
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(new Set(starts.filter((each) => each !== "refused" && each !== "ran\n"))).toEqual(new Set())
    expect(starts).toContain("ran\n")
  }, 60_000)

  for (const landlock of ["required", "optional"] as const) {
    it(`runtime_exe: commands that are links to /proc/self/exe give nobody the runtime (landlock: ${landlock})`, async () => {
      expect(native([program("runtime_exe"), "victim"])).toMatchObject({ code: WON })
      const path = join(directory, `exe-${landlock}`)
      mkdirSync(path)
      symlinkSync("/proc/self/exe", join(path, "link"))
      writeFileSync(join(path, "script"), "#!/proc/self/exe\n")
      chmodSync(join(path, "script"), 0o755)
      const sentry = fileURLToPath(new URL("../../dist/native/rvisor-sentry", import.meta.url))
      const file = openSync(sentry, "r")
      const state = () => [fstatSync(file).mode, createHash("sha256").update(readAll(file)).digest("hex")]
      const before = state()
      const outcome = await Effect.gen(function*() {
        const sandbox = yield* Sandbox.spawn(Command.set(Command.make(program("runtime_exe")), { stdin: "ignore" }), policy({ landlock, filesystem: { write: [path] } }))
        const said = yield* Effect.forkScoped(sandbox.stdout.pipe(Stream.decodeText(), Stream.mkString))
        for (let i = 0; i < 20; i++) {
          for (const name of ["link", "script"]) {
            yield* Effect.exit(Effect.scoped(Effect.flatMap(sandbox.exec(Command.set(Command.make(join(path, name)), { stdin: "ignore", stdout: "ignore", stderr: "ignore" })), (ran) => ran.exit)))
          }
        }
        const end = yield* sandbox.exit
        return { code: end._tag === "Exited" ? end.code : end, said: yield* Fiber.join(said) }
      }).pipe(Effect.scoped, Effect.runPromise)
      expect(outcome).toMatchObject({ code: HELD, said: expect.stringContaining("held") })
      expect(state()).toEqual(before)
      closeSync(file)
    }, 60_000)
  }
})

describe("sockets", () => {
  it("abstract_socket: a server of the host is not reached, neither from an own network nor from the host's", async () => {
    const name = `rvisor-attack-${process.pid}`
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ path: `\0${name}` }, resolve))
    try {
      // The event loop must run for the control: not spawnSync.
      await expectHeld([program("abstract_socket"), name], policy())
      expect(native([program("abstract_socket"), name])).toMatchObject({ code: WON })
      const layers = await Effect.runPromise(Effect.scoped(Effect.map(Sandbox.spawn(Command.make("true")), (sandbox) => sandbox.layers)))
      const abi = Number(layers.find((layer) => layer.startsWith("landlock:"))?.split(":")[1] ?? 0)
      if (abi >= 6) await expectHeld([program("abstract_socket"), name], policy({ network: "host" }))
    } finally {
      server.close()
    }
  })
})

describe("calls that init carries out", () => {
  it("init_files: init opens nothing of its own for a guest", async () => {
    expect(native([program("init_files"), "victim"])).toMatchObject({ code: WON })
    await expectHeld([program("init_files")], policy())
    await expectHeld([program("init_files")], Policy.handlers(policy(), ...carriedOut()))
    const some = carriedOut().filter(({ name }) => name.startsWith("readlink"))
    await expectHeld([program("init_files")], Policy.handlers(policy(), ...some))
  })
})

describe("races against what is decided by path and address", () => {
  /** Starts a program that waits for a line, puts the denied file in place, lets it go on, and waits for its end. */
  const raced = (name: string, argv: ReadonlyArray<string>, applied: Policy.Policy, prepare: () => void) =>
    Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make(program(name), ...argv), applied)
      const said = yield* Effect.forkScoped(sandbox.stdout.pipe(Stream.decodeText(), Stream.mkString))
      yield* Effect.sleep(100)
      prepare()
      yield* Stream.make(new TextEncoder().encode("go\n")).pipe(Stream.run(sandbox.stdin))
      const end = yield* sandbox.exit
      return { code: end._tag === "Exited" ? end.code : end, said: yield* Fiber.join(said) }
    }).pipe(Effect.scoped, Effect.runPromise)

  const tries = (said: string) => Number(/(\d+) tries/.exec(said)?.[1])

  for (const mode of ["open", "shared-open", "rename-old", "rename-new", "link-old", "link-new", "shared-link-old", "symlink", "move"]) {
    it(`race_paths ${mode}`, async () => {
      const path = join(directory, `race-${mode}`)
      const prepare = () => {
        for (const [name, content] of [["plain", "nothing\n"], [".env", "TREASURE\n"]] as const) {
          writeFileSync(join(path, name), content)
          chmodSync(join(path, name), 0o666)
        }
      }
      mkdirSync(path)
      chmodSync(path, 0o777)
      const applied = policy({ filesystem: { write: [path], deny: [join(path, "**/.env*"), join(path, "in/*.key")].map((name) => ({ path: name, optional: true })), decide: "calls" } })
      const result = await raced("race_paths", [mode, path], applied, prepare)
      expect(result).toMatchObject({ code: HELD, said: expect.stringContaining("held") })
      expect(tries(result.said)).toBeGreaterThan(100)
      expect(readFileSync(join(path, ".env"), "utf8")).toBe("TREASURE\n")
      const control = join(directory, `race-control-${mode}`)
      mkdirSync(control)
      for (const [name, content] of [["plain", "nothing\n"], [".env", "TREASURE\n"]] as const) writeFileSync(join(control, name), content)
      const unheld = spawnSync(program("race_paths"), [mode, control], { encoding: "utf8", input: "go\n", timeout: 30_000 })
      expect({ code: unheld.status, said: unheld.stdout }).toMatchObject({ code: WON })
    }, 60_000)
  }

  for (const mode of ["connect", "sendto", "sendmsg", "sendmmsg", "swap"]) {
    it(`race_addresses ${mode}`, async () => {
      const heard = { granted: 0, denied: 0 }
      const servers = await Promise.all((["granted", "denied"] as const).map(async (which) => {
        if (mode === "connect") {
          const server = createServer((socket) => {
            heard[which]++
            socket.on("error", () => {}).destroy()
          })
          await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
          return { port: (server.address() as { port: number }).port, close: () => server.close() }
        }
        const socket = createSocket("udp4").on("message", () => heard[which]++)
        await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
        return { port: socket.address().port, close: () => socket.close() }
      }))
      try {
        const argv = [mode, ...servers.map(({ port }) => String(port))]
        const result = await run([program("race_addresses"), ...argv], policy({ network: { mode: "host", connect: [`127.0.0.1:${servers[0]!.port}`] } }))
        await new Promise((resolve) => setTimeout(resolve, 100))
        expect(result).toMatchObject({ code: HELD, stdout: expect.stringContaining("held") })
        expect(heard.denied).toBe(0)
        expect(heard.granted).toBeGreaterThan(0)
        const control = spawn(program("race_addresses"), argv, { stdio: "ignore" })
        const code = await new Promise<number | null>((resolve) => control.on("exit", resolve))
        await new Promise((resolve) => setTimeout(resolve, 100))
        expect(code === WON || heard.denied > 0).toBe(true)
      } finally {
        for (const { close } of servers) close()
      }
    }, 60_000)
  }
})

describe("more than its share", () => {
  const ended = async (argv: ReadonlyArray<string>, limits: Policy.PolicyInput["limits"]) => {
    const result = await run(argv, policy({ limits: { wallTime: "20 seconds", ...limits } }))
    expect(result.code === HELD || result.outcome._tag === "Killed", JSON.stringify(result)).toBe(true)
  }
  const bomb = (...args: ReadonlyArray<string>) => [program("bomb"), ...args]

  it("bomb: each works without rvisor", () => {
    for (const args of [["fork", "60"], ["threads", "60"], ["files", "200"], ["memory", "96"], ["disk", "96", directory]]) expect(native(bomb(...args))).toMatchObject({ code: WON })
  })
  it("bomb fork", () => ended(bomb("fork", "60"), { processes: 20 }))
  it("bomb threads", () => ended(bomb("threads", "60"), { processes: 20 }))
  it("bomb files", () => ended(bomb("files", "200"), { openFiles: 100 }))
  it("bomb disk, by the size of a file", () => ended(bomb("disk", "96"), { fileSize: "32 MiB" }))
  it("bomb disk, by the size of a tmpfs", async () => {
    const result = await run(bomb("disk", "96", "/small"), policy({ filesystem: { tmpfs: [{ path: "/small", size: "32 MiB" }] } }))
    expect(result).toMatchObject({ code: HELD, stdout: expect.stringContaining("stopped at 3") })
  })
  // Without root there may be no control group for a memory limit: then the policy is refused, which another suite tests.
  it.runIf(root)("bomb memory, and disk on a tmpfs, which is memory", async () => {
    await ended(bomb("memory", "96"), { memory: "64 MiB" })
    await ended(bomb("disk", "96"), { memory: "64 MiB" })
  })

  it("orphans: nobody outlives the main process or keeps its output open", async () => {
    const start = performance.now()
    const result = await run([program("orphans")], policy())
    expect(result).toMatchObject({ code: HELD })
    expect(performance.now() - start).toBeLessThan(5000)
  })

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
