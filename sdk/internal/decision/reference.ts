/**
 * The reference evaluator: what a model means, said as plainly as it can be said, for the tests to hold the core against and
 * for `explain`. It works on the rules as they are written, shares no code with the compiler but the reading of addresses
 * (`cidr.ts`), and its speed does not matter.
 */
import { Result } from "effect"
import { parseCidr } from "./cidr.ts"
import { RV } from "./format.ts"
import type { AddressRule, CallRule, Condition, Model, PathRule, Subject } from "./model.ts"

/** A system call as it was made: `struct rv_call`. */
export interface Call {
  readonly nr: number
  readonly arch: number
  readonly args: ReadonlyArray<bigint>
}

/** `struct rv_decision`. */
export interface Decision {
  readonly action: number
  readonly base: number
  readonly error: number
  readonly rule: number
  readonly paths: number
  readonly addresses: number
  readonly handlers: bigint
  readonly pending: bigint
}

/** `struct rv_access`. */
export interface Access {
  readonly verdict: number
  readonly rule: number
  readonly missing: number
  readonly filters: bigint
}

// ---------------------------------------------------------------------------------------------------------- calls

const toSigned = (x: bigint, width: number): bigint => BigInt.asIntN(width, x)

const holds = (condition: Condition, call: Call): boolean => {
  const width = condition.narrow === true ? 32 : 64
  const register = BigInt.asUintN(width, call.args[condition.argument]!) & (condition.mask ?? 0xffffffffffffffffn)
  if (condition.op === "in") return condition.values.some((value) => BigInt.asUintN(width, value) === register)
  if (condition.op === "notIn") return condition.values.every((value) => BigInt.asUintN(width, value) !== register)
  const x = condition.signed === true ? toSigned(register, width) : register
  const constant = (value: bigint) => condition.signed === true ? value : BigInt.asUintN(width, value)
  switch (condition.op) {
    case "eq":
      return x === constant(condition.value)
    case "ne":
      return x !== constant(condition.value)
    case "lt":
      return x < constant(condition.value)
    case "le":
      return x <= constant(condition.value)
    case "gt":
      return x > constant(condition.value)
    case "ge":
      return x >= constant(condition.value)
    case "range":
      return x >= constant(condition.low) && x <= constant(condition.high)
  }
}

/** From the weakest to the strongest. */
const strength: ReadonlyArray<CallRule["action"]["type"]> = ["allow", "notify", "trace", "errno", "kill"]
const codes = {
  allow: RV.ACTION_ALLOW,
  notify: RV.ACTION_NOTIFY,
  trace: RV.ACTION_TRACE,
  errno: RV.ACTION_ERRNO,
  kill: RV.ACTION_KILL
} as const

const bitsOf = (numbers: ReadonlyArray<number> = []): number => numbers.reduce((bits, number) => bits | 1 << number, 0)

export const evalCall = (model: Model, call: Call): Decision => {
  const foreign = call.arch !== RV.ARCH_X86_64 || (call.nr & RV.X32_BIT) !== 0
  const matching = foreign ? [] : model.calls.filter((rule) => rule.nr === call.nr && (rule.when ?? []).every((condition) => holds(condition, call)))
  const strongest = strength.findLast((type) => matching.some((rule) => rule.action.type === type))
  const decider = matching.filter((rule) => rule.action.type === strongest).toSorted((a, b) => a.id - b.id)[0]
  const action = (decider?.action ?? (foreign ? model.foreign : model.default)) as { readonly type: keyof typeof codes; readonly errno?: number }

  let paths = 0
  let addresses = 0
  let handlers = 0n
  let pending = 0n
  for (const { action: wish } of matching) {
    if (wish.type !== "handler" && wish.type !== "notify" && wish.type !== "trace") continue
    const overrides = wish.type === "handler" && wish.override === true
    if (action.type === "kill" || (action.type === "errno" && !overrides)) continue
    paths |= bitsOf(wish.paths)
    addresses |= bitsOf(wish.addresses)
    if (wish.type !== "handler") continue
    if ((wish.paths ?? []).length + (wish.addresses ?? []).length > 0) pending |= 1n << BigInt(wish.handler)
    else handlers |= 1n << BigInt(wish.handler)
  }
  pending &= ~handlers
  const base = codes[action.type]
  return {
    action: (handlers | pending) !== 0n ? RV.ACTION_HANDLER : base,
    base,
    error: action.type === "errno" ? action.errno! : 0,
    rule: decider?.id ?? RV.ID_NONE,
    paths,
    addresses,
    handlers,
    pending
  }
}

// ---------------------------------------------------------------------------------------------------------- globs

/** A text as characters: each a UTF-8 sequence, or one byte that is part of none, in binary strings. */
const charactersOf = (bytes: Uint8Array): ReadonlyArray<string> =>
  Buffer.from(bytes).toString("latin1").match(/[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[^]/g) ?? []

/** What one character of a pattern asks for, or `*`. */
type Ask = "*" | ((character: string) => boolean)

const latin = (text: string): string => Buffer.from(text).toString("latin1")

const readClass = (body: ReadonlyArray<string>): (character: string) => boolean => {
  const negated = body[0] === "!" || body[0] === "^"
  const ranges: Array<readonly [string, string]> = []
  const rest = [...(negated ? body.slice(1) : body)]
  while (rest.length > 0) {
    const take = () => rest[0] === "\\" ? rest.splice(0, 2)[1]! : rest.shift()!
    const low = take()
    if (rest[0] === "-" && rest.length > 1) {
      rest.shift()
      ranges.push([low, take()])
    } else ranges.push([low, low])
  }
  return (character) => ranges.some(([low, high]) => character.length === 1 && character >= low && character <= high) !== negated
}

/** The asks of one name of a pattern that holds no braces. */
const readName = (name: string): ReadonlyArray<Ask> => {
  const text = [...name]
  const asks: Array<Ask> = []
  while (text.length > 0) {
    const next = text.shift()!
    if (next === "*") asks.push("*")
    else if (next === "?") asks.push(() => true)
    else if (next === "[") {
      const body: Array<string> = []
      if (text[0] === "!" || text[0] === "^") body.push(text.shift()!)
      do {
        if (text[0] === "\\") body.push(text.shift()!)
        body.push(text.shift()!)
      } while (text[0] !== "]")
      text.shift()
      asks.push(readClass(body))
    } else {
      const wanted = latin(next === "\\" ? text.shift()! : next)
      asks.push((character) => character === wanted)
    }
  }
  return asks
}

/** All that a pattern with braces stands for. */
const alternatives = (pattern: string): ReadonlyArray<string> => {
  for (let open = 0; open < pattern.length; open += 1) {
    if (pattern[open] === "\\") open += 1
    else if (pattern[open] === "[") open = pastClass(pattern, open)
    else if (pattern[open] === "{") {
      const commas: Array<number> = [open]
      let depth = 0
      for (let at = open; at < pattern.length; at += 1) {
        if (pattern[at] === "\\") at += 1
        else if (pattern[at] === "[") at = pastClass(pattern, at)
        else if (pattern[at] === "{") depth += 1
        else if (pattern[at] === ",") {
          if (depth === 1) commas.push(at)
        } else if (pattern[at] === "}" && --depth === 0) {
          if (commas.length === 1) break
          return [...commas.slice(1), at].flatMap((end, index) =>
            alternatives(pattern.slice(0, open) + pattern.slice(commas[index]! + 1, end) + pattern.slice(at + 1))
          )
        }
      }
    }
  }
  return [pattern]
}

/** Index of the bracket that closes the class opened at `open`. */
const pastClass = (pattern: string, open: number): number => {
  let at = open + 1
  if (pattern[at] === "!" || pattern[at] === "^") at += 1
  at += pattern[at] === "\\" ? 2 : 1
  while (pattern[at] !== "]") at += pattern[at] === "\\" ? 2 : 1
  return at
}

const nameMatches = (asks: ReadonlyArray<Ask>, text: ReadonlyArray<string>): boolean => {
  const seen = new Map<number, boolean>()
  const from = (ask: number, at: number): boolean => {
    const key = ask * 65536 + at
    const known = seen.get(key)
    if (known !== undefined) return known
    const wanted = asks[ask]
    const result = wanted === undefined
      ? at === text.length
      : wanted === "*"
      ? from(ask + 1, at) || (at < text.length && from(ask, at + 1))
      : at < text.length && wanted(text[at]!) && from(ask + 1, at + 1)
    seen.set(key, result)
    return result
  }
  return from(0, 0)
}

type Name = "**" | ReadonlyArray<Ask>

/** Whether the names of a pattern match these names, all of them. */
const namesMatch = (pattern: ReadonlyArray<Name>, names: ReadonlyArray<ReadonlyArray<string>>): boolean => {
  const seen = new Map<number, boolean>()
  const from = (part: number, at: number): boolean => {
    const key = part * 65536 + at
    const known = seen.get(key)
    if (known !== undefined) return known
    const wanted = pattern[part]
    const result = wanted === undefined
      ? at === names.length
      : wanted === "**"
      ? from(part + 1, at) || (at < names.length && from(part, at + 1))
      : at < names.length && nameMatches(wanted, names[at]!) && from(part + 1, at + 1)
    seen.set(key, result)
    return result
  }
  return from(0, 0)
}

/** Whether some path beneath the one of these names could match. */
const couldMatchBeneath = (pattern: ReadonlyArray<Name>, names: ReadonlyArray<ReadonlyArray<string>>): boolean => {
  const depth = pattern.indexOf("**")
  const fixed = depth === -1 ? pattern : pattern.slice(0, depth)
  const shared = Math.min(fixed.length, names.length)
  return namesMatch(fixed.slice(0, shared), names.slice(0, shared)) && (depth !== -1 || pattern.length > names.length)
}

// ---------------------------------------------------------------------------------------------------------- paths

const namesOf = (path: Uint8Array): ReadonlyArray<Uint8Array> => {
  const names: Array<Uint8Array> = []
  let start = 1
  for (let at = 1; at <= path.length; at += 1) {
    if (at === path.length || path[at] === 0x2f) {
      names.push(path.subarray(start, at))
      start = at + 1
    }
  }
  return path.length === 1 ? [] : names
}

export const isResolved = (path: Uint8Array): boolean =>
  path.length >= 1 && path.length <= RV.MAX_PATH && path[0] === 0x2f && !path.includes(0) &&
  namesOf(path).every((name) => name.length >= 1 && name.length <= RV.MAX_NAME && ![".", ".."].includes(Buffer.from(name).toString("latin1")))

const equalNames = (a: ReadonlyArray<Uint8Array>, b: ReadonlyArray<Uint8Array>): boolean =>
  a.length === b.length && a.every((name, index) => Buffer.compare(name, b[index]!) === 0)

const patterns = new WeakMap<PathRule, ReadonlyArray<ReadonlyArray<Name>>>()

const patternsOf = (rule: Extract<PathRule, { readonly glob: string }>): ReadonlyArray<ReadonlyArray<Name>> => {
  const known = patterns.get(rule)
  if (known !== undefined) return known
  const read = alternatives(rule.glob).map((text) =>
    text === "/" ? [] : text.slice(1).split("/").map((name): Name => name === "**" ? "**" : readName(name))
  )
  patterns.set(rule, read)
  return read
}

const bytesOf = (path: string | Uint8Array): Uint8Array => typeof path === "string" ? Buffer.from(path) : path

/** Whether a rule covers the path; with `tree`, whether it covers it or anything beneath it. */
const coversPath = (rule: PathRule, path: Uint8Array, tree: boolean): boolean => {
  const names = namesOf(path)
  if ("path" in rule) {
    const own = namesOf(bytesOf(rule.path))
    return equalNames(own, rule.scope === "subtree" ? names.slice(0, own.length) : names) || (tree && equalNames(own.slice(0, names.length), names))
  }
  const characters = names.map(charactersOf)
  return patternsOf(rule).some((pattern) =>
    namesMatch(pattern, characters) ||
    (rule.scope === "subtree" && characters.some((_, length) => namesMatch(pattern, characters.slice(0, length)))) ||
    (tree && couldMatchBeneath(pattern, characters))
  )
}

/** What rules that cover the thing in question say about it. */
const conclude = (covering: ReadonlyArray<Subject>, rights: number, tree: boolean): Access => {
  const about = covering.filter((rule) => (rule.rights & rights) !== 0)
  const lowest = (rules: ReadonlyArray<Subject>) => Math.min(...rules.map((rule) => (rule as { readonly id: number }).id))
  const denies = (tree ? covering : about).filter((rule) => rule.kind === "deny")
  const grants = about.filter((rule) => rule.kind === "grant")
  const filters = about.reduce((bits, rule) => rule.kind === "filter" ? bits | 1n << BigInt(rule.handler) : bits, 0n)
  if (denies.length > 0) return { verdict: RV.VERDICT_DENIED, rule: lowest(denies), missing: rights, filters }
  const missing = rights & ~grants.reduce((bits, rule) => bits | rule.rights, 0)
  return missing !== 0
    ? { verdict: RV.VERDICT_MISSING, rule: RV.ID_NONE, missing, filters }
    : { verdict: RV.VERDICT_GRANTED, rule: lowest(grants), missing: 0, filters }
}

const refuse = (verdict: number, rights: number): Access => ({ verdict, rule: RV.ID_NONE, missing: rights, filters: 0n })

const isQuestion = (rights: number): boolean => rights > 0 && rights <= RV.RIGHT_ALL

export const evalPath = (model: Model, path: Uint8Array, rights: number, tree = false): Access =>
  isQuestion(rights) && isResolved(path)
    ? conclude(model.paths.filter((rule) => coversPath(rule, path, tree && rule.kind === "deny")), rights, tree)
    : refuse(RV.VERDICT_MALFORMED, rights)

// ------------------------------------------------------------------------------------------------------ addresses

const toNumber = (bytes: Uint8Array): bigint => bytes.reduce((number, byte) => number << 8n | BigInt(byte), 0n)

const coversIp = (rule: AddressRule, family: 4 | 6, address: bigint, port: number, protocol: number): boolean => {
  if ("abstract" in rule) return false
  const network = Result.getOrThrow(parseCidr(rule.cidr))
  const rest = BigInt((network.family === 4 ? 32 : 128) - network.prefix)
  const [low, high] = rule.ports ?? [0, 65535]
  return network.family === family && address >> rest === toNumber(network.bytes) >> rest && port >= low && port <= high &&
    ((rule.protocols ?? RV.PROTOCOL_ALL) & protocol) !== 0
}

const MAPPED = 0xffffn

const ip = (model: Model, family: 4 | 6, address: bigint, port: number, protocol: number, rights: number): Access => {
  if (!isQuestion(rights) || ![1, 2, 4, 8].includes(protocol)) return refuse(RV.VERDICT_MALFORMED, rights)
  if (family === 6 && address >> 32n === MAPPED) return ip(model, 4, address & 0xffffffffn, port, protocol, rights)
  const host = address === 0n && rights !== RV.RIGHT_BIND ? family === 4 ? 0x7f000001n : 1n : address
  return conclude(model.addresses.filter((rule) => coversIp(rule, family, host, port, protocol)), rights, false)
}

/** Decides by the bytes of a sockaddr. */
export const evalAddress = (model: Model, sockaddr: Uint8Array, protocol: number, rights: number): Access => {
  if (sockaddr.length < 2 || sockaddr.length > 128) return refuse(RV.VERDICT_MALFORMED, rights)
  const view = new DataView(sockaddr.buffer, sockaddr.byteOffset, sockaddr.length)
  switch (view.getUint16(0, true)) {
    case 2:
      return sockaddr.length < 16
        ? refuse(RV.VERDICT_MALFORMED, rights)
        : ip(model, 4, toNumber(sockaddr.subarray(4, 8)), view.getUint16(2), protocol, rights)
    case 10:
      return sockaddr.length < 24
        ? refuse(RV.VERDICT_MALFORMED, rights)
        : ip(model, 6, toNumber(sockaddr.subarray(8, 24)), view.getUint16(2), protocol, rights)
    case 1: {
      if (sockaddr.length > 110) return refuse(RV.VERDICT_MALFORMED, rights)
      const name = sockaddr.subarray(2)
      if (name.length === 0) return refuse(RV.VERDICT_UNSUPPORTED, rights)
      if (name[0] !== 0) {
        const end = name.indexOf(0)
        return evalPath(model, end === -1 ? name : name.subarray(0, end), rights)
      }
      if (!isQuestion(rights)) return refuse(RV.VERDICT_MALFORMED, rights)
      const characters = charactersOf(name.subarray(1))
      return conclude(
        model.addresses.filter((rule) => "abstract" in rule && alternatives(rule.abstract).some((text) => nameMatches(readName(text), characters))),
        rights,
        false
      )
    }
    default:
      return refuse(RV.VERDICT_UNSUPPORTED, rights)
  }
}
