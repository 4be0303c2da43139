/**
 * A judge for programming contests: compiles a stranger's C or Python program, runs it on test cases, and gives a verdict.
 *
 *     node examples/judge.ts                          judges the submissions below
 *     node examples/judge.ts solution.c tests/        judges yours: tests/1.in, tests/1.out, tests/2.in, …
 *
 * Compiler and program each run in a sandbox of their own, once for each test: a submission can leave nothing behind for the
 * next test, see no expected output, and use no more than its limits. (A memory limit needs control groups: `rvisor doctor`.)
 *
 * AC accepted · WA wrong answer · TLE time · MLE memory · OLE output · RE crashed · CE does not compile
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, extname, join } from "node:path"
import { Effect, Fiber, Stream } from "effect"
import { Command, type Outcome, Policy, Sandbox } from "rvisor"

interface Test { readonly name: string; readonly input: string; readonly expected: string }
interface Verdict { readonly verdict: string; readonly detail: string }

const utf8 = new TextEncoder()
const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

/** Runs one command to its end: how it ended, and what it wrote. */
const execute = Effect.fn("execute")(function*(command: Command.Command, policy: Policy.Policy, input: string) {
  const sandbox = yield* Sandbox.spawn(command, policy)
  const stdout = yield* Effect.forkScoped(text(sandbox.stdout))
  const stderr = yield* Effect.forkScoped(text(sandbox.stderr))
  // A program that does not read all of its input is no error of ours.
  yield* Effect.forkScoped(Effect.ignore(Stream.run(Stream.make(utf8.encode(input)), sandbox.stdin)))
  const outcome = yield* sandbox.exit
  return { outcome, stdout: yield* Fiber.join(stdout), stderr: yield* Fiber.join(stderr) }
}, Effect.scoped)

/** Generous, for a compiler; a `#include "/dev/urandom"` ends here. */
const compiling = (directory: string) => Policy.make({
  filesystem: { write: [directory] },
  limits: { memory: "512 MiB", cpuTime: "10 seconds", wallTime: "20 seconds", processes: 16, output: "1 MiB", fileSize: "64 MiB" }
})

/** The program sees itself and the system's libraries, and nothing to write to but its streams. */
const running = (directory: string) => Policy.strict.pipe(
  Policy.read(directory),
  Policy.limits({ memory: "64 MiB", cpuTime: "1 second", wallTime: "2 seconds", processes: 4, output: "1 MiB" })
)

/** What a test says about a program that ended so. */
const judgeRun = (outcome: Outcome.Outcome, stdout: string, stderr: string, expected: string): Verdict => {
  switch (outcome._tag) {
    case "Killed": {
      const verdicts: Partial<Record<Outcome.Reason, string>> = { memory: "MLE", cpuTime: "TLE", wallTime: "TLE", output: "OLE" }
      return { verdict: verdicts[outcome.reason] ?? "RE", detail: outcome.message }
    }
    case "Signaled": return { verdict: "RE", detail: `ended by ${outcome.signal}` }
    case "Exited": {
      if (outcome.code !== 0) return { verdict: "RE", detail: stderr.trim().split("\n").at(-1) || `exit code ${outcome.code}` }
      const words = (output: string) => output.split(/\s+/).filter((word) => word !== "").join(" ")
      return words(stdout) === words(expected) ? { verdict: "AC", detail: "" } : { verdict: "WA", detail: `printed ${JSON.stringify(stdout.trim().slice(0, 40))}` }
    }
  }
}

/** The verdict on a submission: that of the first test it fails. */
const judge = Effect.fn("judge")(function*(name: string, source: string, tests: ReadonlyArray<Test>) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "judge-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const file = join(directory, basename(name))
  writeFileSync(file, source)

  const program = join(directory, "program")
  const command = extname(name) === ".py" ? Command.make("python3", file) : Command.make(program)
  if (extname(name) === ".c") {
    const compiler = Command.make("gcc", "-O2", "-std=c17", "-o", program, file, "-lm")
    const { outcome, stderr } = yield* execute(compiler, compiling(directory), "")
    if (outcome._tag !== "Exited" || outcome.code !== 0) {
      return { verdict: "CE", detail: stderr.split("\n").find((line) => line.includes("error"))?.replace(`${directory}/`, "") ?? "the compiler was ended" }
    }
  }

  let slowest = 0
  for (const { expected, input, name: test } of tests) {
    const { outcome, stderr, stdout } = yield* execute(Command.set(command, { cwd: directory }), running(directory), input)
    const { detail, verdict } = judgeRun(outcome, stdout, stderr, expected)
    if (verdict !== "AC") return { verdict, detail: `test ${test}: ${detail}` }
    slowest = Math.max(slowest, (outcome.usage?.userMs ?? 0) + (outcome.usage?.systemMs ?? 0))
  }
  return { verdict: "AC", detail: `${tests.length} tests, at most ${slowest.toFixed(0)} ms of CPU time` }
}, Effect.scoped)

// Without arguments: the task "read n, then n numbers; print their sum", and what students sent in.
const sumTests: ReadonlyArray<Test> = [
  { name: "1", input: "3\n1 2 3\n", expected: "6\n" },
  { name: "2", input: "1\n-7\n", expected: "-7\n" },
  { name: "3", input: `1000\n${Array.from({ length: 1000 }, (_, i) => i * 1_000_000).join(" ")}\n`, expected: "499500000000\n" }
]
const submissions: Readonly<Record<string, string>> = {
  "right.c": `#include <stdio.h>\nint main(void) { int n; long long x, s = 0; scanf("%d", &n); while (n--) { scanf("%lld", &x); s += x; } printf("%lld\\n", s); }`,
  "right.py": "n = int(input())\nprint(sum(map(int, input().split())))",
  "overflows.c": `#include <stdio.h>\nint main(void) { int n, x; unsigned s = 0; scanf("%d", &n); while (n--) { scanf("%d", &x); s += x; } printf("%d\\n", (int)s); }`,
  "loops.c": "int main(void) { for (;;) ; }",
  "sleeps.py": "import time\ntime.sleep(60)",
  "hoards.py": "x = bytearray(1)\nwhile True: x += bytes(1 << 20)",
  "crashes.c": "int main(void) { volatile int *p = 0; return *p; }",
  "raises.py": "print(1 // 0)",
  "babbles.py": "while True: print('x' * 1000)",
  "typo.c": "int main(void) { retrun 0; }",
  "spies.py": "print(open('/etc/shadow').read())",
  "forks.py": "import os\nwhile True: os.fork()"
}

const [file, tests] = process.argv.slice(2)
const numbered = (directory: string): ReadonlyArray<Test> =>
  readdirSync(directory).filter((name) => name.endsWith(".in")).map((name) => basename(name, ".in")).sort((a, b) => Number(a) - Number(b)).map((name) => ({
    name,
    input: readFileSync(join(directory, `${name}.in`), "utf8"),
    expected: readFileSync(join(directory, `${name}.out`), "utf8")
  }))

const program = Effect.gen(function*() {
  const queue = file === undefined ? Object.entries(submissions) : [[file, readFileSync(file, "utf8")] as const]
  const cases = tests === undefined ? sumTests : numbered(tests)
  for (const [name, source] of queue) {
    const { detail, verdict } = yield* judge(name, source, cases)
    console.log(`${basename(name).padEnd(12)} ${verdict.padEnd(4)} ${detail}`.trimEnd())
  }
})

// What is no fault of a submission: a file that cannot be read, a host that cannot enforce the limits.
await Effect.runPromise(program).catch((error: Error) => {
  console.error(`judge: ${error.message}`)
  process.exitCode = 2
})
