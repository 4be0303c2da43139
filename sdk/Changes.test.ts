/**
 * Overlay changes: what a guest really leaves, and trees made by hand that say what only a hostile one would.
 */
import { execFileSync } from "node:child_process"
import {
  chmodSync, chownSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { scratch } from "../test/support/sandbox.ts"
import { type Changes, changesOf } from "./Changes.ts"
import * as Command from "./Command.ts"
import { load, type Native } from "./internal/native.ts"
import * as Policy from "./Policy.ts"
import * as Sandbox from "./Sandbox.ts"

const directory = scratch()
const root = process.getuid!() === 0
let native: Native
beforeAll(async () => void (native = await Effect.runPromise(load)))

/** `{"a/b": "text", "c/": ""}` → files and directories. */
const plant = (base: string, files: Readonly<Record<string, string>>): void => {
  for (const [path, content] of Object.entries(files)) {
    const at = join(base, path)
    if (path.endsWith("/")) mkdirSync(at, { recursive: true })
    else {
      mkdirSync(join(at, ".."), { recursive: true })
      writeFileSync(at, content)
    }
  }
}
const python = (program: string, ...args: ReadonlyArray<string>) => execFileSync("/usr/bin/python3", ["-c", program, ...args])
const whiteout = (path: string) => python("import os, stat, sys; os.mknod(sys.argv[1], stat.S_IFCHR | 0o600, os.makedev(0, 0))", path)
const attribute = (path: string, name: string, value: string) => python("import os, sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())", path, name, value)
const tree = (base: string, prefix = ""): ReadonlyArray<string> =>
  readdirSync(base).sort().flatMap((name) => {
    const stat = lstatSync(join(base, name))
    const path = `${prefix}${name}`
    if (stat.isDirectory()) return [`${path}/`, ...tree(join(base, name), `${path}/`)]
    return [stat.isSymbolicLink() ? `${path} -> ${readlinkSync(join(base, name))}` : stat.isFile() ? `${path}=${readFileSync(join(base, name), "utf8")}` : path]
  })

describe("a layer made by hand", () => {
  let base: string, upper: string, lower: string, outside: string, fd: number, changes: Changes
  let count = 0
  beforeEach(() => {
    base = join(directory, `case${count++}`)
    ;[upper, lower, outside] = ["upper", "lower", "outside"].map((name) => join(base, name)) as [string, string, string]
    plant(base, { "upper/": "", "lower/": "", "outside/": "", "outside/precious": "p" })
    fd = openSync(upper, "r")
    changes = changesOf({ native, overlays: [fd], alive: false }, [{ target: "/w", lower }])[0]!
  })
  afterEach(() => {
    closeSync(fd)
    expect(tree(outside)).toEqual(["precious=p"])
    execFileSync("chmod", ["-R", "u+rwX", base])
  })
  const listed = async () => (await Effect.runPromise(changes.list)).map((change) => `${change.kind} ${change.type} ${change.path}`)
  const commit = () => Effect.runPromise(changes.commit)
  const fault = (effect: Effect.Effect<unknown, unknown>) => Effect.runPromise(Effect.flip(effect))

  it("names what is added, modified and deleted, parents first, with sizes", async () => {
    plant(lower, { "same": "s", "edit": "old", "gone": "g", "tree/x": "x", "tree/y/z": "z" })
    plant(upper, { "same": "s", "edit": "newer", "made/deep/f": "f" })
    whiteout(join(upper, "gone"))
    whiteout(join(upper, "tree"))
    expect(await Effect.runPromise(changes.list)).toEqual([
      { path: "edit", kind: "modified", type: "file", size: 5 },
      { path: "gone", kind: "deleted", type: "file", size: 0 },
      { path: "made", kind: "added", type: "directory", size: 0 },
      { path: "made/deep", kind: "added", type: "directory", size: 0 },
      { path: "made/deep/f", kind: "added", type: "file", size: 1 },
      { path: "tree", kind: "deleted", type: "directory", size: 0 }
    ])
    const { changes: applied, skipped } = await commit()
    expect(applied).toHaveLength(6)
    expect(skipped).toEqual([])
    expect(tree(lower)).toEqual(["edit=newer", "made/", "made/deep/", "made/deep/f=f", "same=s"])
    expect(await listed()).toEqual([])
  })

  it("knows whiteouts of nothing, whiteouts as attributes, and opaque directories", async () => {
    plant(lower, { "d/old": "o", "d/kept": "k", "d/sub/x": "x", "w": "w" })
    plant(upper, { "d/kept": "k2", "w": "", "never": "" })
    attribute(join(upper, "d"), "user.overlay.opaque", "y")
    attribute(join(upper, "w"), "user.overlay.whiteout", "y")
    rmSync(join(upper, "never"))
    whiteout(join(upper, "never"))
    expect(await listed()).toEqual(["deleted file d/old", "deleted directory d/sub", "modified file d/kept", "deleted file w"])
    await commit()
    expect(tree(lower)).toEqual(["d/", "d/kept=k2"])
  })

  it("replaces one type by another", async () => {
    plant(lower, { "file-to-dir": "f", "dir-to-file/a/b": "x", "link-to-file": "" })
    rmSync(join(lower, "link-to-file"))
    symlinkSync(join(outside, "precious"), join(lower, "link-to-file"))
    plant(upper, { "file-to-dir/inner": "i", "dir-to-file": "now a file", "link-to-file": "own" })
    expect(await listed()).toEqual(["modified file dir-to-file", "modified directory file-to-dir", "added file file-to-dir/inner", "modified file link-to-file"])
    await commit()
    expect(tree(lower)).toEqual(["dir-to-file=now a file", "file-to-dir/", "file-to-dir/inner=i", "link-to-file=own"])
  })

  it("never follows a symbolic link, on either side", async () => {
    symlinkSync(outside, join(lower, "a")) // the guest's directory lies where the host has a link
    plant(upper, { "a/precious": "stolen", "a/new": "n" })
    plant(lower, { "b/precious": "own" })
    symlinkSync(outside, join(upper, "b")) // and the other way round
    symlinkSync("../outside/precious", join(upper, "c"))
    await commit()
    expect(tree(lower)).toEqual(["a/", "a/new=n", "a/precious=stolen", `b -> ${outside}`, "c -> ../outside/precious"])
    expect(await listed()).toEqual([])
  })

  it("refuses a lower directory that has become a link", async () => {
    plant(upper, { "precious": "x" })
    renameSync(lower, `${lower}.moved`)
    symlinkSync(outside, lower)
    for (const effect of [changes.list, changes.commit]) expect(await fault(effect)).toMatchObject({ _tag: "ChangesError", path: lower, errno: "ENOTDIR" })
    rmSync(lower)
    expect(await fault(changes.commit)).toMatchObject({ errno: "ENOENT" })
  })

  it("keeps mode and time, strips set-user-id, and says so; keeps the owner of what it replaces", async () => {
    plant(lower, { "owned": "1", "mode": "m" })
    if (root) chownSync(join(lower, "owned"), 1234, 1235)
    plant(upper, { "tool": "#!", "owned": "2", "mode": "m", "dir/f": "" })
    chmodSync(join(upper, "tool"), 0o4751)
    chmodSync(join(upper, "mode"), 0o600)
    chmodSync(join(upper, "dir"), 0o1700)
    utimesSync(join(upper, "tool"), 1000, 2000)
    const { skipped } = await commit()
    expect(skipped).toEqual([{ path: "tool", type: "file", reason: expect.stringContaining("set-user-id") }])
    const stat = statSync(join(lower, "tool"))
    expect([stat.mode & 0o7777, stat.mtimeMs]).toEqual([0o751, 2_000_000])
    expect(statSync(join(lower, "mode")).mode & 0o7777).toBe(0o600)
    expect(statSync(join(lower, "dir")).mode & 0o7777).toBe(0o1700)
    if (root) expect([statSync(join(lower, "owned")).uid, statSync(join(lower, "owned")).gid]).toEqual([1234, 1235])
    expect(await listed()).toEqual([])
  })

  it("leaves devices, fifos and sockets out, and says so", async () => {
    execFileSync("mkfifo", [join(upper, "fifo")])
    python("import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", join(upper, "socket"))
    if (root) execFileSync("mknod", [join(upper, "zero"), "c", "1", "5"])
    plant(lower, { "fifo": "was a file" })
    expect(await listed()).toEqual(["modified fifo fifo", "added socket socket", ...(root ? ["added character-device zero"] : [])])
    expect((await commit()).skipped.map((skipped) => skipped.type)).toEqual(["fifo", "socket", ...(root ? ["character-device"] : [])])
    expect(tree(lower)).toEqual(["fifo=was a file"])
  })

  it("reads what its owner may not, and carries the mode over", async () => {
    plant(upper, { "closed/secret": "s", "none": "n" })
    chmodSync(join(upper, "closed/secret"), 0)
    chmodSync(join(upper, "none"), 0)
    chmodSync(join(upper, "closed"), 0)
    expect(await listed()).toEqual(["added directory closed", "added file closed/secret", "added file none"])
    await commit()
    expect([statSync(join(lower, "none")).mode & 0o777, statSync(join(lower, "closed")).mode & 0o777]).toEqual([0, root ? 0 : expect.any(Number)])
  })

  it("copies holes as holes: a file larger than any disk", async () => {
    plant(upper, { "sparse": "start" })
    execFileSync("truncate", ["-s", "1T", join(upper, "sparse")])
    await commit()
    const stat = statSync(join(lower, "sparse"))
    expect([stat.size, stat.blocks < 100]).toEqual([1024 ** 4, true])
    expect(await listed()).toEqual([])
  })

  it("refuses layers that are not of its overlay, and depth without end", async () => {
    plant(upper, { "m": "" })
    attribute(join(upper, "m"), "user.overlay.metacopy", "y")
    expect(await fault(changes.list)).toMatchObject({ path: "m", errno: "EPROTO" })
    rmSync(join(upper, "m"))
    plant(upper, { "r/": "" })
    attribute(join(upper, "r"), "user.overlay.redirect", "/other")
    expect(await fault(changes.commit)).toMatchObject({ path: "r", errno: "EPROTO" })
    rmSync(join(upper, "r"), { recursive: true })
    python("import os, sys\nos.chdir(sys.argv[1])\nfor i in range(400): os.mkdir('d'); os.chdir('d')", upper)
    expect(await fault(changes.list)).toMatchObject({ errno: "ELOOP" })
    expect(await fault(changes.discard)).toMatchObject({ errno: "ELOOP" })
    execFileSync("rm", ["-r", join(upper, "d")])
  })

  it("shows bytes that are no UTF-8, and commits them as they are", async () => {
    python("import os, sys; open(os.fsencode(sys.argv[1]) + b'/bad\\xff\\n', 'w').write('x')", upper)
    expect(await listed()).toEqual(["added file bad\ufffd\n"])
    await commit()
    expect(readdirSync(lower, { encoding: "buffer" }).map((name) => name.toString("hex"))).toEqual([Buffer.from([98, 97, 100, 255, 10]).toString("hex")])
  })

  it("fails with the path, and leaves no half file", async () => {
    plant(upper, { "a": "a", "big": "b".repeat(1 << 20), "c": "c" })
    if (root) execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", lower])
    else chmodSync(lower, 0o555)
    try {
      expect(await fault(changes.commit)).toMatchObject({ operation: "commit", path: root ? "big" : "a", errno: root ? "ENOSPC" : "EACCES", remedy: expect.stringMatching(/./) })
      expect(tree(lower)).toEqual(root ? ["a=a"] : [])
    } finally {
      if (root) execFileSync("umount", [lower])
    }
  })

  it("discard empties the layer", async () => {
    plant(upper, { "a/b/c": "x", "d": "y" })
    chmodSync(join(upper, "a"), 0)
    symlinkSync(outside, join(upper, "link"))
    await Effect.runPromise(changes.discard)
    expect(readdirSync(upper)).toEqual([])
    expect(await listed()).toEqual([])
  })
})

describe("of a sandbox", () => {
  const sh = (script: string) => Command.set(Command.make("sh", "-c", script), { stdin: "ignore", stdout: "ignore", stderr: "inherit" })

  it("can be listed while the guest runs, committed after its end, and not once the scope is closed", async () => {
    const base = join(directory, "live")
    plant(base, { "dir/a": "a", "dir/b": "b" })
    const late = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(sh(`cd ${base} && rm -r dir && mkdir dir && echo c > dir/c && mv dir moved && sleep 100`), Policy.make({ filesystem: { overlay: [base] } }))
      const changes = sandbox.changes[0]!
      expect([changes.target, changes.lower]).toEqual([base, base])
      let found: ReadonlyArray<string> = []
      for (let i = 0; i < 100 && !found.includes("added moved/c"); i++) {
        yield* Effect.sleep(20)
        found = (yield* changes.list).map((change) => `${change.kind} ${change.path}`)
      }
      expect(found).toEqual(["deleted dir", "added moved", "added moved/c"])
      expect(yield* Effect.flip(changes.discard)).toMatchObject({ errno: "EBUSY" })
      yield* sandbox.kill()
      yield* sandbox.exit
      yield* changes.commit
      return changes
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(tree(base)).toEqual(["moved/", "moved/c=c\n"])
    expect(lstatSync(join(base, "moved/c")).uid).toBe(process.getuid!())
    expect(await Effect.runPromise(Effect.flip(late.list))).toMatchObject({ _tag: "ChangesError", errno: "" })
  })

  it("lie in the directory that the rule names", async () => {
    const base = join(directory, "named")
    plant(base, { "work/a": "a", "layer/": "" })
    const policy = Policy.make({ filesystem: { overlay: [{ path: join(base, "work"), as: "/w", upper: join(base, "layer") }] } })
    await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(sh("echo new > /w/n"), policy)
      yield* sandbox.exit
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(existsSync(join(base, "work/n"))).toBe(false)
    expect(readFileSync(join(base, "layer/upper/n"), "utf8")).toBe("new\n")
    execFileSync("chmod", ["-R", "u+rwX", base]) // overlayfs closes its work directory to everybody
  })
})
