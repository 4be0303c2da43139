/** Attacks on files: what is denied, what is granted for reading only, what is not in the view, and the runtime's own. */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, closeSync, copyFileSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Exit, Fiber, Stream } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { carriedOut } from "../support/carried-out.ts"
import { run } from "../support/sandbox.ts"
import { directory, expectHeld, expectWon, guest, HELD, isRoot, native, policy, possible, program, WON } from "./run.ts"
import { rowsOf } from "./rows.ts"

const TREASURE = "TREASURE\n"

/** A program of the host's beside the attack, from its first line on. */
const beside = async <A>(argv: ReadonlyArray<string>, attack: () => Promise<A>): Promise<A> => {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["pipe", "pipe", "inherit"] })
  try {
    await new Promise<void>((resolve, reject) => child.on("error", reject).on("exit", () => reject(new Error(`${argv.join(" ")} ended`))).stdout.once("data", () => resolve()))
    return await attack()
  } finally {
    child.removeAllListeners("exit")
    const gone = new Promise((resolve) => child.on("exit", resolve))
    child.stdin.end("\n")
    setTimeout(() => child.kill(), 500).unref()
    await gone
  }
}

describe("denied_file: a mask in a writable tree holds under every name", () => {
  const tree = (name: string) => {
    const path = join(directory, name)
    mkdirSync(join(path, "sub"), { recursive: true })
    for (const file of ["secret", "sub/deeper"]) writeFileSync(join(path, file), TREASURE)
    writeFileSync(join(path, "public"), "nothing\n")
    return path
  }
  it("without rvisor", () => expectWon("denied_file", [tree("control")]))
  for (const row of rowsOf("denied_file")) {
    it(row, async () => {
      const path = tree(`masked-${row}`)
      await expectHeld(row, "denied_file", [path], { filesystem: { write: [path], deny: [join(path, "secret"), join(path, "sub/deeper")] } })
      expect(readFileSync(join(path, "secret"), "utf8")).toBe(TREASURE)
    })
  }
})

describe("denied_program: what is denied is not executed by any way", () => {
  const place = join(directory, "denied-program")
  const denied = join(place, "treasure")
  const make = () => {
    mkdirSync(place, { recursive: true })
    writeFileSync(`${denied}.c`, "#include <stdio.h>\nint main(void) { return puts(\"TREASURE\") < 0; }\n")
    expect(native(["gcc", "-o", denied, `${denied}.c`])).toMatchObject({ code: 0 })
  }
  it("without rvisor", () => {
    make()
    expectWon("denied_program", [denied])
  })
  for (const row of rowsOf("denied_program")) {
    it(row, async () => {
      make()
      await expectHeld(row, "denied_program", [denied], { filesystem: { read: [place], deny: [denied] } })
    })
  }
})

describe("outside: what no rule grants is neither read nor changed", () => {
  const tree = (name: string) => {
    const [outside, readable] = ["outside", "readable"].map((each) => join(directory, `${each}-of-${name}`))
    for (const path of [outside!, readable!]) mkdirSync(path)
    writeFileSync(join(outside!, "secret"), TREASURE)
    writeFileSync(join(readable!, "readable"), "nothing\n")
    return [outside!, readable!] as const
  }
  it("without rvisor", () => expectWon("outside", tree("nobody")))
  for (const row of rowsOf("outside").filter(possible)) {
    it(row, async () => {
      const [outside, readable] = tree(row)
      await expectHeld(row, "outside", [outside, readable], { filesystem: { read: [readable] } })
      expect(readFileSync(join(outside, "secret"), "utf8")).toBe(TREASURE)
      expect(readFileSync(join(readable, "readable"), "utf8")).toBe("nothing\n")
    })
  }
})

describe("signal_outside: a process of the host's is nobody's", () => {
  const victim = async (attack: (pid: string) => unknown): Promise<NodeJS.Signals | null> => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" })
    try {
      await attack(String(child.pid))
      await new Promise((resolve) => setTimeout(resolve, 50))
      return child.signalCode
    } finally {
      child.kill("SIGKILL")
    }
  }
  it("without rvisor", async () => expect(await victim((pid) => expectWon("signal_outside", [pid]))).toBe("SIGTERM"))
  for (const row of rowsOf("signal_outside").filter(possible)) it(row, async () => expect(await victim((pid) => expectHeld(row, "signal_outside", [pid]))).toBe(null), 60_000)
})

describe("reopen: a file given to read is not written", () => {
  const file = join(directory, "given")
  const given = async <A>(act: (fd: number) => A | Promise<A>): Promise<A> => {
    writeFileSync(file, "readable\n")
    chmodSync(file, 0o666)
    const fd = openSync(file, "r")
    try {
      return await act(fd)
    } finally {
      closeSync(fd)
    }
  }
  it("without rvisor", () => given((fd) => expectWon("reopen", [], { stdio: [fd, "pipe", "pipe"] } as never)))
  for (const row of rowsOf("reopen")) {
    it(row, async () => {
      await given((fd) => expectHeld(row, "reopen", [], {}, { stdin: fd }))
      expect(readFileSync(file, "utf8")).toBe("readable\n")
    })
  }
})

describe("received: a directory that somebody sends is no way out", () => {
  const shared = join(directory, "shared"), outside = join(directory, "outside-received"), socket = join(shared, "socket")
  const serving = (attack: () => Promise<unknown>) => {
    mkdirSync(shared, { recursive: true })
    mkdirSync(join(outside, "sent"), { recursive: true })
    for (const path of [join(outside, "secret"), join(outside, "sent/secret")]) {
      writeFileSync(path, TREASURE)
      chmodSync(path, 0o666)
    }
    native(["rm", "-f", socket])
    return beside([program("received"), "serve", socket, join(outside, "sent")], attack)
  }
  it("without rvisor", () => serving(async () => expectWon("received", [socket])))
  for (const row of rowsOf("received")) {
    it(row, async () => {
      const network: Policy.PolicyInput = row === "filter" || row === "unfiltered" ? {} : { network: { mode: "none", connect: [`unix:${socket}`] } }
      await serving(() => expectHeld(row, "received", [socket], { ...network, filesystem: { write: [shared] } }))
      for (const path of [join(outside, "secret"), join(outside, "sent/secret")]) expect(readFileSync(path, "utf8")).toBe(TREASURE)
    })
  }
})

describe("shared_queues: the host's queues and memory are not there", () => {
  const key = String(100_000_000 + process.pid)
  const serving = (attack: () => Promise<unknown>) => beside([program("shared_queues"), "serve", key], attack)
  it("without rvisor", () => serving(async () => expectWon("shared_queues", [key])))
  for (const row of rowsOf("shared_queues")) it(row, () => serving(() => expectHeld(row, "shared_queues", [key])))
})

describe("leaked: no descriptor and no directory of the host's is left open", () => {
  const leaking = async <A>(act: (fd: number) => A | Promise<A>): Promise<A> => {
    const open = openSync("/", "r")
    try {
      return await act(open)
    } finally {
      closeSync(open)
    }
  }
  it("without rvisor", () => leaking((open) => expectWon("leaked", [], { stdio: ["ignore", "pipe", "pipe", open] })))
  for (const row of rowsOf("leaked")) {
    it(row, () => leaking(() => expectHeld(row, "leaked")))
  }
  it("as the directory to begin in (CVE-2024-21626)", () =>
    leaking(async () => {
      for (const where of ["/proc/self/fd", "/proc/self/fdinfo/..", "/proc/1/cwd", "/proc/1/root", ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 20].map((fd) => `/proc/self/fd/${fd}`), "/proc/self/fd/7/../../.."]) {
        // That there is no such directory is a sound answer.
        const answer = await guest("filter", [program("leaked")], {}, { cwd: where }).catch((error: { readonly _tag?: string }) => error)
        if ("code" in answer) expect(answer, where).toMatchObject({ code: HELD })
        else expect(answer, where).toMatchObject({ _tag: "SetupError" })
      }
    }))
})

describe("privileged_file: neither set-user-ID nor file capabilities give anything", () => {
  const own = (name: string) => {
    const path = join(directory, name)
    copyFileSync(program("privileged_file"), path)
    return path
  }
  const kinds = {
    "set-user-ID": () => {
      const path = own("set-user-id")
      chmodSync(path, 0o4755)
      return path
    },
    "file capabilities": () => {
      const path = own("capable")
      chmodSync(path, 0o755)
      expect(native([program("privileged_file"), "give", path])).toMatchObject({ code: 0 })
      return path
    }
  }
  for (const [kind, make] of Object.entries(kinds).filter(([name]) => isRoot || name === "set-user-ID")) {
    it.runIf(isRoot)(`without rvisor: ${kind}`, () => expect(native(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", make()])).toMatchObject({ code: WON }))
    for (const row of rowsOf("privileged_file")) {
      it(`${kind}: ${row}`, async () => {
        const path = make()
        // Without a mount that ignores them the kernel refuses to execute what is to have capabilities that nobody may.
        if (row === "translated" && kind === "file capabilities") return await expect(guest(row, [path], { filesystem: { read: [path] } })).rejects.toThrow(/EPERM/)
        expect(await guest(row, [path], { filesystem: { read: [path] } })).toMatchObject({ code: HELD, said: expect.stringContaining("held") })
      })
    }
  }
})

describe("init_files: init opens nothing of its own for a guest", () => {
  it("without rvisor", () => expectWon("init_files"))
  for (const row of rowsOf("init_files")) it(row, async () => void await expectHeld(row, "init_files"), 60_000)
  it("where handlers have every call, or some, carried out", async () => {
    const held = async (applied: Policy.Policy) => expect(await run([program("init_files")], applied)).toMatchObject({ code: HELD, stdout: expect.stringContaining("held") })
    await held(Policy.handlers(policy(), ...carriedOut()))
    await held(Policy.handlers(policy(), ...carriedOut().filter(({ name }) => name.startsWith("readlink"))))
  })
})

describe("the host's own tree and runtime", () => {
  /** A file's bytes from its start, wherever its descriptor stands. */
  const readAll = (file: number): Uint8Array => {
    const bytes = new Uint8Array(fstatSync(file).size)
    readSync(file, bytes, 0, bytes.length, 0)
    return bytes
  }

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
      expectWon("runtime_exe")
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
