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
import { Result } from "effect"

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

/** A pattern's meaning, or in words what is wrong with it. */
type Parsed<A> = Result.Result<A, string>

/** Where the class that opens at `open` ends; the text's length if it does not. `]` right after `[`, `[!` or `[^` belongs to it. */
const classEnd = (text: string, open: number): number => {
  let at = open + 1
  if (text[at] === "!" || text[at] === "^") at += 1
  for (let first = true; at < text.length; at += 1, first = false) {
    if (text[at] === "]" && !first) break
    if (text[at] === "\\") at += 1
  }
  return Math.min(at, text.length)
}

/** Calls `visit` with every character that is neither escaped nor within a class; what it returns is where the next one stands. */
const scan = (text: string, visit: (character: string, at: number) => number): void => {
  for (let at = 0; at < text.length;) {
    if (text[at] === "\\") at += 2
    else if (text[at] === "[") at = classEnd(text, at) + 1
    else at = visit(text[at]!, at)
  }
}

const isClosed = (text: string): boolean => {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1
    else if (text[at] === "[" && (at = classEnd(text, at)) === text.length) return false
  }
  return true
}

/** The alternatives of the brace at `open` and where it ends; undefined if it is none. */
const braceAt = (text: string, open: number): { readonly end: number; readonly choices: ReadonlyArray<string> } | undefined => {
  const rest = text.slice(open)
  const choices: Array<string> = []
  let depth = 0
  let start = 1
  let end = -1
  scan(rest, (character, at) => {
    if (character === "{") depth += 1
    else if ((character === "," && depth === 1) || (character === "}" && --depth === 0)) {
      choices.push(rest.slice(start, at))
      start = at + 1
      if (character === "}") end = at
    }
    return end === -1 ? at + 1 : rest.length
  })
  return end === -1 || choices.length === 1 ? undefined : { end: open + end, choices }
}

const expandBraces = (text: string): Parsed<ReadonlyArray<string>> => {
  let done: ReadonlyArray<string> = [""]
  let rest = 0
  const append = (suffixes: ReadonlyArray<string>) => {
    // One too many is enough to know.
    done = done.flatMap((prefix) => suffixes.map((suffix) => prefix + suffix)).slice(0, MAX_ALTERNATIVES + 1)
  }
  const expand = (choice: string): ReadonlyArray<string> => Result.getOrElse(expandBraces(choice), () => Array<string>(MAX_ALTERNATIVES + 1).fill(""))
  scan(text, (character, at) => {
    const brace = character === "{" ? braceAt(text, at) : undefined
    if (brace === undefined) return at + 1
    append([text.slice(rest, at)])
    append(brace.choices.flatMap(expand))
    return rest = brace.end + 1
  })
  append([text.slice(rest)])
  return done.length > MAX_ALTERNATIVES ? Result.fail(`stands for more than ${MAX_ALTERNATIVES} patterns`) : Result.succeed(done)
}

/** The set of a class's inside. */
const parseClass = (inside: string): Parsed<Uint8Array> => {
  const negated = /^[!^]/.test(inside)
  const bits = new Uint8Array(32)
  const characters: Array<{ readonly code: number; readonly dash: boolean }> = []
  for (let at = negated ? 1 : 0; at < inside.length; at += 1) {
    if (inside[at] === "[" && inside[at + 1] === ":") return Result.fail("has a class such as [:alpha:], which is not supported")
    const escaped = inside[at] === "\\"
    if (escaped) at += 1
    const code = inside.charCodeAt(at)
    if (code > 0x7f) return Result.fail("has a character in `[…]` that is not ASCII; write `{ä,ö}`")
    characters.push({ code, dash: code === 0x2d && !escaped })
  }
  for (let at = 0; at < characters.length; at += 1) {
    const low = characters[at]!.code
    const range = characters[at + 1]?.dash === true && at + 2 < characters.length
    const high = range ? characters[at + 2]!.code : low
    if (high < low) return Result.fail("has a range in `[…]` that is upside down")
    for (let code = low; code <= high; code += 1) bits[code >> 3]! |= 1 << (code & 7)
    if (range) at += 2
  }
  return Result.succeed(negated ? bits.map((byte) => byte ^ 0xff) : bits)
}

const parseTokens = (text: string): Parsed<ReadonlyArray<Token>> =>
  Result.gen(function*() {
    const tokens: Array<Token> = []
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at]!
      if (character === "*") {
        if (tokens.at(-1)?.op !== "run") tokens.push({ op: "run" })
      } else if (character === "?") tokens.push({ op: "any" })
      else if (character === "[") {
        const end = classEnd(text, at)
        tokens.push({ op: "set", bits: yield* parseClass(text.slice(at + 1, end)) })
        at = end
      } else {
        if (character === "\\") at += 1
        if (at === text.length) return yield* Result.fail("ends with `\\`")
        const point = String.fromCodePoint(text.codePointAt(at)!)
        for (const byte of Buffer.from(point, "utf8")) tokens.push({ op: "byte", byte })
        at += point.length - 1
      }
    }
    return tokens
  })

const literalOf = (tokens: ReadonlyArray<Token>): string | undefined =>
  tokens.every((token) => token.op === "byte") ? String.fromCharCode(...tokens.map((token) => token.byte)) : undefined

const toPart = (text: string): Parsed<Part> =>
  Result.map(parseTokens(text), (tokens): Part => {
    const literal = literalOf(tokens)
    return literal === undefined ? { kind: "wild", tokens } : { kind: "literal", text: literal }
  })

/** The names of a path pattern, as text. A slash cannot be escaped, nor stand in a class. */
const split = (text: string): Parsed<ReadonlyArray<string>> => {
  const names: Array<string> = []
  let start = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "[") {
      const end = classEnd(text, at)
      if (text.slice(at, end).includes("/")) return Result.fail("has a slash in `[…]`")
      at = end
    } else if (text[at] === "/") {
      names.push(text.slice(start, at))
      start = at + 1
    } else if (text[at] === "\\" && text[at + 1] !== "/") at += 1
  }
  return Result.succeed([...names, text.slice(start)])
}

const parsePath = (text: string): Parsed<ReadonlyArray<Part>> =>
  Result.flatMap(split(text), ([before, ...names]) => {
    if (before !== "") return Result.fail("is not absolute")
    if (names.length === 1 && names[0] === "") return Result.succeed([])
    if (names.some((name) => name === "" || name === "." || name === "..")) return Result.fail('has an empty name, "." or ".." in it')
    return Result.all(names.map((name): Parsed<Part> => name === "**" ? Result.succeed({ kind: "depth" }) : toPart(name)))
  })

const parse = <A>(text: string, alternative: (text: string) => Parsed<A>): Parsed<ReadonlyArray<A>> => {
  if (text.includes("\0") || !text.isWellFormed()) return Result.fail("holds a NUL or a lone surrogate")
  if (!isClosed(text)) return Result.fail("has a `[` that is not closed; write `\\[` for the character")
  return Result.flatMap(expandBraces(text), (texts) => Result.all(texts.map(alternative)))
}

/** The parts of each pattern that a path glob stands for. */
export const parseGlob = (text: string): Parsed<ReadonlyArray<ReadonlyArray<Part>>> => parse(text, parsePath)

/** The same for a pattern of one name, in which a slash is a character like any other. */
export const parseName = (text: string): Parsed<ReadonlyArray<Part>> => parse(text, toPart)
