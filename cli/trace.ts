/**
 * `rvisor trace`: strace in a sandbox. The command runs as under `rvisor run`, with handlers that change nothing at the calls that are
 * to be shown: they stop at trace points (docs/handlers.md), are shown as they are made and as they return, and go on. All other calls
 * run at full speed.
 */
import * as Effect from "effect/Effect"
import { closeSync, openSync } from "node:fs"
import { isatty } from "node:tty"
import * as EventHandler from "../sdk/EventHandler.ts"
import type * as Policy from "../sdk/Policy.ts"
import type { SyscallName } from "../sdk/internal/syscalls.ts"
import * as SyscallFormat from "../sdk/SyscallFormat.ts"
import * as SyscallHandler from "../sdk/SyscallHandler.ts"
import * as Verdict from "../sdk/Verdict.ts"
import type { RunFlags } from "./run-flags.ts"
import { run } from "./run.ts"
import { type Selection, select } from "./trace-filter.ts"
import type { TraceFlags } from "./trace-flags.ts"
import { json } from "./trace-json.ts"
import { lines } from "./trace-lines.ts"
import type { Made, Reporter } from "./trace-report.ts"
import { buffered, direct, type Sink } from "./trace-sink.ts"
import { summary } from "./trace-summary.ts"
import { UsageError } from "./usage-error.ts"

const now = (): number => performance.timeOrigin + performance.now()

const neverReturns = new Set<SyscallName>(["exit", "exit_group"])

const both = (one: Reporter, other: Reporter): Reporter => ({
  made: (...args) => { one.made(...args); other.made(...args) },
  returned: (...args) => { one.returned(...args); other.returned(...args) },
  began: (...args) => { one.began(...args); other.began(...args) },
  superseded: (...args) => { one.superseded(...args); other.superseded(...args) },
  attached: (...args) => { one.attached(...args); other.attached(...args) },
  signalled: (...args) => { one.signalled(...args); other.signalled(...args) },
  ended: (...args) => { one.ended(...args); other.ended(...args) },
  close: () => { one.close(); other.close() }
})

/**
 * The handlers that show the calls of a selection, and change nothing. Nothing is shown before the command itself runs: what comes
 * first is how the sandbox finds and starts it. `wordy`: whether anybody wants the calls in words.
 */
export const tracers = (
  selection: Selection,
  reporter: Reporter,
  { follow, format, wordy }: { readonly follow: boolean; readonly wordy: boolean; readonly format: SyscallFormat.Options }
): ReadonlyArray<Policy.HandlerSource> => {
  /** The command's first thread, once it runs. */
  let first: number | undefined
  const mine = (tid: number): boolean => first !== undefined && (follow || tid === first)
  const options = { onFailure: "continue", deadline: Infinity, label: "trace" } as const

  const calls = SyscallHandler.many(selection.calls as ReadonlyArray<"read">, {
    ...options,
    power: "steer",
    // It decides nothing.
    memory: "racy",
    override: true,
    vdso: "keep"
  }, (call) => {
    const { tid } = call
    const name = call.name as SyscallName
    const starts = first === undefined && name === "execve"
    if (!starts && !mine(tid)) return Effect.succeed(Verdict.continue)
    const at = now()
    return Effect.map(wordy ? SyscallFormat.entry(call, format) : Effect.succeed(undefined), (entry) => {
      const made: Made = { tid, name, at, entry }
      const final = neverReturns.has(name)
      if (!starts) reporter.made(made, final)
      if (final) return Verdict.continue
      return call.after((result) => {
        // An execve that failed, on the way through the directories of PATH.
        if (first === undefined) return Effect.succeed(Verdict.continue)
        const back = now()
        return Effect.map(entry === undefined ? Effect.succeed(undefined) : entry.returned(result), (returned) => {
          if (starts) reporter.made(made, false)
          reporter.returned(made, back, result.raw, returned)
          return Verdict.continue
        })
      })
    })
  })

  const told = Effect.sync
  return [
    ...calls,
    EventHandler.make("exec", options, ({ formerTid, tid }) => told(() => {
      if (first === undefined) reporter.began(first = tid)
      else if (formerTid !== tid && mine(tid)) reporter.superseded(formerTid, tid, now())
    })),
    EventHandler.make("clone", options, ({ childTid }) => told(() => {
      if (follow && first !== undefined) reporter.attached(childTid, now())
    })),
    EventHandler.make("signal", options, ({ info, signal, tid }) => told(() => {
      if (mine(tid) && selection.signal(signal)) reporter.signalled(tid, now(), signal, `${SyscallFormat.signal(signal)} ${SyscallFormat.siginfo(info)}`)
    })),
    EventHandler.make("exit", options, ({ code, coreDumped, signal, tid }) => told(() => {
      if (mine(tid)) reporter.ended(tid, now(), code !== undefined ? `exited with ${code}` : `killed by ${signal}${coreDumped ? " (core dumped)" : ""}`)
    }))
  ]
}

const openSink = Effect.fnUntraced(function*(output: string | undefined, raw: boolean) {
  if (output === undefined) return direct(2, raw)
  if (output.startsWith("|") || output.startsWith("!")) {
    return yield* new UsageError({ reason: `-o '${output}': the trace is not written to a command`, remedy: `write it to a named pipe, or to a file: -o FILE` })
  }
  const fd = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openSync(output, "w"),
      catch: (cause) => new UsageError({ reason: `-o ${output}: ${(cause as Error).message.split(",")[0]}`, remedy: "" })
    }),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return buffered(fd)
})

const check = Effect.fnUntraced(function*({ how, what }: TraceFlags) {
  const wrong = (reason: string, remedy: string) => new UsageError({ reason, remedy })
  if (what.attach.length > 0) return yield* wrong("-p: a process that runs already is in no sandbox, and rvisor does not reach into others'", "trace a command from its start: rvisor trace -- COMMAND; or use strace -p")
  if (what.successful === true && what.failed === true) return yield* wrong("-z and -Z exclude each other", "")
  if (how.only === true && how.summary === true) return yield* wrong("-c and -C exclude each other", "-c shows the table alone, -C after the calls")
  if (how.only === true && how.json === true) return yield* wrong("-c and --json exclude each other", "count the objects of --json: they have the duration of each call")
  if (how.strings !== undefined && (how.strings < 0 || how.strings > 1 << 20)) return yield* wrong(`-s ${how.strings}: not between 0 and ${1 << 20}`, "")
})

const clockOf = ({ relative, timestamps }: TraceFlags["how"]): "none" | "seconds" | "micros" | "epoch" | "relative" =>
  relative === true ? "relative" : timestamps >= 3 ? "epoch" : timestamps === 2 ? "micros" : timestamps === 1 ? "seconds" : "none"

const reporterOf = (flags: TraceFlags, selection: Selection, sink: Sink): Reporter => {
  const { how, what } = flags
  if (how.only === true) return summary(sink)
  const calls = how.json === true ? json(sink, selection.status) : lines({
    sink,
    file: how.output !== undefined,
    follow: what.follow === true,
    clock: clockOf(how),
    durations: how.durations === true,
    status: selection.status,
    quiet: how.quiet === true
  })
  return how.summary === true ? both(calls, summary(sink)) : calls
}

/** Runs `argv` as the flags say, and shows what it calls. Succeeds with rvisor's exit code, which is the command's. */
export const trace = Effect.fnUntraced(function*(flags: TraceFlags, argv: ReadonlyArray<string>) {
  yield* check(flags)
  const { how, what } = flags
  const selection = yield* select(what.expression, what.successful === true ? "successful" : what.failed === true ? "failed" : undefined)
  const sink = yield* openSink(how.output, isatty(2))
  const reporter = reporterOf(flags, selection, sink)
  let open = true
  const close = (): void => {
    if (open) reporter.close()
    open = false
  }
  const handlers = tracers(selection, reporter, {
    follow: what.follow === true,
    wordy: how.only !== true,
    format: { strings: how.strings ?? 32, verbose: how.full === true, descriptors: how.descriptors === true }
  })
  const asRun: RunFlags = {
    policy: flags.policy,
    handlers: { module: [] },
    io: { cwd: flags.io.cwd, tty: flags.io.tty, json: undefined },
    changes: flags.changes,
    talk: { quiet: how.quiet, log: flags.io.log, verbose: undefined, dryRun: undefined },
    command: []
  }
  return yield* Effect.ensuring(run(asRun, argv, { name: "trace", handlers, ended: close }), Effect.sync(close))
}, Effect.scoped)

