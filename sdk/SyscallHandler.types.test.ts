/**
 * What compiles and what does not. `tsc` checks this file: a line under `@ts-expect-error` that compiles is an error. The bodies
 * run too, which shows that making a handler has no effects.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import * as Command from "./Command.ts"
import type { CString, ConstPointer, Pointer } from "./GuestMemory.ts"
import type { BehalfSyscall, FixedSyscall, MemorySyscall, RegisterSyscall } from "./internal/syscall/classes.ts"
import * as Plugin from "./Plugin.ts"
import * as Policy from "./Policy.ts"
import * as Sandbox from "./Sandbox.ts"
import * as Syscall from "./Syscall.ts"
import * as SyscallHandler from "./SyscallHandler.ts"
import * as Verdict from "./Verdict.ts"
import { Address, Arg, Path } from "./Where.ts"

class Hostname extends Context.Service<Hostname, { readonly name: string }>()("test/Hostname") {
  static readonly layer = Layer.succeed(Hostname, { name: "box" })
}
class Log extends Context.Service<Log, { readonly write: (line: string) => Effect.Effect<void> }>()("test/Log") {}

const ok = Effect.succeed(Verdict.value(0))

describe("the table", () => {
  it("names every call of the numbers' list, and no other", () => {
    expectTypeOf<keyof Syscall.SyscallArguments>().toEqualTypeOf<Syscall.SyscallName>()
  })
  it("puts every call into exactly one class", () => {
    expectTypeOf<RegisterSyscall | BehalfSyscall | MemorySyscall | FixedSyscall>().toEqualTypeOf<Syscall.SyscallName>()
    expectTypeOf<RegisterSyscall & (BehalfSyscall | MemorySyscall | FixedSyscall)>().toEqualTypeOf<never>()
    expectTypeOf<BehalfSyscall & (MemorySyscall | FixedSyscall)>().toEqualTypeOf<never>()
    expectTypeOf<MemorySyscall & FixedSyscall>().toEqualTypeOf<never>()
  })
})

describe("arguments", () => {
  it("have the kernel's names and types", () => {
    SyscallHandler.make("openat", (call) => {
      expectTypeOf(call.args.dfd).toEqualTypeOf<number>()
      expectTypeOf(call.args.flags).toEqualTypeOf<number>()
      expectTypeOf(call.args.filename).toEqualTypeOf<ConstPointer<CString>>()
      // @ts-expect-error the path is `filename`
      void call.args.path
      // @ts-expect-error what the kernel only reads is not written
      void call.args.filename.write
      return ok
    })
    SyscallHandler.make("uname", (call) => {
      expectTypeOf(call.args.name).toEqualTypeOf<Pointer<Syscall.Utsname>>()
      return ok
    })
    SyscallHandler.make("lseek", (call) => {
      expectTypeOf(call.args.offset).toEqualTypeOf<bigint>()
      return ok
    })
  })
  it("refuse a misspelt structure field or one of another type", () => {
    // @ts-expect-error nodname
    const misspelt = () => Syscall.Utsname.make({ nodname: "box" })
    // @ts-expect-error text
    const number = () => Syscall.Utsname.make({ nodename: 1 })
    // @ts-expect-error 64 bits are a bigint
    const narrow = () => Syscall.Timespec.make({ tv_sec: 1 })
    SyscallHandler.make("uname", (call) =>
      Effect.gen(function*() {
        // @ts-expect-error a value has all fields; make fills in the others
        yield* call.args.name.write({ nodename: "box" })
        // @ts-expect-error a structure of another kind
        yield* call.args.name.write(Syscall.Timespec.make())
        return Verdict.value(0)
      }))
    void [misspelt, number, narrow]
  })
  it("refuse misspelt flags and errors", () => {
    // @ts-expect-error O_CREATE
    const flag = () => Syscall.OpenFlags.has(0, "O_CREATE")
    // @ts-expect-error ENOTFOUND
    const errno = () => Verdict.errno("ENOTFOUND")
    void [flag, errno]
  })
})

describe("names", () => {
  it("are those of system calls that can be handled", () => {
    // @ts-expect-error misspelt
    SyscallHandler.make("opennat", () => ok)
    // @ts-expect-error the kernel's own control flow
    SyscallHandler.make("rt_sigreturn", () => ok)
    // @ts-expect-error only at a trace point
    SyscallHandler.make("close", () => ok)
    // @ts-expect-error only at a trace point
    SyscallHandler.make("vfork", { power: "answer" }, () => ok)
    SyscallHandler.make("close", { power: "observe" }, () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("fork", { power: "steer" }, () => ok)
  })
})

describe("verdicts", () => {
  it("`continue` where the kernel sees what the handler saw", () => {
    SyscallHandler.make("kill", () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("openat", () => Effect.succeed(Verdict.continue))
    // @ts-expect-error execve runs on memory that the guest can change after the handler has read it
    SyscallHandler.make("execve", () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("execve", { memory: "none" }, () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("execve", { memory: "racy" }, () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("execve", { power: "observe" }, () => Effect.succeed(Verdict.continue))
  })
  it("without memory there is nothing to read", () => {
    SyscallHandler.make("execve", { memory: "none" }, (call) => {
      // @ts-expect-error no read
      void call.args.filename.read
      // @ts-expect-error no at
      void call.at
      return Effect.succeed(Verdict.continue)
    })
    SyscallHandler.make("uname", { memory: "none" }, (call) => {
      // @ts-expect-error no read
      void call.args.name.read
      return Effect.as(call.args.name.write(Syscall.Utsname.make()), Verdict.value(0))
    })
  })
  it("`fd` only for calls that make descriptors", () => {
    SyscallHandler.make("openat", () => Effect.succeed(Verdict.fd(new Uint8Array())))
    // @ts-expect-error kill makes none
    SyscallHandler.make("kill", () => Effect.succeed(Verdict.fd(3)))
  })
  it("a path is resolved where the call is then carried out from it, and by its own name", () => {
    SyscallHandler.make("renameat2", (call) => {
      void call.resolve("newname")
      // @ts-expect-error a descriptor, and no path
      void call.resolve("newdfd")
      return Effect.as(call.descriptor(call.args.newdfd), Verdict.continue)
    })
    SyscallHandler.make("execve", (call) => {
      // @ts-expect-error the kernel resolves it again
      void call.resolve
      return Effect.succeed(Verdict.errno("EACCES"))
    })
    SyscallHandler.make("openat", { memory: "none" }, (call) => {
      // @ts-expect-error a path is memory
      void call.resolve
      return Effect.succeed(Verdict.continue)
    })
    // @ts-expect-error a descriptor of the host's stands for nothing
    Verdict.fd(3, { path: "/x" })
  })
  it("a pointer is there or not; its number says nothing else", () => {
    SyscallHandler.make("futex", { where: [Arg.isSet("utime"), Arg.isNull("uaddr2")] }, () => Effect.succeed(Verdict.value(0)))
    // @ts-expect-error a number
    SyscallHandler.make("futex", { where: Arg.isSet("op") }, () => Effect.succeed(Verdict.value(0)))
    // @ts-expect-error a pointer
    SyscallHandler.make("futex", { where: Arg.eq("utime", 5) }, () => Effect.succeed(Verdict.value(0)))
  })
  it("an observer answers nothing and writes nothing", () => {
    // @ts-expect-error no errno
    SyscallHandler.make("openat", { power: "observe" }, () => Effect.succeed(Verdict.errno("EACCES")))
    SyscallHandler.make("uname", { power: "observe" }, (call) => {
      // @ts-expect-error no write
      void call.args.name.write
      return Effect.succeed(Verdict.continue)
    })
  })
  it("rewrite, after and inject take the power to steer", () => {
    SyscallHandler.make("clock_gettime", (call) => {
      // @ts-expect-error no power
      void call.rewrite
      // @ts-expect-error no power
      void call.after
      // @ts-expect-error no power
      void call.inject
      return Effect.succeed(Verdict.continue)
    })
    SyscallHandler.make("clock_gettime", { power: "steer" }, (call) => Effect.succeed(call.rewrite({ which_clock: 1 })))
    SyscallHandler.make("clock_gettime", { power: "steer" }, (call) => Effect.succeed(call.after((result) => Effect.succeed(Verdict.value(result.value)))))
    SyscallHandler.make("kill", { power: "steer" }, (call) => Effect.as(call.inject("kill", { pid: 1, sig: 0 }), Verdict.value(0)))
    // @ts-expect-error a misspelt argument
    SyscallHandler.make("kill", { power: "steer" }, (call) => Effect.succeed(call.rewrite({ signal: 9 })))
    // @ts-expect-error a misspelt argument of another call
    SyscallHandler.make("kill", { power: "steer" }, (call) => Effect.as(call.inject("tgkill", { tid: 1 }), Verdict.value(0)))
    // @ts-expect-error the call would run on memory that the handler may have read
    SyscallHandler.make("nanosleep", { power: "steer" }, (call) => Effect.succeed(call.rewrite({ rqtp: 0n })))
    SyscallHandler.make("nanosleep", { power: "steer", memory: "racy" }, (call) => Effect.succeed(call.rewrite({ rqtp: 0n })))
  })
  it("the rewriting of one call is no verdict for another", () => {
    let other: Verdict.Rewrite<"getppid"> | undefined
    SyscallHandler.make("getppid", { power: "steer" }, (call) => Effect.sync(() => (other = call.rewrite({}))))
    // @ts-expect-error getppid's
    SyscallHandler.make("getpid", { power: "steer" }, () => Effect.sync(() => other!))
  })
  it("a failing handler may not continue where it could not have said so", () => {
    SyscallHandler.make("openat", { onFailure: "continue" }, () => ok)
    SyscallHandler.make("execve", { onFailure: "EPERM" }, () => ok)
    // @ts-expect-error execve
    SyscallHandler.make("execve", { onFailure: "continue" }, () => ok)
    // @ts-expect-error no such error
    SyscallHandler.make("execve", { onFailure: "EDENIED" }, () => ok)
  })
  it("other errors than memory faults must be handled", () => {
    SyscallHandler.make("uname", (call) => Effect.as(call.args.name.read, Verdict.value(0)))
    // @ts-expect-error what would the guest see?
    SyscallHandler.make("uname", () => Effect.fail("no"))
  })
})

describe("filters", () => {
  it("are about arguments of the call", () => {
    SyscallHandler.make("openat", { where: Path.under("/etc") }, () => ok)
    SyscallHandler.make("openat", { where: [Path.glob("*.pem"), Arg.has("flags", Syscall.OpenFlags.value("O_CREAT"))] }, () => ok)
    SyscallHandler.make("renameat2", { where: Path.under("/etc", { argument: "newname" }) }, () => ok)
    SyscallHandler.make("connect", { where: Address.net("10.0.0.0/8") }, () => ok)
    // @ts-expect-error kill takes no path
    SyscallHandler.make("kill", { where: Path.under("/etc") }, () => ok)
    // @ts-expect-error openat takes no address
    SyscallHandler.make("openat", { where: Address.net("10.0.0.0/8") }, () => ok)
    // @ts-expect-error misspelt
    SyscallHandler.make("openat", { where: Arg.eq("flag", 0) }, () => ok)
    // @ts-expect-error misspelt
    SyscallHandler.make("renameat2", { where: Path.under("/etc", { argument: "newpath" }) }, () => ok)
  })
  it("may not look at memory for a handler that lets the call run on it", () => {
    // @ts-expect-error the path may be another one when the kernel reads it
    SyscallHandler.make("execve", { memory: "none", where: Path.under("/usr/bin") }, () => Effect.succeed(Verdict.continue))
    // @ts-expect-error nor if the handler only refuses: what the filter lets pass may be another path when the kernel reads it
    SyscallHandler.make("execve", { where: Path.under("/usr/bin") }, () => Effect.succeed(Verdict.errno("EACCES")))
    // @ts-expect-error the guest's own call runs
    SyscallHandler.make("openat", { power: "steer", memory: "none", where: Path.under("/etc") }, (call) => Effect.succeed(call.rewrite({ flags: 0 })))
    SyscallHandler.make("openat", { memory: "none", where: Path.under("/etc") }, () => Effect.succeed(Verdict.continue))
    SyscallHandler.make("execve", { memory: "racy", where: Path.under("/usr/bin") }, () => Effect.succeed(Verdict.errno("EACCES")))
    SyscallHandler.make("execve", { power: "observe", where: Path.under("/usr/bin") }, () => Effect.succeed(Verdict.continue))
  })
})

describe("services", () => {
  const needy = SyscallHandler.make("uname", (call) =>
    Effect.gen(function*() {
      const self = yield* Hostname
      yield* call.args.name.write(Syscall.Utsname.make({ nodename: self.name }))
      return Verdict.value(0)
    }))
  it("are in the handler's type", () => {
    expectTypeOf(needy).toEqualTypeOf<SyscallHandler.SyscallHandler<"uname", Hostname>>()
    expectTypeOf(SyscallHandler.make("getpid", () => ok)).toEqualTypeOf<SyscallHandler.SyscallHandler<"getpid", never>>()
    // @ts-expect-error it requires Hostname
    const free: SyscallHandler.SyscallHandler<"uname"> = needy
    void free
  })
  it("of a hook on the result too", () => {
    const handler = SyscallHandler.make("getpid", { power: "steer" }, (call) =>
      Effect.succeed(call.after((result) => Effect.as(Effect.flatMap(Log, (log) => log.write(String(result.value))), Verdict.continue))))
    expectTypeOf(handler).toEqualTypeOf<SyscallHandler.SyscallHandler<"getpid", Log>>()
  })
  it("are provided by a plugin's layer, or still required", () => {
    const logs = SyscallHandler.make("getpid", () => Effect.as(Log, Verdict.continue))
    expectTypeOf(Plugin.make({ name: "a", handlers: [needy], layer: Hostname.layer })).toEqualTypeOf<Plugin.Plugin<never, never>>()
    expectTypeOf(Plugin.make({ name: "b", handlers: [needy, logs], layer: Hostname.layer })).toEqualTypeOf<Plugin.Plugin<never, Log>>()
    expectTypeOf(Plugin.make({ name: "c", handlers: [needy] })).toEqualTypeOf<Plugin.Plugin<never, Hostname>>()
  })
  it("what handlers require is required of whoever spawns, and of nobody else", () => {
    class Name extends Context.Service<Name, { readonly name: string }>()("test/Name") {}
    const named = SyscallHandler.make("uname", () => Effect.map(Name, () => Verdict.value(0)))
    const plain = SyscallHandler.make("uname", () => ok)
    const command = Command.make("true")
    const run = (effect: Effect.Effect<unknown, unknown, Scope.Scope>): void => void effect
    run(Sandbox.spawn(command))
    run(Sandbox.spawn(command, Policy.make({ handlers: [plain, SyscallHandler.fromModule("x")] })))
    run(Effect.provideService(Sandbox.spawn(command, Policy.make({ handlers: [named] })), Name, { name: "x" }))
    run(Sandbox.spawn(command, Policy.make({ handlers: [Plugin.make({ name: "p", handlers: [named], layer: Layer.succeed(Name, { name: "x" }) })] })))
    // @ts-expect-error Name is missing
    run(Sandbox.spawn(command, Policy.make({ handlers: [plain, named] })))
    // @ts-expect-error Name is missing
    run(Sandbox.spawn(command, Policy.default.pipe(Policy.handlers(named), Policy.read("/srv"))))
    // @ts-expect-error Name is missing
    run(Sandbox.spawn(command, Policy.merge(Policy.default, Policy.handlers(Policy.default, named))))
    // @ts-expect-error Name is missing
    run(Sandbox.spawn(command, Policy.make({ handlers: [Plugin.make({ name: "p", handlers: [named] })] })))
  })
})
