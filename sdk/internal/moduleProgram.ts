/**
 * What the kernel module decides by: a plan's system call filter as a program of the decision core. What the filter would notify comes to
 * init (`trace`), which decides there by its own program, as it does elsewhere. Of the calls that the policy decides by path or address, those that
 * only look, and sendto(2), are left to the module (`notify`), whose rules then judge what the kernel has found: what they
 * grant costs no switch between processes, and what they refuse, or what is not there, is appealed against, so that init decides
 * after all (RV_PROGRAM_APPEAL in native/core/rv_device.h).
 */
import { Result } from "effect"
import type { PolicyFault } from "../errors.ts"
import type { Action, CallRule, Condition } from "./decision/model.ts"
import { compileProgram } from "./decision/program.ts"
import type { Decisions } from "./decisions.ts"
import type { Plan, SeccompArg, SeccompRule } from "./protocol.ts"
import { EPERM } from "./seccompRules.ts"
import { syscallNumbers, type SyscallName } from "./syscalls.ts"

export const condition = ({ index, op, value, mask }: typeof SeccompArg.Type): Condition =>
  op === "masked_eq"
    ? { argument: index, op: "eq", mask: BigInt(mask ?? "0xffffffffffffffff"), value: BigInt(value) }
    : { argument: index, op, value: BigInt(value) }

/** O_ACCMODE, O_CREAT, O_TRUNC and O_TMPFILE of open(2): without them it makes and changes nothing. */
const CHANGES = 0o3n | 0o100n | 0o1000n | 0o20000000n
/** access(2) with W_OK: whether a write would be refused is for the rules to say before the mount does. */
const W_OK = 2n

/** A register in which none of these bits may be set. */
interface Without {
  readonly argument: number
  readonly bits: bigint
}

/** Calls that only look: always, or where a register lacks some bits. */
const looks: Partial<Record<SyscallName, Without | true>> = {
  open: { argument: 1, bits: CHANGES }, openat: { argument: 2, bits: CHANGES },
  access: { argument: 1, bits: W_OK }, faccessat: { argument: 2, bits: W_OK }, faccessat2: { argument: 2, bits: W_OK },
  stat: true, lstat: true, newfstatat: true, statx: true, readlink: true, readlinkat: true, statfs: true,
  getxattr: true, lgetxattr: true, listxattr: true, llistxattr: true
}

/**
 * Calls whose addresses the module judges, where the policy has rules over all of them. Not sendmsg(2) and sendmmsg(2): their control messages may hold
 * options that route what is sent to a granted address through others, which init looks for and the module does not.
 */
const sends: Partial<Record<SyscallName, true>> = { sendto: true }

const left = (nr: number, decisions: Decisions): Without | true | undefined => {
  const table: Partial<Record<SyscallName, Without | true>> = decisions.network ? { ...(decisions.paths.length > 0 ? looks : {}), ...sends } : looks
  const name = (Object.keys(table) as ReadonlyArray<SyscallName>).find((one) => syscallNumbers[one] === nr)
  return name === undefined ? undefined : table[name]
}

const actionOf = ({ action, errno }: { readonly action: SeccompRule["action"]; readonly errno?: number }): Action & { readonly type: "allow" | "kill" | "errno" | "trace" } => {
  switch (action) {
    case "errno": return { type: "errno", errno: errno ?? EPERM }
    case "notify": case "trace": return { type: "trace" }
    default: return { type: action }
  }
}

const rulesOf = (nr: number, without: Without | true): ReadonlyArray<Pick<CallRule, "nr" | "when" | "action">> => {
  if (without === true) return [{ nr, action: { type: "notify" } }]
  const { argument, bits } = without
  return [
    { nr, when: [{ argument, mask: bits, op: "eq", value: 0n }], action: { type: "notify" } },
    { nr, when: [{ argument, mask: bits, op: "ne", value: 0n }], action: { type: "trace" } }
  ]
}

/**
 * The module's program for a filter. `decided`: numbers of the calls that the policy decides by path or address and that no handler wants.
 */
export const moduleProgram = (filter: Plan["seccomp"], decided: ReadonlySet<number>, decisions: Decisions): Result.Result<Uint8Array, ReadonlyArray<PolicyFault>> => {
  const judged = new Map([...decided].flatMap((nr) => {
    const without = left(nr, decisions)
    return without === undefined ? [] : [[nr, without] as const]
  }))
  const rules = [
    // sendto(2) without an address is no exception here: the module sees that there is none.
    ...filter.rules.filter(({ nr }) => !judged.has(nr)).map(({ args, nr, ...rule }) => ({ nr, when: (args ?? []).map(condition), action: actionOf(rule) })),
    ...[...judged].flatMap(([nr, without]) => rulesOf(nr, without))
  ]
  return compileProgram({
    default: actionOf(filter.default),
    foreign: { type: "errno", errno: EPERM },
    calls: rules.map((rule, id) => ({ id, ...rule })),
    paths: judged.size === 0 ? [] : decisions.paths,
    addresses: judged.size === 0 ? [] : decisions.addresses
  })
}
