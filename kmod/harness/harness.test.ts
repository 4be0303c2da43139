/** The parts of the harness that need no virtual machine. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { afterAll, describe, expect, it } from "vitest"
import { compareVersions, dependencies, mirrors, newestKernel, stanzas } from "./archive.ts"
import { warnings } from "./build.ts"
import { complaints } from "./complaints.ts"
import { attacks, everySuite, namesIn, quickSuites } from "./conformance.ts"
import { pack } from "./cpio.ts"
import { HarnessFailure } from "./failure.ts"
import { locked } from "./lock.ts"
import { dependenciesOf } from "./modules.ts"
import { root } from "./place.ts"
import { attempt, run } from "./program.ts"
import { programsScript, Report, takePrograms } from "./report.ts"
import { parse } from "./tap.ts"
import { extractVmlinux } from "./vmlinux.ts"

const directory = mkdtempSync(join(tmpdir(), "rvisor-kmod-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

it("every suite that is to be run in a machine is there", () => expect([...everySuite, ...quickSuites, ...attacks].filter((suite) => !existsSync(join(root, suite)))).toEqual([]))

describe("packages", () => {
  const records = stanzas(`Package: linux-image-amd64
Version: 6.1.176-1
Depends: linux-image-6.1.0-50-amd64 (= 6.1.176-1)
Description: Linux for 64-bit PCs
 continued: here

Package: linux-image-amd64
Version: 6.12.95-1~bpo12+1
Depends: linux-image-6.12.95+deb12-amd64 (= 6.12.95-1~bpo12+1)

Package: linux-image-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2), linux-base | other
`)

  it("takes the newest kernel of a series, and not of another with the same digits", () => {
    expect(newestKernel(records, "6.1")).toBe("6.1.0-56-amd64")
    expect(newestKernel(records, "6.12")).toBe("6.12.95+deb12-amd64")
    expect(newestKernel(records, "6.6")).toBeUndefined()
  })

  it("orders versions by number", () => {
    expect(compareVersions("6.1.9-1", "6.1.10-1")).toBeLessThan(0)
    expect(compareVersions("6.1.10-2", "6.1.10-1")).toBeGreaterThan(0)
    expect(compareVersions("6.12.95-1~bpo12+1", "6.12.95-1~bpo12+1")).toBe(0)
  })

  it("reads dependencies, and of alternatives the first", () => {
    expect(dependencies("linux-base (>= 4.12~), linux-image-6.12.95+deb12-amd64 (= 1) | linux-image-unsigned, gcc-12")).toEqual(["linux-base", "linux-image-6.12.95+deb12-amd64", "gcc-12"])
    expect(dependencies("")).toEqual([])
  })

  const debian = "http://deb.example/debian/ bookworm\nhttp://deb.example/debian/ bookworm-updates\nhttp://sec.example/debian-security/ bookworm-security\nhttps://other.example/x nodistro\n"
  it("takes the mirrors that the host uses", () => {
    expect(mirrors(debian)).toEqual({ main: "http://deb.example/debian", security: "http://sec.example/debian-security" })
    expect(mirrors("http://deb.example/debian trixie\n")).toEqual({ main: "http://deb.example/debian", security: "http://deb.example/debian-security" })
    expect(mirrors(debian, { RVISOR_DEBIAN_MIRROR: "http://mine.example/debian" }).main).toBe("http://mine.example/debian")
  })

  it("says what to do where the host uses none", () => {
    expect(() => mirrors("http://archive.example/ubuntu noble\n")).toThrow(HarnessFailure)
    expect(() => mirrors("")).toThrow(/RVISOR_DEBIAN_MIRROR/)
  })
})

describe("programs", () => {
  it("names the package of a program that is missing", async() => {
    const path = process.env["PATH"]
    process.env["PATH"] = directory
    await expect(attempt("xz", [])).rejects.toThrow(/xz is not on this host[\s\S]*xz-utils/)
    process.env["PATH"] = path
  })

  it("reports what a failed program said", async() => {
    await expect(run("sh", ["-c", "echo out; echo err >&2; exit 3"])).rejects.toThrow(/ended with 3:\nout\nerr/)
  })
})

describe("the lock", () => {
  it("lets one in at a time", async() => {
    const order: Array<string> = []
    const enter = (name: string) =>
      locked(join(directory, "lock"), async() => {
        order.push(`${name} in`)
        await new Promise((resolve) => setTimeout(resolve, 30))
        order.push(`${name} out`)
      })
    await Promise.all([enter("a"), enter("b"), enter("c")])
    for (let i = 0; i < order.length; i += 2) expect(order[i]!.slice(0, 1)).toBe(order[i + 1]!.slice(0, 1))
    expect(order).toHaveLength(6)
  })

  it("is let go of by a process that is killed", async() => {
    const script = `import { locked } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))}
      await locked(${JSON.stringify(join(directory, "lock"))}, () => { console.log("held"); return new Promise(() => setInterval(() => {}, 1000)) })`
    const other = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] })
    await new Promise((resolve) => other.stdout.once("data", resolve))
    let mine = false
    const entering = locked(join(directory, "lock"), async() => { mine = true })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(mine).toBe(false)
    other.kill("SIGKILL")
    await entering
    expect(mine).toBe(true)
  })
})

describe("the archive of the first file system", () => {
  const entries = [
    { kind: "directory", path: "d", mode: 0o755 },
    { kind: "file", path: "d/odd length", mode: 0o640, data: Buffer.from("12345") },
    { kind: "file", path: "d/empty", mode: 0o755, data: Buffer.from("") },
    { kind: "link", path: "l", target: "d/odd length" }
  ] as const
  // Checked by another's reader, where there is one.
  const reader = (["cpio", "busybox", "bsdtar"] as const).find((name) => spawnSync(name, ["--help"]).error === undefined)

  it.runIf(reader !== undefined)("is read by others", () => {
    const place = mkdtempSync(join(directory, "cpio-"))
    const words = { cpio: ["-idm", "--quiet"], busybox: ["cpio", "-id"], bsdtar: ["-xf", "-"] }[reader!]
    execFileSync(reader!, words, { cwd: place, input: pack(entries), stdio: ["pipe", "ignore", "ignore"] })
    expect(readdirSync(place).sort()).toEqual(["d", "l"])
    expect(readFileSync(join(place, "l"), "utf8")).toBe("12345")
    expect(readFileSync(join(place, "d/empty"), "utf8")).toBe("")
  })

  it("is the same every time, and aligned", () => {
    expect(pack(entries).equals(pack(entries))).toBe(true)
    expect(pack(entries).length % 4).toBe(0)
  })
})

describe("the kernel within an image", () => {
  const elf = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(5000, 7)])
  const image = (payload: Buffer, size = elf.length): Buffer => {
    const head = Buffer.alloc(2 * 512)
    head[0x1f1] = 1
    head.write("HdrS", 0x202, "latin1")
    head.writeUInt16LE(0x20f, 0x206)
    head.writeUInt32LE(0, 0x248)
    head.writeUInt32LE(payload.length + 4, 0x24c)
    const trailer = Buffer.alloc(4)
    trailer.writeUInt32LE(size)
    return Buffer.concat([head, payload, trailer])
  }

  it("is unpacked, from zstd and from xz", () => {
    expect(extractVmlinux(image(zstdCompressSync(elf))).equals(elf)).toBe(true)
    const xz = spawnSync("xz", ["--stdout"], { input: elf })
    if (xz.error === undefined) expect(extractVmlinux(image(xz.stdout)).equals(elf)).toBe(true)
  })

  it.each([
    ["no kernel", Buffer.alloc(4096), /no boot header/],
    ["a short file", Buffer.alloc(10), /no boot header/],
    ["a truncated image", image(zstdCompressSync(elf)).subarray(0, 1040), /cut off/],
    ["an unknown packing", image(Buffer.from("what is this")), /unknown way/],
    ["another length than said", image(zstdCompressSync(elf), 17), /something else/]
  ])("%s is refused", (_, data, message) => {
    expect(() => extractVmlinux(data)).toThrow(message)
  })
})

it("reads what a kernel module depends on", () => {
  expect(dependenciesOf(Buffer.from("\0license=GPL\0depends=9pnet,virtio-ring\0name=x\0"))).toEqual(["9pnet", "virtio_ring"])
  expect(dependenciesOf(Buffer.from("\0depends=\0"))).toEqual([])
  expect(dependenciesOf(Buffer.from("nothing"))).toEqual([])
})

describe("complaints of a kernel", () => {
  it.each([
    "[    3.90] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "[    3.90] Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "[    4.08] WARNING: CPU: 0 PID: 102 at faulty.c:84 faulty_init+0x33/0x1000 [faulty]",
    "[   28.79] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [insmod:102]",
    "[   24.44] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "[    3.58] BUG kmalloc-64 (Tainted: G           OE     ): Poison overwritten",
    "[    9.00] INFO: task insmod:99 blocked for more than 120 seconds.",
    "[    9.00] WARNING: possible circular locking dependency detected",
    "[    9.00] WARNING: suspicious RCU usage",
    "[    9.00] BUG: KASAN: slab-out-of-bounds in f+0x1/0x2 [m]",
    "[    9.00] UBSAN: array-index-out-of-bounds in m.c:1:2",
    "[    9.00] BUG: scheduling while atomic: insmod/99/0x00000002",
    "[    9.00] BUG: sleeping function called from invalid context at mutex.c:1",
    "[    9.00] refcount_t: underflow; use-after-free.",
    "[    9.00] list_del corruption. prev->next should be x",
    "[    9.00] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "[    9.00] Kernel panic - not syncing: sysrq triggered crash"
  ])("%s", (line) => {
    expect(complaints(`[    1.0] Linux version\n${line}\n[    9.1] more\n`)).toEqual([line])
  })

  it.each([
    "[    0.00] Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0)",
    "[    0.10] rcu: \tRCU restricting CPUs from NR_CPUS=8192 to nr_cpu_ids=2.",
    "[    0.20] Spectre V2 : WARN_ONLY is no word",
    "[    3.00] rvisor: loading out-of-tree module taints kernel.",
    "[    3.00] rvisor: module verification failed: signature and/or required key missing - tainting kernel",
    "[    0.30] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
    "[    0.30] ACPI BIOS debugging: off"
  ])("nothing wrong: %s", (line) => {
    expect(complaints(line)).toEqual([])
  })
})

describe("what test programs say", () => {
  it("is read", () => {
    const { plan, results } = parse(["TAP version 13", "1..4", "ok 1 - opens", "# errno 13", "not ok 2 - refuses a bad version", "ok 3 - x32 # SKIP no x32 here", "ok 4 global.kcmp", "# Totals"])
    expect(plan).toBe(4)
    expect(results).toEqual([
      { name: "opens", verdict: "passed", why: "" },
      { name: "refuses a bad version", verdict: "failed", why: "# errno 13" },
      { name: "x32", verdict: "skipped", why: "no x32 here" },
      { name: "global.kcmp", verdict: "passed", why: "" }
    ])
  })

  const counted = (lines: ReadonlyArray<string>) => {
    const report = new Report("")
    const log = console.log
    const said: Array<string> = []
    console.log = (text: string) => said.push(text)
    takePrograms(report, lines)
    console.log = log
    return { ...report.count, said: said.join("\n") }
  }

  it("is counted by program", () => {
    expect(counted(["#### program a", "ok 1 - x", "#### ended 0", "#### program b -v", "ok 1 - y", "not ok 2 - z", "#### ended 1"])).toMatchObject({ passed: 2, failed: 1 })
  })

  it.each([
    ["a program that crashes", ["#### program a", "ok 1 - x", "#### ended 139"], /ended with 139/],
    ["a program that stops early", ["#### program a", "1..3", "ok 1 - x", "#### ended 0"], /3 results were planned, and 1 came/],
    ["a program that says nothing", ["#### program a", "#### ended 0"], /no result/],
    ["a machine that died under it", ["#### program a", "ok 1 - x", "half a li"], /comes to its end/]
  ])("%s has failed", (_, lines, message) => {
    const { failed, said } = counted(lines)
    expect(failed).toBe(1)
    expect(said).toMatch(message)
  })

  it("is told apart by the script that runs them", () => {
    const path = join(directory, "it's")
    writeFileSync(path, "#!/bin/sh\necho \"ok 1 - $1\"\nexit 4\n", { mode: 0o755 })
    expect(spawnSync("sh", ["-c", programsScript([["it's", "a b"]], 5)], { cwd: directory, encoding: "utf8" }).stdout).toBe("#### program it's a b\nok 1 - a b\n#### ended 4\n")
  })
})

describe("a suite", () => {
  const file = join(directory, "suite.ts")
  writeFileSync(file, `import { afterAll, beforeAll, describe, it } from ${JSON.stringify(join(import.meta.dirname, "suite.ts"))}
    describe("a", () => {
      beforeAll(() => console.log("# prepared a"))
      it("one", () => {})
      it("two", () => { throw new Error("no") })
    })
    describe("b", () => {
      afterAll(() => console.log("# put away b"))
      it("one", () => {})
    })
    it("endless", () => new Promise(() => setInterval(() => {}, 1000)), 20)
  `)
  const said = (...names: ReadonlyArray<string>): ReadonlyArray<string> =>
    spawnSync(process.execPath, [file], { encoding: "utf8", env: { ...process.env, RVISOR_TEST_NAMES: JSON.stringify(names) } }).stdout.trimEnd().split("\n").filter((line) => !line.startsWith("#  ") && !line.startsWith("# Error"))

  it("runs every test, and goes on behind one that fails or does not end", () =>
    expect(said()).toEqual(["# prepared a", "ok 1 - a › one", "not ok 2 - a › two", "ok 3 - b › one", "# put away b", "not ok 4 - endless", "1..4"]))

  it("runs those whose names are asked for, and prepares nothing else", () => {
    expect(said("b ›")).toEqual(["ok 1 - b › one", "# put away b", "1..1"])
    expect(said("two", "endless")).toEqual(["# prepared a", "not ok 1 - a › two", "not ok 2 - endless", "1..2"])
  })

  it("without such a test is left out, and its tests count as none", () => {
    expect(said("three")).toEqual(["ok 1 - no test of these names # SKIP", "1..1"])
    expect(namesIn(["#### program kmod s", ...said("three"), "#### ended 0", "#### program kmod t", ...said("two"), "#### ended 0"], "kmod")).toEqual(["t a › two"])
  })
})

it("warnings are those of our own files", () => {
  const said = "/k/include/linux/bits.h:25:36: warning: always false\n/t/kmod/a.c:3:1: warning: unused variable\n  CC [M] a.o\nWARNING: modpost: missing MODULE_DESCRIPTION()\nwarning: the compiler differs from the one used to build the kernel\n"
  expect(warnings(said, "/t")).toEqual(["/t/kmod/a.c:3:1: warning: unused variable", "WARNING: modpost: missing MODULE_DESCRIPTION()"])
})
