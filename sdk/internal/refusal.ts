/**
 * Why a call was refused, in words: which key of the policy, or which part of its preset, decided, and what would allow it.
 */
import { conditionsOf, type Changes, type Preset, refusals } from "./seccompRules.ts"
import { isSyscallName, syscallName } from "./syscall/table.ts"

export interface Reason {
  /** A key of the policy (`syscalls.deny`), or `preset default`. */
  readonly rule: string
  readonly reason: string
  readonly remedy: string
}

export const AUDIT_ARCH_X86_64 = 0xc000003e

/** Of a call by number and entry under a preset, as the policy changed it. */
export const refusalOf = (preset: Preset, changes: Changes | undefined, nr: number, arch: number): Reason => {
  const rule = `preset ${preset}`
  if (arch !== AUDIT_ARCH_X86_64 || nr >= 0x40000000) {
    return { rule, reason: "made through another ABI (i386 or x32), which would pass by rules over x86-64 calls", remedy: "run a 64-bit program" }
  }
  const name = syscallName(nr)
  if (name === undefined || !isSyscallName(name)) return { rule, reason: "no system call that this version knows", remedy: "" }
  if (changes?.kill?.includes(name)) return { rule: "syscalls.kill", reason: "the policy ends the guest for it", remedy: `take ${name} out of syscalls.kill` }
  if (changes?.deny?.includes(name)) return { rule: "syscalls.deny", reason: "the policy refuses it", remedy: `take ${name} out of syscalls.deny` }
  const allow = `syscalls.allow: ["${name}"]`
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
