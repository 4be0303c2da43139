/**
 * Tells a compiled executable where in its own file its native parts lie, so that it can have the kernel copy them (`executable/memfd.ts`). What is
 * embedded says so in a file of a fixed size, which is filled in when the executable has been made: the parts must be in it, each once, as they are.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { fail } from "./host.mjs"

const SIZE = 512

/** What is embedded before the places are known. */
export const unknownPlaces = `rvisor: places of native parts ${"-".repeat(SIZE)}`.slice(0, SIZE)

/** Fills the places in. `parts`: the name under which each is asked for, and its file. */
export const tellPlaces = (executable: string, parts: Readonly<Record<string, string>>): void => {
  const bytes = readFileSync(executable)
  const once = (what: string, wanted: Buffer): number => {
    const at = bytes.indexOf(wanted)
    if (at < 0 || bytes.indexOf(wanted, at + 1) >= 0) fail(`cannot find ${what} in ${basename(executable)}, or finds it twice: this Bun embeds files in another way; see scripts/places.ts`)
    return at
  }
  const places = Object.fromEntries(Object.entries(parts).map(([name, file]) => {
    const part = readFileSync(file)
    return [name, [once(basename(file), part), part.length]]
  }))
  const text = JSON.stringify(places).padEnd(SIZE)
  if (text.length !== SIZE) fail(`the places of the native parts take more than ${SIZE} bytes`)
  bytes.write(text, once("the places of native parts", Buffer.from(unknownPlaces)), "latin1")
  writeFileSync(executable, bytes)
}
