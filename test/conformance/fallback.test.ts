/**
 * Where the kernel gives no listener for a system call filter (an outer sandbox forbids it, or has one itself), trace points do the work of
 * notifications: the same promises are kept, by handlers of every power, by reports of refusals, and for calls of other ABIs.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { scratch } from "../support/sandbox.ts"
import { cases } from "../support/handler-cases.ts"
import { cases as steering } from "../support/steer-cases.ts"

const directory = scratch()
const support = (name: string) => join(import.meta.dirname, "../support", name)
const built = (name: string) => join(directory, name)

beforeAll(() => {
  for (const name of ["guest", "steer", "unnotified"]) execFileSync("gcc", ["-O1", "-pthread", "-o", built(name), support(`${name}.c`)])
})

const under = (program: string, ...args: ReadonlyArray<string>): string => {
  const ran = spawnSync(built("unnotified"), [process.execPath, support(program), ...args], { encoding: "utf8", maxBuffer: 1 << 24 })
  expect(ran.stderr).toBe("")
  return ran.stdout
}

for (const [program, guest, names] of [["handler-cases.ts", "guest", Object.keys(cases)], ["steer-cases.ts", "steer", Object.keys(steering)]] as const) {
  describe(`without notifications: ${program}`, () => {
    let results: Record<string, string> | undefined
    for (const name of names) it(name, () => expect((results ??= JSON.parse(under(program, built(guest))) as Record<string, string>)[name]).toBe("ok"), 240_000)
  })
}

describe("without notifications", () => {
  const layers = (policy: object, ...wrapper: ReadonlyArray<string>) => {
    const argv = [...wrapper, process.execPath, support("one.ts"), JSON.stringify({ argv: ["true"], policy })]
    return (JSON.parse(execFileSync(argv[0]!, argv.slice(1), { encoding: "utf8" })) as { readonly layers: ReadonlyArray<string> }).layers
  }
  it("the layers say which point is used", () => {
    const report = { violations: "report" }
    expect(layers(report)).toContain("notify")
    expect(layers(report)).not.toContain("ptrace")
    expect(layers(report, built("unnotified"))).toContain("ptrace")
    expect(layers(report, built("unnotified"))).not.toContain("notify")
    expect(layers({}, built("unnotified"))).not.toContain("ptrace") // nothing is asked
  })
  it("files that the policy decides on are opened, also where it decides on addresses", () => {
    const policy = { filesystem: { decide: "calls", deny: ["/etc/passwd"] }, network: { mode: "none", connect: ["127.0.0.1:9"] }, violations: "report" }
    const argv = [process.execPath, support("one.ts"), JSON.stringify({ argv: ["cat", "/etc/hostname", "/etc/passwd"], policy })]
    const { stderr, stdout } = JSON.parse(execFileSync(built("unnotified"), argv, { encoding: "utf8" })) as { readonly stderr: string; readonly stdout: string }
    expect(stdout).toBe("sandbox\n")
    expect(stderr).toMatch(/passwd: Permission denied/)
  })
})
