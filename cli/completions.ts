/** `rvisor completions`: static scripts, generated from the commands themselves. */
import type * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Effect from "effect/Effect"
import * as ExitCode from "./exit-code.ts"
import { print } from "./output.ts"

export const completions = (root: Command.Command.Any, shell: "bash" | "zsh" | "fish"): Effect.Effect<number> =>
  Effect.sync(() => {
    print(Completions.generate("rvisor", shell, Completions.fromCommand(root)))
    return ExitCode.OK
  })
