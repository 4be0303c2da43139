/**
 * The command line of `rvisor`: its commands, their flags, and how what they come to is told.
 *
 * Everything is imported statically, here and beneath: what is loaded on demand cannot be flattened into one module with the
 * rest, and costs the executable a tenth of its start-up although it loads less.
 */
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ChangesError, SandboxError, SpawnError } from "../sdk/errors.ts"
import { completions } from "./completions.ts"
import { doctor } from "./doctor.ts"
import * as ExitCode from "./exit-code.ts"
import { base, files, identity, kernel, limits, network, once, policyFlags, toggle } from "./flags.ts"
import { type Groups, presenter } from "./help.ts"
import * as kmod from "./kmod.ts"
import { print, remark } from "./output.ts"
import { check, schema, show } from "./policy.ts"
import { changes, handlers, io, type RunFlags, runFlags, talk } from "./run-flags.ts"
import { run } from "./run.ts"
import { how, io as traceIo, type TraceFlags, traceFlags, what } from "./trace-flags.ts"
import { trace } from "./trace.ts"
import type { UsageError } from "./usage-error.ts"
import { VERSION } from "./version.ts"
import { divide, undecodable } from "./words.ts"

const namesOf = (config: Command.Command.Config): ReadonlyArray<string> => Completions.fromCommand(Command.make("group", config)).flags.map((flag) => flag.name)

const policyGroups = (): Groups => [
  ["Policy", namesOf(base)],
  ["Files", namesOf(files)],
  ["Network", namesOf(network)],
  ["Environment and identity", namesOf(identity)],
  ["Limits", namesOf(limits)],
  ["Kernel", namesOf(kernel)]
]

/** Headings of a command's help. */
const groups = (command: string | undefined): Groups => command === "trace"
  ? [
    ["Which calls", namesOf(what)],
    ["How they are shown", namesOf(how)],
    ...policyGroups(),
    ["Streams", namesOf(traceIo)],
    ["Changes beneath overlays", namesOf(changes)]
  ]
  : [
    ...policyGroups(),
    ["Handlers", namesOf(handlers)],
    ["Streams", namesOf(io)],
    ["Changes beneath overlays", namesOf(changes)],
    ["Talk", namesOf(talk)]
  ]

type Failure = SpawnError | SandboxError | ChangesError | UsageError

/**
 * The commands. Each says through `finish` which exit code it came to. `command` is what `run` is to run. Where the first word says which of those
 * that take a command is meant, the others are not made: they would be a part of every start.
 */
const commands = (finish: (code: number) => void, command: () => ReadonlyArray<string>, first: string | undefined) => {
  const whole = (): Command.Command.Any => root
  const coded = <A, E extends Failure>(body: (input: A) => Effect.Effect<number, E>) => (input: A) => Effect.map(body(input), finish)

  const runCommand = () => Command.make("run", runFlags, coded((flags: RunFlags) => run(flags, command()))).pipe(
    Command.withShortDescription("Run a command in a sandbox"),
    Command.withDescription(`Runs COMMAND in a sandbox. What no flag and no policy grants, it cannot reach: it sees the system's programs and libraries
read-only, a private /tmp, its own processes and a private loopback; not your home, not your environment, not the network.

Exit code: the command's own; 128+n when signal n ended it; 137 when the sandbox ended it; 125 when the sandbox could not be
set up; 126 when COMMAND cannot be executed, 127 when there is none; 2 when this command line is wrong.`),
    Command.withExamples([
      { command: "rvisor run ls -l /", description: "What a program sees" },
      { command: "rvisor run --write ./out --memory 512MiB --timeout 30s -- make -C /src", description: "One directory to write to, and limits" },
      { command: "rvisor run --overlay . --changes -- npm install", description: "Let it change this directory without changing it, and list what it did" },
      { command: "rvisor run --policy policy.json --network host -- ./server", description: "A policy file, and one thing that it does not say" },
      { command: "rvisor run --handler ./plugin.ts -- uname -n", description: "TypeScript that answers its system calls" },
      { command: "rvisor run --json -- python3 answer.py < input.txt", description: "Judge a program: output, usage and outcome in one object" }
    ])
  )

  const traceCommand = () => Command.make("trace", traceFlags, coded((flags: TraceFlags) => trace(flags, command()))).pipe(
    Command.withShortDescription("Show the system calls of a command in a sandbox"),
    Command.withDescription(`Runs COMMAND as \`rvisor run\` does, and shows its system calls and what becomes of them, as strace(1) writes them. What the sandbox refuses
is shown with the error that COMMAND gets.

Exit code: that of \`rvisor run\`.`),
    Command.withExamples([
      { command: "rvisor trace -- ls /", description: "Every call of the first process, on stderr" },
      { command: "rvisor trace -f -e %file -o trace.txt -- make", description: "What make and all that it starts do with files; other calls run at full speed" },
      { command: "rvisor trace -f -c -- ./configure", description: "How often each call is made, and how long it takes" },
      { command: "rvisor trace -Z -e openat,connect --network host -- curl https://example.org", description: "Only what fails" }
    ])
  )

  const others = (): ReadonlyArray<Command.Command.Any> => {
    const file = Argument.String("FILE").pipe(Argument.withDescription("Policy file (JSON)"))
    const checkCommand = Command.make("check", { file }, coded(check)).pipe(
      Command.withDescription("Checks a policy file against its schema and this host, and lists every fault. Exit code: 0 without faults, 1 with.")
    )
    const showCommand = Command.make("show", policyFlags, coded(show)).pipe(
      Command.withDescription("Prints, as JSON, the policy that `rvisor run` with the same flags would lay over its preset. Save it, and use it with --policy."),
      Command.withExamples([{ command: "rvisor policy show --read ./src --memory 1GiB > policy.json" }])
    )
    const schemaCommand = Command.make("schema", {}, coded(schema)).pipe(
      Command.withDescription("Prints the JSON Schema of policy files, for editors.")
    )
    const policyCommand = Command.make("policy").pipe(Command.withShortDescription("Check and show policies"), Command.withDescription("Checks and shows policies."), Command.withSubcommands([checkCommand, showCommand, schemaCommand]))

    const doctorCommand = Command.make("doctor", { json: toggle("json", "Print one JSON object") }, coded(doctor)).pipe(
      Command.withShortDescription("Say what this host can enforce"),
      Command.withDescription(
        "Lists every kernel feature that rvisor uses: whether this host has it, what is lost without it and how to get it. Then starts a sandbox under the default policy.\n\nExit code: 0 when that works, 1 when not."
      )
    )

    const kmodBuild = Command.make("build", {
      kernel: Flag.String("kernel").pipe(Flag.withMetavar("RELEASE"), Flag.withDescription("For this kernel, as uname -r says it (default: the one that runs)"), once),
      headers: Flag.String("headers").pipe(Flag.withMetavar("DIR"), Flag.withDescription("Kernel headers in an unusual place"), once),
      out: Flag.String("out").pipe(Flag.withMetavar("FILE"), Flag.withDescription("Where to put the module (default: ./rvisor.ko)"), once),
      untested: toggle("untested", "Build for a kernel that the module has not been tested with")
    }, coded(kmod.build)).pipe(
      Command.withDescription("Builds the kernel module against the headers of a kernel, and prints where it lies. Needs make, gcc and the headers, and no root."),
      Command.withExamples([{ command: "rvisor kmod build && sudo rvisor kmod load" }])
    )
    const kmodLoad = Command.make("load", {
      file: Argument.String("FILE").pipe(Argument.withDescription("The module; else the installed one, else ./rvisor.ko"), Argument.optional, Argument.map(Option.getOrUndefined))
    }, coded(kmod.load)).pipe(
      Command.withDescription("Loads the kernel module, as root. Where the kernel refuses (Secure Boot, a missing signature, another kernel's module), says why and what to do.")
    )
    const kmodUnload = Command.make("unload", {}, coded(kmod.unload)).pipe(
      Command.withDescription("Takes the module out of the kernel, as root. Refused while a sandbox uses it.")
    )
    const kmodStatus = Command.make("status", { json: toggle("json", "Print one JSON object") }, coded(kmod.status)).pipe(
      Command.withDescription("Says whether the module can be built, loaded and used here. Exit code: 0 when a sandbox could use it now, 1 when not.")
    )
    const kmodSource = Command.make("source", {
      directory: Argument.String("DIR").pipe(Argument.withDescription("Directory to write to"))
    }, coded(kmod.source)).pipe(
      Command.withDescription("Writes the module's source into a directory, as dkms takes it: to read it, or to have it rebuilt for each new kernel."),
      Command.withExamples([{ command: `rvisor kmod source /usr/src/rvisor-${VERSION} && dkms install rvisor/${VERSION}`, description: "As root: for this kernel and those to come" }])
    )
    const kmodCommand = Command.make("kmod").pipe(
      Command.withShortDescription("Build, load and unload the kernel module"),
      Command.withDescription("The kernel module decides system calls in the kernel. Nothing needs it; docs/kernel-module.md says what it does and costs."),
      Command.withSubcommands([kmodBuild, kmodLoad, kmodUnload, kmodStatus, kmodSource])
    )

    const completionsCommand = Command.make(
      "completions",
      { shell: Argument.Literals("SHELL", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("bash, zsh or fish")) },
      coded((input: { readonly shell: "bash" | "zsh" | "fish" }) => completions(whole(), input.shell))
    ).pipe(
      Command.withShortDescription("Print a shell completion script"),
      Command.withDescription("Prints a completion script for a shell."),
      Command.withExamples([
        { command: "source <(rvisor completions bash)", description: "bash: this session; for all, put it into ~/.bashrc" },
        { command: "rvisor completions zsh > \"${fpath[1]}/_rvisor\"", description: "zsh" },
        { command: "rvisor completions fish > ~/.config/fish/completions/rvisor.fish", description: "fish" }
      ])
    )
    return [policyCommand, doctorCommand, kmodCommand, completionsCommand]
  }

  const version = GlobalFlag.Action({
    flag: Flag.Boolean("version").pipe(Flag.withoutNegation, Flag.withAlias("V"), Flag.withDescription("Print the version"), Flag.withDefault(false)),
    run: () => Effect.sync(() => print(`rvisor ${VERSION}`))
  })

  const alone = first === "run" || first === "trace"
  const divided = first === "run" ? [runCommand()] : first === "trace" ? [traceCommand()] : [runCommand(), traceCommand()]
  const root = Command.make("rvisor").pipe(
    Command.withDescription("Runs programs that nobody trusts, at native speed: what they open, start and use is granted, changed or refused."),
    Command.withSubcommands([...divided, ...(alone ? [] : others())]),
    Command.withGlobalFlags([version])
  )
  return { root, divided }
}

/** Runs the command line (without the program's name). Resolves to the exit code; never rejects. */
export const main = async(argv: ReadonlyArray<string>): Promise<number> => {
  const bad = undecodable(argv)
  if (bad !== undefined) {
    remark(`an argument is not UTF-8: ${bad}\n  remedy: rvisor passes arguments on as UTF-8 text; rename the file, or let a shell inside the sandbox write the name: sh -c 'cat $(printf "\\377")'`)
    return ExitCode.USAGE
  }
  let code = ExitCode.OK
  let command: ReadonlyArray<string> = []
  const { divided: takers, root } = commands((n) => code = n, () => command, argv[0])
  let words = argv
  const at = argv.findIndex((word) => !word.startsWith("-"))
  const taker = takers.find(({ name }) => name === argv[at])
  if (taker !== undefined) {
    const divided = divide(argv.slice(at + 1), Completions.fromCommand(taker).flags)
    words = [...argv.slice(0, at + 1), ...divided.own]
    command = divided.command
  }
  const program = Command.runWith(root, { version: VERSION })(words).pipe(
    Effect.provideService(CliConfig.CliConfig, { builtIns: [GlobalFlag.Help] }),
    Effect.provideService(CliOutput.Presenter, presenter(groups))
    // No flag of ours reads a file or asks a question, so the platform services that the parser may use are never asked for;
    // loading them would cost a third of the start-up.
  ) as Effect.Effect<void, Failure | { readonly _tag: "ShowHelp" }>
  const exit = await Effect.runPromiseExit(program)
  if (Exit.isSuccess(exit)) return code
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") {
    remark(`a fault of rvisor itself, please report it:\n${Cause.pretty(exit.cause)}`)
    return ExitCode.REFUSED
  }
  const error = failure.value
  if (error._tag === "ShowHelp") return ExitCode.USAGE
  remark((error as Failure).message)
  return error._tag === "UsageError" ? ExitCode.USAGE : ExitCode.ofError(error as SpawnError | SandboxError | ChangesError)
}
