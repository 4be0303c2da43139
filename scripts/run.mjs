/** `node scripts/run.mjs node|bun FILE ARGS…`: sets the checkout up, then runs FILE under the pinned runtime. */
import { spawnSync } from "child_process"
import { constants } from "os"
import { fail, root } from "./host.mjs"
import { pinned, setup } from "./setup.mjs"

const [runtime, ...args] = process.argv.slice(2)
if (runtime !== "node" && runtime !== "bun") fail("usage: node scripts/run.mjs node|bun FILE ARGS…")
setup()
const result = spawnSync(runtime === "node" ? pinned.node : pinned.bun, args, { cwd: root, stdio: "inherit" })
process.exit(result.signal === null ? result.status === null ? 1 : result.status : 128 + constants.signals[result.signal])
