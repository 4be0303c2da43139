/**
 * The policy that a command line asks for: a preset or a policy file, and the flags laid over it. Faults are told by the name
 * under which the user wrote the thing: the flag, or the place in the file.
 */
import * as Effect from "effect/Effect"
import { PolicyError, PolicyFault } from "../sdk/errors.ts"
import * as Policy from "../sdk/Policy.ts"
import { flagOf, type PolicyFlags, toJson } from "./flags.ts"
import { UsageError } from "./usage-error.ts"

/** Where the faults of flags come from, for `PolicyError.source`. */
export const COMMAND_LINE = "the command line"

const renamed = (error: PolicyError): PolicyError =>
  new PolicyError({
    source: COMMAND_LINE,
    faults: error.faults.map((fault) => {
      const flag = flagOf(fault.path)
      return flag === undefined ? fault : new PolicyFault({ ...fault, path: flag })
    })
  })

/** Tells faults that are found when a sandbox is started as those of a policy file: by their place in the file. */
export const inFile = <A, E, R>(file: string, effect: Effect.Effect<A, E | PolicyError, R>): Effect.Effect<A, E | PolicyError, R> =>
  Effect.mapError(effect, (error) => error instanceof PolicyError ? new PolicyError({ source: file, faults: error.faults }) : error)

/** Tells such faults by the flags' names, or where there is a policy file by their place in it. */
export const byFlag = <A, E, R>(flags: PolicyFlags, effect: Effect.Effect<A, E | PolicyError, R>): Effect.Effect<A, E | PolicyError, R> => {
  const file = flags.base.policy
  return file !== undefined ? inFile(file, effect) : Effect.mapError(effect, (error) => error instanceof PolicyError ? renamed(error) : error)
}

/** Policy of the flags. Fails with a `PolicyError` for a faulty policy file, with a `UsageError` for a faulty flag. */
export const fromFlags = Effect.fnUntraced(function*(flags: PolicyFlags) {
  const { policy: file, preset } = flags.base
  if (file !== undefined && preset !== undefined) {
    return yield* new UsageError({ reason: "--preset and --policy exclude each other", remedy: "the file names its preset itself, with \"extends\"" })
  }
  const given = yield* Policy.decode(yield* toJson(flags), { source: COMMAND_LINE }).pipe(
    Effect.mapError((error) => new UsageError({ reason: renamed(error).message, remedy: "" }))
  )
  return file === undefined ? given : Policy.merge(yield* Policy.fromFile(file), given)
})
