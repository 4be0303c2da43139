/**
 * `npm test`: sets the checkout up, builds, and runs every lane. `node scripts/test.mjs LANE… [-- WORDS]` runs some lanes
 * only, and gives vitest words to choose files by.
 *
 * | lane        | what it runs                                                                                     |
 * |-------------|--------------------------------------------------------------------------------------------------|
 * | `lint`      | tsc over everything, oxlint                                                                      |
 * | `native`    | unit tests of the native parts, in a build with sanitizers                                       |
 * | `fuzz`      | the parsers of the native parts under libFuzzer, five seconds each (only where clang can link them) |
 * | `node`      | every suite, on the pinned Node                                                                  |
 * | `bun`       | the suites of the library, on Bun                                                                |
 * | `user`      | the suites that start sandboxes, as an unprivileged user (only where this user is root)          |
 * | `sanitized` | the same against native parts built with AddressSanitizer and UndefinedBehaviorSanitizer         |
 * | `kmod`      | the kernel module, in virtual machines (kmod/harness; only where Debian's archive serves packages)  |
 *
 * The last line is `N passed, N failed`, summed over the lanes; the exit code is 1 when anything failed.
 */
import { spawnSync } from "child_process"
import { accessSync, chmodSync, chownSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "fs"
import { tmpdir } from "os"
import { join } from "path"
import { fail, root } from "./host.mjs"
import { pinned, setup } from "./setup.mjs"

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */
/** @typedef {{ title: string, run: () => Count }} Lane */

const words = process.argv.slice(2)
const split = words.indexOf("--")
const wanted = split < 0 ? words : words.slice(0, split)
const chosen = split < 0 ? [] : words.slice(split + 1)

const scratch = mkdtempSync(join(tmpdir(), "rvisor-lanes-"))
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }))

/** Runs a program to its end with our own output. @param {string} program @param {ReadonlyArray<string>} args @param {object} [options] */
const run = (program, args, options) => spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options }).status === 0

/** @param {boolean} ok @returns {Count} */
const one = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 })

/** @param {ReadonlyArray<Count>} counts @returns {Count} */
const sum = (counts) => counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }), { passed: 0, failed: 0, skipped: 0 })

/**
 * Counts a report of vitest. A run that failed without a failed test (a file that does not load, an unhandled error) counts as
 * one failure, and so does a missing report.
 *
 * @param {string} report @param {boolean} ok @returns {Count}
 */
const counted = (report, ok) => {
  if (!existsSync(report)) return one(false)
  const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(readFileSync(report, "utf8"))
  const broken = testResults.filter((/** @type {{ status: string, assertionResults: Array<{ status: string }> }} */ file) =>
    file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")).length
  const failed = numFailedTests + broken
  return { passed, failed: failed === 0 && !ok ? 1 : failed, skipped: numPendingTests + numTodoTests }
}

let reports = 0

/**
 * Runs vitest. `prefix` goes in front of its command line (another user), `arguments` behind it.
 *
 * @param {ReadonlyArray<string>} suites
 * @param {{ prefix?: ReadonlyArray<string>, runtime?: ReadonlyArray<string>, arguments?: ReadonlyArray<string>, cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Count}
 */
const vitest = (suites, options = {}) => {
  const report = join(scratch, `report-${reports++}.json`)
  const [program, ...args] = [
    ...(options.prefix || []), ...(options.runtime || [pinned.node]), "node_modules/vitest/vitest.mjs", "run", "--configLoader=native",
    "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...(options.arguments || []), ...(chosen.length > 0 ? chosen : suites)
  ]
  const ok = run(String(program), args, { cwd: options.cwd || root, env: { ...process.env, ...options.env } })
  return counted(report, ok)
}

/** Suites that start sandboxes; the ones about packages, documents and examples say nothing new in another lane. */
const sandboxed = ["sdk/", "cli/", "test/conformance/", "test/attacks/plain.test.ts", "test/faults.test.ts", "test/programs.test.ts", "test/translated/programs.test.ts", "test/translated/sockets.test.ts"]

/** An unprivileged user that owns nothing here. */
const UID = "54321"

/** A command line that runs another as that user, in a checkout that it can read. @returns {{ prefix: ReadonlyArray<string>, cwd: string }} */
const asUser = () => {
  const user = ["setpriv", `--reuid=${UID}`, `--regid=${UID}`, "--clear-groups", "--inh-caps=-all"]
  if (spawnSync(String(user[0]), [...user.slice(1), "test", "-r", join(root, "package.json"), "-a", "-x", pinned.node]).status === 0) return { prefix: user, cwd: root }
  // The checkout lies beneath a directory of root's: show it at another place, in a mount namespace of this lane's own.
  const place = mkdtempSync(join("/opt", "rvisor-checkout-"))
  process.on("exit", () => rmSync(place, { recursive: true, force: true }))
  chmodSync(place, 0o755)
  return { prefix: ["unshare", "--mount", "sh", "-c", "mount --bind \"$0\" \"$1\" && cd \"$1\" && shift && exec \"$@\"", root, place, ...user], cwd: root }
}

const sanitized = join(root, ".cache/sanitized")
/** @param {string} name */
const runtimeLibrary = (name) => spawnSync("cc", [`-print-file-name=${name}`], { encoding: "utf8" }).stdout.trim()
let instrumented = false
const instrument = () => instrumented || (instrumented = run(pinned.bun, ["build.ts", "--sanitized"]))

/** @type {Record<string, Lane>} */
const lanes = {
  lint: {
    title: "types and lint",
    run: () => sum([one(run(pinned.node, ["node_modules/typescript/bin/tsc", "-p", "."])), one(run(pinned.node, ["node_modules/oxlint/bin/oxlint", "--quiet"]))])
  },
  native: {
    title: "native unit tests",
    run: () => {
      if (!instrument()) return one(false)
      const result = spawnSync("ctest", ["--test-dir", join(sanitized, "build"), "--output-on-failure", "--no-tests=error"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
      process.stdout.write(result.stdout)
      const summary = /(\d+) tests failed out of (\d+)/.exec(result.stdout)
      if (summary === null) return one(false)
      return { passed: Number(summary[2]) - Number(summary[1]), failed: Number(summary[1]), skipped: 0 }
    }
  },
  fuzz: {
    title: "parsers of the native parts, five seconds each",
    run: () => {
      const deps = join(root, ".cache/deps")
      const env = { ...process.env, ...(existsSync(deps) ? { RVISOR_DEPS: deps } : {}) }
      const result = spawnSync("sh", ["native/fuzz/run.sh", "5"], { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"], env })
      const said = result.stdout + result.stderr
      process.stdout.write(result.status === 0 ? said.replace(/^(?!==|Done).*\n/gm, "") : said)
      return one(result.status === 0)
    }
  },
  node: { title: "every suite, on Node", run: () => vitest([]) },
  // One file after the other: they share a process, and some count its descriptors. The long comparison is of init, whoever runs the suite.
  bun: { title: "the library, on Bun", run: () => vitest(["sdk/", "test/conformance/"], { runtime: [pinned.bun, "--bun"], arguments: ["--pool=threads", "--no-file-parallelism", "--exclude=test/conformance/differential.test.ts"] }) },
  user: {
    title: "as an unprivileged user",
    run: () => {
      const home = join(scratch, "home")
      mkdirSync(home)
      for (const path of [scratch, home]) chownSync(path, Number(UID), Number(UID))
      const { prefix, cwd } = asUser()
      // Not as in CI, where a test that the machine cannot run is a failure: what root alone may do was run in the other lanes.
      return vitest(sandboxed, { prefix, cwd, env: { HOME: home, USER: "", LOGNAME: "", CI: "" } })
    }
  },
  sanitized: {
    title: "against instrumented native parts",
    run: () => instrument()
      ? vitest(["sdk/Sandbox.", "sdk/SandboxSpawner.", "sdk/Changes.", "sdk/promise.", "sdk/Host.", "sdk/internal/launch.", "test/conformance/", "test/attacks/", "test/translated/sockets.", "test/faults."], {
        cwd: sanitized,
        // The client library is loaded into Node, so the sanitizer's runtime must be there first: Bun does not start with
        // it. And it handles signals in init, which init_signals is about. The many random moments are left to the other lanes:
        // a start takes a second here. Controls start no sandbox; a sentry
        // that lacks layers is built where the product is; who is besieged has limits of memory and time that sanitizers do not fit into.
        arguments: [...["layers", "besieged", "stress"].flatMap((name) => ["--exclude", `test/attacks/${name}.test.ts`]), "--testNamePattern", "^(?!.*(in Bun|init_signals|random moments|without rvisor|held: strict))"],
        env: { LD_PRELOAD: runtimeLibrary("libasan.so"), ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1", UBSAN_OPTIONS: "print_stacktrace=1" }
      })
      : one(false)
  },
  kmod: {
    title: "the kernel module, in virtual machines",
    run: () => {
      const report = join(scratch, "kmod.json")
      run(pinned.node, ["kmod/harness/main.ts", `--report=${report}`, ...chosen])
      return existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : one(false)
    }
  }
}

setup()
try {
  accessSync(root, constants.W_OK)
} catch {
  fail(`the tests write into the checkout, and ${root} is not writable for this user.`)
}
for (const name of wanted) if (lanes[name] === undefined) fail(`there is no test lane ${name}; there are: ${Object.keys(lanes).join(", ")}`)
if (!run(pinned.bun, ["build.ts"])) {
  console.log("0 passed, 1 failed")
  process.exit(1)
}

/** Lanes that not every machine can run: why this one cannot. @type {Record<string, () => string | undefined>} */
const impossible = {
  user: () => process.getuid?.() === 0 ? undefined : "this user is not root, so that every other lane was run as an unprivileged user",
  fuzz: () => {
    const { status, stderr } = spawnSync("sh", ["native/fuzz/run.sh", "--check"], { cwd: root, encoding: "utf8" })
    return status === 0 ? undefined : stderr.trim()
  },
  kmod: () => spawnSync("apt-get", ["--version"]).status === 0 ? undefined : "there is no apt-get, which the kernels and QEMU come by"
}
/** In CI whatever cannot be run is a failure, but for the lane whose work the others do there. @param {string} name */
const excuse = (name) => process.env["CI"] === "true" && name !== "user" ? undefined : impossible[name]?.()

/** @type {Array<[string, string]>} */
const leftOut = []
const names = wanted.length > 0 ? wanted : Object.keys(lanes).filter((name) => {
  const why = excuse(name)
  if (why !== undefined) leftOut.push([name, why])
  return why === undefined
})
/** @type {Array<[string, Count]>} */
const results = []
for (const name of names) {
  const lane = /** @type {Lane} */ (lanes[name])
  console.log(`\n=== ${name}: ${lane.title}`)
  const started = Date.now()
  const count = lane.run()
  results.push([name, count])
  console.log(`--- ${name}: ${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} not for this host` : ""} (${((Date.now() - started) / 1000).toFixed(0)} s)`)
}
const total = sum(results.map(([, count]) => count))
console.log("")
for (const [name, count] of results) console.log(`  ${name.padEnd(10)} ${String(count.passed).padStart(5)} passed ${String(count.failed).padStart(4)} failed ${String(count.skipped).padStart(4)} not for this host`)
for (const [name, why] of leftOut) console.log(`  ${name.padEnd(10)} left out: ${why}`)
console.log(`\n${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1)
