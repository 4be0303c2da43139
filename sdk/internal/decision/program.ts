/**
 * The compiler: a model (`model.ts`) to the bytes that the decision core evaluates (native/core/rv_abi.h).
 *
 * It reports every fault of the model at once and writes only what `rv_validate` accepts. Rules that another rule makes
 * redundant are left out; nothing else is optimised, so the result depends on the rules alone, not on their order.
 */
import { Result } from "effect"
import { PolicyFault } from "../../errors.ts"
import { parseCidr } from "./cidr.ts"
import { records, RV } from "./format.ts"
import { binary, parseGlob, parseName, type Part } from "./glob.ts"
import type { Action, AddressRule, CallRule, Condition, Default, Model, PathRule, Pointers, Subject } from "./model.ts"
import { Section } from "./section.ts"

const single = { SIZE: 1 } as const
const value = { SIZE: 8, bits: { at: 0, bytes: 8 } } as const

const kinds = { grant: RV.KIND_GRANT, deny: RV.KIND_DENY, filter: RV.KIND_FILTER } as const
const scopes = { exact: RV.SCOPE_EXACT, subtree: RV.SCOPE_SUBTREE } as const
const actions = {
  allow: RV.ACTION_ALLOW,
  notify: RV.ACTION_NOTIFY,
  trace: RV.ACTION_TRACE,
  errno: RV.ACTION_ERRNO,
  kill: RV.ACTION_KILL,
  handler: RV.ACTION_HANDLER
} as const
const operators = {
  eq: RV.OP_EQ,
  ne: RV.OP_NE,
  lt: RV.OP_LT,
  le: RV.OP_LE,
  gt: RV.OP_GT,
  ge: RV.OP_GE,
  range: RV.OP_RANGE,
  in: RV.OP_IN,
  notIn: RV.OP_NOT_IN
} as const
const tokens = { byte: RV.TOKEN_BYTE, any: RV.TOKEN_ANY, run: RV.TOKEN_RUN, set: RV.TOKEN_SET } as const

type NetworkRule = Extract<AddressRule, { readonly cidr: string }>
type NameRule = Extract<AddressRule, { readonly abstract: string }>

/** A rule at one node: over its own path if `parts` is empty. */
interface NodeRule {
  readonly kind: Subject["kind"]
  readonly id: number
  rights: number
  readonly scope: PathRule["scope"]
  readonly parts: ReadonlyArray<Part>
}

interface Node {
  readonly name: string
  readonly hash: number
  /** Absent until there is one: of a large policy's nodes most have no child or no rule. */
  children: Map<string, Node> | undefined
  rules: Array<NodeRule> | undefined
  denyBeneath: number
}

const isInteger = (n: number, low: number, high: number): boolean => Number.isInteger(n) && n >= low && n <= high
const byId = (a: { readonly id: number }, b: { readonly id: number }): number => a.id - b.id
const byBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)
const byHash = (a: Node, b: Node): number => a.hash - b.hash || (a.name < b.name ? -1 : 1)

/** FNV-1a over the bytes of a name. */
const hashOf = (name: string): number => {
  let hash: number = RV.HASH_SEED
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), RV.HASH_PRIME)
  return hash >>> 0
}

const newNode = (name: string): Node => ({ name, hash: hashOf(name), children: undefined, rules: undefined, denyBeneath: RV.ID_NONE })

const partKey = (part: Part): string =>
  part.kind === "literal" ? `=${part.text}` : part.kind === "depth" ? "**" : `~${part.tokens.map((token) =>
    token.op === "byte" ? `.${token.byte}` : token.op === "set" ? `s${Buffer.from(token.bits).toString("hex")}` : token.op).join("")}`

class Compiler {
  readonly faults: Array<PolicyFault> = []
  readonly syscalls = new Section(records.syscall)
  readonly rules = new Section(records.rule)
  readonly conditions = new Section(records.condition)
  readonly values = new Section(value)
  readonly nodes = new Section(records.node)
  readonly pathRules = new Section(records.path_rule)
  readonly parts = new Section(records.part)
  readonly tokens = new Section(records.token)
  readonly sets = new Section(records.set)
  readonly groups = new Section(records.group)
  readonly addresses = new Section(records.address_rule)
  readonly abstracts = new Section(records.abstract)
  readonly strings = new Section(single)
  readonly #offsets = new Map<string, number>()
  readonly #sets = new Map<string, number>()

  fault(path: string, message: string): void {
    this.faults.push(new PolicyFault({ path, message }))
  }

  // ------------------------------------------------------------------------------------------------------- shared

  #id(id: number, path: string): void {
    if (!isInteger(id, 0, RV.ID_NONE - 1)) this.fault(path, `a rule id is 0 to ${RV.ID_NONE - 1}`)
  }

  #handler(handler: number, path: string): void {
    if (!isInteger(handler, 0, RV.MAX_HANDLERS - 1)) this.fault(path, `a program has room for ${RV.MAX_HANDLERS} handlers, numbered from 0`)
  }

  /** What path and address rules share; the number in their `id` field. */
  #subject(subject: Subject, path: string): number {
    if (!isInteger(subject.rights, 1, RV.RIGHT_ALL)) this.fault(`${path}.rights`, "not a set of rights, or an empty one")
    if (subject.kind === "filter") this.#handler(subject.handler, `${path}.handler`)
    else this.#id(subject.id, `${path}.id`)
    return subject.kind === "filter" ? subject.handler : subject.id
  }

  #string(text: string): number {
    const known = this.#offsets.get(text)
    if (known !== undefined) return known
    const offset = this.strings.append(Buffer.from(text, "latin1"))
    this.#offsets.set(text, offset)
    return offset
  }

  #set(bits: Uint8Array): number {
    const key = Buffer.from(bits).toString("latin1")
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const index = this.sets.add({ bits })
    this.#sets.set(key, index)
    return index
  }

  #part(part: Part): void {
    if (part.kind === "depth") this.parts.add({ kind: RV.PART_DEPTH })
    else if (part.kind === "literal") this.parts.add({ kind: RV.PART_LITERAL, first: this.#string(part.text), length: part.text.length })
    else {
      this.parts.add({ kind: RV.PART_WILD, first: this.tokens.count, length: part.tokens.length })
      for (const token of part.tokens) {
        this.tokens.add({
          op: tokens[token.op],
          byte: token.op === "byte" ? token.byte : 0,
          set: token.op === "set" ? this.#set(token.bits) : 0
        })
      }
    }
  }

  /** Whether the core has room for this part. */
  #fits(part: Part, longest: number, path: string): boolean {
    const fits = part.kind === "depth" || (part.kind === "literal" ? part.text.length <= longest : part.tokens.length <= RV.MAX_PART_TOKENS)
    if (!fits) this.fault(path, `has a name of more than ${longest} bytes`)
    return fits
  }

  // -------------------------------------------------------------------------------------------------------- calls

  #errno(action: Action | Default, path: string): number {
    if (action.type !== "errno") return 0
    if (!isInteger(action.errno, 1, RV.MAX_ERRNO)) this.fault(`${path}.errno`, `an errno is 1 to ${RV.MAX_ERRNO}`)
    return action.errno
  }

  #arguments(numbers: ReadonlyArray<number> | undefined, path: string): number {
    let bits = 0
    for (const number of numbers ?? []) {
      if (!isInteger(number, 0, RV.ARGUMENTS - 1)) this.fault(path, "a call has arguments 0 to 5")
      bits |= 1 << number
    }
    return bits
  }

  /** The register's value that `number` stands for. */
  #operand(number: bigint, condition: Condition, path: string): bigint {
    const width = condition.narrow === true ? 32n : 64n
    const high = condition.signed === true ? 1n << (width - 1n) : 1n << width
    if (number < -(1n << (width - 1n)) || number >= high) this.fault(path, `out of the range of ${width} bits`)
    // A signed int is compared as it is extended to 64 bits.
    return BigInt.asUintN(condition.signed === true ? 64 : Number(width), number)
  }

  #condition(condition: Condition, path: string): void {
    const ordered = condition.op !== "eq" && condition.op !== "ne" && condition.op !== "in" && condition.op !== "notIn"
    if (!isInteger(condition.argument, 0, RV.ARGUMENTS - 1)) this.fault(`${path}.argument`, "a call has arguments 0 to 5")
    if (condition.mask !== undefined && BigInt.asUintN(64, condition.mask) !== condition.mask) this.fault(`${path}.mask`, "out of the range of 64 bits")
    if (condition.signed === true && (!ordered || condition.mask !== undefined)) {
      this.fault(`${path}.signed`, "only for lt, le, gt, ge and range, and without a mask")
    }
    const mask = condition.mask ?? (1n << 64n) - 1n
    const first = this.values.count
    let low = 0n
    let high = 0n
    if (condition.op === "range") {
      if (condition.low > condition.high) this.fault(path, "low is above high")
      if (condition.low < 0n && condition.signed !== true) this.fault(`${path}.low`, "negative, but the range is not signed")
      low = this.#operand(condition.low, condition, `${path}.low`)
      high = this.#operand(condition.high, condition, `${path}.high`)
    } else if ("values" in condition) {
      const operands = condition.values.map((number, index) => this.#operand(number, condition, `${path}.values[${index}]`))
      if (operands.length === 0) this.fault(`${path}.values`, "an empty set")
      for (const bits of [...new Set(operands)].sort((a, b) => a < b ? -1 : 1)) this.values.add({ bits })
    } else low = this.#operand(condition.value, condition, `${path}.value`)
    this.conditions.add({
      argument: condition.argument,
      op: operators[condition.op],
      flags: (condition.signed === true ? RV.CONDITION_SIGNED : 0) | (condition.narrow === true ? RV.CONDITION_NARROW : 0),
      first_value: first,
      value_count: this.values.count - first,
      mask,
      low,
      high
    })
  }

  #callRule(rule: CallRule, path: string): void {
    const { action } = rule
    const pointers: Pointers = action.type === "notify" || action.type === "trace" || action.type === "handler" ? action : {}
    this.#id(rule.id, `${path}.id`)
    if (action.type === "handler") this.#handler(action.handler, `${path}.action.handler`)
    const first = this.conditions.count
    for (const [index, condition] of (rule.when ?? []).entries()) this.#condition(condition, `${path}.when[${index}]`)
    const count = this.conditions.count - first
    if (count > RV.MAX_RULE_CONDITIONS) this.fault(`${path}.when`, `more than ${RV.MAX_RULE_CONDITIONS} conditions`)
    this.rules.add({
      id: rule.id,
      action: actions[action.type],
      flags: action.type === "handler" && action.override === true ? RV.RULE_OVERRIDE : 0,
      error: this.#errno(action, `${path}.action`),
      first_condition: first,
      condition_count: count,
      paths: this.#arguments(pointers.paths, `${path}.action.paths`),
      addresses: this.#arguments(pointers.addresses, `${path}.action.addresses`),
      handler: action.type === "handler" ? action.handler : 0
    })
  }

  calls(rules: ReadonlyArray<CallRule>): void {
    const byNumber: Array<Array<{ readonly rule: CallRule; readonly path: string; readonly id: number }>> = []
    for (const [index, rule] of rules.entries()) {
      const path = `calls[${index}]`
      if (!isInteger(rule.nr, 0, RV.MAX_SYSCALLS - 1)) this.fault(`${path}.nr`, `a call number is 0 to ${RV.MAX_SYSCALLS - 1}`)
      else (byNumber[rule.nr] ??= []).push({ rule, path, id: rule.id })
    }
    for (let nr = 0; nr < byNumber.length; nr += 1) {
      const own = byNumber[nr] ?? []
      if (own.length > RV.MAX_CALL_RULES) this.fault("calls", `more than ${RV.MAX_CALL_RULES} rules for call ${nr}`)
      this.syscalls.add({ first_rule: this.rules.count, rule_count: own.length })
      for (const { rule, path } of own.sort(byId)) this.#callRule(rule, path)
    }
  }

  // -------------------------------------------------------------------------------------------------------- paths

  /** The names of a resolved path; undefined if it is none, which is then a fault. */
  #names(path: string | Uint8Array, at: string): ReadonlyArray<string> | undefined {
    if (typeof path === "string" && !path.isWellFormed()) return void this.fault(at, "holds a lone surrogate")
    const text = typeof path === "string" ? binary(path) : Buffer.from(path).toString("latin1")
    if (text === "/") return []
    const [before, ...names] = text.split("/")
    if (before !== "" || names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
      return void this.fault(at, 'not a resolved absolute path: it starts with "/" and has no empty name, ".", ".." or NUL in it')
    }
    if (text.length > RV.MAX_PATH || names.some((name) => name.length > RV.MAX_NAME)) return void this.fault(at, "longer than the kernel permits")
    return names
  }

  /** The literal beginning of every pattern that a rule stands for, and what follows it. */
  #patterns(rule: PathRule, at: string): ReadonlyArray<{ readonly names: ReadonlyArray<string>; readonly parts: ReadonlyArray<Part> }> {
    if ("path" in rule) {
      const names = this.#names(rule.path, `${at}.path`)
      return names === undefined ? [] : [{ names, parts: [] }]
    }
    const patterns = parseGlob(rule.glob)
    if (Result.isFailure(patterns)) {
      this.fault(`${at}.glob`, patterns.failure)
      return []
    }
    return patterns.success.flatMap((parts) => {
      if (!parts.every((part) => this.#fits(part, RV.MAX_NAME, `${at}.glob`))) return []
      if (parts.length > RV.MAX_RULE_PARTS) {
        this.fault(`${at}.glob`, `has more than ${RV.MAX_RULE_PARTS} names`)
        return []
      }
      const wild = parts.findIndex((part) => part.kind !== "literal")
      const cut = wild === -1 ? parts.length : wild
      return [{ names: parts.slice(0, cut).map((part) => (part as { readonly text: string }).text), parts: parts.slice(cut) }]
    })
  }

  #tree(rules: ReadonlyArray<PathRule>): Node {
    const root = newNode("")
    for (const [index, rule] of rules.entries()) {
      const at = `paths[${index}]`
      const id = this.#subject(rule, at)
      for (const { names, parts } of this.#patterns(rule, at)) {
        let node = root
        for (const name of names) {
          let child = node.children?.get(name)
          if (child === undefined) (node.children ??= new Map()).set(name, child = newNode(name))
          node = child
        }
        ;(node.rules ??= []).push({ kind: rule.kind, id, rights: rule.rights, scope: rule.scope, parts })
      }
    }
    return root
  }

  /** Without the rules that say nothing which rules of lower id do not say already. */
  #needed(rules: ReadonlyArray<NodeRule>): ReadonlyArray<NodeRule> {
    if (rules.length < 2) return rules
    const said = new Map<string, { exact: number; subtree: number }>()
    return rules.toSorted(byId).filter((rule) => {
      const key = `${rule.kind}${rule.kind === "filter" ? rule.id : ""} ${rule.parts.map(partKey).join("/")}`
      const before = said.get(key) ?? { exact: 0, subtree: 0 }
      const covered = rule.scope === "subtree" ? before.subtree : before.subtree | before.exact
      said.set(key, { ...before, [rule.scope]: before[rule.scope] | rule.rights })
      return (rule.rights & ~covered) !== 0
    })
  }

  paths(rules: ReadonlyArray<PathRule>): void {
    // Breadth first, so that the children of each node stand together, after it.
    const order: Array<Node> = [this.#tree(rules)]
    for (let index = 0; index < order.length; index += 1) {
      const { children } = order[index]!
      if (children !== undefined) for (const child of [...children.values()].sort(byHash)) order.push(child)
    }
    for (const node of order.toReversed()) {
      for (const child of node.children?.values() ?? []) {
        node.denyBeneath = Math.min(node.denyBeneath, child.denyBeneath)
        for (const rule of child.rules ?? []) if (rule.kind === "deny") node.denyBeneath = Math.min(node.denyBeneath, rule.id)
      }
    }
    let next = 1
    for (const node of order) {
      const own = this.#needed(node.rules ?? [])
      const children = node.children?.size ?? 0
      if (own.length > RV.MAX_NODE_RULES) this.fault("paths", `more than ${RV.MAX_NODE_RULES} patterns begin with one path`)
      this.nodes.add({
        name: node.name === "" ? 0 : this.#string(node.name),
        name_length: node.name.length,
        first_child: next,
        child_count: children,
        first_rule: this.pathRules.count,
        rule_count: own.length,
        deny_beneath: node.denyBeneath,
        hash: node.hash
      })
      next += children
      for (const rule of own) {
        this.pathRules.add({
          id: rule.id,
          rights: rule.rights,
          kind: kinds[rule.kind],
          scope: scopes[rule.scope],
          part_count: rule.parts.length,
          first_part: this.parts.count
        })
        for (const part of rule.parts) this.#part(part)
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------- addresses

  #abstract(rule: NameRule, id: number, path: string): void {
    const names = parseName(rule.abstract)
    if (Result.isFailure(names)) return this.fault(`${path}.abstract`, names.failure)
    for (const part of names.success) {
      if (!this.#fits(part, RV.MAX_ABSTRACT_NAME, `${path}.abstract`)) continue
      this.abstracts.add({ id, rights: rule.rights, kind: kinds[rule.kind], part: this.parts.count })
      this.#part(part)
    }
  }

  addressRules(rules: ReadonlyArray<AddressRule>): void {
    type Entry = { readonly id: number; readonly rule: NetworkRule; readonly bytes: Uint8Array; readonly path: string }
    const groups = new Map<number, Array<Entry>>()
    for (const [index, rule] of rules.entries()) {
      const path = `addresses[${index}]`
      const id = this.#subject(rule, path)
      if ("abstract" in rule) {
        this.#abstract(rule, id, path)
        continue
      }
      const network = parseCidr(rule.cidr)
      if (Result.isFailure(network)) {
        this.fault(`${path}.cidr`, network.failure)
        continue
      }
      const key = network.success.family << 8 | network.success.prefix
      const bytes = new Uint8Array(16)
      bytes.set(network.success.bytes)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [{ id, rule, bytes, path }])
      else group.push({ id, rule, bytes, path })
    }
    for (const [key, group] of [...groups].sort(([a], [b]) => a - b)) {
      this.groups.add({ family: key >> 8, prefix: key & 0xff, first_address: this.addresses.count, address_count: group.length })
      for (const { bytes, id, path, rule } of group.sort((a, b) => byBytes(a.bytes, b.bytes) || a.id - b.id)) {
        const [low, high] = rule.ports ?? [0, 0xffff]
        const protocols = rule.protocols ?? RV.PROTOCOL_ALL
        if (!isInteger(low, 0, 0xffff) || !isInteger(high, low, 0xffff)) this.fault(`${path}.ports`, "not a range of ports from 0 to 65535")
        if (!isInteger(protocols, 1, RV.PROTOCOL_ALL)) this.fault(`${path}.protocols`, "not a set of protocols, or an empty one")
        this.addresses.add({ id, rights: rule.rights, kind: kinds[rule.kind], protocols, port_low: low, port_high: high, bytes })
      }
    }
  }

  // ------------------------------------------------------------------------------------------------------ program

  /** Sections in the order of `RV_SECTION_*`, and how many records each may have. */
  get #sections() {
    return [
      [this.syscalls, RV.MAX_SYSCALLS, "call numbers"],
      [this.rules, RV.MAX_RULES, "rules over calls"],
      [this.conditions, RV.MAX_CONDITIONS, "conditions"],
      [this.values, RV.MAX_VALUES, "values in sets"],
      [this.nodes, RV.MAX_NODES, "names in paths"],
      [this.pathRules, RV.MAX_PATH_RULES, "rules over paths"],
      [this.parts, RV.MAX_PARTS, "names in patterns"],
      [this.tokens, RV.MAX_TOKENS, "characters in patterns"],
      [this.sets, RV.MAX_SETS, "classes in patterns"],
      [this.groups, RV.MAX_GROUPS, "prefix lengths"],
      [this.addresses, RV.MAX_ADDRESSES, "rules over addresses"],
      [this.abstracts, RV.MAX_ABSTRACTS, "rules over abstract names"],
      [this.strings, RV.MAX_STRINGS, "bytes of names"]
    ] as const
  }

  program(model: Model): Uint8Array {
    const header = new Section(records.header)
    const table = new Section(records.section)
    let size: number = records.header.SIZE
    for (const [section, limit, what] of this.#sections) {
      if (section.count > limit) this.fault("", `has ${section.count} ${what}, more than ${limit}`)
      table.add({ offset: size, count: section.count })
      size = (size + section.bytes.length + 7) & ~7
    }
    if (size > RV.MAX_PROGRAM) this.fault("", `takes ${size} bytes, more than ${RV.MAX_PROGRAM}`)
    const { default: fallback, foreign } = model
    header.add({
      magic: RV.MAGIC,
      version: RV.VERSION,
      header_size: records.header.SIZE,
      size,
      arch: RV.ARCH_X86_64,
      default_action: actions[fallback.type],
      foreign_action: actions[foreign.type],
      default_error: this.#errno(fallback, "default"),
      foreign_error: this.#errno(foreign, "foreign"),
      sections: table.bytes
    })
    const bytes = new Uint8Array(size)
    bytes.set(header.bytes)
    let at: number = records.header.SIZE
    for (const [section] of this.#sections) {
      bytes.set(section.bytes, at)
      at = (at + section.bytes.length + 7) & ~7
    }
    return bytes
  }
}

/** The program that says what the model says, in a buffer of its own; or every fault of the model, with its path in it. */
export const compileProgram = (model: Model): Result.Result<Uint8Array, ReadonlyArray<PolicyFault>> => {
  const compiler = new Compiler()
  compiler.calls(model.calls)
  compiler.paths(model.paths)
  compiler.addressRules(model.addresses)
  const bytes = compiler.program(model)
  return compiler.faults.length === 0 ? Result.succeed(bytes) : Result.fail(compiler.faults)
}
