/** koffi's native module in memory, for those who load it: the handlers' thread, and calls on a thread of the runtime's pool. */
import node from "../../node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node" with { type: "file" }
import { memfdPath } from "./memfd.ts"

let path: string | undefined

/** A path that loads it. */
export const koffiModule = (): string => path ??= memfdPath(node, "koffi.node")
