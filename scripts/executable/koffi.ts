/** Takes the place of the package `koffi` in the self-contained executable: its native module, loaded from memory. */
import node from "../../node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node" with { type: "file" }
import { memfdPath } from "./memfd.ts"

const module = { exports: {} }
process.dlopen(module, memfdPath(node, "koffi.node"))
export default module.exports
