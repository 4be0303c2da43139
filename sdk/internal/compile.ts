/**
 * From a policy and a command to the plan of one launch on this host. Nothing is changed on the host; paths are looked up.
 */
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { posix } from "node:path"
import { Effect, Result } from "effect"
import type { Command } from "../Command.ts"
import { PolicyError, type PolicyFault } from "../errors.ts"
import { layFields, type Policy } from "../Policy.ts"
import { backendFaults, backendOf } from "./backend.ts"
import { fault } from "./faults.ts"
import { type FilesystemPlan, planFilesystem } from "./filesystem.ts"
import { decidable, decisionFaults, decisionsOf, networkMode } from "./decisions.ts"
import { isWithin } from "./globs.ts"
import { currentHost, type Host } from "./host.ts"
import { handlerFaults, handlerRules, type Placed } from "./handlers.ts"
import { intercepted } from "./interception.ts"
import { presetFields } from "./presets.ts"
import { type Exec, type Mount, type Plan, PROTOCOL_VERSION } from "./protocol.ts"
import { EPERM, seccompRules } from "./seccompRules.ts"
import { syscallNumbers } from "./syscalls.ts"
import { translatedFaults, withoutNamespaces } from "./translated.ts"
import { type Entry, isTree, toMount } from "./view.ts"

/** A copy-on-write directory: where the guest sees it, what lies beneath, and the host directory of its changes (absent: in memory). */
export interface OverlayPlan {
  readonly target: string
  readonly lower: string
  readonly upper?: string
}

/** How a sandbox's view is made. */
export type View = "namespace" | "translated"

export interface Compiled {
  readonly plan: Plan
  /** In the order of the plan's overlay mounts, which is the order of the descriptors in the `overlays` grant. */
  readonly overlays: ReadonlyArray<OverlayPlan>
  /** The policy's environment, before a command adds its own. */
  readonly environment: Readonly<Record<string, string>>
  /** Directory of commands that name none. */
  readonly cwd: string
  /** Keys of the policy behind the rules that decide by path and address, by id. */
  readonly keys: ReadonlyArray<string>
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ----------------------------------------------------------------------------------------------------------- command

const textFault = (text: string): string | undefined =>
  text.includes("\0") ? "holds a NUL byte" : text.isWellFormed() ? undefined : "holds a lone surrogate, which has no UTF-8 form"

const commandFaults = (command: Command): ReadonlyArray<PolicyFault> => {
  const faults: Array<PolicyFault> = []
  if (command.argv.length === 0 || command.argv[0] === "") faults.push(fault("command.argv[0]", "the program's name is empty"))
  command.argv.forEach((text, index) => {
    const wrong = textFault(text)
    if (wrong !== undefined) faults.push(fault(`command.argv[${index}]`, wrong))
  })
  for (const [name, value] of Object.entries(command.env)) {
    const at = `command.env[${JSON.stringify(name)}]`
    const wrong = name === "" ? "the name is empty" : name.includes("=") ? "the name holds `=`" : textFault(name) ?? textFault(value ?? "")
    if (wrong !== undefined) faults.push(fault(at, wrong))
  }
  if (command.cwd !== undefined) {
    const wrong = command.cwd.startsWith("/") ? textFault(command.cwd) : `${JSON.stringify(command.cwd)} is not absolute`
    if (wrong !== undefined) faults.push(fault("command.cwd", wrong, wrong.endsWith("absolute") ? "it is a directory of the guest" : undefined))
  }
  const tty = command.tty
  if (tty !== undefined) {
    for (const side of ["columns", "rows"] as const) {
      if (!Number.isInteger(tty[side]) || tty[side] < 0 || tty[side] > 65535) faults.push(fault(`command.tty.${side}`, `expected a whole number from 0 to 65535, got ${tty[side]}`))
    }
  }
  return faults
}

const execOf = (command: Command, environment: Readonly<Record<string, string>>, cwd: string): Exec => {
  const env: Record<string, string | undefined> = { ...environment, ...command.env }
  return {
    argv: command.argv,
    env: Object.entries(env).flatMap(([name, value]) => value === undefined ? [] : [`${name}=${value}`]),
    cwd: command.cwd === undefined ? cwd : posix.normalize(command.cwd),
    ...(command.tty === undefined ? {} : { tty: { columns: command.tty.columns, rows: command.tty.rows } })
  }
}

/** A command to run in a sandbox that was started from `compiled`. */
export const compileCommand = (compiled: Compiled, command: Command): Effect.Effect<Exec, PolicyError> =>
  Effect.suspend(() => {
    const faults = commandFaults(command)
    return faults.length > 0 ? Effect.fail(new PolicyError({ source: "command", faults })) : Effect.succeed(execOf(command, compiled.environment, compiled.cwd))
  })

// ------------------------------------------------------------------------------------------------------- environment

const environmentOf = (fields: NonNullable<Policy["environment"]>, user: string, host: Host): Record<string, string> => {
  const env: Record<string, string> = { PATH, HOME: "/tmp", USER: user, LOGNAME: user, SHELL: "/bin/sh" }
  const exact = new Set<string>()
  const starts: Array<string> = []
  for (const name of fields.pass ?? []) {
    if (name.endsWith("*")) starts.push(name.slice(0, -1))
    else exact.add(name)
  }
  for (const [name, value] of Object.entries(host.env)) {
    if (value !== undefined && (exact.has(name) || starts.some((start) => name.startsWith(start)))) env[name] = value
  }
  return Object.assign(env, fields.set)
}

/** The environment that `policy` gives before a command adds its own. */
export const policyEnvironment = (policy: Policy, host: Host = currentHost()): Readonly<Record<string, string>> => {
  const fields = layFields(presetFields(policy.extends ?? "default", host), policy)
  return environmentOf(fields.environment ?? {}, fields.identity?.user ?? "guest", host)
}

// ------------------------------------------------------------------------------------------------------------- files

interface Identity {
  readonly user: string
  readonly uid: number
  readonly gid: number
  readonly hostname: string
}

/** The accounts and names of the sandbox, in place of the host's. */
const syntheticFiles = (identity: Identity, home: string, network: boolean): ReadonlyArray<Entry> => {
  const { user, uid, gid, hostname } = identity
  const file = (target: string, lines: ReadonlyArray<string>): Entry => ({
    kind: "file", target, system: true, at: "", content: Buffer.from(`${lines.join("\n")}\n`).toString("base64"), mode: 0o444
  })
  const root = uid === 0 ? [] : ["root:x:0:0:root:/:/bin/sh"]
  const nobody = uid === 65534 ? [] : ["nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
  const group = user === "root" || gid === 0 ? [] : ["root:x:0:"]
  const nogroup = gid === 65534 ? [] : ["nogroup:x:65534:"]
  return [
    file("/etc/passwd", [...root, `${user}:x:${uid}:${gid}:${user}:${home}:/bin/sh`, ...nobody]),
    file("/etc/group", [...group, `${user}:x:${gid}:`, ...nogroup]),
    file("/etc/hostname", [hostname]),
    ...(network ? [] : [file("/etc/hosts", ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", `127.0.1.1 ${hostname}`])])
  ]
}

/** Where a command starts that names no directory: the host's current one where the guest sees the same, else /tmp, else /. */
const startDirectory = ({ view, masks }: FilesystemPlan, host: Host): string => {
  const masked = (path: string): boolean => masks.some((mask) => isWithin(path, mask))
  if (host.cwd !== undefined) {
    const place = view.resolve(host.cwd)
    if (place.exists && place.directory && isTree(place.entry) && place.host === host.cwd && !masked(place.guest)) return place.guest
  }
  const tmp = view.resolve("/tmp")
  return tmp.exists && tmp.directory && !masked(tmp.guest) ? tmp.guest : "/"
}

/**
 * The second layer. Landlock's rules add up from a file to the root, so a read-only mount inside a writable one is held
 * read-only by the mount alone. What is masked needs no rule, and cannot be opened to make one.
 */
const landlockPaths = (entries: ReadonlyArray<Entry>, masks: ReadonlyArray<string>, root: Entry | undefined) => {
  const read = new Set<string>(), write = new Set<string>()
  if (root?.kind === "root") (root.writable ? write : read).add("/")
  for (const entry of entries) {
    const { target } = entry
    if (entry.kind === "symlink" || masks.some((mask) => isWithin(target, mask))) continue
    const writable = entry.kind !== "file" && !(entry.kind === "bind" && !entry.writable)
    if (writable) write.add(target)
    // /etc of the host view is a directory of the skeleton: everything in it was put there to be read.
    else read.add(entry.system && target.startsWith("/etc/") ? "/etc" : target)
  }
  const held = (path: string): boolean => [...read, ...write].some((other) => other !== path && isWithin(path, other))
  return { read: [...read].filter((path) => !write.has(path) && !held(path)), write: [...write], list: root === undefined ? ["/"] : [] }
}

// ------------------------------------------------------------------------------------------------------------ compile

/** Calls that make namespaces are allowed with whatever flags. */
const mayNest = (rules: Plan["seccomp"]["rules"]): boolean =>
  rules.some((rule) => (rule.nr === syscallNumbers.unshare || rule.nr === syscallNumbers.clone) && rule.action === "allow" && rule.args === undefined)

const temporaryOf = ({ env }: Host): { readonly temporary?: string } => env["TMPDIR"]?.startsWith("/") === true ? { temporary: posix.normalize(env["TMPDIR"]) } : {}

const identityFaults = ({ user, uid }: Identity): ReadonlyArray<PolicyFault> =>
  [["root", 0], ["nobody", 65534]].flatMap(([name, id]) =>
    user === name && uid !== id ? [fault("identity.user", `${name} is the name of uid ${id}`, `identity.uid: ${id}, or another name`)] : []
  )

/**
 * `how`: how the view is made; the policy's `auto` is decided by who starts the sandbox.
 * The plan for running `command` under `policy` with the handlers `placed` (those of the policy, gathered) on `host` (this process, by
 * default). Fails with every fault of policy,
 * paths and command at once.
 */
export const compile = (
  policy: Policy<any>,
  command: Command,
  host: Host = currentHost(),
  placed: ReadonlyArray<Placed> = [],
  how: View = policy.view === "translated" ? "translated" : "namespace"
): Effect.Effect<Compiled, PolicyError> =>
  Effect.suspend(() => {
    const translated = how === "translated"
    const name = policy.extends ?? "default"
    const preset = presetFields(name, host)
    const fields = layFields(preset, policy)
    const network = networkMode(fields.network) === "host"
    const own = translated ? { uid: host.uid, gid: host.gid, hostname: hostname().slice(0, 64) } : {}
    const identity: Identity = { user: translated && host.uid === 0 ? "root" : "guest", uid: 1000, gid: 1000, hostname: "sandbox", ...own, ...fields.identity }
    const environment = environmentOf(fields.environment ?? {}, identity.user, host)
    return Effect.flatMap(
      planFilesystem({
        rules: policy.filesystem ?? {},
        preset: preset.filesystem ?? {},
        system: name === "strict" ? "essential" : "full",
        network,
        synthetic: syntheticFiles(identity, environment["HOME"] ?? "/", network)
      }),
      ([files, pathFaults]) => {
        const backend = backendOf(fields)
        const faults = [
          ...pathFaults, ...identityFaults(identity), ...decisionFaults(fields, translated), ...(translated ? translatedFaults(fields, host) : []), ...commandFaults(command),
          ...handlerFaults(placed), ...(backend === "kmod" ? backendFaults(placed, translated) : [])
        ]
        if (faults.length > 0) return Effect.fail(new PolicyError({ source: "policy", faults }))
        const { entries, masks, view } = files
        const root = view.get("/")
        const cwd = startDirectory(files, host)
        const limits = fields.limits ?? {}
        const given = <K extends string>(key: K, value: number | undefined) => (value === undefined ? {} : { [key]: value }) as { readonly [_ in K]?: number }
        const mounts: ReadonlyArray<Mount> = [...entries.map((entry) => toMount(entry, entries)), ...masks.map((target): Mount => ({ type: "mask", target }))]
        const filter: Plan["seccomp"] = { default: { action: "errno", errno: EPERM }, rules: decidable(translated ? withoutNamespaces(seccompRules(name, fields.syscalls), network) : seccompRules(name, fields.syscalls), fields, translated) }
        const decisions = decisionsOf(fields, files, name, translated ? filter.rules : undefined)
        const decided = intercepted(filter, fields.violations === "report", placed.length === 0 ? undefined : handlerRules(placed), decisions, backend)
        if (Result.isFailure(decided)) return Effect.fail(new PolicyError({ source: "policy", faults: decided.failure }))
        const plan: Plan = {
          version: PROTOCOL_VERSION,
          id: randomBytes(8).toString("hex"),
          command: execOf(command, environment, cwd),
          identity: {
            hostname: identity.hostname,
            uid: identity.uid,
            gid: identity.gid,
            uidMap: [{ inside: identity.uid, outside: host.uid, count: 1 }],
            gidMap: [{ inside: identity.gid, outside: host.gid, count: 1 }]
          },
          namespaces: { user: translated ? "none" : "auto", net: !network, nested: mayNest(filter.rules) },
          view: { ...(translated ? { kind: how, ...temporaryOf(host) } : {}), ...(root?.kind === "root" ? { root: { source: root.source, writable: root.writable } } : {}), mounts },
          landlock: { mode: (translated ? fields.boundary === "translation" : fields.landlock === "optional") ? "auto" : "required", ...landlockPaths(entries, masks, root) },
          limits: {
            ...given("memory", limits.memory),
            ...given("processes", limits.processes),
            ...given("cpuMillis", limits.cpus === undefined ? undefined : Math.max(1, Math.round(limits.cpus * 1000))),
            ...given("cpuTimeMs", limits.cpuTime),
            ...given("wallTimeMs", limits.wallTime),
            ...given("output", limits.output),
            ...given("openFiles", limits.openFiles),
            ...given("fileSize", limits.fileSize)
          },
          ...decided.success
        }
        const overlays = entries.flatMap((entry): ReadonlyArray<OverlayPlan> =>
          entry.kind === "overlay" ? [{ target: entry.target, lower: entry.source, ...(entry.upper === undefined ? {} : { upper: entry.upper }) }] : []
        )
        return Effect.succeed({ plan, overlays, environment, cwd, keys: decisions?.keys ?? [] })
      }
    )
  })
