/**
 * What of a system call filter is decided in the sandbox's init instead of the kernel: calls that handlers want, and refusals that
 * are to be told. For the latter, what the filter would refuse is notified instead, and the decision core's
 * program, which the sentry evaluates, refuses it there, with an event. What is allowed costs what it cost before.
 *
 * Two kinds of refusal stay with the kernel, unreported, as they are no news: `clone3`, which every fork tries first, and
 * numbers that are newer than our table, which programs probe for.
 */
import { Result } from "effect"
import type { PolicyFault } from "../errors.ts"
import type { CallRule, Condition } from "./decision/model.ts"
import { compileProgram } from "./decision/program.ts"
import type { HandlerRules } from "./handlers.ts"
import type { Plan, SeccompArg, SeccompRule } from "./protocol.ts"
import { ENOSYS, EPERM, noneOf } from "./seccompRules.ts"
import { safetyClass } from "./syscall/classes.ts"
import { syscallName } from "./syscall/table.ts"
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
  action: rule.action === "errno" ? { type: "errno", errno: rule.errno ?? EPERM } : rule.action === "allow" ? { type: "allow" } : { type: "kill" }
})

const noHandlers: HandlerRules = { numbers: new Set(), traced: new Set(), hideVdso: false, overridden: new Set(), calls: () => [], paths: [], addresses: [], handlers: [], copies: [] }

/** ARCH_MAP_VDSO_X32, _32, _64: code of arch_prctl(2) that bring back what is hidden. */
const mapVdso = [0x2001, 0x2002, 0x2003]

const withoutVdso = (filter: Plan["seccomp"]): Plan["seccomp"] => ({
  ...filter,
  rules: filter.rules.flatMap((rule): ReadonlyArray<SeccompRule> =>
    rule.nr === syscallNumbers.arch_prctl && rule.action === "allow" && rule.args === undefined
      ? noneOf(0, mapVdso).map((arg) => ({ nr: rule.nr, action: "allow", args: [arg] }))
      : [rule])
})

/**
 * Parts of a plan that do what `filter` does, report every refusal if `report`, and put calls to handlers. A call that handlers want is
 * notified where the filter lets it pass for some arguments, or a handler may overrule the filter; a kill stays a kill.
 */
export const intercepted = (given: Plan["seccomp"], report: boolean, handlers: HandlerRules = noHandlers): Result.Result<Pick<Plan, "seccomp" | "interception">, ReadonlyArray<PolicyFault>> => {
  const filter = handlers.hideVdso ? withoutVdso(given) : given
  const allowed = new Set(filter.rules.filter((rule) => rule.action === "allow").map((rule) => rule.nr))
  const killed = new Set(filter.rules.filter((rule) => rule.action === "kill").map((rule) => rule.nr))
  const asked = new Set([...handlers.numbers].filter((nr) => !killed.has(nr) && (allowed.has(nr) || handlers.overridden.has(nr))))
  if (!report && asked.size === 0) return Result.succeed({ seccomp: filter })
  // A guest that restricts itself by Landlock would find calls that init carries out for it outside of its own restriction. It is told
  // that there is no Landlock, in place of being let to rely on it.
  const carried = [...asked].some((nr) => safetyClass(syscallName(nr)!) === "behalf")
  const traced = [...asked].filter((nr) => handlers.traced.has(nr))
  const { hideVdso } = handlers
  const inKernel = (rule: SeccompRule): boolean => !asked.has(rule.nr) && !(carried && rule.nr === syscallNumbers.landlock_create_ruleset) && (!report || rule.action === "allow" || isQuiet(rule))
  const decided = filter.rules.filter((rule) => !inKernel(rule))
  const program = compileProgram({
    default: filter.default.action === "kill" ? { type: "kill" } : { type: "errno", errno: filter.default.errno ?? EPERM },
    foreign: { type: "errno", errno: EPERM },
    calls: [...decided.map(callRule), ...handlers.calls(decided.length)],
    paths: handlers.paths,
    addresses: handlers.addresses
  })
  return Result.map(program, (bytes) => ({
    seccomp: {
      default: report ? { action: "notify" as const } : filter.default,
      rules: [
        ...filter.rules.filter(inKernel),
        ...(carried ? [{ nr: syscallNumbers.landlock_create_ruleset, action: "errno" as const, errno: ENOSYS }] : []),
        ...traced.map((nr): SeccompRule => ({ nr, action: "trace" })),
        ...(report ? [] : [...asked].filter((nr) => !handlers.traced.has(nr)).map((nr): SeccompRule => ({ nr, action: "notify" })))
      ]
    },
    interception: {
      program: Buffer.from(bytes).toString("base64"),
      ...(asked.size === 0 ? {} : { handlers: handlers.handlers, copies: handlers.copies.filter(({ nr }) => asked.has(nr)) }),
      ...(traced.length === 0 && !hideVdso ? {} : { trace: { calls: traced, hideVdso } })
    }
  }))
}
