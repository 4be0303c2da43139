/**
 * The real program, as users start it: from source under Node, and the self-contained executable where it is built.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))

export interface Form {
  readonly name: string
  readonly argv: ReadonlyArray<string>
}

const executable = path("dist/rvisor")

/** The forms of the program that there are. */
export const forms: ReadonlyArray<Form> = [
  { name: "from source", argv: [path("node_modules/.bin/node"), path("cli/main.ts")] },
  ...(existsSync(executable) ? [{ name: "the executable", argv: [executable] }] : [])
]

export interface Finished {
  /** Exit code; 128 + n where signal n ended it, as a shell says. */
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
  /** stdout as text. */
  readonly out: string
}

export interface Options {
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with the process and what it wrote so far, each time it wrote. */
  readonly onOutput?: (child: ReturnType<typeof spawn>, out: string) => void
}

const signals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGUSR1: 10, SIGSEGV: 11, SIGTERM: 15 }

/** Runs `rvisor …` to its end. */
export const rvisor = (form: Form, args: ReadonlyArray<string>, options: Options = {}): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(form.argv[0]!, [...form.argv.slice(1), ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 25_000, // less than a test's: nothing is left running
      killSignal: "SIGKILL",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env }
    })
    const stdout: Array<Buffer> = []
    const stderr: Array<Buffer> = []
    child.stdout.on("data", (chunk: Buffer) => {
      stdout.push(chunk)
      options.onOutput?.(child, Buffer.concat(stdout).toString())
    })
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk))
    child.stdin.on("error", () => {}) // a program that ends without reading its input
    child.stdin.end(options.input ?? "")
    child.on("error", reject)
    child.on("close", (code, signal) => {
      const all = Buffer.concat(stdout)
      resolve({ code: code ?? 128 + signals[signal!]!, stdout: all, out: all.toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })

/** A fault of the user's is one message: never a stack. */
export const noStack = (stderr: string): boolean => !/^\s+at /m.test(stderr)
