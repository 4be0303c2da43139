/**
 * What this host says about rvisor's kernel module: whether it could be built, may be loaded, is loaded, and may be used. Read from files
 * beneath a root directory (`/`, but for tests), so nothing is tried out and nothing changes.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs"
import { delimiter, join } from "node:path"

export interface Fact {
  readonly name: "modules" | "kernel-config" | "kernel-headers" | "compiler" | "lockdown" | "signatures" | "module-loaded" | "module-device"
  readonly ok: boolean
  readonly use: string
  /** What was found. */
  readonly detail: string
  /** What to do where it is not ok. */
  readonly remedy: string
}

export interface Subject {
  /** `/`, or a directory that looks like one. */
  readonly root: string
  /** As `uname -r` says it. */
  readonly release: string
  /** Where programs are looked for. */
  readonly path: string
}

/** This host. */
export const thisHost = (): Subject => ({ root: "/", release: text("/proc/sys/kernel/osrelease") ?? "", path: process.env["PATH"] ?? "/usr/bin:/bin" })

const text = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return undefined
  }
}

const config = ({ release, root }: Subject): { readonly from: string; readonly lines: ReadonlySet<string> } | undefined => {
  for (const from of ["proc/config.gz", `boot/config-${release}`, `lib/modules/${release}/config`, `lib/modules/${release}/build/.config`]) {
    const path = join(root, from)
    try {
      const data = readFileSync(path)
      return { from: `/${from}`, lines: new Set((from.endsWith(".gz") ? process.getBuiltinModule("node:zlib").gunzipSync(data) : data).toString("latin1").split("\n")) }
    } catch {
      // Not there, or not for us: the next may be.
    }
  }
  return undefined
}

/** What the module cannot do without (kmod/main.c): a filter to stand in for, places to hook, and the kernel's names to find them by. */
const needed = ["MODULES", "SECCOMP_FILTER", "DYNAMIC_FTRACE_WITH_ARGS", "KPROBES", "KALLSYMS_ALL", "SECURITY_PATH", "SECURITY_NETWORK", "HAVE_STATIC_CALL_INLINE", "TRACEPOINTS"]
  .map((option) => `CONFIG_${option}`)

/** The package with the headers of the running kernel, by what the distribution calls itself. */
const headersRemedy = ({ release, root }: Subject): string => {
  const os = text(join(root, "etc/os-release")) ?? ""
  const ids = [...os.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap((match) => match[1]!.split(" "))
  if (ids.includes("debian") || ids.includes("ubuntu")) return `as root: apt-get install linux-headers-${release}`
  if (ids.some((id) => ["fedora", "rhel", "centos"].includes(id))) return `as root: dnf install kernel-devel-${release}`
  if (ids.includes("arch")) return "as root: pacman -S linux-headers"
  if (ids.some((id) => id.includes("suse"))) return "as root: zypper install kernel-default-devel"
  return `install your distribution's headers of kernel ${release}; for a kernel of your own, name its build tree`
}

const onPath = (program: string, { path }: Subject): boolean =>
  path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const device = (root: string): Omit<Fact, "name"> => {
  const path = join(root, "dev/rvisor"), use = "/dev/rvisor may be used"
  if (!existsSync(path)) {
    return { ok: false, use, detail: "there is no /dev/rvisor", remedy: "load the module; in a container: give it the device (docker run --device /dev/rvisor)" }
  }
  if (!statSync(path).isCharacterDevice()) return { ok: false, use, detail: "/dev/rvisor is no device", remedy: "remove it, and load the module anew" }
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return { ok: true, use, detail: "", remedy: "" }
  } catch (cause) {
    return { ok: false, use, detail: `/dev/rvisor cannot be opened by this user (${(cause as NodeJS.ErrnoException).code})`, remedy: "as root: let your group use it (chgrp rvisor /dev/rvisor && chmod 660 /dev/rvisor), best by a rule of udev: KERNEL==\"rvisor\", GROUP=\"rvisor\", MODE=\"0660\"" }
  }
}

/** The state of kernel lockdown: the word in brackets of `none [integrity] confidentiality`; `undefined` where the kernel does not say. */
const lockdownOf = (root: string): string | undefined => /\[(\w+)\]/.exec(text(join(root, "sys/kernel/security/lockdown")) ?? "")?.[1]

/** How to sign, for kernels that take signed modules only. */
export const signing =
  "sign it with a key that the kernel trusts: mokutil --import KEY.der and a restart enrol your own; then /lib/modules/$(uname -r)/build/scripts/sign-file sha256 KEY.priv KEY.der rvisor.ko (Ubuntu: kmodsign). Or turn Secure Boot off"

/** Where headers of a kernel are, if they are there. */
export const headersOf = ({ release, root }: Subject): string | undefined =>
  [`lib/modules/${release}/build`, `usr/src/linux-headers-${release}`].map((path) => join(root, path)).find((path) => existsSync(join(path, "Makefile")))

/** All that can be said. The order is that in which a user gets there. */
export const facts = (subject: Subject): ReadonlyArray<Fact> => {
  const { root } = subject
  const found = config(subject)
  const has = (option: string): boolean => found?.lines.has(`${option}=y`) === true
  const modular = existsSync(join(root, "proc/modules"))
  const closed = text(join(root, "proc/sys/kernel/modules_disabled")) === "1"
  const missing = found === undefined ? [] : needed.filter((option) => !has(option))
  const lockdown = lockdownOf(root)
  const enforced = text(join(root, "sys/module/module/parameters/sig_enforce")) === "Y"
  const version = text(join(root, "sys/module/rvisor/version")), loaded = existsSync(join(root, "sys/module/rvisor"))
  const headers = headersOf(subject)
  const tools = ["make", "gcc"].filter((tool) => !onPath(tool, subject))
  return [
    {
      name: "modules", ok: modular && !closed, use: "the kernel takes modules",
      detail: !modular ? "this kernel is built without modules (CONFIG_MODULES)" : closed ? "loading is switched off until the next start (sysctl kernel.modules_disabled)" : "",
      remedy: modular ? "restart the host" : "boot a kernel with modules, as distributions ship them; in a container or a small virtual machine: use the host's, or none"
    },
    {
      name: "kernel-config", ok: found !== undefined && missing.length === 0, use: "the kernel has what the module hooks into",
      detail: found === undefined ? "the kernel's configuration is not to be found" : missing.length === 0 ? found.from : `not set in ${found.from}: ${missing.join(", ")}`,
      remedy: found === undefined ? "load the module, which finds out for itself" : "boot a kernel that has them (Debian's, Ubuntu's and Fedora's have)"
    },
    { name: "kernel-headers", ok: headers !== undefined, use: "the module can be built for this kernel", detail: headers ?? "", remedy: headersRemedy(subject) },
    { name: "compiler", ok: tools.length === 0, use: "make and gcc, to build it", detail: tools.length === 0 ? "" : `missing: ${tools.join(", ")}`, remedy: "as root: apt-get install build-essential, or what your distribution calls it" },
    {
      name: "lockdown", ok: lockdown === undefined || lockdown === "none", use: "the kernel is not locked down, as it may be under Secure Boot",
      detail: lockdown === undefined ? "/sys/kernel/security does not say" : lockdown === "none" ? "" : `lockdown is ${lockdown}: modules must be signed`, remedy: signing
    },
    { name: "signatures", ok: !enforced, use: "modules without a signature may be loaded", detail: enforced ? "the kernel takes signed modules only (module.sig_enforce)" : "", remedy: signing },
    { name: "module-loaded", ok: loaded, use: "rvisor's module is loaded", detail: loaded ? version === undefined ? "" : `version ${version}` : "", remedy: "as root: rvisor kmod build && rvisor kmod load" },
    { name: "module-device", ...device(root) }
  ]
}

/** Bits of /proc/sys/kernel/tainted that loading a module can set, and what they say. */
const taints: ReadonlyArray<readonly [bit: number, word: string]> = [
  [0, "P: a proprietary module"], [1, "F: a module was forced"], [12, "O: a module built out of the kernel's tree"], [13, "E: a module without a signature"], [9, "W: the kernel has warned"], [7, "D: the kernel has died before"]
]

/** What the kernel says of its own state, of what has to do with modules. */
export const tainted = ({ root }: Subject): ReadonlyArray<string> => {
  const value = Number(text(join(root, "proc/sys/kernel/tainted")) ?? "0")
  return taints.filter(([bit]) => Math.floor(value / 2 ** bit) % 2 === 1).map(([, word]) => word)
}

/** Who uses the module: open sandboxes and their tasks; `undefined` where it is not loaded. */
export const users = ({ root }: Subject): number | undefined => {
  const count = text(join(root, "sys/module/rvisor/refcnt"))
  return count === undefined ? undefined : Number(count)
}

/** Whether a sandbox could use the module now. */
export const usable = (found: ReadonlyArray<Fact>): boolean => ["module-loaded", "module-device"].every((name) => found.find((fact) => fact.name === name)?.ok === true)

/** The facts that stand between this host and a loaded module; none where it is loaded. */
export const obstacles = (found: ReadonlyArray<Fact>): ReadonlyArray<Fact> =>
  found.find((fact) => fact.name === "module-loaded")?.ok === true ? found.filter((fact) => fact.name === "module-device" && !fact.ok) : found.filter((fact) => !fact.ok && !fact.name.startsWith("module-"))
