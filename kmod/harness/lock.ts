/**
 * One at a time, over all processes of this host: a lock on a file, held by flock(1) for as long as a pipe of ours is open. The
 * kernel lets go of it when this process ends, however it ends.
 */
import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { HarnessFailure } from "./failure.ts"

/** Runs `action` while holding the lock on `file`; `waiting` is called once where another process holds it. */
export const locked = async <A>(file: string, action: () => Promise<A>, waiting: () => void = () => {}): Promise<A> => {
  mkdirSync(dirname(file), { recursive: true })
  const holder = spawn("flock", ["--exclusive", file, "sh", "-c", "echo held; exec cat >/dev/null"], { stdio: ["pipe", "pipe", "ignore"] })
  const ended = new Promise<void>((resolve) => holder.on("close", () => resolve()))
  const patience = setTimeout(waiting, 3000)
  try {
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once("data", () => resolve())
      holder.once("error", () => reject(new HarnessFailure("program", "flock is not on this host", "install util-linux")))
      holder.once("close", () => reject(new HarnessFailure("program", `${file} cannot be locked`, "make its directory writable")))
    })
    clearTimeout(patience)
    return await action()
  } finally {
    clearTimeout(patience)
    holder.stdin.end()
    await ended
  }
}
