/**
 * A refused system call, as evidence: who tried what, which rule decided, why, and what would allow it. What a policy decides by path
 * or address (`filesystem.decide: "calls"`, a `network` with rules) is always told (`sandbox.violations`); with `violations: "report"`
 * every other refusal is too.
 *
 * A guest can make refusals by the million. So many are told one by one (256 at once, then 64 a second); the rest is counted, and
 * the counts (`sandbox.violationCounts`) are exact. What the guest's view does not show it is not refused but does not find:
 * that is no violation.
 */
import { Schema } from "effect"
import { FOREIGN_CALL, OTHER_CALLS, type ViolationEvent } from "./internal/launch.ts"
import { AUDIT_ARCH_X86_64, decisionReason, refusalOf } from "./internal/refusal.ts"
import { formatRegisters } from "./internal/syscall/format.ts"
import { decodeSockaddr, type Sockaddr } from "./internal/syscall/sockaddr.ts"
import { syscallName } from "./internal/syscall/table.ts"
import * as Errno from "./Errno.ts"
import type { PolicyFields } from "./Policy.ts"

const AUDIT_ARCH_I386 = 0x40000003

export class Argument extends Schema.Class<Argument>("rvisor/Violation/Argument")({
  name: Schema.String,
  /** As strace would write it; pointers as addresses. */
  text: Schema.String
}) {}

export class Violation extends Schema.TaggedClass<Violation>()("Violation", {
  /** Milliseconds since 1970. */
  time: Schema.Number,
  /** Process and thread, as the guest numbers them. */
  pid: Schema.Int,
  tid: Schema.Int,
  /** Path in the guest; empty where the process has just ended. */
  executable: Schema.String,
  /** Name, or `syscall_999` for a number without one. */
  syscall: Schema.String,
  args: Schema.Array(Argument),
  /** What was decided on, where it was a path: absolute, without symbolic links. */
  path: Schema.optionalKey(Schema.String),
  /** Where it was a socket address: `1.2.3.4:80`, `[::1]:80`, a path, `@name`. */
  address: Schema.optionalKey(Schema.String),
  /** Errno that the guest got; absent where the guest was ended. */
  errno: Schema.optionalKey(Schema.String),
  /** What decided: a key of the policy, or its preset. */
  rule: Schema.String,
  reason: Schema.String,
  remedy: Schema.String
}) {
  /** One line: `ptrace(request=PTRACE_TRACEME, …) by /usr/bin/gdb [12]: EPERM, preset default: …`. */
  get message(): string {
    const args = this.args.map((arg) => `${arg.name}=${arg.text}`).join(", ")
    const object = this.path ?? this.address
    return `${this.syscall}(${args})${object === undefined ? "" : ` on ${object}`} by ${this.executable} [${this.pid}]: ${this.errno ?? "killed"}, ${this.rule}: ${this.reason}`
  }
}

/** How many calls of one name were refused. */
export interface Count {
  /** `foreign`: of other ABIs; `other`: of numbers beyond the first few thousand. */
  readonly syscall: string
  readonly count: number
}

export const countOf = (nr: number, count: number): Count => ({
  syscall: nr === FOREIGN_CALL ? "foreign" : nr === OTHER_CALLS ? "other" : syscallOf(nr, AUDIT_ARCH_X86_64),
  count
})

/** The name of a call number, of whatever entry. */
export const syscallOf = (nr: number, arch: number): string =>
  (arch === AUDIT_ARCH_X86_64 ? syscallName(nr) : undefined) ?? (arch === AUDIT_ARCH_I386 ? `i386_${nr}` : `syscall_${nr}`)

const formatAddress = (hex: string): string => {
  const address: Sockaddr = decodeSockaddr(Buffer.from(hex, "hex"))
  switch (address.family) {
    case "AF_INET": return `${address.address}:${address.port}`
    case "AF_INET6": return `[${address.address}]:${address.port}`
    case "AF_UNIX": return "path" in address ? address.path : "abstract" in address ? `@${Buffer.from(address.abstract).toString()}` : ""
    default: return hex
  }
}

/** From the sentry's event, for the policy that the sandbox runs under. `keys`: of its rules over paths and addresses, by id. */
export const fromEvent = (event: ViolationEvent, policy: Pick<PolicyFields, "extends" | "syscalls" | "network">, keys: ReadonlyArray<string> = []): Violation => {
  const name = event.arch === AUDIT_ARCH_X86_64 ? syscallName(event.nr) : undefined
  const network = typeof policy.network === "object"
  const address = event.address === undefined ? {} : { address: formatAddress(event.address) }
  const object = { ...(event.path === undefined ? {} : { path: event.path }), ...address }
  const why = event.path === undefined && event.address === undefined
    ? refusalOf(policy.extends ?? "default", policy.syscalls, event.nr, event.arch, network)
    : decisionReason(syscallOf(event.nr, event.arch), object, event.rule === undefined ? undefined : keys[event.rule], network)
  return new Violation({
    time: event.timeMs,
    pid: event.pid,
    tid: event.tid,
    executable: event.executable,
    syscall: syscallOf(event.nr, event.arch),
    args: name === undefined ? [] : formatRegisters(name, event.args.map(BigInt)).map((arg) => new Argument(arg)),
    ...object,
    ...(event.errno === 0 ? {} : { errno: Errno.name(event.errno) ?? String(event.errno) }),
    ...why
  })
}
