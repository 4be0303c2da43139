/** What the numbers were measured on: the machine, and the versions of the programs that are not contestants. */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { cpus, release, totalmem } from "node:os"
import { environment, located } from "./contestants.ts"
import type { Machine, Version } from "./results.ts"

export const machine = (): Machine => ({
  kernel: release(),
  processor: cpus()[0]!.model,
  cpus: cpus().length,
  memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  system: existsSync("/etc/os-release") ? /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "" : "",
  user: process.getuid!() === 0 ? "root" : "not root"
})

/** What is measured, and who measures. */
const measured: ReadonlyArray<readonly [name: string, program: string, flag: string]> = [
  ["nginx", "nginx", "-v"], ["ab", "ab", "-V"], ["Redis", "redis-server", "--version"], ["pgbench", "pgbench", "--version"], ["git", "git", "--version"],
  ["gcc", "gcc", "-dumpfullversion"], ["npm", "npm", "--version"], ["Python", "/usr/bin/python3", "--version"]
]

export const programs = (): ReadonlyArray<Version> => [
  { name: "Node", version: process.versions.node, how: "" },
  ...measured.flatMap(([name, program, flag]) => {
    const path = program.startsWith("/") ? program : located(program)
    if (path === undefined || !existsSync(path)) return []
    const { stderr, stdout } = spawnSync(path, [flag], { encoding: "utf8", env: environment })
    return [{ name, version: /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? "?", how: "" }]
  })
]
