/**
 * The guest's view while it is planned: which name leads where. Answers what the kernel will answer once the mounts stand,
 * from the table of planned mounts and, beneath those that bind a host directory, from the host's file system.
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs"
import { below, graft, isWithin } from "./globs.ts"
import type { Mount } from "./protocol.ts"

interface Base {
  /** Canonical: as the guest sees it, no symbolic link in it. */
  readonly target: string
  /** Put there by rvisor, not by a rule. */
  readonly system: boolean
  /** Where the rule stands in the policy. */
  readonly at: string
}

/** One planned mount. */
export type Entry =
  | Base & { readonly kind: "bind"; readonly source: string; readonly writable: boolean; readonly directory: boolean }
  | Base & { readonly kind: "overlay"; readonly source: string; readonly upper?: string; readonly size?: number }
  | Base & { readonly kind: "tmpfs"; readonly mode: number; readonly size?: number; readonly noexec?: boolean }
  | Base & { readonly kind: "file"; readonly content: string; readonly mode: number }
  | Base & { readonly kind: "symlink"; readonly content: string }
  | Base & { readonly kind: "proc" | "dev" }
  /** A root directory of the policy's own; always at `/`. */
  | Base & { readonly kind: "root"; readonly source: string; readonly writable: boolean }

/** An entry that shows a tree of the host. */
export type Tree = Extract<Entry, { readonly source: string }>

export const isTree = (entry: Entry | undefined): entry is Tree => entry !== undefined && (entry.kind === "bind" || entry.kind === "overlay" || entry.kind === "root")

/** Files of the system that the host changes while it runs: a guest follows. */
const live: ReadonlyArray<string> = ["/etc/resolv.conf", "/etc/hosts"]

/** A small settings file of the system stands in the skeleton as a copy, unless a rule of the user's put a tree there. */
const isCopy = (entry: Entry, entries: ReadonlyArray<Entry>): boolean =>
  entry.kind === "bind" && entry.system && !entry.directory && !live.includes(entry.target) &&
  !entries.some((other) => other !== entry && other.kind !== "symlink" && isWithin(entry.target, other.target))

export const toMount = (entry: Entry, entries: ReadonlyArray<Entry>): Mount => {
  const { target } = entry
  if (entry.kind === "bind" && isCopy(entry, entries)) return { type: "copy", source: entry.source, target }
  switch (entry.kind) {
    case "bind": return { type: "bind", source: entry.source, target, writable: entry.writable }
    case "overlay": return {
      type: "overlay", target, lower: entry.source,
      ...(entry.upper === undefined ? {} : { upper: entry.upper }),
      ...(entry.size === undefined ? {} : { size: entry.size })
    }
    case "tmpfs": return {
      type: "tmpfs", target, mode: entry.mode,
      ...(entry.size === undefined ? {} : { size: entry.size }),
      ...(entry.noexec === undefined ? {} : { noexec: entry.noexec })
    }
    case "file": return { type: "file", target, content: entry.content, mode: entry.mode }
    case "symlink": return { type: "symlink", target, content: entry.content }
    case "proc": return { type: "proc", target }
    case "dev": return { type: "dev", target }
    case "root": return { type: "bind", source: entry.source, target, writable: entry.writable }
  }
}

/** Where a name of the guest leads. */
export interface Place {
  /** Canonical name: no symbolic link, no `..`. Where the name does not exist, its missing part stands as written. */
  readonly guest: string
  readonly exists: boolean
  /** What it lies in; undefined: the skeleton. */
  readonly entry: Entry | undefined
  /** The same file on the host, where it lies in a tree of the host. */
  readonly host: string | undefined
  readonly directory: boolean
}

/** What the sentry puts into /dev. */
const devices = new Set(["null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "ptmx", "fd", "stdin", "stdout", "stderr"])

export const lstat = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined // EACCES, ENOTDIR, ELOOP: as good as not there
  }
}

const parentOf = (path: string): string => {
  const slash = path.lastIndexOf("/")
  return slash <= 0 ? "/" : path.slice(0, slash)
}

export const depthOf = (path: string): number => path === "/" ? 0 : path.split("/").length - 1

export class View {
  readonly #entries: Map<string, Entry>
  /** Directories that exist because something is mounted beneath them. */
  readonly #ancestors = new Map<string, number>()

  constructor(entries: Iterable<Entry>) {
    this.#entries = new Map()
    for (const entry of entries) this.add(entry)
  }

  /** Puts an entry where it belongs, in place of one that is there. */
  add(entry: Entry): void {
    if (!this.#entries.has(entry.target)) this.#count(entry.target, 1)
    this.#entries.set(entry.target, entry)
  }

  remove(target: string): void {
    if (this.#entries.delete(target)) this.#count(target, -1)
  }

  #count(target: string, by: number): void {
    for (let path = target; path !== "/";) {
      path = parentOf(path)
      this.#ancestors.set(path, (this.#ancestors.get(path) ?? 0) + by)
    }
  }

  get(target: string): Entry | undefined {
    return this.#entries.get(target)
  }

  get entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** The entries as they are now: for who changes the table while going through it. */
  snapshot(): ReadonlyArray<Entry> {
    return Array.from(this.#entries.values())
  }

  /** What `path` (canonical) lies in: the nearest entry at or above it. */
  covering(path: string): Entry | undefined {
    for (;;) {
      const entry = this.#entries.get(path)
      if (entry !== undefined || path === "/") return entry
      path = parentOf(path)
    }
  }

  /** Follows `path` as the guest's kernel would. */
  resolve(path: string): Place {
    let current = "/"
    let pending = path.split("/").reverse()
    let links = 0
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "" || name === ".") continue
      if (name === "..") {
        current = parentOf(current)
        continue
      }
      const next = graft(current, `/${name}`)
      const content = this.#link(next)
      if (content !== undefined && ++links <= 40) {
        if (content.startsWith("/")) current = "/"
        pending = [...pending, ...content.split("/").reverse()]
        continue
      }
      current = next
      if (content !== undefined || !this.#look(current).exists) {
        const rest = pending.reverse().filter((part) => part !== "" && part !== ".")
        return { ...this.#look(rest.length === 0 ? current : `${current}/${rest.join("/")}`), exists: false, directory: false }
      }
    }
    return this.#look(current)
  }

  /** Content of the symbolic link at `path`, whose parent is canonical. */
  #link(path: string): string | undefined {
    const own = this.#entries.get(path)
    if (own !== undefined) return own.kind === "symlink" ? own.content : undefined
    const entry = this.covering(path)
    if (!isTree(entry)) return undefined
    const host = graft(entry.source, below(path, entry.target))
    return lstat(host)?.isSymbolicLink() === true ? readlinkSync(host) : undefined
  }

  #look(path: string): Place {
    const entry = this.covering(path)
    const ancestor = (this.#ancestors.get(path) ?? 0) > 0
    const rest = entry === undefined ? "" : below(path, entry.target)
    const place = (exists: boolean, directory: boolean, host?: string): Place => ({ guest: path, exists, entry, host, directory })
    if (entry === undefined) return place(ancestor || path === "/", true)
    if (isTree(entry)) {
      const host = graft(entry.source, rest)
      const st = lstat(host)
      return place(st !== undefined, st?.isDirectory() ?? false, host)
    }
    switch (entry.kind) {
      case "tmpfs": return place(rest === "" || ancestor, true)
      case "dev": return place(rest === "" || devices.has(rest.slice(1)), rest === "" || rest === "/pts" || rest === "/shm")
      case "proc": {
        // Names of processes differ; all else is the same in every procfs.
        const st = /^\/(\d|self|thread-self)/.test(rest) ? undefined : lstat(`/proc${rest}`)
        return place(rest === "" || st !== undefined, rest === "" || (st?.isDirectory() ?? false))
      }
      default: return place(rest === "", false)
    }
  }

  /** Every name under which the guest reaches a file of the host (canonical path): one for each tree that shows it. */
  namesOf(host: string): ReadonlyArray<string> {
    const names: Array<string> = []
    for (const entry of this.#entries.values()) {
      if (!isTree(entry)) continue
      if (isWithin(host, entry.source)) {
        const name = graft(entry.target, below(host, entry.source))
        if (this.covering(name) === entry) names.push(name)
      } else if (isWithin(entry.source, host)) names.push(entry.target)
    }
    return names
  }
}
