/**
 * What a program says, as typed data: the input of the compiler (`program.ts`) and of the reference evaluator (`reference.ts`).
 *
 * Rule ids are the caller's: they come back with a decision, so that `explain` can name the rule. Of several rules that
 * decide alike, the one with the lowest id is named. Precedence and units: docs/decision-core.md.
 */
import { RV } from "./format.ts"

/** Rights over paths and addresses, as bits to be or-ed. What each covers: native/core/rv_abi.h. */
export const Right = {
  read: RV.RIGHT_READ,
  write: RV.RIGHT_WRITE,
  execute: RV.RIGHT_EXECUTE,
  list: RV.RIGHT_LIST,
  stat: RV.RIGHT_STAT,
  create: RV.RIGHT_CREATE,
  delete: RV.RIGHT_DELETE,
  link: RV.RIGHT_LINK,
  truncate: RV.RIGHT_TRUNCATE,
  metadata: RV.RIGHT_METADATA,
  device: RV.RIGHT_DEVICE,
  ioctl: RV.RIGHT_IOCTL,
  connect: RV.RIGHT_CONNECT,
  bind: RV.RIGHT_BIND,
  send: RV.RIGHT_SEND,
  all: RV.RIGHT_ALL
} as const

/** Protocols of a socket, as bits to be or-ed. */
export const Protocol = {
  tcp: RV.PROTOCOL_TCP,
  udp: RV.PROTOCOL_UDP,
  raw: RV.PROTOCOL_RAW,
  other: RV.PROTOCOL_OTHER,
  all: RV.PROTOCOL_ALL
} as const

/** `(register, narrowed to an int if `narrow`) & mask` compared. Negative values stand for their two's complement. */
export type Condition = {
  /** 0 to 5. */
  readonly argument: number
  /** The kernel takes an int here: the high half of the register does not count. */
  readonly narrow?: boolean
  /** For `lt` to `range`, without a mask: order as signed numbers. */
  readonly signed?: boolean
  /** Default: all ones. */
  readonly mask?: bigint
} & (
  | { readonly op: "eq" | "ne" | "lt" | "le" | "gt" | "ge"; readonly value: bigint }
  | { readonly op: "range"; readonly low: bigint; readonly high: bigint }
  | { readonly op: "in" | "notIn"; readonly values: ReadonlyArray<bigint> }
)

/** Which arguments of a call are paths or socket addresses. */
export interface Pointers {
  readonly paths?: ReadonlyArray<number>
  readonly addresses?: ReadonlyArray<number>
}

export type Default =
  | { readonly type: "allow" | "notify" | "trace" | "kill" }
  | { readonly type: "errno"; readonly errno: number }

export type Action =
  | { readonly type: "allow" | "kill" }
  | { readonly type: "errno"; readonly errno: number }
  /** The sentry decides by the paths and addresses named here. */
  | ({ readonly type: "notify" | "trace" } & Pointers)
  /**
   * Handler `handler` (0 to 63) is asked; where pointers are named, only if one of them passes a filter rule of that handler.
   * `override`: also where a rule or the default answers with an errno.
   */
  | ({ readonly type: "handler"; readonly handler: number; readonly override?: boolean } & Pointers)

export interface CallRule {
  readonly id: number
  /** Number of the call on x86-64. */
  readonly nr: number
  /** All must hold. */
  readonly when?: ReadonlyArray<Condition>
  readonly action: Action
}

/** What a rule over a path or an address does for accesses that want one of its rights. */
export type Subject =
  | { readonly kind: "grant" | "deny"; readonly id: number; readonly rights: number }
  /** Lets the filter of a handler pass. */
  | { readonly kind: "filter"; readonly handler: number; readonly rights: number }

export type PathRule = Subject & { readonly scope: "exact" | "subtree" } & (
  /** A resolved absolute path; bytes where a name is not UTF-8. */
  | { readonly path: string | Uint8Array }
  /** Absolute, with `*` `?` `[…]` `**` `{a,b}` `\`. */
  | { readonly glob: string }
)

export type AddressRule = Subject & (
  | {
    /** `10.0.0.0/8`, `2001:db8::1`. An IPv4 network says nothing of IPv6, nor the other way round; mapped IPv4 is IPv4. */
    readonly cidr: string
    /** Inclusive; default: all. */
    readonly ports?: readonly [low: number, high: number]
    /** Default: all. */
    readonly protocols?: number
  }
  /** A pattern of abstract AF_UNIX names (without the NUL before them), in which a slash is a character like any other. */
  | { readonly abstract: string }
)

export interface Model {
  /** For calls that no rule matches. */
  readonly default: Default
  /** For other ABIs, x32 and number -1. */
  readonly foreign: { readonly type: "kill" } | { readonly type: "errno"; readonly errno: number }
  readonly calls: ReadonlyArray<CallRule>
  readonly paths: ReadonlyArray<PathRule>
  readonly addresses: ReadonlyArray<AddressRule>
}
