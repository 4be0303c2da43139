/**
 * The translated view beside PRoot, which shows a tree in the same way, by ptrace(2) alone: where paths dominate, and where they do not. Both show
 * the host's own system at its own paths. Programs are timed inside: what it takes to start is a row of its own. nginx is measured among the servers.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Bench, within } from "./bench.ts"
import { environment, field, type Job, succeeded } from "./contestants.ts"
import type { Figure, Sample } from "./measure.ts"

const contenders = ["native", "rvisor, translated view", "PRoot"]

const lay = (directory: string): void => {
  for (let i = 0; i < 60; i++) {
    mkdirSync(join(directory, "repository", `d${i}`), { recursive: true })
    for (let j = 0; j < 50; j++) writeFileSync(join(directory, "repository", `d${i}`, `f${j}`), `${i} ${j}\n`)
  }
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=bench", "-c", "user.email=bench@localhost", ...args], { cwd: join(directory, "repository"), env: { ...environment, HOME: directory }, stdio: "ignore" })
  git("init")
  git("add", ".")
  git("commit", "--message", "one")
  mkdirSync(join(directory, "project"))
  const parts = Array.from({ length: 12 }, (_, i) => `part${i}`)
  for (const [i, part] of parts.entries()) {
    writeFileSync(join(directory, "project", `${part}.c`), `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <sys/stat.h>\nint ${part}(int n) { char b[64]; snprintf(b, sizeof b, "%d", n + ${i}); return (int)strlen(b); }\n`)
  }
  writeFileSync(join(directory, "project/main.c"), `#include <stdio.h>\n${parts.map((part) => `int ${part}(int);\n`).join("")}int main(void) { printf("%d\\n", ${parts.map((part) => `${part}(1)`).join(" + ")}); return 0; }\n`)
  execFileSync("gcc", ["-O2", "-pthread", "-o", join(directory, "decided"), join(import.meta.dirname, "decided.c")])
}

const programs: ReadonlyArray<readonly [name: string, script: string]> = [
  ["find /usr", "find /usr -name '*.h' -newer /usr/bin/env 2> /dev/null | sort | cksum"],
  ["git status, 3,000 files", "git -C repository -c 'safe.directory=*' status --short | wc -l; git -C repository -c 'safe.directory=*' rev-parse HEAD"],
  ["compile 13 C files", "cd project && gcc -O1 -o main *.c && ./main && rm main"]
]
const calls: ReadonlyArray<readonly [name: string, call: string]> = [["open and close, p50", "open"], ["stat, p50", "stat"], ["getppid, which has no path, p50", "getppid"]]

export const translated = (bench: Bench): Promise<void> =>
  bench.set("paths", "The translated view beside PRoot", (compare) =>
    within(async (directory) => {
      lay(directory)
      const taking = (await field()).present.filter(({ name }) => contenders.includes(name))
      const subjects = (argv: Job["argv"], sample: (stdout: string) => Sample) =>
        taking.map((contestant) => {
          const prepared = contestant.prepare({ argv, directory })
          return {
            name: contestant.name,
            measure: async () => {
              return sample((await succeeded(prepared, directory, 200)).stdout)
            }
          }
        })
      const figure = (name: string, unit: string): ReadonlyArray<Figure> => [{ name, unit, better: "lower" }]
      const rows = []
      for (const [name, script] of programs) {
        rows.push(...await compare(figure(name, "ms"), subjects(["sh", "-c", `begin=$(date +%s%N); (${script}); echo $(($(date +%s%N) - begin))`], (stdout) => {
          const [took = "", ...said] = stdout.trim().split("\n").reverse()
          return { values: [Number(took) / 1e6], work: said.reverse().join(" ") }
        }), { rounds: 5, seconds: 30, warm: false }))
      }
      for (const [name, call] of calls) {
        rows.push(...await compare(figure(name, "µs"), subjects([join(directory, "decided"), call, "5000", "1"], (stdout) => ({ values: [Number(stdout.split(" ")[0]) / 1000], work: "" })), { rounds: 5, seconds: 8 }))
      }
      return rows
    }))
