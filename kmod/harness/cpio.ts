/**
 * The archive that Linux unpacks into its first file system: cpio in the "new ASCII" form, as
 * Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it. Everything belongs to root and has no
 * date, so the same content makes the same bytes.
 */

export type Entry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: "link"; readonly path: string; readonly target: string }

const types = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const

const padding = (length: number): Buffer => Buffer.alloc((4 - length % 4) % 4)

const member = (ino: number, mode: number, name: string, data: Uint8Array): ReadonlyArray<Uint8Array> => {
  const path = Buffer.from(`${name}\0`)
  const fields = [ino, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length, 0]
  const head = Buffer.concat([Buffer.from(`070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, "0")).join("")}`), path])
  return [head, padding(head.length), data, padding(data.length)]
}

/** Packs entries in their order: a directory stands before what it holds. Paths are relative, without `.` or `..`. */
export const pack = (entries: ReadonlyArray<Entry>): Buffer =>
  Buffer.concat([
    ...entries.flatMap((entry, index) => {
      const data = entry.kind === "file" ? entry.data : Buffer.from(entry.kind === "link" ? entry.target : "")
      return member(index + 1, types[entry.kind] | (entry.kind === "link" ? 0o777 : entry.mode), entry.path, data)
    }),
    ...member(0, 0, "TRAILER!!!", new Uint8Array())
  ])
