/**
 * What a sandbox changed beneath an overlay rule. The guest sees the host's directory and may change everything in it; its
 * changes lie in a layer above, and the host's directory stays as it was until `commit`. Without a `commit` the changes are gone
 * when the sandbox's scope closes (except where the rule named a directory for them, `upper`).
 *
 * ```ts
 * const [workspace] = sandbox.changes
 * for (const change of yield* workspace.list) console.log(change.kind, change.path)
 * if (Outcome.isSuccess(yield* sandbox.exit)) yield* workspace.commit
 * ```
 *
 * What surprises:
 * - A file that was opened for writing but has the content and mode it had is not a change. After a commit the list is empty.
 * - A deleted directory is one change; what was in it is not listed.
 * - A commit replaces each file as a whole (temporary file, then rename), directories before what is in them. It is not one
 *   transaction: what was carried over before an error stays. It never follows a symbolic link, but it does carry over the links
 *   that the guest made, and they may point anywhere.
 * - Devices, fifos, sockets, set-user-id bits, extended attributes and hard links as such are not carried over.
 */
import { closeSync, fstatSync, readSync } from "node:fs"
import { Effect } from "effect"
import { ChangesError } from "./errors.ts"
import type { OverlayPlan } from "./internal/compile.ts"
import type { Native } from "./internal/native.ts"

export type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "block-device" | "character-device"

export interface Change {
  /** Beneath the overlay's directory, without a leading slash. Bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string
  readonly kind: "added" | "modified" | "deleted"
  /** Of the new file; of a deleted one, what it was. */
  readonly type: FileType
  /** Bytes; of a symbolic link its target's length; otherwise 0. */
  readonly size: number
}

/** Something of the guest's that a commit left out. */
export interface Skipped {
  readonly path: string
  readonly type: FileType
  readonly reason: string
}

export interface Committed {
  readonly changes: ReadonlyArray<Change>
  readonly skipped: ReadonlyArray<Skipped>
}

export interface Changes {
  /** Where the guest sees the overlay. */
  readonly target: string
  /** The host's directory beneath it. */
  readonly lower: string
  /** By path, directories before what is in them. While the guest runs: as it stands now. */
  readonly list: Effect.Effect<ReadonlyArray<Change>, ChangesError>
  /** Carries the changes over to the host's directory. Cannot be interrupted halfway. */
  readonly commit: Effect.Effect<Committed, ChangesError>
  /** Drops the changes. Only once the main command has ended. */
  readonly discard: Effect.Effect<void, ChangesError>
}

/** What the changes of a sandbox need of it. */
export interface Source {
  readonly native: Native
  /** The upper directories, in the order of the overlays; empty once the scope is closed. */
  readonly overlays: ReadonlyArray<number>
  readonly alive: boolean
}

const operations = { list: 0, commit: 1, discard: 2 } as const
const kinds = { A: "added", M: "modified", D: "deleted" } as const

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "make room on the file system of the host's directory",
  EDQUOT: "make room within the disk quota",
  EROFS: "the host's directory is read-only",
  EACCES: "the host's directory must be writable by the user who runs rvisor",
  ELOOP: "a directory is nested too deeply, or the host's directory has been replaced by a symbolic link",
  EPROTO: "the layer was not written by this sandbox's own overlay"
}

interface Fault {
  readonly path: string
  readonly errno: string
  readonly reason: string
}

interface Report extends Committed {
  readonly fault: Fault | undefined
}

/** The records of native/client/rvisor.h. */
const parse = (text: string): Report => {
  const fields = text.split("\0")
  const changes: Array<Change> = []
  const skipped: Array<Skipped> = []
  let fault: Fault | undefined
  for (let at = 0; at + 4 < fields.length; at += 5) {
    const [kind, type, size, path, words] = fields.slice(at, at + 5) as [string, string, string, string, string]
    if (kind === "E") fault = { path, errno: type, reason: words }
    else if (kind === "S") skipped.push({ path, type: type as FileType, reason: words })
    else changes.push({ path, kind: kinds[kind as keyof typeof kinds], type: type as FileType, size: Number(size) })
  }
  return { changes, skipped, fault }
}

const readAll = (fd: number): string => {
  const bytes = Buffer.alloc(fstatSync(fd).size)
  let at = 0
  for (let got = -1; got !== 0 && at < bytes.length; at += got) got = readSync(fd, bytes, at, bytes.length - at, at)
  closeSync(fd)
  return bytes.toString("utf8", 0, at)
}

const run = (source: Source, index: number, overlay: OverlayPlan, operation: keyof typeof operations): Effect.Effect<Report, ChangesError> => {
  const fail = (fault: Fault, remedy = remedies[fault.errno] ?? ""): ChangesError => new ChangesError({ operation, ...fault, path: fault.path === "" ? overlay.lower : fault.path, remedy })
  return Effect.suspend(() => {
    const { native } = source
    const upper = source.overlays[index]
    if (upper === undefined) return Effect.fail(fail({ path: "", errno: "", reason: "the scope of the sandbox is closed, and the changes are gone" }))
    if (operation === "discard" && source.alive) return Effect.fail(fail({ path: "", errno: "EBUSY", reason: "the sandbox still runs" }, "wait for its exit"))
    // The call works on a descriptor of its own: the scope may close meanwhile.
    const copy = native.duplicate(upper)
    if (copy < 0) return Effect.fail(fail({ path: "", errno: native.errnoName(-copy), reason: native.errnoText(-copy) }))
    return Effect.callback<Report, ChangesError>((resume) => {
      native.changes(operations[operation], copy, overlay.lower, (error, fd) => {
        if (error !== null) return resume(Effect.die(error))
        if (fd < 0) return resume(Effect.fail(fail({ path: "", errno: native.errnoName(-fd), reason: native.errnoText(-fd) })))
        const report = parse(readAll(fd))
        resume(report.fault === undefined ? Effect.succeed(report) : Effect.fail(fail(report.fault)))
      })
    })
  }).pipe(Effect.uninterruptible)
}

/** One for each overlay of a sandbox. */
export const changesOf = (source: Source, overlays: ReadonlyArray<OverlayPlan>): ReadonlyArray<Changes> =>
  overlays.map((overlay, index) => ({
    target: overlay.target,
    lower: overlay.lower,
    list: Effect.map(run(source, index, overlay, "list"), (report) => report.changes),
    commit: Effect.map(run(source, index, overlay, "commit"), ({ changes, skipped }) => ({ changes, skipped })),
    discard: Effect.asVoid(run(source, index, overlay, "discard"))
  }))
