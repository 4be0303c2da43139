/**
 * Who takes part: the program as it is, rvisor in each of its views, and every peer that this host has. Each is told how to run a command in a
 * directory that it may write to, with the system's programs and libraries read-only beneath; what a peer grants beyond that is its own default.
 *
 * Whether one takes part is found out by having it run `true`. Nothing is assumed of versions, and one that does not run here says why.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { guarded } from "./guard.ts"
import type { Version } from "./results.ts"

export const root = resolve(import.meta.dirname, "..")
/** Peers that were not installed but unpacked (`--install`). */
export const unpacked = join(root, ".cache/peers")

/** The rvisor executable: the built one, which is what users have. */
export const executable = join(root, "dist/rvisor")

export const environment: Readonly<Record<string, string>> = {
  PATH: `${unpacked}/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  LANG: "C.UTF-8"
}

/** Where a program lies, or nothing. */
export const located = (program: string): string | undefined =>
  environment["PATH"]!.split(":").map((directory) => join(directory, program)).find((path) => existsSync(path))

/** A command, and what it must see beyond the system's own programs. */
export interface Job {
  readonly argv: ReadonlyArray<string>
  /** It starts here, and may write here. */
  readonly directory: string
  readonly reads?: ReadonlyArray<string>
  /** `host` for servers: the client is outside. Else a network of its own, where the contestant has that. */
  readonly network?: "host"
  /** A user without privilege, for programs that refuse to be root. Only where this is run by root. */
  readonly user?: number
}

/** A job that can be started again and again, one at a time. */
export interface Prepared {
  readonly argv: ReadonlyArray<string>
  /** Ends what a run that was killed left behind. */
  readonly reset: () => void
  readonly dispose: () => void
}

export interface Contestant {
  readonly name: string
  /** The command line, in short, for the document. */
  readonly how: string
  readonly version: () => string
  readonly prepare: (job: Job) => Prepared
}

const plain = (argv: ReadonlyArray<string>): Prepared => ({ argv, reset: () => {}, dispose: () => {} })

/** The words that make a command run as a user, where it would run as root. */
const asUser = ({ argv, user }: Job): ReadonlyArray<string> =>
  user === undefined || process.getuid!() !== 0 ? argv : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...argv]

const says = (program: string, ...args: ReadonlyArray<string>): string => {
  const { stderr, stdout } = spawnSync(located(program) ?? program, args, { encoding: "utf8", env: environment })
  return /\d+(\.\d+)+[^\s,]*/.exec(`${stdout}${stderr}`)?.[0] ?? "?"
}

const rvisor = (name: string, view: ReadonlyArray<string>): Contestant => ({
  name,
  how: `rvisor run ${view.length === 0 ? "" : `${view.join(" ")} `}--write DIR -- …`,
  version: () => (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version,
  prepare: ({ argv, directory, network, reads = [] }) =>
    plain([
      executable, "run", "--quiet", ...view, "--write", directory, "--cwd", directory, "--env", `HOME=${directory}`,
      ...reads.flatMap((path) => ["--read", path]), ...(network === "host" ? ["--network", "host"] : []), "--", ...argv
    ])
})

/** The directories of a system that a container of ours shows; the others are links or not needed. */
const shown = ["/usr", "/etc"]

/** An OCI runtime, given a bundle that shows what rvisor's default policy shows. */
const runtime = (name: string, program: string, options: ReadonlyArray<string>): Contestant => ({
  name,
  how: `${program} ${options.join(" ")}${options.length === 0 ? "" : " "}run (system directories bound read-only)`,
  version: () => says(program, "--version"),
  prepare: (job) => {
    const { directory, network, reads = [] } = job
    const bundle = mkdtempSync(join(tmpdir(), "rvisor-bundle-"))
    const tree = join(bundle, "rootfs")
    for (const each of ["usr", "etc", "proc", "dev", "tmp", "sys", "run", "var", "root"]) mkdirSync(join(tree, each), { recursive: true })
    for (const link of ["bin", "sbin", "lib", "lib32", "lib64"]) if (existsSync(join("/usr", link))) symlinkSync(`usr/${link}`, join(tree, link))
    const bind = (path: string, mode: "ro" | "rw") => ({ destination: path, type: "bind", source: path, options: ["rbind", mode] })
    writeFileSync(join(bundle, "config.json"), JSON.stringify({
      ociVersion: "1.0.2",
      process: {
        terminal: false, user: { uid: 0, gid: 0 }, args: asUser(job), env: [...Object.entries(environment).map(([key, value]) => `${key}=${value}`), `HOME=${directory}`],
        cwd: directory, noNewPrivileges: true,
        capabilities: Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, ["CAP_SETUID", "CAP_SETGID", "CAP_DAC_OVERRIDE"]]))
      },
      root: { path: "rootfs" },
      hostname: "sandbox",
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/dev/shm", type: "tmpfs", source: "shm" },
        { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
        ...shown.map((path) => bind(path, "ro")), ...reads.map((path) => bind(path, "ro")), bind(directory, "rw")
      ],
      linux: { namespaces: ["pid", "ipc", "uts", "mount", ...(network === "host" ? [] : ["network"])].map((type) => ({ type })) }
    }))
    const command = [located(program) ?? program, "--root", join(bundle, "state"), ...options, ...(program === "runsc" ? [`--network=${network === "host" ? "host" : "none"}`] : [])]
    let runs = 0
    const id = (run: number) => `${bundle.slice(bundle.lastIndexOf("/") + 1)}-${run}`
    const reset = () => {
      // One that ended by itself is known no more.
      for (const each of existsSync(join(bundle, "state")) ? readdirSync(join(bundle, "state")).flatMap((name) => new RegExp(`${id(0).slice(0, -1)}\\d+`).exec(name) ?? []) : []) {
        spawnSync(command[0]!, [...command.slice(1), "delete", "--force", each], { stdio: "ignore", env: environment, timeout: 20_000 })
      }
    }
    return {
      get argv() {
        return [...command, "run", "--bundle", bundle, id(runs++)]
      },
      reset,
      dispose: () => {
        reset()
        rmSync(bundle, { recursive: true, force: true })
      }
    }
  }
})

export const native: Contestant = { name: "native", how: "no sandbox", version: () => "", prepare: (job) => plain(asUser(job)) }

/** Everybody but `native`, whether or not this host has it. */
export const candidates: ReadonlyArray<Contestant & { readonly program: string }> = [
  { ...rvisor("rvisor", []), program: executable },
  { ...rvisor("rvisor, translated view", ["--view", "translated"]), program: executable },
  {
    name: "bubblewrap",
    program: "bwrap",
    how: "bwrap --unshare-all --ro-bind / / --tmpfs /tmp --bind DIR DIR …",
    version: () => says("bwrap", "--version"),
    prepare: (job) =>
      plain([
        "bwrap", ...(job.user === undefined ? ["--unshare-all", ...(job.network === "host" ? ["--share-net"] : [])] : ["--unshare-ipc", "--unshare-pid", "--unshare-uts"]), "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
        // It would make the way to the directory for its own user only.
        ...(dirname(job.directory) === tmpdir() ? [] : ["--perms", "0755", "--dir", dirname(job.directory)]),
        ...(job.reads ?? []).flatMap((path) => ["--ro-bind", path, path]), "--bind", job.directory, job.directory, "--chdir", job.directory,
        ...(job.user === undefined ? [] : ["--perms", "1777", "--tmpfs", "/dev/shm", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]), "--", ...asUser(job)
      ])
  },
  {
    name: "firejail",
    program: "firejail",
    how: "firejail --noprofile --seccomp --private-dev …",
    version: () => says("firejail", "--version"),
    prepare: (job) => plain(["firejail", "--quiet", "--noprofile", "--seccomp", "--private-dev", ...(job.network === "host" ? [] : ["--net=none"]), "--", ...asUser(job)])
  },
  { ...runtime("runc", "runc", []), program: "runc" },
  { ...runtime("crun", "crun", []), program: "crun" },
  { ...runtime("gVisor, systrap", "runsc", ["--platform=systrap", "--ignore-cgroups"]), program: "runsc" },
  { ...runtime("gVisor, ptrace", "runsc", ["--platform=ptrace", "--ignore-cgroups"]), program: "runsc" },
  { name: "PRoot", program: "proot", how: "proot …", version: () => says("proot", "--version"), prepare: (job) => plain(["proot", "-w", job.directory, ...asUser(job)]) },
  {
    name: "strace",
    program: "strace",
    how: "strace -f --seccomp-bpf -e trace=openat (watches one call, holds nothing)",
    version: () => says("strace", "--version"),
    prepare: (job) => plain(["strace", "-f", "--seccomp-bpf", "-e", "trace=openat", "-o", "/dev/null", ...asUser(job)])
  }
]

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

/** Runs a prepared job to its end. One that takes longer than `seconds` is killed, with its whole process group. */
export const ended = ({ argv }: Pick<Prepared, "argv">, directory: string, seconds = 120): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const begin = performance.now()
    const child = guarded(spawn(argv[0]!, argv.slice(1), { cwd: directory, env: { ...environment, HOME: directory }, stdio: ["ignore", "pipe", "pipe"], detached: true }))
    let stdout = "", stderr = ""
    const timer = setTimeout(() => {
      stderr += `took longer than ${seconds} s`
      process.kill(-child.pid!, "SIGKILL")
    }, seconds * 1000)
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
    child.on("error", (error) => (clearTimeout(timer), reject(error)))
    child.on("close", (code) => (clearTimeout(timer), resolve({ code, stdout, stderr, ms: performance.now() - begin })))
  })

/** The same, where anything but exit code 0 is a failure. */
export const succeeded = async (prepared: Pick<Prepared, "argv">, directory: string, seconds?: number): Promise<Ended> => {
  const end = await ended(prepared, directory, seconds)
  if (end.code === 0) return end
  throw new Error(`ended with ${end.code}: ${end.stderr.trim().split("\n").slice(-2).join("; ") || end.stdout.trim().split("\n").slice(-1)[0]}`)
}

export interface Field {
  /** `native` first. */
  readonly present: ReadonlyArray<Contestant>
  readonly versions: ReadonlyArray<Version>
}

let known: Promise<Field> | undefined

/** Finds out, once, who takes part on this host. */
export const field = (): Promise<Field> => known ??= find()

const find = async (): Promise<Field> => {
  if (!existsSync(executable)) throw new Error("dist/rvisor is not there: run `npm run build` first")
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const present: Array<Contestant> = [native], versions: Array<Version> = []
  for (const { how, name, prepare, program, version } of candidates) {
    if (located(program) === undefined && !existsSync(program)) {
      versions.push({ name, version: "", how, absent: `${program} is not on this host (\`npm run bench -- --install\` installs it)` })
      continue
    }
    const prepared = prepare({ argv: ["true"], directory })
    try {
      await succeeded(prepared, directory, 20)
      present.push({ how, name, prepare, version })
      versions.push({ name, version: version(), how })
    } catch (error) {
      versions.push({ name, version: version(), how, absent: (error as Error).message.slice(0, 240) })
    } finally {
      prepared.dispose()
    }
  }
  rmSync(directory, { recursive: true, force: true })
  return { present, versions }
}
