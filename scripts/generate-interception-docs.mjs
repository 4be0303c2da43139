/**
 * Writes docs/interception.md: every system call that names a file or a socket address, and who decides about it, from the call table
 * (sdk/internal/syscall) and the filter (sdk/internal/seccompRules.ts).
 *
 *     node scripts/generate-interception-docs.mjs
 *
 * `render` fails where a call with a path, an address or another text among its arguments is in no class; a test renders it, and
 * compares.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { undecidedCalls } from "../sdk/internal/decisions.ts"
import { refusals } from "../sdk/internal/seccompRules.ts"
import { addressArgument, pathArguments, safetyClass } from "../sdk/internal/syscall/classes.ts"
import { syscallInfo } from "../sdk/internal/syscall/table.ts"
import { syscallNumbers } from "../sdk/internal/syscalls.ts"
import { answeredCalls, tracedCalls } from "../sdk/internal/translated.ts"

export const documentPath = fileURLToPath(new URL("../docs/interception.md", import.meta.url))

/** Texts and messages that name neither a file nor an address of the guest's choosing. */
const texts = {
  "attributes' names": ["setxattr", "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat", "getxattrat", "removexattrat"],
  "what a link says; nothing is looked up until it is followed": ["symlink", "symlinkat"],
  "words for the program": ["execve", "execveat"],
  "a label that /proc shows": ["memfd_create"],
  "addresses that the kernel writes": ["recvmsg", "recvmmsg"],
  "queues of the sandbox's own ipc namespace": ["mq_open", "mq_unlink"],
  "names of modules, file systems, options and keys": ["mount", "init_module", "finit_module", "delete_module", "fsopen", "fsconfig", "add_key", "request_key"]
}

/** Calls that reach a file or an address by something else than a path of their own. */
const hidden = [
  [["open_by_handle_at"], "a handle in place of a path"],
  [["io_uring_setup", "io_uring_enter", "io_uring_register"], "opens, connects and sends without making calls"],
  [["bpf"], "pins and finds objects by path"],
  [["fsconfig", "fsopen", "fsmount"], "sources of mounts"],
  [["uselib", "sysfs", "ustat", "lookup_dcookie"], "relics: a library, file system types, a device, the path behind a cookie"],
  [["setns"], "a namespace of another process"],
  [["pidfd_getfd"], "a descriptor of another process"],
  [["kexec_file_load", "quotactl_fd", "perf_event_open", "keyctl"], "files, quotas, programs and keys by number"],
  [["prctl"], "`PR_SET_MM_EXE_FILE` takes a descriptor, and a capability that the guest never has"],
  [["ioctl"], "descriptors (`FICLONE`), and names within a directory that is open for writing (`BTRFS_IOC_SUBVOL_CREATE`): mounts hold it, path rules do not see it"],
  [["recvmsg", "recvmmsg"], "descriptors that a peer sends: whoever opened them was decided on"],
  [["listen"], "takes a port where the socket has none: decided as a bind to it where the policy has rules for the network"],
  [["mmap", "fchdir", "fchmod", "fchown", "ftruncate", "fsetxattr", "copy_file_range", "sendfile", "splice"], "descriptors: decided on when they were opened"]
]

const names = Object.keys(syscallNumbers)
const code = (list) => list.map((name) => `\`${name}\``).join(" ")
const refusalOf = new Map(refusals.flatMap((refusal) => refusal.calls.map((name) => [name, refusal])))
const refusedByAll = (name) => refusalOf.has(name) && refusalOf.get(name).presets === undefined
/** Whether a preset refuses it, in words. */
const refused = (name) => {
  const refusal = refusalOf.get(name)
  return refusal === undefined ? "" : refusal.presets === undefined ? "every preset" : code(refusal.presets)
}

const isText = (argument) => argument.kind === "pointer" && argument.direction !== "out" && /^(str|strv|sockaddr\[|Msghdr|Mmsghdr)/.test(argument.pointee)

const follows = ({ follow }) => follow === "always" ? "followed" : follow === "never" ? "not followed"
  : "unless" in follow ? `followed unless \`${follow.unless.flag}\`` : `followed with \`${follow.only.flag}\``

const judged = (name) => [
  ...pathArguments(name).map((path) => `\`${path.argument}\`${path.directory === undefined ? "" : ` from \`${path.directory}\``}, last link ${follows(path)}`),
  ...(addressArgument(name) === undefined ? [] : [`the address in \`${addressArgument(name)}\`; of AF_UNIX by path, the path`])
].join("; ")

export const render = () => {
  const labelled = new Set(Object.values(texts).flat())
  for (const name of names) {
    const known = new Set([...pathArguments(name).map(({ argument }) => argument), addressArgument(name)])
    const open = syscallInfo(name).arguments.filter((argument) => isText(argument) && !known.has(argument.name))
    if (open.length > 0 && !labelled.has(name)) throw new Error(`${name}: ${open.map((argument) => argument.name).join(", ")} may name something, and is in no class`)
  }
  const naming = names.filter((name) => pathArguments(name).length > 0 || addressArgument(name) !== undefined)
  const carried = naming.filter((name) => safetyClass(name) === "behalf")
  const gone = naming.filter((name) => !carried.includes(name) && refusedByAll(name))
  const rest = naming.filter((name) => !carried.includes(name) && !gone.includes(name))
  const own = rest.filter((name) => !undecidedCalls().includes(name))
  const undecided = rest.filter((name) => undecidedCalls().includes(name))
  // Without mounts nobody but init and the trace points stands between a path and the host.
  const open = own.filter((name) => !tracedCalls.includes(name))
  if (open.length > 0) throw new Error(`${open.join(", ")} would take a path of the host's in the translated view`)
  return [
    "<!-- Written by scripts/generate-interception-docs.mjs from the tables in sdk/internal. Do not edit. -->",
    "# Calls that name files and addresses",
    "",
    "Who decides about each system call of x86-64 that takes a path or a socket address, or hides one, and why that decision holds for what then",
    "happens. The three ways:",
    "",
    "- **The kernel** resolves and decides: the view's mounts (read-only, masked, absent), Landlock behind them, an empty network namespace. This is all",
    "  that a policy without handlers, `filesystem.decide: \"calls\"` and network rules uses, and it stands behind the other ways. There is nothing to race.",
    "- **Init** carries the call out in the guest's place: where a handler or a path filter wants it, where `filesystem.decide` is `\"calls\"` (paths) and where",
    "  `network` has rules (addresses). Init copies the argument once, walks the path component by component to a descriptor, decides on the path that this",
    "  descriptor stands for, and acts on the descriptor. The guest's memory and its links are not looked at again, whatever its threads do to them. Init has",
    "  the guest's identity, mounts and Landlock domain: what the kernel refuses the guest it refuses here too.",
    "- **The filter** refuses it, by number and registers.",
    "",
    "## Carried out by init, where somebody wants it",
    "",
    "| call | decided on | refused by |",
    "|---|---|---|",
    ...carried.map((name) => `| \`${name}\` | ${judged(name)} | ${refused(name)} |`),
    "",
    "## The thread's own",
    "",
    "They change the calling thread itself, so nobody can carry them out for it: the kernel decides, by mounts, masks and Landlock. Path rules are not asked. A",
    "handler may observe or answer them, but not read them and let them go on.",
    "",
    "| call | names |",
    "|---|---|",
    ...own.map((name) => `| \`${name}\` | ${judged(name)} |`),
    "",
    "`execve` opens more than it names: the interpreter in a script's first line, and the loader that a program asks for. Both are opened by the kernel, in the",
    "same view.",
    "",
    "## Left to the kernel, and not there where paths are decided",
    "",
    "With `filesystem.decide: \"calls\"` these fail with `ENOSYS`, as on an older kernel: programs have another way, which is decided on.",
    "",
    "| call | names | refused by |",
    "|---|---|---|",
    ...undecided.filter((name) => !gone.includes(name)).map((name) => `| \`${name}\` | ${judged(name)} | ${refused(name)} |`),
    "",
    "## Refused by every preset",
    "",
    ...gone.map((name) => `- \`${name}\` (${judged(name)}): ${refusalOf.get(name).why}`),
    "",
    "## In the translated view",
    "",
    "Nothing is mounted there, so no path of the guest's is left to the kernel, whatever the policy says:",
    "",
    "| calls | who takes the path |",
    "|---|---|",
    `| ${code(carried)} | init, on the guest's behalf, in the view's table: read-only entries, mount points (\`EBUSY\`) and borders between entries (\`EXDEV\`) are what mounts are elsewhere |`,
    `| ${code(answeredCalls)} | init: they name no path, but tell one, or change what a read-only mount would keep, or what init relies on |`,
    `| ${code(tracedCalls)}, \`openat2\`, and \`open\` and \`openat\` with \`O_PATH\` | trace points: the thread makes the call with a path of the host's that init has found (\`chdir\`, \`execve\`), or is sent the descriptor |`,
    `| ${code(undecided.filter((name) => !gone.includes(name)))} | nobody: \`ENOSYS\` |`,
    `| ${code(gone)} | nobody: refused by every preset |`,
    "",
    "A path goes to the kernel in pieces, each from the deepest mount point on its way and with symbolic links forbidden (`RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`); where a link is",
    "met its text takes its place. `/proc` shows the guest's own processes; its links, `maps`, `smaps`, `numa_maps`, `mountinfo`, `mounts` and `mountstats` speak the guest's names,",
    "and say `(unreachable)` for what is not in the view.",
    "",
    "A program is executed as it stands where the loader that it names (`PT_INTERP`) is, in the guest's tree, the very file that the host has at that path, or where it names none.",
    "Of any other a copy is executed that names the tree's loader, made in the sandbox's own directory once for as long as the file stays as it is (two GiB at most, the last 96 are",
    "kept); `/proc/self/exe`, `AT_EXECFN`, the thread's name and reports speak of the guest's file. Init reads the first line of a script, and gives the kernel its interpreter with the",
    "arguments that belong to it. The path stands in the guest's memory while the kernel reads it: so what the thread has become, its program and every file in its memory, is compared",
    "with what was decided before an instruction of it runs, and the sandbox ends where that is something else.",
    "",
    "What differs from mounts:",
    "",
    "- **Two names for one directory of the host** (it is bound twice, or lies within another bind): the working directory and what `/proc` tells have the deeper bind's name.",
    "- **The directory above a mount point** can be neither moved nor removed (`EBUSY`).",
    "- **A descriptor that the host program gave** for a directory outside of the view leads nowhere (`ENOENT`).",
    "- **Programs that can be executed but not read** are refused (`EACCES`), and those of other machines and of 32 bits (`ENOEXEC`); `binfmt_misc` is not asked.",
    "- **A script with a hundred arguments or more, executed by a child that shares its parent's memory** (`vfork`, `posix_spawn`), leaves a page or so of it mapped in the parent.",
    "- **`statfs`** of a read-only entry says so; `fstatfs`, `st_dev` and mount ids are the host's.",
    "- **Writing where nothing is granted** is refused by rules before the entry is looked at: `EACCES`, and a violation, where a mount says `EROFS`. What lies in a writable place but is",
    "  read-only itself is `EROFS`. There a program that runs is `EROFS` too, not `ETXTBSY`, and so is an open of access mode 3 (`O_ACCMODE`), which the kernel lets have neither.",
    "- **`/proc/1`** is not there (`ENOENT`): init is not the guest's.",
    "- **Users** without a number in the guest's namespace have the host's here; to give a file to one is `EPERM`, not `EINVAL`.",
    "- **Internet sockets** cannot be made (`EPERM`) under `network: \"none\"`.",
    "",
    "## What hides a name",
    "",
    "| calls | what | |",
    "|---|---|---|",
    ...hidden.map(([calls, what]) => `| ${code(calls)} | ${what} | ${calls.every(refusedByAll) ? "refused by every preset" : [...new Set(calls.map(refused).filter((text) => text !== ""))].map((text) => `refused by ${text}`).join(", ") || "decided as said"} |`),
    "",
    "Texts among arguments that name neither a file nor an address:",
    "",
    ...Object.entries(texts).map(([what, calls]) => `- ${what}: ${code(calls)}`),
    "",
    "## What differs where init carries a call out",
    "",
    "`test/conformance/differential.test.ts` makes some fifty thousand calls in the same view with and without interception, and in the translated view, and compares every",
    "result, errno, mode, flag and change of the tree. What remains:",
    "",
    "- **`O_PATH`.** The kernel puts no such descriptor into another process. Where path rules alone decide, the kernel makes it after them: it reads and writes",
    "  nothing, and whatever is done with it is decided on again. Where a handler's decision must hold, one that can be read stands in for it, for files and",
    "  directories that the guest may read; others fail with `EOPNOTSUPP`. It shows `O_RDONLY` in `F_GETFL` and counts as an open for inotify.",
    "- **`O_NOFOLLOW`** may show in `F_GETFL` where the call did not say so, and the other way round.",
    "- **`bind` to a path**: `getsockname` and peers see the last component alone, as it is made in the directory that was decided on.",
    "- **`openat2` with `RESOLVE_*`**: magic links of /proc are never followed (`ELOOP`), `/proc/self` leads nowhere (`EXDEV`), and no file is made through a link",
    "  that leads nowhere.",
    "- **`/proc/1`** shows what every process may see of any other (`status`, `stat`, `cmdline`, …); everything else is `EACCES`, also `lstat` of its links.",
    "- **`/dev/tty`** is the terminal that the process holds open, under its own name. A terminal never becomes the controlling one by being opened.",
    "- **A process that is not dumpable** (`prctl(PR_SET_DUMPABLE, 0)`, a program that may be executed but not read) cannot be read: its calls fail with `EPERM` or `EFAULT`.",
    "- **Signals.** Before a call is taken, a signal makes it begin again, or fail with `EINTR` where the handler has no `SA_RESTART`; nothing has happened then. Once",
    "  it is taken only a deadly signal ends it, but for calls that wait for something (the other end of a FIFO, a peer, the holder of a lease): these are",
    "  taken back within some 40 ms as in the kernel. On kernels before 5.19 a signal can come at any time.",
    "- **Locks of flock(2)** (and `F_OFD_SETLK`) on a file that was opened read-only, and closed again before init's thread has run once more, go when it has: a",
    "  moment after the close. Of what is open for writing init holds nothing when the call returns.",
    "- **Of two errors** the other one may be told where both names of a call are wrong.",
    ""
  ].join("\n")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(documentPath, render())
