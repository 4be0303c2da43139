/**
 * The C core and the reference evaluator give the same answer to every question, field by field. Seeds are random and printed;
 * `RVISOR_SEED` repeats one, `RVISOR_RUNS` says how many models are drawn (each is asked 40 questions of each kind).
 */
import fc from "fast-check"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as core from "../../../test/support/core.ts"
import * as arbitrary from "../../../test/support/decision-arbitraries.ts"
import { RV } from "./format.ts"
import type { Model } from "./model.ts"
import { compileProgram } from "./program.ts"
import * as reference from "./reference.ts"

const runs = Number(process.env["RVISOR_RUNS"] ?? 250)
const seed = Number(process.env["RVISOR_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
console.log(`differential test of the decision core: seed ${seed}, ${runs} models`)

const compile = (model: Model): Uint8Array =>
  Result.getOrThrowWith(compileProgram(model), (faults) => new Error(faults.map((fault) => `${fault.path}: ${fault.message}`).join("\n")))

const many = <A>(one: fc.Arbitrary<A>) => fc.array(one, { minLength: 40, maxLength: 40 })
const options = { numRuns: runs, seed }

describe("the core against the reference", { timeout: 300_000 }, () => {
  it("accepts every compiled program", () => {
    fc.assert(fc.property(arbitrary.model, (model) => {
      expect(core.validate(compile(model))).toEqual({ code: 0, offset: 0 })
    }), options)
  })

  /** How often each answer came: a property that only ever sees refusals shows nothing. */
  const tally = (counts: Map<number, number>, answer: number) => counts.set(answer, (counts.get(answer) ?? 0) + 1)
  const expectEach = (counts: Map<number, number>, answers: ReadonlyArray<number>) => {
    for (const answer of answers) expect(counts.get(answer) ?? 0, `answer ${answer} of ${JSON.stringify([...counts])}`).toBeGreaterThan(runs / 4)
  }

  it("decides calls alike", () => {
    const seen = new Map<number, number>()
    fc.assert(fc.property(arbitrary.model, many(arbitrary.call), (model, calls) => {
      const program = compile(model)
      for (const call of calls) {
        const decision = core.evalCall(program, call)
        expect(decision).toEqual(reference.evalCall(model, call))
        tally(seen, decision.action)
      }
    }), options)
    expectEach(seen, [RV.ACTION_ALLOW, RV.ACTION_NOTIFY, RV.ACTION_TRACE, RV.ACTION_ERRNO, RV.ACTION_KILL, RV.ACTION_HANDLER])
  })

  it("decides paths alike, alone and as trees", () => {
    const seen = new Map<number, number>()
    fc.assert(fc.property(arbitrary.model, many(fc.tuple(arbitrary.path, arbitrary.question, fc.boolean())), (model, questions) => {
      const program = compile(model)
      for (const [path, rights, tree] of questions) {
        const access = core.evalPath(program, path, rights, tree)
        expect(access).toEqual(reference.evalPath(model, path, rights, tree))
        tally(seen, access.verdict)
      }
    }), options)
    expectEach(seen, [RV.VERDICT_GRANTED, RV.VERDICT_DENIED, RV.VERDICT_MISSING, RV.VERDICT_MALFORMED])
  })

  it("decides addresses alike", () => {
    const seen = new Map<number, number>()
    fc.assert(fc.property(arbitrary.model, many(fc.tuple(arbitrary.sockaddr, arbitrary.protocol, arbitrary.question)), (model, questions) => {
      const program = compile(model)
      for (const [sockaddr, protocol, rights] of questions) {
        const { address: _, ...access } = core.evalAddress(program, sockaddr, protocol, rights)
        expect(access).toEqual(reference.evalAddress(model, sockaddr, protocol, rights))
        tally(seen, access.verdict)
      }
    }), options)
    expectEach(seen, [RV.VERDICT_GRANTED, RV.VERDICT_DENIED, RV.VERDICT_MISSING, RV.VERDICT_MALFORMED, RV.VERDICT_UNSUPPORTED])
  })

  it("does not depend on the order of rules", () => {
    const shuffled = arbitrary.model.chain((model) =>
      fc.tuple(
        fc.constant(model),
        fc.record({
          calls: fc.shuffledSubarray(model.calls as Array<Model["calls"][number]>, { minLength: model.calls.length }),
          paths: fc.shuffledSubarray(model.paths as Array<Model["paths"][number]>, { minLength: model.paths.length }),
          addresses: fc.shuffledSubarray(model.addresses as Array<Model["addresses"][number]>, { minLength: model.addresses.length })
        })
      )
    )
    fc.assert(fc.property(shuffled, many(arbitrary.path), many(arbitrary.sockaddr), ([model, order], paths, sockaddrs) => {
      const one = compile(model)
      const other = compile({ ...model, ...order })
      for (const path of paths) expect(core.evalPath(other, path, 3)).toEqual(core.evalPath(one, path, 3))
      for (const sockaddr of sockaddrs) expect(core.evalAddress(other, sockaddr, 1, 0x1000)).toEqual(core.evalAddress(one, sockaddr, 1, 0x1000))
    }), { ...options, numRuns: Math.ceil(runs / 4) })
  })
})
