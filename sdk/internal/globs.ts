/**
 * Patterns of `filesystem.deny`: which paths they name, found by walking.
 *
 * The syntax is Effect's `Glob` (`*` `?` `[…]` `{a,b}` `**`, `\` makes the next character plain), with names that start
 * with a dot matched like any other. A walk never follows a symbolic link.
 */
import { readdirSync } from "node:fs"
import { Glob } from "effect"

const special = /(^|[^\\])(\\\\)*[*?[{]/

/** Has `path` a character that makes it a pattern? */
export const isGlob = (path: string): boolean => special.test(path)

export const escapeGlob: (text: string) => string = Glob.escape

/** A pattern cut in two before its first segment with a special character. */
export interface WrittenPattern {
  /** The literal beginning, unescaped: nothing outside of this directory can match. */
  readonly prefix: string
  /** The segments that follow it. */
  readonly rest: ReadonlyArray<string>
}

export const parsePattern = (text: string): WrittenPattern => {
  const segments = text.split("/").filter((segment) => segment !== "")
  const first = segments.findIndex(isGlob)
  const cut = first === -1 ? segments.length : first
  return { prefix: `/${segments.slice(0, cut).map((segment) => segment.replace(/\\(.)/g, "$1")).join("/")}`, rest: segments.slice(cut) }
}

export interface Pattern {
  /** The most segments that a match can have; undefined: any number. */
  readonly depth: number | undefined
  readonly matches: (path: string) => boolean
}

/** The pattern with each of `prefixes` for its beginning, ready to match absolute paths. */
export const compilePattern = ({ rest }: WrittenPattern, prefixes: ReadonlyArray<string>): Pattern => {
  const globs = prefixes.map((prefix) => Glob.make(graft(escapeGlob(prefix), rest.map((segment) => `/${segment}`).join("")), { dot: true }))
  // A brace may hold slashes: then the number of segments is not fixed either.
  const open = rest.includes("**") || rest.some((segment) => /[{}]/.test(segment))
  return {
    depth: open ? undefined : Math.max(...prefixes.map((prefix) => prefix.split("/").filter((part) => part !== "").length)) + rest.length,
    matches: (path) => globs.some((glob) => Glob.match(glob, path))
  }
}

/**
 * What is left of a pattern's segments beneath a directory, whose names these are: each way in which they can be taken. None: nothing
 * beneath it can match. A brace that holds slashes is taken for one that can match whatever is there.
 */
export const residuals = (segments: ReadonlyArray<string>, names: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const found = new Map<string, ReadonlyArray<string>>()
  const take = (segment: number, name: number): void => {
    const wanted = segments[segment]
    if (name === names.length) found.set(String(segment), segments.slice(segment))
    else if (wanted === undefined) found.set("all", [])
    else if (wanted === "**") {
      take(segment + 1, name)
      take(segment, name + 1)
    } else if (opensBrace(wanted)) found.set("brace", ["**", ...segments.slice(segments.findLastIndex(opensBrace) + 1)])
    else if (Glob.match(Glob.make(wanted, { dot: true }), names[name]!)) take(segment + 1, name + 1)
  }
  take(0, 0)
  return [...found.values()]
}

/** Is it part of a brace that goes on in another segment? */
const opensBrace = (segment: string): boolean => (segment.match(/[{}]/g) ?? []).reduce((depth, character) => depth + (character === "{" ? 1 : -1), 0) !== 0

/** A path and every directory above it, but the root. */
export const ancestry = (path: string): ReadonlyArray<string> => {
  const paths: Array<string> = []
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) paths.push(path.slice(0, end))
  return paths
}

/** `path` is `directory` or lies beneath it. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || directory === "/" || (path.startsWith(directory) && path.charCodeAt(directory.length) === 47)

/** Path of `path` beneath `directory`, with a leading slash; empty for the directory itself. */
export const below = (path: string, directory: string): string => directory === "/" ? (path === "/" ? "" : path) : path.slice(directory.length)

/** `below` put under another directory. */
export const graft = (directory: string, rest: string): string => rest === "" ? directory : directory === "/" ? rest : directory + rest

export interface Walk {
  /** Called for every entry; `descend` says whether a directory is entered. */
  readonly visit: (path: string, kind: { readonly directory: boolean; readonly link: boolean }) => boolean
  /** Called for a directory that cannot be listed. */
  readonly unreadable: (path: string, code: string) => void
}

/** Walks a directory of the host, depth first, yielding after every 64 directories so that a caller can let others run. */
export function* walk(directory: string, on: Walk): Generator<void, void, void> {
  const pending = [directory]
  let count = 0
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const listed = list(next)
    if (typeof listed === "string") on.unreadable(next, listed)
    else {
      for (const item of listed) {
        const path = graft(next, `/${item.name}`)
        if (on.visit(path, { directory: item.isDirectory(), link: item.isSymbolicLink() }) && item.isDirectory()) pending.push(path)
      }
    }
    if (++count % 64 === 0) yield
  }
}

const list = (directory: string) => {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? "EIO"
  }
}
