/**
 * Globs, from text to what the core matches.
 *
 * | text      | matches                                                                                   |
 * |-----------|-------------------------------------------------------------------------------------------|
 * | `*`       | any number of characters of one name, none too                                            |
 * | `?`       | one character                                                                             |
 * | `[a-z_]`  | one of these characters; `[!…]` or `[^…]` any other. ASCII only; `]` may stand first        |
 * | `**`      | as a whole name: any number of names, none too. Elsewhere the same as `*`                 |
 * | `{a,b/c}` | either; may be nested. Without a comma it is plain text                                   |
 * | `\x`      | `x` itself                                                                                |
 *
 * A name that starts with a dot is a name like any other. What is not understood is a fault, never taken literally.
 */

export type Token =
  | { readonly op: "byte"; readonly byte: number }
  | { readonly op: "any" | "run" }
  /** A bit for each first byte. */
  | { readonly op: "set"; readonly bits: Uint8Array }

/** Text is in "binary strings": one UTF-16 unit for each byte of UTF-8. */
export type Part =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "wild"; readonly tokens: ReadonlyArray<Token> }
  | { readonly kind: "depth" }

/** What a pattern with braces stands for, at most this many patterns. */
const MAX_ALTERNATIVES = 1024

export const binary = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

/** A fault of a pattern, in words. Thrown within this file only. */
class Fault {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** Where the class that opens at `open` ends. `]` right after `[`, `[!` or `[^` belongs to it. */
const classEnd = (text: string, open: number): number => {
  let at = open + 1
  if (text[at] === "!" || text[at] === "^") at += 1
  for (let first = true; at < text.length; at += 1, first = false) {
    if (text[at] === "]" && !first) return at
    if (text[at] === "\\") at += 1
  }
  throw new Fault("has a `[` that is not closed; write `\\[` for the character")
}

/** The alternatives of the brace at `open` and where it ends; undefined if it is none. */
const braceAt = (text: string, open: number): { readonly end: number; readonly choices: ReadonlyArray<string> } | undefined => {
  const choices: Array<string> = []
  let depth = 0
  let start = open + 1
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1
    else if (text[at] === "[") at = classEnd(text, at)
    else if (text[at] === "{") depth += 1
    else if (text[at] === "," && depth === 1) {
      choices.push(text.slice(start, at))
      start = at + 1
    } else if (text[at] === "}" && (depth -= 1) === 0) {
      return choices.length === 0 ? undefined : { end: at, choices: [...choices, text.slice(start, at)] }
    }
  }
  return undefined
}

const expandBraces = (text: string): ReadonlyArray<string> => {
  let done: Array<string> = [""]
  let rest = 0
  const append = (suffixes: ReadonlyArray<string>) => {
    if (done.length * suffixes.length > MAX_ALTERNATIVES) throw new Fault(`stands for more than ${MAX_ALTERNATIVES} patterns`)
    done = done.flatMap((prefix) => suffixes.map((suffix) => prefix + suffix))
  }
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1
    else if (text[at] === "[") at = classEnd(text, at)
    else if (text[at] === "{") {
      const brace = braceAt(text, at)
      if (brace === undefined) continue
      append([text.slice(rest, at)])
      append(brace.choices.flatMap(expandBraces))
      at = brace.end
      rest = at + 1
    }
  }
  append([text.slice(rest)])
  return done
}

/** The set of a class's inside. */
const parseClass = (inside: string): Uint8Array => {
  const negated = /^[!^]/.test(inside)
  const bits = new Uint8Array(32)
  const characters: Array<{ readonly code: number; readonly dash: boolean }> = []
  for (let at = negated ? 1 : 0; at < inside.length; at += 1) {
    if (inside[at] === "[" && inside[at + 1] === ":") throw new Fault("has a class such as [:alpha:], which is not supported")
    const escaped = inside[at] === "\\"
    if (escaped) at += 1
    const code = inside.charCodeAt(at)
    if (code > 0x7f) throw new Fault("has a character in `[…]` that is not ASCII; write `{ä,ö}`")
    characters.push({ code, dash: code === 0x2d && !escaped })
  }
  for (let at = 0; at < characters.length; at += 1) {
    const low = characters[at]!.code
    const range = characters[at + 1]?.dash === true && at + 2 < characters.length
    const high = range ? characters[at + 2]!.code : low
    if (high < low) throw new Fault("has a range in `[…]` that is upside down")
    for (let code = low; code <= high; code += 1) bits[code >> 3]! |= 1 << (code & 7)
    if (range) at += 2
  }
  return negated ? bits.map((byte) => byte ^ 0xff) : bits
}

const parseTokens = (text: string): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (character === "*") {
      if (tokens.at(-1)?.op !== "run") tokens.push({ op: "run" })
    } else if (character === "?") tokens.push({ op: "any" })
    else if (character === "[") {
      const end = classEnd(text, at)
      tokens.push({ op: "set", bits: parseClass(text.slice(at + 1, end)) })
      at = end
    } else {
      if (character === "\\") at += 1
      if (at === text.length) throw new Fault("ends with `\\`")
      const point = String.fromCodePoint(text.codePointAt(at)!)
      for (const byte of Buffer.from(point, "utf8")) tokens.push({ op: "byte", byte })
      at += point.length - 1
    }
  }
  return tokens
}

const literalOf = (tokens: ReadonlyArray<Token>): string | undefined =>
  tokens.every((token) => token.op === "byte") ? String.fromCharCode(...tokens.map((token) => (token as { readonly byte: number }).byte)) : undefined

const toPart = (text: string): Part => {
  const tokens = parseTokens(text)
  const literal = literalOf(tokens)
  return literal === undefined ? { kind: "wild", tokens } : { kind: "literal", text: literal }
}

/** Splits at slashes. */
const split = (text: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "[") {
      const end = classEnd(text, at)
      if (text.slice(at, end).includes("/")) throw new Fault("has a slash in `[…]`")
      at = end
    } else if (text[at] === "/") {
      names.push(text.slice(start, at))
      start = at + 1
    } else if (text[at] === "\\" && text[at + 1] !== "/") at += 1
  }
  return [...names, text.slice(start)]
}

const parsePath = (text: string): ReadonlyArray<Part> => {
  const [before, ...names] = split(text)
  if (before !== "") throw new Fault("is not absolute")
  if (names.length === 1 && names[0] === "") return []
  return names.map((name): Part => {
    if (name === "" || name === "." || name === "..") throw new Fault('has an empty name, "." or ".." in it')
    return name === "**" ? { kind: "depth" } : toPart(name)
  })
}

const guarded = <A>(text: string, parse: (text: string) => A): ReadonlyArray<A> | string => {
  if (text.includes("\0") || !text.isWellFormed()) return "holds a NUL or a lone surrogate"
  try {
    return expandBraces(text).map(parse)
  } catch (fault) {
    if (fault instanceof Fault) return fault.message
    throw fault
  }
}

/** The parts of each pattern that a path glob stands for, or in words what is wrong with it. */
export const parseGlob = (text: string): ReadonlyArray<ReadonlyArray<Part>> | string => guarded(text, parsePath)

/** The same for a pattern of one name, in which a slash is a character like any other. */
export const parseName = (text: string): ReadonlyArray<Part> | string => guarded(text, toPart)
