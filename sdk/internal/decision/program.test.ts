/**
 * The compiler: what it refuses, and that what it writes means what the model says (`differential.test.ts` does that at large).
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import * as core from "../../../test/support/core.ts"
import { parseCidr } from "./cidr.ts"
import { RV } from "./format.ts"
import { parseGlob } from "./glob.ts"
import { type AddressRule, type CallRule, type Condition, type Model, type PathRule, Protocol, Right } from "./model.ts"
import { compileProgram } from "./program.ts"
import * as reference from "./reference.ts"

const empty: Model = { default: { type: "errno", errno: 38 }, foreign: { type: "kill" }, calls: [], paths: [], addresses: [] }

const compile = (model: Partial<Model>): Uint8Array => {
  const program = Result.getOrThrowWith(
    compileProgram({ ...empty, ...model }),
    (faults) => new Error(faults.map((fault) => `${fault.path}: ${fault.message}`).join("\n"))
  )
  expect(core.validate(program)).toEqual({ code: RV.FAULT_NONE, offset: 0 })
  return program
}

const faults = (model: Partial<Model>): ReadonlyArray<string> =>
  Result.match(compileProgram({ ...empty, ...model }), {
    onSuccess: () => [],
    onFailure: (all) => all.map((fault) => `${fault.path}: ${fault.message}`)
  })

const text = (path: string): Uint8Array => Buffer.from(path)
const deny = (glob: string): PathRule => ({ kind: "deny", id: 1, rights: Right.all, scope: "exact", glob })
const grant = (path: string, id = 1, rights: number = Right.read): PathRule => ({ kind: "grant", id, rights, scope: "subtree", path })

describe("format", () => {
  it("is what rv_abi.h says", () => {
    const root = fileURLToPath(new URL("../../..", import.meta.url))
    execFileSync(process.execPath, [`${root}/scripts/generate-abi.mjs`, "--check"], { stdio: "inherit" })
  })
})

describe("programs", () => {
  it("says nothing when the model says nothing", () => {
    const program = compile({})
    const decision = core.evalCall(program, { nr: 0, arch: RV.ARCH_X86_64, args: [0n, 0n, 0n, 0n, 0n, 0n] })
    expect(decision).toMatchObject({ action: RV.ACTION_ERRNO, error: 38, rule: RV.ID_NONE })
    expect(core.evalPath(program, text("/"), Right.read).verdict).toBe(RV.VERDICT_MISSING)
  })

  it("lets deny beat write and write beat read, at any depth and in any order", () => {
    const paths: Array<PathRule> = [
      { kind: "grant", id: 1, rights: Right.read, scope: "subtree", path: "/data/out/notes" },
      { kind: "grant", id: 2, rights: Right.read | Right.write, scope: "subtree", path: "/data/out" },
      { kind: "deny", id: 3, rights: Right.all, scope: "subtree", path: "/data" },
      { kind: "grant", id: 4, rights: Right.read | Right.write, scope: "subtree", path: "/srv" },
      { kind: "grant", id: 5, rights: Right.read, scope: "subtree", path: "/srv/doc" }
    ]
    for (const order of [paths, paths.toReversed()]) {
      const program = compile({ paths: order })
      expect(core.evalPath(program, text("/data/out/notes"), Right.read)).toMatchObject({ verdict: RV.VERDICT_DENIED, rule: 3 })
      expect(core.evalPath(program, text("/srv/doc/a"), Right.write)).toMatchObject({ verdict: RV.VERDICT_GRANTED, rule: 4 })
    }
  })

  it("keeps two names of one hash apart", () => {
    const program = compile({ paths: [grant("/costarring", 1), grant("/liquid", 2)] })
    expect(core.evalPath(program, text("/liquid/x"), Right.read).rule).toBe(2)
    expect(core.evalPath(program, text("/costarring"), Right.read).rule).toBe(1)
  })

  it("asks a handler only for the paths that its filter names", () => {
    const program = compile({
      calls: [
        { id: 1, nr: 257, action: { type: "notify", paths: [1] } },
        { id: 2, nr: 257, action: { type: "handler", handler: 3, paths: [1] } },
        { id: 3, nr: 257, action: { type: "handler", handler: 9, paths: [1] } }
      ],
      paths: [
        { ...grant("/", 4), scope: "subtree" },
        { kind: "filter", handler: 3, rights: Right.read, scope: "subtree", path: "/etc" },
        { kind: "filter", handler: 9, rights: Right.all, scope: "exact", glob: "/**/*.{key,pem}" }
      ]
    })
    const asked = (path: string): bigint => {
      const decision = core.evalCall(program, { nr: 257, arch: RV.ARCH_X86_64, args: [0n, 0n, 0n, 0n, 0n, 0n] })
      expect(decision).toMatchObject({ action: RV.ACTION_HANDLER, base: RV.ACTION_NOTIFY, paths: 0b10, handlers: 0n, pending: 1n << 3n | 1n << 9n })
      return decision.handlers | (decision.pending & core.evalPath(program, text(path), Right.read).filters)
    }
    expect(asked("/etc/passwd")).toBe(1n << 3n)
    expect(asked("/etc/ssl/a.pem")).toBe(1n << 3n | 1n << 9n)
    expect(asked("/home/a.key")).toBe(1n << 9n)
    expect(asked("/home/a")).toBe(0n)
  })

  it("leaves out what is said twice, however often", () => {
    const once = compile({ paths: [grant("/a")] })
    const often = compile({ paths: Array.from({ length: 10_000 }, (_, index) => grant("/a", index + 1)) })
    expect(often.length).toBe(once.length)
  })

  it("takes names that are not UTF-8, and none above the root", () => {
    const program = compile({ paths: [{ kind: "grant", id: 1, rights: Right.read, scope: "exact", path: Uint8Array.from([0x2f, 0xff, 0xfe]) }] })
    expect(core.evalPath(program, Uint8Array.from([0x2f, 0xff, 0xfe]), Right.read).verdict).toBe(RV.VERDICT_GRANTED)
    expect(core.evalPath(program, text("/\ufffd\ufffd"), Right.read).verdict).toBe(RV.VERDICT_MISSING)
  })

  it("answers within a large program", () => {
    const paths = Array.from({ length: 100_000 }, (_, index) => grant(`/srv/${index % 251}/${index}`, index))
    const program = compile({ paths })
    expect(core.evalPath(program, text("/srv/7/258/x"), Right.read)).toMatchObject({ verdict: RV.VERDICT_GRANTED, rule: 258 })
    expect(core.evalPath(program, text("/srv/7/259"), Right.read).verdict).toBe(RV.VERDICT_MISSING)
  }, 120_000)

  it("reports every fault at once, where it stands", () => {
    const call = (rest: Partial<CallRule>): CallRule => ({ id: 1, nr: 0, action: { type: "allow" }, ...rest })
    const when = (condition: object) => call({ when: [{ argument: 0, ...condition } as Condition] })
    const found = faults({
      default: { type: "errno", errno: 0 },
      foreign: { type: "errno", errno: 5000 },
      calls: [
        call({ nr: 1024 }),
        call({ id: -1 }),
        call({ id: 0xffffffff }),
        call({ action: { type: "errno", errno: 4096 } }),
        call({ action: { type: "handler", handler: 64 } }),
        call({ action: { type: "notify", paths: [6] } }),
        when({ argument: 6, op: "eq", value: 1n }),
        when({ op: "eq", value: 1n << 64n }),
        when({ op: "eq", narrow: true, value: 1n << 32n }),
        when({ op: "eq", signed: true, value: 1n }),
        when({ op: "lt", signed: true, value: 1n << 63n }),
        when({ op: "lt", signed: true, mask: 1n, value: 1n }),
        when({ op: "eq", mask: -1n, value: 1n }),
        when({ op: "range", low: 5n, high: 4n }),
        when({ op: "range", low: -5n, high: 4n }),
        when({ op: "in", values: [] }),
        call({ when: Array.from({ length: 17 }, (): Condition => ({ argument: 0, op: "eq", value: 1n })) })
      ],
      paths: [
        grant("relative"),
        grant("/a/../b"),
        grant("/a/"),
        grant("/a\0b"),
        grant("/\ud800"),
        grant(`/${"a".repeat(256)}`),
        grant("/a", 1, 0),
        grant("/a", 1, 0x8000),
        { kind: "filter", handler: 64, rights: 1, scope: "exact", path: "/" },
        deny("/[a"),
        deny("relative/*"),
        deny(`/${"?".repeat(256)}`),
        deny(`/x*/${"a".repeat(256)}`),
        deny(`/*${"/a".repeat(256)}`)
      ],
      addresses: [
        { kind: "deny", id: 1, rights: 1, cidr: "10.0.0.1/8" },
        { kind: "deny", id: 1, rights: 1, cidr: "10.0.0.0/8", ports: [5, 4] },
        { kind: "deny", id: 1, rights: 1, cidr: "10.0.0.0/8", ports: [0, 65536] },
        { kind: "deny", id: 1, rights: 1, cidr: "10.0.0.0/8", protocols: 0 },
        { kind: "deny", id: 1, rights: 1, abstract: "a".repeat(108) },
        { kind: "deny", id: 1, rights: 1, abstract: "[" }
      ]
    })
    expect(found.map((fault) => fault.slice(0, fault.indexOf(":")))).toEqual([
      "calls[0].nr",
      "calls[1].id",
      "calls[3].action.errno",
      "calls[4].action.handler",
      "calls[5].action.paths",
      "calls[6].when[0].argument",
      "calls[7].when[0].value",
      "calls[8].when[0].value",
      "calls[9].when[0].signed",
      "calls[10].when[0].value",
      "calls[11].when[0].signed",
      "calls[12].when[0].mask",
      "calls[13].when[0]",
      "calls[14].when[0].low",
      "calls[15].when[0].values",
      "calls[16].when",
      "calls[2].id",
      ...[0, 1, 2, 3, 4, 5].map((index) => `paths[${index}].path`),
      "paths[6].rights",
      "paths[7].rights",
      "paths[8].handler",
      ...[9, 10, 11, 12, 13].map((index) => `paths[${index}].glob`),
      "addresses[0].cidr",
      "addresses[4].abstract",
      "addresses[5].abstract",
      "addresses[1].ports",
      "addresses[2].ports",
      "addresses[3].protocols",
      "default.errno",
      "foreign.errno"
    ])
  })

  it("keeps to the core's limits", () => {
    const calls = Array.from({ length: 1025 }, (_, id): CallRule => ({ id, nr: 3, action: { type: "allow" } }))
    expect(faults({ calls })).toEqual(["calls: more than 1024 rules for call 3"])
    const paths = Array.from({ length: 4097 }, (_, id) => deny(`/*${id}`))
    expect(faults({ paths })).toEqual(["paths: more than 4096 patterns begin with one path"])
    const addresses = Array.from({ length: 4097 }, (_, id): AddressRule => ({ kind: "deny", id, rights: 1, abstract: `${id}` }))
    expect(faults({ addresses })).toEqual([": has 4097 rules over abstract names, more than 4096"])
  })
})

describe("globs", () => {
  const matches = (glob: string, path: string): boolean => {
    const model = { ...empty, paths: [deny(glob)] }
    const found = core.evalPath(compile({ paths: model.paths }), text(path), Right.read)
    expect(found).toEqual(reference.evalPath(model, text(path), Right.read))
    return found.verdict === RV.VERDICT_DENIED
  }

  it.each([
    ["/**/.env", "/.env", true],
    ["/**/.env", "/a/b/.env", true],
    ["/**/.env", "/a/b/.envrc", false],
    ["/a/**", "/a", true],
    ["/a/*", "/a/.hidden", true],
    ["/a/*", "/a/b/c", false],
    ["/a**z", "/abcz", true],
    ["/a**z", "/ab/cz", false],
    ["/?", "/é", true],
    ["/??", "/é", false],
    ["/?", "/😀", true],
    ["/[a-c]", "/b", true],
    ["/[!a-c]", "/b", false],
    ["/[^a-c]", "/é", true],
    ["/[]]", "/]", true],
    ["/[!]]", "/]", false],
    ["/[a-]", "/-", true],
    ["/[\\]]", "/]", true],
    ["/[a\\-c]", "/b", false],
    ["/[*?]", "/*", true],
    ["/{a,b/c}", "/b/c", true],
    ["/{a,{b,c}}x", "/cx", true],
    ["/a{,b}", "/a", true],
    ["/{a}", "/{a}", true],
    ["/{a", "/{a", true],
    ["/{a,b", "/{a,b", true],
    ["/{[,],b}", "/,", true],
    ["/\\{a,b\\}", "/{a,b}", true],
    ["/\\*", "/*", true],
    ["/\\*", "/a", false],
    ["/\\é", "/é", true],
    ["/", "/", true]
  ])("%s over %s: %s", (glob, path, expected) => {
    expect(matches(glob, path)).toBe(expected)
  })

  it.each([
    ["a/*", "is not absolute"],
    ["/a//*", "empty name"],
    ["/a/", "empty name"],
    ["/../*", "empty name"],
    ["/[a", "not closed"],
    ["/[]", "not closed"],
    ["/[a\\]", "not closed"],
    ["/[a/b]", "a slash in"],
    ["/a\\", "ends with"],
    ["/a\\/b", "ends with"],
    ["/[z-a]", "upside down"],
    ["/[é]", "not ASCII"],
    ["/[[:alpha:]]", "not supported"],
    ["/a\0", "NUL"],
    ["/\ud800", "lone surrogate"],
    ["/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "more than 1024"]
  ])("refuses %s", (glob, message) => {
    expect(Result.getOrElse(Result.flip(parseGlob(glob)), () => "")).toContain(message)
  })
})

describe("addresses", () => {
  it.each([
    ["192.0.2.1", 4, 32, "c0000201"],
    ["10.0.0.0/8", 4, 8, "0a000000"],
    ["0.0.0.0/0", 4, 0, "00000000"],
    ["::/0", 6, 0, "0".repeat(32)],
    ["::1", 6, 128, `${"0".repeat(31)}1`],
    ["2001:db8::/32", 6, 32, `20010db8${"0".repeat(24)}`],
    ["2001:db8:0:0:0:0:0:1", 6, 128, `20010db8${"0".repeat(23)}1`],
    ["1::", 6, 128, `0001${"0".repeat(28)}`],
    ["::ffff:192.0.2.1", 4, 32, "c0000201"],
    ["::ffff:c000:200/120", 4, 24, "c0000200"],
    ["::ffff:0:0/96", 4, 0, "00000000"],
    ["::fffe:192.0.2.1", 6, 128, `${"0".repeat(20)}fffec0000201`],
    ["::/64", 6, 64, "0".repeat(32)]
  ])("reads %s", (written, family, prefix, hex) => {
    expect(Result.getOrThrow(parseCidr(written))).toMatchObject({ family, prefix, bytes: Uint8Array.from(Buffer.from(hex, "hex")) })
  })

  it.each([
    "",
    "10.0.0",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "010.0.0.1",
    "::/129",
    "::1/64",
    "fe80::1%eth0",
    "::ffff:0:0/95",
    "example.org"
  ])("refuses %s", (written) => {
    expect(Result.isFailure(parseCidr(written))).toBe(true)
  })

  it("decides mapped IPv4 by the rules of IPv4, and says so", () => {
    const program = compile({
      addresses: [
        { kind: "grant", id: 4, rights: Right.connect, cidr: "192.0.2.0/24", ports: [443, 443], protocols: Protocol.tcp },
        { kind: "deny", id: 6, rights: Right.all, cidr: "::/0" }
      ]
    })
    const sockaddr = Uint8Array.from([10, 0, 1, 187, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9, 0, 0, 0, 0])
    const found = core.evalAddress(program, sockaddr, Protocol.tcp, Right.connect)
    expect(found).toMatchObject({ verdict: RV.VERDICT_GRANTED, rule: 4 })
    expect(found.address).toMatchObject({ kind: RV.ADDRESS_IPV4, flags: RV.ADDRESS_MAPPED, port: 443 })
  })
})
