/**
 * Files in memory: the native parts of the self-contained executable, given a path by which they can be loaded and
 * executed. Nothing is written to any file system, so a read-only or noexec `/tmp` does not matter. The bytes are sealed:
 * nobody can change a part after it was made, not even a guest that got hold of it (compare CVE-2019-5736).
 */
import { dlopen } from "bun:ffi"
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import places from "../../dist/.places" with { type: "file" }

const MFD_CLOEXEC = 0x1, MFD_ALLOW_SEALING = 0x2, MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
const F_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8 // seal, shrink, grow, write

const libc = dlopen("libc.so.6", {
  memfd_create: { args: ["cstring", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendfile: { args: ["i32", "i32", "buffer", "u64"], returns: "i64_fast" }
}).symbols

let known: Readonly<Record<string, readonly [offset: number, size: number]>> | undefined

/**
 * Copies a part from where it lies in the executable's file (`build.ts` writes down where) inside the kernel, which takes a third of the time that
 * reading and writing it here takes. Answers whether it could: an executable may be one that its user cannot read.
 */
const copiedFromFile = (fd: number, name: string): boolean => {
  known ??= JSON.parse(readFileSync(places, "utf8")) as typeof known
  const place = known![name]
  if (place === undefined) return false
  let file: number
  try {
    file = openSync("/proc/self/exe", "r")
  } catch {
    return false
  }
  const [offset, size] = place, position = new BigInt64Array([BigInt(offset)])
  let left = size
  while (left > 0) {
    const copied = libc.sendfile(fd, file, position, left)
    if (copied <= 0) break
    left -= copied
  }
  closeSync(file)
  return left === 0
}

const fresh = (name: string): number => {
  const label = Buffer.from(`${name}\0`)
  // Kernels before 6.3 do not know MFD_EXEC and make executable memfds anyway.
  let fd = libc.memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)
  if (fd < 0) fd = libc.memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING)
  if (fd < 0) throw new Error(`the kernel refuses executable files in memory (memfd_create of ${name}); set the sysctl vm.memfd_noexec to 0 or 1`)
  return fd
}

/** Copies an embedded file to a sealed memfd and answers the path that opens it, for this process and its forks. */
export const memfdPath = (embedded: string, name: string): string => {
  let fd = fresh(name)
  if (!copiedFromFile(fd, name)) {
    closeSync(fd)
    writeFileSync(fd = fresh(name), readFileSync(embedded))
  }
  libc.fcntl(fd, F_ADD_SEALS, F_SEAL_ALL)
  return `/proc/self/fd/${fd}`
}
