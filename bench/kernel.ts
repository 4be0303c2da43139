/**
 * The kernel module, in virtual machines: instructions per call, counted by an emulated processor, so that they are the same in every run. The
 * harness of the module's tests counts them; here they become rows.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import type { Bench } from "./bench.ts"
import { root } from "./contestants.ts"
import type { Row } from "./results.ts"

/** What the harness calls a cost, to what it is called here; the first is what the others are compared with. */
const rows: Readonly<Record<string, ReadonlyArray<readonly [cost: string, name: string]>>> = {
  getppid: [
    ["call-unloaded", "no module"], ["call", "module loaded, in no sandbox"], ["call-filtered", "a seccomp filter that looks at an argument"], ["call-allowed", "kmod, allowed"], ["call-denied", "kmod, refused and reported"],
    ["call-asked", "kmod, answered by the owner"], ["call-notified", "seccomp's notification"], ["call-traced", "ptrace"], ["call-after", "module unloaded again"]
  ],
  "open, close": [["open-unloaded", "no module"], ["open", "module loaded, in no sandbox"], ["open-allowed", "kmod, allowed"], ["open-judged", "kmod, decided by a hundred path rules"]]
}

/** Reads the line that the lane `costs` prints for each kernel. */
export const rowsOf = (text: string): ReadonlyArray<Row> =>
  [...text.matchAll(/^ {2}(\S+), instructions: (.*)$/gm)].flatMap(([, release, list]) => {
    const found = new Map(list!.split(", ").map((each) => each.split(" ")).map(([name, value]) => [name!, Number(value)]))
    return Object.entries(rows).map(([name, costs]): Row => {
      const base = found.get(costs[0]![0])
      const present = costs.filter(([cost]) => found.has(cost))
      return {
        name: `${name}, Linux ${release}`,
        unit: "instructions",
        better: "lower",
        work: "",
        results: present.map(([cost, name]) => ({ name, median: found.get(cost)!, p10: found.get(cost)!, p90: found.get(cost)!, ratio: Number((found.get(cost)! / base!).toPrecision(4)), samples: [found.get(cost)!] })),
        left: costs.filter(([cost]) => !found.has(cost)).map(([, name]) => ({ name, why: "not counted" }))
      }
    })
  })

export const kernel = (bench: Bench): Promise<void> =>
  bench.set("kmod", "The kernel module, in virtual machines, instructions counted", () =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(root, "kmod/harness/main.ts"), "costs"], { stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 })
      let said = ""
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => said += text)
      child.on("error", reject)
      child.on("close", () => {
        const found = rowsOf(said)
        if (found.length === 0) reject(new Error(`the harness counted nothing: ${said.trim().split("\n").filter((line) => /✗|rvisor|cannot|not /.test(line)).slice(0, 2).join("; ") || said.trim().slice(-200)}`))
        else resolve(found)
      })
    }))
