/** `rvisor policy`: checking, showing and describing policies. */
import type * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Command from "../sdk/Command.ts"
import { compile } from "../sdk/internal/compile.ts"
import * as Policy from "../sdk/Policy.ts"
import { fromFlags, inFile } from "./effective-policy.ts"
import * as ExitCode from "./exit-code.ts"
import type { policyFlags } from "./flags.ts"
import { print, remark } from "./output.ts"

/** Lists every fault of a file: of its form, and where that has none, of its paths on this host. */
export const check = ({ file }: { readonly file: string }): Effect.Effect<number> =>
  Policy.fromFile(file).pipe(
    Effect.flatMap((policy) => inFile(file, compile(policy, Command.make("true")))),
    Effect.map(() => {
      print(`${file} is a policy`)
      return ExitCode.OK
    }),
    Effect.catch((error) => Effect.sync(() => {
      remark(error.message)
      return ExitCode.NO
    }))
  )

/** Prints the policy of flags. */
export const show = (flags: CliCommand.Command.Config.Infer<typeof policyFlags>) =>
  Effect.map(fromFlags(flags), (policy) => {
    print(JSON.stringify(Policy.toJson(policy), null, 2))
    return ExitCode.OK
  })

/** Prints the JSON Schema. */
export const schema = (): Effect.Effect<number> =>
  Effect.sync(() => {
    print(JSON.stringify(Policy.jsonSchema(), null, 2))
    return ExitCode.OK
  })
