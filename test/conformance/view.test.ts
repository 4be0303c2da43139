/**
 * What names mean to the guest, and what it can do with them. Every denial has its control: the same act works where the
 * policy grants it, or outside.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { needs, run, scratch } from "../support/sandbox.ts"

const directory = scratch()
const tree = (name: string, files: Readonly<Record<string, string>>): string => {
  const base = join(directory, name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(base, path, ".."), { recursive: true })
    writeFileSync(join(base, path), content)
  }
  return base
}
const sh = (script: string, policy: Policy.Policy, options: Command.Options = {}) => run(["sh", "-c", script], policy, options)

describe("the default view", () => {
  it("shows system directories read-only, an empty private /tmp, and nothing of the host's homes", async () => {
    const result = await run(["sh", "-c", "ls /; echo --; ls -A /tmp; echo --; touch /usr/x; touch /x; ls /home /root"])
    const [top, tmp] = result.stdout.split("--\n")
    expect(top!.trim().split("\n")).toEqual(expect.arrayContaining(["bin", "dev", "etc", "lib", "proc", "tmp", "usr"]))
    expect(top).not.toMatch(/^(root|home|sys|mnt|srv|var\/lib)$/m)
    expect(tmp).toBe("")
    expect(result.stderr.match(/Read-only file system/g)).toHaveLength(2)
  })

  it("has a minimal /dev, a /proc of its own, its own host name and no environment of the host's", async () => {
    process.env["RVISOR_TEST_SECRET"] = "leak"
    const result = await run(["sh", "-c", "ls /dev; echo --; hostname; echo --; env; echo --; cat /proc/1/comm; echo hi > /dev/null; head -c4 /dev/zero | od -An -tx1; ls -l /proc/self/fd | wc -l"])
    delete process.env["RVISOR_TEST_SECRET"]
    const [dev, hostname, env, rest] = result.stdout.split("--\n")
    expect(dev!.trim().split("\n").sort()).toEqual(["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"])
    expect(hostname).toBe("sandbox\n")
    expect(env).not.toContain("leak")
    expect(env).toMatch(/^HOME=\/tmp$/m)
    expect(rest!.trim().split("\n")).toEqual(["rvisor-init", " 00 00 00 00", "5"])
  })

  it("keeps the guest's accounts to itself, and secrets out", async () => {
    const result = await run(["sh", "-c", "id -un; cut -d: -f1 /etc/passwd | sort; for f in /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh /etc/ssl/private; do [ -e $f ] && echo leak $f; done; true"])
    expect(result.stdout).toBe("guest\nguest\nnobody\nroot\n")
  })

  it("has no network but its own loopback", async () => {
    const result = await run(["sh", "-c", "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/route | wc -l"])
    expect(result.stdout.trim().split(/\s+/)).toEqual(["lo", "1"])
  })
})

describe("rules", () => {
  it("read shows a tree and refuses to change it; write changes the host's files, owned by the caller", async () => {
    const base = tree("rw", { "in/a.txt": "alpha", "out/.keep": "" })
    const policy = Policy.make({ filesystem: { read: [join(base, "in")], write: [join(base, "out")] } })
    const result = await sh(`cat ${base}/in/a.txt && ! touch ${base}/in/b 2>/dev/null && echo made > ${base}/out/b && ls ${base}`, policy)
    expect(result.stdout).toBe("alphain\nout\n")
    expect(readFileSync(join(base, "out/b"), "utf8")).toBe("made\n")
    expect(lstatSync(join(base, "out/b")).uid).toBe(process.getuid!())
    expect(readdirSync(join(base, "in"))).toEqual(["a.txt"])
  })

  it("as shows a tree under another name", async () => {
    const base = tree("as", { "a.txt": "alpha" })
    const result = await sh(`cat /data/a.txt; ls -d ${base}`, Policy.make({ filesystem: { read: [{ path: base, as: "/data" }] } }))
    expect(result.stdout).toBe("alpha")
  })

  it("deny beats write beats read, whatever their order", async () => {
    const base = tree("deny", { "w/secret": "s", "w/plain": "p", "w/sub/key.pem": "k", "w/ro/file": "r" })
    const policy = Policy.make({ filesystem: { deny: [join(base, "w/secret"), join(base, "**/*.pem")], write: [join(base, "w")], read: [join(base, "w"), join(base, "w/ro")] } })
    const result = await sh(
      `cd ${base}/w; cat plain; cat secret; cat sub/key.pem; echo x > ro/new && echo wrote; rm -f secret; mv secret s2; ln secret s3; chmod 644 secret; mv sub sub2; cat sub2/key.pem; echo end`,
      policy
    )
    expect(result.stdout).toBe("pwrote\nend\n")
    expect(readFileSync(join(base, "w/secret"), "utf8")).toBe("s")
  })

  it("deny holds for every name of a denied file: aliases, symlinks, rename tricks", async () => {
    const base = tree("alias", { "d/secret": "topsecret", "d/open": "open" })
    symlinkSync("d", join(base, "link"))
    const policy = Policy.make({ filesystem: { write: [base, { path: join(base, "d"), as: "/again" }], deny: [join(base, "link/secret")] } })
    const result = await sh(
      `cat ${base}/d/secret ${base}/link/secret /again/secret; python3 -c "
import os
for p in ('${base}/d', '/again'):
  try: os.rename(p, p + 'x'); print(open(p + 'x/secret').read())
  except OSError as e: print(e.errno)
" 2>/dev/null; cat ${base}/d*/open`,
      policy
    )
    expect(result.stdout).not.toContain("topsecret")
    expect(result.stdout).toContain("open")
  })

  it("virtual files, tmpfs with a size, and a mode", async () => {
    const policy = Policy.make({
      filesystem: {
        virtual: { "/etc/motd": "hello\n", "/data/bytes": { base64: Buffer.from([0, 255, 10]).toString("base64") } },
        tmpfs: [{ path: "/scratch", size: "1 MiB" }]
      }
    })
    const result = await sh("cat /etc/motd; od -An -tx1 /data/bytes; echo x > /etc/motd; head -c 3000000 /dev/zero > /scratch/f; stat -c %s /scratch/f", policy)
    expect(result.stdout).toBe("hello\n 00 ff 0a\n1048576\n")
    expect(result.stderr).toContain("No space left on device")
  })

  it("a missing path is a fault, all of them at once, unless optional", async () => {
    const missing = join(directory, "missing")
    const failure = await Effect.runPromise(
      Sandbox.spawn(Command.make("true"), Policy.make({ filesystem: { read: [missing, { path: `${missing}2`, optional: true }], write: [`${missing}3`] } })).pipe(Effect.scoped, Effect.flip)
    )
    expect(failure).toMatchObject({ _tag: "PolicyError" })
    expect(failure.message).toContain(missing)
    expect(failure.message).toContain(`${missing}3`)
    expect(failure.message).not.toContain(`${missing}2`)
  })
})

describe("overlay", () => {
  it("leaves the host's tree alone; changes are listed, committed, or dropped", async () => {
    const base = tree("overlay", { "keep": "k", "edit": "old", "gone": "g", "dir/x": "x" })
    const policy = Policy.make({ filesystem: { overlay: [base] } })
    const listed = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(
        Command.set(Command.make("sh", "-c", `cd ${base} && echo new > edit && rm gone && mkdir made && echo m > made/f && rm -r dir && ln -s edit link`), { stdin: "ignore" }),
        policy
      )
      expect((yield* sandbox.exit)._tag).toBe("Exited")
      expect(readFileSync(join(base, "edit"), "utf8")).toBe("old")
      const changes = yield* sandbox.changes[0]!.list
      yield* sandbox.changes[0]!.commit
      return changes
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(listed.map((change) => `${change.kind} ${change.path}`).sort()).toEqual(
      ["added link", "added made", "added made/f", "deleted dir", "deleted gone", "modified edit"]
    )
    expect(readFileSync(join(base, "edit"), "utf8")).toBe("new\n")
    expect(readFileSync(join(base, "made/f"), "utf8")).toBe("m\n")
    expect(existsSync(join(base, "gone"))).toBe(false)
    expect(existsSync(join(base, "dir"))).toBe(false)
    expect(readFileSync(join(base, "keep"), "utf8")).toBe("k")
  })

  it("without commit nothing of it remains", async () => {
    const base = tree("overlay2", { "edit": "old" })
    const result = await sh(`echo new > ${base}/edit; cat ${base}/edit`, Policy.make({ filesystem: { overlay: [base] } }))
    expect(result.stdout).toBe("new\n")
    expect(readFileSync(join(base, "edit"), "utf8")).toBe("old")
  })
})

describe("an own root directory", () => {
  // A tree with nothing of the host's in it but one static program.
  const busybox = "/bin/busybox"
  const make = (): string => {
    const base = join(directory, "root")
    if (existsSync(base)) return base
    for (const path of ["bin", "etc", "proc", "dev", "tmp", "home/guest"]) mkdirSync(join(base, path), { recursive: true })
    writeFileSync(join(base, "bin/busybox"), readFileSync(busybox))
    chmodSync(join(base, "bin/busybox"), 0o755)
    for (const name of ["sh", "ls", "cat", "touch", "id"]) symlinkSync("busybox", join(base, "bin", name))
    writeFileSync(join(base, "etc/release"), "own root\n")
    return base
  }

  it("is all that the guest sees, read-only unless writable", async () => {
    const base = make()
    const script = "ls /; cat /etc/release; touch /made 2>/dev/null || echo read-only"
    const closed = await run(["/bin/sh", "-c", script], Policy.make({ filesystem: { root: base } }))
    expect(closed.stdout).toBe("bin\ndev\netc\nhome\nproc\ntmp\nown root\nread-only\n")
    const open = await run(["/bin/sh", "-c", "touch /made && ls /made"], Policy.make({ filesystem: { root: { path: base, writable: true } } }))
    expect(open.stdout).toBe("/made\n")
    expect(existsSync(join(base, "made"))).toBe(true)
  })

  // A virtual machine of the kernel module's tests has none.
  const network = Object.values(networkInterfaces()).flat().some((each) => each?.internal === false)
  const debootstrap = needs("debootstrap, as root, or a network", network && process.getuid!() === 0 && spawnSync("sh", ["-c", "command -v debootstrap apt-get"]).status === 0)
  it.runIf(debootstrap)("made by debootstrap runs its own distribution", async () => {
    const base = join(directory, "debian")
    const release = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))![1]!
    const mirror = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], { encoding: "utf8" }).split("\n")[0]!
    // Without the sanitizers' run time, if this lane has it preloaded: wget hangs at its end with it.
    const { LD_PRELOAD: _, ...env } = process.env
    execFileSync("debootstrap", ["--variant=minbase", release, base, mirror], { stdio: "ignore", env, timeout: 150_000 })
    const script = "cat /etc/debian_version; dpkg -l | grep -c ^ii; perl -e 'print 6*7, qq(\n)'; apt-cache policy > /dev/null && echo apt; touch /x 2>/dev/null || echo read-only"
    const result = await run(["/bin/sh", "-c", script], Policy.make({ filesystem: { root: base } }))
    expect(result.stderr).toBe("")
    const [version, packages, ...rest] = result.stdout.trim().split("\n")
    expect(version).toBe(readFileSync(join(base, "etc/debian_version"), "utf8").trim())
    expect(Number(packages)).toBeGreaterThan(50)
    expect(rest).toEqual(["42", "apt", "read-only"])
  }, 180_000)
})
