/**
 * Builds what goes into a virtual machine: a kernel module by Kbuild, and test programs, static, by the C compiler. Nothing is written
 * into the source tree: a module is built in a copy, `.cache/kmod/build/RELEASE/NAME`, laid out as the checkout is.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { basename, dirname, join } from "node:path"
import { HarnessFailure } from "./failure.ts"
import type { Kernel } from "./packages.ts"
import { cache, root } from "./place.ts"
import { attempt } from "./program.ts"

/**
 * Lines in which a compiler, sparse or Kbuild complains of something of ours: in a file beneath `tree`, or of the module as a whole. The
 * kernel's headers are not clean by the rules that we hold to.
 */
export const warnings = (said: string, tree: string): ReadonlyArray<string> =>
  said.split("\n").filter((line) => /\b(warning|error): /i.test(line) && (line.startsWith(`${tree}/`) || /^(WARNING|ERROR): modpost/.test(line) || /\.o: warning: objtool/.test(line)))

const sources = (directory: string): ReadonlyArray<string> =>
  existsSync(join(root, directory))
    ? readdirSync(join(root, directory)).filter((name) => /^(Kbuild|Makefile|.*\.[chS])$/.test(name)).map((name) => join(directory, name))
    : []

/** Copies files of the checkout that have changed, and takes away those that are gone, so that make has little to do. */
const mirror = (files: ReadonlyArray<string>, to: string): void => {
  for (const file of files) {
    const target = join(to, file)
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(root, file)))) continue
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(root, file), target)
  }
  if (!existsSync(to)) return
  for (const path of readdirSync(to, { recursive: true, encoding: "utf8" })) {
    if (/\.[chS]$/.test(path) && !path.endsWith(".mod.c") && !files.includes(path)) rmSync(join(to, path))
  }
}

export interface ModuleSource {
  /** `NAME.ko` is what comes out. */
  readonly name: string
  /** Where its Kbuild is, beneath the checkout. */
  readonly directory: string
  /** More directories with sources that it takes in. */
  readonly with: ReadonlyArray<string>
}

export const rvisorModule: ModuleSource = { name: "rvisor", directory: "kmod", with: ["native/core"] }

export interface Built {
  /** The `.ko`. */
  readonly file: string
  readonly warnings: ReadonlyArray<string>
}

export interface BuildOptions {
  /** The directory of sparse, which then looks at every file. */
  readonly sparse?: string
}

/** Builds a module for a kernel. What does not compile is a `HarnessFailure`; what only draws warnings is not. */
export const buildModule = async (module: ModuleSource, kernel: Pick<Kernel, "release" | "headers">, { sparse }: BuildOptions = {}): Promise<Built> => {
  const tree = join(cache, "build", kernel.release, module.name)
  mirror([module.directory, ...module.with].flatMap(sources), tree)
  const where = join(tree, module.directory)
  const file = join(where, `${module.name}.ko`)
  const arguments_ = ["-C", kernel.headers, `M=${where}`, `-j${availableParallelism()}`, ...(sparse === undefined ? [] : ["C=2", `CHECK=${join(sparse, "sparse")}`]), "modules"]
  // A warning is seen once, when the file is compiled: ask for it again every time.
  rmSync(file, { force: true })
  for (const path of readdirSync(tree, { recursive: true, encoding: "utf8" })) if (path.endsWith(".o")) rmSync(join(tree, path))
  const { code, stderr, stdout } = await attempt("make", arguments_)
  if (code !== 0 || !existsSync(file)) throw new HarnessFailure("build", `${module.name}.ko does not build for ${kernel.release}:\n${stdout}${stderr}`.trimEnd(), "")
  if (sparse !== undefined && !/^\s*CHECK /m.test(stdout)) throw new HarnessFailure("build", `sparse was not run over ${module.name}.ko`, "")
  return { file, warnings: warnings(stdout + stderr, tree) }
}

/** Compiles a program that is not ours, static, as it is. */
export const buildForeign = async (name: string, files: ReadonlyArray<string>, includes: ReadonlyArray<string>): Promise<string> => {
  const out = join(cache, "build/programs", name)
  mkdirSync(dirname(out), { recursive: true })
  const { code, stderr, stdout } = await attempt("cc", ["-O2", "-w", "-static", "-pthread", ...includes.map((directory) => `-I${directory}`), "-o", out, ...files])
  if (code !== 0) throw new HarnessFailure("build", `${name} does not compile:\n${stdout}${stderr}`.trimEnd(), "")
  return out
}

/** Compiles a program of one or more C files of the checkout, static, so that it runs in a machine with nothing else in it. */
export const buildProgram = async (name: string, files: ReadonlyArray<string>, includes: ReadonlyArray<string>): Promise<string> => {
  const out = join(cache, "build/programs", name)
  mkdirSync(dirname(out), { recursive: true })
  const inputs = files.map((file) => join(root, file))
  const headers = includes.flatMap((directory) => readdirSync(join(root, directory)).filter((file) => file.endsWith(".h")).map((file) => join(root, directory, file)))
  const stamp = `${out}.inputs`, now = JSON.stringify([...inputs, ...headers].map((file) => [file, statSync(file).mtimeMs]))
  if (existsSync(out) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return out
  const { code, stderr, stdout } = await attempt("cc", [
    "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", ...includes.map((directory) => `-I${join(root, directory)}`), "-o", out, ...inputs
  ])
  if (code !== 0) throw new HarnessFailure("build", `${name} does not compile:\n${stdout}${stderr}`.trimEnd(), "")
  writeFileSync(stamp, now)
  return out
}

/** The test programs in `kmod/tests`: one for each C file, with what lies in `kmod/tests/support` linked in. Answers them by name. */
export const testPrograms = async (): Promise<Readonly<Record<string, string>>> => {
  const directory = "kmod/tests", support = join(directory, "support")
  const shared = existsSync(join(root, support)) ? readdirSync(join(root, support)).filter((file) => file.endsWith(".c")).map((file) => join(support, file)) : []
  const core = readdirSync(join(root, "native/core")).filter((file) => file.endsWith(".c")).map((file) => join("native/core", file))
  const includes = ["native/core", "native", "kmod", directory, ...(existsSync(join(root, support)) ? [support] : [])]
  const built: Record<string, string> = {}
  for (const file of readdirSync(join(root, directory)).filter((name) => name.endsWith(".c")).sort()) {
    const name = basename(file, ".c")
    built[name] = await buildProgram(name, [join(directory, file), ...shared, ...core], includes)
  }
  return built
}
