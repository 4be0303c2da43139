/**
 * What the virtual machines are made of, from Debian packages unpacked into `.cache/kmod`:
 *
 * | directory         | holds                                                                            |
 * |-------------------|----------------------------------------------------------------------------------|
 * | `kernels/RELEASE` | `vmlinux`, `boot/`, `lib/modules` (what a virtual machine may want), `usr/src` (headers) |
 * | `qemu`            | QEMU with its libraries and firmware                                             |
 * | `busybox`         | a static busybox                                                                 |
 * | `apt`             | package lists and half downloads                                                 |
 *
 * Every directory appears at once, complete, or not at all. What is there is used as it is, so nothing needs the network the
 * second time; `update` looks for newer kernels.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Archive, dependencies, newestKernel, openArchive } from "./archive.ts"
import { HarnessFailure } from "./failure.ts"
import { locked } from "./lock.ts"
import { cache } from "./place.ts"
import { attempt, run } from "./program.ts"
import { step } from "./progress.ts"
import { extractVmlinux } from "./vmlinux.ts"

/** Kernels that the module is built and tested for: Debian 12's own, and the one of its backports. */
export const seriesOfTests = ["6.1", "6.12"] as const
export type Series = (typeof seriesOfTests)[number]

export interface Kernel {
  readonly series: string
  /** As `uname -r` says it. */
  readonly release: string
  /** What QEMU starts. */
  readonly vmlinux: string
  /** Directory of its modules, `…/lib/modules/RELEASE`. */
  readonly modules: string
  /** Where Kbuild is, as `/lib/modules/RELEASE/build` on an installed system. */
  readonly headers: string
}

export interface Qemu {
  readonly program: string
  readonly arguments: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly version: string
  /** Whether a guest's processors may run on threads of their own. Before version 10 a guest that patches its code, as ftrace does, hangs then. */
  readonly threads: boolean
}

/** What has been found in this process is not looked for again. */
const found = new Map<string, Promise<unknown>>()
const once = <A>(key: string, find: () => Promise<A>): Promise<A> => {
  const known = found.get(key) as Promise<A> | undefined
  if (known !== undefined) return known
  const finding = locked(lock, find, waiting)
  found.set(key, finding)
  return finding
}

const lock = join(cache, "lock")
const waiting = () => process.stderr.write("· waiting for another run that fills .cache/kmod\n")

/** Fills `directory` by `fill` into a place beside it, and puts it there in one step. */
const complete = async (directory: string, fill: (fresh: string) => Promise<void>): Promise<void> => {
  const fresh = `${directory}.partial`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  await fill(fresh)
  rmSync(directory, { recursive: true, force: true })
  renameSync(fresh, directory)
}

const unpack = async (debs: ReadonlyArray<string>, directory: string): Promise<void> => {
  for (const deb of debs) {
    await run("dpkg", ["-x", deb, directory])
    rmSync(deb)
  }
}

let opened: Promise<Archive> | undefined
const archive = (): Promise<Archive> => opened ??= openArchive(join(cache, "apt"))

/** Of a kernel's modules, the directories that a virtual machine may want; the rest is drivers of hardware. */
const wantedModules = ["fs", "net", "crypto", "lib", "arch", "drivers/virtio", "drivers/char", "drivers/block"]

/** Kbuild with its paths made relative to where it was unpacked. */
const mendHeaders = (root: string, release: string): void => {
  const makefile = join(root, "usr/src", `linux-headers-${release}`, "Makefile")
  const text = readFileSync(makefile, "utf8")
  const mended = text.replace(/^(\s*include )\/usr\/src\//m, `$1${join(root, "usr/src")}/`)
  if (text === mended && text.includes("/usr/src/")) throw new HarnessFailure("format", `${makefile} includes its common part in an unknown way`, "")
  // Where it was unpacked to is not where it will lie.
  writeFileSync(makefile, mended.replaceAll(".partial/", "/"))
  // With this file Kbuild makes type data by a program (pahole) that a host need not have.
  rmSync(join(dirname(makefile), "vmlinux"), { force: true })
}

const unpackKernel = (release: string, directory: string): Promise<void> =>
  complete(directory, async (fresh) => {
    const from = await archive()
    const headers = `linux-headers-${release}`
    const [record] = await from.show(headers)
    const parts = dependencies(record?.["Depends"] ?? "").filter((name) => /^linux-(headers|kbuild)-/.test(name))
    const debs = await from.download([`linux-image-${release}`, headers, ...parts], join(fresh, "debs"))
    await step(`kernel ${release}`, async () => {
      const image = debs.find((deb) => deb.includes("/linux-image-"))!
      const paths = ["./boot", ...wantedModules.map((part) => `./lib/modules/${release}/kernel/${part}`)]
      await run("sh", ["-c", "deb=$0 to=$1; shift; dpkg-deb --fsys-tarfile \"$deb\" | tar --extract --directory \"$to\" \"$@\"", image, fresh, ...paths])
      await unpack(debs.filter((deb) => deb !== image), fresh)
      mendHeaders(fresh, release)
      writeFileSync(join(fresh, "vmlinux"), extractVmlinux(readFileSync(join(fresh, "boot", `vmlinuz-${release}`))))
      rmSync(join(fresh, "debs"), { recursive: true })
    })
  })

/** Which release a series came to when its kernel was unpacked. */
const chosen = (series: string): string => join(cache, "kernels", series)

const described = (series: string, release: string): Kernel => {
  const root = join(cache, "kernels", release)
  return { series, release, vmlinux: join(root, "vmlinux"), modules: join(root, "lib/modules", release), headers: join(root, "usr/src", `linux-headers-${release}`) }
}

/** The newest kernel of a series that Debian has, unpacked. With `update`, newer than what lies there already. */
export const kernel = (series: Series, { update = false }: { readonly update?: boolean } = {}): Promise<Kernel> =>
  once(`kernel ${series} ${update}`, async () => {
    const known = existsSync(chosen(series)) ? readFileSync(chosen(series), "utf8") : undefined
    if (known !== undefined && !update && existsSync(described(series, known).vmlinux)) return described(series, known)
    const release = newestKernel(await (await archive()).show("linux-image-amd64"), series)
    if (release === undefined) throw new HarnessFailure("archive", `Debian's archive has no kernel ${series} for amd64`, "")
    if (!existsSync(described(series, release).vmlinux)) await unpackKernel(release, join(cache, "kernels", release))
    if (known !== undefined && known !== release) rmSync(join(cache, "kernels", known), { recursive: true, force: true })
    writeFileSync(chosen(series), release)
    return described(series, release)
  })

const versionOf = async (program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>): Promise<string | undefined> => {
  const { code, stdout } = await attempt(program, [...args, "--version"], { env: { ...process.env, ...env } }).catch(() => ({ code: 1, stdout: "" }))
  return code === 0 ? /version (\d+(?:\.\d+)*)/.exec(stdout)?.[1] : undefined
}

/** An unpacked QEMU: its libraries and its firmware lie beside it. */
const unpackedQemu = async (root: string): Promise<Qemu | undefined> => {
  const program = join(root, "usr/bin/qemu-system-x86_64")
  if (!existsSync(program)) return undefined
  const env = { LD_LIBRARY_PATH: ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map((part) => join(root, part)).join(":") }
  const args = ["usr/share/seabios", "usr/share/qemu"].flatMap((part) => ["-L", join(root, part)])
  const version = await versionOf(program, args, env)
  return version === undefined ? undefined : { program, arguments: args, env, version, threads: Number.parseInt(version) >= 10 }
}

/** QEMU: version 10 or newer where it is to be had (of the host, or of Debian's backports), else that of Debian 12. */
export const qemu = (): Promise<Qemu> =>
  once("qemu", async () => {
    const installed = await versionOf("qemu-system-x86_64", [], {})
    if (installed !== undefined && Number.parseInt(installed) >= 10) return { program: "qemu-system-x86_64", arguments: [], env: {}, version: installed, threads: true }
    const root = join(cache, "qemu")
    const present = await unpackedQemu(root)
    if (present !== undefined) return present
    await complete(root, async (fresh) => {
      const from = await archive()
      const backported = (await from.show("qemu-system-x86")).some((record) => record["Version"]!.includes("~bpo"))
      const debs = await from.downloadClosure(["qemu-system-x86"], backported ? "bookworm-backports" : undefined, join(fresh, "debs"))
      await step("QEMU", () => unpack(debs, fresh))
    })
    const made = await unpackedQemu(root)
    if (made === undefined) throw new HarnessFailure("format", "the unpacked QEMU does not run on this host", "install qemu-system-x86, version 10 or newer")
    return made
  })

/** A static busybox. */
export const busybox = (): Promise<string> =>
  once("busybox", async () => {
    const root = join(cache, "busybox")
    const find = () => ["bin/busybox", "usr/bin/busybox"].map((path) => join(root, path)).find((path) => existsSync(path))
    if (find() === undefined) await complete(root, async (fresh) => unpack(await (await archive()).download(["busybox-static"], join(fresh, "debs")), fresh))
    const found = find()
    if (found === undefined) throw new HarnessFailure("format", "the package busybox-static holds no busybox", "")
    return found
  })

/** Programs of Debian packages, unpacked with the libraries that this host lacks; answers the directory that takes the place of `/`. */
export const programs = (name: string, packages: ReadonlyArray<string>): Promise<string> =>
  once(`programs ${name}`, async () => {
    const root = join(cache, name)
    if (!existsSync(root)) {
      await complete(root, async (fresh) => {
        const debs = await (await archive()).downloadClosure(packages, undefined, join(fresh, "debs"))
        await step(packages.join(", "), () => unpack(debs, fresh))
      })
    }
    return root
  })

/** The sources of a kernel series, as Debian ships them, unpacked. */
export const kernelSource = (series: Series): Promise<string> =>
  once(`source ${series}`, async () => {
    const root = join(cache, `source-${series}`)
    if (!existsSync(root)) {
      await complete(root, async (fresh) => {
        await unpack(await (await archive()).download([`linux-source-${series}`], join(fresh, "debs")), join(fresh, "package"))
        const tar = join(fresh, "package/usr/src", `linux-source-${series}.tar.xz`)
        await step(`sources of Linux ${series}`, () => run("tar", ["--extract", "--xz", "--strip-components=1", "--directory", fresh, "--file", tar]))
        for (const part of ["package", "debs"]) rmSync(join(fresh, part), { recursive: true, force: true })
      })
    }
    if (!readdirSync(root).includes("Makefile")) throw new HarnessFailure("format", `${root} holds no kernel sources`, `delete ${root} and try again`)
    return root
  })
