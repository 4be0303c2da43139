/** Handlers of which one ends the thread that they run on. */
import { Effect } from "effect"
import * as SyscallHandler from "../../../sdk/SyscallHandler.ts"
import box from "./box.ts"

export default [SyscallHandler.make("getpgid", () => Effect.sync(() => process.exit(3))), box]
