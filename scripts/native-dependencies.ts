/**
 * The libraries that the native parts are built with: libseccomp (linked statically) and nlohmann/json (headers), and for
 * their tests doctest (headers). Where the system has them, the compiler finds them. Where it has not, and this is Debian
 * or a child of it, their packages are downloaded and unpacked into `.cache/deps`, with apt directories of our own: no root,
 * nothing installed, nothing of the system's apt state touched. Elsewhere the user is told which packages to install.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail, root } from "./host.mjs"

interface Library {
  /** Of Debian. */
  readonly package: string
  readonly header: string
  readonly archive?: string
}

const product: ReadonlyArray<Library> = [
  { package: "libseccomp-dev", header: "seccomp.h", archive: "libseccomp.a" },
  { package: "nlohmann-json3-dev", header: "nlohmann/json.hpp" }
]
const tests: ReadonlyArray<Library> = [{ package: "doctest-dev", header: "doctest/doctest.h" }]

const cache = join(root, ".cache/deps")
const apt = join(root, ".cache/apt")

const installed = ({ header, archive }: Library): boolean =>
  spawnSync("c++", ["-fsyntax-only", "-x", "c++", "-"], { input: `#if !__has_include(<${header}>)\n#error missing\n#endif\n` }).status === 0
  && (archive === undefined || spawnSync("c++", [`-print-file-name=${archive}`], { encoding: "utf8" }).stdout.startsWith("/"))

const unpacked = ({ header, archive }: Library): boolean =>
  existsSync(join(cache, "usr/include", header))
  && (archive === undefined || readdirSync(join(cache, "usr/lib"), { recursive: true }).some((name) => String(name).endsWith(`/${archive}`)))

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
export const nativeDependencies = (withTests: boolean): string | undefined => {
  const absent = [...product, ...(withTests ? tests : [])].filter((library) => !installed(library))
  if (absent.length === 0) return undefined
  const missing = absent.filter((library) => !unpacked(library))
  if (missing.length === 0) return cache
  const packages = missing.map((library) => library.package)
  if (!has("apt-get") || !has("dpkg")) {
    fail(`the native parts need ${packages.join(", ")}; install what your distribution calls them (Fedora: dnf install libseccomp-devel libseccomp-static json-devel doctest-devel glibc-static libstdc++-static).`)
  }
  for (const directory of [cache, join(apt, "state/lists/partial"), join(apt, "cache/archives/partial")]) mkdirSync(directory, { recursive: true })
  const log: Array<string> = []
  // An update may fail for a source that has nothing to do with us: what counts is whether the download then works.
  aptGet(log, "update")
  const debs = aptGet(log, "download", ...packages) ? readdirSync(cache).filter((name) => name.endsWith(".deb")) : []
  for (const deb of debs) {
    const result = spawnSync("dpkg", ["-x", join(cache, deb), cache], { encoding: "utf8" })
    log.push(`$ dpkg -x ${deb}\n${result.stderr}`)
    rmSync(join(cache, deb))
  }
  rmSync(apt, { recursive: true, force: true })
  if (!missing.every(unpacked)) {
    const file = join(root, ".cache/native-dependencies.log")
    writeFileSync(file, log.join("\n"))
    fail(`could not download ${packages.join(" and ")} with apt-get; install them as root (apt-get install ${packages.join(" ")}) or check that the package sources can be reached. What apt-get said is in ${file}`)
  }
  return cache
}
