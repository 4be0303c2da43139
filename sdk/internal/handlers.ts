/**
 * Handlers in a plan: their filters become rules of the decision core's program, the calls they want are notified, and init is told
 * as much of each as it has to know to answer in its place. Handlers are numbered over all lanes; those of a family share a number.
 */
import { PolicyFault } from "../errors.ts"
import { number as errnoNumber } from "../Errno.ts"
import * as EventHandler from "../EventHandler.ts"
import * as SyscallHandler from "../SyscallHandler.ts"
import type { AnyHandler } from "./anyHandler.ts"
import type { AddressRule, CallRule, PathRule } from "./decision/model.ts"
import { RV } from "./decision/format.ts"
import type { CopyRule, HandlerPlan } from "./protocol.ts"
import { RV_RING } from "./ring/format.ts"
import { safetyClass } from "./syscall/classes.ts"
import { filterOf } from "./syscall/filter.ts"
import { copiedOf } from "./syscall/pointee.ts"
import { syscallInfo } from "./syscall/table.ts"
import { syscallNumbers } from "./syscalls.ts"

/** A handler and where it runs. */
export interface Placed {
  readonly handler: AnyHandler
  readonly lane: typeof RV_RING.LANE_MAIN | typeof RV_RING.LANE_MODULES
  /** Where it stands in the policy, for faults. */
  readonly at: string
}

/** The number of each handler, by its place in the list. */
export const numbersOf = (placed: ReadonlyArray<Placed>): ReadonlyArray<number> => {
  const families = new Map<object, number>()
  let next = 0
  return placed.map(({ handler }) => {
    const family = EventHandler.isEventHandler(handler) ? undefined : handler.family
    if (family === undefined) return next++
    const known = families.get(family) ?? next++
    families.set(family, known)
    return known
  })
}

export interface HandlerRules {
  /** Numbers of the calls that handlers want. */
  readonly numbers: ReadonlySet<number>
  /** Of these, those that stop at a trace point. */
  readonly traced: ReadonlySet<number>
  /** Whether a handler wants to know of events. */
  readonly events: boolean
  /** Whether calls may be carried out by the sandbox from what it has read, in place of the guest. */
  readonly carried: boolean
  /** Whether a handler wants a call that programs do not make while they have the vDSO. */
  readonly hideVdso: boolean
  /** Of all, those for which a handler is asked though the policy refuses them. */
  readonly overridden: ReadonlySet<number>
  /** The rules that put calls to handlers; their ids start at `firstId`. */
  readonly calls: (firstId: number) => ReadonlyArray<CallRule>
  readonly paths: ReadonlyArray<PathRule>
  readonly addresses: ReadonlyArray<AddressRule>
  readonly handlers: ReadonlyArray<HandlerPlan>
  readonly copies: ReadonlyArray<CopyRule>
}

/** Everything that is wrong with the handlers, or that cannot be carried out. */
export const handlerFaults = (placed: ReadonlyArray<Placed>): ReadonlyArray<PolicyFault> => {
  const faults = placed.flatMap(({ at, handler }) => {
    if (EventHandler.isEventHandler(handler)) return EventHandler.check(handler, at)
    const own = [...SyscallHandler.check(handler, at)]
    if (own.length > 0) return own
    const pointer = handler.where.find((clause) => clause.kind !== "argument")
    if (pointer !== undefined && safetyClass(handler.name) !== "behalf") {
      own.push(new PolicyFault({ path: `${at}.where`, message: `${pointer.kind} filters are decided where the sandbox carries the call out itself; ${handler.name} is not such a call`, suggestion: "look at it in the handler" }))
    }
    return own
  })
  const count = new Set(numbersOf(placed)).size
  if (count > RV.MAX_HANDLERS) faults.push(new PolicyFault({ path: "handlers", message: `${count} handlers, more than ${RV.MAX_HANDLERS}`, suggestion: "SyscallHandler.many counts as one" }))
  return faults
}

/** What libraries ask the kernel's own code in the process for, without a call. */
const inVdso: ReadonlySet<string> = new Set(["clock_gettime", "gettimeofday", "time", "clock_getres", "getcpu"])

/** Programs would not make the call it wants: the vDSO is to be hidden from them. */
export const withoutCall = (handler: SyscallHandler.Any): boolean => inVdso.has(handler.name) && handler.vdso === "hide"

const reads = (handler: SyscallHandler.Any): boolean => handler.power === "observe" || handler.memory !== "none"

const filtersPointers = (handler: SyscallHandler.Any): boolean => handler.where.some((clause) => clause.kind !== "argument")

/** What it lets go on must be what it saw. */
const isBoundary = (handler: SyscallHandler.Any): boolean => handler.power !== "observe" && (handler.memory === "copied" || (handler.memory === "none" && filtersPointers(handler)))

const planOf = ({ handler, lane }: Placed, paths: ReadonlyArray<number>): HandlerPlan => ({
  lane,
  ...(Number.isFinite(handler.deadline) ? { deadlineMs: Math.ceil(handler.deadline) } : {}),
  ...(handler.onFailure === "kill" || handler.onFailure === "continue" ? { failure: handler.onFailure } : { failure: "errno" as const, errno: errnoNumber(handler.onFailure) }),
  ...(EventHandler.isEventHandler(handler) ? { event: handler.kind, boundary: false } : { boundary: isBoundary(handler) }),
  paths: paths.reduce((bits, argument) => bits | 1 << argument, 0)
})

/** A handler of a call, its number, and the rule that puts calls to it. */
interface Standing {
  readonly handler: SyscallHandler.Any
  readonly number: number
  readonly filter: ReturnType<typeof filterOf>
}

/** For handlers without faults. */
export const handlerRules = (placed: ReadonlyArray<Placed>): HandlerRules => {
  const numbers = numbersOf(placed)
  const standing = placed.flatMap(({ handler }, place): ReadonlyArray<Standing> =>
    EventHandler.isEventHandler(handler) ? [] : [{ handler, number: numbers[place]!, filter: filterOf(handler, numbers[place]!) }])
  const some = (which: (handler: SyscallHandler.Any) => boolean): boolean => standing.some(({ handler }) => which(handler))
  const all = (which: (handler: SyscallHandler.Any) => boolean): ReadonlySet<number> =>
    new Set(standing.filter(({ handler }) => which(handler)).map(({ filter }) => filter.nr))
  const reading = new Set(standing.filter(({ handler }) => reads(handler)).map(({ handler }) => handler.name))
  return {
    numbers: all(() => true),
    traced: all((handler) => SyscallHandler.point(handler) === "trace"),
    events: standing.length < placed.length,
    carried: some((handler) => safetyClass(handler.name) === "behalf" && (isBoundary(handler) || filtersPointers(handler))),
    hideVdso: some(withoutCall),
    overridden: all((handler) => handler.override),
    calls: (firstId) => standing.map(({ filter: { nr, pointers, when }, handler, number }, place) => ({
      id: firstId + place,
      nr,
      when,
      action: { type: "handler", handler: number, override: handler.override, ...pointers }
    })),
    paths: standing.flatMap(({ filter }) => filter.paths),
    addresses: standing.flatMap(({ filter }) => filter.addresses),
    handlers: placed.flatMap((one, place) =>
      numbers.indexOf(numbers[place]!) === place ? [planOf(one, standing.find(({ handler }) => handler === one.handler)?.filter.pointers.paths ?? [])] : []),
    copies: [...reading].flatMap((name) => syscallInfo(name).arguments.flatMap((argument): ReadonlyArray<CopyRule> => {
      const copied = argument.kind === "pointer" && argument.direction !== "out" ? copiedOf(argument.pointee) : undefined
      if (copied === undefined) return []
      const nr = syscallNumbers[name]
      if (copied.kind === "text") return [{ nr, argument: argument.index, kind: "text" }]
      const length = copied.count === undefined ? undefined : syscallInfo(name).arguments.find((other) => other.name === copied.count)?.index
      return [{ nr, argument: argument.index, kind: "bytes", size: copied.size, ...(length === undefined ? {} : { length }) }]
    }))
  }
}
