/** docs/attack-surface.md says what the compiled filters let through. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { documentPath, render } from "../../scripts/generate-attack-surface-docs.mjs"
import { docker, gvisor } from "../../scripts/surface/peers.ts"
import { programOf, reach } from "../../scripts/surface/program.ts"
import { conditionsOf, refusals, seccompRules } from "../../sdk/internal/seccompRules.ts"
import { syscallNumbers, type SyscallName } from "../../sdk/internal/syscalls.ts"

it("is current (node scripts/generate-attack-surface-docs.mjs)", () => expect(readFileSync(documentPath, "utf8")).toBe(render()))

describe("what the compiled program reaches is what the table of the preset says", () => {
  for (const preset of ["default", "strict", "trusted"] as const) {
    it(preset, () => {
      const program = programOf(preset)
      const allowed = new Set(seccompRules(preset, undefined).filter(({ action }) => action === "allow").map(({ nr }) => nr))
      const conditional = conditionsOf(preset)
      const wrong = (Object.entries(syscallNumbers) as ReadonlyArray<[SyscallName, number]>).filter(([name, nr]) =>
        reach(program, nr, name in conditional) !== (!allowed.has(nr) ? "no" : name in conditional ? "some" : "yes"))
      expect(wrong).toEqual([])
    })
  }
  it("nothing that every preset refuses is reached", () => {
    const program = programOf("trusted")
    for (const { calls, presets } of refusals) if (presets === undefined) for (const name of calls) expect([name, reach(program, syscallNumbers[name], false)]).toEqual([name, "no"])
  })
})

it("the peers' lists name calls of x86-64", () => {
  const known = new Set<string>(Object.keys(syscallNumbers))
  for (const { allowed, conditional } of [docker, gvisor]) {
    expect([...allowed].filter((name) => !known.has(name))).toEqual([])
    expect(Object.keys(conditional).filter((name) => !allowed.has(name))).toEqual([])
  }
})
