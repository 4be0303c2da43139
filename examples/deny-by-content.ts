/**
 * Files that hold a secret cannot be opened, whatever they are called.
 *
 *     node examples/deny-by-content.ts
 *
 * The handler is asked for every file beneath the guarded directory, by whatever name or link the guest comes there: the filter sees
 * where names lead. It reads the file itself, and what it has looked at is what the guest gets (as a file in memory), so nothing
 * can change between looking and reading.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Stream } from "effect"
import { Command, Path, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

const secrets = [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, /\bAKIA[0-9A-Z]{16}\b/, /\bpassword\s*=\s*\S+/i]

const { has } = Syscall.OpenFlags

/** Directories are listed as ever; only what can be read is looked into. */
const readFile = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

const decide = (name: string, flags: number) => {
  if (has(flags, "O_DIRECTORY") || has(flags, "O_PATH")) return Verdict.continue
  // A relative name starts from a directory that the handler does not know: this example does without.
  const content = name.startsWith("/") ? readFile(name) : undefined
  if (content === undefined || secrets.some((secret) => secret.test(content.toString("latin1")))) return Verdict.errno("EACCES")
  return Verdict.fd(content, { cloexec: has(flags, "O_CLOEXEC") })
}

/** Every call that opens: a boundary with a call left out is none. Programs that use openat2 fall back where it is not there. */
const guard = (directory: string) => {
  const options = { where: Path.under(directory) }
  return [
    SyscallHandler.make("open", options, (call) => Effect.map(call.args.filename.read, (name) => decide(name, call.args.flags))),
    SyscallHandler.make("openat", options, (call) => Effect.map(call.args.filename.read, (name) => decide(name, call.args.flags))),
    SyscallHandler.make("openat2", options, () => Effect.succeed(Verdict.errno("ENOSYS")))
  ]
}

const directory = mkdtempSync(join(tmpdir(), "project-"))
mkdirSync(join(directory, "src"))
writeFileSync(join(directory, "README"), "nothing to see here\n")
writeFileSync(join(directory, "src/config.ini"), "user = me\npassword = hunter2\n")
writeFileSync(join(directory, "notes.txt"), "-----BEGIN RSA PRIVATE KEY-----\nMIIE…\n")

const script = `cd /tmp; ln -s ${directory}/notes.txt harmless
for file in ${directory}/README ${directory}/src/config.ini ${directory}/notes.txt /tmp/harmless; do cat $file; done; ls ${directory}`

const program = Effect.gen(function*() {
  const policy = Policy.default.pipe(Policy.read(directory), Policy.handlers(...guard(directory)))
  const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", script), policy)
  const output = yield* Effect.forkScoped(Stream.mkString(Stream.decodeText(sandbox.all)))
  yield* sandbox.exit
  console.log((yield* Fiber.join(output)).replaceAll(directory, "project"))
})
await Effect.runPromise(Effect.scoped(program)).finally(() => rmSync(directory, { recursive: true }))
