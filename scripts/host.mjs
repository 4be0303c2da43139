/**
 * What the host must have before anything of rvisor can be built or run, checked so that what is missing is said in one
 * sentence with its remedy. Read by every entry script, so: no dependencies, and only syntax that old Nodes parse.
 */
import { spawnSync } from "child_process"
import { dirname, resolve } from "path"
import { fileURLToPath } from "url"

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")

/** Says one sentence on stderr and ends the process with code 1. @param {string} sentence @returns {never} */
export const fail = (sentence) => {
  process.stderr.write(`rvisor: ${sentence}\n`)
  process.exit(1)
}

/** @param {string} program @param {ReadonlyArray<string>} args @param {string} [input] */
const output = (program, args, input) => {
  const result = spawnSync(program, args, { encoding: "utf8", env: Object.assign({}, process.env, { LC_ALL: "C" }), input: input === undefined ? "" : input })
  return result.status === 0 ? result.stdout : undefined
}

/** @param {string} version @param {ReadonlyArray<number>} least */
const atLeast = (version, least) => {
  const parts = version.split(".").map(Number)
  for (let i = 0; i < least.length; i++) {
    const part = parts[i] || 0, wanted = least[i] || 0
    if (part !== wanted) return part > wanted
  }
  return true
}

/** The operating system, the processor, and the Node and npm that run these scripts. */
export const checkHost = () => {
  if (process.platform !== "linux") fail(`rvisor runs on Linux only, and this is ${process.platform}; use a Linux machine or a Linux virtual machine.`)
  if (process.arch !== "x64") fail(`rvisor supports x86-64 processors only so far, and this Node is built for ${process.arch}; use an x86-64 machine.`)
  if (!atLeast(process.versions.node, [18])) fail(`the build scripts need Node 18 or newer, and this is Node ${process.versions.node}; install a current Node (nodejs.org, or your distribution's package nodejs).`)
  const npm = /npm\/(\d+(?:\.\d+)*)/.exec(process.env["npm_config_user_agent"] || "")
  if (npm !== null && npm[1] !== undefined && !atLeast(npm[1], [8])) fail(`the build scripts need npm 8 or newer, and this is npm ${npm[1]}; update it with: npm install --global npm@10`)
}

const debian = "apt-get install build-essential cmake"
const remedy = () => output("sh", ["-c", "command -v apt-get"]) === undefined
  ? "install gcc 11 or newer with C++ and the static C and C++ libraries, make, and cmake 3.20 or newer with your package manager."
  : `as root: ${debian}`

/** What compiling the native parts takes: a C and a C++20 compiler that can link statically, make, cmake. */
export const checkTools = () => {
  for (const tool of ["cc", "c++", "make", "cmake"]) {
    if (output(tool, ["--version"]) === undefined) fail(`cannot build the native parts without ${tool === "cc" ? "a C compiler (cc)" : tool === "c++" ? "a C++ compiler (c++)" : tool}; ${remedy()}`)
  }
  const cmake = /version (\d+(?:\.\d+)*)/.exec(output("cmake", ["--version"]) || "")
  if (cmake !== null && cmake[1] !== undefined && !atLeast(cmake[1], [3, 20])) fail(`the native parts need cmake 3.20 or newer, and this is cmake ${cmake[1]}; ${remedy()}`)
  const program = "#include <span>\n#include <string>\nint main() { std::string s = \"ok\"; return std::span<char>(s).size() == 2 ? 0 : 1; }\n"
  if (output("c++", ["-std=c++20", "-static-pie", "-fPIE", "-x", "c++", "-o", "/dev/null", "-"], program) === undefined) {
    fail(`the C++ compiler (c++) cannot build a static C++20 program; ${remedy()}`)
  }
}
