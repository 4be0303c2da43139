/** The flags of `rvisor run` beside the policy's own (flags.ts). */
import * as Argument from "effect/cli/Argument"
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { once, policyFlags, toggle } from "./flags.ts"

export const io = {
  cwd: Flag.String("cwd").pipe(Flag.withAlias("w"), Flag.withMetavar("DIR"), Flag.withDescription("Directory it starts in (default: this one where it may see it, else /tmp)"), once),
  tty: Flag.Boolean("tty").pipe(Flag.withAlias("t"), Flag.withDescription("Give it a terminal of its own, or with --no-tty never (default: when stdin and stdout are terminals)"), once),
  json: Flag.String("json").pipe(
    Flag.withMetavar("FILE"),
    Flag.withOptionalValue("-"),
    Flag.withDescription("Print the result, with the captured output, as one JSON object; with =FILE write it there and leave the output alone"),
    once
  )
}

export const changes = {
  list: toggle("changes", "List afterwards what changed beneath each --overlay"),
  commit: toggle("commit", "Apply those changes to the host when the command succeeded (default: discard)")
}

export const talk = {
  quiet: toggle("quiet", "No remarks on stderr, not even why the sandbox ended the program").pipe(Flag.withAlias("q")),
  log: Flag.String("log").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write every refused system call to FILE, one JSON object a line, with what would allow it; - is stderr"),
    once
  ),
  verbose: toggle("verbose", "Say what holds, and afterwards what was used").pipe(Flag.withAlias("v")),
  dryRun: toggle("dry-run", "Start nothing: print, as JSON, the plan that the policy comes to on this host")
}

export const handlers = {
  module: Flag.String("handler").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Have the handlers of this module (TypeScript or JavaScript, or the name of an installed package) answer system calls; several are asked in their order"),
    Flag.atLeast(0)
  )
}

export const runFlags = {
  policy: policyFlags,
  handlers,
  io,
  changes,
  talk,
  command: Argument.String("COMMAND").pipe(Argument.withDescription("What to run, with its arguments. Flags end at the first word that is none, or at `--`"), Argument.variadic({ min: 0 }))
}

/** What they parse to. */
export type RunFlags = Command.Command.Config.Infer<typeof runFlags>
