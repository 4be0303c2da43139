/**
 * The benchmarks themselves: how subjects are measured and compared, that the published document and its charts are made of the published results and
 * of nothing else, and that the command measures.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { chart } from "../bench/chart.ts"
import { document } from "../bench/document.ts"
import { groups } from "../bench/groups.ts"
import { rowsOf } from "../bench/kernel.ts"
import { compare, type Sample, type Subject } from "../bench/measure.ts"
import { promises } from "../bench/promises.ts"
import * as Results from "../bench/results.ts"
import { times } from "../bench/table.ts"
import { scratch } from "./support/sandbox.ts"

const root = resolve(import.meta.dirname, "..")
const published = Results.decode(readFileSync(join(root, "docs/benchmarks/results.json"), "utf8"))
const figure = { name: "it", unit: "ms", better: "lower" } as const
const quiet = { progress: () => {}, seconds: 60, warm: false }

/** A subject whose measurements are these, in turn; what is called is written down. */
const scripted = (name: string, samples: ReadonlyArray<Sample | Error>, calls: Array<string> = []): Subject => {
  let next = 0
  return {
    name,
    measure: () => {
      calls.push(name)
      const sample = samples[next++ % samples.length]!
      if (sample instanceof Error) throw sample
      return sample
    }
  }
}
const value = (...values: ReadonlyArray<number>): Sample => ({ values, work: "the same" })

describe("comparing", () => {
  it("takes turns, and gives medians, spreads and ratios to the first", async () => {
    const calls: Array<string> = []
    const [row] = await compare([figure], [scripted("a", [value(1), value(3), value(2)], calls), scripted("b", [value(4), value(4), value(7)], calls)], { ...quiet, rounds: 3 })
    expect(calls).toEqual(["a", "b", "a", "b", "a", "b"])
    expect(row).toMatchObject({ name: "it", work: "the same", left: [] })
    expect(row!.results.map(({ median, name, p10, p90, ratio }) => [name, median, p10, p90, ratio])).toEqual([["a", 2, 1.2, 2.8, 1], ["b", 4, 4, 6.4, 2]])
  })

  it("does not count the round that warms up", async () => {
    const [row] = await compare([figure], [scripted("a", [value(100), value(1), value(1)])], { ...quiet, warm: true, rounds: 2 })
    expect(row!.results[0]!.samples).toEqual([1, 1])
  })

  it("leaves out who did other work, in the figure it concerns only", async () => {
    const other: Sample = { values: [5, 5], work: ["10 files", "the same"] }
    const rows = await compare([figure, { ...figure, name: "that" }], [scripted("a", [{ values: [1, 1], work: ["11 files", "the same"] }]), scripted("b", [other])], { ...quiet, rounds: 2 })
    expect(rows[0]!.results.map(({ name }) => name)).toEqual(["a"])
    expect(rows[0]!.left).toEqual([{ name: "b", why: "it did other work: 10 files; a did 11 files" }])
    expect(rows[1]!.results.map(({ name }) => name)).toEqual(["a", "b"])
  })

  it("leaves out who fails twice, bears one failure, and cannot do without the first", async () => {
    const broken = new Error("no")
    const [row] = await compare([figure], [scripted("a", [value(1)]), scripted("b", [broken]), scripted("c", [broken, value(2)])], { ...quiet, rounds: 1 })
    expect(row!.left).toEqual([{ name: "b", why: "no" }])
    expect(row!.results.map(({ name }) => name)).toEqual(["a", "c"])
    await expect(compare([figure], [scripted("a", [broken]), scripted("b", [value(1)])], { ...quiet, rounds: 1 })).rejects.toThrow("no")
  })

  it("does not believe a value that cannot be", async () => {
    const [row] = await compare([figure], [scripted("a", [value(1)]), scripted("b", [value(0)]), scripted("c", [value(NaN)]), scripted("d", [value(1, 2)])], { ...quiet, rounds: 1 })
    expect(row!.left.map(({ name }) => name)).toEqual(["b", "c", "d"])
  })

  it("measures who is slow once, and the others as often as was wished", async () => {
    const calls: Array<string> = []
    const slow: Subject = { name: "slow", measure: () => new Promise((resolve) => setTimeout(() => resolve(value(300)), 300)) }
    const [row] = await compare([figure], [scripted("a", [value(1)], calls), slow], { ...quiet, warm: true, seconds: 0.4, rounds: 5 })
    expect(row!.results.map(({ name, samples }) => [name, samples.length])).toEqual([["a", 5], ["slow", 1]])
  })
})

describe("what is told", () => {
  it("ratios", () => {
    expect([1, 0.984, 1.2, 0.46, 0.013, 2, 12.4].map(times)).toEqual(["100.0 %", "98.4 %", "120 %", "46 %", "1.3 %", "× 2.0", "× 12"])
  })

  it("results survive being written", () => {
    expect(Results.decode(Results.encode(published))).toEqual(published)
  })

  it("a set takes the place of the one before", () => {
    const [first] = published.sets
    const again = { ...first!, seconds: 1 }
    expect(Results.withSet(published, again).sets).toEqual([again, ...published.sets.slice(1)])
  })

  it("costs of the kernel module, from what its harness prints", () => {
    const rows = rowsOf("· costs: what calls cost\n  6.1.0-56-amd64, instructions: call-unloaded 339, open-unloaded 11041, call 340, call-allowed 678\n  costs: 16 passed\n")
    expect(rows.map(({ name }) => name)).toEqual(["getppid, Linux 6.1.0-56-amd64", "open, close, Linux 6.1.0-56-amd64"])
    expect(rows[0]!.results.map(({ median, name, ratio }) => [name, median, ratio])).toEqual([["no module", 339, 1], ["module loaded, in no sandbox", 340, 1.003], ["kmod, allowed", 678, 2]])
    expect(rows[0]!.left.map(({ name }) => name)).toContain("ptrace")
  })

  it("a promise is kept at its limit and missed beyond it", () => {
    const promise = promises.find(({ what }) => what.startsWith("a developer's work"))!
    const results = (ratio: number): Results.Results => ({
      ...published,
      sets: [{ id: "work", group: "work", title: "", measured: "2026-11-01", seconds: 1, load: 0, rows: [{ ...figure, name: "all of it", work: "", left: [], results: [{ name: "rvisor", median: 1, p10: 1, p90: 1, ratio, samples: [1] }] }] }]
    })
    expect(promise.judge(results(1.1))?.kept).toBe(true)
    expect(promise.judge(results(1.11))?.kept).toBe(false)
    expect(promise.judge({ ...published, sets: [] })).toBeUndefined()
    expect(document(results(1.2))["docs/benchmarks.md"]).toContain("| × 1.200 | **missed** |")
  })
})

/** Whether tags are closed in their order, attributes quoted, and no `&` or `<` stands by itself. */
const wellFormed = (text: string): boolean => {
  const open: Array<string> = []
  let at = 0
  for (const match of text.matchAll(/<(\/?)([a-z]+)((?: [a-zA-Z-]+="[^"<]*")*)(\/?)>/g)) {
    if (/[<>]|&(?!(amp|lt|gt|quot);)/.test(text.slice(at, match.index))) return false
    at = match.index + match[0].length
    if (match[1] === "/") {
      if (open.pop() !== match[2]) return false
    } else if (match[4] !== "/") open.push(match[2]!)
  }
  return open.length === 0 && text.slice(at).trim() === ""
}

describe("the published document", () => {
  const files = document(published)

  it.each(Object.keys(files))("%s is made of the published results: `npm run bench -- --render`", (path) => {
    expect(readFileSync(join(root, path), "utf8") === files[path]).toBe(true)
  })

  it("has no chart beside those", () => {
    expect(readdirSync(join(root, "docs/benchmarks")).sort()).toEqual([...Object.keys(files).filter((path) => path.endsWith(".svg")).map((path) => path.replace("docs/benchmarks/", "")), "results.json"].sort())
  })

  it("has sets that there are", () => {
    for (const { group, id } of published.sets) expect(groups[group]?.sets).toContain(id)
  })

  it("has tables whose lines are equally long", () => {
    const lines = files["docs/benchmarks.md"]!.split("\n")
    const cells = (line: string) => line.replaceAll("\\|", "").split("|").length
    lines.forEach((line, index) => {
      if (line.startsWith("|") && lines[index - 1]?.startsWith("|")) expect(cells(line), line).toBe(cells(lines[index - 1]!))
    })
  })

  it("has charts that are well-formed, with a bar for each value", () => {
    for (const [path, text] of Object.entries(files)) if (path.endsWith(".svg")) expect(wellFormed(text), path).toBe(true)
    expect(wellFormed("<svg><text>a</svg>")).toBe(false)
    const row: Results.Row = { name: "a < b & c", unit: "µs", better: "lower", work: "", left: [], results: [1, 10, 100].map((median) => ({ name: `x${median}`, median, p10: median, p90: median, ratio: median, samples: [median, median] })) }
    const text = chart("it", [row], true)
    expect(wellFormed(text)).toBe(true)
    expect([...text.matchAll(/<rect [^>]*width="([\d.]+)"[^>]*fill="#(?!ffffff)/g)].map((match) => Number(match[1]))).toHaveLength(3)
  })
})

describe("what was started ends with who started it", () => {
  const alive = (pid: number) => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  /** A program that starts a server with a child of its own, says their numbers, and waits. */
  const starter = (wrapped: boolean) => `
    import { spawn } from "node:child_process"
    import { guarded } from ${JSON.stringify(join(root, "bench/guard.ts"))}
    const child = spawn("sh", ["-c", "sleep 60 & echo $$ $!; wait"], { stdio: ["ignore", "pipe", "ignore"], detached: true })
    ${wrapped ? "guarded(child)" : "void guarded"}
    child.stdout.once("data", (data) => process.stdout.write(data))`
  const struck = async (wrapped: boolean, signal: NodeJS.Signals): Promise<ReadonlyArray<number>> => {
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", starter(wrapped)], { stdio: ["ignore", "pipe", "inherit"] })
    const pids = await new Promise<ReadonlyArray<number>>((resolve) => child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim().split(" ").map(Number))))
    expect(pids.filter(alive)).toHaveLength(2)
    child.kill(signal)
    for (const end = performance.now() + (wrapped ? 10_000 : 1000); pids.some(alive) && performance.now() < end;) await new Promise((resolve) => setTimeout(resolve, 20))
    return pids.filter(alive)
  }
  it.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)("%s", async (signal) => expect(await struck(true, signal)).toEqual([]))
  it("and would not, without a guard", async () => {
    const left = await struck(false, "SIGKILL")
    for (const pid of left) process.kill(pid, "SIGKILL")
    expect(left).toHaveLength(2)
  })
})

describe("the command", () => {
  const bench = (...words: ReadonlyArray<string>) => spawnSync(process.execPath, [join(root, "bench/main.ts"), ...words], { cwd: root, encoding: "utf8", timeout: 100_000 })

  it("lists what there is, and refuses what there is not", () => {
    expect(bench("--list")).toMatchObject({ status: 0, stderr: expect.stringContaining("nginx, redis, postgresql, node") })
    expect(bench("nginks")).toMatchObject({ status: 2, stderr: expect.stringContaining("unknown: nginks") })
  })

  it("measures a set, and leaves out what is there when it is to go on", { timeout: 120_000 }, () => {
    const file = join(scratch(), "results.json")
    const first = bench("decisions", "--quick", `--to=${file}`)
    expect(first, first.stderr).toMatchObject({ status: 0 })
    const { machine, sets } = Results.decode(readFileSync(file, "utf8"))
    expect(machine.cpus).toBeGreaterThan(0)
    expect(sets.map(({ id }) => id)).toEqual(["decisions"])
    expect(sets[0]!.rows.map(({ name, results }) => `${name}: ${results.map(({ name }) => name).join(", ")}`)).toContain("stat, p50: native, rvisor, decided")
    const again = bench("decisions", "--quick", "--resume", `--to=${file}`)
    expect(again.stderr).not.toContain("points/decisions")
    expect(existsSync(file)).toBe(true)
  })
})
