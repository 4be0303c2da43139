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

export interface Pattern {
  readonly text: string
  /** The directory above the first segment with a special character: nothing outside of it can match. */
  readonly prefix: string
  /** Segments that a match may have at most; undefined: any number. */
  readonly depth: number | undefined
  readonly matches: (path: string) => boolean
}

/** An absolute pattern, ready to match absolute paths. */
export const compilePattern = (text: string): Pattern => {
  const segments = text.split("/").slice(1)
  const first = segments.findIndex(isGlob)
  const literal = segments.slice(0, first === -1 ? segments.length : first).map((segment) => segment.replace(/\\(.)/g, "$1"))
  const open = segments.includes("**") || /\{[^}]*\//.test(text)
  const glob = Glob.make(text, { dot: true })
  return {
    text,
    prefix: `/${literal.join("/")}`,
    depth: open ? undefined : segments.filter((segment) => segment !== "").length,
    matches: (path) => Glob.match(glob, path)
  }
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
