/**
 * `--install`: what this host lacks of peers and of programs to measure, from Debian. gVisor of Debian 12 is four years old; that of its backports is
 * unpacked into `.cache/peers`, so that no other package source need be added to the host. What cannot be had is said, and the run goes on.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openArchive } from "../kmod/harness/archive.ts"
import { located, unpacked } from "./contestants.ts"

const wanted: ReadonlyArray<readonly [program: string, debian: string]> = [
  ["proot", "proot"], ["bwrap", "bubblewrap"], ["firejail", "firejail"], ["crun", "crun"], ["runc", "runc"], ["strace", "strace"], ["nginx", "nginx-light"], ["ab", "apache2-utils"],
  ["redis-server", "redis-server"], ["redis-benchmark", "redis-tools"], ["pgbench", "postgresql"], ["git", "git"], ["gcc", "build-essential"], ["python3", "python3"]
]

const remark = (text: string): void => void process.stderr.write(`· ${text}\n`)

const fromDebian = (): void => {
  const missing = wanted.filter(([program]) => located(program) === undefined).map(([, debian]) => debian)
  if (missing.length === 0) return
  if (process.getuid!() !== 0) return remark(`only root can install ${missing.join(", ")}: sudo apt-get install ${missing.join(" ")}`)
  const apt = (...args: ReadonlyArray<string>) => spawnSync("apt-get", ["--quiet=2", ...args], { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } })
  remark(`installing ${missing.join(", ")}`)
  apt("update")
  // One by one: a package that one suite has not must not keep the others away.
  for (const name of missing) {
    const { status, stderr } = apt("install", "--yes", "--no-install-recommends", name)
    if (status !== 0) remark(`${name} cannot be installed: ${(stderr ?? "apt-get is not there").trim().split("\n")[0]}`)
  }
  // Servers are started by the benchmarks alone.
  for (const service of ["nginx", "redis-server", "postgresql"]) spawnSync("service", [service, "stop"], { stdio: "ignore" })
}

const gvisor = async (): Promise<void> => {
  if (existsSync(join(unpacked, "usr/bin/runsc"))) return
  const downloads = join(unpacked, "debs")
  mkdirSync(downloads, { recursive: true })
  try {
    const archive = await openArchive(join(unpacked, "apt"))
    const newest = (await archive.show("runsc"))[0]?.["Version"]
    for (const deb of await archive.download([newest === undefined ? "runsc" : `runsc=${newest}`], downloads)) spawnSync("dpkg", ["-x", deb, unpacked])
  } catch (error) {
    remark(`gVisor cannot be had: ${(error as Error).message.split("\n")[0]}`)
  } finally {
    rmSync(downloads, { recursive: true, force: true })
  }
}

export const install = async (): Promise<void> => {
  fromDebian()
  await gvisor()
}
