/**
 * Filters of handlers, decided by the decision core's reference evaluator (which is compared with the native one elsewhere).
 */
import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Syscall from "../../Syscall.ts"
import * as SyscallHandler from "../../SyscallHandler.ts"
import * as Verdict from "../../Verdict.ts"
import { Address, Arg, Path } from "../../Where.ts"
import { type Model, Right } from "../decision/model.ts"
import { compileProgram } from "../decision/program.ts"
import { evalAddress, evalCall, evalPath } from "../decision/reference.ts"
import { filterOf } from "./filter.ts"
import { encodeSockaddr } from "./sockaddr.ts"

const answer = () => Effect.succeed(Verdict.value(0))

const modelOf = (handler: SyscallHandler.Any): Model => {
  expect(SyscallHandler.check(handler)).toEqual([])
  const { nr, when, pointers, paths, addresses } = filterOf(handler, 5)
  const model: Model = {
    default: { type: "allow" },
    foreign: { type: "kill" },
    calls: [{ id: 1, nr, when, action: { type: "handler", handler: 5, ...pointers } }],
    paths,
    addresses
  }
  expect(Result.isSuccess(compileProgram(model))).toBe(true)
  return model
}
/** `asked`, `pending` on a path or address, or neither. */
const outcome = (handler: SyscallHandler.Any, ...args: ReadonlyArray<bigint | number>): string => {
  const words = Array.from({ length: 6 }, (_, i) => BigInt.asUintN(64, BigInt(args[i] ?? 0)))
  const decision = evalCall(modelOf(handler), { nr: Syscall.info(handler.name).number, arch: 0xc000003e, args: words })
  return decision.handlers !== 0n ? "asked" : decision.pending !== 0n ? `pending ${decision.paths} ${decision.addresses}` : "not asked"
}
const matches = (handler: SyscallHandler.Any, path: string): boolean => evalPath(modelOf(handler), new TextEncoder().encode(path), Right.read).filters === 1n << 5n

describe("arguments", () => {
  it("an int is compared without its high half, and by sign", () => {
    const at = SyscallHandler.make("openat", { where: Arg.eq("dfd", -100) }, answer)
    expect(outcome(at, -100)).toBe("asked")
    expect(outcome(at, 0xdead_beef_ffff_ff9cn)).toBe("asked")
    expect(outcome(at, 3)).toBe("not asked")
    const negative = SyscallHandler.make("kill", { where: Arg.lt("pid", 0) }, answer)
    expect(outcome(negative, 0xffff_ffffn)).toBe("asked")
    expect(outcome(negative, 1)).toBe("not asked")
  })
  it("64 bits are compared whole", () => {
    const far = SyscallHandler.make("lseek", { where: Arg.between("offset", -5n, -1n) }, answer)
    expect(outcome(far, 0, -5n)).toBe("asked")
    expect(outcome(far, 0, 0xffff_fffbn)).toBe("not asked")
    const big = SyscallHandler.make("mmap", { where: Arg.ge("len", 1n << 63n) }, answer)
    expect(outcome(big, 0, -1n)).toBe("asked")
    expect(outcome(big, 0, 4096)).toBe("not asked")
  })
  it("flags: present, absent, as a field", () => {
    const creating = SyscallHandler.make("openat", { where: [Arg.has("flags", Syscall.OpenFlags.value("O_CREAT")), Arg.lacks("flags", Syscall.OpenFlags.value("O_EXCL")), Arg.masked("flags", 3, 1)] }, answer)
    expect(outcome(creating, 0, 0, Syscall.OpenFlags.make("O_WRONLY", "O_CREAT"))).toBe("asked")
    expect(outcome(creating, 0, 0, Syscall.OpenFlags.make("O_WRONLY", "O_CREAT", "O_EXCL"))).toBe("not asked")
    expect(outcome(creating, 0, 0, Syscall.OpenFlags.make("O_RDWR", "O_CREAT"))).toBe("not asked")
  })
  it("a mode has sixteen bits", () => {
    const handler = SyscallHandler.make("mkdir", { where: Arg.eq("mode", 0o700) }, answer)
    expect(outcome(handler, 0, 0xffff_0000_0000n | 0xabcd_0000n | 0o700n)).toBe("asked")
    expect(outcome(handler, 0, 0o701)).toBe("not asked")
  })
  it("one of several, none of several", () => {
    const some = SyscallHandler.make("prctl", { memory: "none", where: Arg.oneOf("option", 15, 16) }, answer)
    expect([15, 16, 17].map((option) => outcome(some, option))).toEqual(["asked", "asked", "not asked"])
    const others = SyscallHandler.make("prctl", { memory: "none", where: Arg.noneOf("option", 15, 16) }, answer)
    expect([15, 17].map((option) => outcome(others, option))).toEqual(["not asked", "asked"])
  })
  it("without a filter every call", () => {
    expect(outcome(SyscallHandler.make("getpid", answer))).toBe("asked")
  })
})

describe("paths", () => {
  it("are waited for, at the arguments that name them", () => {
    expect(outcome(SyscallHandler.make("openat", { where: Path.under("/etc") }, answer))).toBe("pending 2 0")
    expect(outcome(SyscallHandler.make("renameat2", { where: Path.under("/etc") }, answer))).toBe("pending 10 0")
    expect(outcome(SyscallHandler.make("renameat2", { where: Path.under("/etc", { argument: "newname" }) }, answer))).toBe("pending 8 0")
  })
  it("match exactly, beneath, by pattern, or one of several", () => {
    const handler = SyscallHandler.make("openat", { where: Path.any(Path.exact("/a"), Path.under("/b"), Path.glob("*.pem"), Path.glob("**/.env"), Path.glob("/c/*")) }, answer)
    for (const path of ["/a", "/b", "/b/c/d", "/x.pem", "/x/y/z.pem", "/.env", "/x/.env", "/c/d"]) expect(matches(handler, path), path).toBe(true)
    for (const path of ["/a/b", "/bb", "/x.pem/y", "/env", "/c/d/e", "/"]) expect(matches(handler, path), path).toBe(false)
  })
  it("with conditions, only where these hold", () => {
    const handler = SyscallHandler.make("openat", { where: [Path.under("/etc"), Arg.has("flags", 64)] }, answer)
    expect(outcome(handler, 0, 0, 64)).toBe("pending 2 0")
    expect(outcome(handler, 0, 0, 0)).toBe("not asked")
  })
})

describe("addresses", () => {
  it("match networks, ports, and names", () => {
    const handler = SyscallHandler.make("connect", { where: Address.any(Address.net("10.0.0.0/8", { ports: [400, 500] }), Address.port(53), Address.abstract("dbus*")) }, answer)
    expect(outcome(handler)).toBe("pending 0 2")
    const passes = (sockaddr: Uint8Array) => evalAddress(modelOf(handler), sockaddr, 1, Right.connect).filters === 1n << 5n
    const inet = (address: string, port: number) => encodeSockaddr({ family: "AF_INET", address, port })
    expect([inet("10.1.2.3", 443), inet("10.1.2.3", 80), inet("11.0.0.1", 443), inet("8.8.8.8", 53)].map(passes)).toEqual([true, false, false, true])
    expect(passes(encodeSockaddr({ family: "AF_INET6", address: "2001:db8::1", port: 53, flow: 0, scope: 0 }))).toBe(true)
    expect(passes(encodeSockaddr({ family: "AF_UNIX", abstract: new TextEncoder().encode("dbus-x") }))).toBe(true)
    expect(passes(encodeSockaddr({ family: "AF_UNIX", abstract: new TextEncoder().encode("X11") }))).toBe(false)
  })
  it("of AF_UNIX by path are paths", () => {
    const handler = SyscallHandler.make("connect", { where: Address.unix("/run") }, answer)
    expect(outcome(handler)).toBe("pending 0 2")
    expect([matches(handler, "/run/x.sock"), matches(handler, "/tmp/x.sock")]).toEqual([true, false])
  })
})
