/**
 * Builds everything that is shipped, into `dist/`:
 *
 * | what                                | from                                        |
 * |-------------------------------------|---------------------------------------------|
 * | `native/rvisor-sentry`, `native/librvisor.so` | `native/`, by CMake through cmake-js |
 * | `sdk/`, `cli/` (ESM and `.d.ts`)    | `sdk/`, `cli/`, by tsc                      |
 * | `native/filters.json`               | seccomp programs of the presets, by the sentry itself |
 * | `policy.schema.json`                | `Policy.jsonSchema()`                       |
 * | `kmod/`                             | source of the kernel module, as dkms takes it |
 * | `rvisor`, one self-contained executable | all of the above, by Bun                |
 *
 * Run by Bun, through `npm run build`. `--library` leaves the executable out; `--sanitized` builds, for the tests, native parts with
 * sanitizers and nothing else. A step whose inputs have not changed since it
 * last succeeded is skipped: the digest of its inputs lies in `dist/.built/`.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fail, root, checkTools } from "./scripts/host.mjs"
import { nativeDependencies } from "./scripts/native-dependencies.ts"
import { tellPlaces, unknownPlaces } from "./scripts/places.ts"
import { seal } from "./scripts/seal.ts"
import { pinned } from "./scripts/setup.mjs"

const dist = join(root, "dist")

/** Files beneath `directory` (relative to the checkout) that `wanted` accepts, in a fixed order. */
const files = (directory: string, wanted: (path: string) => boolean): ReadonlyArray<string> =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(wanted)
    .sort()

const digest = (inputs: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const input of inputs) hash.update(input).update("\0").update(existsSync(join(root, input)) ? readFileSync(join(root, input)) : "").update("\0")
  return hash.digest("hex")
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`

interface Step {
  readonly name: string
  readonly title: string
  /** Files relative to the checkout, and any other text that decides the result. */
  readonly inputs: ReadonlyArray<string>
  /** Relative to `dist`. */
  readonly outputs: ReadonlyArray<string>
  readonly make: () => void | Promise<void>
}

/** Carries a step out unless its last success had the same inputs. Answers whether it did something. */
const step = async ({ name, title, inputs, outputs, make }: Step): Promise<boolean> => {
  const stamp = join(dist, ".built", name)
  const now = digest(inputs)
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now && outputs.every((output) => existsSync(join(dist, output)))) return false
  const started = performance.now()
  process.stderr.write(`· ${title} …`)
  rmSync(stamp, { force: true })
  await make()
  for (const output of outputs) if (!existsSync(join(dist, output))) fail(`building ${title} made no dist/${output}`)
  mkdirSync(join(dist, ".built"), { recursive: true })
  writeFileSync(stamp, now)
  process.stderr.write(` ${seconds(started)}\n`)
  return true
}

/** Runs a program quietly; when it fails, what it said goes to the terminal and the build ends. */
const run = (what: string, program: string, args: ReadonlyArray<string>): void => {
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 })
  if (result.status === 0) return
  process.stderr.write(`\n${result.error?.message ?? ""}${result.stdout}${result.stderr}\n`)
  fail(`${what} failed; what it said stands above.`)
}

/** Builds `native/` into `out`, with the build tree in `tree` (both relative to the checkout). Tests use it for instrumented builds. */
export const native = (tree: string, out: string, settings: Readonly<Record<string, string>> = {}): void => {
  checkTools()
  const deps = nativeDependencies(settings["RVISOR_TESTS"] === "ON")
  const variables = { RVISOR_OUT: join(root, out), RVISOR_DEPS: deps ?? "", ...settings }
  const cmakeJs = (verb: string, ...more: ReadonlyArray<string>): void =>
    run(`cmake-js ${verb}`, pinned.node, [
      "node_modules/cmake-js/bin/cmake-js", verb, "--directory", "native", "--out", tree, "--generator", "Unix Makefiles", "--log-level", "warn", ...more,
      ...Object.entries(variables).map(([name, value]) => `--CD${name}=${value}`)
    ])
  cmakeJs("configure")
  cmakeJs("build", "--parallel", String(navigator.hardwareConcurrency))
}

const source = (path: string): boolean => path.endsWith(".ts") && !path.endsWith(".test.ts")
const toolchain = ["build.ts", "package-lock.json"]
const nativeSources = files("native", (path) => !/^native\/(build|tests|fuzz)/.test(path))
const library = [...files("sdk", source), ...files("cli", source)]

const buildNative: Step = {
  name: "native",
  title: "native parts (sentry, client library)",
  inputs: ["build.ts", "scripts/native-dependencies.ts", ...nativeSources],
  outputs: ["native/rvisor-sentry", "native/librvisor.so"],
  make: () => native("native/build", "dist/native")
}

const buildLibrary: Step = {
  name: "library",
  title: "library and command line (ESM, d.ts)",
  inputs: [...toolchain, "tsconfig.json", "tsconfig.build.json", ...library],
  outputs: ["sdk/index.js", "sdk/index.d.ts", "sdk/promise.js", "cli/main.js"],
  make: () => {
    const fresh = join(dist, ".next")
    rmSync(fresh, { recursive: true, force: true })
    run("tsc", pinned.node, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", fresh])
    for (const part of ["sdk", "cli"]) {
      rmSync(join(dist, part), { recursive: true, force: true })
      renameSync(join(fresh, part), join(dist, part))
    }
    rmSync(fresh, { recursive: true, force: true })
    chmodSync(join(dist, "cli/main.js"), 0o755)
  }
}

const buildSchema: Step = {
  name: "schema",
  title: "JSON Schema of policies",
  inputs: [...toolchain, ...files("sdk", source)],
  outputs: ["policy.schema.json"],
  make: async () => {
    const { jsonSchema } = await import("./sdk/Policy.ts")
    writeFileSync(join(dist, "policy.schema.json"), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
  }
}

const buildFilters: Step = {
  name: "filters",
  title: "system call filters of the presets",
  inputs: [...toolchain, "dist/native/rvisor-sentry", ...files("sdk", source)],
  outputs: ["native/filters.json"],
  make: async () => {
    const [Policy, Command, { compile }, { filterKey }, { Effect }] = await Promise.all([
      import("./sdk/Policy.ts"), import("./sdk/Command.ts"), import("./sdk/internal/compile.ts"), import("./sdk/internal/launch.ts"), import("effect")
    ])
    const filters: Record<string, string> = {}
    for (const preset of [Policy.default, Policy.strict, Policy.trusted]) {
      for (const violations of ["ignore", "report"] as const) {
        const { plan } = await Effect.runPromise(compile(Policy.violations(preset, violations), Command.make("true")))
        const made = spawnSync(join(dist, "native/rvisor-sentry"), ["--filter"], { input: JSON.stringify(plan), maxBuffer: 1 << 20 })
        if (made.status !== 0) fail(`rvisor-sentry --filter failed: ${made.error?.message ?? made.stderr.toString()}`)
        filters[filterKey(plan)] = made.stdout.toString("base64")
      }
    }
    writeFileSync(join(dist, "native/filters.json"), `${JSON.stringify(filters)}\n`)
  }
}

const moduleSources = [...files("kmod", (path) => /^kmod\/(Kbuild|dkms\.conf|[^/]*\.[ch])$/.test(path)), ...files("native/core", (path) => /^native\/core\/[^/]*\.[ch]$/.test(path))]

/** The kernel module is shipped as source: it fits one kernel only, and is built where it is to run. */
const buildModuleSource: Step = {
  name: "kmod",
  title: "source of the kernel module",
  inputs: ["build.ts", "package.json", ...moduleSources],
  outputs: ["kmod/dkms.conf", ".kmod.json"],
  make: () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }
    const directory = join(dist, "kmod")
    rmSync(directory, { recursive: true, force: true })
    const shipped: Record<string, string> = {}
    for (const path of moduleSources) {
      // dkms looks for its file at the top.
      const name = path === "kmod/dkms.conf" ? "dkms.conf" : path
      shipped[name] = readFileSync(join(root, path), "utf8").replace(/^PACKAGE_VERSION=.*$/m, `PACKAGE_VERSION="${version}"`)
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), shipped[name])
    }
    writeFileSync(join(dist, ".kmod.json"), JSON.stringify(shipped))
  }
}

const buildExecutable: Step = {
  name: "executable",
  title: "self-contained executable",
  inputs: [...toolchain, "package.json", "scripts/places.ts", "scripts/seal.ts", "dist/native/rvisor-sentry", "dist/native/librvisor.so", "dist/native/filters.json", "dist/.kmod.json", ...files("scripts/executable", source), ...library],
  outputs: ["rvisor"],
  make: async () => {
    const fresh = join(dist, ".rvisor")
    /** One program, with its own modules in place of those that look for native parts in files. */
    const bundle = async (entry: string, assets: string, koffi: string, how: Partial<Bun.BuildConfig>): Promise<void> => {
      const result = await Bun.build({
        entrypoints: [join(root, entry)],
        format: "esm",
        minify: true,
        env: "disable",
        define: { "process.env.NODE_ENV": "\"production\"" },
        throw: false,
        plugins: [{
          name: "native parts from memory",
          setup: (build) => {
            build.onResolve({ filter: /^koffi$/ }, () => ({ path: join(root, "scripts/executable", koffi) }))
            build.onResolve({ filter: /\/assets\.ts$/ }, () => ({ path: join(root, "scripts/executable", assets) }))
          }
        }],
        ...how
      })
      if (result.success) return
      for (const log of result.logs) console.error(log)
      fail("bun build failed; what it said stands above.")
    }
    await bundle("scripts/executable/moduleWorker.ts", "worker-assets.ts", "worker-koffi.ts", { target: "bun", outdir: join(dist, ".worker") })
    // Not called .js: it is a file to embed, and nothing for a compiler or a linter to look into.
    renameSync(join(dist, ".worker/moduleWorker.js"), join(dist, ".worker/moduleWorker.bundle"))
    writeFileSync(join(dist, ".places"), unknownPlaces)
    await bundle("cli/main.ts", "assets.ts", "koffi.ts", {
      bytecode: true,
      // Nothing of the directory it is started in changes what the executable does.
      compile: { outfile: fresh, autoloadDotenv: false, autoloadBunfig: false, autoloadTsconfig: false, autoloadPackageJson: false }
    })
    tellPlaces(fresh, {
      "rvisor-sentry": join(dist, "native/rvisor-sentry"),
      "librvisor.so": join(dist, "native/librvisor.so"),
      "koffi.node": join(root, "node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node")
    })
    seal(fresh)
    renameSync(fresh, join(dist, "rvisor"))
  }
}

/**
 * Native parts with sanitizers and their unit tests, in a second checkout made of copies: what is shipped has no switch by
 * which it would use other native parts, so the tests that need them run where these lie at the usual place.
 */
const sanitized = ".cache/sanitized"
const buildSanitized: Step = {
  name: "sanitized",
  title: "native parts with sanitizers, and their tests",
  inputs: ["build.ts", "scripts/native-dependencies.ts", ...files("native", (path) => !path.startsWith("native/build"))],
  outputs: [`../${sanitized}/dist/native/rvisor-sentry`, `../${sanitized}/dist/native/librvisor.so`],
  make: () => native(`${sanitized}/build`, `${sanitized}/dist/native`, { RVISOR_SANITIZE: "address,undefined", RVISOR_TESTS: "ON" })
}
const copyCheckout = (): void => {
  for (const part of ["sdk", "cli", "test", "scripts", "docs", "examples", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    rmSync(join(root, sanitized, part), { recursive: true, force: true })
    cpSync(join(root, part), join(root, sanitized, part), { recursive: true })
  }
  mkdirSync(join(root, sanitized, "dist/native"), { recursive: true })
  cpSync(join(dist, "native/filters.json"), join(root, sanitized, "dist/native/filters.json"))
  const packages = join(root, sanitized, "node_modules")
  if (!existsSync(packages)) symlinkSync(join(root, "node_modules"), packages)
}

/**
 * Waits until no other build of this checkout runs. The lock is on the description of a file that stays open, so the kernel lets go of it when this
 * process ends, however it ends (flock(2)).
 */
const oneAtATime = (): void => {
  mkdirSync(join(root, ".cache"), { recursive: true })
  const lock = openSync(join(root, ".cache/build.lock"), "w")
  const take = (...how: ReadonlyArray<string>) => spawnSync("flock", [...how, "3"], { stdio: ["ignore", "ignore", "inherit", lock] })
  if (take("--nonblock").status === 0) return
  process.stderr.write("· another build of this checkout is running …\n")
  const { error, status } = take()
  if (status !== 0) fail(`the build's lock cannot be taken: ${error?.message ?? `flock ended with ${status}`} (flock is part of util-linux)`)
}

if (import.meta.main) {
  oneAtATime()
  const started = performance.now()
  const product = [buildNative, buildLibrary, buildSchema, buildFilters, buildModuleSource, ...(process.argv.includes("--library") ? [] : [buildExecutable])]
  const steps = process.argv.includes("--sanitized") ? [buildSanitized] : product
  if (steps.includes(buildSanitized)) copyCheckout()
  let made = 0
  for (const each of steps) if (await step(each)) made++
  process.stderr.write(made === 0 ? `· build: up to date (${seconds(started)})\n` : `· build: done in ${seconds(started)}\n`)
}
