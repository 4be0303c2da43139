/**
 * What only the translated view has to show: that it is refused what it cannot carry, that its guest has no hold on processes,
 * sockets and queues of the host's although it shares their namespaces, and that nothing is left of it whoever dies. What it
 * shares with the other view is in the suites that take the view as a parameter, and in the attacks (test/attacks, row `translated`).
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import { compile } from "../../sdk/internal/compile.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { askedAndCarriedOut } from "../support/carried-out.ts"
import { compileSupport } from "../support/compile.ts"
import { run, scratch } from "../support/sandbox.ts"

const directory = scratch()
const translated = (input: Policy.PolicyInput = {}): Policy.Policy => Policy.make({ ...input, view: "translated" })
const sh = (script: string, policy = translated(), options: Command.Options = {}) => run(["sh", "-c", script], policy, options)

/** State directories of these sandboxes alone. */
const state = mkdtempSync(join(realpathSync(tmpdir()), "rvisor-states-"))
const before = process.env["TMPDIR"]
process.env["TMPDIR"] = state
afterAll(() => {
  if (before === undefined) delete process.env["TMPDIR"]
  else process.env["TMPDIR"] = before
  rmSync(state, { recursive: true, force: true })
})
const states = (): ReadonlyArray<string> => readdirSync(state).filter((name) => name.startsWith("rvisor-"))

const eventually = async (what: () => boolean, within = 20_000): Promise<boolean> => {
  for (const end = Date.now() + within; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) if (what()) return true
  return what()
}

const field = (pid: number, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1])
const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

describe("what it cannot carry is a fault", () => {
  it.each([
    ["filesystem.overlay[0]", { filesystem: { overlay: [directory] } }],
    ["filesystem.tmpfs[0].size", { filesystem: { tmpfs: [{ path: "/scratch", size: "1 MiB" }] } }],
    ["identity.uid", { identity: { uid: process.getuid!() + 7, user: "someone" } }],
    ["identity.hostname", { identity: { hostname: "other" } }],
    ["syscalls.allow[0]", { syscalls: { allow: ["ptrace"] } }],
    ["syscalls.allow[0]", { syscalls: { allow: ["shmget"] } }],
    ["syscalls.allow[0]", { syscalls: { allow: ["open_by_handle_at"] } }]
  ] as ReadonlyArray<readonly [string, Policy.PolicyInput]>)("%s", async (path, input) => {
    const error = await Effect.runPromise(Effect.flip(compile(translated(input), Command.make("true"))))
    expect(error.faults.map((fault) => fault.path)).toEqual([path])
    await Effect.runPromise(compile(Policy.make({ ...input, view: "namespace" }), Command.make("true")).pipe(Effect.catch(() => Effect.void)))
  })
})

describe("it says what it is", () => {
  it("layers", async () => {
    const layers = await Effect.runPromise(Effect.scoped(Effect.map(Sandbox.spawn(Command.make("true"), translated()), (sandbox) => sandbox.layers)))
    expect(layers).toEqual(expect.arrayContaining(["translated", "seccomp", "ptrace"]))
    expect(layers).not.toEqual(expect.arrayContaining(["mount"]))
  })
  it("the identity is the caller's", async () => {
    const { stdout } = await sh("id -u; id -g; uname -n")
    expect(stdout).toBe(`${process.getuid!()}\n${process.getgid!()}\n${spawnSync("uname", ["-n"], { encoding: "utf8" }).stdout}`)
  })
})

describe("processes of the host are not there", () => {
  const program = compileSupport("foreign", directory)
  /** A process of the same user, outside; it ends if any signal gets through. */
  const outside = () => {
    const child = spawn("sleep", ["300"], { stdio: "ignore" })
    return { pid: child.pid!, end: () => void child.kill("SIGKILL"), alive: () => alive(child.pid!) }
  }

  it("without rvisor the program reaches one, by every way", () => {
    for (let way = 0; way < 8; way++) {
      const victim = outside()
      const { status, stdout } = spawnSync(program, [String(victim.pid), String(way)], { encoding: "utf8" })
      victim.end()
      expect([way, status, stdout]).toEqual([way, 0, expect.stringContaining("reached")])
    }
  })

  it("inside by none", async () => {
    const victim = outside()
    try {
      for (let way = 0; way < 8; way++) {
        const { code, stdout } = await run([program, String(victim.pid), String(way)], translated({ filesystem: { read: [program] } }))
        expect([way, code, stdout]).toEqual([way, 1, expect.stringContaining("held")])
      }
      expect(victim.alive()).toBe(true)
    } finally {
      victim.end()
    }
  }, 60_000)

  it("and /proc lists the guest's own, which are signalled as ever", async () => {
    const { code, stderr, stdout } = await sh("sleep 100 & ls /proc | grep -c '^[0-9]'; kill -0 $! && kill $! && wait $!; echo $?; ls -d /proc/1 /proc/self; cat /proc/$$/comm")
    expect({ code, stderr, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^4\n143\n\/proc\/self\nsh\n$/) })
    expect(stderr).toMatch(/\/proc\/1/)
  })

  it("a group, and everybody, is no more than the guest", async () => {
    const victim = outside()
    const { stdout } = await sh("trap 'echo got' TERM; setsid sleep 50 & sleep 0.2; kill -TERM 0; kill -TERM -1; wait; echo end")
    expect(stdout).toBe("got\nend\n")
    expect(victim.alive()).toBe(true)
    victim.end()
  })

  it("the host program is told of the guest's processes alone", () =>
    Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", "sleep 50 & sleep 50"), translated())
      yield* Effect.sleep(500)
      const names = (yield* sandbox.processes).map(({ command }) => command).sort()
      expect(names.filter((name) => name !== "sh")).toEqual(["sleep", "sleep"])
      expect(names.length).toBeLessThanOrEqual(3)
    }).pipe(Effect.scoped, Effect.runPromise))
})

describe("sockets and queues of the host are not there", () => {
  it("no internet socket, no abstract name of the host's", async () => {
    const name = `\0rvisor-test-${process.pid}`
    const server = createServer().listen(name)
    const script = (address: string) => `
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
  try: socket.socket(family, socket.SOCK_DGRAM if family != socket.AF_NETLINK else socket.SOCK_RAW); print("made")
  except OSError as error: print(error.errno)
try: socket.socket(socket.AF_UNIX).connect(${JSON.stringify(address)}); print("reached")
except OSError as error: print("refused")
a = socket.socket(socket.AF_UNIX); a.bind("\\0rvisor-own"); a.listen(); socket.socket(socket.AF_UNIX).connect("\\0rvisor-own"); print("own")
`
    try {
      const text = script(name.replace("\0", "\\0")).replace("\\\\0", "\\0")
      expect(spawnSync("python3", ["-c", text], { encoding: "utf8" }).stdout).toMatch(/made\nmade\nmade\n/)
      const { stdout } = await run(["python3", "-c", text], translated())
      expect(stdout).toBe("1\n1\n1\nrefused\nown\n")
    } finally {
      server.close()
    }
  })
})

describe("nothing is left, whoever is killed", () => {
  const guest = "(setsid sh -c 'sleep 300 & setsid sleep 300 & wait' &); (sleep 300 &); sleep 300"
  for (const order of [["init"], ["sentry"], ["warden"], ["warden", "sentry"], ["warden", "sentry", "init"], ["init", "warden"]] as const) {
    it(order.join(", then "), () =>
      Effect.gen(function*() {
        const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", guest), { stdout: "ignore", stderr: "ignore" }), translated())
        const init = field(sandbox.pid, "PPid"), sentry = field(init, "PPid"), warden = field(sentry, "PPid")
        const all = () => readdirSync("/proc").map(Number).filter((pid) => {
          try {
            return pid > 0 && field(field(pid, "TracerPid"), "Tgid") === init
          } catch {
            return false
          }
        })
        expect(yield* Effect.promise(() => eventually(() => all().length >= 5))).toBe(true)
        const guests = all()
        expect(states().length).toBe(1)
        for (const who of order) process.kill({ init, sentry, warden }[who], "SIGKILL")
        yield* Effect.ignore(sandbox.exit)
        expect(yield* Effect.promise(() => eventually(() => [...guests, init, sentry, warden].every((pid) => !alive(pid))))).toBe(true)
        expect(yield* Effect.promise(() => eventually(() => states().length === 0))).toBe(true)
      }).pipe(Effect.scoped, Effect.runPromise), 60_000)
  }

  it("the host program too: the next start sweeps what is left", async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "../../cli/main.ts"), "run", "--view", "translated", "--", "sh", "-c", "echo up; sleep 300"], { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, TMPDIR: state } })
    await new Promise((resolve) => child.stdout.once("data", resolve))
    expect(states().length).toBe(1)
    const warden = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").map(Number).find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8") === "rvisor-warden\n")!
    child.kill("SIGKILL")
    process.kill(warden, "SIGKILL")
    expect(await eventually(() => !alive(warden))).toBe(true)
    // Somebody else's, though it has the form of ours but for the number.
    const foreign = join(state, "rvisor-somebodys-aB3dE6")
    mkdirSync(join(foreign, "work"), { recursive: true, mode: 0o700 })
    await new Promise((resolve) => setTimeout(resolve, 12_000)) // what is younger may be about to be locked
    await sh("true")
    expect(states()).toEqual(["rvisor-somebodys-aB3dE6"])
    expect(readdirSync(foreign)).toEqual(["work"])
    rmSync(foreign, { recursive: true })
  }, 60_000)

  it("a tree that is deep, and closed to its owner", async () => {
    const { code } = await sh("cd /tmp; for i in $(seq 1 300); do mkdir d && cd d; done; mkdir /tmp/closed /tmp/closed/x; chmod 0 /tmp/closed; echo x > /tmp/file; chmod 0 /tmp/file")
    expect(code).toBe(0)
    expect(states()).toEqual([])
  })
})

describe("a view of its own", () => {
  it("has no writable place but what is granted", async () => {
    const granted = join(directory, "granted")
    writeFileSync(granted, "before")
    const script = `echo after > ${granted}; touch ${directory}/new /usr/new /etc/new /new 2>&1 | sed 's/.*: //' | sort -u; cat ${granted}; pwd; readlink /proc/self/exe; getconf PATH > /dev/null; echo mine > /tmp/mine; cat /tmp/mine`
    const { stdout } = await sh(script, translated({ filesystem: { read: [directory], write: [granted] } }), { cwd: "/tmp" })
    expect(stdout).toMatch(/(Permission denied|Read-only file system)\nafter\n\/tmp\n\/usr\/bin\/readlink\nmine\n$/)
    expect(readFileSync(granted, "utf8")).toBe("after\n")
  })
})

describe("descriptors of O_PATH", () => {
  const script = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
O_PATH, AT_FDCWD = 0x200000, -100
def openat2(path, flags, mode = 0, resolve = 0):
  fd = libc.syscall(437, AT_FDCWD, path.encode(), struct.pack("QQQ", flags, mode, resolve), 24)
  return fd if fd >= 0 else -ctypes.get_errno()
def show(name, fd):
  if fd < 0: return print(name, os.strerror(-fd))
  try: what = os.read(fd, 4)
  except OSError as error: what = error.strerror
  print(name, bool(int(open(f"/proc/self/fdinfo/{fd}").read().split()[3], 8) & O_PATH), os.get_inheritable(fd), os.readlink(f"/proc/self/fd/{fd}"), what)
  os.close(fd)
os.chdir("/tmp"); open("file", "w").write("text"); os.symlink("file", "link")
for flags in (0, 0o2000000):
  show("openat", libc.syscall(257, AT_FDCWD, b"file", O_PATH | flags))
  show("openat2", openat2("file", O_PATH | flags))
show("link", openat2("link", O_PATH | 0o400000))
show("directory", openat2("/tmp", O_PATH | 0o200000))
show("beneath", openat2("/tmp", O_PATH, 0, 8))
show("read", openat2("link", 0))
show("made", openat2("new", 0o102, 0o600))
show("missing", openat2("missing", O_PATH))
`
  const shown = "openat True True /tmp/file Bad file descriptor\nopenat2 True True /tmp/file Bad file descriptor\nopenat True False /tmp/file Bad file descriptor\n" +
    "openat2 True False /tmp/file Bad file descriptor\nlink True True /tmp/link Bad file descriptor\ndirectory True True /tmp Bad file descriptor\nbeneath Invalid cross-device link\n" +
    "read False True /tmp/file b'text'\nmade False True /tmp/new b''\nmissing No such file or directory\n"
  it.each([["", []], [", also where handlers are asked", askedAndCarriedOut()]] as const)("are given by every call%s", async (_, handlers) => {
    const { stderr, stdout } = await run(["python3", "-c", script], Policy.make({ view: "translated", handlers }))
    expect({ stderr, stdout }).toEqual({ stderr: "", stdout: shown })
  }, 60_000)
})
