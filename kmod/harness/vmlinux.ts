/**
 * The kernel proper, out of the self-extracting image that distributions ship. A virtual machine starts it directly by the PVH
 * protocol, which saves the seconds that decompressing takes in an emulated processor. (It also means no KASLR.) The layout is that of
 * Documentation/x86/boot.rst of the kernel.
 */
import { spawnSync } from "node:child_process"
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import { HarnessFailure } from "./failure.ts"

const malformed = (what: string): HarnessFailure => new HarnessFailure("format", `the kernel image ${what}`, "delete .cache/kmod and try again")

const unxz = (data: Buffer): Buffer => {
  const { error, status, stdout } = spawnSync("xz", ["--decompress", "--stdout", "--single-stream"], { input: data, maxBuffer: 1 << 30 })
  if (error !== undefined) throw new HarnessFailure("program", "xz is not on this host", "install xz-utils")
  if (status !== 0) throw malformed("does not decompress")
  return stdout
}

const decompressors: ReadonlyArray<readonly [magic: string, decompress: (data: Buffer) => Buffer]> = [
  ["fd377a585a00", unxz],
  ["28b52ffd", (data) => zstdDecompressSync(data)],
  ["1f8b08", (data) => gunzipSync(data)]
]

/** The ELF file within a bzImage. */
export const extractVmlinux = (image: Buffer): Buffer => {
  if (image.length < 0x260 || image.toString("latin1", 0x202, 0x206) !== "HdrS") throw malformed("has no boot header")
  if (image.readUInt16LE(0x206) < 0x208) throw malformed("has a boot header that is too old")
  const sectors = image[0x1f1]! || 4
  const start = (sectors + 1) * 512 + image.readUInt32LE(0x248)
  const length = image.readUInt32LE(0x24c)
  if (length < 8 || start + length > image.length) throw malformed("is cut off")
  // The last four bytes are the length of what is packed; they are no part of the compressed stream.
  const payload = image.subarray(start, start + length - 4)
  const size = image.readUInt32LE(start + length - 4)
  const [, decompress] = decompressors.find(([magic]) => payload.toString("hex", 0, magic.length / 2) === magic) ?? []
  if (decompress === undefined) throw malformed(`is packed in an unknown way (${payload.toString("hex", 0, 6)})`)
  const elf = decompress(payload)
  if (elf.length !== size || elf.toString("latin1", 0, 4) !== "\x7fELF") throw malformed("holds something else than an ELF file")
  return elf
}
