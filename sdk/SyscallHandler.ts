/**
 * TypeScript that answers a system call of the guest.
 *
 *     const fakeHostname = SyscallHandler.make("uname", (call) =>
 *       Effect.gen(function*() {
 *         yield* call.args.name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: "box" }))
 *         return Verdict.value(0)
 *       }))
 *
 * A handler declares what it needs: its `power`, what it does with guest memory, which calls it wants (`where`). The type of `call`
 * and the verdicts it may return have only what follows from that, and `check` says the same at run time for handlers that come
 * without types. docs/handlers.md has the rules and why they are so.
 */
import { Cause, type Context, Duration, Effect, Exit } from "effect"
import { name as errnoName, number as errnoNumber, type ErrnoName } from "./Errno.ts"
import { PolicyFault } from "./errors.ts"
import { type Address, type ConstPointer, type Descriptor, GuestFault, type Pointer } from "./GuestMemory.ts"
import { suggest } from "./internal/faults.ts"
import type { HandlerModule } from "./internal/handlerModule.ts"
import { type ArgumentValues, argumentsOf, memoryOfCall, type Reach } from "./internal/syscall/call.ts"
import {
  addressArgument,
  type AddressSyscall,
  type BehalfSyscall,
  type DescriptorSyscall,
  type FixedSyscall,
  isTraceOnly,
  type MemorySyscall,
  type PathNameOf,
  pathArguments,
  type PathSyscall,
  type RegisterSyscall,
  returnsDescriptor,
  safetyClass,
  type TraceOnlySyscall
} from "./internal/syscall/classes.ts"
import type { SyscallArguments } from "./internal/syscall/generated/arguments.ts"
import type { Layout } from "./internal/syscall/layout.ts"
import { constPointer, type Memory, objectCodec, pointer } from "./internal/syscall/pointee.ts"
import { isSyscallName, syscallInfo } from "./internal/syscall/table.ts"
import { type SyscallName, syscallNumbers } from "./internal/syscalls.ts"
import * as Verdict from "./Verdict.ts"
import type { Clause } from "./Where.ts"

/**
 * `observe`: sees calls as they are made, changes nothing and answers nothing. `answer`: may answer in the kernel's place. `steer`:
 * may also change arguments, run other calls in the guest, and see results, at the price of a ptrace stop.
 */
export type Power = "observe" | "answer" | "steer"

/**
 * What the handler does with guest memory before its verdict.
 * `copied`: it may read, and then the call may go on only where the kernel is sure to see what was read (docs/handlers.md).
 * `none`: it reads nothing, so any call may go on. Pointers have no `read`.
 * `racy`: it may read and let any call go on, knowing that a hostile guest can show the handler one thing and the kernel another.
 * What such a handler refuses is advice, not a boundary.
 */
export type MemoryUse = "copied" | "none" | "racy"

/** What is done where a handler throws, exceeds its deadline, or gives a verdict that it may not give. */
export type OnFailure = "kill" | "continue" | ErrnoName

/** The bytes of a pointer argument that the kernel fills in, for a handler that reads nothing. */
export interface WritePointer<in A> extends Address {
  readonly write: (value: A) => Effect.Effect<void, GuestFault>
}

type Argument<T, P extends Power, M extends MemoryUse> = T extends Pointer<infer A>
  ? P extends "observe" ? ConstPointer<A> : M extends "none" ? WritePointer<A> : Pointer<A>
  : T extends ConstPointer<infer A> ? M extends "none" ? P extends "observe" ? ConstPointer<A> : Address : ConstPointer<A>
  : T

export type Arguments<Name extends SyscallName, P extends Power = "answer", M extends MemoryUse = "copied"> = {
  readonly [K in keyof SyscallArguments[Name]]: Argument<SyscallArguments[Name][K], P, M>
}

/** New values for arguments: an integer as number or bigint, a pointer as address or as another pointer. */
export type Replacement<Name extends SyscallName> = {
  readonly [K in keyof SyscallArguments[Name]]?: SyscallArguments[Name][K] extends Address ? bigint | Address : number | bigint
}

interface CallOf<Name extends SyscallName, P extends Power, M extends MemoryUse> {
  readonly name: Name
  readonly number: number
  /** The calling thread and its process, as the guest numbers them. Looking at `pid` costs a question to the sandbox. */
  readonly tid: number
  readonly pid: number
  readonly args: Arguments<Name, P, M>
  /** The argument registers as the guest set them, all 64 bits. */
  readonly registers: readonly [bigint, bigint, bigint, bigint, bigint, bigint]
  /** What is open at a descriptor of the calling process; -100 (`AT_FDCWD`) is its working directory. `EBADF` where there is none. */
  readonly descriptor: (fd: number) => Effect.Effect<Descriptor, GuestFault>
  /** The program that the calling process executes, as a path; empty where that has been removed. To be shown to somebody: a program can execute any other. */
  readonly executable: Effect.Effect<string, GuestFault>
}

interface ResolvableCall<Name extends SyscallName> {
  /**
   * Where a path of the call leads, as filters see it: absolute, without symbolic links; where nothing is there, by the name alone. Fails with
   * what the call would fail with where it leads nowhere at all. A call that goes on is carried out only if it still leads there:
   * if the guest has changed that, the handlers are asked again. Empty for what has no name. Without an argument: the call's first path.
   */
  readonly resolve: (argument?: Name extends PathSyscall ? PathNameOf<Name> : never) => Effect.Effect<string, GuestFault>
}

interface ReadableCall {
  /** A structure at an address that was found in another one, or in an integer argument: `call.at(Syscall.Winsize, call.args.arg)`. */
  readonly at: <A>(layout: Layout<A>, address: bigint) => Pointer<A>
}

interface ObservedCall {
  readonly at: <A>(layout: Layout<A>, address: bigint) => ConstPointer<A>
}

/** The guest's thread could not be made to run another call: it died, or was killed, on the way. */
export interface SteeredCall<Name extends SyscallName, Runs extends boolean> {
  /** Runs another call in the calling thread, now, and gives its result. Arguments as registers; those not given are 0. */
  readonly inject: <N extends SyscallName>(name: N, args: Replacement<N>) => Effect.Effect<Verdict.Result, GuestFault>
  /** Room below the thread's stack that is the handler's until the call returns: an address for `inject` and `rewrite`. */
  readonly scratch: (bytes: Uint8Array) => Effect.Effect<bigint, GuestFault>
  /** The call is made with these arguments changed. */
  readonly rewrite: Runs extends true ? (args: Replacement<Name>) => Verdict.Rewrite<Name> : never
  /** The call is made (with arguments changed, if given), and then the hook sees its result and may replace it. */
  readonly after: Runs extends true ? <R = never>(
    hook: (result: Verdict.Result) => Effect.Effect<Verdict.Continue | Verdict.Value | Verdict.Errno, GuestFault, R>,
    args?: Replacement<Name>
  ) => Verdict.After<Name, R> : never
}

/** Whether the guest's own call may run after the handler: it has not read what the kernel will read again. */
type Runs<Name extends SyscallName, M extends MemoryUse> = M extends "none" | "racy" ? true : Name extends RegisterSyscall ? true : false
/** `Continue` is also safe where the sentry makes the call itself, from what the handler read. */
type Continues<Name extends SyscallName, M extends MemoryUse> = Runs<Name, M> extends true ? true : Name extends BehalfSyscall ? true : false

export type Call<Name extends SyscallName, P extends Power = "answer", M extends MemoryUse = "copied"> =
  & CallOf<Name, P, M>
  & (P extends "observe" ? ObservedCall : M extends "none" ? unknown : ReadableCall)
  & (Name extends PathSyscall & BehalfSyscall ? M extends "none" ? P extends "observe" ? ResolvableCall<Name> : unknown : ResolvableCall<Name> : unknown)
  & (P extends "steer" ? SteeredCall<Name, Runs<Name, M>> : unknown)

/** What a handler of this power may return. */
export type Allowed<Name extends SyscallName, P extends Power = "answer", M extends MemoryUse = "copied"> = P extends "observe"
  ? Verdict.Continue
  :
  | Verdict.Value
  | Verdict.Errno
  | Verdict.Kill
  | (Name extends DescriptorSyscall ? Verdict.Fd : never)
  | (Continues<Name, M> extends true ? Verdict.Continue : never)
  | (P extends "steer" ? Runs<Name, M> extends true ? Verdict.Rewrite<Name> | Verdict.After<Name, any> : never : never)

/** Integer arguments, by name. */
type IntegerArgument<Name extends SyscallName> = {
  [K in keyof SyscallArguments[Name] & string]: SyscallArguments[Name][K] extends number | bigint ? K : never
}[keyof SyscallArguments[Name] & string]
type PointerArgument<Name extends SyscallName> = Exclude<keyof SyscallArguments[Name] & string, IntegerArgument<Name>>

/**
 * May a filter look at memory? Whether it matches or not, the call may then go on: by the sentry's hand, from the copy that the filter
 * saw, or else on memory that the guest can change, so that the filter would be evaded.
 */
type Filters<Name extends SyscallName, P extends Power, M extends MemoryUse> = P extends "observe" ? true
  : M extends "racy" ? true
  : Name extends MemorySyscall ? false
  : P extends "steer" ? M extends "none" ? false : true
  : true
type Needs<Name extends SyscallName, P extends Power, M extends MemoryUse> =
  | IntegerArgument<Name>
  | `pointer ${PointerArgument<Name>}`
  | (Filters<Name, P, M> extends true ?
    | (Name extends PathSyscall ? "<path>" | `path ${PointerArgument<Name>}` : never)
    | (Name extends AddressSyscall ? "<address>" : never)
    : never)

export interface Options<Name extends SyscallName, P extends Power, M extends MemoryUse> {
  readonly power?: P
  /** Default `copied`. Of no meaning for `observe`, which can decide nothing. */
  readonly memory?: M
  /** Which calls are wanted: decided in native code. Several clauses must all hold. */
  readonly where?: Clause<Needs<Name, P, M>> | ReadonlyArray<Clause<Needs<Name, P, M>>>
  /** How long the handler may take. Default 10 seconds. Milliseconds, or text such as "500 millis". */
  readonly deadline?: Duration.Input
  /** Default `kill`. `continue` lets the call go on unseen: only where the handler could have said so itself. */
  readonly onFailure?: "kill" | ErrnoName | ("observe" extends P ? "continue" : Continues<Name, M> extends true ? "continue" : never)
  /** What reports call it. Default: the call's name. */
  readonly label?: string
  /** It is asked also where the policy refuses the call with an errno, and may answer all the same. Nothing overrides a kill. Default: false. */
  readonly override?: boolean
  /**
   * Programs ask for the time and the processor without a call, by the kernel's own code in their memory (vdso(7)). `hide`, the
   * default: a guest with a handler for such a call does not have that code, and calls. `keep`: it has it, and calls rarely.
   */
  readonly vdso?: "hide" | "keep"
}

/** What brings a call to the handlers: the backend fills it in. */
export interface Incoming {
  readonly name: SyscallName
  readonly tid: number
  readonly pid: number
  /** Six argument registers. */
  readonly registers: BigUint64Array
  readonly memory: Memory
  /** Where the backend can look things up. */
  readonly look?: Look
  /** Only at a trace point. */
  readonly tracee?: Tracee | undefined
}

/** What can be found out of the guest beside its memory. */
export interface Look {
  readonly descriptor: (fd: number) => Effect.Effect<Descriptor, GuestFault>
  readonly executable: Effect.Effect<string, GuestFault>
  /** Where the path in that register leads. */
  readonly resolve: (register: number) => Effect.Effect<string, GuestFault>
}

/** What a stopped thread can be made to do. */
export interface Tracee {
  readonly inject: (number: number, registers: BigUint64Array) => Effect.Effect<bigint, GuestFault>
  readonly scratch: (bytes: Uint8Array) => Effect.Effect<bigint, GuestFault>
}

/** Default deadline in milliseconds. */
export const defaultDeadline = 10_000

export interface SyscallHandler<out Name extends SyscallName = SyscallName, out R = never> {
  readonly name: Name
  readonly label: string
  readonly power: Power
  readonly memory: MemoryUse
  readonly where: ReadonlyArray<Clause>
  /** Milliseconds; `Infinity` for none. */
  readonly deadline: number
  readonly onFailure: OnFailure
  readonly override: boolean
  readonly vdso: "hide" | "keep"
  /** The same object in all handlers that `many` made at once. */
  readonly family: object | undefined
  /** The handler itself, over a call as it came; it may throw. Neither deadline nor failure policy are in it: `answer` has them. */
  readonly run: (incoming: Incoming) => Effect.Effect<Verdict.Verdict<Name, R>, GuestFault, R>
}

/** Any handler, whatever it answers and requires. */
export type Any = SyscallHandler<SyscallName, unknown>

/** The services that a handler, or each of a list of handlers, requires. */
export type Services<H> = H extends SyscallHandler<any, infer R> ? R : never

type AfterServices<V> = V extends Verdict.After<any, infer R> ? R : never

/** Calls that a handler without options can stand at. */
type Plain = Exclude<SyscallName, FixedSyscall | TraceOnlySyscall>

interface Make {
  /** With the power to answer, for every call of that name. */
  <const Name extends Plain, V extends Allowed<Name>, R>(
    name: Name,
    handler: (call: Call<Name>) => Effect.Effect<V, GuestFault, R>
  ): SyscallHandler<Name, R | AfterServices<V>>
  <
    const Name extends Exclude<SyscallName, FixedSyscall>,
    V extends Allowed<Name, P, M>,
    R,
    const P extends Power = "answer",
    const M extends MemoryUse = "copied"
  >(
    name: Name,
    options: Options<Name, P, M> & (Name extends TraceOnlySyscall ? { readonly power: "observe" | "steer" } : unknown),
    handler: (call: Call<Name, P, M>) => Effect.Effect<V, GuestFault, R>
  ): SyscallHandler<Name, R | AfterServices<V>>
}

interface LooseOptions {
  readonly power?: Power
  readonly memory?: MemoryUse
  readonly where?: Clause | ReadonlyArray<Clause>
  readonly deadline?: Duration.Input
  readonly onFailure?: OnFailure
  readonly label?: string
  readonly override?: boolean
  readonly vdso?: "hide" | "keep"
}
type LooseHandler = (call: never) => Effect.Effect<Verdict.Verdict<SyscallName, unknown>, GuestFault, unknown>

/** A handler as plain immutable data; nothing happens until a policy with it is used. `check` finds what the compiler did not. */
export const make: Make = ((name: SyscallName, first: LooseOptions | LooseHandler, second?: LooseHandler): Any => {
  const options = second === undefined ? {} : first as LooseOptions
  const handler = second ?? first as LooseHandler
  const power = options.power ?? "answer"
  const memory = power === "observe" ? "racy" : options.memory ?? "copied"
  const reach: Reach = power === "observe" ? "read" : memory === "none" ? "write" : "all"
  return {
    name,
    label: options.label ?? name,
    power,
    memory,
    where: options.where === undefined ? [] : Array.isArray(options.where) ? options.where : [options.where],
    deadline: options.deadline === undefined ? defaultDeadline : Duration.toMillis(options.deadline),
    onFailure: options.onFailure ?? "kill",
    override: options.override ?? false,
    vdso: options.vdso ?? "hide",
    family: undefined,
    run: (incoming) => handler(callOf(incoming, power, reach) as never)
  } as Any
}) as Make

/**
 * One handler for several calls, as a list of one for each. They count as one of the 64 handlers that a sandbox can have, so that
 * there can be one for every call: `SyscallHandler.many(names, { power: "steer", memory: "racy" }, (call) => …)`. What the calls have in
 * common is in the type of `call`; a filter (`where`) they cannot have, as arguments are not what they have in common.
 */
export const many = <const Name extends Exclude<SyscallName, FixedSyscall>, V extends Allowed<Name, P, M>, R, const P extends Power, const M extends MemoryUse = "copied">(
  names: ReadonlyArray<Name>,
  options: Omit<Options<Name, P, M>, "where" | "power"> & { readonly power: P },
  handler: (call: Call<Name, P, M>) => Effect.Effect<V, GuestFault, R>
): ReadonlyArray<SyscallHandler<Name, R | AfterServices<V>>> => {
  const family = {}
  return names.map((name) => ({ ...(make as unknown as (name: Name, options: object, handler: unknown) => Any)(name, options, handler), family }) as SyscallHandler<Name, R | AfterServices<V>>)
}

const replaced = (name: SyscallName, args: Readonly<Record<string, number | bigint | Address | undefined>>): ReadonlyMap<number, bigint> => {
  const registers = new Map<number, bigint>()
  for (const [key, given] of Object.entries(args)) {
    const argument = syscallInfo(name).arguments.find((a) => a.name === key)
    if (argument === undefined) throw new TypeError(`${name} has no argument ${key}`)
    if (given !== undefined) registers.set(argument.index, BigInt.asUintN(64, BigInt(typeof given === "object" ? given.address : given)))
  }
  return registers
}

/** A register after a call, as the C library reads it: -4095 to -1 are errors. */
export const resultOf = (raw: bigint): Verdict.Result => {
  const failed = raw < 0n && raw >= -4095n
  return { raw, value: failed ? -1n : raw, errno: failed ? errnoName(Number(-raw)) : undefined }
}

/** What every handler sees. `args` is made when it is first asked for. */
class CallView {
  readonly name: SyscallName
  readonly tid: number
  protected readonly incoming: Incoming
  protected readonly reach: Reach
  private decoded: object | undefined

  constructor(incoming: Incoming, reach: Reach) {
    this.name = incoming.name
    this.tid = incoming.tid
    this.incoming = incoming
    this.reach = reach
  }

  get pid(): number {
    return this.incoming.pid
  }

  get number(): number {
    return syscallNumbers[this.name]
  }

  get args(): object {
    return (this.decoded ??= argumentsOf(this.name, this.incoming.registers, this.incoming.memory, this.reach))
  }

  get registers(): ReadonlyArray<bigint> {
    return [...this.incoming.registers]
  }

  descriptor(fd: number): Effect.Effect<Descriptor, GuestFault> {
    return this.incoming.look?.descriptor(fd) ?? lookupFault(BigInt(fd))
  }

  get executable(): Effect.Effect<string, GuestFault> {
    return this.incoming.look?.executable ?? lookupFault(0n)
  }
}

/** Where there is no sandbox to ask. */
const lookupFault = (address: bigint) => Effect.fail(new GuestFault({ access: "read", address, length: 0, reason: "gone" }))

class ReadableView extends CallView {
  get [memoryOfCall](): Memory {
    return this.incoming.memory
  }

  at(layout: Layout<unknown>, address: bigint): ConstPointer<unknown> {
    return (this.reach === "all" ? pointer : constPointer)(this.incoming.memory, address, objectCodec(layout))
  }

  resolve(argument?: string): Effect.Effect<string, GuestFault> {
    const paths = safetyClass(this.name) === "behalf" ? pathArguments(this.name) : []
    const path = argument === undefined ? paths[0] : paths.find((path) => path.argument === argument)
    if (path === undefined) throw new TypeError(`${this.name} has no path ${argument ?? ""} that the sandbox resolves`)
    const { index } = syscallInfo(this.name).arguments.find(({ name }) => name === path.argument)!
    return this.incoming.look?.resolve(index) ?? lookupFault(this.incoming.registers[index]!)
  }
}

/** The methods of a `steer` handler's call. What `allows` does not let it use is refused when it is used. */
const steering = (name: SyscallName, tracee: Tracee) => ({
  inject: (other: SyscallName, args: ArgumentValues): Effect.Effect<Verdict.Result, GuestFault> => {
    const registers = new BigUint64Array(6)
    for (const [index, value] of replaced(other, args)) registers[index] = value
    return Effect.map(tracee.inject(syscallNumbers[other], registers), resultOf)
  },
  scratch: tracee.scratch,
  rewrite: (args: ArgumentValues): Verdict.Rewrite<SyscallName> => ({ _tag: "Rewrite", name, registers: replaced(name, args) }),
  after: (hook: Verdict.After<SyscallName, unknown>["hook"], args: ArgumentValues = {}): Verdict.After<SyscallName, unknown> => ({
    _tag: "After",
    name,
    registers: replaced(name, args),
    hook
  })
})

const callOf = (incoming: Incoming, power: Power, reach: Reach): unknown => {
  const view = reach === "write" ? new CallView(incoming, reach) : new ReadableView(incoming, reach)
  return power === "steer" && incoming.tracee !== undefined ? Object.assign(view, steering(incoming.name, incoming.tracee)) : view
}

/**
 * The handlers of a module, which run on a thread of their own: quicker, and whatever the main thread does. The module's default export is
 * a plugin, a handler, or a list of these; it is imported there, when a sandbox starts, so it shares no state with this program.
 *
 *     Policy.handlers(SyscallHandler.fromModule(new URL("./plugin.ts", import.meta.url)))
 */
export const fromModule = (url: string | URL): HandlerModule => ({ _tag: "HandlerModule", url: String(url) })

// ------------------------------------------------------------------------------------------------ what a handler may do

/** May the guest's own call run after this handler? See `Runs`. */
const runs = (handler: Any): boolean => handler.memory !== "copied" || safetyClass(handler.name) === "registers"

/** Whether this handler may give a verdict: what the types say, at run time. */
export const allows = (handler: Any, verdict: Verdict.Verdict<SyscallName, unknown>["_tag"]): boolean => {
  if (handler.power === "observe") return verdict === "Continue"
  switch (verdict) {
    case "Value":
    case "Errno":
    case "Kill":
      return true
    case "Fd":
      return returnsDescriptor(handler.name)
    case "Continue":
      return runs(handler) || safetyClass(handler.name) === "behalf"
    case "Rewrite":
    case "After":
      return handler.power === "steer" && runs(handler)
    default:
      // A handler without types may return anything.
      return false
  }
}

/**
 * True if what the handler refuses stays refused whatever the guest does: it never lets a call run on memory that it has judged. Only
 * handlers of `memory: "racy"` (and observers, which refuse nothing) are not.
 */
export const isBoundary = (handler: Any): boolean => handler.memory !== "racy"

/** Which interception point the handler needs: a notification, or a ptrace stop. */
export const point = (handler: Any): "notify" | "trace" => handler.power === "steer" || isTraceOnly(handler.name) ? "trace" : "notify"

const powers: ReadonlyArray<string> = ["observe", "answer", "steer"]
const uses: ReadonlyArray<string> = ["copied", "none", "racy"]

/**
 * Everything that is wrong with a handler, `[]` for a good one: names that do not exist, filters on what the call does not have,
 * and verdicts that a guest could race. The plan refuses a handler that has faults. `path` is where it stands in the policy.
 */
export const check = (handler: Any, path = "handler"): ReadonlyArray<PolicyFault> => {
  const faults: Array<PolicyFault> = []
  const add = (where: string, message: string, suggestion?: string) =>
    faults.push(new PolicyFault({ path: `${path}${where}`, message, ...(suggestion === undefined ? {} : { suggestion }) }))
  const { name } = handler
  if (!isSyscallName(name)) {
    add(".name", `${String(name)} is no system call of x86-64`, suggest(String(name), Object.keys(syscallNumbers)))
    return faults
  }
  if (!powers.includes(handler.power)) add(".power", `${handler.power} is no power`, `one of ${powers.join(", ")}`)
  if (!uses.includes(handler.memory)) add(".memory", `${handler.memory} is no use of memory`, `one of ${uses.join(", ")}`)
  if (safetyClass(name) === "fixed") add(".name", `${name} is part of the kernel's own control flow and cannot be handled`)
  if (isTraceOnly(name) && handler.power === "answer") {
    add(
      ".power",
      `${name} cannot be answered from a notification: a signal would make it fail with EINTR, or nobody waits for the answer`,
      `power "observe" or "steer"`
    )
  }
  if (!(handler.deadline > 0)) add(".deadline", "a deadline is longer than nothing")
  if (handler.onFailure === "continue" && !allows(handler, "Continue")) {
    add(
      ".onFailure",
      `${name} takes its input from memory that the guest can change after the handler has read it, so it cannot go on when the handler fails`,
      `"kill", an errno, or memory: "none"`
    )
  }
  if (handler.onFailure !== "kill" && handler.onFailure !== "continue" && errnoNumber(handler.onFailure) === undefined) {
    add(".onFailure", `${handler.onFailure} is no error name`)
  }
  const list = syscallInfo(name).arguments
  const once = new Set<string>()
  handler.where.forEach((clause, index) => {
    const at = `.where[${index}]`
    if (clause.kind === "argument") {
      const argument = list.find((a) => a.name === clause.argument)
      if (argument === undefined) {
        add(at, `${name} has no argument ${clause.argument}`, suggest(clause.argument, list.map((a) => a.name)))
      } else if (argument.kind === "pointer" && !/^(eq|ne)$/.test(clause.test.op)) {
        add(at, `${clause.argument} is a pointer: its number says nothing about what it points to`)
      }
      return
    }
    const known = clause.kind === "path" ? pathArguments(name).map((p) => p.argument) : [addressArgument(name)].filter((a) => a !== undefined)
    const word = clause.kind === "path" ? "path" : "socket address"
    if (known.length === 0) add(at, `${name} takes no ${word}`)
    else if (clause.argument !== undefined && !known.includes(clause.argument)) {
      add(at, `${clause.argument} of ${name} is no ${word}`, `one of ${known.join(", ")}`)
    }
    if (clause.patterns.length === 0) add(at, `a ${word} filter without patterns never matches`)
    if (once.has(clause.kind)) {
      add(at, `a second ${word} filter: one handler has one, with several patterns`, clause.kind === "path" ? "Path.any(…)" : "Address.any(…)")
    }
    once.add(clause.kind)
    if (known.length === 0 || handler.power === "observe" || handler.memory === "racy") return
    if (safetyClass(name) === "memory" || (handler.power === "steer" && handler.memory === "none")) {
      add(
        at,
        `the filter looks at memory, and ${name} then runs on that memory: the guest can change it in between and evade the filter`,
        `no filter, power "observe", or memory: "racy" if the handler is advice and not a boundary`
      )
    }
  })
  return faults
}

// --------------------------------------------------------------------------------------------------- answering a call

/** A handler that did not do its duty. What then happened is what its `onFailure` says. */
export interface Failure {
  readonly handler: Any
  /** `threw`: it died of a defect. `deadline`: it took too long and was interrupted. `verdict`: it gave what it may not give. */
  readonly reason: "threw" | "deadline" | "verdict"
  readonly detail: string
}

/** What is to be done with a call after all its handlers have been asked. */
export interface Decision<out R> {
  readonly verdict: Verdict.Continue | Verdict.Value | Verdict.Errno | Verdict.Fd | Verdict.Kill
  /** Registers to be set before the call is made, 0 to 5. Empty unless the verdict is `Continue`. */
  readonly registers: ReadonlyMap<number, bigint>
  /** To be run on the call's result, if any handler wants it: each sees what the later handlers' hooks made of it. Adds to `failures`. */
  readonly after: ((raw: bigint) => Effect.Effect<bigint, never, R>) | undefined
  readonly failures: ReadonlyArray<Failure>
  /** Whose verdict it is; `undefined` where all let the call go on. */
  readonly by: Any | undefined
}

const unchanged: ReadonlyMap<number, bigint> = new Map()

const misdeeds = { threw: "threw", deadline: "exceeded its deadline", verdict: "gave a verdict it may not give" } as const

/** Notes a failure, and gives the verdict that the handler's failure policy has for it. */
export const failed = (handler: Any, failures: Array<Failure>, reason: Failure["reason"], detail: string): Verdict.Verdict<SyscallName, unknown> => {
  failures.push({ handler, reason, detail })
  switch (handler.onFailure) {
    case "kill":
      return Verdict.kill(`handler ${handler.label} ${misdeeds[reason]}: ${detail}`)
    case "continue":
      return Verdict.continue
    default:
      return Verdict.errno(handler.onFailure)
  }
}

/** One handler's verdict, with its failure policy applied: at once where the handler is done at once, later where it has to wait. */
const judge = (
  handler: Any,
  incoming: Incoming,
  services: Context.Context<never>,
  failures: Array<Failure>,
  done: (verdict: Verdict.Verdict<SyscallName, unknown>) => void
): void => {
  const settle = (exit: Exit.Exit<Verdict.Verdict<SyscallName, unknown>, GuestFault>): void => {
    if (Exit.isSuccess(exit)) {
      const verdict = exit.value
      return done(allows(handler, verdict?._tag) ? verdict : failed(handler, failures, "verdict", `${String(verdict?._tag)} for ${handler.name}`))
    }
    const error = Cause.squash(exit.cause)
    // An observer changes nothing, so not that either.
    const fault = (error: GuestFault) => handler.power === "observe" ? Verdict.continue : Verdict.errno(error.errno)
    done(isFault(error) ? fault(error) : failed(handler, failures, "threw", error instanceof Error ? error.message : String(error)))
  }
  let effect: Effect.Effect<Verdict.Verdict<SyscallName, unknown>, GuestFault>
  try {
    effect = handler.run(incoming) as typeof effect
  } catch (defect) {
    return settle(Exit.die(defect))
  }
  // What is its own result already needs nobody to run it: a fiber costs more than all the rest that is done here for a call.
  if (Exit.isExit(effect)) return settle(effect as Exit.Exit<Verdict.Verdict<SyscallName, unknown>, GuestFault>)
  const fork = Effect.runForkWith(services)
  const fiber = fork(effect)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return settle(exit)
  // Only who waits needs a clock. One that is too late is interrupted and not waited for: it might not let itself be.
  let due = true
  const finish = (what: () => void): void => {
    if (!due) return
    due = false
    what()
  }
  const clock = Number.isFinite(handler.deadline)
    ? fork(Effect.andThen(Effect.sleep(handler.deadline), Effect.sync(() => finish(() => {
      fiber.interruptUnsafe()
      done(failed(handler, failures, "deadline", `${handler.deadline} ms`))
    }))))
    : undefined
  fiber.addObserver((exit) => finish(() => {
    clock?.interruptUnsafe()
    settle(exit)
  }))
}

const isFault = (error: unknown): error is GuestFault =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "GuestFault"

interface Hooked {
  readonly handler: Any
  readonly hook: Verdict.After<SyscallName, unknown>["hook"]
}

/** What a call gives whose result its handler was to see, and could not: the call has been made, so only the result can be withheld. */
export const withheld = (handler: Any, raw: bigint): bigint =>
  handler.onFailure === "continue" ? raw : BigInt(-errnoNumber(handler.onFailure === "kill" ? "EIO" : handler.onFailure))

const afterAll = (hooks: ReadonlyArray<Hooked>, failures: Array<Failure>) => (raw: bigint): Effect.Effect<bigint, never, unknown> =>
  Effect.reduce(hooks, () => raw, (result, { handler, hook }) => {
    const failing = (reason: Failure["reason"], detail: string): bigint => {
      failures.push({ handler, reason, detail })
      return withheld(handler, result)
    }
    const run = Effect.suspend(() => hook(resultOf(result)))
    return Effect.map(Effect.exit(Number.isFinite(handler.deadline) ? Effect.timeoutOption(run, handler.deadline) : Effect.asSome(run)), Exit.match({
      onSuccess: (reply) => {
        if (reply._tag === "None") return failing("deadline", `${handler.deadline} ms`)
        const verdict = reply.value
        switch (verdict?._tag) {
          case "Continue":
            return result
          case "Value":
            return verdict.value
          case "Errno":
            return BigInt(-verdict.errno)
          default:
            return failing("verdict", `${String((verdict as { readonly _tag?: unknown })?._tag)} for the result of ${handler.name}`)
        }
      },
      onFailure: (cause) => {
        const error = Cause.squash(cause)
        return isFault(error) ? BigInt(-errnoNumber(error.errno)) : failing("threw", error instanceof Error ? error.message : String(error))
      }
    }))
  })

/**
 * Asks the handlers of one call, in the order of the list: `Continue` and `Rewrite` pass on to the next (which sees the changed
 * arguments), any other verdict ends it. Hooks on the result run in reverse order, so that the first handler has the last word.
 * Handlers for other calls are passed over. `done` is called once, before this returns where no handler has to wait.
 */
export const decide = (handlers: ReadonlyArray<Any>, incoming: Incoming, services: Context.Context<never>, done: (decision: Decision<unknown>) => void): void => {
  const failures: Array<Failure> = []
  let changed: Map<number, bigint> | undefined
  let call = incoming
  const hooks: Array<{ readonly handler: Any; readonly hook: Verdict.After<SyscallName, unknown>["hook"] }> = []
  const next = (index: number): void => {
    const handler = handlers[index]
    if (handler === undefined) {
      return done({ verdict: Verdict.continue, registers: changed ?? unchanged, after: hooks.length === 0 ? undefined : afterAll(hooks, failures), failures, by: undefined })
    }
    if (handler.name !== incoming.name) return next(index + 1)
    judge(handler, call, services, failures, (verdict) => {
      if (verdict._tag === "Rewrite" || verdict._tag === "After") {
        if (verdict._tag === "After") hooks.unshift({ handler, hook: verdict.hook })
        if (verdict.registers.size > 0) {
          const registers = call.registers.slice()
          changed ??= new Map()
          for (const [register, value] of verdict.registers) {
            registers[register] = value
            changed.set(register, value)
          }
          const { look, memory, name, tid, tracee } = call
          call = { memory, name, tid, registers, ...(look === undefined ? {} : { look }), ...(tracee === undefined ? {} : { tracee }), get pid() { return incoming.pid } }
        }
      } else if (verdict._tag !== "Continue") {
        return done({ verdict, registers: unchanged, after: undefined, failures, by: handler })
      }
      next(index + 1)
    })
  }
  next(0)
}

/** `decide`, as an effect. */
export const answer = <R>(handlers: ReadonlyArray<SyscallHandler<SyscallName, R>>, incoming: Incoming): Effect.Effect<Decision<R>, never, R> =>
  Effect.contextWith((services: Context.Context<R>) =>
    Effect.callback<Decision<R>>((resume) => decide(handlers, incoming, services as Context.Context<never>, (decision) => resume(Effect.succeed(decision as Decision<R>))))
  )
