/**
 * `rvisor kmod`: building, loading and unloading the kernel module, and saying how it stands. Loading and unloading need root, as with any
 * module; building needs none. docs/kernel-module.md says what the module does.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { moduleSource } from "../sdk/internal/assets.ts"
import * as ExitCode from "./exit-code.ts"
import { facts, headersOf, obstacles, signing, tainted, thisHost, usable, users } from "./kernel-module.ts"
import { print, remark } from "./output.ts"

/** What was asked of the module did not come about, or cannot. */
export class KernelModuleError extends Schema.TaggedError<KernelModuleError>()("KernelModuleError", {
  step: Schema.Literals(["source", "headers", "compiler", "compile", "permission", "load", "unload"]),
  reason: Schema.String,
  remedy: Schema.String
}) {
  override get message(): string {
    return `${this.reason}${this.remedy === "" ? "" : `\n  remedy: ${this.remedy}`}`
  }
}

interface Ended {
  readonly code: number
  readonly said: string
}

/** Runs a program to its end. One that is not there ends with 127, as in a shell. */
const execute = (program: string, args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    // Where insmod and rmmod are, and what a plain user's PATH lacks.
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" }
    const child = execFile(program, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127
      resume(Effect.succeed({ code, said: `${stdout}${stderr}`.trim() }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Tells a failure, and turns it into an exit code. */
const told = <R>(effect: Effect.Effect<number, KernelModuleError, R>): Effect.Effect<number, never, R> =>
  effect.pipe(Effect.catch((error) =>
    Effect.sync(() => {
      remark(error.message)
      return ExitCode.NO
    })))

/** Writes the module's source beneath a directory, laid out as dkms takes it. */
const writeSource = (directory: string): Effect.Effect<void, KernelModuleError> =>
  Effect.try({
    try: () => {
      for (const [name, text] of Object.entries(moduleSource())) {
        mkdirSync(dirname(join(directory, name)), { recursive: true })
        writeFileSync(join(directory, name), text)
      }
    },
    catch: (cause) => new KernelModuleError({ step: "source", reason: `the module's source cannot be written to ${directory}: ${(cause as Error).message}`, remedy: "" })
  })

/** What a failed build comes down to: what the source itself says of this kernel, else the errors, else the end of it all. */
const whyNotBuilt = (said: string): string => {
  const lines = said.split("\n")
  const own = lines.flatMap((line) => /error: #error "?(.*?)"?$/.exec(line)?.[1] ?? [])
  if (own.length > 0) return [...new Set(own)].join("\n")
  const errors = lines.filter((line) => /\b(error|fatal error): |^ERROR: |\*\*\* /.test(line))
  return (errors.length > 0 ? errors.slice(0, 12) : lines.slice(-12)).join("\n")
}

export const source = ({ directory }: { readonly directory: string }): Effect.Effect<number> =>
  told(Effect.as(writeSource(resolve(directory)), ExitCode.OK))

export interface BuildFlags {
  readonly kernel: string | undefined
  readonly headers: string | undefined
  readonly out: string | undefined
  readonly untested: boolean | undefined
}

/** Builds the module in a directory of its own, which does not outlive this. */
export const build = ({ headers, kernel, out, untested }: BuildFlags): Effect.Effect<number> =>
  told(Effect.scoped(Effect.gen(function*() {
    const here = thisHost()
    const host = kernel === undefined ? here : { ...here, release: kernel }
    const kbuild = headers ?? headersOf(host)
    const wanted = facts(host)
    if (kbuild === undefined || !existsSync(join(kbuild, "Makefile"))) {
      const fact = wanted.find(({ name }) => name === "kernel-headers")!
      return yield* new KernelModuleError({
        step: "headers",
        reason: headers === undefined ? `the headers of kernel ${host.release} are not on this host` : `${headers} holds no kernel headers`,
        remedy: headers === undefined ? `${fact.remedy}; or name them: rvisor kmod build --headers DIR` : "name the directory that /lib/modules/RELEASE/build leads to"
      })
    }
    const compiler = wanted.find(({ name }) => name === "compiler")!
    if (!compiler.ok) return yield* new KernelModuleError({ step: "compiler", reason: `the module cannot be built here: ${compiler.detail}`, remedy: compiler.remedy })
    const tree = yield* Effect.acquireRelease(Effect.sync(() => mkdtempSync(join(tmpdir(), "rvisor-kmod-"))), (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })))
    yield* writeSource(tree)
    const { code, said } = yield* execute("make", ["-C", kbuild, `M=${join(tree, "kmod")}`, ...(untested === true ? ["RVISOR_UNTESTED_KERNEL=y"] : []), "modules"])
    if (code !== 0) return yield* new KernelModuleError({ step: "compile", reason: `the module does not build for ${kbuild}:\n${whyNotBuilt(said)}`, remedy: "docs/kernel-module.md says which kernels it is for; --untested tries others" })
    const file = resolve(out ?? "rvisor.ko")
    yield* Effect.try({
      try: () => cpSync(join(tree, "kmod/rvisor.ko"), file),
      catch: (cause) => new KernelModuleError({ step: "compile", reason: `${file} cannot be written: ${(cause as Error).message}`, remedy: "choose another place: --out FILE" })
    })
    print(file)
    return ExitCode.OK
  })))

const asRoot = (what: string): Effect.Effect<void, KernelModuleError> =>
  process.getuid!() === 0 ? Effect.void : Effect.fail(new KernelModuleError({ step: "permission", reason: `only root may ${what} a kernel module`, remedy: `sudo rvisor kmod ${what}` }))

/** What insmod's words mean here. */
const whyNotLoaded = (said: string): Pick<KernelModuleError, "reason" | "remedy"> => {
  const [obstacle] = obstacles(facts(thisHost())).filter(({ name }) => ["modules", "lockdown", "signatures"].includes(name))
  if (/required key not available|key was rejected/i.test(said) || (obstacle !== undefined && obstacle.name !== "modules")) {
    return { reason: `the kernel takes signed modules only${obstacle === undefined ? "" : ` (${obstacle.detail})`}`, remedy: signing }
  }
  if (obstacle !== undefined) return { reason: obstacle.detail, remedy: obstacle.remedy }
  if (/invalid module format|exec format|disagrees about version/i.test(said)) return { reason: "the module was built for another kernel than the one that runs", remedy: "build it anew: rvisor kmod build" }
  if (/unknown symbol/i.test(said)) return { reason: "the kernel lacks something that the module needs", remedy: "rvisor doctor says which options of the kernel it needs; dmesg | tail names what is missing" }
  if (/operation not permitted|permission denied/i.test(said)) return { reason: "the kernel does not let this process load modules", remedy: "load it on the host itself: a container, even its root, usually may not" }
  return { reason: said === "" ? "insmod failed and said nothing" : said, remedy: "dmesg | tail may tell more" }
}

/** Loads a module file, else the one that dkms installed, else what `build` left in this directory. */
export const load = ({ file }: { readonly file: string | undefined }): Effect.Effect<number> =>
  told(Effect.gen(function*() {
    const host = thisHost()
    const before = facts(host)
    if (before.find(({ name }) => name === "module-loaded")!.ok) {
      print("rvisor's module is loaded already")
      return ExitCode.OK
    }
    const modules = before.find(({ name }) => name === "modules")!
    if (!modules.ok) return yield* new KernelModuleError({ step: "load", reason: modules.detail, remedy: modules.remedy })
    yield* asRoot("load")
    const named = file === undefined ? undefined : resolve(file)
    if (named !== undefined && !existsSync(named)) return yield* new KernelModuleError({ step: "load", reason: `${named} does not exist`, remedy: "rvisor kmod build makes it" })
    const installed = named === undefined && (yield* execute("modprobe", ["--dry-run", "rvisor"])).code === 0
    const path = named ?? resolve("rvisor.ko")
    if (!installed && !existsSync(path)) {
      return yield* new KernelModuleError({ step: "load", reason: "there is no module to load: none is installed, and there is no ./rvisor.ko", remedy: "rvisor kmod build && rvisor kmod load" })
    }
    const { code, said } = yield* installed ? execute("modprobe", ["rvisor"]) : execute("insmod", [path])
    if (code === 127) return yield* new KernelModuleError({ step: "load", reason: "insmod is not on this host", remedy: "install kmod (the package of insmod and rmmod)" })
    if (code !== 0) return yield* new KernelModuleError({ step: "load", ...whyNotLoaded(said) })
    const after = facts(host)
    const device = after.find(({ name }) => name === "module-device")!
    const { detail } = after.find(({ name }) => name === "module-loaded")!
    print(`loaded rvisor's module${detail === "" ? "" : `, ${detail}`}; the kernel is marked: ${tainted(host).join(", ") || "not at all"}`)
    if (!device.ok) remark(`${device.detail}\n  remedy: ${device.remedy}`)
    return ExitCode.OK
  }))

/** Takes the module out of the kernel. Refused while anybody uses it: the kernel itself sees to that. */
export const unload = (): Effect.Effect<number> =>
  told(Effect.gen(function*() {
    const host = thisHost()
    if (!facts(host).find(({ name }) => name === "module-loaded")!.ok) {
      print("rvisor's module is not loaded")
      return ExitCode.OK
    }
    yield* asRoot("unload")
    const { code, said } = yield* execute("rmmod", ["rvisor"])
    if (code === 0) {
      print("unloaded rvisor's module")
      return ExitCode.OK
    }
    if (code === 127) return yield* new KernelModuleError({ step: "unload", reason: "rmmod is not on this host", remedy: "install kmod (the package of insmod and rmmod)" })
    const busy = users(host) ?? 0
    return yield* busy > 0 || /in use|busy|temporarily unavailable/i.test(said)
      ? new KernelModuleError({
        step: "unload", reason: `the module is in use: ${busy} open sandboxes and processes in them hold it [EBUSY]`,
        remedy: "end the sandboxes (fuser /dev/rvisor names who runs them), then try again. Do not force it: rmmod -f takes code away that still runs"
      })
      : new KernelModuleError({ step: "unload", reason: said, remedy: "dmesg | tail may tell more" })
  }))

/** How it stands, for people or as JSON. Code 0: a sandbox could use the module now. */
export const status = ({ json }: { readonly json: boolean | undefined }): Effect.Effect<number> =>
  Effect.sync(() => {
    const host = thisHost()
    const found = facts(host)
    const ok = usable(found)
    const marks = tainted(host)
    if (json === true) print(JSON.stringify({ ok, kernel: host.release, users: users(host) ?? 0, tainted: marks, facts: found }, null, 2))
    else print([`Linux ${host.release}`, "", ...found.flatMap(factLines), "", verdict()].join("\n"))
    return ok ? ExitCode.OK : ExitCode.NO

    function verdict(): string {
      const inUse = users(host) ?? 0
      if (ok) return `The module is loaded and may be used${inUse === 0 ? "; nobody does" : `; ${inUse} open sandboxes and processes hold it`}.${marks.length === 0 ? "" : ` The kernel is marked: ${marks.join(", ")}.`}`
      const [first] = obstacles(found)
      return first === undefined ? "Nothing stands in the way: rvisor kmod build, then rvisor kmod load as root." : `Not usable: ${first.detail === "" ? `${first.use}: no` : first.detail}.`
    }
  })

/** A fact as `doctor` shows its features. */
export const factLines = ({ detail, name, ok, remedy, use }: ReturnType<typeof facts>[number]): ReadonlyArray<string> => [
  `${ok ? "yes" : "no "}  ${name.padEnd(28)}${use}${detail === "" ? "" : ` (${detail})`}`,
  ...(ok ? [] : [`       remedy: ${remedy}`])
]
