/**
 * The two native libraries that the sentry is built with: libseccomp (linked statically) and nlohmann/json (headers). Where
 * the system has them, the compiler finds them. Where it has not, and this is Debian or a child of it, their packages are
 * downloaded and unpacked into `.cache/deps`, with apt directories of our own: no root, nothing installed, nothing of the
 * system's apt state touched. Elsewhere the user is told which packages to install.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail, root } from "./host.mjs"

const packages = ["libseccomp-dev", "nlohmann-json3-dev"]
const cache = join(root, ".cache/deps")
const apt = join(root, ".cache/apt")

const installed = (): boolean => {
  const headers = "#include <seccomp.h>\n#include <nlohmann/json_fwd.hpp>\n"
  const found = spawnSync("c++", ["-E", "-x", "c++", "-o", "/dev/null", "-"], { input: headers })
  const library = spawnSync("c++", ["-print-file-name=libseccomp.a"], { encoding: "utf8" })
  return found.status === 0 && library.stdout.trim().startsWith("/")
}

const unpacked = (): boolean =>
  existsSync(join(cache, "usr/include/seccomp.h")) && existsSync(join(cache, "usr/include/nlohmann/json.hpp"))
  && readdirSync(join(cache, "usr/lib"), { recursive: true }).some((name) => String(name).endsWith("libseccomp.a"))

const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0

/** Runs apt-get on the system's sources and keys, with lists and cache of our own. */
const aptGet = (log: Array<string>, ...args: ReadonlyArray<string>): boolean => {
  const own = {
    "Dir::State": join(apt, "state"),
    "Dir::State::status": "/var/lib/dpkg/status",
    "Dir::Cache": join(apt, "cache"),
    "APT::Sandbox::User": "",
    "Acquire::Retries": "3",
    "Acquire::Languages": "none"
  }
  const options = Object.entries(own).flatMap(([key, value]) => ["-o", `${key}=${value}`])
  const result = spawnSync("apt-get", [...options, ...args], { cwd: cache, encoding: "utf8", env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" } })
  log.push(`$ apt-get ${args.join(" ")}\n${result.stdout}${result.stderr}`)
  return result.status === 0
}

/**
 * Where the libraries are: `undefined` when the system has them, else the prefix to give CMake as `RVISOR_DEPS`. Ends the
 * process with a sentence when they cannot be had.
 */
export const nativeDependencies = (): string | undefined => {
  if (installed()) return undefined
  if (unpacked()) return cache
  if (!has("apt-get") || !has("dpkg")) {
    fail("the native parts need the static libseccomp and nlohmann/json; install them with your package manager (Fedora: dnf install libseccomp-devel libseccomp-static json-devel glibc-static libstdc++-static).")
  }
  rmSync(cache, { recursive: true, force: true })
  for (const directory of [cache, join(apt, "state/lists/partial"), join(apt, "cache/archives/partial")]) mkdirSync(directory, { recursive: true })
  const log: Array<string> = []
  // An update may fail for a source that has nothing to do with us: what counts is whether the download then works.
  aptGet(log, "update")
  const debs = aptGet(log, "download", ...packages) ? readdirSync(cache).filter((name) => name.endsWith(".deb")) : []
  const done = debs.length > 0 && debs.every((deb) => {
    const result = spawnSync("dpkg", ["-x", join(cache, deb), cache], { encoding: "utf8" })
    log.push(`$ dpkg -x ${deb}\n${result.stderr}`)
    return result.status === 0
  }) && unpacked()
  rmSync(apt, { recursive: true, force: true })
  if (!done) {
    const file = join(root, ".cache/native-dependencies.log")
    writeFileSync(file, log.join("\n"))
    fail(`could not download ${packages.join(" and ")} with apt-get; install them as root (apt-get install ${packages.join(" ")}) or check that the package sources can be reached. What apt-get said is in ${file}`)
  }
  return cache
}
