/**
 * Writes sdk/internal/syscalls.ts: the names and numbers of x86-64's system calls.
 *
 *     node scripts/generate-syscalls.mjs [/path/to/asm/unistd_64.h]
 *
 * The kernel's own header is the source. A distribution's header may be older than the kernels rvisor runs on, so calls up
 * to Linux 6.18 that it may lack stand in `supplement` below (from arch/x86/entry/syscalls/syscall_64.tbl). A header that
 * contradicts the supplement stops the script.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const supplement = {
  uretprobe: 335, // 6.11
  uprobe: 336, // 6.18
  cachestat: 451, // 6.5
  fchmodat2: 452, // 6.6
  map_shadow_stack: 453, // 6.6
  futex_wake: 454, // 6.7
  futex_wait: 455, // 6.7
  futex_requeue: 456, // 6.7
  statmount: 457, // 6.8
  listmount: 458, // 6.8
  lsm_get_self_attr: 459, // 6.8
  lsm_set_self_attr: 460, // 6.8
  lsm_list_modules: 461, // 6.8
  mseal: 462, // 6.10
  setxattrat: 463, // 6.13
  getxattrat: 464, // 6.13
  listxattrat: 465, // 6.13
  removexattrat: 466, // 6.13
  open_tree_attr: 467, // 6.15
  file_getattr: 468, // 6.17
  file_setattr: 469 // 6.17
}

const header = process.argv[2] ?? ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"].find((path) => {
  try {
    readFileSync(path)
    return true
  } catch {
    return false
  }
})
if (header === undefined) {
  console.error("asm/unistd_64.h is not installed (Debian: linux-libc-dev, Fedora: kernel-headers); give its path as argument")
  process.exit(1)
}

const calls = new Map()
for (const [, name, number] of readFileSync(header, "utf8").matchAll(/^#define __NR_(\w+) (\d+)$/gm)) calls.set(name, Number(number))
for (const [name, number] of Object.entries(supplement)) {
  const known = calls.get(name)
  const holder = [...calls].find(([, n]) => n === number)?.[0]
  if ((known !== undefined && known !== number) || (holder !== undefined && holder !== name)) {
    console.error(`${header} and the supplement disagree about ${name} (${number})`)
    process.exit(1)
  }
  calls.set(name, number)
}

const sorted = [...calls].filter(([, number]) => number <= Math.max(...Object.values(supplement))).sort((a, b) => a[1] - b[1])
const lines = []
for (const [name, number] of sorted) {
  const entry = `${name}: ${number}`
  const last = lines.at(-1)
  if (last === undefined || last.length + entry.length > 136) lines.push(`  ${entry}`)
  else lines[lines.length - 1] = `${last}, ${entry}`
}
writeFileSync(fileURLToPath(new URL("../sdk/internal/syscalls.ts", import.meta.url)), `/**
 * The system calls of x86-64 Linux up to 6.18, name → number. Written by scripts/generate-syscalls.mjs from the kernel's
 * asm/unistd_64.h; do not edit.
 */
export const syscallNumbers = {
${lines.join(",\n")}
} as const satisfies Readonly<Record<string, number>>

export type SyscallName = keyof typeof syscallNumbers

/** The highest number of the table. Whatever lies above is a call of a newer kernel. */
export const lastSyscall = ${sorted.at(-1)[1]}
`)
