/** What is said of hosts of every kind: directories that look like their roots. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { scratch } from "../test/support/sandbox.ts"
import { type Fact, facts, headersOf, obstacles, tainted, usable, users } from "./kernel-module.ts"

const directory = scratch()
const release = "6.1.0-56-amd64"
let hosts = 0

const config = (without: ReadonlyArray<string> = []): string =>
  ["MODULES", "SECCOMP_FILTER", "DYNAMIC_FTRACE_WITH_ARGS", "KPROBES", "KALLSYMS_ALL", "SECURITY_PATH", "SECURITY_NETWORK", "HAVE_STATIC_CALL_INLINE", "TRACEPOINTS"]
    .map((option) => without.includes(option) ? `# CONFIG_${option} is not set` : `CONFIG_${option}=y`).join("\n")

/** A host of Debian, on which everything is as it should be but for the module, which is not loaded; with other files, or (undefined) without some. */
const host = (files: Readonly<Record<string, string | Buffer | undefined>> = {}) => {
  const root = join(directory, `host-${hosts++}`)
  const all = {
    "proc/modules": "", "proc/sys/kernel/modules_disabled": "0\n", "proc/sys/kernel/tainted": "0\n", [`boot/config-${release}`]: config(),
    [`lib/modules/${release}/build/Makefile`]: "", "sys/kernel/security/lockdown": "[none] integrity confidentiality\n", "sys/module/module/parameters/sig_enforce": "N\n",
    "etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", "bin/make": "", "bin/gcc": "", ...files
  }
  for (const [name, data] of Object.entries(all)) {
    if (data === undefined) continue
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), data)
    if (name.startsWith("bin/")) chmodSync(join(root, name), 0o755)
  }
  return { root, release, path: join(root, "bin") }
}

const said = (subject: ReturnType<typeof host>): Readonly<Record<string, Fact>> => Object.fromEntries(facts(subject).map((fact) => [fact.name, fact]))

describe("the facts about the kernel module", () => {
  it("nothing stands in the way", () => {
    const subject = host()
    expect(obstacles(facts(subject))).toEqual([])
    expect(usable(facts(subject))).toBe(false)
    expect(users(subject)).toBeUndefined()
    expect(said(subject)["module-loaded"]).toMatchObject({ ok: false, remedy: expect.stringContaining("rvisor kmod load") })
  })

  it.each([
    ["a kernel without modules", { "proc/modules": undefined }, "modules", /CONFIG_MODULES/],
    ["loading that is switched off", { "proc/sys/kernel/modules_disabled": "1\n" }, "modules", /modules_disabled/],
    ["an option that is missing", { [`boot/config-${release}`]: config(["KPROBES", "SECURITY_PATH"]) }, "kernel-config", /not set in \/boot\/config-6\.1\.0-56-amd64: CONFIG_KPROBES, CONFIG_SECURITY_PATH$/],
    ["a configuration that is hidden", { [`boot/config-${release}`]: undefined }, "kernel-config", /not to be found/],
    ["no headers", { [`lib/modules/${release}/build/Makefile`]: undefined }, "kernel-headers", /^$/],
    ["no compiler", { "bin/gcc": undefined }, "compiler", /missing: gcc/],
    ["lockdown", { "sys/kernel/security/lockdown": "none [integrity] confidentiality\n" }, "lockdown", /integrity/],
    ["signatures", { "sys/module/module/parameters/sig_enforce": "Y\n" }, "signatures", /sig_enforce/]
  ] as const)("%s", (_, files, name, detail) => {
    const found = obstacles(facts(host(files)))
    expect(found.map((fact) => fact.name)).toEqual([name])
    expect(found[0]!.detail).toMatch(detail)
    expect(found[0]!.remedy).not.toBe("")
  })

  it("reads the configuration that the kernel itself shows, before that of a file", () => {
    const fact = said(host({ "proc/config.gz": gzipSync(config(["KALLSYMS_ALL"])) }))["kernel-config"]
    expect(fact).toMatchObject({ ok: false, detail: "not set in /proc/config.gz: CONFIG_KALLSYMS_ALL" })
  })

  it.each([
    ["ID=debian", /apt-get install linux-headers-6\.1\.0-56-amd64/],
    ["ID=ubuntu\nID_LIKE=debian", /apt-get install/],
    ["ID=rocky\nID_LIKE=\"rhel centos fedora\"", /dnf install kernel-devel-6\.1\.0-56-amd64/],
    ["ID=arch", /pacman/],
    ["ID=opensuse-leap\nID_LIKE=\"suse opensuse\"", /zypper/],
    ["ID=nixos", /your distribution's headers/]
  ])("names the headers' package of %s", (os, remedy) => {
    expect(said(host({ [`lib/modules/${release}/build/Makefile`]: undefined, "etc/os-release": `${os}\n` }))["kernel-headers"]!.remedy).toMatch(remedy)
  })

  it("finds headers where Debian puts them for kernels that do not run", () => {
    const subject = host({ [`lib/modules/${release}/build/Makefile`]: undefined, [`usr/src/linux-headers-${release}/Makefile`]: "" })
    expect(headersOf(subject)).toBe(join(subject.root, `usr/src/linux-headers-${release}`))
  })

  it("a module that is loaded, and a device that is none", () => {
    const subject = host({ "sys/module/rvisor/version": "1\n", "sys/module/rvisor/refcnt": "3\n", "dev/rvisor": "not a device" })
    expect(said(subject)["module-loaded"]).toMatchObject({ ok: true, detail: "version 1" })
    expect(said(subject)["module-device"]).toMatchObject({ ok: false, detail: "/dev/rvisor is no device" })
    expect(obstacles(facts(subject)).map((fact) => fact.name)).toEqual(["module-device"])
    expect(users(subject)).toBe(3)
    expect(usable(facts(subject))).toBe(false)
  })

  it("tells what the kernel's marks mean", () => {
    expect(tainted(host({ "proc/sys/kernel/tainted": `${2 ** 12 + 2 ** 13}\n` }))).toEqual(["O: a module built out of the kernel's tree", "E: a module without a signature"])
    expect(tainted(host())).toEqual([])
  })

  it("an empty root has an answer to everything", () => {
    expect(obstacles(facts({ root: join(directory, "nowhere"), release, path: "" })).map((fact) => fact.name)).toEqual(["modules", "kernel-config", "kernel-headers", "compiler"])
  })
})
