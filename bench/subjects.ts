/** Where the things that are compared lie. */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const built = fileURLToPath(new URL("../dist/rvisor", import.meta.url))

/** argv of the rvisor executable: the built one, which is what users have. */
export const executable: ReadonlyArray<string> = [built]

if (!existsSync(built)) throw new Error("dist/rvisor is not there: run `npm run build` first")

export const installed = (program: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${program}`], { env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" } }).status === 0
