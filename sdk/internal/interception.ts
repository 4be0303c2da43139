/**
 * A system call filter whose refusals are told: what the filter would refuse is notified instead, and the decision core's
 * program, which the sentry evaluates, refuses it there, with an event. What is allowed costs what it cost before.
 *
 * Two kinds of refusal stay with the kernel, unreported, as they are no news: `clone3`, which every fork tries first, and
 * numbers that are newer than our table, which programs probe for.
 */
import { Result } from "effect"
import type { CallRule, Condition } from "./decision/model.ts"
import { compileProgram } from "./decision/program.ts"
import type { Plan, SeccompArg, SeccompRule } from "./protocol.ts"
import { EPERM } from "./seccompRules.ts"
import { lastSyscall, syscallNumbers } from "./syscalls.ts"

const isQuiet = (rule: SeccompRule): boolean => rule.action === "errno" && (rule.nr === syscallNumbers.clone3 || rule.nr > lastSyscall)

const condition = ({ index, op, value, mask }: typeof SeccompArg.Type): Condition =>
  op === "masked_eq"
    ? { argument: index, op: "eq", mask: BigInt(mask ?? "0xffffffffffffffff"), value: BigInt(value) }
    : { argument: index, op, value: BigInt(value) }

const callRule = (rule: SeccompRule, id: number): CallRule => ({
  id,
  nr: rule.nr,
  when: (rule.args ?? []).map(condition),
  action: rule.action === "errno" ? { type: "errno", errno: rule.errno ?? EPERM } : { type: "kill" }
})

/** Parts of a plan that do what `filter` does and report every refusal. */
export const reported = (filter: Plan["seccomp"]): Pick<Plan, "seccomp" | "interception"> => {
  const refusing = filter.rules.filter((rule) => rule.action !== "allow" && !isQuiet(rule))
  const program = compileProgram({
    default: filter.default.action === "kill" ? { type: "kill" } : { type: "errno", errno: filter.default.errno ?? EPERM },
    foreign: { type: "errno", errno: EPERM },
    calls: refusing.map(callRule),
    paths: [],
    addresses: []
  })
  return {
    seccomp: { default: { action: "notify" }, rules: filter.rules.filter((rule) => rule.action === "allow" || isQuiet(rule)) },
    interception: { program: Buffer.from(Result.getOrThrow(program)).toString("base64") }
  }
}
