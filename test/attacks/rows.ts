/**
 * Under what each attack is run. A row is a view and a way by which system calls are decided; what is here once is run by every
 * attack that names it, and is a column of docs/security-tests.md. A new view or backend is a new row.
 *
 * No part of vitest is used here: the script that writes the document reads this table too.
 */
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { PolicyInput } from "../../sdk/Policy.ts"
import { syscallNumbers } from "../../sdk/internal/syscalls.ts"

export interface Row {
  readonly view: "namespace" | "translated"
  /** What it says in the document's legend. */
  readonly means: string
  /** Laid over the attack's own policy. */
  readonly policy: PolicyInput
  /** With a handler that has the guest traced. */
  readonly traced?: true
  /** Run by a host program of its own, started by this program of test/support, which takes something away from it. */
  readonly within?: "unnotified" | "contained"
  /** Limits that take a control group: not where the caller is a plain user. */
  readonly controlGroups?: true
}

const everyCall: PolicyInput = { violations: "report", filesystem: { decide: "calls" } }

export const rows = {
  filter: { view: "namespace", means: "the default policy: the kernel's filter refuses, nothing is notified", policy: {} },
  strict: { view: "namespace", means: "the preset `strict`", policy: { extends: "strict" }, controlGroups: true },
  notify: { view: "namespace", means: "`decide: \"calls\"` and `violations: \"report\"`: paths and refusals are notified, init decides and acts", policy: everyCall },
  trace: { view: "namespace", means: "the same, and a handler that steers: every thread is traced", policy: everyCall, traced: true },
  ptrace: { view: "namespace", means: "the same on a host whose kernel gives no listener: trace points do the work of notifications", policy: everyCall, within: "unnotified" },
  translated: { view: "translated", means: "the translated view: no namespace at all; init translates every path and acts, Landlock is the boundary", policy: { view: "translated" } },
  contained: { view: "translated", means: "the translated view behind what a container engine's seccomp profile refuses: init takes no descriptor, threads hand theirs over", policy: { view: "translated" }, within: "contained" },
  unfiltered: {
    view: "namespace",
    means: "the first layer is gone: every call allowed that a policy can allow. The second layer holds by itself",
    // Only the flags that make namespaces are still looked at.
    policy: { syscalls: { allow: Object.keys(syscallNumbers).filter((name) => name !== "clone" && name !== "unshare") as Array<never> } }
  }
} as const satisfies Record<string, Row>

export type RowName = keyof typeof rows
export const rowNames = Object.keys(rows) as ReadonlyArray<RowName>

const sources = import.meta.dirname
export const attacks: ReadonlyArray<string> = readdirSync(sources).filter((name) => name.endsWith(".c")).map((name) => basename(name, ".c")).sort()

export interface Head {
  readonly tries: string
  readonly known: string
  readonly must: string
  readonly control: string
  readonly argument: string
  /** What holds it where the filter does not; empty where nothing does. */
  readonly behind: string
  /** Must be the only process of its guest. */
  readonly alone: boolean
}

/** What the head of an attack's program says. A label goes on over lines that are indented. */
export const head = (name: string): Head => {
  const comment = readFileSync(join(sources, `${name}.c`), "utf8").split("\n").filter((line, index, all) => all.slice(0, index + 1).every((each) => each.startsWith("//")))
  const labels = new Map<string, string>()
  let label = ""
  for (const line of comment.slice(1)) {
    const [, found, text] = /^\/\/ ([A-Z][a-z ]+): +(.*)$/.exec(line) ?? []
    if (found !== undefined) labels.set(label = found, text!)
    else labels.set(label, `${labels.get(label) ?? ""} ${line.replace(/^\/\/ +/, "")}`)
  }
  const of = (key: string) => labels.get(key) ?? ""
  return { tries: of("Tries"), known: of("Known from"), must: of("Must"), control: of("Control"), argument: of("Argument"), behind: of("Behind"), alone: labels.has("Alone") }
}

/** Those that need more than themselves (a file, a server, a tracer), each with a test of its own, and the rows of that. */
export const special: Readonly<Record<string, ReadonlyArray<RowName>>> = {
  abstract_socket: ["filter", "notify", "translated"],
  addresses: ["notify", "trace", "ptrace", "translated", "contained"],
  besieged: ["filter", "notify", "trace", "translated"],
  bomb: ["filter"],
  denied_file: ["filter", "notify", "trace", "ptrace", "unfiltered", "translated"],
  denied_program: ["filter", "notify", "trace", "ptrace", "unfiltered", "translated"],
  host_sockets: ["filter", "notify", "ptrace", "unfiltered", "translated", "contained"],
  init_files: ["filter", "notify", "trace", "ptrace", "translated"],
  leaked: ["filter", "notify", "unfiltered", "translated"],
  loopback: ["filter", "strict", "ptrace", "translated"],
  metadata: ["filter", "notify", "ptrace", "translated"],
  orphans: ["filter", "trace", "translated"],
  outside: ["filter", "strict", "notify", "trace", "ptrace", "translated", "unfiltered"],
  privileged_file: ["filter", "notify", "trace", "unfiltered", "translated"],
  race_addresses: ["notify", "trace", "ptrace", "translated", "contained"],
  race_descriptors: ["translated", "contained"],
  race_paths: ["notify", "trace", "ptrace", "translated"],
  received: ["filter", "notify", "ptrace", "unfiltered", "translated", "contained"],
  reopen: ["filter", "notify", "trace", "unfiltered", "translated"],
  runtime_exe: ["filter", "translated"],
  shared_queues: ["filter", "notify", "ptrace", "unfiltered", "translated"],
  signal_storm: ["notify", "trace", "ptrace", "translated", "contained"],
  signal_outside: ["filter", "strict", "notify", "trace", "ptrace", "translated", "unfiltered"],
  spin: ["filter"],
  swap_paths: ["filter", "translated"],
  unmapped: ["notify", "trace", "ptrace", "translated", "contained"],
  untraced: ["trace", "ptrace", "translated"]
}

/** Whether any backend can have it: the kernel module has no trace points, and without these there is no translated view. */
const ofEveryBackend = ({ traced, view, within }: Row): boolean => view === "namespace" && traced !== true && within === undefined

/** The rows that an attack is run in; where the suites are run over each backend (test/support/backend.ts), those that each of them has. */
export const rowsOf = (name: string): ReadonlyArray<RowName> =>
  (special[name] ?? rowNames.filter((row) => row !== "unfiltered" || head(name).behind !== ""))
    .filter((row) => process.env["RVISOR_BACKEND"] === undefined || ofEveryBackend(rows[row]))

/** Of two layers that hold an attack the first is taken away (test/attacks/layers.test.ts), so that the second is seen to hold it. */
export interface Pair {
  /** What is gone: names of native/sentry/layers.h. */
  readonly without: string
  readonly attack: string
  /** What holds then. */
  readonly held: string
  /** Over the default policy. */
  readonly input?: PolicyInput
  /** What must be gone for the attack to succeed: shows that it is this layer that holds. */
  readonly both?: string
  /** The policy then, where that is a layer too. */
  readonly bothInput?: PolicyInput
  /** It succeeds for root only. */
  readonly needsRoot?: true
}

const root: PolicyInput = { identity: { uid: 0, gid: 0 } }

export const pairs: ReadonlyArray<Pair> = [
  { without: "view", attack: "outside", held: "Landlock, but for the names in directories", both: "view landlock" },
  { without: "readonly", attack: "outside", held: "Landlock", both: "readonly landlock" },
  { without: "landlock", attack: "outside", held: "the mount table" },
  { without: "landlock", attack: "denied_file", held: "masks over the names" },
  { without: "landlock", attack: "proc_settings", held: "read-only mounts of /proc" },
  { without: "readonly", attack: "proc_settings", held: "Landlock, but for modes", both: "readonly landlock", needsRoot: true },
  { without: "landlock", attack: "signal_outside", held: "the pid namespace" },
  { without: "landlock", attack: "init_memory", held: "init is not dumpable" },
  { without: "landlock", attack: "devices", held: "read-only mounts of devices" },
  { without: "masks", attack: "denied_file", held: "init, which decides each call", input: { filesystem: { decide: "calls" } }, both: "masks", bothInput: {} },
  { without: "pid view", attack: "signal_outside", held: "Landlock's scope for signals (ABI 6)", both: "pid view landlock" },
  { without: "net", attack: "loopback", held: "the filter of `strict`", input: { extends: "strict" }, both: "net filter" },
  { without: "filter", attack: "loopback", held: "the network namespace", both: "net filter" },
  { without: "nosuid", attack: "privileged_file", held: "`no_new_privs`" },
  { without: "filter", attack: "user_namespace", held: "`user.max_user_namespaces` is 0" },
  { without: "filter", attack: "denied_file", held: "no capability to unmount the mask" },
  { without: "filter", attack: "mounts", held: "no capability" },
  { without: "filter", attack: "namespaces", held: "no capability" },
  { without: "filter", attack: "file_handles", held: "no capability" },
  { without: "filter", attack: "machine", held: "no capability, and the view" },
  { without: "capabilities", attack: "denied_file", held: "the filter", input: root },
  { without: "capabilities", attack: "mounts", held: "the filter", input: root, both: "capabilities filter" },
  { without: "capabilities", attack: "namespaces", held: "the filter", input: root, both: "capabilities filter" },
  { without: "capabilities", attack: "user_namespace", held: "the filter", input: root },
  { without: "capabilities", attack: "kernel_surface", held: "the filter", input: root },
  { without: "clock", attack: "spin", held: "`RLIMIT_CPU`", input: { limits: { cpuTime: "500 ms" } } }
]
