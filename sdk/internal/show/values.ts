/** Single numbers in words: flags, descriptors, modes, signals, identifiers. */
import type { FlagSet } from "../syscall/flagSet.ts"
import * as generated from "../syscall/generated/flags.ts"
import { name as signalName } from "../../Signal.ts"
import * as own from "./constants.ts"
import type { Look } from "./look.ts"
import { hex, octal } from "./text.ts"

const sets: Readonly<Record<string, unknown>> = { ...generated, ...own }

/** A set of this module's or of the generated ones, by name. */
export const setOf = (name: string): FlagSet<string> => sets[name] as FlagSet<string>

const i32 = (value: bigint): number => Number(BigInt.asIntN(32, value))
export { i32 }
export const u32 = (value: bigint): number => Number(BigInt.asUintN(32, value))

/** What all names of a set begin with: `SEEK_`. */
const stems = new Map<string, string>()
const stemOf = (set: FlagSet<string>): string => {
  const known = stems.get(set.name)
  if (known !== undefined) return known
  const names = set.entries.map((entry) => entry.name)
  const [first] = names
  let length = first!.length
  while (!names.every((name) => name.startsWith(first!.slice(0, length)))) length--
  const common = first!.slice(0, length)
  const stem = common.slice(0, common.lastIndexOf("_") + 1)
  stems.set(set.name, stem)
  return stem
}

const ranks = new Map<string, ReadonlyMap<string, number>>()
const rankOf = (set: FlagSet<string>): ReadonlyMap<string, number> | undefined => {
  const text = own.order[set.name]
  if (text === undefined) return undefined
  let rank = ranks.get(set.name)
  if (rank === undefined) ranks.set(set.name, rank = new Map(text.split(" ").map((name, i) => [name, i])))
  return rank
}

const parts = (set: FlagSet<string>, value: bigint | number): { readonly names: Array<string>; readonly rest: string | undefined } => {
  const words = set.format(value).split("|")
  const last = words.at(-1)!
  const rest = /^\d/.test(last) ? words.pop() : undefined
  const rank = rankOf(set)
  if (rank !== undefined && words.length > 1) words.sort((a, b) => (rank.get(a) ?? 99) - (rank.get(b) ?? 99))
  return { names: words.map((word) => own.renamed[word] ?? word), rest: rest === undefined || rest === "0" ? undefined : hex(BigInt(rest)) }
}

/** A program uses few combinations, over and over. */
const shownFlags = new Map<string, Map<bigint | number, string>>()
const KEPT = 512

/** Flags by name, and what has none as a number. */
export const flags = (name: string, value: bigint | number): string => {
  let known = shownFlags.get(name)
  if (known === undefined) shownFlags.set(name, known = new Map())
  const before = known.get(value)
  if (before !== undefined) return before
  const set = setOf(name)
  const { names, rest } = parts(set, value)
  const shown = names.length === 0 ? rest === undefined ? "0" : `${rest} /* ${stemOf(set)}??? */` : [...names, ...rest === undefined ? [] : [rest]].join("|")
  if (known.size < KEPT) known.set(value, shown)
  return shown
}

/** Several names can share a number: the first counts. */
export const constant = (name: string, value: bigint | number): string => {
  const set = setOf(name)
  const wanted = Number(BigInt.asUintN(64, BigInt(value)))
  const entry = set.entries.find((one) => one.value === wanted) ?? set.entries.find((one) => one.value === Number(BigInt.asUintN(32, BigInt(value))))
  return entry === undefined ? `${hex(BigInt(value) < 0n ? BigInt.asUintN(32, BigInt(value)) : value)} /* ${stemOf(set)}??? */` : own.renamed[entry.name] ?? entry.name
}

const named = (look: Look, fd: number, text: string): string => {
  const name = look.options.descriptor?.(fd)
  return name === undefined ? text : `${text}<${name}>`
}

export const descriptor = (look: Look, fd: number): string => fd < 0 ? String(fd) : named(look, fd, String(fd))

const AT_FDCWD = -100

export const directory = (look: Look, fd: number): string => fd === AT_FDCWD ? named(look, fd, "AT_FDCWD") : descriptor(look, fd)

/** `SIGCHLD`, `SIGRT_3`; the number where it is no signal. */
export const signal = (number: number): string => {
  if (number === 32 || number === 33) return number === 32 ? "SIGRTMIN" : "SIGRT_1"
  if (number > 33 && number <= 64) return `SIGRT_${number - 32}`
  return signalName(number) ?? String(number)
}

/** `[INT CHLD]`, and `~[…]` of those that are missing where most are there. */
export const signalSet = (bits: bigint): string => {
  const word = (signals: ReadonlyArray<number>): string => `[${signals.map((n) => signal(n).replace(/^SIG/, "")).join(" ")}]`
  const all = Array.from({ length: 64 }, (_, i) => i + 1)
  const there = all.filter((n) => (bits >> BigInt(n - 1)) & 1n)
  return there.length >= 42 ? `~${word(all.filter((n) => !there.includes(n)))}` : word(there)
}

/** `S_IFREG|0644` */
export const mode = (value: number): string => {
  const type = value & 0o170000
  const bits = octal(value & 0o7777)
  if (type === 0) return bits
  const entry = generated.Mode.entries.find((one) => one.mask === 0xf000n && one.value === type)
  return entry === undefined ? octal(value) : `${entry.name}|${bits}`
}

/** A user or group, -1 for none. */
export const identity = (value: number): string => value === 0xffff_ffff ? "-1" : String(value)

export const clock = (value: number): string => value < 0 ? `${hex(value >>> 0)} /* CLOCK_??? */` : constant("ClockId", value)

/** Limits of setrlimit(2) in units of 1024 where they are whole. */
export const limit = (value: bigint): string =>
  value === 0xffff_ffff_ffff_ffffn ? "RLIM64_INFINITY" : value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : String(value)

/** What wait4(2) stores. */
export const waitStatus = (status: number): string => {
  const number = status & 0x7f
  if (status === 0xffff) return "{WIFCONTINUED(s)}"
  if ((status & 0xff) === 0x7f) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signal((status >> 8) & 0xff)}}`
  if (number === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signal(number)}${(status & 0x80) === 0 ? "" : " && WCOREDUMP(s)"}}`
}
