/**
 * What of a system call filter is decided in the sandbox's init instead of the kernel: calls that handlers want, calls that the policy
 * decides by path or address, and refusals that are to be told. For the latter, what the filter would refuse is notified instead, and the decision core's
 * program, which the sentry evaluates, refuses it there, with an event. What is allowed costs what it cost before.
 *
 * Two kinds of refusal stay with the kernel, unreported, as they are no news: `clone3`, which every fork tries first, and
 * numbers that are newer than our table, which programs probe for.
 */
import { Result } from "effect"
import type { PolicyFault } from "../errors.ts"
import { fault } from "./faults.ts"
import type { Backend } from "./backend.ts"
import type { CallRule } from "./decision/model.ts"
import { compileProgram } from "./decision/program.ts"
import type { Decisions } from "./decisions.ts"
import type { HandlerRules } from "./handlers.ts"
import { condition, moduleProgram } from "./moduleProgram.ts"
import type { Plan, SeccompRule } from "./protocol.ts"
import { ENOSYS, EPERM, noneOf } from "./seccompRules.ts"
import { safetyClass } from "./syscall/classes.ts"
import { syscallName } from "./syscall/table.ts"
import type { Split } from "./translated.ts"
import { lastSyscall, syscallNumbers } from "./syscalls.ts"

const isQuiet = (rule: SeccompRule): boolean => rule.action === "errno" && (rule.nr === syscallNumbers.clone3 || rule.nr > lastSyscall)

const callRule = (rule: SeccompRule, id: number, decided: boolean): CallRule => ({
  id,
  nr: rule.nr,
  when: (rule.args ?? []).map(condition),
  action: decided && rule.action === "allow" ? { type: "notify" } : rule.action === "errno" ? { type: "errno", errno: rule.errno ?? EPERM } : rule.action === "allow" ? { type: "allow" } : { type: "kill" }
})

const noHandlers: HandlerRules = { numbers: new Set(), traced: new Set(), events: false, carried: false, hideVdso: false, overridden: new Set(), calls: () => [], paths: [], addresses: [], handlers: [], copies: [] }

/** ARCH_MAP_VDSO_X32, _32, _64: code of arch_prctl(2) that bring back what is hidden. */
const mapVdso = [0x2001, 0x2002, 0x2003]

const withoutVdso = (filter: Plan["seccomp"]): Plan["seccomp"] => ({
  ...filter,
  rules: filter.rules.flatMap((rule): ReadonlyArray<SeccompRule> =>
    rule.nr === syscallNumbers.arch_prctl && rule.action === "allow" && rule.args === undefined
      ? noneOf(0, mapVdso).map((arg) => ({ nr: rule.nr, action: "allow", args: [arg] }))
      : [rule])
})

const noDecisions: Decisions = { numbers: new Set(), paths: [], addresses: [], network: false, keys: [] }

/** sendto(2) without an address, which send(3) is, goes where the socket is connected: the kernel's own affair. */
const SENDTO_ADDRESS = 4
const withAddress = (op: "eq" | "ne", action: "allow" | "notify"): SeccompRule => ({ nr: syscallNumbers.sendto, action, args: [{ index: SENDTO_ADDRESS, op, value: "0" }] })

/** A fault of a rule that stands for a key of the policy is told by that key. */
const renamed = (decisions: Decisions) => (faults: ReadonlyArray<PolicyFault>): ReadonlyArray<PolicyFault> =>
  faults.map((one) => {
    const [, list, index] = /^(paths|addresses)\[(\d+)\]/.exec(one.path) ?? []
    const rule = list === undefined ? undefined : decisions[list as "paths" | "addresses"][Number(index)]
    const key = rule === undefined || rule.kind === "filter" ? undefined : decisions.keys[rule.id]
    return key === undefined ? one : fault(key, one.message, one.suggestion)
  })

/**
 * Parts of a plan that do what `filter` does, report every refusal if `report`, put calls to handlers, and have those of `decisions`
 * decided by path and address. A call that handlers want is notified where the filter lets it pass for some arguments, or a handler
 * may overrule the filter; a kill stays a kill. For the kernel module the filter becomes a program too.
 */
export const intercepted = (
  given: Plan["seccomp"],
  report: boolean,
  handlers: HandlerRules = noHandlers,
  decisions: Decisions = noDecisions,
  backend: Backend = "ptrace"
): Result.Result<Pick<Plan, "seccomp" | "interception">, ReadonlyArray<PolicyFault>> => {
  const filter = handlers.hideVdso ? withoutVdso(given) : given
  const allowed = new Set(filter.rules.filter((rule) => rule.action === "allow").map((rule) => rule.nr))
  const killed = new Set(filter.rules.filter((rule) => rule.action === "kill").map((rule) => rule.nr))
  const judged = new Set([...decisions.numbers].filter((nr) => allowed.has(nr)))
  // A guest that restricts itself by Landlock would find calls that init carries out for it outside of its own restriction. It is told
  // that there is no Landlock, in place of being let to rely on it.
  const carried = handlers.carried || [...judged].some((nr) => safetyClass(syscallName(nr)!) === "behalf")
  const asked = new Set([...handlers.numbers].filter((nr) =>
    !killed.has(nr) && (allowed.has(nr) || handlers.overridden.has(nr)) && !(carried && nr === syscallNumbers.landlock_create_ruleset)))
  const notified = new Set([...asked, ...judged])
  if (!report && notified.size === 0 && !handlers.events && backend !== "kmod") return Result.succeed({ seccomp: filter })
  const here = decisions.traced ?? new Set<number>()
  const traced = [...notified].filter((nr) => (asked.has(nr) && handlers.traced.has(nr)) || here.has(nr))
  const { hideVdso } = handlers
  const inKernel = (rule: SeccompRule): boolean => !notified.has(rule.nr) && !(carried && rule.nr === syscallNumbers.landlock_create_ruleset) && (!report || rule.action === "allow" || isQuiet(rule))
  const decided = filter.rules.filter((rule) => !inKernel(rule))
  const program = compileProgram({
    default: filter.default.action === "kill" ? { type: "kill" } : { type: "errno", errno: filter.default.errno ?? EPERM },
    foreign: { type: "errno", errno: EPERM },
    calls: [...decided.map((rule, id) => callRule(rule, id, judged.has(rule.nr))), ...handlers.calls(decided.length)],
    paths: [...decisions.paths, ...handlers.paths],
    addresses: [...decisions.addresses, ...handlers.addresses]
  })
  const splitOf = (nr: number): Split | undefined => {
    if (!judged.has(nr)) return undefined
    const split = nr === syscallNumbers.sendto ? { kernel: [withAddress("eq", "allow")], init: [withAddress("ne", "notify")] } : decisions.splits?.get(nr)
    // A handler is asked about all of them, so that none may be the kernel's alone.
    return asked.has(nr) && split?.kernel.length !== 0 ? undefined : split
  }
  const notify = [...notified].filter((nr) => !traced.includes(nr)).flatMap((nr): ReadonlyArray<SeccompRule> => {
    const split = splitOf(nr)
    // Where everything that is not allowed is told, it is notified by default.
    const ours = (rules: Plan["seccomp"]["rules"]) => rules.filter((rule) => !(report && rule.action === "notify"))
    return ours(split === undefined ? [{ nr, action: "notify" }] : [...split.kernel, ...split.init])
  })
  const seccomp: Plan["seccomp"] = {
    default: report ? { action: "notify" } : filter.default,
    rules: [
      ...filter.rules.filter(inKernel),
      ...(carried ? [{ nr: syscallNumbers.landlock_create_ruleset, action: "errno" as const, errno: ENOSYS }] : []),
      ...traced.map((nr): SeccompRule => ({ nr, action: "trace" })),
      ...notify
    ]
  }
  const whole = new Set(filter.rules.filter((rule) => rule.action === "allow" && rule.args === undefined).map(({ nr }) => nr))
  const decidedOnly = new Set([...judged].filter((nr) => whole.has(nr) && !asked.has(nr)))
  const module = backend === "kmod" ? moduleProgram(seccomp, decidedOnly, decisions) : Result.succeed(undefined)
  return Result.mapBoth(Result.all([program, module]), {
    onFailure: renamed(decisions),
    onSuccess: ([bytes, kernels]) => ({
      // The module's guest has one instruction for a filter.
      seccomp: kernels === undefined ? seccomp : { default: { action: "kill" as const }, rules: [] },
      interception: {
        program: Buffer.from(bytes).toString("base64"),
        ...(kernels === undefined ? {} : { module: Buffer.from(kernels).toString("base64") }),
        ...(asked.size === 0 && !handlers.events ? {} : { handlers: handlers.handlers, copies: handlers.copies.filter(({ nr }) => asked.has(nr)) }),
        ...(traced.length === 0 && decisions.traced === undefined && !hideVdso && !handlers.events ? {} : { trace: { hideVdso } }),
        ...(decisions.network ? { network: true } : {}),
        ...(report ? { report: true } : {})
      }
    })
  })
}
