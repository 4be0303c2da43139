/** Running programs of the host to their end, with their output in memory. */
import { spawn } from "node:child_process"
import { HarnessFailure } from "./failure.ts"

export interface Ended {
  /** Exit code; 128 and the signal's number where one ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Which Debian package brings a program that may be missing. */
const packageOf: Readonly<Record<string, string>> = {
  "apt-get": "apt", "apt-cache": "apt", dpkg: "dpkg", "dpkg-deb": "dpkg", xz: "xz-utils", make: "make", cc: "gcc", flock: "util-linux", setpriv: "util-linux", tar: "tar"
}

const absent = (program: string): HarnessFailure =>
  new HarnessFailure("program", `${program} is not on this host`, `install it; on Debian and its children: apt-get install ${packageOf[program] ?? program}`)

/** Runs a program; whatever it comes to is a value, except that it cannot be started. */
export const attempt = (program: string, args: ReadonlyArray<string>, options: ProgramOptions = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"], env: { ...(options.env ?? process.env), LC_ALL: "C" } })
    let stdout = "", stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
    child.on("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? absent(program) : error))
    child.on("close", (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 128), stdout, stderr }))
  })

/** Runs a program that must succeed; answers its standard output. */
export const run = async (program: string, args: ReadonlyArray<string>, options?: ProgramOptions): Promise<string> => {
  const { code, stdout, stderr } = await attempt(program, args, options)
  if (code !== 0) throw new HarnessFailure("program", `${program} ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`.trimEnd(), "")
  return stdout
}
