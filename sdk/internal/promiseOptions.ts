/**
 * The options of the promise API: their types, and their check. Callers without TypeScript get the same exact errors:
 * a misspelt option is a `TypeError` that names the right one.
 */
import { Option } from "effect"
import type { Readable, Writable } from "node:stream"
import type { TerminalSize } from "../Command.ts"
import * as Policy from "../Policy.ts"
import { parseByteSize, parseTimeSpan } from "../Units.ts"
import { suggest } from "./faults.ts"

/** Bytes or text for the guest's stdin, at once or piece by piece. */
export type Input =
  | string
  | Uint8Array
  | Readable
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

/** Where an output goes. A stream of the caller's is ended with the output, but for the process's own stdout and stderr. */
export type Output = "pipe" | "inherit" | "ignore" | number | Writable | WritableStream<Uint8Array>

export type TextEncoding = "utf8" | "utf-8" | "utf16le" | "latin1" | "ascii"
export type BinaryEncoding = "buffer" | "hex" | "base64" | "base64url"

export interface CommandOptions {
  /** Absolute, as the guest sees it. Default: the host's current directory where the policy grants it, else `/tmp` or `/`. */
  readonly cwd?: string | undefined
  /** Added to the policy's environment; `undefined` takes a name out. The host's own environment is never passed. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Written to stdin, which is then closed. Excludes `stdin`. */
  readonly input?: Input | undefined
  /** Default: `pipe` for `spawn` and `exec`, `ignore` for `run` and `$`, where nobody could write to it. */
  readonly stdin?: "pipe" | "inherit" | "ignore" | number | undefined
  /** Default: `pipe`. */
  readonly stdout?: Output | undefined
  /** Default: `pipe`. */
  readonly stderr?: Output | undefined
  /** Keep the output for the result. `false`: it is only streamed, and the guest waits for whoever reads. Default: true. */
  readonly buffer?: boolean | undefined
  /** Of the result. `buffer` gives bytes. Default: `utf8`. */
  readonly encoding?: TextEncoding | BinaryEncoding | undefined
  /** The result has lists of lines in place of texts. Default: false. */
  readonly lines?: boolean | undefined
  /** Take the last line's end away (every line's, with `lines` or when iterating). Default: true. */
  readonly stripFinalNewline?: boolean | undefined
  /** Also `all`: stdout and stderr interleaved. Default: false. */
  readonly all?: boolean | undefined
  /** Most bytes kept of stdout and of stderr each; more ends the command (`isMaxBuffer`). Bytes or `"1 MiB"`. Default: 100 MB. */
  readonly maxBuffer?: number | string | undefined
  /** Ends the command after this time. Milliseconds or `"5 seconds"`; 0 means never. Default: 0. */
  readonly timeout?: number | string | undefined
  /** Aborting it ends the command (the whole sandbox, for `spawn` and `run`). */
  readonly signal?: AbortSignal | undefined
  /** A failed command rejects; `false`: the error is the result. Default: true. */
  readonly reject?: boolean | undefined
  /** A terminal in place of the three streams. `true`: 80 columns, 24 rows. Default: false. */
  readonly tty?: boolean | TerminalSize | undefined
}

export interface SpawnOptions extends CommandOptions {
  /** A `Policy`, or its JSON form. Default: `Policy.default`. */
  readonly policy?: Policy.Policy | Policy.PolicyInput | undefined
}

/** Options with their defaults applied and their units resolved. */
export interface Resolved {
  readonly policy: Policy.Policy
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly input: Input | undefined
  readonly stdin: "pipe" | "inherit" | "ignore" | number
  readonly stdout: Output
  readonly stderr: Output
  readonly buffer: boolean
  readonly encoding: TextEncoding | BinaryEncoding
  readonly lines: boolean
  readonly stripFinalNewline: boolean
  readonly all: boolean
  readonly maxBuffer: number
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly reject: boolean
  readonly tty: TerminalSize | undefined
}

const textEncodings: ReadonlyArray<string> = ["utf8", "utf-8", "utf16le", "latin1", "ascii"]
const encodings: ReadonlyArray<string> = [...textEncodings, "buffer", "hex", "base64", "base64url"]
const names: ReadonlyArray<string> = [
  "cwd", "env", "input", "stdin", "stdout", "stderr", "buffer", "encoding", "lines", "stripFinalNewline", "all", "maxBuffer", "timeout", "signal", "reject", "tty"
]

/** Throws a `TypeError` that names the option. `PolicyError` where the policy is at fault. */
export const resolveOptions = (options: SpawnOptions, context: { readonly stdin: "pipe" | "ignore"; readonly exec: boolean }): Resolved => {
  if (typeof options !== "object" || options === null) throw new TypeError(`options: expected an object, got ${describe(options)}`)
  const known = context.exec ? names : [...names, "policy"]
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    if (name === "policy") throw new TypeError("option `policy`: a command in a running sandbox has that sandbox's policy")
    const hint = renamed[name] ?? suggest(name, known)
    throw new TypeError(`option \`${name}\` does not exist${hint === undefined ? "" : `: ${hint}`}`)
  }
  const { cwd, input, signal, tty } = options
  check("cwd", cwd === undefined || typeof cwd === "string", "a path", cwd)
  check("signal", signal === undefined || signal instanceof AbortSignal, "an AbortSignal", signal)
  check("env", options.env === undefined || (typeof options.env === "object" && options.env !== null), "an object of texts", options.env)
  for (const [name, value] of Object.entries(options.env ?? {})) check(`env.${name}`, value === undefined || typeof value === "string", "a text", value)
  const encoding = options.encoding ?? "utf8"
  if (!encodings.includes(encoding)) throw new TypeError(`option \`encoding\`: ${describe(encoding)} is not an encoding: ${suggest(String(encoding), encodings)}`)
  const lines = boolean(options, "lines", false)
  if (lines && !textEncodings.includes(encoding)) throw new TypeError(`option \`lines\` needs a text encoding; ${describe(encoding)} has no lines`)
  if (input !== undefined) {
    check("input", isInput(input), "a text, bytes, a readable stream or an iterable", input)
    if (options.stdin !== undefined && options.stdin !== "pipe") throw new TypeError(`option \`input\` excludes \`stdin: ${describe(options.stdin)}\``)
  }
  const stdin = input === undefined ? options.stdin ?? context.stdin : "pipe"
  check("stdin", isPlain(stdin), '"pipe", "inherit", "ignore" or a descriptor', stdin)
  const stdout = options.stdout ?? "pipe", stderr = options.stderr ?? "pipe"
  for (const [name, value] of [["stdout", stdout], ["stderr", stderr]] as const) {
    check(name, isPlain(value) || isTarget(value), '"pipe", "inherit", "ignore", a descriptor or a writable stream', value)
  }
  const size = tty === true ? { columns: 80, rows: 24 } : tty === false ? undefined : tty
  if (size !== undefined) {
    const cells = (n: unknown) => Number.isInteger(n) && (n as number) > 0 && (n as number) < 65536
    check("tty", typeof size === "object" && size !== null && cells(size.columns) && cells(size.rows), "true, or { columns, rows } from 1 to 65535", tty)
    for (const [name, value] of [["stdin", options.stdin], ["stdout", options.stdout], ["stderr", options.stderr]] as const) {
      if (isPlain(value) && value !== "pipe") throw new TypeError(`option \`tty\` excludes \`${name}: ${describe(value)}\`: the terminal is in its place`)
    }
  }
  return {
    policy: options.policy === undefined ? Policy.default : Policy.isPolicy(options.policy) ? options.policy : Policy.make(options.policy),
    cwd, env: options.env ?? {}, input, stdin: size === undefined ? stdin : "pipe", stdout, stderr, encoding, lines, signal, tty: size,
    buffer: boolean(options, "buffer", true),
    stripFinalNewline: boolean(options, "stripFinalNewline", true),
    all: boolean(options, "all", false),
    maxBuffer: quantity("maxBuffer", options.maxBuffer, 100_000_000, parseByteSize, "a number of bytes or a text such as \"1 MiB\""),
    timeout: quantity("timeout", options.timeout, 0, parseTimeSpan, "a number of milliseconds or a text such as \"5 seconds\""),
    reject: boolean(options, "reject", true)
  }
}

/** What people bring along from other libraries. */
const renamed: Readonly<Record<string, string>> = {
  cancelSignal: "it is called `signal`",
  extendEnv: "the host's environment is never passed; name what the guest may have in the policy's `environment.pass`",
  shell: 'run the shell itself: run("sh", ["-c", script])',
  killSignal: "`timeout` and `signal` end the whole sandbox at once; to send a signal use kill(signal)",
  stdio: "use `stdin`, `stdout` and `stderr`",
  detached: "a guest never outlives its host program"
}

const describe = (value: unknown): string => typeof value === "string" ? JSON.stringify(value) : value === null ? "null" : typeof value === "object" || typeof value === "function" ? typeof value : String(value)

const check = (name: string, holds: boolean, expected: string, value: unknown): void => {
  if (!holds) throw new TypeError(`option \`${name}\`: expected ${expected}, got ${describe(value)}`)
}

const boolean = (options: CommandOptions, name: "buffer" | "lines" | "stripFinalNewline" | "all" | "reject", otherwise: boolean): boolean => {
  const value = options[name]
  check(name, value === undefined || typeof value === "boolean", "true or false", value)
  return value ?? otherwise
}

const quantity = (name: string, value: number | string | undefined, otherwise: number, parse: (text: string) => Option.Option<number>, expected: string): number => {
  const parsed = value === undefined ? otherwise : typeof value === "string" ? Option.getOrUndefined(parse(value)) : value
  check(name, parsed !== undefined && Number.isFinite(parsed) && parsed >= 0, expected, value)
  return parsed!
}

const isPlain = (value: unknown): value is "pipe" | "inherit" | "ignore" | number =>
  value === "pipe" || value === "inherit" || value === "ignore" || (Number.isInteger(value) && (value as number) >= 0)

const isInput = (value: unknown): boolean =>
  typeof value === "string" || (typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value))

/** A stream of the caller's, of either kind. */
export const isTarget = (value: unknown): value is Writable | WritableStream<Uint8Array> =>
  typeof value === "object" && value !== null && (value instanceof WritableStream || typeof (value as Writable).write === "function")
