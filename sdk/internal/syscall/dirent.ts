/**
 * What getdents64(2) fills its buffer with: records of varying length, each with a name.
 */
import { DirentType } from "./generated/flags.ts"
import { decodeText, encodeText } from "./text.ts"

type TypeName = "DT_UNKNOWN" | "DT_FIFO" | "DT_CHR" | "DT_DIR" | "DT_BLK" | "DT_REG" | "DT_LNK" | "DT_SOCK" | "DT_WHT"

export interface Dirent {
  readonly ino: bigint
  /** Where the next entry begins, as lseek(2) takes it. */
  readonly off: bigint
  readonly type: TypeName
  readonly name: string
}

const header = 19

/**
 * The first entries that fit into `room` bytes, and how many these are. The number of bytes is the call's result; where not even the
 * first fits the kernel answers `EINVAL`, and 0 bytes mean the end of the directory.
 */
export const encodeDirents = (entries: ReadonlyArray<Dirent>, room: number): { readonly bytes: Uint8Array; readonly count: number } => {
  const records: Array<Uint8Array> = []
  let size = 0
  for (const { ino, off, type, name } of entries) {
    const text = encodeText(name)
    if (text.length === 0 || text.includes(0) || text.includes(0x2f)) throw new RangeError(`${JSON.stringify(name)} is no name of a directory entry`)
    const length = (header + text.length + 1 + 7) & ~7
    if (size + length > room) break
    const record = new Uint8Array(length)
    const view = new DataView(record.buffer)
    view.setBigUint64(0, ino, true)
    view.setBigInt64(8, off, true)
    view.setUint16(16, length, true)
    view.setUint8(18, DirentType.value(type))
    record.set(text, header)
    records.push(record)
    size += length
  }
  return { bytes: Buffer.concat(records), count: records.length }
}

/** The records of a buffer, as far as they are whole. */
export const decodeDirents = (bytes: Uint8Array): ReadonlyArray<Dirent> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Array<Dirent> = []
  for (let at = 0; at + header < bytes.length;) {
    const length = view.getUint16(at + 16, true)
    if (length <= header || at + length > bytes.length) break
    const name = bytes.subarray(at + header, at + length)
    const end = name.indexOf(0)
    entries.push({
      ino: view.getBigUint64(at, true),
      off: view.getBigInt64(at + 8, true),
      type: DirentType.names(view.getUint8(at + 18))[0] ?? "DT_UNKNOWN",
      name: decodeText(end < 0 ? name : name.subarray(0, end))
    })
    at += length
  }
  return entries
}
