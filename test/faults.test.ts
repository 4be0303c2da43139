/**
 * What goes wrong around a sandbox: processes of ours killed at random moments, many sandboxes at once, hosts that lack
 * what rvisor builds on. Each has a defined end, and nothing is left behind.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import * as Command from "../sdk/Command.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { compileSupport } from "./support/compile.ts"
import { run, scratch } from "./support/sandbox.ts"

const directory = scratch()
const root = process.getuid!() === 0
const one = fileURLToPath(new URL("./support/one.ts", import.meta.url))
const executable = fileURLToPath(new URL("../dist/rvisor", import.meta.url))
const source = fileURLToPath(new URL("../cli/main.ts", import.meta.url))
const rvisor: ReadonlyArray<string> = existsSync(executable) ? [executable] : [process.execPath, source]
const ROUNDS = 200

let reaper: string
let without: string
beforeAll(() => {
  reaper = compileSupport("reaper", directory)
  without = compileSupport("without", directory)
})

// A seeded generator (mulberry32), so that a failing run can be repeated: RVISOR_TEST_SEED is printed with every failure.
const seed = Number(process.env["RVISOR_TEST_SEED"] ?? Date.now() % 1e9)
const random = ((state: number) => () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
})(seed)

const children = (pid: number): ReadonlyArray<number> => {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.flatMap((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, "utf8").trim().split(" ").filter((x) => x !== "").map(Number))
  } catch {
    return []
  }
}
const name = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim()
  } catch {
    return ""
  }
}
/** The process of a sandbox that bears this name, below `pid`. */
const find = (pid: number, wanted: string): number | undefined => {
  for (const child of children(pid)) {
    if (name(child) === wanted) return child
    const deeper = find(child, wanted)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

/** Control groups of ours anywhere on this host. */
const controlGroups = (): ReadonlyArray<string> => {
  if (!existsSync("/sys/fs/cgroup")) return []
  const found = spawnSync("find", ["/sys/fs/cgroup", "-type", "d", "-name", "rvisor-*"], { encoding: "utf8" })
  return found.stdout.split("\n").filter((line) => line !== "")
}
/** Mounts of the host where a sandbox builds its view: nothing of that may be seen outside of it. Other suites mount elsewhere. */
const mounts = (): ReadonlyArray<string> =>
  readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => /^\/(tmp|run|mnt|var|usr|proc|dev|etc)?(\/|$)/.test(line.split(" ")[4] ?? "-") && !/rvisor-(checkout|test)-/.test(line))

type Victim = "host" | "rvisor-warden" | "rvisor-sentry" | "rvisor-init" | "host and warden"
const victims: ReadonlyArray<Victim> = ["host", "rvisor-warden", "rvisor-sentry", "rvisor-init", "host and warden"]

/** One sandbox with children of every kind, one of our processes killed after `delay` ms; what the reaper found left, and whether the guest had started. */
const killRound = (victim: Victim, delay: number, options: ReadonlyArray<string> = []): Promise<{ readonly end: string; readonly up: boolean }> =>
  new Promise((resolve, reject) => {
    const guest = "setsid sleep 300 & (sleep 300 & sleep 300) & trap '' TERM INT HUP; echo up; sleep 300 & wait; wait"
    const limits = root ? ["--memory", "256MiB", "--processes", "50"] : []
    const child = spawn(reaper, ["5000", ...rvisor, "run", ...limits, ...options, "--", "sh", "-c", guest], { stdio: ["ignore", "pipe", "ignore"] })
    let output = ""
    let timer: NodeJS.Timeout | undefined
    const strike = (host: number) => {
      const target = victim === "host" ? host : find(host, victim === "host and warden" ? "rvisor-warden" : victim)
      const give = (pid: number) => {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // it has just ended by itself
        }
      }
      if (target !== undefined) give(target)
      // Not there yet, or the pair of both: then the host goes.
      if (target === undefined || victim === "host and warden") give(host)
    }
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString()
      if (timer === undefined && output.includes("\n")) timer = setTimeout(strike, delay, Number(output.split("\n")[0]))
    })
    child.on("error", reject)
    child.on("close", () => resolve({ end: output.trim().split("\n").at(-1)!, up: /^up$/m.test(output) }))
  })

/** How long a whole run takes here and now, in ms: the moments are chosen by it, so that a slow machine or build has its share of both sides. */
const usual = (): number => {
  const times = [0, 1, 2].map(() => {
    const start = performance.now()
    execFileSync(rvisor[0]!, [...rvisor.slice(1), "run", "--", "true"])
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[1]!
}

describe("kill -9", () => {
  it(`of the host program, the warden, the sentry and init at ${ROUNDS} random moments leaves nothing`, async () => {
    const before = mounts()
    const left: Array<string> = []
    const unit = usual()
    let started = 0
    for (let round = 0; round < ROUNDS; round++) {
      const victim = victims[round % victims.length]!
      const delay = random() * unit * (round % 2 === 0 ? 1 : 4)
      const { end, up } = await killRound(victim, delay)
      if (up) started++
      if (end !== "clean") left.push(`round ${round}, ${victim} after ${delay.toFixed(1)} ms: ${end}`)
    }
    expect(left, `seed ${seed}`).toEqual([])
    expect(mounts()).toEqual(before)
    // The moments lie on both sides of the guest's first instruction.
    expect(started).toBeGreaterThan(ROUNDS / 5)
    expect(started).toBeLessThan(ROUNDS)
    // Where host and warden went in one moment nobody was there to tidy control groups: the next start does.
    if (root) {
      execFileSync(rvisor[0]!, [...rvisor.slice(1), "run", "--memory", "64MiB", "--processes", "20", "--", "true"])
      const live = controlGroups().filter((path) => readFileSync(join(path, "cgroup.procs"), "utf8") === "")
      expect(live).toEqual([])
    }
  }, 240_000)

  it("of any of them leaves nothing of a guest that is traced", async () => {
    const traced = ["--handler", join(import.meta.dirname, "support/modules/steer77.ts")]
    const left: Array<string> = []
    const start = performance.now()
    execFileSync(rvisor[0]!, [...rvisor.slice(1), "run", ...traced, "--", "true"])
    const unit = performance.now() - start
    let started = 0
    for (let round = 0; round < ROUNDS / 10; round++) {
      const victim = victims[round % victims.length]!
      const delay = random() * unit * 2
      const { end, up } = await killRound(victim, delay, traced)
      if (up) started++
      if (end !== "clean") left.push(`round ${round}, ${victim} after ${delay.toFixed(1)} ms: ${end}`)
    }
    expect(left, `seed ${seed}`).toEqual([])
    expect(started).toBeGreaterThan(0)
  }, 240_000)

  it("of the sentry ends the command with the reason `sentry`, within a second", async () => {
    const outcome = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sleep", "100"), { stdin: "ignore" }))
      const sentry = find(process.pid, "rvisor-sentry")!
      const start = performance.now()
      process.kill(sentry, "SIGKILL")
      const outcome = yield* sandbox.exit
      return { outcome, took: performance.now() - start }
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(outcome.outcome).toMatchObject({ _tag: "Killed", reason: "sentry" })
    expect(outcome.took).toBeLessThan(1000)
  })
})

describe("many at once", () => {
  it("two hundred sandboxes started together all finish, and leave no descriptor", async () => {
    await run(["true"])
    const before = readdirSync("/proc/self/fd").length
    const codes = await Effect.runPromise(Effect.forEach(
      Array.from({ length: 200 }, (_, i) => i),
      (i) =>
        Effect.gen(function*() {
          const sandbox = yield* Sandbox.spawn(Command.set(Command.make("sh", "-c", `exit ${i % 7}`), { stdin: "ignore" }))
          const outcome = yield* sandbox.exit
          return outcome._tag === "Exited" ? outcome.code : outcome
        }).pipe(Effect.scoped),
      { concurrency: "unbounded" }
    ))
    expect(codes).toEqual(Array.from({ length: 200 }, (_, i) => i % 7))
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before)
  }, 120_000)

  it("start and stop in a row leak no descriptor and no child", async () => {
    await run(["true"])
    const before = readdirSync("/proc/self/fd").length
    for (let i = 0; i < 100; i++) await run(["true"])
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before)
    expect(children(process.pid).map(name).filter((x) => x.startsWith("rvisor"))).toEqual([])
  }, 60_000)
})

describe("hosts that lack a feature", () => {
  const ask = (prefix: ReadonlyArray<string>, request: object) => {
    const argv = [...prefix, process.execPath, one, JSON.stringify(request)]
    const result = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8" })
    expect(result.stderr).toBe("")
    return JSON.parse(result.stdout) as { error?: Record<string, string>; outcome?: { _tag: string }; layers?: Array<string>; stdout?: string }
  }
  const noUserNamespaces = ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"]
  const plain = (argv: ReadonlyArray<string>) => root ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...argv] : argv
  const ABSENT = { landlock: "444,445,446", openTree: "428" }

  it("no user namespaces: a typed error that names the step and the remedy", () => {
    const answer = ask(plain(noUserNamespaces), { argv: ["true"], policy: { view: "namespace" } })
    expect(answer.error).toMatchObject({ _tag: "SetupError", step: "namespaces", object: "user" })
    expect(answer.error!["remedy"]).toContain("user.max_user_namespaces")
  })

  it("no user namespaces, and a policy that leaves the view open: the translated one, which is told", () => {
    const answer = ask(plain(noUserNamespaces), { argv: ["echo", "ran"] })
    expect(answer.error).toBeUndefined()
    expect(answer.stdout).toBe("ran\n")
    expect(answer.layers).toContain("translated")
    expect(answer.layers).not.toContain("mount")
  })

  it("no Landlock: refused, unless the policy says that it is optional", () => {
    const prefix = [without, ABSENT.landlock]
    expect(ask(prefix, { argv: ["true"] }).error).toMatchObject({ _tag: "SetupError", step: "landlock", errno: "ENOSYS" })
    const optional = ask(prefix, { argv: ["echo", "ran"], policy: { landlock: "optional" } })
    expect(optional.stdout).toBe("ran\n")
    expect(optional.layers!.some((layer) => layer.startsWith("landlock"))).toBe(false)
  })

  it("no ptrace: handlers that need it are refused with the remedy, others run", () => {
    const with_ = (module: string) => {
      const argv = [without, "101:1", ...rvisor, "run", "--handler", join(import.meta.dirname, "support/modules", module), "--", "true"]
      return spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8" })
    }
    const refused = with_("steer77.ts")
    expect(refused.status).not.toBe(0)
    expect(refused.stderr).toMatch(/trace ptrace/)
    expect(refused.stderr).toContain("kernel.yama.ptrace_scope")
    expect(with_("box.ts").status).toBe(0)
  })

  it("no control groups: a memory limit is refused, a policy without one runs", () => {
    const prefix = ["unshare", ...(root ? [] : ["--user", "--map-current-user"]), "--mount", "sh", "-c", "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"", "sh"]
    if (!root) return // a plain user may not mount here; as a plain user there is no control group to begin with (next case)
    expect(ask(prefix, { argv: ["true"], policy: { limits: { memory: "64 MiB" } } }).error).toMatchObject({ _tag: "SetupError", step: "cgroup" })
    expect(ask(prefix, { argv: ["echo", "ran"] }).stdout).toBe("ran\n")
  })

  it("a plain user without a delegated control group: a memory limit is refused with the remedy", () => {
    const prefix = root ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
    const answer = ask(prefix, { argv: ["true"], policy: { limits: { memory: "64 MiB" } } })
    expect(answer.error).toMatchObject({ _tag: "SetupError", step: "cgroup" })
    expect(answer.error!["remedy"]).toContain("Delegate=yes")
    expect(ask(prefix, { argv: ["echo", "ran"], policy: { limits: { processes: 20 } } }).stdout).toBe("ran\n")
  })

  it("a kernel without open_tree: a typed error that names the mount step", () => {
    expect(ask([without, ABSENT.openTree], { argv: ["true"] }).error).toMatchObject({ _tag: "SetupError", step: "mount", errno: "ENOSYS" })
  })
})
