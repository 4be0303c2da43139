/**
 * The wire contract between the host program and `rvisor-sentry`.
 *
 * Three channels, inherited by the sentry at fixed descriptors:
 *
 * | fd | kind                  | direction      | carries                                              |
 * |----|-----------------------|----------------|------------------------------------------------------|
 * | 3  | `SOCK_SEQPACKET`      | both           | `Request` (host → sentry) and `Grant` (sentry → host), one JSON object a packet, descriptors as `SCM_RIGHTS` |
 * | 4  | `SOCK_STREAM`         | sentry → host  | `Event`, one JSON object a line                      |
 * | 5  | sealed memfd          | host → sentry  | the `Plan`                                           |
 * | 6… | anything              |                | the guest's descriptors 0, 1, 2 (none when it gets a terminal) |
 * | 9… | memfd, `SOCK_STREAM`  | both           | the ring to the handlers, where the plan has some (native/core/rv_ring.h) |
 *
 * Two sockets and not one, because neither libuv nor Bun can watch a `SOCK_SEQPACKET` socket, and because a stream
 * cannot carry message boundaries and descriptors together without framing code on the native side. The host's end of
 * fd 3 closing means that the host is gone: the sandbox dies. A request of more than 64 KiB (an `exec` with very many arguments)
 * travels in a sealed memfd: the packet then says `memory` and the memfd is the first of its descriptors.
 *
 * Units: bytes, milliseconds, and numeric ids. `native/sentry/plan.cc` and `native/sentry/protocol.cc` are the other
 * side; both sides refuse what they do not know.
 */
import { Schema } from "effect"

/** Version of this contract. Host and sentry must agree exactly: they are shipped together. */
export const PROTOCOL_VERSION = 1

const optional = Schema.optionalKey
const U = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

// ---------------------------------------------------------------------------------------------------------- plan

/** One step that builds the guest's view, carried out in the order given. `target` is absolute, as the guest sees it. */
export const Mount = Schema.Union([
  /** Recursive bind of a host file or directory. `source` is absolute and free of symlinks. Always nosuid; nodev unless `dev`. */
  Schema.Struct({ type: Schema.Literal("bind"), source: Schema.String, target: Schema.String, writable: Schema.Boolean, dev: optional(Schema.Boolean), noexec: optional(Schema.Boolean) }),
  /** A copy, read-only, of a regular file of the host as it is now, in the view's own skeleton: cheaper than a mount. */
  Schema.Struct({ type: Schema.Literal("copy"), source: Schema.String, target: Schema.String }),
  /** A symbolic link in the view's own skeleton (`/bin` → `usr/bin`). */
  Schema.Struct({ type: Schema.Literal("symlink"), target: Schema.String, content: Schema.String }),
  /** An empty directory of the skeleton. */
  Schema.Struct({ type: Schema.Literal("dir"), target: Schema.String, mode: U }),
  /** A private tmpfs, nosuid and nodev. `size` in bytes; absent means the kernel's default (half of memory). */
  Schema.Struct({ type: Schema.Literal("tmpfs"), target: Schema.String, mode: U, size: optional(U), noexec: optional(Schema.Boolean) }),
  /** Copy on write over `lower` (a host directory). The upper layer lives on a private tmpfs (`size` bytes) unless `upper` names an empty host directory. */
  Schema.Struct({ type: Schema.Literal("overlay"), target: Schema.String, lower: Schema.String, upper: optional(Schema.String), size: optional(U) }),
  /** A read-only file whose bytes the host program gives, base64. */
  Schema.Struct({ type: Schema.Literal("file"), target: Schema.String, content: Schema.String, mode: U }),
  /** A fresh procfs of the guest's pid namespace. */
  Schema.Struct({ type: Schema.Literal("proc"), target: Schema.String }),
  /** A minimal /dev: null zero full random urandom tty, fd stdin stdout stderr, pts (own instance), ptmx, shm. */
  Schema.Struct({ type: Schema.Literal("dev"), target: Schema.String }),
  /** Makes what is at `target` unreachable: an unreadable empty file or directory is mounted over it. A target that does not exist is an error. */
  Schema.Struct({ type: Schema.Literal("mask"), target: Schema.String })
])
export type Mount = typeof Mount.Type

/** An argument condition of a seccomp rule: `(args[index] & mask) op value`, 64 bits, numbers as decimal strings. */
export const SeccompArg = Schema.Struct({
  index: U,
  op: Schema.Literals(["eq", "ne", "lt", "le", "gt", "ge", "masked_eq"]),
  value: Schema.String,
  mask: optional(Schema.String)
})

/** All of `args` must hold. Several rules for one number: any may match. */
export const SeccompRule = Schema.Struct({
  nr: U,
  /** `notify`: the sentry's rules of `Plan.interception` decide. `trace`: they do, at a ptrace stop. */
  action: Schema.Literals(["allow", "errno", "kill", "notify", "trace"]),
  errno: optional(U),
  args: optional(Schema.Array(SeccompArg))
})
export type SeccompRule = typeof SeccompRule.Type

/** A handler, as much as init has to know of it (docs/handlers.md). Its number is its place in the list. */
export const HandlerPlan = Schema.Struct({
  /** Of the ring (native/core/rv_ring.h). */
  lane: U,
  /** Absent: none. */
  deadlineMs: optional(U),
  /** What is done where the host program does not answer in time. */
  failure: Schema.Literals(["kill", "continue", "errno"]),
  errno: optional(U),
  /** What it lets go on must be what it saw. */
  boundary: Schema.Boolean,
  /** No calls, but these events are wanted. */
  event: optional(Schema.Literals(["signal", "exec", "exit", "clone"])),
  /** Registers whose paths its filter looks at: bit N for register N. */
  paths: U
})
export type HandlerPlan = typeof HandlerPlan.Type

/** Guest memory that goes along with a call to its handlers. */
export const CopyRule = Schema.Struct({
  nr: U,
  argument: U,
  kind: Schema.Literals(["text", "bytes"]),
  /** Of `bytes`: of one element. */
  size: optional(U),
  /** Register with the number of elements. Absent: one. */
  length: optional(U)
})
export type CopyRule = typeof CopyRule.Type

export const IdMap = Schema.Struct({ inside: U, outside: U, count: U })

/** A command to run in the guest. `argv` and `env` are byte strings, as Node gives them (UTF-8). */
export const Exec = Schema.Struct({
  argv: Schema.Array(Schema.String),
  /** `NAME=value` each. */
  env: Schema.Array(Schema.String),
  /** Absolute, in the guest's view. */
  cwd: Schema.String,
  /** A terminal of the guest's own /dev/pts; then no descriptors are passed and a `Grant` brings the master. */
  tty: optional(Schema.Struct({ columns: U, rows: U }))
})
export type Exec = typeof Exec.Type

export const Plan = Schema.Struct({
  version: Schema.Literal(PROTOCOL_VERSION),
  /** `[a-z0-9]{8,32}`, unique on this host: names the cgroup `rvisor-<id>`. */
  id: Schema.String,
  command: Exec,
  identity: Schema.Struct({
    hostname: Schema.String,
    uid: U,
    gid: U,
    uidMap: Schema.Array(IdMap),
    gidMap: Schema.Array(IdMap)
  }),
  namespaces: Schema.Struct({
    /** `auto`: a user namespace where the host permits one; without one only where the caller is root. */
    user: Schema.Literals(["auto", "required", "none"]),
    /** false: the host's network (mode `host`). */
    net: Schema.Boolean,
    /** Whether the guest may make user namespaces of its own. */
    nested: Schema.Boolean
  }),
  view: Schema.Struct({
    /** `translated`: no namespaces; the sentry translates paths (native/sentry/translation.h). Absent: `namespace`. */
    kind: optional(Schema.Literals(["namespace", "translated"])),
    /** With `translated`: the caller's directory for temporary files. */
    temporary: optional(Schema.String),
    /** Host directory that is the guest's root; absent: an empty skeleton that `mounts` fill. */
    root: optional(Schema.Struct({ source: Schema.String, writable: Schema.Boolean })),
    mounts: Schema.Array(Mount)
  }),
  /** Second layer. Paths are the guest's. `read` allows read, list and execute; `write` everything; beneath each path. */
  landlock: optional(Schema.Struct({
    /** `required`: refuse to start without Landlock. */
    mode: Schema.Literals(["auto", "required"]),
    read: Schema.Array(Schema.String),
    write: Schema.Array(Schema.String),
    /** Directories whose entries may be listed, and nothing else beneath them. */
    list: Schema.Array(Schema.String)
  })),
  limits: Schema.Struct({
    memory: optional(U),
    processes: optional(U),
    /** CPUs' worth of time per second, in thousandths (1500 = one and a half CPUs). */
    cpuMillis: optional(U),
    cpuTimeMs: optional(U),
    wallTimeMs: optional(U),
    /** Bytes written to stdout and stderr together. */
    output: optional(U),
    openFiles: optional(U),
    fileSize: optional(U)
  }),
  seccomp: Schema.Struct({
    /** For numbers without a rule, and for foreign ABIs (i386, x32). */
    default: Schema.Struct({ action: Schema.Literals(["errno", "kill", "notify"]), errno: optional(U) }),
    rules: Schema.Array(SeccompRule),
    /** In place of `rules`: the program (`struct sock_filter[]`, base64) that an earlier sentry made of the same default and rules. Making one takes milliseconds. */
    program: optional(Schema.String),
    /** Asks for the program: the `filter` grant. */
    share: optional(Schema.Boolean)
  }),
  /** Present exactly where a seccomp rule, or the default, notifies or traces, or where the kernel module decides. */
  interception: optional(Schema.Struct({
    /** Rules of the decision core (native/core/rv_abi.h) for what is notified, base64. */
    program: Schema.String,
    /** What the kernel module decides by, base64: it takes the place of the seccomp rules, of which there are none. */
    module: optional(Schema.String),
    /** With handlers come three descriptors more, 9 to 11: the ring's memory and a socket for each of its lanes. */
    handlers: optional(Schema.Array(HandlerPlan)),
    copies: optional(Schema.Array(CopyRule)),
    /** The guest is traced: always, where a rule has the action `trace`. */
    trace: optional(Schema.Struct({
      /** Programs are started without the vDSO, so that they ask the kernel for the time. */
      hideVdso: optional(Schema.Boolean)
    })),
    /** The program decides on every socket address; absent: on paths of AF_UNIX only. */
    network: optional(Schema.Boolean),
    /** Refusals by number and registers are told; those by path and address always are. */
    report: optional(Schema.Boolean)
  }))
})
export type Plan = typeof Plan.Type

// ------------------------------------------------------------------------------------------------------ requests

export const Request = Schema.Union([
  /** `id` is an exec id (0 is the main command). `scope`: the process, its process group, or every process of the guest. */
  Schema.Struct({ op: Schema.Literal("signal"), id: U, signal: U, scope: Schema.Literals(["process", "group", "all"]) }),
  /** Runs another command; ids are chosen by the host, ascending from 1. Carries descriptors 0, 1, 2 unless `tty`. */
  Schema.Struct({ op: Schema.Literal("exec"), id: U, command: Exec }),
  /** Answered by the event `processes` with the same `seq`. */
  Schema.Struct({ op: Schema.Literal("processes"), seq: U }),
  /** Kills the whole guest. `reason` comes back in the exit events. */
  Schema.Struct({ op: Schema.Literal("kill"), reason: Schema.Literals(["killed", "output", "timeout"]) })
])
export type Request = typeof Request.Type

/** A packet from the sentry on fd 3, announced by an event of the stream (so that nobody has to watch fd 3). */
export const Grant = Schema.Union([
  /** One descriptor: a sealed memfd with the program made of the plan's seccomp rules. Asked for by `share`; always the first grant, made before the guest exists. */
  Schema.Struct({ grant: Schema.Literal("filter") }),
  /** One descriptor: the master of the terminal of exec `id`. Announced by `started` with `pty: true`. */
  Schema.Struct({ grant: Schema.Literal("pty"), id: U }),
  /** One descriptor per overlay of the plan, in order: its upper directory. Announced by `started` of id 0 with `overlays` > 0. */
  Schema.Struct({ grant: Schema.Literal("overlays"), count: U })
])
export type Grant = typeof Grant.Type

// -------------------------------------------------------------------------------------------------------- events

/** Why the sandbox ended a program, `null` where the program ended itself. */
export const Reason = Schema.Literals(["memory", "cpuTime", "wallTime", "output", "killed", "timeout", "syscall", "handler", "sentry"])
export type Reason = typeof Reason.Type

export const Usage = Schema.Struct({
  wallMs: Schema.Number,
  userMs: Schema.Number,
  systemMs: Schema.Number,
  /** Largest resident set of any process (getrusage), or the cgroup's peak where there is one. Bytes. */
  maxMemory: U,
  /** `rusage` or `cgroup`: what measured `maxMemory`. */
  memorySource: Schema.Literals(["rusage", "cgroup"]),
  minorFaults: U,
  majorFaults: U,
  /** Bytes of stdout and stderr, where an output limit counted them. */
  output: optional(U),
  /** Times a fork failed on the processes limit, where a cgroup counted them. */
  forksRefused: optional(U)
})
export type Usage = typeof Usage.Type

/** A set-up step that failed. `errno` 0 means that there was none. `step` is one of the names in docs/architecture.md. */
export const Failure = Schema.Struct({
  step: Schema.String,
  object: Schema.String,
  errno: U,
  message: Schema.String,
  remedy: Schema.String
})
export type Failure = typeof Failure.Type

export const Process = Schema.Struct({
  /** In the guest's pid namespace. */
  pid: U,
  ppid: U,
  /** As /proc/pid/stat: R S D Z T … */
  state: Schema.String,
  command: Schema.String,
  argv: Schema.Array(Schema.String),
  /** Bytes resident. */
  memory: U,
  cpuMs: Schema.Number,
  threads: U
})
export type Process = typeof Process.Type

export const Event = Schema.Union([
  /** Before anything is put into them: control groups made for this sandbox, absolute host paths. Who outlives the sentry removes them. */
  Schema.Struct({ event: Schema.Literal("cgroups"), paths: Schema.Array(Schema.String) }),
  /** Exec `id` has entered its program. Pids are the host's. */
  Schema.Struct({
    event: Schema.Literal("started"), id: U, pid: U, pty: Schema.Boolean,
    init: optional(U), sentry: optional(U), overlays: optional(U),
    /** What holds, for exec 0: `user pid mount net ipc uts cgroup landlock:<abi> seccomp cgroup-v1|cgroup-v2 …` */
    layers: optional(Schema.Array(Schema.String))
  }),
  /** Set-up or an exec failed (`step` "exec": the program could not be executed). For id 0 the sandbox then ends. */
  Schema.Struct({ event: Schema.Literal("failed"), id: U, failure: Failure }),
  /** Exec `id` ended. Exactly one of `code` and `signal`. */
  Schema.Struct({
    event: Schema.Literal("exit"), id: U,
    code: optional(U), signal: optional(U), core: optional(Schema.Boolean),
    reason: Schema.NullOr(Reason),
    /** Of the reason, in words: what a handler said. */
    detail: optional(Schema.String),
    usage: optional(Usage)
  }),
  Schema.Struct({ event: Schema.Literal("processes"), seq: U, processes: Schema.Array(Process) }),
  /** A request that could not be carried out (unknown id, no such process, malformed). */
  Schema.Struct({ event: Schema.Literal("refused"), op: Schema.String, id: optional(U), seq: optional(U), message: Schema.String }),
  /** A call that was refused, or that ended the guest (errno 0). Numbers of 64 bits are decimal strings; pids are the guest's. */
  Schema.Struct({
    event: Schema.Literal("violation"),
    timeMs: Schema.Number,
    pid: U,
    tid: U,
    executable: Schema.String,
    nr: U,
    /** AUDIT_ARCH_* of the entry that was used. */
    arch: U,
    ip: Schema.String,
    args: Schema.Array(Schema.String),
    errno: U,
    /** Id of the rule that decided; absent for a default. */
    rule: optional(U),
    /** What was decided on: a resolved path, or the bytes of a socket address in hexadecimal digits. */
    path: optional(Schema.String),
    address: optional(Schema.String)
  }),
  /** So many more calls of one kind were refused than were reported one by one. Without `nr`: of all kinds beyond the first few thousand. */
  Schema.Struct({ event: Schema.Literal("suppressed"), count: U, nr: optional(U), rule: optional(U) }),
  /** Last line: everything of this sandbox is gone, control groups included. */
  Schema.Struct({ event: Schema.Literal("end") })
])
export type Event = typeof Event.Type
