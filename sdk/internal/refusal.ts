/**
 * Why a call was refused, in words: which key of the policy, or which part of its preset, decided, and what would allow it.
 */
import { METADATA } from "./decisions.ts"
import { ruleFor } from "./networkRules.ts"
import { conditionsOf, type Changes, type Preset, refusals } from "./seccompRules.ts"
import { isSyscallName, syscallName } from "./syscall/table.ts"

export interface Reason {
  /** A key of the policy (`syscalls.deny`), or `preset default`. */
  readonly rule: string
  readonly reason: string
  readonly remedy: string
}

export const AUDIT_ARCH_X86_64 = 0xc000003e

const binds = ["bind", "listen"]
const connects = ["connect", "sendto", "sendmsg", "sendmmsg"]

/** Of a call that was decided by what it names. `key`: the key of the policy whose rule denied it; undefined: none granted it. */
export const decisionReason = (syscall: string, object: { readonly path?: string; readonly address?: string }, key: string | undefined, network: boolean): Reason => {
  if (key === METADATA) {
    return { rule: "network", reason: `it is ${METADATA}, which hands out credentials, and no rule names it by itself`, remedy: `network.connect: ["${ruleFor(object.address ?? "")}"]` }
  }
  if (key !== undefined) {
    const preset = key.startsWith("preset ")
    return { rule: key, reason: "the policy denies it, whatever else grants it", remedy: preset ? "another preset with rules of your own" : `take it out of ${key.slice(0, key.lastIndexOf("["))}` }
  }
  const list = binds.includes(syscall) ? "network.bind" : connects.includes(syscall) ? "network.connect" : undefined
  const name = object.path ?? object.address ?? ""
  if (list !== undefined && network) return { rule: list, reason: "no rule grants it", remedy: /^(?:[/@[]|\d)/.test(name) ? `${list}: ["${ruleFor(name)}"]` : "" }
  return { rule: "filesystem", reason: "it is granted for reading only, or stands where nothing is granted for writing", remedy: `filesystem.write: ["${name}"], or the directory it is in` }
}

/** Of a call by number and entry under a preset, as the policy changed it. */
export const refusalOf = (preset: Preset, changes: Changes | undefined, nr: number, arch: number, network = false): Reason => {
  const rule = `preset ${preset}`
  if (arch !== AUDIT_ARCH_X86_64 || nr >= 0x40000000) {
    return { rule, reason: "made through another ABI (i386 or x32), which would pass by rules over x86-64 calls", remedy: "run a 64-bit program" }
  }
  const name = syscallName(nr)
  if (name === undefined || !isSyscallName(name)) return { rule, reason: "no system call that this version knows", remedy: "" }
  if (changes?.kill?.includes(name)) return { rule: "syscalls.kill", reason: "the policy ends the guest for it", remedy: `take ${name} out of syscalls.kill` }
  if (changes?.deny?.includes(name)) return { rule: "syscalls.deny", reason: "the policy refuses it", remedy: `take ${name} out of syscalls.deny` }
  const allow = `syscalls.allow: ["${name}"]`
  if (network && (name === "socket" || name === "setsockopt")) {
    const { allowed, why } = conditionsOf(preset, network)[name]!
    return { rule: "network", reason: `allowed is only: ${allowed}; ${why}`.replaceAll("`", ""), remedy: "network: \"host\", without rules" }
  }
  const condition = conditionsOf(preset)[name]
  if (condition !== undefined) return { rule, reason: `allowed is only: ${condition.allowed.replaceAll("`", "")}; ${condition.why.replaceAll("`", "")}`, remedy: allow }
  const refusal = refusals.find((r) => r.calls.includes(name) && (r.presets === undefined || r.presets.includes(preset)))
  if (refusal === undefined) return { rule, reason: "not on the preset's list of allowed calls", remedy: allow }
  return {
    rule,
    reason: `${refusal.title}: ${refusal.why.replaceAll("`", "")}`,
    remedy: refusal.presets === undefined || refusal.presets.includes("trusted") ? allow : `${allow}, or extends: "trusted"`
  }
}
