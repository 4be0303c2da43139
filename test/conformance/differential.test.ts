/**
 * What init carries out for a guest gives what the kernel gives: one program makes some fifty thousand calls, in the same view without
 * and with interception, and in the translated view (which is over trace points, whatever the backend under test), and prints the same lines. Differences there are for a reason are listed in
 * docs/interception.md, and here.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import * as Policy from "../../sdk/Policy.ts"
import { askedAndCarriedOut, carriedOut } from "../support/carried-out.ts"
import { compileSupport } from "../support/compile.ts"
import { run, scratch } from "../support/sandbox.ts"

const directory = scratch()
let program: string
beforeAll(() => {
  chmodSync(directory, 0o755)
  program = compileSupport("differential", directory, ["-pthread", "-Wno-unused-result", "-Wno-format-truncation"])
})

type Handlers = ReturnType<typeof carriedOut>
let count = 0

/** As in the translated view, where the guest has the caller's numbers. */
const identity = { uid: process.getuid!(), gid: process.getgid!() }

const lines = async (section: string, handlers: Handlers, fields: Pick<Policy.PolicyInput, "backend" | "view" | "identity"> = {}): Promise<ReadonlyArray<string>> => {
  // Of the same length and with the same beginning, as paths are in what is printed.
  const place = join(directory, `${count++}`.padStart(4, "0"))
  mkdirSync(place)
  const policy = Policy.make({ filesystem: { read: [program], write: [place] }, handlers, ...fields })
  const ran = await run([program, section], policy, { cwd: place })
  execFileSync("chmod", ["-R", "u+rwX", place]) // the program has closed directories, which keep all but root out
  execFileSync("rm", ["-rf", place])
  expect({ outcome: ran.outcome, stderr: ran.stderr }).toMatchObject({ outcome: { _tag: "Exited", code: 0 }, stderr: "" })
  return ran.stdout.split("\n")
}

/** The first lines that differ, as a diff has them. */
const differences = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let i = 0; i < Math.max(one.length, other.length) && found.length < 40; i++) if (one[i] !== other[i]) found.push(`- ${one[i]}`, `+ ${other[i]}`)
  return found
}

/**
 * What cannot be the same in the translated view (docs/interception.md): there are no internet sockets without a network, and no init in /proc; without a user
 * namespace every number of a user is one; a tmpfs is a directory of the host's. The root is kept by rules, which say EACCES, before mounts say EROFS. Of a file
 * that nobody may write the kernel says first that it is being executed, and opens it where neither reading nor writing is asked for (O_ACCMODE).
 */
const comparable = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.filter((line) => !line.includes(" IPv") && !/ \/proc\/1(\/| |$)/.test(line) && !line.startsWith("openat /proc/self/exe ACCMODE ")).map((line) =>
    line.replace(/^(chown (?:unmapped|root) .*) E(?:INVAL|PERM)$/, "$1 refused").replace(/\b65534\b/g, "0").replace(/^(statfs .* type) 1021994 /, "$1 ef53 ")
      .replace(/^(.*(?: (?:\/|\/\/|\/\.\.|\/\.\.\/\.\.|\/proc\/self\/root\/?)(?= |$)|\+ "\/").*) EROFS$/, "$1 EACCES").replace(/^(openat \/proc\/self\/exe .*) E(?:ROFS|TXTBSY|ACCES)$/, "$1 refused"))

const sections = ["open", "openat2", "query", "change", "time", "xattr", "pair", "directory", "pointer", "socket", "place", "lock", "wait"]

describe("init gives what the kernel gives", () => {
  for (const section of sections) {
    it(`${section}`, async () => {
      const native = await lines(section, [])
      expect(native.length).toBeGreaterThan(10)
      expect(differences(native, await lines(section, carriedOut()))).toEqual([])
    }, 240_000)
  }
  // With every second path in the sections that take long, unless all are asked for: that takes minutes.
  const paths = process.env["RVISOR_DIFFERENTIAL"] === "all" ? "/1" : "/2"
  for (const section of sections) {
    it(`${section}, in the translated view`, async () => {
      const native = await lines(section + paths, [], { identity })
      expect(differences(comparable(native), comparable(await lines(section + paths, [], { backend: "ptrace", view: "translated" })))).toEqual([])
    }, 240_000)
  }
  for (const section of ["pointer", "place", "lock", "wait", "socket"]) {
    it(`${section}, after a handler has been asked`, async () => {
      expect(differences(await lines(section, []), await lines(section, askedAndCarriedOut()))).toEqual([])
    }, 240_000)
  }
})
