/**
 * Kernel modules that a virtual machine loads as it comes up, in an order in which each finds what it needs. What a module needs
 * is written in the module; a kernel that has something built in has no file for it.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"

const canonical = (name: string): string => name.replaceAll("-", "_")

/** Names of what a module depends on, out of its `.modinfo`. */
export const dependenciesOf = (module: Buffer): ReadonlyArray<string> =>
  (/\0depends=([^\0]*)\0/.exec(module.toString("latin1"))?.[1] ?? "").split(",").filter((name) => name !== "").map(canonical)

const read = (file: string): Buffer => file.endsWith(".xz") ? execFileSync("xz", ["--decompress", "--stdout", file], { maxBuffer: 1 << 28 }) : readFileSync(file)

export interface Module {
  readonly name: string
  readonly data: Buffer
}

/** The modules `names` of the tree `modules` (`…/lib/modules/RELEASE`) with all that they need. Names without a file are built in. */
export const loadOrder = (modules: string, names: ReadonlyArray<string>): ReadonlyArray<Module> => {
  if (names.length === 0 || !existsSync(modules)) return []
  const files = new Map(
    readdirSync(modules, { recursive: true, encoding: "utf8" }).flatMap((path) => {
      const name = /([^/]+)\.ko(\.xz)?$/.exec(path)?.[1]
      return name === undefined ? [] : [[canonical(name), join(modules, path)] as const]
    })
  )
  const order = new Map<string, Module>()
  const add = (name: string): void => {
    const file = files.get(name)
    if (file === undefined || order.has(name)) return
    const data = read(file)
    for (const needed of dependenciesOf(data)) add(needed)
    order.set(name, { name, data })
  }
  for (const name of names) add(canonical(name))
  return [...order.values()]
}
