import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit } from "effect"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { PolicyError } from "./errors.ts"
import * as Policy from "./Policy.ts"

const faultsOf = (input: unknown): ReadonlyArray<string> => {
  try {
    Policy.make(input as Policy.PolicyInput)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.faults.map((f) => `${f.path}: ${f.message}${f.suggestion === undefined ? "" : ` (${f.suggestion})`}`)
  }
  return []
}

describe("decoding", () => {
  it("takes nothing at all", () => expect(Policy.toJson(Policy.make())).toEqual({}))

  it("makes entries objects, paths absolute, sizes and spans numbers", () => {
    const policy = Effect.runSync(Policy.decode({
      filesystem: { read: ["data", { path: "/x/../y/", as: "z" }], tmpfs: [{ path: "/s", size: "1 MiB", mode: "1777" }] },
      limits: { memory: "512 MiB", wallTime: "30 seconds" }
    }, { base: "/base" }))
    expect(policy.filesystem?.read).toEqual([{ path: "/base/data" }, { path: "/y", as: "/base/z" }])
    expect(policy.filesystem?.tmpfs).toEqual([{ path: "/s", size: 1048576, mode: 0o1777 }])
    expect(policy.limits).toEqual({ memory: 536870912, wallTime: 30000 })
  })

  it("joins patterns to the base directory, whose own special characters mean themselves", () => {
    const policy = Effect.runSync(Policy.decode({ filesystem: { deny: ["**/.env", "/abs/*.key", "plain"] } }, { base: "/odd [x]" }))
    expect(policy.filesystem?.deny).toEqual([{ path: "/odd \\[x\\]/**/.env" }, { path: "/abs/*.key" }, { path: "/odd [x]/plain" }])
  })

  it("takes a network with rules, whose paths become absolute", () => {
    const network = { mode: "host", connect: ["10.0.0.0/8:443", "unix:run/x.sock", "unix:@x"], bind: ["unix:/abs/*"], deny: ["*:25"] } as const
    const policy = Effect.runSync(Policy.decode({ network }, { base: "/odd [x]" }))
    expect(policy.network).toEqual({ ...network, connect: ["10.0.0.0/8:443", "unix:/odd [x]/run/x.sock", "unix:@x"] })
    expect(Policy.merge(policy, Policy.make({ network: { mode: "none", connect: ["*:1"] } })).network).toEqual({ ...policy.network as object, mode: "none", connect: [...(policy.network as typeof network).connect, "*:1"] })
    expect(policy.pipe(Policy.network("none")).network).toBe("none")
    expect([...faultsOf({ network: { connect: ["example.org:443", "10.0.0.1:*"], conect: [], deny: "x" } })].sort()).toEqual([
      "network.conect: there is no such key (did you mean `connect`?)",
      "network.connect[0]: \"example.org:443\": \"example.org\" is a name: names are not decided on, as who answers them is not the policy's; write addresses",
      "network.deny: expected a list, got \"x\"",
      "network.mode: is missing"
    ])
    expect(faultsOf({ filesystem: { decide: "call" } })).toEqual(["filesystem.decide: expected \"mounts\" or \"calls\", got \"call\" (did you mean `calls`?)"])
  })

  it("reports every fault at once, with path and suggestion", () => {
    // The order of faults is the schema's: the set is what is promised.
    expect([...faultsOf({
      filesytem: {},
      filesystem: { reed: [], read: ["/a", 3, { pth: "/b" }, ""], virtual: { "/v": { text: "a", base64: "YQ==" }, "~/w": "x" } },
      network: "hosts",
      limits: { memroy: 1, memory: "12 parsecs", processes: 0, cpus: -1 },
      syscalls: { deny: ["opn"], kil: [] },
      environment: { set: { "A=B": "x" }, pass: [""] },
      identity: { user: "No", hostname: "-x", uid: -1 }
    })].sort()).toEqual([
      "filesystem.reed: there is no such key (did you mean `read`?)",
      "filesystem.read[1]: expected a path, or an object with `path`, `as`, `optional`, got 3",
      "filesystem.read[2].pth: there is no such key (did you mean `path`?)",
      "filesystem.read[2].path: is missing",
      "filesystem.read[3]: a path cannot be empty",
      "filesystem.virtual[\"/v\"]: exactly one of `text` and `base64` says what is in the file",
      "network: expected \"none\" or \"host\", got \"hosts\" (did you mean `host`?)",
      "environment.pass[0]: a name cannot be empty",
      "environment.set[\"A=B\"]: a name cannot hold `=`",
      "identity.user: expected a user name (lower case, at most 32 characters), got \"No\"",
      "identity.uid: expected a numeric id from 0 to 4294967294, got -1",
      "identity.hostname: expected a host name (letters, digits, `-`, `.`; at most 64 characters), got \"-x\"",
      "syscalls.kil: there is no such key (did you mean `kill`?)",
      "syscalls.deny[0]: x86-64 has no system call named \"opn\"; did you mean `open`?",
      "limits.memroy: there is no such key (did you mean `memory`?)",
      "limits.memory: expected a size: a whole number of bytes or a text such as \"512 MiB\", got \"12 parsecs\"",
      "limits.processes: expected a whole number of processes from 1 to 4194304, got 0",
      "limits.cpus: expected a number of CPUs from 0.001 to 16777, got -1",
      "filesytem: there is no such key (did you mean `filesystem`?)"
    ].sort())
  })

  it.each([[null, "null"], [[], "a list"], ["text", "\"text\""], [7, "7"]])("refuses %j as a policy", (value, name) =>
    expect(faultsOf(value)).toEqual([`: expected an object, got ${name}`])
  )

  it("refuses NUL bytes, lone surrogates and ~", () => {
    expect(faultsOf({ filesystem: { read: ["/a\0b", "/\ud800", "~/x"] } })).toEqual([
      "filesystem.read[0]: the path holds a NUL byte",
      "filesystem.read[1]: the path holds a lone surrogate, which has no UTF-8 form",
      "filesystem.read[2]: `~` is not expanded here: write the directory out"
    ])
  })

  it("ignores $schema, which is for editors", () => expect(faultsOf({ $schema: "./policy.schema.json" })).toEqual([]))

  it("does not let a policy be made by hand", () => {
    expect(Policy.isPolicy({ limits: {} })).toBe(false)
    expect(Policy.isPolicy(Policy.make())).toBe(true)
  })
})

describe("files", () => {
  const directory = mkdtempSync(join(tmpdir(), "policy-"))
  afterAll(() => rmSync(directory, { recursive: true }))
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }

  it("are read, with paths relative to their own directory", async () => {
    const policy = await Effect.runPromise(Policy.fromFile(write("good.json", "\uFEFF{ \"filesystem\": { \"write\": [\"out\"] } }")))
    expect(policy.filesystem?.write).toEqual([{ path: join(directory, "out") }])
  })

  it.each([["broken.json", "{ \"limits\": ", "is not JSON"], ["wrong.json", "{ \"limts\": {} }", "did you mean `limits`"]])("%s is named in the error", async (name, text, message) => {
    const path = write(name, text)
    const exit = await Effect.runPromiseExit(Policy.fromFile(path))
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain(message)
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain(path)
  })

  it("that are not there are a PolicyError", async () => {
    const error = await Effect.runPromise(Effect.flip(Policy.fromFile(join(directory, "none.json"))))
    expect(error).toBeInstanceOf(PolicyError)
    expect(error.message).toContain("ENOENT")
  })
})

describe("combinators", () => {
  it("append lists and replace values, in both styles", () => {
    const a = Policy.make({ filesystem: { read: ["/a"] }, limits: { memory: "1 GiB", processes: 4 } })
    const b = a.pipe(Policy.read("/b", { path: "/c", as: "/d" }), Policy.limits({ memory: "2 GiB" }), Policy.network("host"))
    expect(b.filesystem?.read).toEqual([{ path: "/a" }, { path: "/b" }, { path: "/c", as: "/d" }])
    expect(b.limits).toEqual({ memory: 2 ** 31, processes: 4 })
    expect(b.network).toBe("host")
    expect(Policy.read(a, "/b")).toEqual(a.pipe(Policy.read("/b")))
    expect(a.filesystem?.read).toEqual([{ path: "/a" }])
  })

  it("merge maps name by name", () => {
    const policy = Policy.make().pipe(Policy.env({ A: "1", path: "x" }), Policy.env({ path: "y" }), Policy.virtual({ "/v": "1" }), Policy.virtual({ "/w": "2" }))
    expect(policy.environment?.set).toEqual({ A: "1", path: "y" })
    expect(Object.keys(policy.filesystem?.virtual ?? {})).toEqual(["/v", "/w"])
  })

  it("keep the preset unless the other policy names one", () => {
    expect(Policy.merge(Policy.strict, Policy.make({ network: "host" })).extends).toBe("strict")
    expect(Policy.merge(Policy.strict, Policy.make({ extends: "default" })).extends).toBe("default")
    expect(Policy.merge(Policy.trusted, Policy.default).extends).toBe("trusted")
  })

  it("throw a PolicyError on nonsense", () => {
    expect(() => Policy.limits({ memory: "much" })(Policy.default)).toThrow(PolicyError)
    expect(() => Policy.read("")).toThrow("a path cannot be empty")
  })

  it("cover every list and setting", () => {
    const policy = Policy.default.pipe(
      Policy.write("/w"), Policy.deny("/d"), Policy.tmpfs("/t"), Policy.overlay("/o"), Policy.identity({ user: "me" }), Policy.syscalls({ kill: ["ptrace"] })
    )
    expect(Policy.toJson(policy)).toEqual({
      filesystem: { write: ["/w"], deny: ["/d"], tmpfs: ["/t"], overlay: ["/o"] },
      identity: { user: "me" },
      syscalls: { kill: ["ptrace"] }
    })
  })
})

describe("the JSON form", () => {
  const path = fc.array(fc.stringMatching(/^[a-z[*{. -]{1,6}$/), { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join("/")}`)
  const size = fc.oneof(fc.nat(), fc.constantFrom("64k", "1.5 GiB", "10 MB"))
  const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 3 })
  const input = fc.record({
    extends: fc.constantFrom("default", "strict", "trusted"),
    filesystem: fc.record({
      root: fc.oneof(path, fc.record({ path, writable: fc.boolean() }, { requiredKeys: ["path"] })),
      read: some(fc.oneof(path, fc.record({ path, as: path, optional: fc.boolean() }, { requiredKeys: ["path"] }))),
      deny: some(path),
      decide: fc.constantFrom("mounts", "calls"),
      tmpfs: some(fc.record({ path, size, mode: fc.constantFrom("755", "0700", "1777"), noexec: fc.boolean() }, { requiredKeys: ["path"] })),
      overlay: some(fc.record({ path, size, upper: path }, { requiredKeys: ["path"] })),
      virtual: fc.dictionary(path, fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.uint8Array().map((bytes) => ({ base64: Buffer.from(bytes).toString("base64"), mode: "0640" }))
      ), { maxKeys: 3 })
    }, { requiredKeys: [] }),
    network: fc.oneof(fc.constantFrom("none", "host"), fc.record({
      mode: fc.constantFrom("none", "host"), connect: some(fc.constantFrom("*:1", "[::1]:2-3/udp", "unix:/a b", "unix:@c")), deny: some(path.map((each) => `unix:${each}`).filter((each) => !each.includes("[")))
    }, { requiredKeys: ["mode"] })),
    environment: fc.record({ pass: some(fc.constantFrom("A", "LC_*")), set: fc.dictionary(fc.stringMatching(/^[A-Za-z_]{1,8}$/), fc.string({ unit: "grapheme-ascii" })) }, { requiredKeys: [] }),
    limits: fc.record({ memory: fc.constantFrom("512 MiB", 1048577), cpus: fc.constantFrom(0.5, 2), wallTime: fc.constantFrom("1.5s", 7), output: size }, { requiredKeys: [] }),
    landlock: fc.constantFrom("required", "optional")
  }, { requiredKeys: [] })

  it("decodes to an equal policy", () => {
    fc.assert(fc.property(input, (value) => {
      const policy = Policy.make(value as Policy.PolicyInput)
      const json = JSON.parse(JSON.stringify(Policy.toJson(policy))) as Policy.PolicyInput
      expect(Policy.make(json)).toEqual(policy)
    }), { numRuns: 300 })
  })

  it("has a JSON Schema in which every key is described or a plain structure, and none is left open", () => {
    const schema = Policy.jsonSchema() as { readonly properties: Record<string, { readonly properties?: Record<string, { readonly description?: string }>; readonly additionalProperties?: boolean }> }
    expect(Object.keys(schema.properties)).toEqual(["$schema", "extends", "filesystem", "network", "environment", "identity", "syscalls", "limits", "violations", "landlock", "boundary", "view", "backend"])
    const { $schema: _, ...sections } = schema.properties
    for (const section of Object.values(sections)) {
      if (section.properties === undefined) continue
      expect(section.additionalProperties).toBe(false)
      for (const property of Object.values(section.properties)) expect(property.description).toBeTypeOf("string")
    }
  })
})

describe("docs/policy.md", () => {
  const document = readFileSync(new URL("../docs/policy.md", import.meta.url), "utf8")

  it("has examples that are policies", () => {
    const examples = [...document.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => json!)
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect(faultsOf(JSON.parse(example))).toEqual([])
  })

  it("names every key, and every fault it shows is worded as they are", () => {
    const schema = Policy.jsonSchema() as { readonly properties: Record<string, { readonly properties?: Record<string, unknown> }> }
    for (const [key, section] of Object.entries(schema.properties)) {
      for (const name of [key, ...Object.keys(section.properties ?? {})]) expect(document).toContain(name)
    }
    for (const fault of faultsOf({ filesystem: { reed: [] }, limits: { memory: "12 parsecs" }, syscalls: { deny: ["opn"] } })) expect(document).toContain(fault)
  })
})
