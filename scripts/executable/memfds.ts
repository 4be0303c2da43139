/**
 * The executable's files in memory, as its other threads find them: they are descriptors of the process. Loading a native part a
 * second time from another copy would be another part.
 */
import { readdirSync, readlinkSync } from "node:fs"

/** The path of the memfd that `memfdPath` made under this name. */
export const memfdOf = (name: string): string => {
  const link = `/memfd:${name} (deleted)`
  const found = readdirSync("/proc/self/fd").find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === link
    } catch {
      return false // closed meanwhile, like the directory that is being read
    }
  })
  if (found === undefined) throw new Error(`${name} is not loaded yet: start a sandbox on the main thread first`)
  return `/proc/self/fd/${found}`
}
