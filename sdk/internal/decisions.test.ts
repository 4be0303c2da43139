import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../Command.ts"
import * as Policy from "../Policy.ts"
import { compile, type Compiled } from "./compile.ts"
import { METADATA, undecidedCalls } from "./decisions.ts"
import { decisionReason } from "./refusal.ts"
import { syscallNumbers, type SyscallName } from "./syscalls.ts"

const plan = (input: Policy.PolicyInput): Promise<Compiled> => Effect.runPromise(compile(Policy.make(input), Command.make("true")))
const actions = ({ plan }: Compiled, name: SyscallName) => new Set(plan.seccomp.rules.filter(({ nr }) => nr === syscallNumbers[name]).map(({ action }) => action))

describe("what is decided at each call", () => {
  it("is nothing without rules: calls stay with the kernel", async () => {
    const compiled = await plan({ network: "host", filesystem: { decide: "mounts", deny: [{ path: "/nowhere", optional: true }] } })
    expect(compiled.plan.interception).toBeUndefined()
    expect(compiled.keys).toEqual([])
  })

  it("calls: those that name a file and can be carried out are notified, those that cannot are not there", async () => {
    const compiled = await plan({ filesystem: { decide: "calls", deny: [{ path: "/nowhere/*", optional: true }] } })
    for (const name of ["openat", "renameat2", "statx", "connect", "sendmsg"] as const) expect(actions(compiled, name)).toEqual(new Set(["notify"]))
    expect(actions(compiled, "sendto")).toEqual(new Set(["allow", "notify"]))
    for (const name of ["read", "listen", "socket", "execve", "chdir"] as const) expect(actions(compiled, name)).toEqual(new Set(["allow"]))
    for (const name of undecidedCalls()) expect(actions(compiled, name).has("allow")).toBe(false)
    expect(undecidedCalls()).toEqual(expect.arrayContaining(["setxattrat", "open_tree", "fanotify_mark", "name_to_handle_at"]))
    expect(compiled.plan.interception).toMatchObject({ program: expect.any(String) as string })
    expect(compiled.plan.interception?.network).toBeUndefined()
    expect(compiled.keys).toEqual(["filesystem.deny[0]"])
    expect(compiled.plan.namespaces.net).toBe(true)
  })

  it("a network with rules: its calls only, and sockets that the rules can speak of", async () => {
    const compiled = await plan({ network: { mode: "host", connect: ["*:443"], deny: ["10.0.0.0/8:*"] } })
    for (const name of ["connect", "bind", "listen", "sendmmsg"] as const) expect(actions(compiled, name)).toEqual(new Set(["notify"]))
    expect(actions(compiled, "openat")).toEqual(new Set(["allow"]))
    expect(compiled.plan.seccomp.rules.filter(({ nr }) => nr === syscallNumbers.socket).every(({ args }) => args !== undefined)).toBe(true)
    expect(compiled.plan.interception?.network).toBe(true)
    expect(compiled.keys).toEqual(["network.deny[0]", METADATA])
    expect(compiled.plan.namespaces.net).toBe(false)
    expect((await plan({ network: { mode: "none" } })).plan.namespaces.net).toBe(true)
    expect((await plan({ network: { mode: "host", connect: ["169.254.169.254:80"] } })).plan.interception).toBeDefined()
  })

  it("beside refusals that are reported, the kernel still sends what has no address", async () => {
    const compiled = await plan({ violations: "report", network: { mode: "none" } })
    expect(actions(compiled, "sendto")).toEqual(new Set(["allow"]))
    expect(compiled.plan.seccomp.default.action).toBe("notify")
  })

  it("what a policy allows past its own rules is a fault", async () => {
    const result = await Effect.runPromise(Effect.result(compile(Policy.make({
      network: { mode: "host" }, filesystem: { decide: "calls" }, syscalls: { allow: ["socket", "io_uring_setup", "read", "mount"] }
    }), Command.make("true"))))
    expect(Result.isFailure(result) ? result.failure.faults.map(({ path }) => path) : []).toEqual(["syscalls.allow[1]", "syscalls.allow[3]", "syscalls.allow[0]", "syscalls.allow[1]"])
  })

  it("a preset that uses few calls stays as narrow", async () => {
    const compiled = await plan({ extends: "strict", filesystem: { decide: "calls" }, network: { mode: "none", connect: ["unix:/tmp/x"] } })
    expect(actions(compiled, "mknod").size).toBe(0)
    expect(compiled.plan.seccomp.rules.filter(({ nr }) => nr === syscallNumbers.socket)).toEqual([
      { nr: syscallNumbers.socket, action: "allow", args: [{ index: 0, op: "masked_eq", mask: "4294967295", value: "1" }] }
    ])
  })
})

describe("reasons", () => {
  it("name the key that decided and what would allow the call", () => {
    expect(decisionReason("openat", { path: "/p/.env" }, "filesystem.deny[2]", false)).toMatchObject({ rule: "filesystem.deny[2]", remedy: "take it out of filesystem.deny" })
    expect(decisionReason("openat", { path: "/h/.ssh" }, "preset trusted", false)).toMatchObject({ rule: "preset trusted", remedy: expect.stringContaining("preset") as string })
    expect(decisionReason("unlink", { path: "/p/x" }, undefined, true)).toMatchObject({ rule: "filesystem", remedy: expect.stringContaining("/p/x") as string })
    expect(decisionReason("connect", { address: "[::1]:80" }, undefined, true)).toMatchObject({ rule: "network.connect", remedy: "network.connect: [\"[::1]:80\"]" })
    expect(decisionReason("connect", { path: "/run/x" }, undefined, true)).toMatchObject({ rule: "network.connect", remedy: "network.connect: [\"unix:/run/x\"]" })
    expect(decisionReason("listen", { address: "0.0.0.0:0" }, undefined, true)).toMatchObject({ rule: "network.bind" })
    expect(decisionReason("bind", { path: "/usr/x" }, undefined, false)).toMatchObject({ rule: "filesystem" })
    expect(decisionReason("connect", { address: "10000000" }, undefined, true)).toMatchObject({ rule: "network.connect" })
    expect(decisionReason("connect", { address: "169.254.169.254:80" }, METADATA, true)).toMatchObject({ rule: "network", remedy: "network.connect: [\"169.254.169.254:80\"]" })
  })
})
