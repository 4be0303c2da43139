/**
 * `rvisor run`: one program in a sandbox, as if it had been started without one. Its streams are rvisor's own descriptors, handed
 * through; its exit code is rvisor's; signals reach it. On a terminal it gets a terminal of its own.
 */
import type * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { closeSync, openSync } from "node:fs"
import type { Change } from "../sdk/Changes.ts"
import * as Command from "../sdk/Command.ts"
import type { SandboxError } from "../sdk/errors.ts"
import * as Outcome from "../sdk/Outcome.ts"
import { compile } from "../sdk/internal/compile.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { capture, type Captured } from "./capture.ts"
import { byFlag, fromFlags } from "./effective-policy.ts"
import * as ExitCode from "./exit-code.ts"
import { print, remark, write } from "./output.ts"
import * as Report from "./report.ts"
import type { runFlags } from "./rvisor.ts"
import * as Signals from "./signals.ts"
import { UsageError } from "./usage-error.ts"

type RunFlags = CliCommand.Command.Config.Infer<typeof runFlags>

/** How the guest's streams are connected. */
type Streams =
  | { readonly kind: "inherit"; readonly stdin: Command.Stdio }
  | { readonly kind: "capture"; readonly stdin: Command.Stdio }
  | { readonly kind: "terminal" }

const chooseStreams = Effect.fnUntraced(function*(flags: RunFlags, captures: boolean): Effect.fn.Return<Streams, UsageError> {
  const wanted = flags.io.tty
  if (captures && wanted === true) return yield* new UsageError({ reason: "--json captures the output that --tty would show", remedy: "write the result to a file: --json=FILE" })
  const { inForeground, isTerminal } = yield* Effect.promise(() => import("./terminal.ts"))
  const stdin = yield* Effect.promise(() => isTerminal(0))
  if (wanted === true) return { kind: "terminal" }
  // A background job must not take the terminal's input from the shell, and in a session of its own nothing would stop the guest.
  const input = stdin && !inForeground() ? "ignore" : "inherit"
  if (captures) return { kind: "capture", stdin: input }
  const terminal = wanted === undefined && stdin && input === "inherit" && (yield* Effect.promise(() => isTerminal(1)))
  return terminal ? { kind: "terminal" } : { kind: "inherit", stdin: input }
})

const makeCommand = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, streams: Streams) {
  const [program, ...rest] = argv
  if (program === undefined) return yield* new UsageError({ reason: "no command is given", remedy: "rvisor run [FLAGS] -- COMMAND ARGUMENTS…" })
  if (program === "") return yield* new UsageError({ reason: "the command is an empty text", remedy: "rvisor run [FLAGS] -- COMMAND ARGUMENTS…" })
  // Not `Command.make(...)`: a hundred thousand arguments do not fit on a call stack.
  const command: Command.Command = { ...Command.make(program), argv: [program, ...rest] }
  const cwd = flags.io.cwd === undefined ? {} : { cwd: flags.io.cwd }
  switch (streams.kind) {
    case "inherit": return Command.set(command, { ...cwd, stdin: streams.stdin, stdout: "inherit", stderr: "inherit" })
    case "capture": return Command.set(command, { ...cwd, stdin: streams.stdin })
    case "terminal": {
      const { size } = yield* Effect.promise(() => import("./terminal.ts"))
      return Command.set(command, { ...cwd, tty: size() })
    }
  }
})

const changeLine = (change: Change): string => `${{ added: "A", modified: "M", deleted: "D" }[change.kind]} ${change.path}${change.type === "file" && change.kind !== "deleted" ? ` (${change.size} bytes)` : ""}`

/** Lists, and where wanted commits, what changed beneath the overlays. */
const settle = Effect.fnUntraced(function*(sandbox: Sandbox.Sandbox, flags: RunFlags, success: boolean) {
  const { list, commit } = flags.changes
  if (list !== true && commit !== true) return {}
  const changes: Array<{ readonly target: string; readonly changes: ReadonlyArray<Change> }> = []
  for (const overlay of sandbox.changes) {
    const found = yield* overlay.list
    changes.push({ target: overlay.target, changes: found })
    if (commit === true && success) yield* overlay.commit
  }
  return { changes, ...(commit === true ? { committed: success } : {}) }
})

const tellChanges = (flags: RunFlags, settled: { readonly changes?: ReadonlyArray<{ readonly target: string; readonly changes: ReadonlyArray<Change> }>; readonly committed?: boolean }): void => {
  if (flags.changes.list === true) {
    for (const { target, changes } of settled.changes ?? []) {
      remark(changes.length === 0 ? `nothing changed in ${target}` : `changes in ${target}:`)
      for (const change of changes) remark(`  ${changeLine(change)}`)
    }
  }
  if (settled.committed === false) remark("the command failed: its changes are discarded")
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

/** Starts the command, joins it to rvisor's own streams and signals, and waits for its end. */
const execute = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>, captures: boolean) {
  const { quiet, verbose } = flags.talk
  const streams = yield* chooseStreams(flags, captures)
  const command = yield* makeCommand(flags, argv, streams)
  const policy = yield* fromFlags(flags.policy)
  const sandbox = yield* byFlag(flags.policy, Sandbox.spawn(command, policy))
  if (verbose) remark(`sandbox ${sandbox.id} holds by ${sandbox.layers.join(", ")}`)
  let captured: ReadonlyArray<Fiber.Fiber<Captured, SandboxError>> = []
  let screen: Fiber.Fiber<void> | undefined
  if (streams.kind === "terminal") {
    const { attach } = yield* Effect.promise(() => import("./terminal.ts"))
    screen = yield* attach(sandbox)
  } else {
    yield* Signals.forward(sandbox, { onEscalate: () => quiet || remark("second interrupt: the sandbox is killed") })
    if (streams.kind === "capture") captured = [yield* Effect.forkScoped(capture(sandbox.stdout)), yield* Effect.forkScoped(capture(sandbox.stderr))]
  }
  const outcome = yield* sandbox.exit
  if (screen !== undefined) yield* Fiber.await(screen)
  const [stdout, stderr] = yield* Effect.forEach(captured, Fiber.join)
  const settled = yield* settle(sandbox, flags, Outcome.isSuccess(outcome))
  return { outcome, layers: sandbox.layers, settled, stdout, stderr }
}, Effect.scoped)

/** Prints the plan of the launch, and launches nothing. */
const plan = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>) {
  const command = yield* makeCommand(flags, argv, { kind: "inherit", stdin: "inherit" })
  const { plan } = yield* byFlag(flags.policy, Effect.flatMap(fromFlags(flags.policy), (policy) => compile(policy, command)))
  print(JSON.stringify(plan, null, 2))
  return ExitCode.OK
})

/** Runs `argv` as the flags say. Succeeds with rvisor's exit code. */
export const run = Effect.fnUntraced(function*(flags: RunFlags, argv: ReadonlyArray<string>) {
  if (flags.talk.dryRun === true) return yield* plan(flags, argv)
  const { json } = flags.io
  const tell = yield* openResult(json)
  const { quiet, verbose } = flags.talk
  const { outcome, layers, settled, stdout, stderr } = yield* execute(flags, argv, json === "-").pipe(
    Effect.tapError((error) => Effect.sync(() => {
      if (error._tag !== "UsageError") tell(Report.refused(error))
    }))
  )
  const line = Report.line(outcome)
  if (line !== undefined && !quiet) remark(line)
  const used = verbose ? Report.usage(outcome) : undefined
  if (used !== undefined) remark(used)
  if (json !== "-") tellChanges(flags, settled)
  tell({
    ...Report.ended(outcome),
    layers,
    ...settled,
    ...(stdout === undefined ? {} : { stdout: Report.bytes(stdout.bytes) }),
    ...(stderr === undefined ? {} : { stderr: Report.bytes(stderr.bytes) }),
    ...(stdout?.truncated || stderr?.truncated ? { truncated: [...(stdout?.truncated ? ["stdout"] : []), ...(stderr?.truncated ? ["stderr"] : [])] } : {})
  })
  return Outcome.exitCode(outcome)
}, Effect.scoped)
