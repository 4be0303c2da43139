/**
 * What of a policy is decided at each call, by path and by socket address: which calls, by which rules of the decision core, and which
 * key of the policy each rule stands for. `filesystem.decide: "calls"` gives the former, a `network` with rules the latter.
 *
 * Grants over paths are wide here: what the guest may read is what its view shows, which mounts and Landlock hold. What the rules add is
 * what mounts cannot say: denials of names that are not there yet, and why a write is refused.
 */
import { Result } from "effect"
import type { PolicyFault } from "../errors.ts"
import type { PolicyFields } from "../Policy.ts"
import { type AddressRule, type PathRule, Right } from "./decision/model.ts"
import { fault } from "./faults.ts"
import type { FilesystemPlan } from "./filesystem.ts"
import { coreRules, type NetworkRule, parseNetworkRule, unnamedMetadata } from "./networkRules.ts"
import type { Plan } from "./protocol.ts"
import { conditionsFor, ENOSYS, type Preset } from "./seccompRules.ts"
import { addressArgument, pathArguments, safetyClass } from "./syscall/classes.ts"
import { syscallNumbers, type SyscallName } from "./syscalls.ts"
import { decidedHere, type Split, splitsOf, tracedHere } from "./translated.ts"

export type Network = Exclude<PolicyFields["network"], undefined>
type NetworkRules = Extract<Network, { readonly mode: string }>

export const networkMode = (network: PolicyFields["network"]): "none" | "host" => typeof network === "object" ? network.mode : network ?? "none"

export interface Decisions {
  /** Numbers of the calls that are decided so. */
  readonly numbers: ReadonlySet<number>
  readonly paths: ReadonlyArray<PathRule>
  readonly addresses: ReadonlyArray<AddressRule>
  /** Every address is decided on, not only paths of AF_UNIX. */
  readonly network: boolean
  /** Of `numbers`, those that stop at a trace point, and those that init gets only in part. */
  readonly traced?: ReadonlySet<number>
  readonly splits?: ReadonlyMap<number, Split>
  /** The key of the policy behind each denial, by the rule's id. */
  readonly keys: ReadonlyArray<string>
}

export const METADATA = "the address of a cloud's metadata service"

/** Grants are never named in a refusal. */
const GRANT = 0x7fffffff

/** Looked through when a policy wants it, and once: most policies do not. */
const among = (wanted: (name: SyscallName) => boolean): () => ReadonlyArray<SyscallName> => {
  let found: ReadonlyArray<SyscallName> | undefined
  return () => found ??= (Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>).filter(wanted)
}

/** Of the calls that take a path, those that change the calling thread itself: they are not carried out in its place (docs/security-model.md). */
const own: ReadonlyArray<SyscallName> = ["execve", "execveat", "chdir"]

const socketCalls = among((name) => addressArgument(name) !== undefined)
const pathCalls = among((name) => pathArguments(name).length > 0 && safetyClass(name) === "behalf")

/** Calls that take a path and that nobody would decide on. */
export const undecidedCalls = among((name) => pathArguments(name).length > 0 && safetyClass(name) !== "behalf" && !own.includes(name))

const io: ReadonlyArray<SyscallName> = ["io_uring_setup", "io_uring_enter", "io_uring_register"]
const handles: ReadonlyArray<SyscallName> = ["open_by_handle_at"]

const numbersOf = (list: ReadonlyArray<SyscallName>): ReadonlyArray<number> => list.map((name) => syscallNumbers[name])

/** What a policy decides at each call; undefined: nothing. */
export const decisionsOf = (fields: PolicyFields, files: FilesystemPlan, preset: string, translated?: Plan["seccomp"]["rules"]): Decisions | undefined => {
  const calls = translated !== undefined || fields.filesystem?.decide === "calls"
  const rules = typeof fields.network === "object" ? fields.network : undefined
  if (!calls && rules === undefined) return undefined
  const keys: Array<string> = []
  const paths: Array<PathRule> = []
  const addresses: Array<AddressRule> = []
  const id = (key: string): number => keys.push(key) - 1
  const socket = Right.connect | Right.send
  if (calls) {
    const seen = Right.read | Right.execute | Right.list | Right.stat | Right.ioctl | (rules === undefined ? socket : 0)
    const changed = Right.all & ~(rules === undefined ? 0 : socket | Right.bind)
    paths.push({ kind: "grant", id: GRANT, rights: seen, scope: "subtree", path: "/" })
    const writable = [...files.view.entries].filter((entry) =>
      entry.kind === "bind" || entry.kind === "root" ? entry.writable : entry.kind !== "file" && entry.kind !== "symlink"
    )
    for (const { target } of writable) paths.push({ kind: "grant", id: GRANT, rights: changed, scope: "subtree", path: target })
    const known = new Map<string, number>()
    for (const { at, name } of files.denied) {
      const key = at === "" ? `preset ${preset}` : at
      const number = known.get(key) ?? id(key)
      known.set(key, number)
      paths.push({ kind: "deny", id: number, rights: Right.all, scope: "subtree", ...name })
    }
  }
  if (rules !== undefined) networkRules(rules, files, id, paths, addresses)
  const numbers = new Set([
    ...(calls ? numbersOf(pathCalls()) : []), ...numbersOf(socketCalls()), ...(rules === undefined ? [] : [syscallNumbers.listen]),
    ...(translated === undefined ? [] : decidedHere)
  ])
  return { numbers, paths, addresses, network: rules !== undefined, keys, ...(translated === undefined ? {} : { traced: tracedHere, splits: splitsOf(translated) }) }
}

const networkRules = (rules: NetworkRules, files: FilesystemPlan, id: (key: string) => number, paths: Array<PathRule>, addresses: Array<AddressRule>): void => {
  const places = (path: string): ReadonlyArray<string> => [...new Set([path, files.view.resolve(path).guest])]
  const parsed = (list: ReadonlyArray<string> = []): ReadonlyArray<NetworkRule> => list.map((text) => Result.getOrThrow(parseNetworkRule(text)))
  const add = (rule: NetworkRule, subject: { readonly kind: "grant" | "deny"; readonly id: number; readonly rights: number }): void => {
    const core = coreRules(rule, subject, places)
    paths.push(...core.paths)
    addresses.push(...core.addresses)
  }
  const connect = parsed(rules.connect)
  for (const rule of connect) add(rule, { kind: "grant", id: GRANT, rights: Right.connect | Right.send })
  for (const rule of parsed(rules.bind)) add(rule, { kind: "grant", id: GRANT, rights: Right.bind })
  parsed(rules.deny).forEach((rule, index) => add(rule, { kind: "deny", id: id(`network.deny[${index}]`), rights: Right.connect | Right.send | Right.bind }))
  const metadata = unnamedMetadata(connect)
  if (metadata.length > 0) {
    const number = id(METADATA)
    for (const cidr of metadata) addresses.push({ kind: "deny", id: number, rights: Right.connect | Right.send, cidr })
  }
}

// ------------------------------------------------------------------------------------------------- the system call filter

const allowedTwice = (list: ReadonlyArray<SyscallName>, allow: ReadonlyArray<string>, key: string): ReadonlyArray<PolicyFault> =>
  allow.flatMap((name, index) =>
    (list as ReadonlyArray<string>).includes(name) ? [fault(`syscalls.allow[${index}]`, `${name} would pass by what ${key} decides`, `take it out, or ${key.split(":")[0]}`)] : []
  )

/** Calls that a policy allows although its rules could not hold them. */
export const decisionFaults = (fields: PolicyFields, translated = false): ReadonlyArray<PolicyFault> => {
  const allow = fields.syscalls?.allow ?? []
  const calls = fields.filesystem?.decide === "calls"
  return [
    ...(calls || translated ? allowedTwice([...undecidedCalls(), ...handles, ...io], allow, calls ? "filesystem.decide: \"calls\"" : "the translated view") : []),
    ...(typeof fields.network === "object" ? allowedTwice(["socket", "setsockopt", ...io], allow, "network's rules") : [])
  ]
}

/** The filter as far as its calls can be decided: what takes a path past the rules is not there, sockets are TCP, UDP and AF_UNIX only. */
export const decidable = (rules: Plan["seccomp"]["rules"], fields: PolicyFields, translated = false): Plan["seccomp"]["rules"] => {
  const gone = new Set(translated || fields.filesystem?.decide === "calls" ? numbersOf(undecidedCalls()) : [])
  const narrowed = typeof fields.network === "object" ? conditionsFor(fields.extends ?? "default" as Preset) : new Map<number, Plan["seccomp"]["rules"]>()
  return rules.flatMap((rule): Plan["seccomp"]["rules"] => {
    if (rule.action !== "allow") return [rule]
    if (gone.has(rule.nr)) return [{ nr: rule.nr, action: "errno", errno: ENOSYS }]
    return narrowed.has(rule.nr) ? [] : [rule]
  }).concat([...narrowed].flatMap(([nr, list]) => rules.some((rule) => rule.nr === nr && rule.action === "allow") ? list : []))
}
