/** What the compiler of policies asks of the process it runs in, as a value: tests give their own. */
import { homedir } from "node:os"
import { resolve } from "node:path"

export interface Host {
  readonly uid: number
  readonly gid: number
  /** Absent where the current directory has been removed. */
  readonly cwd: string | undefined
  /** The caller's home directory; absent where it is unknown, or `/`. */
  readonly home: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

const attempt = <A>(get: () => A): A | undefined => {
  try {
    return get()
  } catch {
    return undefined
  }
}

/** This process, now. */
export const currentHost = (): Host => {
  const home = attempt(homedir)
  return {
    uid: process.getuid!(),
    gid: process.getgid!(),
    cwd: attempt(process.cwd),
    home: home === undefined || !home.startsWith("/") || resolve(home) === "/" ? undefined : resolve(home),
    env: process.env
  }
}
