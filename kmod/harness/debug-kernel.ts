/**
 * A kernel that watches itself: Linux as Debian patches it, small, with KASAN (every memory access is checked), lockdep (every
 * lock's order), and checks of lists, of atomic contexts and of RCU. Building it takes a quarter of an hour on two processors; it is done
 * once, and again when its sources or `debug.config` change.
 */
import { createHash } from "node:crypto"
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { HarnessFailure } from "./failure.ts"
import { locked } from "./lock.ts"
import { type Kernel, kernelSource, programs } from "./packages.ts"
import { cache } from "./place.ts"
import { attempt } from "./program.ts"
import { step } from "./progress.ts"

const options = join(import.meta.dirname, "debug.config")

/** The environment in which tools and libraries are found that are unpacked and not installed. */
const environment = async (): Promise<NodeJS.ProcessEnv> => {
  const root = await programs("build-tools", ["flex", "bison", "m4", "bc", "libelf-dev", "libelf1", "zlib1g-dev", "zlib1g"])
  const libraries = join(root, "usr/lib/x86_64-linux-gnu")
  return {
    ...process.env, PATH: `${join(root, "usr/bin")}:${process.env["PATH"]}`, M4: existsSync(join(root, "usr/bin/m4")) ? join(root, "usr/bin/m4") : "m4",
    BISON_PKGDATADIR: join(root, "usr/share/bison"), LD_LIBRARY_PATH: libraries, LIBRARY_PATH: libraries, C_INCLUDE_PATH: join(root, "usr/include")
  }
}

export const debugKernel = (): Promise<Kernel> =>
  locked(join(cache, "debug-kernel.lock"), async () => {
    const source = await kernelSource("6.1")
    const out = join(cache, "debug-kernel")
    const version = /^VERSION = (\d+)\nPATCHLEVEL = (\d+)\nSUBLEVEL = (\d+)$/m.exec(readFileSync(join(source, "Makefile"), "utf8"))?.slice(1).join(".")
    const wanted = createHash("sha256").update(`${version}\n`).update(readFileSync(options)).digest("hex")
    const stamp = join(out, ".rvisor")
    // Not the vmlinux, which a virtual machine enters at once: what runs there first is instrumented, and has no shadow to look at yet.
    const image = join(out, "arch/x86/boot/bzImage")
    const described = (): Kernel => ({
      series: "6.1-debug", release: readFileSync(join(out, "include/config/kernel.release"), "utf8").trim(), vmlinux: image, modules: join(cache, "nowhere"), headers: out
    })
    if (existsSync(image) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return described()
    const env = await environment()
    mkdirSync(out, { recursive: true })
    rmSync(stamp, { force: true })
    copyFileSync(options, join(out, "wanted.config"))
    const made = async (what: string, ...targets: ReadonlyArray<string>): Promise<void> => step(what, async () => {
      const { code, stderr } = await attempt("nice", ["make", "-C", source, `O=${out}`, `-j${availableParallelism()}`, ...targets], { env })
      if (code !== 0) throw new HarnessFailure("build", `the debug kernel does not build:\n${stderr.trimEnd().split("\n").slice(-20).join("\n")}`, "")
    })
    await made("configuration of the debug kernel", `KCONFIG_ALLCONFIG=${join(out, "wanted.config")}`, "allnoconfig")
    const got = new Set(readFileSync(join(out, ".config"), "utf8").split("\n"))
    const refused = readFileSync(options, "utf8").split("\n").filter((line) => line.startsWith("CONFIG_") && !got.has(line))
    if (refused.length > 0) throw new HarnessFailure("build", `this kernel does not take ${refused.join(", ")}`, "mend kmod/harness/debug.config")
    await made(`debug kernel ${version} (a quarter of an hour)`, "bzImage", "modules")
    writeFileSync(stamp, wanted)
    return described()
  })
