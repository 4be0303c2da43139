/**
 * A tour of `rvisor/promise`, for programs without Effect.
 *
 *     node examples/promise.ts
 */
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { $, run, SandboxCommandError, SetupError, spawn } from "rvisor/promise"

const directory = realpathSync(mkdtempSync(join(tmpdir(), "promise-")))
const section = (title: string) => console.log(`\n# ${title}`)

section("One command in a sandbox of its own")
const answer = await run("python3", ["-c", "print(6 * 7)"])
console.log(answer.stdout, answer.exitCode, answer.usage!.maxMemory > 0)

section("A template: every value is one argument, whatever is in it")
const name = "o'brien; rm -rf /"
console.log((await $`printf %s ${name}`).stdout)

section("A policy: read one directory, write another, and nothing else")
writeFileSync(join(directory, "data.csv"), "a,1\nb,2\nc,39\n")
const script = `import sys; print(sum(int(line.split(",")[1]) for line in open(sys.argv[1])), file=open("out/total", "w"))`
await $`mkdir ${join(directory, "out")}`.catch((error: SandboxCommandError) => console.log("refused:", error.stderr))
rmSync(join(directory, "out"), { recursive: true, force: true })
await $({ policy: { filesystem: { write: [directory] } } })`mkdir ${join(directory, "out")}`
await run("python3", ["-c", script, join(directory, "data.csv")], {
  cwd: directory,
  policy: { filesystem: { read: [directory], write: [join(directory, "out")] } }
})
console.log("total:", readFileSync(join(directory, "out", "total"), "utf8").trim())

section("Failures say what happened")
try {
  await run("sh", ["-c", "echo partial; echo 'no such thing' >&2; exit 3"])
} catch (error) {
  if (error instanceof SandboxCommandError) console.log(error.exitCode, error.stdout, "/", error.stderr)
}
const slow = await run("sleep", ["60"], { timeout: "200 ms", reject: false })
console.log(slow.timedOut, slow.killedBy)
const loud = await run("yes", { policy: { limits: { output: "1 MiB" } }, reject: false })
console.log(loud.killedBy, loud.stdout.length <= 1 << 20)
await run("no-such-program").catch((error: SetupError) => console.log(error._tag, error.step, error.errno))

section("A handle: lines as they come, input as it goes")
{
  await using shell = await spawn("sh", ["-c", "while read line; do echo \"got $line\"; done"])
  shell.stdin!.write("one\n")
  shell.stdin!.end("two\n")
  for await (const line of shell) console.log(line)
  console.log((await shell.result).exitCode)
} // the end of the block ends the sandbox, whatever still runs in it

section("Large output through a stream: nothing is kept, the guest waits for us")
{
  await using zeros = await spawn("head", ["-c", "50000000", "/dev/zero"], { buffer: false })
  const hash = createHash("sha256")
  for await (const chunk of zeros.stdout!) hash.update(chunk as Uint8Array)
  console.log(hash.digest("hex").slice(0, 16))
}

section("An AbortSignal ends the whole tree")
const stop = new AbortController()
setTimeout(() => stop.abort(new Error("the user went away")), 200)
const canceled = await run("sh", ["-c", "sleep 60 & sleep 60"], { signal: stop.signal, reject: false })
if (canceled instanceof SandboxCommandError) console.log(canceled.isCanceled, canceled.originalMessage)

section("Several commands in one sandbox")
{
  await using box = await spawn("sleep", ["infinity"], { stdin: "ignore" })
  await box.run("sh", ["-c", "echo kept > /tmp/note"])
  console.log((await box.run("cat", ["/tmp/note"])).stdout, (await box.processes()).map((process) => process.command).join())
}

section("A terminal")
{
  await using terminal = await spawn("sh", ["-c", "tty; stty size"], { tty: { columns: 100, rows: 30 } })
  for await (const line of terminal) console.log(line)
}

rmSync(directory, { recursive: true, force: true })
