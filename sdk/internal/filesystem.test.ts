/** Rules over a scratch tree of the host, looked at as the plan they become. What the guest then meets is tested in test/conformance. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Command from "../Command.ts"
import type { PolicyError } from "../errors.ts"
import * as Policy from "../Policy.ts"
import { compile, type Compiled } from "./compile.ts"
import type { Host } from "./host.ts"
import type { Mount } from "./protocol.ts"

const base = realpathSync(mkdtempSync(join(tmpdir(), "rules-")))
const at = (path: string): string => join(base, path)
const host: Host = { uid: 500, gid: 600, cwd: base, home: at("home"), env: { LANG: "C.UTF-8", LC_TIME: "de_DE", SECRET: "s" } }

beforeAll(() => {
  for (const path of ["proj/src/deep", "proj/secret/inner", "proj/out", "proj/mnt", "proj/sealed", "other", "root/proc", "root/dev", "root/tmp", "root/etc", "upper", "home/.ssh"]) mkdirSync(at(path), { recursive: true })
  for (const path of ["proj/.env", "proj/src/.env", "proj/src/deep/.env", "proj/src/a.txt", "proj/secret/key", "proj/sealed/.env", "proj/empty", "other/file", "root/etc/shadow", "proj/[odd]"]) writeFileSync(at(path), path)
  symlinkSync("src/a.txt", at("proj/link.env"))
  symlinkSync(at("proj"), at("alias"))
  symlinkSync("../secret", at("proj/src/way"))
  symlinkSync("loop", at("loop"))
  symlinkSync("nowhere", at("dangling"))
})
afterAll(() => {
  chmodSync(at("proj/sealed"), 0o755)
  rmSync(base, { recursive: true })
})

const plan = (input: Policy.PolicyInput, command = Command.make("true"), on = host): Compiled => Effect.runSync(compile(Policy.make(input), command, on))
const errorOf = (input: Policy.PolicyInput, command = Command.make("true")): PolicyError => Effect.runSync(Effect.flip(compile(Policy.make(input), command, host)))
const faults = (input: Policy.PolicyInput): ReadonlyArray<string> => errorOf(input).faults.map((f) => `${f.path}: ${f.message}`.replaceAll(base, ""))

/** Mounts of the scratch tree, shortened: `ro proj`, `rw proj/out`, `mask proj/.env`. */
const shown = ({ plan: { view } }: Compiled): ReadonlyArray<string> =>
  view.mounts.filter((m) => m.target.startsWith(base) || m.target.startsWith("/guest")).map((m: Mount) => {
    const target = m.target.startsWith(base) ? m.target.slice(base.length + 1) : m.target
    return m.type === "bind" ? `${m.writable ? "rw" : "ro"} ${target}${m.source === m.target ? "" : ` < ${m.source.slice(base.length + 1)}`}` : `${m.type} ${target}`
  })

describe("grants", () => {
  it("are bound under their own name, or another", () => {
    expect(shown(plan({ filesystem: { read: [at("proj"), { path: at("other"), as: "/guest/o" }], write: [{ path: at("proj/out"), as: "/guest/w" }] } })).toSorted()).toEqual(["ro /guest/o < other", "ro proj", "rw /guest/w < proj/out"])
  })

  it("keep the name they were given by where it passes through a link, and bind what is behind it", () => {
    expect(shown(plan({ filesystem: { read: [at("alias")] } }))).toEqual(["ro alias < proj"])
  })

  it("parents come before children", () => {
    expect(shown(plan({ filesystem: { write: [at("proj/out")], tmpfs: [at("proj/mnt")], read: [at("proj")], overlay: [at("proj/src")], virtual: { [at("proj/src/a.txt")]: "x" } } }))).toEqual(
      ["ro proj", "overlay proj/src", "tmpfs proj/mnt", "rw proj/out", "file proj/src/a.txt"]
    )
  })

  it("write beats read, nested or not", () => {
    expect(shown(plan({ filesystem: { read: [at("proj"), at("proj/out")], write: [at("proj/out")] } }))).toEqual(["ro proj", "rw proj/out"])
    expect(shown(plan({ filesystem: { write: [at("proj")], read: [at("proj/src")] } }))).toEqual(["rw proj"])
  })

  it("at one place virtual beats overlay, overlay tmpfs, tmpfs write, write read", () => {
    const target = at("proj/mnt")
    const rules = { read: [target], write: [target], tmpfs: [target], overlay: [target] } as const
    expect(shown(plan({ filesystem: rules }))).toEqual(["overlay proj/mnt"])
    expect(shown(plan({ filesystem: { ...rules, overlay: [] } }))).toEqual(["tmpfs proj/mnt"])
    expect(shown(plan({ filesystem: { ...rules, overlay: [], tmpfs: [] } }))).toEqual(["rw proj/mnt"])
    expect(shown(plan({ filesystem: { write: [at("proj/empty")], virtual: { [at("proj/empty")]: "" } } }))).toEqual(["file proj/empty"])
  })

  it("two of one kind cannot stand in one place", () => {
    expect(faults({ filesystem: { read: [{ path: at("proj"), as: "/guest" }, { path: at("other"), as: "/guest" }] } })).toEqual([
      "filesystem.read[1]: \"/guest\" is already given something else by filesystem.read[0]"
    ])
  })

  it("replace the system's part where they name it", () => {
    const { view } = plan({ filesystem: { tmpfs: ["/etc"], virtual: { "/etc/motd": "hi" } } }).plan
    expect(view.mounts.filter((m) => m.target.startsWith("/etc")).map((m) => `${m.type} ${m.target}`)).toEqual(["tmpfs /etc", "file /etc/motd"])
  })

  it("lead where the guest's own links lead", () => {
    const { view } = plan({ filesystem: { tmpfs: ["/var/run/x"] } }).plan
    expect(view.mounts.find((m) => m.type === "tmpfs" && m.target.endsWith("/x"))?.target).toBe("/run/x")
  })

  it("over missing paths are faults, unless optional", () => {
    expect(faults({ filesystem: { read: [at("none")], write: [at("dangling"), at("other/file/x"), at("loop")] } })).toEqual([
      "filesystem.read[0]: \"/none\" does not exist",
      "filesystem.write[0]: \"/dangling\" does not exist",
      "filesystem.write[1]: \"/other/file/x\" lies beneath something that is no directory",
      "filesystem.write[2]: \"/loop\" is a chain of symbolic links without an end"
    ])
    expect(shown(plan({ filesystem: { read: [{ path: at("none"), optional: true }], deny: [{ path: at("none"), optional: true }] } }))).toEqual([])
  })

  it("cannot be placed where the host has no place for them", () => {
    expect(faults({ filesystem: { read: [at("proj"), { path: at("other"), as: at("proj/new") }, { path: at("other"), as: at("proj/empty") }, { path: at("other"), as: at("proj/link.env/x") }], virtual: { [at("proj/none")]: "x", [at("proj/out")]: "x" } } }).toSorted()).toEqual([
      "filesystem.read[1]: there is no \"/proj/new\" to mount over: nothing is created in a directory of the host",
      "filesystem.read[2]: \"/proj/empty\" is a file, what goes over it is a directory",
      "filesystem.read[3]: there is no \"/proj/src/a.txt/x\" to mount over: nothing is created in a directory of the host",
      `filesystem.virtual["/proj/none"]: there is no "/proj/none" to mount over: nothing is created in a directory of the host`,
      `filesystem.virtual["/proj/out"]: "/proj/out" is a directory, what goes over it is a file`
    ].toSorted())
  })

  it("leave /, /proc and /dev to the sandbox", () => {
    expect(faults({ filesystem: { read: ["/", "/proc", { path: at("other"), as: "/dev" }, { path: at("other/file"), as: "/dev/new" }], virtual: { "/proc/cpuinfo": "fake" } } }).map((f) => f.split(":")[0]).toSorted()).toEqual([
      "filesystem.read[0]", "filesystem.read[1]", "filesystem.read[2]", "filesystem.read[3]"
    ])
  })

  it("do not follow a link that the guest may have planted", () => {
    expect(faults({ filesystem: { write: [at("proj")], read: [at("proj/src/way")] } })[0]).toContain("passes through the symbolic link")
    expect(shown(plan({ filesystem: { read: [at("proj/src/way")] } }))).toEqual(["ro proj/src/way < proj/secret"])
  })
})

describe("overlays", () => {
  it("name their layers for the changes", () => {
    const compiled = plan({ filesystem: { overlay: [{ path: at("proj"), as: "/guest", upper: at("upper") }, { path: at("other"), size: "1 MiB" }] } })
    expect(compiled.overlays).toEqual([{ target: "/guest", lower: at("proj"), upper: at("upper") }, { target: at("other"), lower: at("other") }])
  })

  it("keep their changes out of reach", () => {
    expect(faults({ filesystem: { overlay: [{ path: at("other"), upper: at("upper") }], read: [{ path: base, as: "/guest" }] } })[0]).toContain("is also seen by the guest")
    expect(faults({ filesystem: { overlay: [{ path: at("proj"), upper: at("proj/mnt") }] } })[0]).toContain("cannot lie inside")
    expect(faults({ filesystem: { overlay: [{ path: at("proj"), upper: at("other") }] } })).toEqual(["filesystem.overlay[0].upper: \"/other\" is not empty"])
    expect(faults({ filesystem: { overlay: [at("other/file")] } })[0]).toContain("is not a directory")
  })
})

describe("denials", () => {
  const masks = (filesystem: NonNullable<Policy.PolicyInput["filesystem"]>): ReadonlyArray<string> => shown(plan({ filesystem })).filter((m) => m.startsWith("mask ")).map((m) => m.slice(5)).toSorted()

  it("mask what they name, last of all", () => {
    const mounts = shown(plan({ filesystem: { read: [at("proj")], write: [at("proj/secret/inner")], deny: [at("proj/secret")] } }))
    expect(mounts).toEqual(["ro proj", "rw proj/secret/inner", "mask proj/secret"])
  })

  it("hold under every name of the file", () => {
    expect(masks({
      read: [at("proj"), { path: at("proj"), as: "/guest/copy" }, { path: at("proj/secret/inner"), as: "/guest/inside" }, at("alias")],
      write: [{ path: at("proj/secret"), as: "/guest/itself" }],
      deny: [at("proj/secret")]
    })).toEqual(["/guest/copy/secret", "/guest/inside", "/guest/itself", "alias/secret", "proj/secret"])
  })

  it("follow links: of the host, of the guest, in the middle and at the end", () => {
    for (const deny of [at("alias/secret"), at("proj/src/way"), "/guest/secret", "/guest/src/way"]) {
      expect(masks({ read: [at("proj"), { path: at("proj"), as: "/guest" }], deny: [deny] })).toEqual(["/guest/secret", "proj/secret"])
    }
  })

  it("do not mask a name where something else is mounted", () => {
    expect(masks({ read: [at("proj")], tmpfs: [at("proj/secret")], deny: [at("proj/secret/key")] })).toEqual([])
    expect(masks({ read: [at("proj"), { path: at("other"), as: at("proj/secret") }], deny: [at("other/file")] })).toEqual(["proj/secret/file"])
  })

  it("cover virtual files, private directories and the system's part", () => {
    const { view } = plan({ filesystem: { virtual: { "/etc/motd": "x" }, deny: ["/etc/motd", "/tmp", "/usr/bin/env", "/proc/cpuinfo"] } }).plan
    expect(view.mounts.filter((m) => m.type === "mask").map((m) => m.target).toSorted()).toEqual(["/etc/motd", "/proc/cpuinfo", "/tmp", "/usr/bin/env"])
  })

  it("of what exists but is not granted have nothing to do; of what exists nowhere are faults", () => {
    expect(masks({ deny: [at("other"), "/etc/shadow"] })).toEqual([])
    expect(faults({ filesystem: { deny: [at("none"), "/"] } })).toEqual([
      "filesystem.deny[0]: \"/none\" does not exist, neither on the host nor in the sandbox",
      "filesystem.deny[1]: denying / leaves nothing to run"
    ])
  })

  it("patterns match at any depth, with dots, and stop at what is masked", () => {
    expect(masks({ read: [at("proj")], deny: [at("proj/**/.env")] })).toEqual(["proj/.env", "proj/sealed/.env", "proj/src/.env", "proj/src/deep/.env"])
    expect(masks({ read: [at("proj")], deny: [at("proj/s*"), at("proj/s*/**")] })).toEqual(["proj/sealed", "proj/secret", "proj/src"])
    expect(masks({ read: [at("proj")], deny: [at("proj/*/.env")] })).toEqual(["proj/sealed/.env", "proj/src/.env"])
    expect(masks({ read: [at("proj")], deny: [at("proj/{src/a,sec*/k}*")] })).toEqual(["proj/secret/key", "proj/src/a.txt"])
  })

  it("patterns hold under other names: as, links in the beginning, links that match", () => {
    expect(masks({ read: [{ path: at("proj"), as: "/guest" }], deny: [at("proj/src/**/.env")] })).toEqual(["/guest/src/.env", "/guest/src/deep/.env"])
    expect(masks({ read: [{ path: at("proj"), as: "/guest" }], deny: ["/guest/src/**/.env"] })).toEqual(["/guest/src/.env", "/guest/src/deep/.env"])
    expect(masks({ read: [at("proj")], deny: [at("alias/src/*.txt")] })).toEqual(["proj/src/a.txt"])
    expect(masks({ read: [at("proj")], deny: [at("proj/*.env")] })).toEqual(["proj/.env", "proj/src/a.txt"])
  })

  it("patterns over a grant's own name, or one above it, mask the grant", () => {
    expect(masks({ read: [at("proj/secret")], deny: [at("proj/sec*")] })).toEqual(["proj/secret"])
    expect(masks({ read: [at("proj/secret/inner"), at("proj/secret/key")], deny: [at("*/secret")] })).toEqual(["proj/secret/inner", "proj/secret/key"])
  })

  it("patterns reach into the system where they begin there", () => {
    const { view } = plan({ filesystem: { deny: ["/usr/bin/en[v]"] } }).plan
    expect(view.mounts.filter((m) => m.type === "mask").map((m) => m.target)).toEqual(["/usr/bin/env"])
  })

  it("a file with special characters in its name is denied by that name too", () => {
    expect(masks({ read: [at("proj")], deny: [at("proj/[odd]")] })).toEqual(["proj/[odd]"])
  })

  it("a pattern that begins nowhere is a fault", () => {
    expect(faults({ filesystem: { deny: [at("prj/**/.env")] } })[0]).toContain("\"/prj\", where")
    expect(masks({ deny: [{ path: at("prj/**/.env"), optional: true }] })).toEqual([])
  })

  it("a directory that cannot be searched is masked as a whole: the guest might open it", () => {
    chmodSync(at("proj/sealed"), 0o000)
    const root = process.getuid?.() === 0 // who can search it all the same
    expect(masks({ write: [at("proj")], deny: [at("proj/**/.env")] })).toContain(root ? "proj/sealed/.env" : "proj/sealed")
    chmodSync(at("proj/sealed"), 0o755)
  })

  it("names that are not UTF-8 cannot hide anything", () => {
    mkdirSync(Buffer.concat([Buffer.from(at("proj/out/")), Buffer.from([0xff])]))
    expect(faults({ filesystem: { write: [at("proj")], deny: [at("proj/**/.env")] } })[0]).toContain("cannot be searched: its name is not UTF-8")
    expect(faults({ filesystem: { write: [at("proj")], deny: [at("proj/out/*")] } })[0]).toContain("cannot be denied by itself")
    expect(masks({ write: [at("proj")], deny: [at("proj/ou?")] })).toEqual(["proj/out"])
    rmdirSync(Buffer.concat([Buffer.from(at("proj/out/")), Buffer.from([0xff])]))
  })
})

describe("an own root", () => {
  it("is mounted over where it has places, and denied by its own names", () => {
    const compiled = plan({ filesystem: { root: { path: at("root"), writable: true }, deny: ["/etc/shadow"] } })
    expect(compiled.plan.view.root).toEqual({ source: at("root"), writable: true })
    expect(compiled.plan.view.mounts.map((m) => `${m.type} ${m.target}`)).toEqual(["proc /proc", "dev /dev", "tmpfs /tmp", "mask /etc/shadow"])
    expect(compiled.plan.landlock).toEqual({ mode: "required", read: [], write: ["/", "/proc", "/dev", "/tmp"], list: [] })
  })

  it("must have them", () => {
    expect(faults({ filesystem: { root: at("other") } })).toEqual([
      "filesystem.root: \"/other\" has no directory /proc to mount on",
      "filesystem.root: \"/other\" has no directory /dev to mount on"
    ])
    expect(faults({ filesystem: { root: at("other/file") } })).toEqual(["filesystem.root: \"/other/file\" is not a directory"])
  })
})

describe("the rest of a plan", () => {
  it("starts where the host program is, if the guest sees the same there", () => {
    expect(plan({}).cwd).toBe("/tmp")
    expect(plan({ filesystem: { read: [base] } }).cwd).toBe(base)
    expect(plan({ filesystem: { read: [base], deny: [base] } }).cwd).toBe("/tmp")
    expect(plan({ filesystem: { deny: ["/tmp"] } }, undefined, { ...host, cwd: undefined }).cwd).toBe("/")
    expect(plan({}, Command.set(Command.make("true"), { cwd: "/usr/../etc" })).plan.command.cwd).toBe("/etc")
  })

  it("passes harmless names of the environment, and adds the command's", () => {
    const { command } = plan({ environment: { set: { CI: "1" } } }, Command.set(Command.make("true"), { env: { LC_TIME: undefined, A: "b=c" } })).plan
    expect(command.env).toEqual([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "USER=guest", "LOGNAME=guest", "SHELL=/bin/sh", "LANG=C.UTF-8", "CI=1", "A=b=c"
    ])
  })

  it("maps the guest to the caller", () => {
    const { identity } = plan({ identity: { uid: 0, gid: 0, user: "root" } }).plan
    expect(identity).toEqual({ hostname: "sandbox", uid: 0, gid: 0, uidMap: [{ inside: 0, outside: 500, count: 1 }], gidMap: [{ inside: 0, outside: 600, count: 1 }] })
    expect(faults({ identity: { user: "root" } })).toEqual(["identity.user: root is the name of uid 0"])
  })

  it("turns limits into the sentry's units", () => {
    expect(plan({ limits: { memory: "1 GiB", cpus: 1.5, cpuTime: "2s", wallTime: 7, output: "1k", processes: 3, openFiles: 4, fileSize: 5 } }).plan.limits).toEqual({
      memory: 2 ** 30, processes: 3, cpuMillis: 1500, cpuTimeMs: 2000, wallTimeMs: 7, output: 1024, openFiles: 4, fileSize: 5
    })
    expect(plan({}).plan.limits).toEqual({})
    expect(plan({ extends: "strict", limits: { memory: "1 GiB" } }).plan.limits).toMatchObject({ memory: 2 ** 30, processes: 32 })
  })

  it("trusted sees the home directory without its secrets, and the network", () => {
    const compiled = plan({ extends: "trusted" })
    expect(shown(compiled)).toEqual(["ro home", "mask home/.ssh"])
    expect(compiled.plan.namespaces.net).toBe(false)
    expect(compiled.environment["HOME"]).toBe(at("home"))
  })

  it("gives Landlock what the mounts grant, and nothing that is masked", () => {
    const { landlock } = plan({
      filesystem: {
        read: [{ path: at("proj"), as: "/guest/p" }, { path: at("other/file"), as: "/guest/f" }],
        write: [{ path: at("proj/out"), as: "/guest/p/out" }, { path: at("proj/secret/inner"), as: "/guest/p/secret/inner" }],
        deny: [at("proj/secret")]
      },
      landlock: "optional"
    }).plan
    expect(landlock?.mode).toBe("auto")
    expect(landlock?.read).toEqual(expect.arrayContaining(["/usr", "/etc", "/guest/p", "/guest/f"]))
    expect(landlock?.write.toSorted()).toEqual(["/dev", "/guest/p/out", "/proc", "/run", "/tmp"])
    expect(landlock?.list).toEqual(["/"])
  })

  it("refuses a command the kernel could not take, together with the policy's faults", () => {
    const error = errorOf({ filesystem: { read: [at("none")] } }, Command.set(Command.make("a\0b", "\ud800"), { cwd: "rel", env: { "X=": "1" }, tty: { columns: -1, rows: 1 } }))
    expect(error.faults.map((f) => f.path)).toEqual(["filesystem.read[0]", "command.argv[0]", "command.argv[1]", "command.env[\"X=\"]", "command.cwd", "command.tty.columns"])
    expect(errorOf({}, Command.make("")).message).toContain("the program's name is empty")
  })

  it("takes a hundred thousand arguments", () => {
    expect(plan({}, Command.make("true", ...Array.from({ length: 100_000 }, String))).plan.command.argv).toHaveLength(100_001)
  })
})
