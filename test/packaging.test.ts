/**
 * What is shipped, used as a stranger would: the npm package installed from its tarball into an empty project, without a
 * compiler on the PATH, under Node and under Bun; and the self-contained executable, alone in a hostile directory.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { sealedVariables } from "../scripts/seal.ts"
import { pinned } from "../scripts/setup.mjs"
import { needs, scratch } from "./support/sandbox.ts"

const root = resolve(import.meta.dirname, "..")
const directory = scratch()
const minutes = 60_000

/** A PATH without a compiler, cmake or make: what a stranger's slim image has. */
const tools = join(directory, "bin")
mkdirSync(tools)
for (const [name, target] of [["node", pinned.node], ["bun", pinned.bun], ...["npm", "npx", "sh", "tar", "gzip"].map((name) => [name, which(name)] as const)] as const) {
  symlinkSync(target, join(tools, name))
}
function which(name: string): string {
  return realpathSync(execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim())
}

/** The environment of this run without what npm and vitest put into it. */
const environment = (changes: Record<string, string | undefined> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_(OPTIONS|ENV|PATH)$|VITEST|INIT_CWD$)/.test(name))),
  PATH: tools,
  ...changes
})

const run = (program: string, args: ReadonlyArray<string>, cwd: string, changes?: Record<string, string | undefined>) => {
  const result = spawnSync(program, args, { cwd, env: environment(changes), encoding: "utf8", timeout: 5 * minutes, stdio: ["ignore", "pipe", "pipe"] })
  return { code: result.status, stdout: result.stdout, stderr: result.stderr }
}

const effect = `
import { Effect, Stream } from "effect"
import { Command, Outcome, Policy, Sandbox } from "rvisor"

const policy = Policy.make({ limits: { wallTime: "20 seconds" } })
const program = Effect.gen(function*() {
  const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", "echo $((40 + 2)); test ! -e /root; exit 3"), policy)
  const text = yield* sandbox.stdout.pipe(Stream.decodeText(), Stream.mkString)
  const outcome: Outcome.Outcome = yield* sandbox.exit
  return { text, code: Outcome.exitCode(outcome) }
})
console.log(JSON.stringify(await Effect.runPromise(Effect.scoped(program))))
`

const promise = `
import { spawn } from "rvisor/promise"

await using sandbox = await spawn("sh", ["-c", "echo $((40 + 2))"])
const result = await sandbox.result
console.log(JSON.stringify({ stdout: result.stdout, exitCode: result.exitCode }))
`

const checkProject = (project: string, runtime: "node" | "bun") => {
  it("runs the Effect API", { timeout: minutes }, () => {
    expect(run(runtime, ["effect.ts"], project)).toEqual({ code: 0, stdout: "{\"text\":\"42\\n\",\"code\":3}\n", stderr: "" })
  })

  it("runs the promise API", { timeout: minutes }, () => {
    expect(run(runtime, ["promise.ts"], project)).toEqual({ code: 0, stdout: "{\"stdout\":\"42\",\"exitCode\":0}\n", stderr: "" })
  })
}

describe("the npm package", () => {
  const packed = join(directory, "packed")
  let tarball = ""

  const fill = (name: string): string => {
    const project = join(directory, name)
    mkdirSync(project)
    writeFileSync(join(project, "package.json"), JSON.stringify({ name, private: true, type: "module" }))
    writeFileSync(join(project, "effect.ts"), effect)
    writeFileSync(join(project, "promise.ts"), promise)
    return project
  }

  beforeAll(() => {
    mkdirSync(packed)
    // With a compiler: packing builds what is not up to date.
    const result = run("npm", ["pack", "--pack-destination", packed], root, { PATH: `${tools}:${process.env["PATH"]}` })
    expect(result, result.stderr).toMatchObject({ code: 0 })
    tarball = join(packed, readdirSync(packed).find((name) => name.endsWith(".tgz"))!)
  }, 10 * minutes)

  it("holds the library, the command line and the native parts, and nothing else", () => {
    const names = execFileSync("tar", ["tzf", tarball], { encoding: "utf8" }).trim().split("\n").map((name) => name.replace(/^package\//, ""))
    expect(names).toEqual(expect.arrayContaining([
      "package.json", "README.md", "LICENSE", "NOTICE", "dist/sdk/index.js", "dist/sdk/index.d.ts", "dist/sdk/promise.js", "dist/cli/main.js",
      "dist/native/rvisor-sentry", "dist/native/librvisor.so", "dist/native/filters.json", "dist/policy.schema.json", "dist/kmod/dkms.conf", "dist/kmod/native/core/rv_core.h"
    ]))
    expect(names.filter((name) => !/^(package\.json|README\.md|LICENSE|NOTICE|docs\/(.*\.md|benchmarks\/[a-z]+\.(svg|json))|dist\/(sdk|cli)\/.*\.(js|d\.ts)|dist\/native\/(rvisor-sentry|librvisor\.so|filters\.json)|dist\/policy\.schema\.json|dist\/kmod\/(dkms\.conf|kmod\/(Kbuild|[a-z_]+\.[ch])|native\/core\/[a-z_]+\.[ch]))$/.test(name))).toEqual([])
    expect(names.filter((name) => /\.test\./.test(name))).toEqual([])
  })

  describe("installed by npm, under Node", () => {
    const project = fill("with-npm")

    beforeAll(() => {
      const result = run("npm", ["install", "--no-audit", "--no-fund", tarball], project)
      expect(result, result.stderr).toMatchObject({ code: 0 })
    }, 5 * minutes)

    checkProject(project, "node")

    it("runs under Bun as well", { timeout: minutes }, () => {
      expect(run("bun", ["effect.ts"], project)).toMatchObject({ code: 0, stdout: "{\"text\":\"42\\n\",\"code\":3}\n" })
    })

    it("brings the command", { timeout: minutes }, () => {
      expect(run("npx", ["rvisor", "run", "--", "true"], project)).toEqual({ code: 0, stdout: "", stderr: "" })
      expect(run("npx", ["rvisor", "run", "--", "sh", "-c", "echo hello; exit 7"], project)).toEqual({ code: 7, stdout: "hello\n", stderr: "" })
      expect(run("npx", ["rvisor", "--version"], project).stdout).toContain(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version)
    })

    it("has types that a strict project compiles with", { timeout: minutes }, () => {
      const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, module: "nodenext", target: "es2024", lib: ["es2024", "esnext.disposable", "dom"], noEmit: true, types: ["node"], typeRoots: [join(root, "node_modules/@types")] }
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["effect.ts", "promise.ts"] }))
      expect(run("node", [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], project)).toEqual({ code: 0, stdout: "", stderr: "" })
    })

    describe("beside a plugin that is a package of its own", () => {
      const installed = join(project, "node_modules/rvisor-plugin-cpus/dist/index.js")

      beforeAll(() => {
        const source = join(directory, "plugin")
        cpSync(join(root, "examples/plugin-package"), source, { recursive: true })
        // What `npm install` would put there for its author: rvisor as published, and types.
        symlinkSync(join(project, "node_modules"), join(source, "node_modules"))
        writeFileSync(join(source, "tsconfig.json"), JSON.stringify({ extends: join(root, "examples/plugin-package/tsconfig.json"), compilerOptions: { rootDir: "src", outDir: "dist", typeRoots: [join(root, "node_modules/@types")] }, include: ["src"] }))
        const tsc = join(directory, "tsc")
        mkdirSync(tsc)
        symlinkSync(join(root, "node_modules/typescript/bin/tsc"), join(tsc, "tsc"))
        const made = run("npm", ["pack", "--pack-destination", source], source, { PATH: `${tools}:${tsc}:${process.env["PATH"]}` })
        expect(made, made.stderr).toMatchObject({ code: 0 })
        const result = run("npm", ["install", "--no-audit", "--no-fund", join(source, "rvisor-plugin-cpus-1.0.0.tgz")], project)
        expect(result, result.stderr).toMatchObject({ code: 0 })
        writeFileSync(join(project, "plugged.ts"), `
import { Effect, Stream } from "effect"
import { Command, Policy, Sandbox, SyscallHandler } from "rvisor"
import plugin, { affinity, Cpus } from "rvisor-plugin-cpus"

const nproc = <R>(policy: Policy.Policy<R>) => Effect.scoped(Effect.flatMap(Sandbox.spawn(Command.make("nproc"), policy), ({ stdout }) => Stream.mkString(Stream.decodeText(stdout))))
const own = Effect.provideService(nproc(Policy.make({ handlers: [affinity] })), Cpus, { count: 70 })
const threaded = Policy.make({ handlers: [SyscallHandler.fromModule(import.meta.resolve("rvisor-plugin-cpus"))] })
const all = Effect.all([nproc(Policy.make({ handlers: [plugin] })), own, nproc(threaded)])
console.log(JSON.stringify(await Effect.runPromise(all)))
`)
      }, 5 * minutes)

      const said = { code: 0, stdout: "[\"3\\n\",\"70\\n\",\"3\\n\"]\n", stderr: "" }
      it.each(["node", "bun"])("is used by a program, in %s", { timeout: minutes }, (runtime) => {
        expect(run(runtime, ["plugged.ts"], project, { CPUS: "3" })).toEqual(said)
      })

      it("has types that compile", { timeout: minutes }, () => {
        const config = JSON.parse(readFileSync(join(project, "tsconfig.json"), "utf8"))
        writeFileSync(join(project, "tsconfig.plugged.json"), JSON.stringify({ ...config, files: ["plugged.ts"] }))
        expect(run("node", [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.plugged.json"], project)).toEqual({ code: 0, stdout: "", stderr: "" })
      })

      const executable = join(root, "dist/rvisor")
      it.each([
        ["the command line, by name", "npx", ["rvisor"], "rvisor-plugin-cpus"],
        ["the command line, by path", "npx", ["rvisor"], installed],
        ["the executable, by name", executable, [], "rvisor-plugin-cpus"],
        ["the executable, by path", executable, [], installed]
      ] as const)("is used by %s", { timeout: minutes }, (_, program, before, handler) => {
        expect(run(program, [...before, "run", "--handler", handler, "--", "nproc"], project, { CPUS: "5" })).toEqual({ code: 0, stdout: "5\n", stderr: "" })
      })

      it("is not found by a name that nobody has", { timeout: minutes }, () => {
        expect(run("npx", ["rvisor", "run", "--handler", "rvisor-plugin-nobody", "--", "nproc"], project)).toMatchObject({ code: 125, stderr: expect.stringContaining("rvisor-plugin-nobody") })
      })
    })

    it("publishes the JSON Schema of policies", () => {
      const schema = JSON.parse(readFileSync(join(project, "node_modules/rvisor/dist/policy.schema.json"), "utf8"))
      expect(Object.keys(schema.properties ?? {})).toEqual(expect.arrayContaining(["filesystem", "network", "limits"]))
    })
  })

  describe("installed by Bun, under Bun", () => {
    const project = fill("with-bun")

    beforeAll(() => {
      const result = run("bun", ["add", tarball], project)
      expect(result, result.stderr).toMatchObject({ code: 0 })
    }, 5 * minutes)

    checkProject(project, "bun")

    it("brings the command", { timeout: minutes }, () => {
      expect(run("bun", ["run", "rvisor", "run", "--", "sh", "-c", "exit 7"], project).code).toBe(7)
    })
  })
})

describe("the self-contained executable", () => {
  const home = join(directory, "hostile")
  const executable = join(home, "rvisor")
  const version = `${JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version}`

  beforeAll(() => {
    mkdirSync(join(home, "node_modules/koffi"), { recursive: true })
    copyFileSync(join(root, "dist/rvisor"), executable)
    const evil = "import { writeFileSync } from \"node:fs\"; writeFileSync(\"EVIL\", \"\"); console.log(\"EVIL\")"
    writeFileSync(join(home, "evil.mjs"), evil)
    writeFileSync(join(home, "node_modules/koffi/index.js"), evil)
    writeFileSync(join(home, "node_modules/koffi/package.json"), JSON.stringify({ name: "koffi", main: "index.js", type: "module" }))
    writeFileSync(join(home, ".env"), "BUN_OPTIONS=--preload ./evil.mjs\nPATH=/nowhere\nLANG=evil\n")
    writeFileSync(join(home, "bunfig.toml"), "preload = [\"./evil.mjs\"]\n[run]\nbun = true\n")
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions: { paths: { "*": ["./evil.mjs"] } } }))
    writeFileSync(join(home, "package.json"), JSON.stringify({ name: "evil", type: "commonjs", imports: { "#*": "./evil.mjs" }, main: "./evil.mjs" }))
  })

  const untouched = () => expect(existsSync(join(home, "EVIL"))).toBe(false)
  const command = ["run", "--", "sh", "-c", "echo $LANG; exit 7"]

  it("needs nothing beside it and minds nothing in its directory", { timeout: minutes }, () => {
    expect(run(executable, command, home, { LANG: "C.UTF-8" })).toEqual({ code: 7, stdout: "C.UTF-8\n", stderr: "" })
    expect(run(executable, ["--version"], home).stdout).toContain(version)
    untouched()
  })

  it("runs where the environment is empty", { timeout: minutes }, () => {
    const result = spawnSync(executable, ["run", "--", "sh", "-c", "exit 7"], { cwd: home, env: {}, encoding: "utf8" })
    expect({ code: result.status, stderr: result.stderr }).toEqual({ code: 7, stderr: "" })
  })

  const variables: ReadonlyArray<readonly [name: string, value: string]> = [
    ...sealedVariables.map((name) => [name, ({ BUN_OPTIONS: "--preload ./evil.mjs", BUN_INSPECT_PRELOAD: "./evil.mjs", BUN_INSPECT: "ws+unix:///tmp/never?break=1" } as Record<string, string>)[name] ?? "1"] as const),
    ["NODE_OPTIONS", "--import ./evil.mjs --require ./evil.mjs"],
    ["NODE_PATH", "./node_modules"],
    ["BUN_CONFIG_REGISTRY", "http://127.0.0.1:1"],
    ["BUN_INSTALL", "./evil"],
    ["BUN_TMPDIR", "/nowhere"],
    ["TMPDIR", "/nowhere"],
    ["HOME", "/nowhere"]
  ]
  it.each(variables)("%s does not change what it does", { timeout: minutes }, (name, value) => {
    expect(run(executable, ["--version"], home, { [name]: value }).stdout).toContain(version)
    expect(run(executable, command, home, { LANG: "C.UTF-8", [name]: value })).toEqual({ code: 7, stdout: "C.UTF-8\n", stderr: "" })
    untouched()
  })

  // A mount namespace of the test's own, in which nothing can be written to or executed from any temporary directory.
  const unshare = process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"]
  const mounts = needs("mount namespaces", spawnSync("unshare", [...unshare, "true"]).status === 0)
  it.runIf(mounts)("runs where /tmp is read-only and noexec", { timeout: minutes }, () => {
    const script = `
      mount -t tmpfs none /mnt && cp "$0" /mnt/rvisor && mount -o remount,ro /mnt
      for place in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o ro,noexec none "$place"; done
      cd / && exec /mnt/rvisor run -- sh -c 'echo fine >/tmp/x && cat /tmp/x; exit 7'`
    const result = spawnSync("unshare", [...unshare, "sh", "-euc", script, executable], { encoding: "utf8", env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" } })
    expect({ code: result.status, stdout: result.stdout, stderr: result.stderr }).toEqual({ code: 7, stdout: "fine\n", stderr: "" })
  })
})
