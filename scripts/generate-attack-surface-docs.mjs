/**
 * Writes docs/attack-surface.md: the system calls of the host that a guest reaches, by preset, beside what others let theirs reach.
 *
 *     node scripts/generate-attack-surface-docs.mjs
 *
 * What a preset reaches is read off the compiled program itself (dist/native/filters.json, `struct sock_filter[]`), which is run here for every
 * call: not off the table that it was made from. A test compares the file with what this module renders.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { lastSyscall, syscallNumbers } from "../sdk/internal/syscalls.ts"
import { conditionsOf } from "../sdk/internal/seccompRules.ts"
import { docker, dockerFamilies, gvisor } from "./surface/peers.ts"
import { programOf, reach } from "./surface/program.ts"

export const documentPath = fileURLToPath(new URL("../docs/attack-surface.md", import.meta.url))

/** @type {ReadonlyArray<import("../sdk/internal/seccompRules.ts").Preset>} */
const presets = ["default", "strict", "trusted"]
const names = Object.keys(syscallNumbers)

/** @param {string} name */
const code = (name) => `\`${name}\``

/** Families by number, as linux/socket.h has them. @type {Readonly<Record<number, string>>} */
const families = {
  0: "UNSPEC", 1: "UNIX", 2: "INET", 3: "AX25", 4: "IPX", 5: "APPLETALK", 6: "NETROM", 7: "BRIDGE", 8: "ATMPVC", 9: "X25", 10: "INET6", 11: "ROSE", 12: "DECnet", 13: "NETBEUI", 14: "SECURITY", 15: "KEY",
  16: "NETLINK", 17: "PACKET", 18: "ASH", 19: "ECONET", 20: "ATMSVC", 21: "RDS", 22: "SNA", 23: "IRDA", 24: "PPPOX", 25: "WANPIPE", 26: "LLC", 27: "IB", 28: "MPLS", 29: "CAN", 30: "TIPC", 31: "BLUETOOTH",
  32: "IUCV", 33: "RXRPC", 34: "ISDN", 35: "PHONET", 36: "IEEE802154", 37: "CAIF", 38: "ALG", 39: "NFC", 40: "VSOCK", 41: "KCM", 42: "QIPCRTR", 43: "SMC", 44: "XDP", 45: "MCTP"
}

/** Requests of ioctl(2) that attacks have been made of, and what they do. @type {ReadonlyArray<readonly [string, number, string]>} */
const requests = [
  ["TIOCSTI", 0x5412, "types into a terminal"], ["TIOCLINUX", 0x541c, "pastes into a console"], ["TIOCSCTTY", 0x540e, "takes a terminal"], ["TIOCSETD", 0x5423, "loads a line discipline (CVE-2023-6546)"],
  ["TIOCCONS", 0x541d, "takes the console's output"], ["KDSKBENT", 0x4b47, "changes the keyboard's table"], ["VT_ACTIVATE", 0x5606, "switches consoles"], ["FIONREAD", 0x541b, "asks how much there is"],
  ["SIOCSIFFLAGS", 0x8914, "changes a network interface"], ["FS_IOC_SETFLAGS", 0x40086602, "changes a file's flags"], ["FICLONE", 0x40049409, "shares a file's blocks"], ["BLKRRPART", 0x125f, "reads a disk's partitions again"]
]

/** Requests of bpf, perf and their like. @type {ReadonlyArray<readonly [string, string]>} */
const subsystems = [
  ["eBPF", "bpf"], ["performance events", "perf_event_open"], ["faults in user space", "userfaultfd"], ["io_uring", "io_uring_setup"], ["asynchronous I/O", "io_submit"], ["keyrings", "keyctl"],
  ["mounts, old calls", "mount"], ["mounts, new calls", "fsopen"], ["entering namespaces", "setns"], ["tracing", "ptrace"], ["others' memory", "process_vm_writev"], ["others' descriptors", "pidfd_getfd"],
  ["files by handle", "open_by_handle_at"], ["kernel modules", "finit_module"], ["another kernel", "kexec_load"], ["changes of root", "chroot"], ["the clock", "clock_settime"], ["the clock, adjusting it", "clock_adjtime"],
  ["fanotify marks", "fanotify_mark"], ["System V IPC", "shmget"], ["POSIX queues", "mq_open"], ["NUMA placement", "mbind"], ["segment descriptors", "modify_ldt"], ["filters of its own", "seccomp"], ["clone with flags in memory", "clone3"]
]

/** @param {ReadonlyMap<string, import("./surface/program.ts").Reach>} by @param {import("./surface/program.ts").Reach} what */
const count = (by, what) => [...by.values()].filter((each) => each === what).length

export const render = () => {
  const programs = presets.map((preset) => programOf(preset))
  const reached = programs.map((program, index) => new Map(names.map((name) => [name, reach(program, Number(syscallNumbers[/** @type {keyof typeof syscallNumbers} */ (name)]), name in conditionsOf(/** @type {import("../sdk/internal/seccompRules.ts").Preset} */ (presets[index])))])))
  const peer = (/** @type {import("./surface/peers.ts").Peer} */ { allowed, conditional }) => new Map(names.map((name) => [name, /** @type {import("./surface/program.ts").Reach} */ (!allowed.has(name) ? "no" : name in conditional ? "some" : "yes")]))
  const columns = [...reached, peer(docker), peer(gvisor)]
  const heads = [...presets.map(code), "Docker", "gVisor’s sentry"]
  /** @param {ReadonlyMap<string, import("./surface/program.ts").Reach>} column @param {string} name */
  const cell = (column, name) => ({ yes: "yes", some: "some", no: "–" })[column.get(name) ?? "no"]
  const socket = Number(syscallNumbers.socket), ioctl = Number(syscallNumbers.ioctl)
  /** Whether any type and protocol opens a socket of a family. @param {ReturnType<typeof programOf>} program @param {number} family */
  const opens = (program, family) => [1, 2, 3, 5].some((type) => [0, 1, 6, 17].some((protocol) => program(socket, [family, type, protocol]) === "allow"))
  const differ = names.filter((name) => new Set(columns.slice(0, 4).map((column) => column.get(name))).size > 1)
  return [
    "<!-- Written by scripts/generate-attack-surface-docs.mjs from the compiled filters. Do not edit. -->",
    "# Attack surface",
    "",
    "A guest runs on the host's kernel: what it can call is what it can attack. This is what the compiled filter of each preset lets through (each program is run here for every call), beside what",
    "others let theirs. The view makes no difference to it: a filter looks at registers. What a policy decides by path, address or handler comes on top, and only ever takes away.",
    "",
    `- ${docker.source}.`,
    `- ${gvisor.source}. This is another kind of number: gVisor's guests call gVisor's sentry, a kernel of its own in Go, and what is counted is what that may ask of the host. A guest reaches it by way of the sentry's`,
    "  mistakes only. No filter over the host's own calls comes to so few; whoever needs that needs gVisor or a virtual machine.",
    "",
    `| of the ${names.length} calls up to number ${lastSyscall} | ${heads.join(" | ")} |`,
    `|---|${heads.map(() => "---:|").join("")}`,
    `| allowed | ${columns.map((column) => count(column, "yes")).join(" | ")} |`,
    `| for some arguments | ${columns.map((column) => count(column, "some")).join(" | ")} |`,
    `| refused | ${columns.map((column) => count(column, "no")).join(" | ")} |`,
    "",
    "Calls of i386 and x32 are refused by rvisor; Docker's profile lists both architectures beside x86-64. Capabilities: a guest of rvisor has none, in no namespace; a container of Docker has fourteen. A guest of rvisor has",
    "`no_new_privs`, a Landlock domain, and no user namespace of its own; a container has these where it is told so.",
    "",
    "## What serves exploits",
    "",
    `| what | call | ${heads.join(" | ")} |`,
    `|---|---|${heads.map(() => "---|").join("")}`,
    ...subsystems.map(([what, name]) => `| ${what} | ${code(name)} | ${columns.map((column) => cell(column, name)).join(" | ")} |`),
    "",
    "## Families of sockets",
    "",
    "For any type and protocol. With rules in `network` it is UNIX, and TCP and UDP over IP, in every preset. gVisor's sentry opens none with its own network stack.",
    "",
    `| family | ${presets.map(code).join(" | ")} | Docker |`,
    `|---|${presets.map(() => "---|").join("")}---|`,
    ...Object.entries(families).map(([number, family]) => [family, ...programs.map((program) => opens(program, Number(number)) ? (Number(number) === 16 ? "routing" : "yes") : "–"), dockerFamilies.includes(Number(number)) ? "yes" : "–"])
      .filter((row) => row.slice(1).some((each) => each !== "–")).map((row) => `| ${row.join(" | ")} |`),
    "",
    "## Requests of `ioctl`",
    "",
    "A filter sees the request's number and not what the descriptor is. rvisor refuses the two that put input into a terminal; for the others it matters which descriptors there are: no device but `null zero full random urandom tty ptmx`",
    "is in the view. Docker's profile refuses none, gVisor's sentry makes only those that its own table names.",
    "",
    `| request | does | ${presets.map(code).join(" | ")} | Docker |`,
    `|---|---|${presets.map(() => "---|").join("")}---|`,
    ...requests.map(([name, number, does]) => `| ${code(name)} | ${does} | ${programs.map((program) => program(ioctl, [0, number]) === "allow" ? "yes" : "–").join(" | ")} | yes |`),
    "",
    "## Where presets and Docker differ",
    "",
    "“some”: for some arguments. [syscalls.md](syscalls.md) says which, and why the others are not.",
    "",
    `| call | ${heads.slice(0, 4).join(" | ")} |`,
    `|---|${heads.slice(0, 4).map(() => "---|").join("")}`,
    ...differ.map((name) => `| ${code(name)} | ${columns.slice(0, 4).map((column) => cell(column, name)).join(" | ")} |`),
    ""
  ].join("\n")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(documentPath, render())
