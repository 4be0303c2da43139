/**
 * BusyBox's own test suite, run twice with Debian's busybox: natively and in a sandbox, both as the same plain user. It comes from
 * Debian's source package when it is first wanted, with apt's check of its signature, into `.cache/busybox`; nothing of it is in the repository.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const cache = join(root, ".cache/busybox")
const binary = "/bin/busybox"
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** What one case came to: `PASS`, `FAIL`, `SKIPPED` (busybox was built without it), `UNTESTED`. By name, and which of that name. */
export type Results = ReadonlyMap<string, string>

export interface Difference {
  readonly name: string
  readonly natively: string
  readonly inside: string
  /** Why it must be so, where it is known. */
  readonly reason: string | undefined
}

/** Debian's static busybox, and the tools that fetch and unpack its source. */
export const suitePossible = (): boolean =>
  existsSync(KEYRING) && ["busybox", "apt-get", "dpkg-source"].every((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0) && (
    spawnSync("dpkg-query", ["--show", "busybox-static"]).status === 0)

/** The source of the busybox that this host has, unpacked; fetched where it is not yet. */
const source = (): string => {
  const version = execFileSync("dpkg-query", ["--show", "--showformat=${source:Version}", "busybox-static"], { encoding: "utf8" })
  const place = join(cache, version.replaceAll(/[^A-Za-z0-9.+~-]/g, "_"))
  if (existsSync(place)) return place
  const state = join(cache, "apt")
  for (const directory of ["lists/partial", "archives/partial"]) mkdirSync(join(state, directory), { recursive: true })
  const targets = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"], { encoding: "utf8" }).split("\n")
  // The sources lie beside the packages: in every suite of Debian's that this host takes packages from.
  const lines = [...new Set(targets.filter((line) => line.endsWith(" main") && /debian/i.test(line)))].map((line) => `deb-src [signed-by=${KEYRING}] ${line}`)
  if (lines.length === 0) throw new Error("no source of this host's apt is a mirror of Debian's archive")
  writeFileSync(join(state, "sources.list"), `${lines.join("\n")}\n`)
  const options = [
    ["Dir::State", state], ["Dir::State::status", "/dev/null"], ["Dir::Cache", state], ["Dir::Etc::sourcelist", join(state, "sources.list")], ["Dir::Etc::sourceparts", "/dev/null"],
    ["APT::Sandbox::User", ""], ["Acquire::Languages", "none"], ["Acquire::Retries", "3"]
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`])
  const scratch = mkdtempSync(join(cache, "fetch-"))
  try {
    for (const args of [["--quiet=2", "update"], ["--quiet=2", "source", "--download-only", `busybox=${version}`]]) {
      const ran = spawnSync("apt-get", [...options, ...args], { cwd: scratch, encoding: "utf8", timeout: 120_000 })
      if (ran.status !== 0) throw new Error(`busybox's source cannot be fetched: ${ran.stderr}`)
    }
    const description = readdirSync(scratch).find((name) => name.endsWith(".dsc"))!
    // apt has checked what it fetched.
    execFileSync("dpkg-source", ["--no-check", "--extract", description, "unpacked"], { cwd: scratch, stdio: ["ignore", "ignore", "inherit"] })
    renameSync(join(scratch, "unpacked"), place)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return place
}

/** A directory as the suite wants it: `testsuite` beside the program and what it was built with. For everybody. */
const prepared = (): string => {
  const from = source()
  const place = mkdtempSync(join(tmpdir(), "rvisor-busybox-"))
  for (const name of ["testsuite", "scripts"]) cpSync(join(from, name), join(place, name), { recursive: true, verbatimSymlinks: true })
  copyFileSync(join(from, "debian/config/pkg/static"), join(place, ".config"))
  copyFileSync(binary, join(place, "busybox"))
  chmodSync(join(place, "busybox"), 0o755)
  if (process.getuid!() === 0) execFileSync("chown", ["--recursive", "1000:1000", place])
  return place
}

/** Reads what `runtest` prints. */
export const parse = (output: string): Results => {
  const results = new Map<string, string>()
  for (const line of output.split("\n")) {
    const [, result, name] = /^(PASS|FAIL|SKIPPED|UNTESTED): (.*)$/.exec(line) ?? []
    if (result === undefined || name === undefined) continue
    let key = name
    for (let i = 2; results.has(key); i++) key = `${name} (${i})`
    results.set(key, result)
  }
  return results
}

/**
 * Runs the suite, or the tests of these applets; `wrapper` is a command that runs another in a directory which it may write to.
 * Seconds beside the results.
 */
export const runSuite = (applets: ReadonlyArray<string>, wrapper: (directory: string) => ReadonlyArray<string>, timeout = 1_800_000): { readonly results: Results; readonly seconds: number; readonly output: string } => {
  const place = prepared()
  try {
    const user = process.getuid!() === 0 ? ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all"] : []
    const argv = [...user, "env", "--ignore-environment", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", `HOME=${place}`, ...wrapper(place), "sh", "-c", "cd \"$0/testsuite\" && exec sh ./runtest \"$@\"", place, ...applets]
    const started = Date.now()
    const ran = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8", maxBuffer: 1 << 28, timeout, stdio: ["ignore", "pipe", "pipe"] })
    const output = `${ran.stdout}\n${ran.stderr}`
    const results = parse(ran.stdout)
    if (results.size === 0) throw new Error(`the suite ran no case:\n${output.slice(-4000)}`)
    return { results, seconds: (Date.now() - started) / 1000, output }
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Case by case, what is not as it is natively. A case that one run has and the other has not is one too. */
export const differences = (natively: Results, inside: Results, reasons: Readonly<Record<string, string>>): ReadonlyArray<Difference> =>
  [...new Set([...natively.keys(), ...inside.keys()])].flatMap((name) => {
    const [a, b] = [natively.get(name) ?? "not run", inside.get(name) ?? "not run"]
    return a === b ? [] : [{ name, natively: a, inside: b, reason: reasons[name] }]
  })

/** Differences that are the sandbox's purpose, and not a fault. */
export const reasons: Readonly<Record<string, string>> = {
  "taskset (get from pid 1)": "in the translated view pid 1 is the host's, and nobody's business",
  "wget--O-overrides--P": "the sandbox has no network",
  "wget-handles-empty-path": "the sandbox has no network",
  "wget-retrieves-google-index": "the sandbox has no network",
  "wget-supports--P": "the sandbox has no network"
}

/** Those that are about files and processes, for a short run. */
export const shortList: ReadonlyArray<string> = ["cp", "ln", "ls", "mkdir", "mv", "rm", "rmdir", "touch", "readlink", "realpath", "pwd", "find", "du", "tar", "cpio", "dd", "mount", "test", "which", "start-stop-daemon", "pidof", "md5sum", "xargs"]

export const tally = (results: Results): string =>
  ["PASS", "FAIL", "SKIPPED", "UNTESTED"].map((kind) => `${[...results.values()].filter((result) => result === kind).length} ${kind}`).join(", ")
