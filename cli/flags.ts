/**
 * The policy as flags. They carry the policy's own names and mean exactly what its JSON form means: this file translates one into
 * the other and decides nothing. What a flag cannot say (an optional path, an overlay's upper directory), a policy file can.
 *
 * `PATH[:DEST]` shows the host's PATH at DEST in the sandbox. A colon that belongs to a path is written `\:`.
 */
import * as Flag from "effect/cli/Flag"
import type * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { UsageError } from "./usage-error.ts"
import { isUndecodableVariable } from "./words.ts"

const described = (metavar: string, text: string) => <A>(flag: Flag.Flag<A>): Flag.Flag<A> =>
  flag.pipe(Flag.withMetavar(metavar), Flag.withDescription(text))

/** At most once. Not `Flag.optional`, which makes an error with its stack for every flag that is absent: 10 ms for ours. */
export const once = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> => flag.pipe(Flag.atMost(1), Flag.map(([value]) => value))

/** A switch that is off where it is not given. */
export const toggle = (name: string, text: string) => Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(text), once)

const one = (name: string, metavar: string, text: string) => Flag.String(name).pipe(described(metavar, text), once)
const many = (name: string, metavar: string, text: string) => Flag.String(name).pipe(described(metavar, text), Flag.atLeast(0))
const number = (name: string, text: string) => Flag.Int(name).pipe(described("N", text), once)
const word = <const W extends ReadonlyArray<string>>(name: string, words: W, text: string) =>
  Flag.Literals(name, words).pipe(described(words.join("|"), text), once)

/** Where the policy starts. */
export const base = {
  preset: word("preset", ["default", "strict", "trusted"], "Policy to start from (default: default)"),
  policy: Flag.String("policy").pipe(described("FILE", "Policy file (JSON) to start from; flags are laid over it"), once)
}

export const files = {
  read: many("read", "PATH[:DEST]", "Let it read a file or directory, and everything beneath"),
  write: many("write", "PATH[:DEST]", "Let it read and write"),
  deny: many("deny", "PATH|GLOB", "Take away what another rule grants; beats --read and --write"),
  tmpfs: many("tmpfs", "PATH[:SIZE]", "Private empty directory in memory"),
  overlay: many("overlay", "PATH[:DEST]", "Copy on write: it sees its changes, the host keeps the original"),
  virtual: many("virtual", "DEST=FILE", "Read-only file at DEST with the bytes FILE has now"),
  decide: word("decide", ["mounts", "calls"], "calls: decide every call that takes a path, so that --deny holds for files that appear later"),
  root: one("root", "DIR", "Own root directory (a Debian tree, say) in place of the host's view"),
  rootWritable: toggle("root-writable", "Let it write beneath --root")
}

/** Without a letter where that means something else. */
export const env = () => Flag.String("env").pipe(described("NAME[=VALUE]", "Set a variable, or pass the host's"), Flag.atLeast(0))

export const identity = {
  env: Flag.String("env").pipe(Flag.withAlias("e"), described("NAME[=VALUE]", "Set a variable, or pass the host's"), Flag.atLeast(0)),
  user: one("user", "NAME", "Name of the user it is (default: guest)"),
  uid: number("uid", "Its user id (default: 1000)"),
  gid: number("gid", "Its group id (default: 1000)"),
  hostname: one("hostname", "NAME", "Its host name (default: sandbox)")
}

export const network = {
  network: word("network", ["none", "host"], "none: a private loopback and nothing else; host: the host's network, unfiltered but by these:"),
  connect: many("connect", "ADDRESS", "Let it connect there and nowhere else: 10.0.0.0/8:443, [2001:db8::1]:*, unix:/run/x.sock"),
  bind: many("bind", "ADDRESS", "Let it listen there and nowhere else"),
  denyAddress: many("deny-address", "ADDRESS", "Refuse what --connect and --bind grant")
}

export const limits = {
  memory: one("memory", "SIZE", "Memory of all its processes together: 512MiB, 1.5GB"),
  processes: number("processes", "Processes and threads at once"),
  cpus: Flag.Finite("cpus").pipe(described("N", "CPUs' worth of time: 1.5"), once),
  cpuTime: one("cpu-time", "TIME", "CPU time of all its processes together: 10s"),
  wallTime: Flag.String("timeout").pipe(Flag.withAlias("wall-time"), described("TIME", "Time from start to end: 30s, 2 minutes, 1h"), once),
  output: one("output-limit", "SIZE", "Bytes on stdout and stderr together"),
  openFiles: number("open-files", "Open files of one process"),
  fileSize: one("file-size", "SIZE", "Size of a file that it writes")
}

export const kernel = {
  allow: many("syscall-allow", "NAME", "Allow a system call that the policy refuses"),
  deny: many("syscall-deny", "NAME", "Refuse a system call with EPERM"),
  kill: many("syscall-kill", "NAME", "End the program when it makes this system call"),
  backend: word("backend", ["auto", "ptrace", "kmod"], "How system calls are intercepted"),
  view: word("view", ["auto", "namespace", "translated"], "How its view of the file system is made"),
  boundary: word("boundary", ["landlock", "translation"], "What holds the translated view: translation does without Landlock"),
  landlock: word("landlock", ["required", "optional"], "optional: run where the kernel lacks Landlock, with one layer less")
}

export const policyFlags = { base, files, identity, network, limits, kernel }

/** What the policy flags parse to. */
export type PolicyFlags = Command.Command.Config.Infer<typeof policyFlags>

/** Places in the policy's JSON form, longest first, and the flags that fill them: a fault is told by the flag that was typed. */
const names: ReadonlyArray<readonly [string, string]> = [
  ["filesystem.virtual", "--virtual"], ["filesystem.overlay", "--overlay"], ["filesystem.tmpfs", "--tmpfs"], ["filesystem.write", "--write"],
  ["filesystem.read", "--read"], ["filesystem.deny", "--deny"], ["filesystem.decide", "--decide"], ["filesystem.root", "--root"],
  ["environment", "--env"], ["identity.hostname", "--hostname"], ["identity.user", "--user"], ["identity.uid", "--uid"], ["identity.gid", "--gid"],
  ["limits.memory", "--memory"], ["limits.processes", "--processes"], ["limits.cpus", "--cpus"], ["limits.cpuTime", "--cpu-time"],
  ["limits.wallTime", "--timeout"], ["limits.output", "--output-limit"], ["limits.openFiles", "--open-files"], ["limits.fileSize", "--file-size"],
  ["syscalls.allow", "--syscall-allow"], ["syscalls.deny", "--syscall-deny"], ["syscalls.kill", "--syscall-kill"],
  ["command.cwd", "--cwd"], ["extends", "--preset"], ["network.connect", "--connect"], ["network.bind", "--bind"], ["network.deny", "--deny-address"], ["network", "--network"], ["backend", "--backend"], ["view", "--view"], ["boundary", "--boundary"], ["landlock", "--landlock"]
]

/** The flag that fills a place of the policy: `limits.memory` is `--memory`. */
export const flagOf = (path: string): string | undefined =>
  names.find(([place]) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`))?.[1]

/** Splits at the first colon that no backslash precedes. */
const cut = (text: string): readonly [string, string | undefined] => {
  const at = text.search(/(?<!\\):/)
  const plain = (part: string): string => part.replaceAll("\\:", ":")
  return at < 0 ? [plain(text), undefined] : [plain(text.slice(0, at)), plain(text.slice(at + 1))]
}

const placed = (text: string): unknown => {
  const [path, as] = cut(text)
  return as === undefined ? path : { path, as }
}

/** A size: digits alone are bytes. */
const size = (text: string | undefined): string | number | undefined => text !== undefined && /^\d+$/.test(text) ? Number(text) : text

/** A time. The policy reads digits alone as milliseconds, `timeout(1)` as seconds: on a command line the unit must be said. */
const time = (flag: string, text: string | undefined): Effect.Effect<string | undefined, UsageError> =>
  text !== undefined && /^[\d.]+$/.test(text.trim())
    ? new UsageError({ reason: `${flag} ${text}: say the unit`, remedy: `${flag} ${text}s for seconds, ${flag} ${text}ms for milliseconds` })
    : Effect.succeed(text)

const virtual = (text: string): Effect.Effect<readonly [string, unknown], UsageError> => {
  const at = text.indexOf("=")
  if (at < 1 || at === text.length - 1) {
    return new UsageError({ reason: `--virtual ${text}: no file is named`, remedy: "write --virtual DEST=FILE: the path in the sandbox, and the file that has the bytes" })
  }
  const file = text.slice(at + 1)
  return Effect.try({
    try: () => [text.slice(0, at), { base64: readFileSync(file).toString("base64") }] as const,
    catch: (cause) => new UsageError({ reason: `--virtual ${text}: ${file}: ${(cause as Error).message.split(",")[0]}`, remedy: "" })
  })
}

/** Only what is there: keys without a value are left out, and an object without keys is left out too. */
const present = (entries: Record<string, unknown>): Record<string, unknown> | undefined => {
  const kept = Object.entries(entries).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** Rules are about the host's network, where no other is named: of an own loopback there is little to grant. */
const networkOf = ({ bind, connect, denyAddress, network }: PolicyFlags["network"]): unknown =>
  bind.length + connect.length + denyAddress.length === 0 ? network : present({ mode: network ?? "host", connect, bind, deny: denyAddress })

/** The policy flags (all but `--policy`) in the policy's JSON form. */
export const toJson = Effect.fnUntraced(function*(flags: PolicyFlags) {
  const { files, identity, limits, kernel } = flags
  const { root } = files
  if (files.rootWritable === true && root === undefined) {
    return yield* new UsageError({ reason: "--root-writable needs --root", remedy: "name the directory: --root DIR" })
  }
  const split = identity.env.map((text) => [text.split("=", 1)[0]!, text] as const)
  const odd = split.find(([name, text]) => name === text && isUndecodableVariable(name))
  if (odd !== undefined) {
    return yield* new UsageError({ reason: `--env ${odd[0]}: the variable's value is not UTF-8`, remedy: "set it inside the sandbox, in a shell" })
  }
  const set = Object.fromEntries(split.filter(([name, text]) => name !== text).map(([name, text]) => [name, text.slice(name.length + 1)]))
  return present({
    extends: flags.base.preset,
    filesystem: present({
      root: root === undefined ? undefined : files.rootWritable ? { path: root, writable: true } : root,
      read: files.read.map(placed),
      write: files.write.map(placed),
      deny: files.deny,
      decide: files.decide,
      tmpfs: files.tmpfs.map((text) => {
        const [path, bytes] = cut(text)
        return bytes === undefined ? path : { path, size: size(bytes) }
      }),
      overlay: files.overlay.map(placed),
      virtual: present(Object.fromEntries(yield* Effect.forEach(files.virtual, virtual)))
    }),
    network: networkOf(flags.network),
    environment: present({ pass: split.filter(([name, text]) => name === text).map(([name]) => name), set: present(set) }),
    identity: present({ user: identity.user, uid: identity.uid, gid: identity.gid, hostname: identity.hostname }),
    syscalls: present({ allow: kernel.allow, deny: kernel.deny, kill: kernel.kill }),
    limits: present({
      memory: size(limits.memory),
      processes: limits.processes,
      cpus: limits.cpus,
      cpuTime: yield* time("--cpu-time", limits.cpuTime),
      wallTime: yield* time("--timeout", limits.wallTime),
      output: size(limits.output),
      openFiles: limits.openFiles,
      fileSize: size(limits.fileSize)
    }),
    landlock: kernel.landlock,
    view: kernel.view,
    boundary: kernel.boundary,
    backend: kernel.backend
  }) ?? {}
})
