/** The flags of `rvisor trace`: strace's, by its letters and its long names, and beside them the policy's (flags.ts). */
import * as Argument from "effect/cli/Argument"
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { env, once, policyFlags, toggle } from "./flags.ts"
import { changes } from "./run-flags.ts"

/** A switch that may be given again: how often it is. */
const times = (name: string, letter: string, text: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withAlias(letter), Flag.withDescription(text), Flag.atLeast(0), Flag.map((given) => given.length))

const letter = (name: string, short: string, text: string) => toggle(name, text).pipe(Flag.withAlias(short))

export const what = {
  expression: Flag.String("expression").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("EXPR"),
    Flag.withDescription("Which calls: openat,read  %file  !futex  /^sched_  or with a subject: trace=…, signal=SIGCHLD, status=failed. Other calls run at full speed"),
    Flag.atLeast(0)
  ),
  follow: Flag.Boolean("follow").pipe(Flag.withAlias("f"), Flag.withDescription("Show all its processes and threads, not the first alone (--no-follow, the default)"), once),
  successful: letter("successful-only", "z", "Only calls that succeeded"),
  failed: letter("failed-only", "Z", "Only calls that failed"),
  attach: Flag.String("attach").pipe(Flag.withAlias("p"), Flag.withMetavar("PID"), Flag.withDescription("Not possible: what is traced starts in a sandbox"), Flag.atLeast(0))
}

export const how = {
  output: Flag.String("output").pipe(Flag.withAlias("o"), Flag.withMetavar("FILE"), Flag.withDescription("Write the trace there (default: stderr)"), once),
  json: toggle("json", "One JSON object a line in place of text"),
  timestamps: times("absolute-timestamps", "t", "The time of day before each line; -tt with microseconds, -ttt as seconds since 1970"),
  relative: letter("relative-timestamps", "r", "The time since the line before"),
  durations: letter("syscall-times", "T", "How long each call took"),
  strings: Flag.Int("string-limit").pipe(Flag.withAlias("s"), Flag.withMetavar("SIZE"), Flag.withDescription("Bytes of a string that are shown (default: 32); paths are always whole"), once),
  full: letter("no-abbrev", "v", "Structures, environments and directory entries in full"),
  descriptors: letter("decode-fds", "y", "Behind each descriptor what it stands for"),
  only: letter("summary-only", "c", "In place of the calls a table of them: time by the clock on the wall, number, errors"),
  summary: letter("summary", "C", "The table after the calls"),
  quiet: letter("quiet", "q", "No lines about processes that come and go, and no remarks on stderr")
}

export const io = {
  cwd: Flag.String("cwd").pipe(Flag.withAlias("w"), Flag.withMetavar("DIR"), Flag.withDescription("Directory it starts in (default: this one where it may see it, else /tmp)"), once),
  tty: Flag.Boolean("tty").pipe(Flag.withDescription("Give it a terminal of its own, or with --no-tty never (default: when stdin and stdout are terminals)"), once),
  log: Flag.String("log").pipe(Flag.withMetavar("FILE"), Flag.withDescription("Write every refused system call to FILE, one JSON object a line"), once)
}

export const traceFlags = {
  what,
  how,
  // `-e` is the expression here.
  policy: { ...policyFlags, identity: { ...policyFlags.identity, env: env() } },
  io,
  changes,
  command: Argument.String("COMMAND").pipe(Argument.withDescription("What to trace, with its arguments. Flags end at the first word that is none, or at `--`"), Argument.variadic({ min: 0 }))
}

/** What they parse to. */
export type TraceFlags = Command.Command.Config.Infer<typeof traceFlags>
