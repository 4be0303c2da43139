/**
 * A developer's work, as one script in one sandbox: many short processes, small files, git, a deep search, a compiler, npm, Python. Each task is
 * timed by the script itself, so that what a sandbox takes to start is not in it; each says what it came to (files, checksums), which must be what
 * it comes to outside.
 *
 * Nothing is fetched: the repository, the project and the packages are made first, outside.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Bench, eachContestant, within } from "./bench.ts"
import { candidates, type Contestant, environment, located, succeeded } from "./contestants.ts"
import { decide } from "./decisions.ts"
import type { Figure, Sample } from "./measure.ts"

/** Text that is the same in every run, and of no particular kind. */
const words = (seed: number, count: number): string => Array.from({ length: count }, (_, i) => ((seed * 2654435761 + i * 40503) >>> 0).toString(36)).join(" ")

const repository = (directory: string): void => {
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=bench", "-c", "user.email=bench@localhost", ...args], { cwd: directory, env: { ...environment, HOME: directory, GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z", GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z" }, stdio: ["ignore", "ignore", "inherit"] })
  mkdirSync(directory)
  git("init", "-q", "-b", "main")
  for (let commit = 0; commit < 4; commit++) {
    for (let i = commit; i < 1200; i += commit === 0 ? 1 : 4) {
      const place = join(directory, `d${i % 40}`, `e${i % 7}`)
      if (commit === 0) mkdirSync(place, { recursive: true })
      writeFileSync(join(place, `f${i}.txt`), `${words(i + commit, 60)}\n`)
    }
    git("add", ".")
    git("commit", "-q", "-m", `commit ${commit}`)
  }
}

const FILES = 24
const project = (directory: string): void => {
  mkdirSync(directory)
  for (let i = 0; i < FILES; i++) {
    const functions = Array.from({ length: 12 }, (_, j) => `static long g${j}(long x) { for (long k = 0; k < ${j + 3}; k++) x = x * ${2 * i + 3} + (k ^ ${j}); return x; }`)
    writeFileSync(join(directory, `f${i}.c`), `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n${functions.join("\n")}\nlong f${i}(long x) { return ${Array.from({ length: 12 }, (_, j) => `g${j}(`).join("")}x${")".repeat(12)}; }\n`)
  }
  const calls = Array.from({ length: FILES }, (_, i) => `f${i}`)
  writeFileSync(join(directory, "main.c"), `#include <stdio.h>\n${calls.map((f) => `long ${f}(long);`).join("\n")}\nint main(void) { long x = 1; ${calls.map((f) => `x = ${f}(x);`).join(" ")} printf("%ld\\n", x); return 0; }\n`)
  const objects = [...calls, "main"].map((name) => `${name}.o`).join(" ")
  writeFileSync(join(directory, "Makefile"), `CFLAGS = -O1\nprogram: ${objects}\n\tgcc -o $@ ${objects}\n`)
}

/** Forty branches, each ten directories deep, with fifty files in each of them. */
const deep = (directory: string): void => {
  for (let branch = 0; branch < 40; branch++) {
    let place = join(directory, `b${branch}`)
    for (let depth = 0; depth < 10; depth++) {
      place = join(place, `d${depth}`)
      mkdirSync(place, { recursive: true })
      for (let i = 0; i < 50; i++) writeFileSync(join(place, `f${i}`), "x")
    }
  }
}

const PACKAGES = 40
/** A project of npm's whose packages lie beside it, and a cache that holds them. */
const packages = (directory: string, npm: ReadonlyArray<string>): void => {
  const place = join(directory, "app"), packed = join(directory, "packed")
  for (const each of [place, packed]) mkdirSync(each, { recursive: true })
  for (let i = 0; i < PACKAGES; i++) {
    const source = join(directory, "package")
    mkdirSync(join(source, "lib"), { recursive: true })
    writeFileSync(join(source, "package.json"), JSON.stringify({ name: `p${i}`, version: "1.0.0", main: "lib/f0.js" }))
    for (let j = 0; j < 20; j++) writeFileSync(join(source, "lib", `f${j}.js`), `module.exports = "${words(i * 20 + j, 40)}"\n`)
    execFileSync("tar", ["--sort=name", "--mtime=2026-01-01", "--owner=0", "--group=0", "-czf", join(packed, `p${i}-1.0.0.tgz`), "-C", directory, "package"])
    rmSync(source, { recursive: true })
  }
  writeFileSync(join(place, "package.json"), JSON.stringify({ name: "app", version: "1.0.0", private: true, dependencies: Object.fromEntries(Array.from({ length: PACKAGES }, (_, i) => [`p${i}`, `file:../packed/p${i}-1.0.0.tgz`])) }))
  const [program, ...first] = npm
  execFileSync(program!, [...first, "install", "--package-lock-only", "--cache", join(directory, "cache"), "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"], { cwd: place, env: { ...environment, HOME: directory }, stdio: ["ignore", "ignore", "inherit"] })
}

/** Modules of Python's own library that need nothing else; those that this host's Python has. */
const modules = ["argparse", "asyncio", "concurrent.futures", "csv", "decimal", "difflib", "email.message", "fractions", "http.client", "inspect", "json", "logging.config", "multiprocessing", "pathlib", "sqlite3", "statistics", "tarfile", "tempfile", "typing", "unittest.mock", "urllib.request", "xml.dom.minidom", "zipfile"]

interface Task {
  readonly id: string
  readonly title: string
  /** Commands of sh; what they print must be the same everywhere. */
  readonly script: string
  /** What it takes; a task for which this host lacks something is left out for everybody. */
  readonly needs: ReadonlyArray<string>
}

const tasks = (npm: ReadonlyArray<string> | undefined): ReadonlyArray<Task> => [
  { id: "processes", title: "120 short processes", needs: [], script: "i=0; while [ $i -lt 120 ]; do /usr/bin/env true || exit 1; i=$((i + 1)); done; echo $i" },
  {
    id: "files",
    title: "1,000 small files: write, read, rename, remove",
    needs: [],
    script: "mkdir small && cd small && i=0; while [ $i -lt 1000 ]; do echo file $i > f$i; i=$((i + 1)); done; cat f* | cksum; for f in f??; do mv $f g$f; done; ls | wc -l; cd ..; rm -r small"
  },
  {
    id: "git",
    title: "git clone, status, log; 1,200 files",
    needs: ["git"],
    script: "git clone -q repository clone && cd clone && echo change >> d1/e1/f1.txt && git status --short && git log --stat | cksum && git rev-parse HEAD; cd ..; rm -rf clone"
  },
  { id: "find", title: "a deep find with a stat of each file, 20,000 files", needs: [], script: "find deep -type f -size +0 | wc -l; find deep -name 'f7*' | sort | cksum" },
  { id: "compile", title: `compile ${FILES + 1} C files (make -j2)`, needs: ["gcc", "make"], script: "make -s -j2 -C project && project/program; make -s -C project -B -n | wc -l; rm -f project/*.o project/program" },
  ...(npm === undefined
    ? []
    : [{ id: "npm", title: `npm ci, ${PACKAGES} packages, no network`, needs: ["npm"], script: `cd npm/app && ${npm.join(" ")} ci --offline --cache ../cache --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null && find node_modules -name '*.js' | sort | xargs cat | cksum; rm -rf node_modules; cd ../..` }]),
  { id: "python", title: `Python, 6 times, imports ${modules.length} modules`, needs: ["python3"], script: "i=0; while [ $i -lt 6 ]; do /usr/bin/python3 -I imports.py || exit 1; i=$((i + 1)); done" }
]

/** `GIT_CONFIG_…`: the repository's owner is another user than some contestants' guests are. */
const script = (chosen: ReadonlyArray<Task>): string =>
  `export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' GIT_CONFIG_NOSYSTEM=1 LC_ALL=C PYTHONDONTWRITEBYTECODE=1
${chosen.map(({ id, script }) => `begin=$(date +%s%N); said=$( { ${script}; } 2>&1 | tr '\\n' ' '); end=$(date +%s%N); echo "${id} $((end - begin)) $said"`).join("\n")}\n`

const parse = (chosen: ReadonlyArray<Task>, stdout: string): Sample => {
  const lines = new Map(stdout.trim().split("\n").map((line) => line.split(" ")).map(([id, ns, ...said]) => [id!, { ms: Number(ns) / 1e6, said: said.join(" ").trim() }]))
  const done = chosen.map(({ id }) => lines.get(id) ?? { ms: NaN, said: "nothing" })
  return { values: [...done.map(({ ms }) => ms), done.reduce((sum, { ms }) => sum + ms, 0)], work: [...done.map(({ said }) => said), done.map(({ said }) => said).join("; ")] }
}

/** rvisor where the policy decides each call that names a file. */
const decided = (directory: string): Contestant => {
  const plain = candidates[0]!
  return {
    ...plain,
    name: "rvisor, decide: calls",
    prepare: (job) => {
      const prepared = plain.prepare(job), [program, run, ...rest] = prepared.argv
      return { ...prepared, argv: [program!, run!, ...decide(directory), ...rest] }
    }
  }
}

export const work = (bench: Bench): Promise<void> =>
  bench.set("work", "A developer's work", (compare) =>
    within(async (directory) => {
      const npmLink = located("npm"), nodeLink = located("node")
      const npm = npmLink === undefined || nodeLink === undefined ? undefined : [nodeLink, npmLink]
      const chosen = tasks(npm).filter(({ needs }) => needs.every((program) => located(program) !== undefined))
      repository(join(directory, "repository"))
      project(join(directory, "project"))
      deep(join(directory, "deep"))
      if (npm !== undefined) packages(join(directory, "npm"), npm)
      const importable = modules.filter((name) => {
        try {
          execFileSync("/usr/bin/python3", ["-I", "-c", `import ${name}`], { stdio: "ignore" })
          return true
        } catch {
          return false
        }
      })
      writeFileSync(join(directory, "imports.py"), `import sys\nbefore = set(sys.modules)\nimport ${importable.join(", ")}\nprint(sum(map(len, (${importable.map((name) => JSON.stringify(name)).join(", ")}))) if before != set(sys.modules) else 0)\n`)
      writeFileSync(join(directory, "work.sh"), script(chosen))
      const reads = npm === undefined ? [] : [npm[0]!, dirname(dirname(realpathSync(npm[1]!)))].filter((path) => !path.startsWith("/usr/"))
      const before = readdirSync(directory).sort().join(" ")
      const figures: ReadonlyArray<Figure> = [...chosen.map(({ title }) => title), "all of it"].map((name) => ({ name, unit: "ms", better: "lower" }))
      return eachContestant(() => ({ argv: ["sh", "work.sh"], directory, reads }), async (prepared) => {
        const { stdout } = await succeeded(prepared, directory, 300)
        const after = readdirSync(directory).sort().join(" ")
        if (before !== after) throw new Error(`it left other files behind: ${after}`)
        return parse(chosen, stdout)
      }, (subjects) => compare(figures, subjects, { rounds: 5, seconds: 220, warm: false }), { extra: [decided(directory)] })
    }))
