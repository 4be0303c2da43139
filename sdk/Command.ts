/**
 * What to run: a program, its arguments, environment, directory and streams. A plain immutable value; nothing starts until
 * it is given to `Sandbox.spawn` or `sandbox.exec`.
 *
 * The environment is *added* to the policy's (which passes a few safe names only): the host's own environment never leaks.
 * A program without a slash is looked up in the guest's `PATH`, inside the sandbox.
 */
import { dual } from "effect/Function"

/**
 * A stream of the command. `pipe`: read or written through the handle. `inherit`: the host program's own descriptor.
 * `ignore`: `/dev/null`. A number: that descriptor of the host program, which stays the host program's to close.
 */
export type Stdio = "pipe" | "inherit" | "ignore" | number

/** Window size of a terminal, in character cells. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface Command {
  readonly argv: readonly [string, ...Array<string>]
  /** Added to the policy's environment; `undefined` takes a name out. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute path in the guest. Absent: the host's current directory where the policy grants it, else `/tmp` or `/`. */
  readonly cwd: string | undefined
  readonly stdin: Stdio
  readonly stdout: Stdio
  readonly stderr: Stdio
  /** A terminal of its own in place of the three streams: `stdin` writes to it, `stdout` reads from it, `stderr` is empty. */
  readonly tty: TerminalSize | undefined
}

export interface Options {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string | undefined
  readonly stdin?: Stdio
  readonly stdout?: Stdio
  readonly stderr?: Stdio
  readonly tty?: TerminalSize | undefined
}

/** `Command.make("git", "status")`. Streams are pipes. */
export const make = (file: string, ...args: ReadonlyArray<string>): Command => ({
  argv: [file, ...args],
  env: {},
  cwd: undefined,
  stdin: "pipe",
  stdout: "pipe",
  stderr: "pipe",
  tty: undefined
})

/** The command with some options changed; `env` is merged. `Command.make("make").pipe(Command.set({ cwd: "/srv" }))`. */
export const set: {
  (options: Options): (self: Command) => Command
  (self: Command, options: Options): Command
} = dual(2, (self: Command, options: Options): Command => ({
  ...self,
  ...options,
  env: { ...self.env, ...options.env }
}))
