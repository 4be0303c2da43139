/**
 * What sandboxes could leave behind in the host program and on the host, counted: the same count before and after is what "nothing is left" means.
 * Processes, control groups and mounts are looked for everywhere on the host; the rest is this process's own.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

export interface Footprint {
  readonly descriptors: number
  /** Of the descriptors. */
  readonly sockets: number
  readonly threads: number
  /** Below this one, zombies included. */
  readonly processes: number
  readonly mounts: number
  readonly controlGroups: number
  /** In the directory of temporary files, at any depth. Give the process one of its own. */
  readonly temporaryFiles: number
  /** Segments of System V, files in /dev/shm, mappings of memory files. */
  readonly sharedMemory: number
  /** KiB, after a collection of garbage. */
  readonly heap: number
  readonly rss: number
}

/** What may not grow at all. The others are memory, whose size is the allocators' business too. */
export const counted = ["descriptors", "sockets", "threads", "processes", "mounts", "controlGroups", "temporaryFiles", "sharedMemory"] as const satisfies ReadonlyArray<keyof Footprint>

const list = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
const text = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
const lines = (path: string): ReadonlyArray<string> => text(path).split("\n").filter((line) => line !== "")

/** Every process below `pid`. */
export const descendants = (pid: number | "self" = "self"): ReadonlyArray<number> =>
  list(`/proc/${pid}/task`).flatMap((tid) => text(`/proc/${pid}/task/${tid}/children`).trim().split(" ").filter((each) => each !== "").map(Number)).flatMap((child) => [child, ...descendants(child)])

const controlGroups = (path: string): number =>
  existsSync(path) ? readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).reduce((sum, { name }) => sum + (name.startsWith("rvisor-") ? 1 : 0) + controlGroups(join(path, name)), 0) : 0

/** Entries beneath a directory; no link is followed. */
const files = (path: string): number => {
  try {
    return readdirSync(path, { withFileTypes: true }).reduce((sum, entry) => sum + 1 + (entry.isDirectory() ? files(join(path, entry.name)) : 0), 0)
  } catch {
    return 0 // gone meanwhile
  }
}

const isSocket = (fd: string): boolean => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:")
  } catch {
    return false
  }
}

let collect: (() => void) | undefined
const collectGarbage = (): void => {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc")
    collect = runInNewContext("gc") as () => void
  }
  for (let i = 0; i < 3; i++) collect()
}

/** KiB, after a collection of garbage. */
export const memory = (): Pick<Footprint, "heap" | "rss"> => {
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: Math.round(heapUsed / 1024), rss: Math.round(rss / 1024) }
}

export const footprint = (): Footprint => {
  const fds = list("/proc/self/fd")
  return {
    descriptors: fds.length,
    sockets: fds.filter(isSocket).length,
    threads: list("/proc/self/task").length,
    processes: descendants().length,
    mounts: lines("/proc/self/mountinfo").length,
    controlGroups: controlGroups("/sys/fs/cgroup"),
    temporaryFiles: files(tmpdir()),
    sharedMemory: lines("/proc/sysvipc/shm").length + list("/dev/shm").length + lines("/proc/self/maps").filter((line) => line.includes("memfd:") || line.includes("/dev/shm")).length,
    ...memory()
  }
}

/** What is more than it was, by name; of memory only what exceeds the bounds (KiB). */
export const grown = (before: Footprint, after: Footprint, bounds: { readonly heap: number; readonly rss: number }): ReadonlyArray<string> => [
  ...counted.filter((name) => after[name] > before[name]),
  ...(["heap", "rss"] as const).filter((name) => after[name] > before[name] + bounds[name])
].map((name) => `${name}: ${before[name]}, then ${after[name]}`)
