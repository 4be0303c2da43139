/**
 * Error numbers of Linux by name and back (errno(3)).
 */
import { type ErrnoName, errnos } from "./internal/syscall/generated/errno.ts"

export type { ErrnoName }

let numbers: ReadonlyMap<string, number> | undefined
let names: ReadonlyMap<number, ErrnoName> | undefined

const load = (): ReadonlyMap<string, number> =>
  (numbers ??= new Map(errnos.split(" ").map((entry) => {
    const [name, value] = entry.split("=")
    return [name!, Number(value)]
  })))

/** `Errno.number("ENOENT")` is 2. */
export const number = (name: ErrnoName): number => load().get(name)!

/** `Errno.name(2)` is `ENOENT`; `undefined` for numbers that have no name. Of two names for one number, the usual one. */
export const name = (value: number): ErrnoName | undefined => {
  names ??= new Map([...load()].reverse().map(([n, v]) => [v, n as ErrnoName]))
  return names.get(value)
}

export const isName = (text: string): text is ErrnoName => load().has(text)

/** Every name, by number. */
export const all = (): ReadonlyArray<readonly [ErrnoName, number]> => [...load()] as Array<[ErrnoName, number]>
