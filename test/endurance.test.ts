/** Sandboxes by the hundred in one host program, in every shape and end, leave nothing in it and nothing on the host. `npm run test:endurance` does ten thousand. */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { compileSupport } from "./support/compile.ts"
import { counted, type Footprint, grown } from "./support/footprint.ts"
import { scratch } from "./support/sandbox.ts"

const directory = scratch()
let reaper: string
beforeAll(() => {
  reaper = compileSupport("reaper", directory)
})

it("three hundred and sixty start and end, and nothing is left", () => {
  const script = join(import.meta.dirname, "../scripts/endurance.ts")
  // Whatever loses its parent comes to the reaper, which says so.
  const { stderr, stdout } = spawnSync(reaper, ["5000", process.execPath, script, "360"], { encoding: "utf8" })
  expect(stdout, stderr).toContain("360 cycles: nothing is left")
  expect(stdout.trim().split("\n").at(-1)).toBe("clean")
}, 240_000)

describe("what has grown is told", () => {
  const small: Footprint = { descriptors: 9, sockets: 2, threads: 7, processes: 0, mounts: 30, controlGroups: 0, temporaryFiles: 0, sharedMemory: 1, heap: 9000, rss: 90_000 }
  const bounds = { heap: 100, rss: 1000 }
  it.each(counted)("%s, by one", (name) => expect(grown(small, { ...small, [name]: small[name] + 1 }, bounds)).toEqual([`${name}: ${small[name]}, then ${small[name] + 1}`]))
  it("memory, beyond its bounds", () => {
    expect(grown(small, { ...small, heap: 9100, rss: 91_000 }, bounds)).toEqual([])
    expect(grown(small, { ...small, heap: 9101, rss: 91_001 }, bounds)).toHaveLength(2)
  })
  it("not what has become less", () => expect(grown({ ...small, processes: 3 }, small, bounds)).toEqual([]))
})
