/**
 * Which calls a handler wants. Clauses are data: they are decided in native code, and calls that do not match never reach
 * TypeScript. All clauses of a handler must hold.
 *
 *     { where: Path.under("/etc") }
 *     { where: [Path.any(Path.glob("*.pem"), Path.exact("/etc/shadow")), Arg.has("flags", OpenFlags.value("O_CREAT"))] }
 *     { where: Address.net("10.0.0.0/8", { ports: [443, 443] }) }
 *
 * A path is compared as the sentry resolves it for the guest: absolute, without symbolic links, `.` and `..`. Arguments are compared
 * as the kernel takes them: an `int` by its low 32 bits.
 */

/** Where a clause needs an argument of that name, or a path or a socket address at all: checked by the compiler. */
export type Need = string

/** A comparison of one integer argument. */
export interface ArgumentClause<out N extends Need> {
  readonly kind: "argument"
  readonly argument: N
  readonly test:
    | { readonly op: "eq" | "ne" | "lt" | "le" | "gt" | "ge"; readonly value: bigint; readonly mask?: bigint }
    | { readonly op: "range"; readonly low: bigint; readonly high: bigint }
    | { readonly op: "in" | "notIn"; readonly values: ReadonlyArray<bigint> }
}

/** One pattern for resolved paths. */
export type PathPattern =
  /** This path. */
  | { readonly scope: "exact"; readonly path: string }
  /** This path and everything beneath it. */
  | { readonly scope: "subtree"; readonly path: string }
  /** `*` `?` `[…]` `{a,b}` within a component, `**` over several. One that does not begin with `/` may match at any depth. */
  | { readonly scope: "exact"; readonly glob: string }

/** Holds if one of the call's paths (of the named argument, if there is one) matches one of the patterns. */
export interface PathClause<out N extends Need = "<path>"> {
  readonly kind: "path"
  readonly argument: string | undefined
  readonly patterns: ReadonlyArray<PathPattern>
  /** For the compiler only. */
  readonly need?: N
}

export type AddressPattern =
  /** Network, and ports if they matter (inclusive). IPv4 mapped into IPv6 is IPv4. */
  | { readonly family: "ip"; readonly cidr: string; readonly ports: readonly [low: number, high: number] | undefined }
  /** AF_UNIX by path: as for files. */
  | { readonly family: "unix"; readonly path: PathPattern }
  /** AF_UNIX by abstract name: a pattern in which `/` is like any other character. */
  | { readonly family: "abstract"; readonly name: string }

/** Holds if the call's socket address matches one of the patterns. */
export interface AddressClause<out N extends Need = "<address>"> {
  readonly kind: "address"
  readonly argument: string | undefined
  readonly patterns: ReadonlyArray<AddressPattern>
  /** For the compiler only. */
  readonly need?: N
}

export type Clause<N extends Need = Need> = ArgumentClause<N> | PathClause<N> | AddressClause<N>

const compare = (op: "eq" | "ne" | "lt" | "le" | "gt" | "ge") =>
  <const N extends string>(argument: N, value: number | bigint): ArgumentClause<N> => ({ kind: "argument", argument, test: { op, value: BigInt(value) } })

/** Conditions on integer arguments. Values are numbers or bigints; negative ones compare as the kernel's signed argument would. */
export const Arg = {
  eq: compare("eq"),
  ne: compare("ne"),
  lt: compare("lt"),
  le: compare("le"),
  gt: compare("gt"),
  ge: compare("ge"),
  /** Both ends belong to it. */
  between: <const N extends string>(argument: N, low: number | bigint, high: number | bigint): ArgumentClause<N> => ({
    kind: "argument",
    argument,
    test: { op: "range", low: BigInt(low), high: BigInt(high) }
  }),
  oneOf: <const N extends string>(argument: N, ...values: ReadonlyArray<number | bigint>): ArgumentClause<N> => ({
    kind: "argument",
    argument,
    test: { op: "in", values: values.map(BigInt) }
  }),
  noneOf: <const N extends string>(argument: N, ...values: ReadonlyArray<number | bigint>): ArgumentClause<N> => ({
    kind: "argument",
    argument,
    test: { op: "notIn", values: values.map(BigInt) }
  }),
  /** Every bit of `bits` is set. */
  has: <const N extends string>(argument: N, bits: number | bigint): ArgumentClause<N> => Arg.masked(argument, bits, bits),
  /** No bit of `bits` is set. */
  lacks: <const N extends string>(argument: N, bits: number | bigint): ArgumentClause<N> => Arg.masked(argument, bits, 0),
  /** The bits of `mask` are exactly `value`: `Arg.masked("flags", 3, 1)` is an access mode of `O_WRONLY`. */
  masked: <const N extends string>(argument: N, mask: number | bigint, value: number | bigint): ArgumentClause<N> => ({
    kind: "argument",
    argument,
    test: { op: "eq", value: BigInt(value), mask: BigInt(mask) }
  }),
  /** A pointer that is there, or is not: `Arg.isSet("timeout")`. */
  isSet: <const N extends string>(argument: N): ArgumentClause<`pointer ${N}`> => compare("ne")(argument, 0) as ArgumentClause<never>,
  isNull: <const N extends string>(argument: N): ArgumentClause<`pointer ${N}`> => compare("eq")(argument, 0) as ArgumentClause<never>
}

/** About any path of the call, or about the one argument that is named. */
interface OfPath {
  (pattern: string): PathClause
  <const N extends string>(pattern: string, options: { readonly argument: N }): PathClause<`path ${N}`>
}

const ofPath = (make: (text: string) => PathPattern): OfPath => (text: string, options?: { readonly argument: string }): PathClause<never> => ({
  kind: "path",
  argument: options?.argument,
  patterns: [make(text)]
})

/** Conditions on what a path argument resolves to. `argument` picks one of two (`oldname`, `newname`); otherwise either may match. */
export const Path = {
  exact: ofPath((path) => ({ scope: "exact", path })),
  under: ofPath((path) => ({ scope: "subtree", path })),
  glob: ofPath((glob) => ({ scope: "exact", glob })),
  /** One of several. They must be about the same argument; the first one's counts. */
  any: <N extends Need>(first: PathClause<N>, ...others: ReadonlyArray<PathClause<NoInfer<N>>>): PathClause<N> => ({
    kind: "path",
    argument: first.argument,
    patterns: [first, ...others].flatMap((clause) => clause.patterns)
  })
}

const ofAddress = (pattern: AddressPattern): AddressClause => ({ kind: "address", argument: undefined, patterns: [pattern] })

/** Conditions on the socket address of connect(2), bind(2), sendto(2). */
export const Address = {
  /** `10.0.0.0/8`, `2001:db8::/32`, a single address. */
  net: (cidr: string, options?: { readonly ports?: readonly [low: number, high: number] }): AddressClause =>
    ofAddress({ family: "ip", cidr, ports: options?.ports }),
  /** Any host, IPv4 and IPv6, on these ports (inclusive). */
  port: (low: number, high: number = low): AddressClause => ({
    kind: "address",
    argument: undefined,
    patterns: [{ family: "ip", cidr: "0.0.0.0/0", ports: [low, high] }, { family: "ip", cidr: "::/0", ports: [low, high] }]
  }),
  unix: (path: string): AddressClause => ofAddress({ family: "unix", path: { scope: "subtree", path } }),
  abstract: (name: string): AddressClause => ofAddress({ family: "abstract", name }),
  any: (...clauses: ReadonlyArray<AddressClause>): AddressClause => ({
    kind: "address",
    argument: undefined,
    patterns: clauses.flatMap((clause) => clause.patterns)
  })
}
