/**
 * `rvisor run`: one program in a sandbox, as if it had been started without one. Its streams are rvisor's own descriptors, handed
 * through; its exit code is rvisor's; signals reach it. On a terminal it gets a terminal of its own.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { closeSync, openSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { isatty } from "node:tty"
import type { Change, Skipped } from "../sdk/Changes.ts"
import * as Command from "../sdk/Command.ts"
import type { ChangesError, SandboxError } from "../sdk/errors.ts"
import * as Outcome from "../sdk/Outcome.ts"
import { compile } from "../sdk/internal/compile.ts"
import { gather } from "../sdk/internal/desk.ts"
import { load } from "../sdk/internal/native.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import { capture, type Captured } from "./capture.ts"
import { byFlag, fromFlags } from "./effective-policy.ts"
import * as ExitCode from "./exit-code.ts"
import { locate } from "./handler-module.ts"
import { print, remark, write } from "./output.ts"
import * as Report from "./report.ts"
import type { RunFlags } from "./run-flags.ts"
import * as Signals from "./signals.ts"
import { attach, inForeground, size } from "./terminal.ts"
import { UsageError } from "./usage-error.ts"

/** What another command than `run` adds to a run. */
export interface Extra {
  /** What it is called, for remarks on how to use it. */
  readonly name: string
  readonly handlers: ReadonlyArray<Policy.HandlerSource>
  /** The guest has ended, and nothing has been said about it yet. */
  readonly ended: () => void
}

const plain: Extra = { name: "run", handlers: [], ended: () => {} }

/** How the guest's streams are connected. */
type Streams =
  | { readonly kind: "inherit"; readonly stdin: Command.Stdio }
  | { readonly kind: "capture"; readonly stdin: Command.Stdio }
  | { readonly kind: "terminal" }

const chooseStreams = Effect.fnUntraced(function*(flags: RunFlags, captures: boolean): Effect.fn.Return<Streams, UsageError> {
  const wanted = flags.io.tty
  if (captures && wanted === true) return yield* new UsageError({ reason: "--json captures the output that --tty would show", remedy: "write the result to a file: --json=FILE" })
  const stdin = isatty(0)
  if (wanted === true) return { kind: "terminal" }
  // A background job must not take the terminal's input from the shell, and in a session of its own nothing would stop the guest.
  const input = stdin && !inForeground() ? "ignore" : "inherit"
  if (captures) return { kind: "capture", stdin: input }
  const terminal = wanted === undefined && stdin && input === "inherit" && isatty(1)
  return terminal ? { kind: "terminal" } : { kind: "inherit", stdin: input }
})

const makeCommand = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, streams: Streams, name = "run") {
  const [program, ...rest] = argv
  if (program === undefined) return yield* new UsageError({ reason: "no command is given", remedy: `rvisor ${name} [FLAGS] -- COMMAND ARGUMENTS…` })
  if (program === "") return yield* new UsageError({ reason: "the command is an empty text", remedy: `rvisor ${name} [FLAGS] -- COMMAND ARGUMENTS…` })
  // Not `Command.make(...)`: a hundred thousand arguments do not fit on a call stack.
  const command: Command.Command = { ...Command.make(program), argv: [program, ...rest] }
  const cwd = flags.io.cwd === undefined ? {} : { cwd: flags.io.cwd }
  switch (streams.kind) {
    case "inherit": return Command.set(command, { ...cwd, stdin: streams.stdin, stdout: "inherit", stderr: "inherit" })
    case "capture": return Command.set(command, { ...cwd, stdin: streams.stdin })
    case "terminal": return Command.set(command, { ...cwd, tty: size() })
  }
})

interface Settled {
  readonly target: string
  readonly changes: ReadonlyArray<Change>
  readonly committed?: boolean
  /** What a commit could not carry over. */
  readonly skipped?: ReadonlyArray<Skipped>
}

/** Lists, and where wanted commits, what changed beneath the overlays. */
const settle = Effect.fnUntraced(function*(sandbox: Sandbox.Sandbox, flags: RunFlags, success: boolean) {
  const { list, commit } = flags.changes
  if (list !== true && commit !== true) return undefined
  return yield* Effect.forEach(sandbox.changes, (overlay): Effect.Effect<Settled, ChangesError> => {
    const { target } = overlay
    if (commit === true && success) return Effect.map(overlay.commit, ({ changes, skipped }) => ({ target, changes, committed: true, skipped }))
    return Effect.map(overlay.list, (changes) => commit === true ? { target, changes, committed: false } : { target, changes })
  })
})

const tellChanges = (flags: RunFlags, settled: ReadonlyArray<Settled>): void => {
  for (const { target, changes, committed, skipped } of settled) {
    if (flags.changes.list === true) {
      remark(changes.length === 0 ? `nothing changed in ${target}` : `changes in ${target}:`)
      for (const { kind, path, size, type } of changes) {
        remark(`  ${{ added: "A", modified: "M", deleted: "D" }[kind]} ${path}${kind !== "deleted" && type === "file" ? ` (${size} bytes)` : ""}`)
      }
    }
    if (committed === false && changes.length > 0) remark(`the command failed: its changes in ${target} are discarded`)
    for (const { path, reason } of skipped ?? []) remark(`${target}: ${path} is left out: ${reason}`)
  }
}

/** Where the result object goes: nowhere, to stdout (the output is captured into it), or to a file. */
const openResult = Effect.fnUntraced(function*(json: string | undefined) {
  if (json === undefined) return () => {}
  if (json === "-") return (result: object) => print(JSON.stringify(result))
  // Opened before anything runs: a result that cannot be written must not be found out at the end.
  const fd = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openSync(json, "w"),
      catch: (cause) => new UsageError({ reason: `--json=${json}: ${(cause as Error).message.split(",")[0]}`, remedy: "" })
    }),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return (result: object) => void write(fd, Buffer.from(`${JSON.stringify(result)}\n`))
})

/** Where refused calls are told: nowhere, or line by line in a file that is opened before anything runs. */
const openLog = Effect.fnUntraced(function*(log: string | undefined) {
  if (log === undefined) return undefined
  if (log === "-") return 2
  return yield* Effect.acquireRelease(
    Effect.try({
      try: () => openSync(log, "a"),
      catch: (cause) => new UsageError({ reason: `--log ${log}: ${(cause as Error).message.split(",")[0]}`, remedy: "" })
    }),
    (fd) => Effect.sync(() => closeSync(fd))
  )
})

/** Writes that the view is translated, where it is, refusals as they come, and at the end the exact numbers. */
const logViolations = (fd: number, sandbox: Sandbox.Sandbox): Effect.Effect<void> => {
  const line = (value: object) => Effect.sync(() => void write(fd, Buffer.from(`${JSON.stringify(value)}\n`)))
  return Effect.andThen(
    Effect.andThen(sandbox.layers.includes("translated") ? line({ _tag: "View", view: "translated", layers: sandbox.layers }) : Effect.void, Stream.runForEach(sandbox.violations, line)),
    Effect.flatMap(sandbox.violationCounts, (counts) => counts.length === 0 ? Effect.void : line({ _tag: "Counts", counts }))
  )
}

const tellFailure = ({ detail, handler, reason, syscall }: Sandbox.HandlerFailure): Effect.Effect<void> => {
  const what = { threw: "threw", deadline: "took too long", verdict: "gave a verdict it may not give" }[reason]
  return Effect.sync(() => remark(`handler ${handler}${handler === syscall ? "" : ` of ${syscall}`} ${what}: ${detail}`))
}

/** The policy of all flags, handlers and log included. */
const policyOf = Effect.fnUntraced(function*(flags: RunFlags, extra: Extra) {
  const modules = yield* Effect.forEach(flags.handlers.module, locate)
  const given = Policy.handlers(yield* fromFlags(flags.policy), ...modules.map((file) => SyscallHandler.fromModule(pathToFileURL(file))), ...extra.handlers) as Policy.Policy
  return flags.talk.log === undefined ? given : Policy.violations(given, "report")
})

/** Starts the command, joins it to rvisor's own streams and signals, and waits for its end. */
const execute = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, captures: boolean, extra: Extra) {
  const { quiet, verbose } = flags.talk
  const streams = yield* chooseStreams(flags, captures)
  const command = yield* makeCommand(flags, argv, streams, extra.name)
  const log = yield* openLog(flags.talk.log)
  const policy = yield* policyOf(flags, extra)
  const forward = yield* Signals.take
  const sandbox = yield* byFlag(flags.policy, Sandbox.spawn(command, policy))
  if (verbose) remark(`sandbox ${sandbox.id} holds by ${sandbox.layers.join(", ")}`)
  let captured: ReadonlyArray<Fiber.Fiber<Captured, SandboxError>> = []
  let screen: Fiber.Fiber<void> | undefined
  if (streams.kind === "terminal") {
    screen = yield* attach(sandbox, forward)
  } else {
    forward(sandbox, { onEscalate: () => quiet || remark("second interrupt: the sandbox is killed") })
    if (streams.kind === "capture") captured = [yield* Effect.forkScoped(capture(sandbox.stdout)), yield* Effect.forkScoped(capture(sandbox.stderr))]
  }
  if (!quiet) yield* Effect.forkScoped(Stream.runForEach(sandbox.handlerFailures, tellFailure))
  const logged = log === undefined ? undefined : yield* Effect.forkScoped(logViolations(log, sandbox))
  const outcome = yield* sandbox.exit
  if (logged !== undefined) yield* Fiber.join(logged) // ends with the sandbox
  if (screen !== undefined) yield* Fiber.await(screen)
  extra.ended()
  const [stdout, stderr] = yield* Effect.forEach(captured, Fiber.join)
  const settled = yield* Effect.result(settle(sandbox, flags, Outcome.isSuccess(outcome)))
  return { outcome, layers: sandbox.layers, settled, stdout, stderr }
}, Effect.scoped)

/** Prints the plan of the launch, and launches nothing. */
const plan = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, extra: Extra) {
  const command = yield* makeCommand(flags, argv, { kind: "inherit", stdin: "inherit" })
  const policy = yield* policyOf(flags, extra)
  // Their modules are loaded: what they want to be asked for is in the plan.
  const handlers = policy.handlers.length === 0 ? undefined : yield* gather(yield* load, policy.handlers)
  const { plan } = yield* byFlag(flags.policy, compile(policy, command, undefined, handlers?.placed))
  print(JSON.stringify(plan, null, 2))
  return ExitCode.OK
}, Effect.scoped)

/** Runs `argv` as the flags say. Succeeds with rvisor's exit code. */
export const run = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, extra: Extra = plain) {
  if (flags.talk.dryRun === true) return yield* plan(flags, argv, extra)
  const { json } = flags.io
  const tell = yield* openResult(json)
  const { quiet, verbose } = flags.talk
  const { outcome, layers, settled, stdout, stderr } = yield* execute(flags, argv, json === "-", extra).pipe(
    Effect.tapError((error) => Effect.sync(() => {
      if (error._tag !== "UsageError") tell(Report.refused(error))
    }))
  )
  const line = Report.line(outcome)
  if (line !== undefined && !quiet) remark(line)
  const used = verbose ? Report.usage(outcome) : undefined
  if (used !== undefined) remark(used)
  // What failed after the command's end is told beside how it ended.
  const failed = Result.isFailure(settled) ? settled.failure : undefined
  const changes = Result.isSuccess(settled) ? settled.success : undefined
  if (failed !== undefined) remark(failed.message)
  if (changes !== undefined && json !== "-" && !quiet) tellChanges(flags, changes)
  const code = failed === undefined ? Outcome.exitCode(outcome) : ExitCode.REFUSED
  tell({
    ...Report.ended(outcome),
    exitCode: code,
    layers,
    ...(changes === undefined ? {} : { overlays: changes }),
    ...(failed === undefined ? {} : { error: Report.describe(failed) }),
    ...(stdout === undefined ? {} : { stdout: Report.bytes(stdout.bytes) }),
    ...(stderr === undefined ? {} : { stderr: Report.bytes(stderr.bytes) }),
    ...(stdout?.truncated || stderr?.truncated ? { truncated: [...(stdout?.truncated ? ["stdout"] : []), ...(stderr?.truncated ? ["stderr"] : [])] } : {})
  })
  return code
}, Effect.scoped)
