import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { SeccompRule } from "./protocol.ts"
import { conditionsOf, ENOSYS, EPERM, noneOf, type Preset, refusals, seccompRules } from "./seccompRules.ts"
import { lastSyscall, syscallNumbers, type SyscallName } from "./syscalls.ts"

const presets: ReadonlyArray<Preset> = ["default", "strict", "trusted"]

const holds = (arg: NonNullable<SeccompRule["args"]>[number], value: bigint): boolean => {
  expect(arg.op).toBe("masked_eq")
  return (value & BigInt(arg.mask ?? "0")) === BigInt(arg.value)
}

/** What the kernel answers, by the plan's rules: "allow", "kill", or an errno. */
const decide = (rules: ReadonlyArray<SeccompRule>, name: SyscallName | number, args: ReadonlyArray<number | bigint> = []): string | number => {
  const nr = typeof name === "number" ? name : syscallNumbers[name]
  const rule = rules.find((r) => r.nr === nr && (r.args ?? []).every((arg) => holds(arg, BigInt.asUintN(64, BigInt(args[arg.index] ?? 0)))))
  return rule === undefined ? EPERM : rule.action === "errno" ? rule.errno ?? EPERM : rule.action
}

describe("none of some values", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  it("holds for all other low halves, whatever the high half is", () => {
    fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 1 }), word, word, (values, low, high) => {
      const conditions = noneOf(0, values)
      const value = (BigInt(high) << 32n) | BigInt(low)
      expect(conditions.some((c) => holds(c, value))).toBe(!values.includes(low))
    }))
  })

  it("is exact around several values", () => {
    fc.assert(fc.property(word, fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 6 }), fc.nat(255), word, (base, offsets, probe, high) => {
      const values = offsets.map((offset) => ((base & 0xffffff00) | offset) >>> 0)
      const low = ((base & 0xffffff00) | probe) >>> 0
      const conditions = noneOf(3, values)
      for (const value of [...values, low]) {
        const wide = (BigInt(high) << 32n) | BigInt(value)
        expect(conditions.some((c) => holds(c, wide))).toBe(!values.includes(value))
      }
    }))
  })
})

describe.each(presets)("the filter of %s", (preset) => {
  const rules = seccompRules(preset, undefined)

  it("mixes no unconditional rule with others for one number", () => {
    const mixed = [...Map.groupBy(rules, (rule) => rule.nr).values()].filter((group) => group.length > 1 && group.some((rule) => rule.args === undefined))
    expect(mixed).toEqual([])
  })

  it("never lets attacks on the kernel through", () => {
    for (const name of ["bpf", "userfaultfd", "perf_event_open", "keyctl", "add_key", "kexec_load", "init_module", "mount", "move_mount", "pivot_root", "setns", "open_by_handle_at", "reboot", "iopl"] as const) {
      expect([name, decide(rules, name)]).toEqual([name, EPERM])
    }
    for (const name of ["io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"] as const) expect([name, decide(rules, name)]).toEqual([name, ENOSYS])
  })

  it("allows processes and threads, and no new namespaces", () => {
    expect(decide(rules, "clone", [0x3d0f00])).toBe("allow")
    expect(decide(rules, "clone", [0x1200011])).toBe("allow")
    for (const bit of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(decide(rules, "clone", [bit | 0x11])).toBe(EPERM)
      expect(decide(rules, "clone", [0x7700000000n | BigInt(bit)])).toBe(EPERM)
      expect(decide(rules, "unshare", [bit])).toBe(EPERM)
    }
    expect(decide(rules, "unshare", [0x200])).toBe("allow")
  })

  it("allows ioctl but typing into terminals, whatever the high half says", () => {
    for (const request of [0x5401, 0x5402, 0x5413, 0x5410, 0x541b, 0x541e, 0x5421, 0x5451, 0x80045430, 0xc020660b, 0, 0xffffffff]) {
      expect(decide(rules, "ioctl", [1, request])).toBe("allow")
      expect(decide(rules, "ioctl", [1, 0xffffffff00000000n | BigInt(request)])).toBe("allow")
    }
    for (const request of [0x5412n, 0x541cn, 0x100005412n, 0xffffffff00005412n, 0xdead0000541cn]) expect(decide(rules, "ioctl", [1, request])).toBe(EPERM)
  })

  it("allows UNIX sockets, and no exotic family", () => {
    expect(decide(rules, "socket", [1, 1, 0])).toBe("allow")
    expect(decide(rules, "socketpair", [1, 1, 0])).toBe("allow")
    for (const family of [0, 3, 9, 17, 29, 31, 38, 40, 44, 0x100000028n]) expect(decide(rules, "socket", [family, 1, 0])).toBe(EPERM)
    expect(decide(rules, "socket", [16, 3, 9])).toBe(EPERM)
    expect(decide(rules, "socket", [2, 1, 0])).toBe(preset === "strict" ? EPERM : "allow")
    expect(decide(rules, "socket", [16, 3, 0])).toBe(preset === "strict" ? EPERM : "allow")
  })

  it("answers ENOSYS to calls of newer kernels", () => {
    expect(decide(rules, lastSyscall)).not.toBe(ENOSYS)
    expect(decide(rules, lastSyscall + 1)).toBe(ENOSYS)
    expect(decide(rules, lastSyscall + 32)).toBe(ENOSYS)
  })

  it("allows what every C program needs", () => {
    for (const name of ["read", "write", "openat", "close", "fstat", "newfstatat", "mmap", "mprotect", "brk", "execve", "exit_group", "futex", "rt_sigaction", "set_robust_list", "rseq", "prlimit64", "getrandom", "arch_prctl", "wait4", "pipe2", "dup3", "epoll_create1", "eventfd2", "statx", "seccomp", "prctl"] as const) {
      expect([name, decide(rules, name)]).toEqual([name, "allow"])
    }
  })
})

describe("presets", () => {
  it("debuggers work under trusted only", () => {
    expect(presets.map((preset) => decide(seccompRules(preset, undefined), "ptrace"))).toEqual([EPERM, EPERM, "allow"])
  })

  it("strict allows nothing that default does not, and default nothing that trusted does not", () => {
    const [standard, strict, trusted] = presets.map((preset) => new Set(seccompRules(preset, undefined).filter((r) => r.action === "allow").map((r) => r.nr)))
    expect([...strict!].filter((nr) => !standard!.has(nr))).toEqual([])
    expect([...standard!].filter((nr) => !trusted!.has(nr))).toEqual([])
  })

  it("no call is refused twice, or both refused and conditional", () => {
    const all = refusals.flatMap((r) => r.calls)
    expect(new Set(all).size).toBe(all.length)
    for (const preset of presets) for (const name of Object.keys(conditionsOf(preset))) expect(all).not.toContain(name)
  })
})

describe("changes of a policy", () => {
  it("kill beats deny beats allow", () => {
    const rules = seccompRules("default", { allow: ["ptrace", "bpf", "ioctl"], deny: ["bpf", "uname", "kill"], kill: ["kill", "reboot"] })
    expect(decide(rules, "ptrace")).toBe("allow")
    expect(decide(rules, "ioctl", [0, 0x5412])).toBe("allow")
    expect(decide(rules, "bpf")).toBe(EPERM)
    expect(decide(rules, "uname")).toBe(EPERM)
    expect(decide(rules, "kill")).toBe("kill")
    expect(decide(rules, "reboot")).toBe("kill")
    expect(decide(rules, "read")).toBe("allow")
  })

  it("leave the preset's own table alone", () => {
    seccompRules("default", { deny: ["read"] })
    expect(decide(seccompRules("default", undefined), "read")).toBe("allow")
  })
})

for (const [document, script] of [["syscalls", "generate-syscall-docs"], ["interception", "generate-interception-docs"]] as const) {
  it(`docs/${document}.md is current (node scripts/${script}.mjs)`, async () => {
    const file = new URL(`../../scripts/${script}.mjs`, import.meta.url).href
    const { documentPath, render } = await import(/* @vite-ignore */ file) as { readonly documentPath: string; readonly render: () => string }
    expect(readFileSync(documentPath, "utf8")).toBe(render())
  })
}
