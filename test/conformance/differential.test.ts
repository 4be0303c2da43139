/**
 * What init carries out for a guest gives what the kernel gives: one program makes some fifty thousand calls, in the same view without
 * and with interception, and prints the same lines. Differences there are for a reason are listed in docs/interception.md, and here.
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

const lines = async (section: string, handlers: Handlers): Promise<ReadonlyArray<string>> => {
  // Of the same length and with the same beginning, as paths are in what is printed.
  const place = join(directory, `${count++}`.padStart(4, "0"))
  mkdirSync(place)
  const policy = Policy.make({ filesystem: { read: [program], write: [place] }, handlers })
  const ran = await run([program, section], policy, { cwd: place })
  execFileSync("chmod", ["-R", "u+rwX", place]) // the program has closed directories, which keep all but root out
  execFileSync("rm", ["-rf", place])
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" })
  return ran.stdout.split("\n")
}

/** The first lines that differ, as a diff has them. */
const differences = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let i = 0; i < Math.max(one.length, other.length) && found.length < 40; i++) if (one[i] !== other[i]) found.push(`- ${one[i]}`, `+ ${other[i]}`)
  return found
}

const sections = ["open", "openat2", "query", "change", "time", "xattr", "pair", "directory", "pointer", "socket", "place", "lock", "wait"]

describe("init gives what the kernel gives", () => {
  for (const section of sections) {
    it(`${section}`, async () => {
      const native = await lines(section, [])
      expect(native.length).toBeGreaterThan(10)
      expect(differences(native, await lines(section, carriedOut()))).toEqual([])
    }, 240_000)
  }
  for (const section of ["pointer", "place", "lock", "wait", "socket"]) {
    it(`${section}, after a handler has been asked`, async () => {
      expect(differences(await lines(section, []), await lines(section, askedAndCarriedOut()))).toEqual([])
    }, 240_000)
  }
})
