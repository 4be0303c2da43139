/**
 * Files in memory: the native parts of the self-contained executable, given a path by which they can be loaded and
 * executed. Nothing is written to any file system, so a read-only or noexec `/tmp` does not matter. The bytes are sealed:
 * nobody can change a part after it was made, not even a guest that got hold of it (compare CVE-2019-5736).
 */
import { dlopen } from "bun:ffi"
import { readFileSync, writeFileSync } from "node:fs"

const MFD_CLOEXEC = 0x1, MFD_ALLOW_SEALING = 0x2, MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
const F_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8 // seal, shrink, grow, write

const libc = dlopen("libc.so.6", {
  memfd_create: { args: ["cstring", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" }
}).symbols

/** Copies an embedded file to a sealed memfd and answers the path that opens it, for this process and its forks. */
export const memfdPath = (embedded: string, name: string): string => {
  const label = Buffer.from(`${name}\0`)
  // Kernels before 6.3 do not know MFD_EXEC and make executable memfds anyway.
  let fd = libc.memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)
  if (fd < 0) fd = libc.memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING)
  if (fd < 0) throw new Error(`the kernel refuses executable files in memory (memfd_create of ${name}); set the sysctl vm.memfd_noexec to 0 or 1`)
  writeFileSync(fd, readFileSync(embedded))
  libc.fcntl(fd, F_ADD_SEALS, F_SEAL_ALL)
  return `/proc/self/fd/${fd}`
}
