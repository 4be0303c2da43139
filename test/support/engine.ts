/**
 * Debian's container engine (the package docker.io), started for a test with directories of its own, and root trees for
 * its images. No network, no firewall rule, no service of the host is touched; when it is closed nothing of it is left.
 */
import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from "node:child_process"
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

/** What the tests call; not what PATH has first, which may be another engine's client. */
const client = "/usr/bin/docker"
const daemon = "/usr/sbin/dockerd"

/** Whether an engine can be started here: the package, and root. */
export const engineInstalled = (): boolean => existsSync(client) && existsSync(daemon) && process.getuid!() === 0

export interface Engine {
  /** Runs the client to its end. */
  readonly docker: (args: ReadonlyArray<string>, options?: { readonly timeout?: number }) => SpawnSyncReturns<string>
  /** Makes an image of a directory; throws what the client says. */
  readonly imported: (tree: string, name: string) => void
  readonly close: () => Promise<void>
}

const alive = (pid: number): boolean => {
  try {
    // A zombie waits for its parent only.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

const number = (file: string): number | undefined => {
  try {
    return Number(readFileSync(file, "utf8"))
  } catch {
    return undefined
  }
}

/** Control groups that a container left empty. */
const removeGroups = (name: string): void => {
  const below = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) below(join(directory, entry.name))
    rmdirSync(directory)
  }
  for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
    const group = join("/sys/fs/cgroup", hierarchy, name)
    if (existsSync(group)) below(group)
  }
}

/** Starts the engine; an Error with the end of its log where it does not come up within half a minute. */
export const startEngine = async (): Promise<Engine> => {
  const home = mkdtempSync(join(tmpdir(), "rvisor-engine-"))
  const socket = `unix://${join(home, "socket")}`
  const group = basename(home)
  const log = createWriteStream(join(home, "log"))
  const flags = [
    "--host", socket, "--data-root", join(home, "data"), "--exec-root", join(home, "exec"), "--pidfile", join(home, "pid"),
    // Every kernel has the driver vfs; a container costs a copy of its image.
    "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "--cgroup-parent", `/${group}`
  ]
  // Its mounts are its own: the host's table stays as it is, for whoever looks at it meanwhile.
  const child = spawn("unshare", ["--mount", "--propagation", "private", daemon, ...flags], { stdio: ["ignore", "pipe", "pipe"], env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: home } })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))

  const docker: Engine["docker"] = (args, options = {}) =>
    spawnSync(client, ["--host", socket, ...args], { encoding: "utf8", maxBuffer: 1 << 28, timeout: options.timeout ?? 60_000, env: { PATH: "/usr/bin:/bin", HOME: home } })

  const close = async (): Promise<void> => {
    const runtime = number(join(home, "exec/containerd/containerd.pid"))
    child.kill("SIGTERM")
    await Promise.race([ended, sleep(20_000)])
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
    await ended
    for (let i = 0; runtime !== undefined && alive(runtime); i++) {
      if (i === 50) process.kill(runtime, "SIGKILL")
      await sleep(100)
    }
    log.end()
    for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
      const place = line.split(" ")[4]
      if (place?.startsWith(`${home}/`) === true) spawnSync("umount", ["--lazy", place])
    }
    removeGroups(group)
    rmSync(home, { recursive: true, force: true })
  }

  for (let i = 0; i < 300; i++) {
    if (docker(["info"]).status === 0) {
      return {
        docker,
        imported: (tree, name) => {
          execFileSync("sh", ["-c", "tar -C \"$1\" -c . | \"$0\" --host \"$2\" import - \"$3\"", client, tree, socket, name], { stdio: ["ignore", "ignore", "inherit"], env: { PATH: "/usr/bin:/bin", HOME: home } })
        },
        close
      }
    }
    if (child.exitCode !== null || child.signalCode !== null) break
    await sleep(100)
  }
  const said = readFileSync(join(home, "log"), "utf8").split("\n").slice(-12).join("\n")
  await close()
  throw new Error(`the engine does not start:\n${said}`)
}

/**
 * Fills the empty directory `tree` with Debian packages that this host has installed, and what they depend on: their own
 * files, with the distribution's links at the top. Documentation and translations are left out.
 */
export const treeOfPackages = (tree: string, packages: ReadonlyArray<string>): void => {
  const options = { encoding: "utf8" as const, maxBuffer: 1 << 26, env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, stdio: ["ignore", "pipe", "ignore"] as const }
  const depends = execFileSync("apt-cache", [
    "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", ...packages
  ], { ...options, stdio: [...options.stdio] })
  const names = new Set(depends.split("\n").filter((line) => /^[a-z0-9]/.test(line)))
  // Names that no package of the host has are those of virtual packages.
  const installed = spawnSync("dpkg-query", ["--show", "--showformat=${db:Status-Abbrev} ${binary:Package}\\n", ...names], { ...options, stdio: [...options.stdio] }).stdout
    .split("\n").flatMap((line) => line.startsWith("ii ") ? [line.split(/\s+/)[1]!] : [])
  const files = [...new Set(execFileSync("dpkg-query", ["--listfiles", ...installed], { ...options, stdio: [...options.stdio] }).split("\n"))]
    .filter((path) => path.startsWith("/") && path !== "/." && !/^\/usr\/share\/(doc|man|locale|info|lintian)\//.test(path)).sort()
  for (const name of ["bin", "lib", "sbin", "lib64"]) {
    mkdirSync(join(tree, "usr", name), { recursive: true })
    symlinkSync(`usr/${name}`, join(tree, name))
  }
  const packed = spawnSync("sh", ["-c", "tar -c --no-recursion --ignore-failed-read --verbatim-files-from -T - | tar -x --keep-directory-symlink -C \"$0\"", tree], { input: files.join("\n"), encoding: "utf8", env: options.env })
  if (packed.status !== 0) throw new Error(`no tree of ${packages.join(", ")}: ${packed.stderr}`)
  for (const name of ["tmp", "proc", "sys", "dev", "run"]) mkdirSync(join(tree, name), { recursive: true })
}
