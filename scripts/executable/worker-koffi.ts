/** Takes the place of the package `koffi` on the executable's thread of modules: the native module that the main thread has loaded. */
import { memfdOf } from "./memfds.ts"

const module = { exports: {} }
process.dlopen(module, memfdOf("koffi.node"))
export default module.exports
