/**
 * What a sandbox may see, do and use: one immutable value with one JSON form.
 *
 * A policy holds what was *given*; it is laid over one of three presets (`default`, `strict`, `trusted`) when a sandbox
 * starts: lists append to the preset's, single values replace them. Unknown keys are errors, and every fault of a policy is
 * reported at once. Relative paths belong to the directory the policy was read in: the current directory for literals, the
 * file's own for files; they are absolute from then on. The reference of every key is docs/policy.md.
 *
 * ```ts
 * const policy = Policy.make({ filesystem: { read: ["/srv/data"], write: ["./out"] }, limits: { memory: "512 MiB" } })
 * const tighter = Policy.strict.pipe(Policy.read("./src"), Policy.deny("./src/.env"), Policy.limits({ wallTime: "5 seconds" }))
 * ```
 *
 * What surprises: a policy is checked twice. Its form is checked here; whether its paths exist is checked against the host
 * when a sandbox is started, and fails there with a `PolicyError` too.
 */
import { readFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Effect, Pipeable, Result, Schema, SchemaTransformation } from "effect"
import { dual } from "effect/Function"
import { PolicyError } from "./errors.ts"
import { fault, faultsOf, nearest } from "./internal/faults.ts"
import { escapeGlob, isGlob } from "./internal/globs.ts"
import { absoluteNetworkRule, parseNetworkRule } from "./internal/networkRules.ts"
import { syscallNumbers } from "./internal/syscalls.ts"
import type { HandlerModule } from "./internal/handlerModule.ts"
import type { Plugin } from "./Plugin.ts"
import type * as EventHandler from "./EventHandler.ts"
import type * as SyscallHandler from "./SyscallHandler.ts"
import { ByteSize, TimeSpan } from "./Units.ts"

// ------------------------------------------------------------------------------------------------------------ schema

const optional = Schema.optionalKey

/** What the kernel cannot take in a text: NUL, and what has no UTF-8 form. */
const textFault = (what: string, text: string): string | undefined =>
  text.includes("\0") ? `${what} holds a NUL byte` : text.isWellFormed() ? undefined : `${what} holds a lone surrogate, which has no UTF-8 form`

const clean = (what: string) => Schema.makeFilter<string>((text) => textFault(what, text))

const pathFault = (path: string): string | undefined =>
  path === "" ? "a path cannot be empty" : path === "~" || path.startsWith("~/") ? "`~` is not expanded here: write the directory out" : textFault("the path", path)

const Path = Schema.String.check(Schema.makeFilter<string>(pathFault)).annotate({ expected: "a path" })

const octal = 'a mode in octal digits, such as "0755"'
const Mode = Schema.String.check(Schema.isPattern(/^[0-7]{1,5}$/u, { expected: octal })).annotate({ expected: octal }).pipe(
  Schema.decodeTo(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0o7777 }, { expected: octal })),
    SchemaTransformation.transform({
      decode: (text: string) => Number.parseInt(text, 8),
      encode: (mode: number) => mode.toString(8).padStart(4, "0")
    })
  )
)

/** A list entry that may be written as a bare path; decoded it is always the object. */
const entry = <T extends { readonly path: string }, E>(shape: Schema.Codec<T, E>, expected: string): Schema.Codec<T, string | E> =>
  Schema.Union([Path, shape]).annotate({ expected }).pipe(
    Schema.decodeTo(
      Schema.toType(shape),
      SchemaTransformation.transform({
        decode: (value: string | T): T => typeof value === "string" ? { path: value } as T : value,
        encode: (value: T): string | T => Object.keys(value).length === 1 ? value.path : value
      })
    )
  ) as Schema.Codec<T, string | E>

/** Describes the JSON form of a schema, for the JSON Schema. */
const described = (description: string) => <S extends Schema.Top>(schema: S): S["Rebuild"] => schema.pipe(Schema.annotateEncoded({ description }))

const flag = (description: string) => optional(Schema.Boolean.pipe(described(description)))
const list = <S extends Schema.Constraint>(item: S, description: string) => optional(Schema.Array(item).pipe(described(description)))

const Grant = entry(
  Schema.Struct({
    /** A path of the host. */
    path: Path,
    as: optional(Path.pipe(described("Where the guest sees it; absent: under the same name."))),
    optional: flag("A missing path is no fault: the rule is then left out.")
  }),
  "a path, or an object with `path`, `as`, `optional`"
)

const Denial = entry(
  Schema.Struct({ path: Path, optional: flag("A missing path is no fault.") }),
  "a path or pattern, or an object with `path`, `optional`"
)

const Scratch = entry(
  Schema.Struct({
    path: Path,
    size: optional(ByteSize.pipe(described("Largest size. Default: half of the machine's memory, counted against `limits.memory`."))),
    mode: optional(Mode.pipe(described("Octal digits. Default 1777."))),
    noexec: flag("Nothing in it can be executed.")
  }),
  "a path, or an object with `path`, `size`, `mode`, `noexec`"
)

const Layered = entry(
  Schema.Struct({
    path: Path,
    as: optional(Path.pipe(described("Where the guest sees it; absent: under the same name."))),
    upper: optional(Path.pipe(described("An empty directory of the host that keeps the changes. Absent: they live in memory, as long as the sandbox."))),
    size: optional(ByteSize.pipe(described("Largest size of the changes in memory."))),
    optional: flag("A missing path is no fault: the rule is then left out.")
  }),
  "a path, or an object with `path`, `as`, `upper`, `size`, `optional`"
)

const File = Schema.Struct({
  /** Base64. */
  base64: Schema.String,
  mode: Schema.Int
})

const fileShape = 'a text, or an object with `text` or `base64`, and `mode`'
const wellFormed = Schema.makeFilter<string>((text) => text.isWellFormed() ? undefined : "the text holds a lone surrogate, which has no UTF-8 form")
const Text = Schema.String.check(wellFormed)
const Virtual = Schema.Union([
  Text,
  Schema.Struct({
    text: optional(Text),
    base64: optional(Schema.String.check(Schema.isPattern(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u, { expected: "base64 (with padding)" }))),
    mode: optional(Mode.pipe(described("Octal digits. Default 0444.")))
  }).check(Schema.makeFilter((file) =>
    (file.text === undefined) === (file.base64 === undefined) ? "exactly one of `text` and `base64` says what is in the file" : undefined
  ))
]).annotate({ expected: fileShape }).pipe(
  Schema.decodeTo(File, SchemaTransformation.transform({
    decode: (value: string | { readonly text?: string; readonly base64?: string; readonly mode?: number }): typeof File.Type => {
      const given = typeof value === "string" ? { text: value } : value
      return { base64: given.base64 ?? Buffer.from(given.text ?? "").toString("base64"), mode: ("mode" in given ? given.mode : undefined) ?? 0o444 }
    },
    encode: ({ base64, mode }): string | { readonly text?: string; readonly base64?: string; readonly mode?: number } => {
      const bytes = Buffer.from(base64, "base64")
      const text = bytes.toString()
      if (!Buffer.from(text).equals(bytes)) return { base64, mode }
      return mode === 0o444 ? text : { text, mode }
    }
  }))
)

const nameFault = (name: string): string | undefined =>
  name === "" ? "a name cannot be empty" : name.includes("=") ? "a name cannot hold `=`" : name.includes("\0") ? "a name cannot hold a NUL byte" : undefined

const Passed = Schema.String.check(Schema.makeFilter<string>(nameFault))
const Variables = Schema.Record(Schema.String, Schema.String.check(clean("the value"))).check(
  Schema.makeFilter((set) => Object.keys(set).flatMap((name) => {
    const issue = nameFault(name)
    return issue === undefined ? [] : [{ path: [name], issue }]
  }))
)

const Uid = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4294967294 }, { expected: "a numeric id from 0 to 4294967294" }))
const positive = (what: string, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }, { expected: `a whole number of ${what} from 1 to ${maximum}` }))
const atLeast = <S extends Schema.Codec<number, number | string>>(schema: S, minimum: number, expected: string) =>
  schema.check(Schema.isGreaterThanOrEqualTo(minimum, { expected })) as unknown as S

const SystemCall = Schema.String.check(Schema.makeFilter<string>((name) => {
  if (Object.hasOwn(syscallNumbers, name)) return undefined
  const near = nearest(name, Object.keys(syscallNumbers))
  return `x86-64 has no system call named ${JSON.stringify(name)}${near === undefined ? "" : `; did you mean \`${near}\`?`}`
}))

const NetworkRule = Schema.String.check(Schema.makeFilter<string>((text) => Result.match(parseNetworkRule(text), { onSuccess: () => undefined, onFailure: (wrong) => wrong }))).annotate({ expected: "a network rule" })

const networkShape = 'an object with `mode`, `connect`, `bind`, `deny`'
const Network = Schema.Union([
  Schema.Literals(["none", "host"]),
  Schema.Struct({
    mode: Schema.Literals(["none", "host"]).pipe(described("The network that the rules are about.")),
    connect: list(NetworkRule, "Addresses that may be connected to and sent to. Absent: none."),
    bind: list(NetworkRule, "Addresses that may be bound and listened on. Absent: none."),
    deny: list(NetworkRule, "Addresses that are refused whatever grants them.")
  }).annotate({ expected: networkShape })
])

const Fields = Schema.Struct({
  extends: optional(Schema.Literals(["default", "strict", "trusted"]).pipe(described("The preset that this policy is laid over. Default: default."))),
  filesystem: optional(Schema.Struct({
    root: optional(entry(
      Schema.Struct({ path: Path, writable: flag("The guest may change it.") }),
      "a directory, or an object with `path`, `writable`"
    ).pipe(described("A directory of the host that is the guest's root, in place of the host's system directories."))),
    read: list(Grant, "Files and directories of the host that the guest may read and execute."),
    write: list(Grant, "Files and directories of the host that the guest may read, execute and change."),
    decide: optional(Schema.Literals(["mounts", "calls"]).pipe(described("mounts: rules hold as they were resolved at the start. calls: every call that takes a path is decided as well, so that denials hold for names that appear later. Default: mounts."))),
    deny: list(Denial, "Paths (with everything beneath them) and patterns that the guest never reaches, whatever else is granted."),
    tmpfs: list(Scratch, "Empty private directories in memory."),
    overlay: list(Layered, "Directories of the host that the guest may change without changing the host: copy on write."),
    virtual: optional(Schema.Record(Schema.String, Virtual).check(Schema.makeFilter((files) => Object.keys(files).flatMap((path) => {
      const issue = pathFault(path)
      return issue === undefined ? [] : [{ path: [path], issue }]
    }))).pipe(described("Read-only files whose content stands here.")))
  }).pipe(described("What the guest sees."))),
  network: optional(Network.pipe(described("none: a private loopback and nothing else. host: the host's network, unfiltered. An object: that network, and what of it is granted. Default: none."))),
  environment: optional(Schema.Struct({
    pass: list(Passed, "Names of the host's variables to pass; `LC_*` passes all that start with LC_."),
    set: optional(Variables.pipe(described("Variables to set.")))
  }).pipe(described("The guest's environment variables."))),
  identity: optional(Schema.Struct({
    user: optional(Schema.String.check(Schema.isPattern(/^[a-z_][a-z0-9_-]{0,31}$/u, { expected: "a user name (lower case, at most 32 characters)" })).pipe(described("Default: guest."))),
    uid: optional(Uid.pipe(described("Inside; it is the caller's outside. Default: 1000."))),
    gid: optional(Uid.pipe(described("Inside; it is the caller's outside. Default: 1000."))),
    hostname: optional(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/u, { expected: "a host name (letters, digits, `-`, `.`; at most 64 characters)" })).pipe(described("Default: sandbox.")))
  }).pipe(described("Who the guest is, inside."))),
  syscalls: optional(Schema.Struct({
    allow: list(SystemCall, "System calls to allow beside the preset's. Beaten by deny and kill."),
    deny: list(SystemCall, "System calls that fail with EPERM. Beaten by kill."),
    kill: list(SystemCall, "System calls that end the process that makes them.")
  }).pipe(described("Changes to the preset's system call filter."))),
  limits: optional(Schema.Struct({
    memory: optional(atLeast(ByteSize, 1 << 20, "at least 1 MiB").pipe(described("All processes together. Needs a control group."))),
    processes: optional(positive("processes", 1 << 22).pipe(described("Processes and threads at one time."))),
    cpus: optional(Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 16777 }, { expected: "a number of CPUs from 0.001 to 16777" })).pipe(described("CPUs' worth of time per second. Needs a control group."))),
    cpuTime: optional(atLeast(TimeSpan, 1, "at least 1 ms").pipe(described("CPU time of all processes together."))),
    wallTime: optional(atLeast(TimeSpan, 1, "at least 1 ms").pipe(described("Time from start to end."))),
    output: optional(ByteSize.pipe(described("Bytes written to stdout and stderr together."))),
    openFiles: optional(positive("descriptors", 1 << 30).pipe(described("Open descriptors of one process."))),
    fileSize: optional(ByteSize.pipe(described("Largest file that can be written.")))
  }).pipe(described("What the guest may use. Absent: no limit."))),
  violations: optional(Schema.Literals(["report", "ignore"]).pipe(described("report: every refused system call is an event, at the cost of one notification each. Default: ignore."))),
  landlock: optional(Schema.Literals(["required", "optional"]).pipe(described("required: no start without Landlock. Default: required."))),
  boundary: optional(Schema.Literals(["landlock", "translation"]).pipe(described("translation: the translated view also starts on a kernel without Landlock, held by the sentry alone. Default: landlock."))),
  view: optional(Schema.Literals(["auto", "namespace", "translated"]).pipe(described("How the guest's file system is made. auto: by namespaces where the host permits them, else translated. Default: auto."))),
  backend: optional(Schema.Literals(["auto", "ptrace", "kmod"]).pipe(described("What carries system calls to the sentry. Default: auto.")))
}).annotate({ identifier: "Policy", description: "An rvisor policy: what a sandbox may see, do and use." })

/** What a policy is written as: the JSON form. Every key is optional. */
export type PolicyInput = typeof Fields.Encoded

/** The decoded form: sizes in bytes, spans in milliseconds, paths absolute, list entries as objects. */
export type PolicyFields = typeof Fields.Type

const TypeId = "~rvisor/Policy"

/** What answers system calls or is told of events: a handler, a plugin's handlers with what they need, or a module that is run on a thread of its own. */
export type HandlerSource = SyscallHandler.Any | EventHandler.Any | Plugin<any, any> | HandlerModule

/** The services that handlers require and nobody has provided yet. */
export type HandlerServices<H> = H extends Plugin<any, infer R> ? R : H extends HandlerModule ? never : H extends EventHandler.EventHandler<any, infer R> ? R : SyscallHandler.Services<H>

/**
 * A policy. Make one with {@link make}, {@link decode} or {@link fromFile}; never by hand. `R`: what its handlers require of whoever
 * starts a sandbox.
 */
export interface Policy<out R = never> extends PolicyFields, Pipeable.Pipeable {
  readonly [TypeId]: { readonly _R: (_: never) => R }
  /** In the order in which they are asked. Not part of the JSON form. */
  readonly handlers: ReadonlyArray<HandlerSource>
}

const prototype = Object.create(Pipeable.Prototype, { [TypeId]: { value: TypeId } }) as object

/** The handlers are not enumerable: what walks over a policy's fields, and its JSON form, are without them. */
const wrap = <R = never>(fields: PolicyFields, handlers: ReadonlyArray<HandlerSource> = []): Policy<R> =>
  Object.freeze(Object.defineProperty(Object.assign(Object.create(prototype) as Policy<R>, fields), "handlers", { value: Object.freeze([...handlers]) }))

export const isPolicy = (value: unknown): value is Policy<any> => typeof value === "object" && value !== null && TypeId in value

// ---------------------------------------------------------------------------------------------------------- decoding

/** Lexically absolute, without `.`, `..` and double slashes. */
const absolute = (base: string) => (path: string): string => resolve(base, path)

/** Patterns are joined to the base, whose own special characters mean themselves. */
const absoluteDenial = (base: string) => (path: string): string =>
  isGlob(path) ? resolve(path.startsWith("/") ? "/" : escapeGlob(base), path) : resolve(base, path)

const absoluteRules = (network: PolicyFields["network"], base: string): PolicyFields["network"] => {
  if (typeof network !== "object") return network
  const absolutely = (list: ReadonlyArray<string>) => list.map((rule) => absoluteNetworkRule(rule, absoluteDenial(base)))
  const { bind, connect, deny, mode } = network
  return { mode, ...(connect && { connect: absolutely(connect) }), ...(bind && { bind: absolutely(bind) }), ...(deny && { deny: absolutely(deny) }) }
}

const absolutePaths = (given: PolicyFields, base: string): PolicyFields => {
  const fields = given.network === undefined ? given : { ...given, network: absoluteRules(given.network, base)! }
  const fs = fields.filesystem
  if (fs === undefined) return fields
  const path = absolute(base)
  const place = <T extends { readonly path: string; readonly as?: string; readonly upper?: string }>(rule: T): T => ({
    ...rule,
    path: path(rule.path),
    ...(rule.as === undefined ? {} : { as: path(rule.as) }),
    ...(rule.upper === undefined ? {} : { upper: path(rule.upper) })
  })
  return {
    ...fields,
    filesystem: {
      ...fs,
      ...(fs.root && { root: place(fs.root) }),
      ...(fs.read && { read: fs.read.map(place) }),
      ...(fs.write && { write: fs.write.map(place) }),
      ...(fs.deny && { deny: fs.deny.map((rule) => ({ ...rule, path: absoluteDenial(base)(rule.path) })) }),
      ...(fs.tmpfs && { tmpfs: fs.tmpfs.map(place) }),
      ...(fs.overlay && { overlay: fs.overlay.map(place) }),
      ...(fs.virtual && { virtual: Object.fromEntries(Object.entries(fs.virtual).map(([name, file]) => [path(name), file])) })
    }
  }
}

const parser = Schema.decodeUnknownResult(Fields, { errors: "all", onExcessProperty: "error" })

const decodeResult = (input: unknown, source: string, base: string): Result.Result<Policy, PolicyError> => {
  // `$schema` is how an editor finds the JSON Schema: not part of the policy.
  const { $schema: _, ...value } = typeof input === "object" && input !== null && !Array.isArray(input) ? input as Record<string, unknown> : { $schema: undefined }
  const given = typeof input === "object" && input !== null && !Array.isArray(input) ? value : input
  return Result.match(parser(given), {
    onSuccess: (fields) => Result.succeed(wrap(absolutePaths(fields, base))),
    onFailure: (error) => Result.fail(new PolicyError({
      source,
      faults: faultsOf(error.issue, given)
    }))
  })
}

export interface DecodeOptions {
  /** Named in errors. Default: `policy`. */
  readonly source?: string
  /** Directory of relative paths. Default: the current directory. */
  readonly base?: string
}

/** A policy from an unknown value (parsed JSON). Fails with a `PolicyError` that holds every fault. */
export const decode = (input: unknown, options: DecodeOptions = {}): Effect.Effect<Policy, PolicyError> =>
  Effect.suspend(() => Effect.fromResult(decodeResult(input, options.source ?? "policy", options.base ?? process.cwd())))

/** A policy from a literal. Throws a `PolicyError` on nonsense: a fault here is a fault of the program. */
export const make = <const H extends ReadonlyArray<HandlerSource> = []>(input: PolicyInput & { readonly handlers?: H } = {}): Policy<HandlerServices<H[number]>> => {
  const { handlers = [], ...fields } = typeof input === "object" && input !== null ? input : { fields: input }
  const given = typeof input === "object" && input !== null && !Array.isArray(input) ? fields : input
  return wrap(Result.getOrThrowWith(decodeResult(given, "policy", process.cwd()), (error) => error), handlers)
}

/** A policy from a JSON file. Relative paths in it are relative to the directory of the file. */
export const fromFile = (path: string): Effect.Effect<Policy, PolicyError> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) => new PolicyError({ source: path, faults: [fault("", `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`)] })
  }).pipe(
    Effect.flatMap((text) => Effect.try({
      try: (): unknown => JSON.parse(text.replace(/^\uFEFF/, "")),
      catch: (cause) => new PolicyError({ source: path, faults: [fault("", `is not JSON: ${(cause as Error).message}`)] })
    })),
    Effect.flatMap((value) => decode(value, { source: path, base: dirname(resolve(path)) }))
  )

/** The JSON form: `decode(toJson(policy))` is an equal policy. */
export const toJson: (self: Policy<any>) => PolicyInput = Schema.encodeSync(Fields)

/** The JSON Schema (draft 2020-12) of the JSON form; the package publishes it as `rvisor/policy.schema.json`. */
export const jsonSchema = (): Readonly<Record<string, unknown>> => {
  const document = Schema.toJsonSchemaDocument(Fields, { onExcessProperty: "error" })
  const { properties, ...rest } = document.definitions["Policy"] as { readonly properties: Readonly<Record<string, unknown>> }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "rvisor policy",
    ...rest,
    properties: { $schema: { type: "string", description: "Where this schema lies, for editors." }, ...properties }
  }
}

// ----------------------------------------------------------------------------------------------------------- presets

const preset = (name: "default" | "strict" | "trusted"): Policy => wrap(name === "default" ? {} : { extends: name })

/** Programs of the host run; nothing of the user's is seen, no network. Works without privileges. */
const standard = preset("default")
export { standard as default }

/** For code that should only compute: `/usr` and little more, UNIX sockets only, tight limits (needs control groups). */
export const strict: Policy = preset("strict")

/** For tools of your own: the home directory (without the well-known secrets) is readable, the host's network is open, debuggers work. */
export const trusted: Policy = preset("trusted")

// -------------------------------------------------------------------------------------------------------- combinators

type Bag = Readonly<Record<string, unknown>>

/** The maps of a policy: merged name by name. Every other object of the second level is one value. */
const maps = new Set(["set", "virtual"])

const laySection = (below: Bag, above: Bag): Bag => {
  const result: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const lower = below[key]
    if (Array.isArray(lower) && Array.isArray(value)) result[key] = [...lower, ...value]
    else if (lower !== undefined && maps.has(key)) result[key] = { ...lower as Bag, ...value as Bag }
    else result[key] = value
  }
  return result
}

/** `above` laid over `below`: lists append, single values replace. The preset is `above`'s where it names one. */
export const layFields = (below: PolicyFields, above: PolicyFields): PolicyFields => {
  const result: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const lower = result[key]
    result[key] = typeof lower === "object" && typeof value === "object" ? laySection(lower as Bag, value as Bag) : value
  }
  return result as PolicyFields
}

/** `merge(a, b)`: `b` laid over `a`. */
export const merge: {
  <R2>(that: Policy<R2>): <R>(self: Policy<R>) => Policy<R | R2>
  <R, R2>(self: Policy<R>, that: Policy<R2>): Policy<R | R2>
} = dual(2, (self: Policy<any>, that: Policy<any>): Policy<any> => wrap(layFields(self, that), [...self.handlers, ...that.handlers]))

const extend = <R>(self: Policy<R>, input: PolicyInput): Policy<R> => merge(self, make(input))

interface Rules<A> {
  (...rules: ReadonlyArray<A>): <R>(self: Policy<R>) => Policy<R>
  <R>(self: Policy<R>, ...rules: ReadonlyArray<A>): Policy<R>
}

const rules = <A>(toInput: (rules: ReadonlyArray<A>) => PolicyInput): Rules<A> =>
  ((...args: ReadonlyArray<A | Policy<any>>) => {
    const [first, ...rest] = args
    if (isPolicy(first)) return extend(first, toInput(rest as ReadonlyArray<A>))
    const added = make(toInput(args as ReadonlyArray<A>))
    return (self: Policy<any>) => merge(self, added)
  }) as Rules<A>

const setting = <A>(toInput: (value: A) => PolicyInput): {
  (value: A): <R>(self: Policy<R>) => Policy<R>
  <R>(self: Policy<R>, value: A): Policy<R>
} => dual(2, (self: Policy<any>, value: A) => extend(self, toInput(value)))

interface Handlers {
  <const H extends ReadonlyArray<HandlerSource>>(...handlers: H): <R>(self: Policy<R>) => Policy<R | HandlerServices<H[number]>>
  <R, const H extends ReadonlyArray<HandlerSource>>(self: Policy<R>, ...handlers: H): Policy<R | HandlerServices<H[number]>>
}

/** Adds handlers, plugins and modules of handlers, after those that are there: they are asked in this order. docs/handlers.md. */
export const handlers: Handlers = ((...args: ReadonlyArray<HandlerSource | Policy<any>>): unknown => {
  const [first, ...rest] = args
  const add = (self: Policy<any>, more: ReadonlyArray<unknown>) => wrap(self, [...self.handlers, ...more as ReadonlyArray<HandlerSource>])
  return isPolicy(first) ? add(first, rest) : (self: Policy<any>) => add(self, args)
}) as Handlers

type FilesystemInput = NonNullable<PolicyInput["filesystem"]>
type Item<K extends "read" | "write" | "deny" | "tmpfs" | "overlay"> = NonNullable<FilesystemInput[K]>[number]

/** Grants reading (and executing). `Policy.read("/srv/data", { path: "/srv/x", as: "/data" })`. */
export const read = rules<Item<"read">>((read) => ({ filesystem: { read } }))

/** Grants reading and writing. */
export const write = rules<Item<"write">>((write) => ({ filesystem: { write } }))

/** Takes paths and patterns away, whatever else grants them. */
export const deny = rules<Item<"deny">>((deny) => ({ filesystem: { deny } }))

/** Adds private directories in memory. */
export const tmpfs = rules<Item<"tmpfs">>((tmpfs) => ({ filesystem: { tmpfs } }))

/** Adds copy-on-write directories. */
export const overlay = rules<Item<"overlay">>((overlay) => ({ filesystem: { overlay } }))

/** Adds read-only files by content: `Policy.virtual({ "/etc/motd": "hello" })`. */
export const virtual = setting<NonNullable<FilesystemInput["virtual"]>>((virtual) => ({ filesystem: { virtual } }))

/** Sets environment variables. What the host passes is `environment.pass`. */
export const env = setting<Readonly<Record<string, string>>>((set) => ({ environment: { set } }))

/** Sets limits; those not named stay. */
export const limits = setting<NonNullable<PolicyInput["limits"]>>((limits) => ({ limits }))

export const network = setting<NonNullable<PolicyInput["network"]>>((network) => ({ network }))

export const identity = setting<NonNullable<PolicyInput["identity"]>>((identity) => ({ identity }))

/** Whether refused system calls are reported (`sandbox.violations`). */
export const violations = setting<NonNullable<PolicyInput["violations"]>>((violations) => ({ violations }))

/** Adds to the lists of system calls. */
export const syscalls = setting<NonNullable<PolicyInput["syscalls"]>>((syscalls) => ({ syscalls }))
