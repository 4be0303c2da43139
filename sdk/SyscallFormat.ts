/**
 * A system call in words, as strace writes it: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`.
 *
 *     const show = SyscallHandler.make("openat", { power: "steer", memory: "racy" }, (call) =>
 *       Effect.map(SyscallFormat.entry(call), (entry) =>
 *         call.after((result) =>
 *           Effect.map(entry.returned(result), (returned) => {
 *             console.log(SyscallFormat.line(entry, returned))
 *             return Verdict.continue
 *           }))))
 *
 * `entry` shows what the kernel is given, at once; `returned` shows the result and what the kernel has filled in, and may be asked
 * from the hook of `call.after`, while the guest's thread stands. Neither fails: memory that cannot be read is shown as its address.
 * A handler without hooks (`observe`, `answer`) has the entry alone.
 *
 * All that comes from the guest is escaped: no string of it can hold a control character, or break a line.
 */
import * as Effect from "effect/Effect"
import { name as errnoName } from "./Errno.ts"
import type { Descriptor, GuestFault } from "./GuestMemory.ts"
import { guestMemory } from "./internal/syscall/call.ts"
import { returnsDescriptor } from "./internal/syscall/classes.ts"
import { errnoText, restarts } from "./internal/show/errnoText.ts"
import type { Look, Reading } from "./internal/show/look.ts"
import { partsOf, showResult } from "./internal/show/calls.ts"
import { escaped } from "./internal/show/text.ts"
import { showSiginfo } from "./internal/show/siginfo.ts"
import { signal as signalName } from "./internal/show/values.ts"
import type { Siginfo } from "./internal/syscall/siginfo.ts"
import type { Memory } from "./internal/syscall/pointee.ts"
import { syscallInfo } from "./internal/syscall/table.ts"
import { encodeText } from "./internal/syscall/text.ts"
import type { SyscallName } from "./internal/syscalls.ts"
import type { Result } from "./Verdict.ts"

export interface Options {
  /** Bytes of a string, and elements of a list, that are shown. Paths are always whole. Default 32. */
  readonly strings?: number
  /** Structures with all their members; environments and directory entries in full. Default false. */
  readonly verbose?: boolean
  /** Behind each descriptor what it stands for: `3</etc/passwd>`, `4<pipe:[1234]>`. Asks the sandbox for each. Default false. */
  readonly descriptors?: boolean
}

/** What a handler that may read is given. */
export interface FormattedCall {
  readonly name: SyscallName
  readonly registers: ArrayLike<bigint>
  readonly descriptor?: (fd: number) => Effect.Effect<Descriptor, GuestFault>
}

/** An argument by the kernel's name. Empty text where the kernel is still to fill it in. */
export interface Argument {
  readonly name: string
  readonly text: string
}

/** A call that is about to be made. */
export interface Entry {
  readonly name: SyscallName
  /** As far as they are known: up to the first that the kernel fills in. */
  readonly known: ReadonlyArray<Argument>
  /** How many there are. */
  readonly count: number
  /** True where the last of `known` gets more behind it when the call returns: ` => {parent_tid=[7]}`. */
  readonly continues: boolean
  /** With the result. Memory is read now, so the guest's thread must not have gone on. */
  readonly returned: (result: Pick<Result, "raw">) => Effect.Effect<Returned>
}

/** A call that has returned. */
export interface Returned {
  /** All of them. */
  readonly arguments: ReadonlyArray<Argument>
  /** What of the arguments' text was not known before. */
  readonly rest: string
  /** `3`, `-1 ENOENT (No such file or directory)`, `? ERESTARTSYS (To be restarted if SA_RESTART is set)`, `0x7f…`. */
  readonly result: string
}

const guarded = (reading: () => Reading<string>, otherwise: string): Effect.Effect<string> => Effect.catchCause(Effect.gen(reading), () => Effect.succeed(otherwise))

/** Shows what the kernel is given. The call must be that of a handler that may read memory; elsewhere pointers are addresses. */
export const entry = (call: FormattedCall, options: Options = {}): Effect.Effect<Entry> => {
  const memory: Memory | undefined = guestMemory(call)
  return Effect.suspend(() => {
    const registers = BigUint64Array.from(Array.from(call.registers))
    const names = new Map<number, string>()
    const shown = { strings: options.strings ?? 32, verbose: options.verbose ?? false, descriptor: options.descriptors === true ? (fd: number) => names.get(fd) : undefined }
    const look: Look = { memory: memory ?? unreadable, registers, options: shown, result: undefined }
    const learn = (fd: number): Effect.Effect<void> => options.descriptors === true && call.descriptor !== undefined
      ? Effect.ignore(Effect.map(call.descriptor(fd), (found) => void (standsFor(found) !== "" && names.set(fd, standsFor(found)))))
      : Effect.void
    const parts = partsOf(call.name, registers)
    return Effect.gen(function*() {
      if (options.descriptors === true) yield* Effect.forEach(descriptorsOf(call.name, registers), learn, { discard: true })
      const texts: Array<string | undefined> = []
      for (const part of parts) {
        const value = registers[part.index]!
        if (part.before !== undefined) yield* guarded(function*() {
          if (value !== 0n) yield* part.before!(look, value)
          return ""
        }, "")
        const { show } = part
        if (show === undefined) texts.push(undefined)
        else {
          const text = show(look, value)
          texts.push(typeof text === "string" ? text : yield* guarded(() => text, hex(value)))
        }
      }
      const first = parts.findIndex((part) => part.later !== undefined)
      const continues = first >= 0 && parts[first]!.show !== undefined
      const known = first < 0 ? parts.length : continues ? first + 1 : first
      return {
        name: call.name,
        known: parts.slice(0, known).map(({ name }, i) => ({ name, text: texts[i]! })),
        count: parts.length,
        continues,
        returned: (result) => {
          const shows = Effect.suspend(() => returned(call.name, { ...look, result: result.raw }, parts, texts, known, continues))
          return result.raw >= 0n && givesDescriptor(call.name, registers) ? Effect.andThen(learn(Number(result.raw)), shows) : shows
        }
      } satisfies Entry
    })
  })
}

const standsFor = ({ inode, path, type }: Descriptor): string => path !== "" ? escaped(encodeText(path)) : type === "pipe" || type === "socket" ? `${type}:[${inode}]` : ""

const descriptorsOf = (name: SyscallName, registers: BigUint64Array): ReadonlyArray<number> =>
  syscallInfo(name).arguments.flatMap((argument) => {
    if (argument.kind !== "scalar" || argument.descriptor === undefined) return []
    const fd = Number(BigInt.asIntN(32, registers[argument.index]!))
    return fd >= 0 || fd === AT_FDCWD && argument.descriptor === "directory" ? [fd] : []
  })

const AT_FDCWD = -100
const F_DUPFD = 0n
const F_DUPFD_CLOEXEC = 1030n

const givesDescriptor = (name: SyscallName, registers: BigUint64Array): boolean =>
  returnsDescriptor(name) || name === "dup2" || name === "dup3" || name === "fcntl" && (registers[1] === F_DUPFD || registers[1] === F_DUPFD_CLOEXEC)

const hex = (value: bigint): string => value === 0n ? "NULL" : `0x${value.toString(16)}`

const unreadable: Memory = {
  read: () => Effect.die("no memory"),
  readCString: () => Effect.die("no memory"),
  write: () => Effect.die("no memory")
}

const returned = Effect.fnUntraced(function*(name: SyscallName, look: Look, parts: ReturnType<typeof partsOf>, texts: ReadonlyArray<string | undefined>, known: number, continues: boolean) {
  const whole: Array<string> = []
  let rest = ""
  for (const [i, part] of parts.entries()) {
    const value = look.registers[part.index]!
    const before = texts[i] ?? ""
    let behind = ""
    if (part.later !== undefined) {
      const text = part.later(look, value)
      behind = typeof text === "string" ? text : yield* guarded(() => text, part.show === undefined ? hex(value) : "")
    }
    whole.push(before + behind)
    if (i >= known) rest += `${i === 0 ? "" : i === known && !continues ? "" : ", "}${before}${behind}`
    else rest += behind
  }
  const { result } = look
  return {
    arguments: parts.map((part, i) => ({ name: part.name, text: whole[i]! })),
    rest,
    result: result! < 0n && result! >= -4095n ? failure(Number(-result!)) : yield* guarded(() => showResult(name, look, givesDescriptor(name, look.registers)), String(result))
  } satisfies Returned
})

const failure = (errno: number): string => {
  const restart = restarts[errno]
  if (restart !== undefined) return `? ${restart[0]} (${restart[1]})`
  return `-1 ${errnoName(errno) ?? `ERRNO_${errno}`} (${errnoText(errno) ?? `Unknown error ${errno}`})`
}

/** `SIGCHLD`, `SIGRT_3`; the number where it is none. */
export const signal = (number: number): string => signalName(number)

/** `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=12, …}`: what a signal comes with. */
export const siginfo = (info: Siginfo): string => showSiginfo(info)

/** Where results stand, as in strace. */
const COLUMN = 40

/** `text` and then ` = result`, the results of short lines beneath one another. */
export const aligned = (text: string, result: string): string => `${text.padEnd(COLUMN - 1)} = ${result}`

/** `read(3, ` */
export const begun = ({ continues, count, known, name }: Entry): string =>
  `${name}(${known.map(({ text }) => text).join(", ")}${known.length < count && known.length > 0 && !continues ? ", " : ""}`

/** The whole call in a line. */
export const line = (entry: Entry, { rest, result }: Returned): string => aligned(`${begun(entry)}${rest})`, result)
