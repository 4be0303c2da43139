/**
 * From the rules of a policy to the view of one sandbox: which mounts, in which order, and what is masked.
 *
 * Order of work: the system's part, then the rules from the shallowest target down, each at the place its name leads to;
 * then a check of every target against what is now above it; then the denials, as masks at every name under which the guest
 * could reach what they name.
 *
 * At one target deny beats virtual, virtual overlay, overlay tmpfs, tmpfs write, and write read.
 */
import { accessSync, constants, readdirSync, realpathSync, readlinkSync } from "node:fs"
import { Effect } from "effect"
import type { PolicyFault } from "../errors.ts"
import type { PolicyFields } from "../Policy.ts"
import { fault } from "./faults.ts"
import { ancestry, below, compilePattern, escapeGlob, graft, isGlob, isWithin, parsePattern, type Pattern, residuals, walk, type WrittenPattern } from "./globs.ts"
import { systemEntries, type SystemView } from "./hostView.ts"
import { depthOf, type Entry, isTree, lstat, type Tree, View } from "./view.ts"

/** One rule of a list and where it stands. */
interface Placed<T> {
  readonly rule: T
  readonly at: string
}

export interface FilesystemPlan {
  readonly view: View
  /** Parents before children. */
  readonly entries: ReadonlyArray<Entry>
  /** Names that are covered, canonical; none beneath another. */
  readonly masks: ReadonlyArray<string>
  /** What the denials name in the guest, whether it is there or not, and which rule (its place; empty: the preset's) denies it. */
  readonly denied: ReadonlyArray<Denied>
}

export interface Denied {
  readonly at: string
  readonly name: { readonly path: string } | { readonly glob: string }
}

type Filesystem = NonNullable<PolicyFields["filesystem"]>
type Denial = NonNullable<Filesystem["deny"]>[number]

const errnoOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? "EIO"

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "lies beneath something that is no directory",
  EACCES: "cannot be reached: permission denied",
  ELOOP: "is a chain of symbolic links without an end",
  ENAMETOOLONG: "is too long for a path"
}

const reasonOf = (code: string): string => reasons[code] ?? `cannot be looked up (${code})`

const missingHint = "create it, or mark the rule in the policy with \"optional\": true"
const nothingToDenyHint = "correct the name, or mark the rule in the policy with \"optional\": true"

/** The symbolic links that a path of the host passes through, by their own canonical names, and where it ends. */
const walkLinks = (path: string): { readonly links: ReadonlyArray<string>; readonly end: string } => {
  const links: Array<string> = []
  let current = "/"
  let pending = path.split("/").reverse()
  for (let name = pending.pop(); name !== undefined && links.length <= 40; name = pending.pop()) {
    if (name === "" || name === ".") continue
    if (name === "..") {
      current = current.slice(0, Math.max(1, current.lastIndexOf("/")))
      continue
    }
    const next = graft(current, `/${name}`)
    if (lstat(next)?.isSymbolicLink() === true) {
      links.push(next)
      const content = readlinkSync(next)
      if (content.startsWith("/")) current = "/"
      pending = [...pending, ...content.split("/").reverse()]
    } else current = next
  }
  return { links, end: current }
}

const rank = (entry: Entry): number => {
  switch (entry.kind) {
    case "file": return 4
    case "overlay": return 3
    case "tmpfs": return 2
    case "bind": return entry.writable ? 1 : 0
    default: return -1
  }
}

const sameSource = (a: Entry, b: Entry): boolean =>
  isTree(a) && isTree(b)
    ? a.source === b.source && (a.kind !== "overlay" || b.kind !== "overlay" || a.upper === b.upper)
    : a.kind === "file" && b.kind === "file"
    ? a.content === b.content
    : true

const isDirectory = (entry: Entry): boolean => entry.kind === "bind" ? entry.directory : entry.kind !== "file" && entry.kind !== "symlink"

const noun = (directory: boolean): string => directory ? "a directory" : "a file"

const quote = (path: string): string => JSON.stringify(path)

/** Masks beyond this many would make the start slow and the mount table unreadable. */
const maxMasks = 10_000

class Planner {
  readonly faults: Array<PolicyFault> = []
  readonly view: View
  readonly #masks = new Set<string>()
  readonly #denied = new Map<string, Denied>()
  readonly #root: Tree | undefined
  readonly #rules: Filesystem

  constructor(system: SystemView, network: boolean, synthetic: ReadonlyArray<Entry>, rules: Filesystem) {
    this.#rules = rules
    this.#root = rules.root === undefined ? undefined : this.#ownRoot(rules.root)
    this.view = new View(
      this.#root === undefined
        ? rules.root === undefined ? [...systemEntries(system, network), ...synthetic] : []
        : [this.#root, ...this.#essentials(this.#root)]
    )
  }

  #fault(at: string, message: string, suggestion?: string): void {
    this.faults.push(fault(at, message, suggestion))
  }

  /** Canonical path on the host; a fault (or nothing, for an optional rule) where there is none. */
  #real(at: string, path: string, optional: boolean | undefined): string | undefined {
    try {
      return realpathSync.native(path)
    } catch (cause) {
      const code = errnoOf(cause)
      if (optional !== true || (code !== "ENOENT" && code !== "ENOTDIR")) this.#fault(at, `${quote(path)} ${reasonOf(code)}`, code === "ENOENT" ? missingHint : undefined)
      return undefined
    }
  }

  #ownRoot(root: NonNullable<Filesystem["root"]>): Tree | undefined {
    const at = "filesystem.root"
    const source = this.#real(at, root.path, false)
    if (source === undefined) return undefined
    if (lstat(source)?.isDirectory() !== true) {
      this.#fault(at, `${quote(root.path)} is not a directory`)
      return undefined
    }
    return { kind: "root", target: "/", system: false, at, source, writable: root.writable === true }
  }

  /** What a program needs besides the files of its root. The places must be there: nothing is made in a tree of the host. */
  #essentials(root: Tree): ReadonlyArray<Entry> {
    const entries: Array<Entry> = []
    for (const [target, kind] of [["/proc", "proc"], ["/dev", "dev"], ["/tmp", "tmpfs"]] as const) {
      if (lstat(graft(root.source, target))?.isDirectory() === true) {
        entries.push(kind === "tmpfs" ? { target, system: true, at: "", kind, mode: 0o1777 } : { target, system: true, at: "", kind })
      } else if (kind !== "tmpfs") {
        this.#fault("filesystem.root", `${quote(root.source)} has no directory ${target} to mount on`, `mkdir ${graft(root.source, target)}`)
      }
    }
    return entries
  }

  /** Puts a rule's entry where its name leads. */
  #place(entry: Entry): void {
    const { at, target: name } = entry
    if (name === "/") return this.#fault(at, "the guest's root cannot be mounted over", "filesystem.root gives the guest a root of its own")
    const place = this.view.resolve(name)
    const { guest } = place
    if (guest === "/proc" || guest === "/dev") return this.#fault(at, `the guest has a ${guest} of its own`, "name what is needed beneath it")
    // What is there shows the same file already, and gives at least as much.
    const there = place.entry
    if (entry.kind === "bind" && isTree(there) && place.host === entry.source && (there.target !== guest || there.system)) {
      if (!entry.writable || (there.kind !== "overlay" && there.writable)) return
    }
    const rival = this.view.get(guest)
    if (rival !== undefined && !rival.system) {
      if (rank(rival) > rank(entry)) return
      if (rank(rival) === rank(entry)) {
        if (!sameSource(rival, entry)) this.#fault(at, `${quote(guest)} is already given something else by ${rival.at}`, "take one of them away, or give one another name with `as`")
        return
      }
    }
    const moved: Entry = { ...entry, target: guest }
    if (isDirectory(moved)) {
      for (const other of this.view.snapshot()) if (other.system && isWithin(other.target, guest)) this.view.remove(other.target)
    }
    this.view.add(moved)
  }

  rules(preset: Filesystem): void {
    const list = <K extends "read" | "write" | "tmpfs" | "overlay">(key: K): ReadonlyArray<Placed<NonNullable<Filesystem[K]>[number]>> => [
      ...(preset[key] ?? []).map((rule) => ({ rule, at: "" })),
      ...(this.#rules[key] ?? []).map((rule, index) => ({ rule, at: `filesystem.${key}[${index}]` }))
    ] as never
    const entries: Array<Entry> = []
    for (const writable of [false, true]) {
      for (const { rule, at } of list(writable ? "write" : "read")) {
        const source = this.#real(at, rule.path, rule.optional)
        if (source === undefined) continue
        const directory = lstat(source)?.isDirectory() === true
        if (source === "/") {
          this.#fault(at, "the host's root cannot be bound beneath the guest's", "filesystem.root: \"/\" makes it the guest's root")
          continue
        }
        entries.push({ kind: "bind", target: rule.as ?? rule.path, system: false, at, source, writable, directory })
      }
    }
    for (const { rule, at } of list("overlay")) {
      const entry = this.#overlay(rule, at)
      if (entry !== undefined) entries.push(entry)
    }
    for (const { rule, at } of list("tmpfs")) {
      entries.push({
        kind: "tmpfs", target: rule.path, system: false, at, mode: rule.mode ?? 0o1777,
        ...(rule.size === undefined ? {} : { size: rule.size }),
        ...(rule.noexec === undefined ? {} : { noexec: rule.noexec })
      })
    }
    for (const [path, file] of Object.entries(this.#rules.virtual ?? {})) {
      const at = `filesystem.virtual[${JSON.stringify(path)}]`
      if (file.mode > 0o777) this.#fault(at, "a virtual file has permission bits only, at most 0777")
      entries.push({ kind: "file", target: path, system: false, at, content: file.base64, mode: file.mode & 0o777 })
    }
    if (entries.length === 0) return
    this.#distrust(entries)
    entries.sort((a, b) => depthOf(a.target) - depthOf(b.target) || rank(b) - rank(a))
    for (const entry of entries) this.#place(entry)
    this.#separate()
    for (const entry of this.view.snapshot()) if (!entry.system) this.#verify(entry)
  }

  #overlay(rule: NonNullable<Filesystem["overlay"]>[number], at: string): Entry | undefined {
    const source = this.#real(at, rule.path, rule.optional)
    if (source === undefined) return undefined
    if (lstat(source)?.isDirectory() !== true) return this.#fault(at, `${quote(rule.path)} is not a directory; only directories can be copied on write`) as undefined
    if (source === "/") return this.#fault(at, "the host's root cannot be copied on write as a whole", "name the directories that are to change") as undefined
    const base = { kind: "overlay", target: rule.as ?? rule.path, system: false, at, source } as const
    const size = rule.size === undefined ? {} : { size: rule.size }
    if (rule.upper === undefined) return { ...base, ...size }
    const where = at === "" ? "" : `${at}.upper`
    const upper = this.#real(where, rule.upper, false)
    if (upper === undefined) return undefined
    try {
      if (readdirSync(upper).length > 0) this.#fault(where, `${quote(rule.upper)} is not empty`, "changes are kept in an empty directory, one for each run")
      accessSync(upper, constants.W_OK | constants.X_OK)
    } catch (cause) {
      this.#fault(where, errnoOf(cause) === "ENOTDIR" ? `${quote(rule.upper)} is not a directory` : `${quote(rule.upper)} ${reasonOf(errnoOf(cause))}`)
    }
    if (isWithin(upper, source) || isWithin(source, upper)) this.#fault(where, "the changes cannot lie inside what they change, nor around it")
    if (rule.size !== undefined) this.#fault(`${at}.size`, "limits changes in memory; these are kept in `upper`", "leave one of them out")
    return { ...base, upper }
  }

  /**
   * A rule's name may pass through symbolic links of the host. One that lies where the guest may write could have been planted
   * by an earlier guest to be granted what it points to.
   */
  #distrust(entries: ReadonlyArray<Entry>): void {
    const writable = entries.filter((entry): entry is Tree => entry.kind === "bind" && entry.writable)
    const check = (at: string, path: string, source: string): void => {
      const { links, end } = walkLinks(path)
      // Looked at twice, and an earlier guest that is still running may have changed it in between.
      if (end !== source) {
        this.#fault(at, `${quote(path)} changed while it was looked at: it led to ${quote(source)}, then to ${quote(end)}`, "name a path that no running guest can write")
        return
      }
      for (const link of links) {
        const planted = writable.find((tree) => isWithin(link, tree.source) && link !== tree.source)
        if (planted !== undefined) {
          this.#fault(at, `${quote(path)} passes through the symbolic link ${quote(link)}, which the guest may have made (${planted.at} lets it write there)`, "name what the link leads to, if that is what you mean")
          return
        }
      }
    }
    const lists = [["read", this.#rules.read], ["write", this.#rules.write], ["overlay", this.#rules.overlay]] as const
    if (writable.length === 0) return
    for (const [key, rules] of lists) {
      rules?.forEach((rule, index) => {
        const real = entries.find((entry): entry is Tree => entry.at === `filesystem.${key}[${index}]` && isTree(entry))
        if (real !== undefined && real.source !== rule.path) check(real.at, rule.path, real.source)
      })
    }
  }

  /** The directory that holds an overlay's changes must not be seen under another name: the guest could forge the layer. */
  #separate(): void {
    for (const entry of this.view.entries) {
      if (entry.kind !== "overlay" || entry.upper === undefined) continue
      const upper = entry.upper
      for (const other of this.view.entries) {
        if (isTree(other) && other !== entry && (isWithin(upper, other.source) || isWithin(other.source, upper))) {
          this.#fault(`${entry.at}.upper`, `${quote(upper)} is also seen by the guest through ${other.at === "" ? quote(other.target) : other.at}`, "keep the changes where no rule reaches")
        }
      }
    }
  }

  /** Is there a place for the mount? In trees of the host nothing is ever created. */
  #verify(entry: Entry): void {
    const { target, at } = entry
    if (entry.kind === "root") return
    const directory = isDirectory(entry)
    const slash = target.lastIndexOf("/")
    const above = this.view.resolve(slash === 0 ? "/" : target.slice(0, slash))
    const holder = above.entry
    if (!isTree(holder)) {
      if (holder?.kind === "proc" || holder?.kind === "dev") {
        const inside = this.#under(entry)
        if (!inside.exists) this.#fault(at, `there is no ${quote(target)}, and nothing can be added to ${holder.target}`)
        else if (inside.directory !== directory) this.#fault(at, `${quote(target)} is ${noun(inside.directory)}, what goes over it is ${noun(directory)}`)
      } else if (holder?.kind === "file") this.#fault(at, `${quote(holder.target)} is a file: nothing lies beneath it`)
      return
    }
    const inside = this.#under(entry)
    if (inside.host === undefined) return
    const st = lstat(inside.host)
    if (st === undefined) {
      this.#fault(at, `there is no ${quote(inside.host)} to mount over: nothing is created in a directory of the host`, directory ? `mkdir -p ${inside.host}` : `create an empty file ${inside.host}`)
    } else if (st.isDirectory() !== directory) {
      this.#fault(at, `${quote(inside.host)} is ${noun(st.isDirectory())}, what goes over it is ${noun(directory)}`)
    }
  }

  /** What lies at an entry's target without the entry itself. */
  #under(entry: Entry) {
    this.view.remove(entry.target)
    const place = this.view.resolve(entry.target)
    this.view.add(entry)
    return place
  }

  // -------------------------------------------------------------------------------------------------------- denials

  #mask(name: string): void {
    this.#masks.add(name)
  }

  /** Masks a file of the host under every name it has in the guest. */
  #maskHost(host: string): void {
    for (const name of this.view.namesOf(host)) this.#mask(name)
  }

  *denials(preset: Filesystem): Generator<void, void, void> {
    const denials: ReadonlyArray<Placed<Denial>> = [
      ...(preset.deny ?? []).map((rule) => ({ rule, at: "" })),
      ...(this.#rules.deny ?? []).map((rule, index) => ({ rule, at: `filesystem.deny[${index}]` }))
    ]
    const patterns: Array<Placed<Denial>> = []
    for (const { rule, at } of denials) {
      if (isGlob(rule.path)) {
        patterns.push({ rule, at })
        if (lstat(rule.path) !== undefined) this.#exact(rule.path, at, true) // a name with such characters in it
      } else this.#exact(rule.path, at, rule.optional === true)
    }
    if (patterns.length > 0) yield* this.#search(patterns)
  }

  #deny(at: string, name: Denied["name"]): void {
    const key = JSON.stringify(name)
    if (!this.#denied.has(key)) this.#denied.set(key, { at, name })
  }

  #exact(path: string, at: string, optional: boolean): void {
    if (path === "/") return this.#fault(at, "denying / leaves nothing to run")
    const place = this.view.resolve(path)
    for (const name of [path, place.guest]) if (name !== "/") this.#deny(at, { path: name })
    let found = lstat(path) !== undefined // a dangling link counts: there is nothing behind it
    if (!found && !place.exists && optional) return
    // As a name of the host …
    try {
      const real = realpathSync.native(path)
      this.#maskHost(real)
      for (const name of this.view.namesOf(real)) this.#deny(at, { path: name })
    } catch (cause) {
      // The guest, as the same user, may be able to open a way that is closed now.
      if (errnoOf(cause) === "EACCES") return this.#fault(at, `${quote(path)} ${reasonOf("EACCES")}`, "deny a directory above it")
    }
    // … and as a name of the guest.
    if (place.exists && place.guest !== "/") {
      found = true
      if (place.host === undefined) this.#mask(place.guest)
      else {
        this.#maskHost(place.host)
        for (const name of this.view.namesOf(place.host)) this.#deny(at, { path: name })
      }
    }
    if (!found && !optional) this.#fault(at, `${quote(path)} ${reasonOf("ENOENT")}, neither on the host nor in the sandbox`, nothingToDenyHint)
  }

  /**
   * Walks what the rules grant for matches; of the system only what a pattern names explicitly. A pattern is matched against
   * the guest's name of a file and the host's, and its literal beginning as written and as it resolves in either world.
   */
  *#search(patterns: ReadonlyArray<Placed<Denial>>): Generator<void, void, void> {
    const trees = [...this.view.entries].filter(isTree)
    for (const { rule: { path, optional }, at } of patterns) {
      const written = parsePattern(path)
      const prefixes = this.#aliases(written.prefix)
      const names = new Set([written.prefix, this.view.resolve(written.prefix).guest, ...prefixes])
      for (const name of this.#denialsOf(written, [...names], trees)) this.#deny(at, name)
      if (prefixes.length === 0) {
        if (optional !== true) this.#fault(at, `${quote(written.prefix)}, where ${quote(path)} begins, ${reasonOf("ENOENT")}`, nothingToDenyHint)
        continue
      }
      const pattern = compilePattern(written, prefixes)
      for (const tree of trees) {
        const names = tree.target === tree.source ? [tree.target] : [tree.target, tree.source]
        if (names.some((name) => ancestry(name).some(pattern.matches))) {
          this.#mask(tree.target)
          continue
        }
        if (tree.kind === "bind" && !tree.directory) continue
        const starts = new Set<string>()
        for (const name of names) {
          for (const prefix of prefixes) {
            if (isWithin(prefix, name)) starts.add(graft(tree.source, below(prefix, name)))
            else if (!tree.system && isWithin(name, prefix)) starts.add(tree.source)
          }
        }
        for (const start of starts) {
          if (lstat(start)?.isDirectory() === true) yield* this.#walk(tree, start, pattern, at)
          if (this.#masks.size > maxMasks) return this.#fault(at, `${quote(path)} matches more than ${maxMasks} files`, "deny directories in place of the files in them")
        }
      }
    }
  }

  /** A pattern, as it reads in the guest: under each name of its beginning, and of the host's trees under their guest's name. */
  #denialsOf({ rest }: WrittenPattern, prefixes: ReadonlyArray<string>, trees: ReadonlyArray<Tree>): ReadonlyArray<Denied["name"]> {
    const joined = (directory: string, segments: ReadonlyArray<string>): Denied["name"] =>
      segments.length === 0 ? { path: directory } : { glob: graft(escapeGlob(directory), `/${segments.join("/")}`) }
    return prefixes.flatMap((prefix) => [
      joined(prefix, rest),
      ...trees.filter((tree) => tree.target !== tree.source).flatMap((tree) => {
        if (isWithin(prefix, tree.source)) return [joined(graft(tree.target, below(prefix, tree.source)), rest)]
        if (!isWithin(tree.source, prefix)) return []
        return residuals(rest, below(tree.source, prefix).split("/").slice(1)).map((segments) => joined(tree.target, segments))
      })
    ])
  }

  /** The names of a directory in both worlds; none where it exists in neither. */
  #aliases(directory: string): ReadonlyArray<string> {
    const names = new Set<string>()
    try {
      const real = realpathSync.native(directory)
      names.add(directory).add(real)
    } catch {
      // It may be a name of the guest.
    }
    const place = this.view.resolve(directory)
    if (place.exists) {
      names.add(directory).add(place.guest)
      if (place.host !== undefined) names.add(place.host)
    }
    return [...names]
  }

  *#walk(tree: Tree, start: string, pattern: Pattern, at: string): Generator<void, void, void> {
    const names = (path: string): ReadonlyArray<string> => {
      const guest = graft(tree.target, below(path, tree.source))
      return guest === path ? [guest] : [guest, path]
    }
    if (names(start).some(pattern.matches)) return this.#maskHost(start)
    yield* walk(start, {
      visit: (path, { directory, link }) => {
        const own = names(path)
        if (this.view.covering(own[0]!) !== tree) return false // something else is mounted there
        const matched = own.some((name) => pattern.matches(name) || (directory && pattern.matches(`${name}/`)))
        if (!matched) return directory && own.some((name) => pattern.depth === undefined || depthOf(name) < pattern.depth)
        if (path.includes("\uFFFD") && lstat(path) === undefined) {
          this.#fault(at, `${quote(path)} matches, but its name is not UTF-8 and cannot be denied by itself`, "deny the directory above it")
        } else if (link) this.#behind(path)
        else this.#maskHost(path)
        return false
      },
      unreadable: (path, code) => {
        if (code === "ENOENT" && !path.includes("\uFFFD")) return // gone meanwhile
        if (code === "ENOENT") this.#fault(at, `${quote(path)} cannot be searched: its name is not UTF-8`, "deny the directory above it")
        // The guest's user is the caller's: it may be able to open, by name or after a chmod, what cannot be listed now.
        else this.#maskHost(path)
      }
    })
  }

  /** Masks what a symbolic link leads to, where the guest can reach that. */
  #behind(link: string): void {
    for (const name of this.view.namesOf(link)) {
      const place = this.view.resolve(name)
      if (place.exists && place.host !== undefined) this.#maskHost(place.host)
    }
  }

  finish(): FilesystemPlan {
    const entries = [...this.view.entries].filter((entry) => entry.kind !== "root").sort((a, b) => depthOf(a.target) - depthOf(b.target))
    const masks: Array<string> = []
    for (const name of [...this.#masks].sort((a, b) => depthOf(a) - depthOf(b))) {
      if (!masks.some((above) => isWithin(name, above))) masks.push(name)
    }
    return { view: this.view, entries, masks, denied: [...this.#denied.values()] }
  }
}

export interface FilesystemInput {
  readonly rules: Filesystem
  readonly preset: Filesystem
  readonly system: SystemView
  readonly network: boolean
  /** Files that rvisor makes for the host view: accounts, host names. */
  readonly synthetic: ReadonlyArray<Entry>
}

/** The view of one sandbox, and the faults found on the way. Long searches let other fibers run. */
export const planFilesystem = (input: FilesystemInput): Effect.Effect<readonly [FilesystemPlan, ReadonlyArray<PolicyFault>]> =>
  Effect.suspend(() => {
    const planner = new Planner(input.system, input.network, input.synthetic, input.rules)
    planner.rules(input.preset)
    const search = planner.denials(input.preset)
    const finish = () => [planner.finish(), planner.faults] as const
    return search.next().done === true ? Effect.succeed(finish()) : Effect.gen(function*() {
      do yield* Effect.yieldNow
      while (search.next().done !== true)
      return finish()
    })
  })
