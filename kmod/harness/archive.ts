/**
 * Debian's package archive, read by apt with directories of our own: no root, nothing of the system's apt state touched. The
 * mirror is the one that the host's own sources name; the suites are ours, because the host's seldom have the backports. apt
 * checks the archive's signature and every package's digest.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { HarnessFailure } from "./failure.ts"
import { attempt, run } from "./program.ts"
import { step } from "./progress.ts"

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
const RELEASE = "bookworm"

/** Names that the archive has for its releases, over the years. */
const releases = /^(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)(-security|-updates|-backports)?$/

/** One paragraph of apt's records: names of fields to values (the first line of each). */
export type Stanza = Readonly<Record<string, string>>

/** Reads what `apt-cache show` prints. */
export const stanzas = (text: string): ReadonlyArray<Stanza> =>
  text.split(/\n{2,}/).map((paragraph) => Object.fromEntries(paragraph.split("\n").flatMap((line) => {
    const [, name, value] = /^([A-Za-z0-9-]+): ?(.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  }))).filter((stanza) => stanza["Package"] !== undefined)

/** Names in a list of dependencies; of alternatives, the first. */
export const dependencies = (list: string): ReadonlyArray<string> => list.split(",").flatMap((each) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(each)?.[1] ?? [])

/** Orders versions of kernels (`6.1.192-2`, `6.12.95-1~bpo12+1`) by their numbers. */
export const compareVersions = (a: string, b: string): number => {
  const [x, y] = [a, b].map((version) => version.split(/\D+/).filter((part) => part !== "").map(Number))
  for (let i = 0; i < Math.max(x!.length, y!.length); i++) if ((x![i] ?? 0) !== (y![i] ?? 0)) return (x![i] ?? 0) - (y![i] ?? 0)
  return 0
}

/**
 * The newest kernel of a series, from the records of the package `linux-image-amd64`, which depends on the newest image. Answers
 * the kernel's release as `uname -r` says it.
 */
export const newestKernel = (records: ReadonlyArray<Stanza>, series: string): string | undefined =>
  records
    .filter((record) => record["Version"]?.startsWith(`${series}.`))
    .sort((a, b) => compareVersions(b["Version"]!, a["Version"]!))
    .flatMap((record) => dependencies(record["Depends"] ?? "").flatMap((name) => /^linux-image-(\d.*)$/.exec(name)?.[1] ?? []))[0]

/** Mirrors of the archive and of its security updates, from what `apt-get indextargets` says of the host's sources. */
export const mirrors = (targets: string, environment: NodeJS.ProcessEnv = {}): { readonly main: string; readonly security: string } => {
  const lines = targets.split("\n").map((line) => line.split(" ")).filter(([, release]) => releases.test(release ?? ""))
  const of = (security: boolean) => lines.find(([, release]) => release!.endsWith("-security") === security)?.[0]?.replace(/\/+$/, "")
  const main = environment["RVISOR_DEBIAN_MIRROR"] ?? of(false)
  if (main === undefined) {
    throw new HarnessFailure("archive", "the kernels and QEMU come from Debian's archive, and no source of this host's apt names a mirror of it", "set RVISOR_DEBIAN_MIRROR to the address of one")
  }
  return { main, security: environment["RVISOR_DEBIAN_SECURITY_MIRROR"] ?? of(true) ?? main.replace(/\/debian$/, "/debian-security") }
}

export interface Archive {
  /** All known versions of a package, or none. */
  readonly show: (name: string) => Promise<ReadonlyArray<Stanza>>
  /** Downloads packages by name (the newest version of each) into a directory; answers the files. */
  readonly download: (names: ReadonlyArray<string>, directory: string) => Promise<ReadonlyArray<string>>
  /** Downloads packages with all that they need and this host has not. `suite` may be preferred over the release. */
  readonly downloadClosure: (names: ReadonlyArray<string>, suite: string | undefined, directory: string) => Promise<ReadonlyArray<string>>
}

const size = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1e6))} MB`

const why = (said: string): string => said.split("\n").filter((line) => /^[EW]:/.test(line)).slice(0, 3).join("\n  ")

/** Opens the archive: reads the lists of its packages into `state` (two seconds). */
export const openArchive = async (state: string): Promise<Archive> => {
  if (!existsSync(KEYRING)) throw new HarnessFailure("archive", `the keys of Debian's archive (${KEYRING}) are not on this host`, "install debian-archive-keyring")
  const targets = await run("apt-get", ["indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
  const { main, security } = mirrors(targets, process.env)
  for (const directory of ["lists/partial", "archives/partial"]) mkdirSync(join(state, directory), { recursive: true })
  const source = (mirror: string, suite: string) => `deb [arch=amd64 signed-by=${KEYRING}] ${mirror} ${suite} main\n`
  writeFileSync(join(state, "sources.list"), source(main, RELEASE) + source(main, `${RELEASE}-backports`) + source(security, `${RELEASE}-security`))
  // A copy, so that locks are taken beside it and not in the system's directory. What is installed decides what a closure leaves out.
  if (existsSync("/var/lib/dpkg/status")) copyFileSync("/var/lib/dpkg/status", join(state, "status"))
  else writeFileSync(join(state, "status"), "")
  const options = Object.entries({
    "Dir::State": state,
    "Dir::State::status": join(state, "status"),
    "Dir::State::extended_states": join(state, "extended_states"),
    "Dir::Cache": state,
    "Dir::Etc::sourcelist": join(state, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "APT::Sandbox::User": "",
    "APT::Architecture": "amd64",
    "APT::Default-Release": "",
    "APT::Update::Error-Mode": "any",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false"
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`])
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  const get = (args: ReadonlyArray<string>, cwd: string) => attempt("apt-get", [...options, "--quiet=2", ...args], { cwd, env })

  await step(`lists of packages (${new URL(main).host}: ${RELEASE}, its security updates and backports)`, async () => {
    const { code, stderr, stdout } = await get(["update"], state)
    if (code === 0) return
    throw new HarnessFailure("archive", `the package lists of ${main} cannot be read:\n  ${why(stdout + stderr)}`, "check that the archive can be reached, or set RVISOR_DEBIAN_MIRROR to the address of another mirror")
  })
  const show = async (name: string) => {
    const { code, stdout } = await attempt("apt-cache", [...options, "show", "--all-versions", name], { env })
    return code === 0 ? stanzas(stdout) : []
  }
  const debs = (directory: string) => readdirSync(directory).filter((file) => file.endsWith(".deb")).map((file) => join(directory, file))
  const fetched = async (what: string, directory: string, bytes: number, action: () => ReturnType<typeof attempt>) => {
    mkdirSync(directory, { recursive: true })
    await step(`${what}${bytes === 0 ? "" : ` (${size(bytes)})`}`, async () => {
      const { code, stderr, stdout } = await action()
      if (code !== 0) throw new HarnessFailure("archive", `${what} cannot be downloaded from ${main}:\n  ${why(stdout + stderr)}`, "check that the archive can be reached")
    })
    return debs(directory)
  }

  return {
    show,
    download: async (names, directory) => {
      const records = await Promise.all(names.map(show))
      const unknown = names.filter((_, index) => records[index]!.length === 0)
      if (unknown.length > 0) throw new HarnessFailure("archive", `${main} has no package ${unknown.join(", ")}`, "")
      const bytes = records.reduce((sum, [first]) => sum + Number(first?.["Size"] ?? 0), 0)
      return fetched(names.join(", "), directory, bytes, () => get(["download", ...names], directory))
    },
    downloadClosure: (names, suite, directory) =>
      // apt knows the closure; its own cache of archives is where downloads are resumed.
      fetched(`${names.join(", ")} and what they need${suite === undefined ? "" : ` of ${suite}`}`, directory, 0, async () => {
        const result = await get(["install", "--download-only", "--reinstall", "--yes", "--no-install-recommends", ...(suite === undefined ? [] : ["--target-release", suite]), ...names], directory)
        if (result.code === 0) for (const file of debs(join(state, "archives"))) renameSync(file, join(directory, file.slice(file.lastIndexOf("/") + 1)))
        return result
      })
  }
}

/** Throws away lists and half downloads. */
export const forget = (state: string): void => rmSync(state, { recursive: true, force: true })
