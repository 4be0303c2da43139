/**
 * The shell tool of an AI agent: the model writes shell commands, rvisor runs them, the model reads what came out.
 *
 *     node examples/agent-shell.ts                      plays a short session, as a model might ask
 *     node examples/agent-shell.ts 'ls -l' 'cat x'      runs your commands, in one sandbox
 *     node examples/agent-shell.ts --workspace ./project 'make test'
 *
 * One sandbox lives as long as the session, so that files in /tmp and servers in the background survive from one command to
 * the next. Whatever a command does: it sees the system's programs and the workspace, writes to the workspace and /tmp only,
 * has no network and no credentials, and neither time, output nor memory without end.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type SandboxHandle, spawn } from "rvisor/promise"

/** What the model is told about the tool; give it to your model's API beside `call`. */
export const description = {
  name: "shell",
  description: "Runs a command with sh in the workspace. Files stay between calls. A call ends after 5 seconds; start servers with & and redirect their output.",
  input_schema: { type: "object", properties: { command: { type: "string" } }, required: ["command"] }
} as const

const timeout = "5 seconds"
const longest = 4_000 // characters of output that a model gets to read

/** A session: `call` is the tool, disposing it ends everything that the commands have started. */
export class ShellTool implements AsyncDisposable {
  readonly #sandbox: SandboxHandle
  readonly #workspace: string

  private constructor(sandbox: SandboxHandle, workspace: string) {
    this.#sandbox = sandbox
    this.#workspace = workspace
  }

  static async open(workspace: string): Promise<ShellTool> {
    // The main command only keeps the sandbox alive; the model's commands are started beside it.
    const sandbox = await spawn("sleep", ["infinity"], {
      stdin: "ignore",
      policy: {
        filesystem: { write: [workspace], deny: [{ path: `${workspace}/**/.env`, optional: true }] },
        limits: { processes: 64, openFiles: 256, fileSize: "100 MiB" }
      }
    })
    return new ShellTool(sandbox, workspace)
  }

  /** Runs a command and gives what the model should read. Never throws for what a command does. */
  async call(command: string): Promise<string> {
    const { all, exitCode, isMaxBuffer, killedBy, signal, timedOut } = await this.#sandbox.run("sh", ["-c", command], {
      cwd: this.#workspace,
      all: true, // stdout and stderr as a terminal would show them
      maxBuffer: "1 MiB", // an endless writer is ended, not stored
      timeout,
      reject: false // a failing command is news for the model, not an error of ours
    })
    const end = isMaxBuffer ? "ended: too much output" : timedOut ? `ended: longer than ${timeout}` : killedBy ? `ended: ${killedBy}` : signal ? `ended by ${signal}` : `exit code ${exitCode}`
    return `${shorten(all ?? "")}\n[${end}]`.trimStart()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox.close()
  }
}

/** The beginning says what ran, the end says how it went: a model needs both. */
const shorten = (output: string): string =>
  output.length <= longest ? output : `${output.slice(0, longest / 2)}\n[… ${output.length - longest} characters left out …]\n${output.slice(-longest / 2)}`

const session = [
  "printf 'int main(void) { return 42; }\\n' > answer.c && gcc -o answer answer.c && ./answer; echo \"it said $?\"",
  "ls", // the files are still there
  "(while :; do date +%s > /tmp/clock; sleep 0.1; done) > /dev/null 2>&1 & echo $! > /tmp/server", // so are processes
  "sleep 0.3; test -s /tmp/clock && echo 'the clock runs'",
  "cat /etc/shadow", // there is no such file in here
  "ls /root /home; env | grep -ci token", // nor anything of the user's
  "python3 -c \"import socket; socket.create_connection(('1.1.1.1', 443), 2)\" 2>&1 | tail -n 1", // no network
  "sleep 100", // too long
  "yes", // too much
  "kill $(cat /tmp/server) && echo 'the clock is stopped'",
  "for i in $(seq 100); do sleep 5 & done", // too many
  "echo 'and the session goes on'"
]

/** What the session shows of an answer: the model gets all of it. */
const glimpse = (answer: string): string => {
  const lines = answer.split("\n")
  return lines.length <= 6 ? answer : [...lines.slice(0, 3), "…", lines.at(-1)].join("\n")
}

if (process.argv[1] === import.meta.filename) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { workspace: { type: "string" } } })
  const own = values.workspace === undefined ? mkdtempSync(join(tmpdir(), "agent-")) : undefined
  try {
    await using shell = await ShellTool.open(realpathSync(own ?? values.workspace!))
    for (const command of positionals.length > 0 ? positionals : session) {
      console.log(`$ ${command}`)
      console.log(glimpse(await shell.call(command)))
    }
  } finally {
    if (own !== undefined) rmSync(own, { recursive: true, force: true })
  }
}
