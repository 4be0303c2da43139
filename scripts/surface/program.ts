/**
 * The compiled filter of a preset, and what it answers: the program that the sentry makes of the preset's rules, run instruction by
 * instruction as the kernel would.
 */
import { spawnSync } from "node:child_process"
import { Effect } from "effect"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import { sentryExecutable } from "../../sdk/internal/assets.ts"
import { compile } from "../../sdk/internal/compile.ts"
import type { Preset } from "../../sdk/internal/seccompRules.ts"

const AUDIT_ARCH_X86_64 = 0xc000003e
const ALLOW = 0x7fff0000, ACTION = 0xffff0000

/** What becomes of a call with these arguments: 64 bits each, absent ones are zero. */
export type Program = (nr: number, args?: ReadonlyArray<number>) => "allow" | "refuse"

/** Classic BPF over `struct seccomp_data` (seccomp(2)); the few instructions that libseccomp uses. */
const evaluate = (code: DataView, data: DataView): number => {
  let a = 0
  for (let at = 0; at < code.byteLength / 8; at++) {
    const op = code.getUint16(at * 8, true), jt = code.getUint8(at * 8 + 2), jf = code.getUint8(at * 8 + 3), k = code.getUint32(at * 8 + 4, true)
    switch (op) {
      case 0x20: a = data.getUint32(k, true); break
      case 0x54: a = (a & k) >>> 0; break
      case 0x05: at += k; break
      case 0x15: at += a === k ? jt : jf; break
      case 0x25: at += a > k ? jt : jf; break
      case 0x35: at += a >= k ? jt : jf; break
      case 0x45: at += (a & k) !== 0 ? jt : jf; break
      case 0x06: return k
      default: throw new Error(`instruction ${op.toString(16)} at ${at} is not one that libseccomp writes`)
    }
  }
  throw new Error("the program has no end")
}

/** The program that the sentry makes for the default policy of a preset. */
export const programOf = (preset: Preset): Program => {
  const { plan } = Effect.runSync(compile(Policy.make({ extends: preset }), Command.make("true")))
  const made = spawnSync(sentryExecutable(), ["--filter"], { input: JSON.stringify(plan), maxBuffer: 1 << 24 })
  if (made.status !== 0) throw new Error(`the sentry made no filter: ${made.stderr.toString()}`)
  const code = new DataView(made.stdout.buffer, made.stdout.byteOffset, made.stdout.byteLength)
  return (nr, args = []) => {
    const data = new DataView(new ArrayBuffer(64))
    data.setInt32(0, nr, true)
    data.setUint32(4, AUDIT_ARCH_X86_64, true)
    args.forEach((value, index) => data.setBigUint64(16 + 8 * index, BigInt(value), true))
    return ((evaluate(code, data) & ACTION) >>> 0) === ALLOW ? "allow" : "refuse"
  }
}

/** `some`: it depends on the arguments. */
export type Reach = "yes" | "some" | "no"

/** Arguments that tell conditions apart: edges of every width, and what single conditions of presets are about. */
const samples = [0, 1, 2, 3, 8, 16, 17, 38, 40, 0x5412, 0x541c, 0x20000, 0x40000, 0x10000000, 0x7e020080, 0xffffffff]

/** What a program answers for a number, whatever the arguments. A call that the preset's table calls conditional is asked for more of them. */
export const reach = (program: Program, nr: number, conditional: boolean): Reach => {
  const answers = new Set<string>([program(nr)])
  for (const sample of samples) for (let index = 0; index < 6; index++) answers.add(program(nr, Array.from({ length: 6 }, (_, each) => each === index ? sample : 0)))
  if (conditional) for (const sample of samples) answers.add(program(nr, Array.from({ length: 6 }, () => sample)))
  return answers.size === 2 ? "some" : answers.has("allow") ? "yes" : "no"
}
