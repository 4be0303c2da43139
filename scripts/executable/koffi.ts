/**
 * Takes the place of the package `koffi` in the self-contained executable, as far as `sdk/internal/native.ts` uses it. Bun calls C functions by itself, and
 * is ready to in a tenth of the time that koffi's native module takes to be loaded, which is a part of every start. That module is loaded for what Bun
 * cannot do: calls on a thread of the runtime's pool (`async`).
 */
import { dlopen } from "bun:ffi"
import { koffiModule } from "./koffi-module.ts"

/** Of all else a pointer is passed: of typed arrays to their bytes, and null. */
const types: Readonly<Record<string, "i32" | "u32" | "u64" | "cstring">> = { int32_t: "i32", uint32_t: "u32", uint64_t: "u64", "const char*": "cstring" }

type Argument = number | string | Uint8Array | Int32Array | Uint32Array | null
type Call = (...args: ReadonlyArray<Argument>) => number | string
interface Koffi {
  readonly load: (path: string) => { readonly func: (prototype: string) => Call & { readonly async: unknown } }
}

const loadKoffi = (): Koffi => {
  const module = { exports: {} }
  process.dlopen(module, koffiModule())
  return module.exports as Koffi
}

/** `RESULT NAME(TYPE, TYPE)`, as koffi reads it. */
const parsed = (prototype: string): { readonly name: string; readonly args: ReadonlyArray<"i32" | "u32" | "u64" | "cstring" | "ptr">; readonly returns: "i32" | "cstring" } => {
  const [, result, name, list] = /^(.*?) ?(\w+)\((.*)\)$/.exec(prototype)!
  const returns = types[result!]
  if (returns !== "i32" && returns !== "cstring") throw new Error(`no function of ours answers ${result}`)
  return { name: name!, returns, args: list === "void" ? [] : list!.split(", ").map((type) => types[type] ?? "ptr") }
}

/** All functions that have been declared are looked up together, when one of them is called. */
const load: Koffi["load"] = (path) => {
  const declared = new Map<string, ReturnType<typeof parsed>>(), found: Record<string, Call> = {}
  const find = (name: string): Call => {
    if (found[name] === undefined) {
      Object.assign(found, dlopen(path, Object.fromEntries(declared)).symbols)
      declared.clear()
    }
    return found[name]!
  }
  return {
    func: (prototype) => {
      const { name, ...signature } = parsed(prototype)
      declared.set(name, { name, ...signature })
      const texts = signature.args.includes("cstring")
      const call: Call = (...args) => find(name)(...texts ? args.map((value) => typeof value === "string" ? Buffer.from(`${value}\0`) : value) : args)
      return Object.defineProperty(signature.returns === "cstring" ? (...args: ReadonlyArray<Argument>) => String(call(...args)) : call, "async", {
        get: () => loadKoffi().load(path).func(prototype).async
      }) as Call & { readonly async: unknown }
    }
  }
}

export default { load }
