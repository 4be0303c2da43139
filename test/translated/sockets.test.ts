/**
 * Sockets by path, descriptors in messages, inotify and F_SETOWN in the translated view: init carries these calls out on the guest's own open
 * files, which it takes from the guest (pidfd_getfd(2)), or where a container engine's seccomp profile refuses that (test/support/contained.c) has
 * handed over. Both must be what the kernel does by itself.
 */
import { execFile, execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { beforeAll, describe, expect, it } from "vitest"
import * as Policy from "../../sdk/Policy.ts"
import { compileSupport } from "../support/compile.ts"
import { run, scratch } from "../support/sandbox.ts"

const directory = scratch()
let program = "", contained = "", natively = ""

beforeAll(() => {
  program = compileSupport("sockets", directory, ["-pthread"])
  contained = compileSupport("contained", directory)
  mkdirSync(join(directory, "native"))
  natively = execFileSync(program, [join(directory, "native")], { encoding: "utf8" })
})

const translated = (input: Policy.PolicyInput = {}): Policy.PolicyInput => ({ ...input, view: "translated", filesystem: { ...input.filesystem, read: [program] } })

interface Said {
  readonly stdout: string
  readonly stderr: string
}

/** In a host program of its own, behind the profile. */
const behind = async (argv: ReadonlyArray<string>, policy: Policy.PolicyInput): Promise<Said> => {
  const one = join(import.meta.dirname, "../support/one.ts")
  const { stdout } = await promisify(execFile)(contained, [process.execPath, one, JSON.stringify({ argv, policy })], { maxBuffer: 1 << 24 })
  const answer = JSON.parse(stdout) as Said & { readonly error?: { readonly message: string } }
  expect(answer.error).toBeUndefined()
  return answer
}
const plainly = (argv: ReadonlyArray<string>, policy: Policy.PolicyInput): Promise<Said> => run(argv, Policy.make(policy), { stdin: "ignore" })

const places = [["as everywhere", plainly], ["behind a container engine's profile", behind]] as const

describe.each(places)("%s", (_, ran) => {
  it("is what the kernel does by itself, without the view", async () => {
    expect(natively).toMatch(/^threads: 200 of 200\nprocesses: 6 of 6\ninterrupted: 0\n/m)
    expect(natively).toMatch(/^left: 1 threads, 0 children\n$/m)
    const { stderr, stdout } = await ran([program, "/tmp"], translated())
    expect(stderr).toBe("")
    expect(stdout).toBe(natively)
  }, 60_000)

  it("what no rule grants is not reached, nor made", async () => {
    const network = { mode: "none", connect: ["unix:/tmp/granted"], bind: ["unix:/tmp/granted", "unix:/tmp/other"] } as const
    const { stderr, stdout } = await ran([program, "reach", "/tmp/granted", "/tmp/other", "/tmp/third"], translated({ network }))
    expect(stderr).toBe("")
    expect(stdout).toBe("/tmp/granted ok ok\n/tmp/other ok EACCES\n/tmp/third EACCES EACCES\n")
  })
})
