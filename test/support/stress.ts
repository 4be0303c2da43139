/**
 * stress-ng as a guest: its stressors that make every call there is with arguments of every kind, or take what a machine has. It comes from Debian when it is first
 * wanted, as the virtual machines' programs do, and is unpacked beside them.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { programs } from "../../kmod/harness/packages.ts"
import * as Command from "../../sdk/Command.ts"
import type { Outcome } from "../../sdk/Outcome.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import { text } from "./stream.ts"

export const stressPossible = (): boolean =>
  existsSync("/usr/share/keyrings/debian-archive-keyring.gpg") && spawnSync("apt-get", ["--version"]).status === 0

/** What is hostile of its three hundred: calls that are none, bad addresses, bad values, every call, every opcode; and processes of all kinds. */
export const stressors = [
  "enosys", "sysbadaddr", "sysinval", "syscall", "opcode", "fork", "vfork", "clone", "mmapfork", "pthread", "ptrace", "seccomp", "kill", "sigfd", "sigsegv", "procfs", "access", "chmod", "dentry", "rename",
  "symlink", "link", "open", "fifo", "sockfd", "sockpair", "udp", "memfd", "exec", "set", "prctl", "session", "zombie", "resources"
] as const

const steered = SyscallHandler.make("getpgid", { power: "steer" }, () => Effect.succeed(Verdict.continue))
const calls: Policy.PolicyInput = { violations: "report", filesystem: { decide: "calls" } }

/** By what each is held. */
export const holds = {
  default: (input: Policy.PolicyInput) => Policy.make(input),
  calls: (input: Policy.PolicyInput) => Policy.make({ ...calls, ...input, filesystem: { ...calls.filesystem, ...input.filesystem } }),
  traced: (input: Policy.PolicyInput) => Policy.handlers(Policy.make({ ...calls, ...input, filesystem: { ...calls.filesystem, ...input.filesystem } }), steered),
  translated: (input: Policy.PolicyInput) => Policy.make({ view: "translated", ...input })
} as const satisfies Record<string, (input: Policy.PolicyInput) => Policy.Policy>
export type Hold = keyof typeof holds

export interface Stressed {
  readonly outcome: Outcome
  readonly said: string
  /** Of the guest, while it lasted. */
  readonly processes: number
}

/** Where stress-ng lies, with the libraries that this host lacks. */
export const stressTree = (): Promise<string> => programs("stress-ng", ["stress-ng"])

/**
 * One stressor for some seconds, in a sandbox that is asked for its processes while it lasts. `limits` keep the machine usable; what a stressor comes to under them is its
 * own business.
 */
export const stress = (tree: string, hold: Hold, stressor: string, seconds: number): Promise<Stressed> =>
  Effect.gen(function*() {
    const limits = { processes: 200, openFiles: 1000, wallTime: `${seconds + 60} seconds` as const, fileSize: "64 MiB" as const, ...(process.getuid!() === 0 ? { memory: "512 MiB" as const } : {}) }
    const libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map((part) => join(tree, part)).join(":")
    const sandbox = yield* Sandbox.spawn(
      Command.set(Command.make(join(tree, "usr/bin/stress-ng"), "--temp-path", "/tmp", `--${stressor}`, "2", "--timeout", `${seconds}s`), { stdin: "ignore", cwd: "/tmp", env: { LD_LIBRARY_PATH: libraries } }),
      holds[hold]({ limits, filesystem: { read: [tree] } })
    )
    const said = yield* Effect.forkScoped(text(sandbox.all))
    yield* Effect.sleep(Math.min(1000, seconds * 500))
    const asked = yield* Effect.exit(sandbox.processes)
    // It ends by itself, or the host program ends it: some of its stressors wait for ever for what is refused.
    const outcome = yield* sandbox.exit.pipe(Effect.timeoutOption((seconds + 20) * 1000), Effect.flatMap((end) => end._tag === "Some" ? Effect.succeed(end.value) : Effect.andThen(sandbox.kill(), sandbox.exit)))
    return { outcome, said: yield* Fiber.join(said), processes: asked._tag === "Success" ? asked.value.length : 0 }
  }).pipe(Effect.scoped, Effect.runPromise)

/** The kernel's complaints so far: a stressor must not have been able to make another. */
export const complaints = (): number => {
  try {
    return execFileSync("dmesg", { encoding: "utf8", maxBuffer: 1 << 26 }).split("\n").filter((line) => /BUG|Oops|WARNING:|general protection|soft lockup/.test(line)).length
  } catch {
    return 0 // not to be read by this user
  }
}
