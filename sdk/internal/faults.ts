/**
 * From a decoding issue of Effect's Schema to the faults a person reads: a dotted path, what is wrong, and for a misspelt
 * key or word the nearest one that exists.
 */
import { SchemaAST, SchemaIssue } from "effect"
import { PolicyFault } from "../errors.ts"

export const fault = (path: string, message: string, suggestion?: string): PolicyFault =>
  new PolicyFault(suggestion === undefined ? { path, message } : { path, message, suggestion })

/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the restricted Damerau-Levenshtein distance. */
export const editDistance = (a: string, b: string): number => {
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}

const fold = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, "")

/** The word nearest to `word`, where one is near enough to be meant: at most a third of it differs. */
export const nearest = (word: string, words: Iterable<string>): string | undefined => {
  const wanted = fold(word)
  let best: string | undefined
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of words) {
    const folded = fold(candidate)
    if (Math.abs(folded.length - wanted.length) >= least) continue
    const distance = editDistance(wanted, folded)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** "did you mean `x`?", or else what there is to choose from. */
export const suggest = (word: string, words: ReadonlyArray<string>): string | undefined => {
  const near = nearest(word, words)
  if (near !== undefined) return `did you mean \`${near}\`?`
  return words.length > 0 && words.length <= 16 ? `one of ${words.map((w) => `\`${w}\``).join(", ")}` : undefined
}

/** `["filesystem", "read", 2, "path"]` → `filesystem.read[2].path`; a key that is no identifier is quoted in brackets. */
export const dotted = (path: ReadonlyArray<PropertyKey>): string => {
  let text = ""
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) text += text === "" ? String(key) : `.${String(key)}`
    else text += `[${JSON.stringify(String(key))}]`
  }
  return text
}

const shorten = (text: string): string => text.length > 60 ? `${text.slice(0, 57)}…` : text

const describe = (input: unknown): string => {
  if (input === undefined) return "nothing"
  if (input === null) return "null"
  if (Array.isArray(input)) return "a list"
  switch (typeof input) {
    case "string": return shorten(JSON.stringify(input))
    case "number": case "boolean": case "bigint": return String(input)
    case "object": return "an object"
    default: return `a ${typeof input}`
  }
}

const annotated = (annotations: unknown, key: "expected" | "message"): string | undefined => {
  const value = (annotations as Readonly<Record<string, unknown>> | undefined)?.[key]
  return typeof value === "string" ? value : undefined
}

const literals = (ast: SchemaAST.AST): ReadonlyArray<string> | undefined => {
  if (SchemaAST.isLiteral(ast)) return [String(ast.literal)]
  if (!SchemaAST.isUnion(ast)) return undefined
  const parts = ast.types.map(literals)
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined
}

const expectation = (ast: SchemaAST.AST): string => {
  const given = annotated(ast.checks?.at(-1)?.annotations, "expected") ?? annotated(ast.annotations, "expected")
  if (given !== undefined) return given
  const words = literals(ast)
  if (words !== undefined) return words.map((word) => `"${word}"`).join(" or ")
  if (SchemaAST.isUnion(ast)) return [...new Set(ast.types.map(expectation))].join(" or ")
  if (SchemaAST.isString(ast)) return "a text"
  if (SchemaAST.isNumber(ast)) return "a number"
  if (SchemaAST.isBoolean(ast)) return "true or false"
  if (SchemaAST.isArrays(ast)) return "a list"
  if (SchemaAST.isObjects(ast)) return "an object"
  return "another value"
}

const keysOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isObjects(ast) ? ast.propertySignatures.map((p) => String(p.name)) : SchemaAST.isUnion(ast) ? ast.types.flatMap(keysOf) : []

const at = (input: unknown, key: PropertyKey): unknown =>
  typeof input === "object" && input !== null ? (input as Readonly<Record<PropertyKey, unknown>>)[key] : undefined

const mismatch = (ast: SchemaAST.AST, path: ReadonlyArray<PropertyKey>, input: unknown): PolicyFault => {
  const words = literals(ast)
  return fault(dotted(path), `expected ${expectation(ast)}, got ${describe(input)}`, words !== undefined && typeof input === "string" ? suggest(input, words) : undefined)
}

const isShape = (issue: SchemaIssue.Issue): boolean => issue._tag === "InvalidType" || (issue._tag === "Encoding" && isShape(issue.issue))

/** Every fault of an issue, in the order of the value. `input` is the value that was decoded. */
export const faultsOf = (issue: SchemaIssue.Issue, input: unknown, path: ReadonlyArray<PropertyKey> = []): ReadonlyArray<PolicyFault> => {
  switch (issue._tag) {
    case "Pointer": return faultsOf(issue.issue, issue.path.reduce(at, input), [...path, ...issue.path])
    case "Composite": return issue.issues.flatMap((child) => faultsOf(child, input, path))
    case "Encoding": return faultsOf(issue.issue, input, path)
    case "AnyOf": {
      const closer = issue.issues.filter((child) => !isShape(child))
      return closer.length === 0 ? [mismatch(issue.ast, path, input)] : closer.slice(0, 1).flatMap((child) => faultsOf(child, input, path))
    }
    case "Filter": {
      if (issue.issue._tag !== "InvalidValue") return faultsOf(issue.issue, input, path)
      const inner = issue.issue.annotations
      const message = annotated(inner, "message") ?? annotated(issue.filter.annotations, "message")
      if (message !== undefined) return [fault(dotted(path), message)]
      const expected = annotated(inner, "expected") ?? annotated(issue.filter.annotations, "expected") ?? "another value"
      return [fault(dotted(path), `expected ${expected}, got ${describe(input)}`)]
    }
    case "UnexpectedKey": {
      const key = String(path.at(-1))
      return [fault(dotted(path), `there is no such key`, suggest(key, keysOf(issue.ast)))]
    }
    case "MissingKey": return [fault(dotted(path), "is missing")]
    case "InvalidType": return [mismatch(issue.ast, path, input)]
    case "InvalidValue":
      return [fault(dotted(path), annotated(issue.annotations, "message") ?? `expected ${annotated(issue.annotations, "expected") ?? "another value"}, got ${describe(input)}`)]
    default: return [fault(dotted(path), "cannot be used here")]
  }
}
