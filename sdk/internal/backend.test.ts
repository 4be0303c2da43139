/** Which backend a policy gets, what the kernel module cannot do, and what of the filter the module decides by. */
import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { evalCall } from "../../test/support/core.ts"
import * as Command from "../Command.ts"
import type { PolicyError } from "../errors.ts"
import * as EventHandler from "../EventHandler.ts"
import * as Policy from "../Policy.ts"
import * as SyscallHandler from "../SyscallHandler.ts"
import * as Verdict from "../Verdict.ts"
import { setAutomatic } from "./backend.ts"
import { compile } from "./compile.ts"
import { RV } from "./decision/format.ts"
import type { Placed } from "./handlers.ts"
import { currentHost } from "./host.ts"
import { RV_RING } from "./ring/format.ts"
import { syscallNumbers, type SyscallName } from "./syscalls.ts"

const compiled = (policy: Policy.PolicyInput, handlers: ReadonlyArray<Placed["handler"]> = []) =>
  Effect.runSyncExit(compile(Policy.make(policy), Command.make("true"), currentHost(), handlers.map((handler, i) => ({ handler, lane: RV_RING.LANE_MAIN, at: `handlers[${i}]` }))))

const planOf = (...given: Parameters<typeof compiled>) => {
  const exit = compiled(...given)
  if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
  return exit.value.plan
}

const faultsOf = (...given: Parameters<typeof compiled>): ReadonlyArray<string> => {
  const exit = compiled(...given)
  if (Exit.isSuccess(exit)) return []
  const [reason] = exit.cause.reasons
  return reason?._tag === "Fail" ? (reason.error as PolicyError).faults.map(({ message, path, suggestion }) => `${path}: ${message} (${suggestion})`) : [String(exit.cause)]
}

const module = (...given: Parameters<typeof compiled>): Uint8Array => Buffer.from(planOf(...given).interception!.module!, "base64")

const action = (program: Uint8Array, name: SyscallName, ...args: ReadonlyArray<bigint>): number =>
  evalCall(program, { nr: syscallNumbers[name], arch: RV.ARCH_X86_64, ip: 0n, args: Array.from({ length: 6 }, (_, i) => args[i] ?? 0n) } as never).action

describe("the backend", () => {
  it("is ptrace, unless the policy says otherwise", () => {
    expect(planOf({}).interception).toBeUndefined()
    expect(planOf({ backend: "auto" }).interception).toBeUndefined()
    expect(planOf({ backend: "kmod" }).interception?.module).toBeDefined()
  })

  it("of a suite may be another, for policies that name none", () => {
    setAutomatic("kmod")
    expect(planOf({}).interception?.module).toBeDefined()
    expect(planOf({ backend: "ptrace" }).interception).toBeUndefined()
    setAutomatic("ptrace")
    expect(planOf({}).interception).toBeUndefined()
  })

  it("kmod refuses what needs trace points, and says what to do", () => {
    const steering = SyscallHandler.make("getpid", { power: "steer" }, () => Effect.succeed(Verdict.continue))
    const event = EventHandler.make("exec", () => Effect.void)
    const time = SyscallHandler.make("clock_gettime", () => Effect.succeed(Verdict.continue))
    const kept = SyscallHandler.make("clock_gettime", { vdso: "keep" }, () => Effect.succeed(Verdict.continue))
    expect(faultsOf({ backend: "kmod" }, [steering, event, time, kept] as never)).toEqual([
      "handlers[0]: a handler of power `steer` needs trace points, which the kernel module does not have (take `backend: \"ptrace\"`)",
      "handlers[1]: handlers of events need trace points, which the kernel module does not have (take `backend: \"ptrace\"`)",
      "handlers[2].vdso: programs ask for clock_gettime without a call, and only a trace point can hide the vDSO from them (`vdso: \"keep\"`, or take `backend: \"ptrace\"`)"
    ])
    expect(faultsOf({ backend: "ptrace" }, [steering, event, time, kept] as never)).toEqual([])
  })
})

describe("the module's program", () => {
  it("holds the filter, with its conditions, and leaves nothing to a filter", () => {
    const program = module({ backend: "kmod" })
    expect(planOf({ backend: "kmod" }).seccomp).toEqual({ default: { action: "kill" }, rules: [] })
    expect(action(program, "read")).toBe(RV.ACTION_ALLOW)
    expect(action(program, "mount")).toBe(RV.ACTION_ERRNO)
    expect(action(program, "clone", 17n)).toBe(RV.ACTION_ALLOW)
    expect(action(program, "clone", 0x10000011n)).toBe(RV.ACTION_ERRNO)
    expect(action(module({ backend: "kmod", syscalls: { kill: ["getppid"] } }), "getppid")).toBe(RV.ACTION_KILL)
  })

  it("puts to init what is to be told, and what handlers want", () => {
    const program = module({ backend: "kmod", violations: "report" }, [SyscallHandler.make("getpid", () => Effect.succeed(Verdict.value(1n)))] as never)
    expect(action(program, "mount")).toBe(RV.ACTION_TRACE)
    expect(action(program, "getpid")).toBe(RV.ACTION_TRACE)
    expect(action(program, "clone3")).toBe(RV.ACTION_ERRNO)
  })

  it("leaves to the module what only looks, and sendto(2)", () => {
    const paths = module({ backend: "kmod", filesystem: { decide: "calls" } })
    for (const name of ["stat", "openat", "readlink", "access"] as const) expect(action(paths, name), name).toBe(RV.ACTION_NOTIFY)
    for (const name of ["mkdir", "openat2", "connect", "sendmsg", "chmod"] as const) expect(action(paths, name), name).toBe(RV.ACTION_TRACE)
    expect(action(paths, "openat", 0n, 0n, 0o100n)).toBe(RV.ACTION_TRACE)
    expect(action(paths, "openat", 0n, 0n, 0o1n)).toBe(RV.ACTION_TRACE)
    expect(action(paths, "access", 0n, 2n)).toBe(RV.ACTION_TRACE)
    const addresses = module({ backend: "kmod", network: { mode: "none", connect: ["127.0.0.1:1"] } })
    expect(action(addresses, "sendto")).toBe(RV.ACTION_NOTIFY)
    for (const name of ["connect", "bind", "listen", "sendmsg", "sendmmsg"] as const) expect(action(addresses, name), name).toBe(RV.ACTION_TRACE)
    expect(action(addresses, "openat")).toBe(RV.ACTION_ALLOW)
  })

  it("leaves no call to the module that a handler wants", () => {
    const program = module({ backend: "kmod", filesystem: { decide: "calls" } }, [SyscallHandler.make("stat", () => Effect.succeed(Verdict.continue))] as never)
    expect(action(program, "stat")).toBe(RV.ACTION_TRACE)
    expect(action(program, "lstat")).toBe(RV.ACTION_NOTIFY)
  })
})
