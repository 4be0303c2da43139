/**
 * What is denied stays denied whatever the guest tries, and what is denied here works outside.
 */
import { execFileSync } from "node:child_process"
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import * as Policy from "../../sdk/Policy.ts"
import { syscallNumbers, type SyscallName } from "../../sdk/internal/syscalls.ts"
import { compileSupport } from "../support/compile.ts"
import { needs, run, scratch } from "../support/sandbox.ts"

const directory = scratch()
const at = (path: string): string => join(directory, path)
const sh = (script: string, policy: Policy.Policy) => run(["sh", "-c", script], policy, { cwd: "/" })

beforeAll(() => {
  for (const path of ["p/a/b", "p/secret", "p/out"]) mkdirSync(at(path), { recursive: true })
  for (const path of ["p/.env", "p/a/.env", "p/a/b/.env", "p/secret/key"]) writeFileSync(at(path), `hidden ${path}\n`)
  writeFileSync(at("p/plain"), "plain\n")
  symlinkSync("../secret", at("p/a/way"))
  symlinkSync(".env", at("p/alias"))
})

describe("denied files", () => {
  const policy = () => Policy.make({ filesystem: { write: [at("p"), { path: at("p"), as: "/copy" }, { path: at("p/secret"), as: "/direct" }], deny: [at("p/**/.env"), at("p/secret")] } })

  it("cannot be read, written, linked, renamed or removed, under any name", async () => {
    const result = await sh(
      [
        `cd ${at("p")}`,
        "cat plain",
        ...[".env", "a/.env", "a/b/.env", "alias", "secret/key", "a/way/key", "/copy/.env", "/copy/secret/key", "/direct/key", "/copy/a/way/key", "./a/../.env", "/proc/self/cwd/.env", "/proc/self/root/copy/.env"].map((f) => `cat ${f} && echo LEAK`),
        "ln .env out/hard && echo LEAK", "mv .env out/moved && echo LEAK", "rm -f .env && echo LEAK", "echo x > .env && echo LEAK", "chmod 777 .env && cat .env | grep hidden && echo LEAK",
        "mv secret out/s && echo LEAK", "cp -r secret out/c && echo LEAK; chmod 700 out/c; rmdir out/c", "chmod 777 secret; ls secret/key && echo LEAK", "ln -s ../secret out/l; cat out/l/key && echo LEAK"
      ].join("\n"),
      policy()
    )
    expect(result.stdout.trim()).toBe("plain")
    expect(readFileSync(at("p/.env"), "utf8")).toBe("hidden p/.env\n")
  })

  it("stay denied when a directory above them is renamed", async () => {
    const result = await sh(`cd ${at("p")}; mv a moved && echo renamed; cat moved/.env moved/b/.env; mv moved a`, policy())
    expect(result.stdout).toBe("renamed\n")
    expect(result.stderr.match(/Permission denied/g)).toHaveLength(2)
  })

  it("are there without the denial", async () => {
    const result = await sh(`cd ${at("p")}; cat a/.env alias a/way/key`, Policy.make({ filesystem: { read: [at("p")] } }))
    expect(result.stdout).toBe("hidden p/a/.env\nhidden p/.env\nhidden p/secret/key\n")
  })

  it("of an overlay stay denied, and cannot be uncovered by changing what is around them", async () => {
    const result = await sh(`cd ${at("p")}; echo new > plain; cat plain; cat .env secret/key; rm -rf secret; mkdir secret; mv a b; cat b/.env`, Policy.make({ filesystem: { overlay: [at("p")], deny: [at("p/**/.env"), at("p/secret")] } }))
    expect(result.stdout).toBe("new\n")
    expect(readFileSync(at("p/plain"), "utf8")).toBe("plain\n")
  })

  it("of an own root are denied by the root's names", async () => {
    const result = await sh(`cat ${at("p/plain")}; cat ${at("p/.env")} /etc/shadow; echo x > ${at("p/out/x")}`, Policy.make({ filesystem: { root: "/", read: [directory], deny: ["/etc/shadow", at("p/**/.env")] } }))
    expect(result.stdout).toBe("plain\n")
    expect(result.stderr.match(/Permission denied/g)).toHaveLength(2)
    expect(result.stderr).toContain("Read-only file system")
  })

  it("can be read through a second hard link: a denial is of names", async () => {
    linkSync(at("p/.env"), at("p/second"))
    const result = await sh(`cat ${at("p/second")}`, policy())
    expect(result.stdout).toBe("hidden p/.env\n")
  })
})

describe("system calls", () => {
  let program: string
  beforeAll(() => {
    program = compileSupport("calls", directory)
  })
  const call = (name: SyscallName, ...args: ReadonlyArray<number | bigint>): string => [syscallNumbers[name], ...args].join(",")
  const answers = async (policy: Policy.PolicyInput, ...calls: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const result = await run([program, ...calls], Policy.make({ ...policy, filesystem: { read: [program] } }))
    return result.stdout.trim().split("\n")
  }

  it("are refused with the errno of the table", async () => {
    expect(await answers({}, call("bpf"), call("mount"), call("ptrace", 0), call("keyctl"), call("unshare", 0x10000000), call("setns"), call("clone3"), call("io_uring_setup"), "470", "9999")).toEqual([
      "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "EPERM", "ENOSYS", "ENOSYS", "ENOSYS", "EPERM"
    ])
  })

  it("are refused in their other numberings: x32, and minus one", async () => {
    expect(await answers({}, String(0x40000000 + syscallNumbers.getpid), String(0xffffffffffffffffn))).toEqual(["EPERM", "EPERM"])
  })

  it("with conditions look at the bits the kernel looks at", async () => {
    expect(await answers({},
      call("clone", 17), call("clone", 0x10000011), call("clone", 0x7f00000011n), call("clone", 0x7f10000011n),
      call("socket", 2, 1), call("socket", 0x100000002n, 1), call("socket", 40, 1), call("socket", 0x100000028n, 1), call("socket", 16, 3, 0), call("socket", 16, 3, 9),
      call("ioctl", 1, 0x5412, 0), call("ioctl", 1, 0x100005412n, 0), call("ioctl", 1, 0xffffffff0000541cn, 0)
    )).toEqual(["ok", "EPERM", "ok", "EPERM", "ok", "ok", "EPERM", "EPERM", "ok", "EPERM", "EPERM", "EPERM", "EPERM"])
  })

  it("can be allowed, denied and killed by the policy", async () => {
    expect(await answers({ syscalls: { allow: ["ptrace"], deny: ["getppid"] } }, call("ptrace", 0), call("getppid"))).toEqual(["ok", "EPERM"])
    const killed = await run([program, call("getppid")], Policy.make({ filesystem: { read: [program] }, syscalls: { kill: ["getppid"] } }))
    expect(killed.outcome).toMatchObject({ _tag: "Killed", reason: "syscall" })
  })

  it("work outside", () => {
    const text = execFileSync(program, [call("clone", 17), call("socket", 16, 3, 9), call("getppid")], { encoding: "utf8" })
    expect(text.trim().split("\n")).toEqual(["ok", "ok", "ok"])
  })
})

describe("presets", () => {
  it("strict runs a program with /usr and little else", async () => {
    // Its limits need a control group: a plain user who can make none is refused.
    if (process.getuid?.() !== 0 && !needs("a delegated control group", false)) return
    const result = await sh("echo 3 | sort; ls /; ls /etc | sort | tr '\\n' ' '; ls /opt /run; python3 -c 'import socket; socket.socket()' || true", Policy.strict)
    expect(result.stdout).toMatch(/^3\n/)
    expect(result.stdout).toMatch(/passwd/)
    expect(result.stdout).not.toMatch(/ssl|profile/)
    expect(result.stderr).toMatch(/\/opt/)
  })

  it("trusted lets a process be traced", async () => {
    const program = compileSupport("calls", directory)
    const traced = async (preset: Policy.Policy) => (await run(["/calls", `${syscallNumbers.ptrace},0`], preset.pipe(Policy.read({ path: program, as: "/calls" })))).stdout
    expect(await traced(Policy.trusted)).toBe("ok\n")
    expect(await traced(Policy.default)).toBe("EPERM\n")
  })
})
