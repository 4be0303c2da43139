/**
 * Bytes over descriptors of any kind (pipes, terminals, sockets), the same way in Node and in Bun, without parking a thread of
 * their pools: reads and writes are non-blocking calls, and readiness comes from an epoll set of the native library.
 *
 * Neither runtime can watch every kind itself: libuv refuses terminals' masters as sockets, Bun's sockets refuse pipes. Both
 * can watch one socket: the bell, which the library rings when the set has reports.
 *
 * A `Descriptor` is closed once, by whoever owns it; whoever still waits on it then goes on and finds it closed.
 */
import { Socket, connect } from "node:net"
import { Cause, Effect, Sink, Stream } from "effect"
import { SandboxError } from "../errors.ts"
import { EAGAIN, type Native } from "./native.ts"

export const READABLE = 1
export const WRITABLE = 4

const EIO = 5
const EBADF = 9

/** As much as a pipe holds. */
const CHUNK = 64 * 1024

/** Waiting for readiness. One for each thread of JavaScript, opened on first use and kept. */
export class Watcher {
  readonly #native: Native
  readonly #set: number
  readonly #acknowledge: number
  readonly #bell: Socket
  readonly #tokens = new Uint32Array(64)
  readonly #waiting = new Map<number, () => void>()
  #next = 0

  constructor(native: Native, set: number, bell: number, acknowledge: number) {
    this.#native = native
    this.#set = set
    this.#acknowledge = acknowledge
    // Bun's Socket takes no descriptor; Node's `connect` takes none.
    this.#bell = process.versions["bun"] === undefined ? new Socket({ fd: bell, readable: true, writable: true }) : connect({ fd: bell } as never)
    this.#bell.on("data", () => this.#take())
    this.#bell.unref()
  }

  /** Calls `ready` once, when `fd` is readable or writable or hung up. At most one wait for a descriptor. Returns what cancels it. */
  wait(fd: number, events: number, ready: () => void): () => void {
    const token = (this.#next = (this.#next + 1) >>> 0)
    const rc = this.#native.watch(this.#set, fd, events, token)
    if (rc < 0) {
      queueMicrotask(ready) // the call that follows says what is wrong with it
      return () => {}
    }
    if (this.#waiting.size === 0) this.#bell.ref()
    this.#waiting.set(token, ready)
    return () => this.#settle(token)
  }

  /** Before a watched descriptor is closed. */
  forget(fd: number): void {
    this.#native.watch(this.#set, fd, 0, 0)
  }

  #settle(token: number): void {
    if (this.#waiting.delete(token) && this.#waiting.size === 0) this.#bell.unref()
  }

  #take(): void {
    for (;;) {
      const count = this.#native.watchTake(this.#set, this.#acknowledge, this.#tokens, this.#tokens.length)
      if (count <= 0) return
      const due = [...this.#tokens.subarray(0, count)]
      for (const token of due) {
        const ready = this.#waiting.get(token)
        this.#settle(token)
        ready?.()
      }
    }
  }
}

let watcher: Watcher | undefined

/** This thread's watcher, or a negated errno. */
export const watcherOf = (native: Native): Watcher | number => {
  if (watcher !== undefined) return watcher
  const out = new Int32Array(3)
  const rc = native.watchOpen(out)
  return rc < 0 ? rc : (watcher = new Watcher(native, out[0]!, out[1]!, out[2]!))
}

const scratch = new Uint8Array(CHUNK)

/** An owned descriptor of the host program, non-blocking, used in one direction. */
export class Descriptor {
  readonly #native: Native
  readonly #watcher: Watcher
  readonly #events: number
  readonly #waiting = new Set<() => void>()
  #fd: number
  #cancel: (() => void) | undefined

  constructor(native: Native, watcher: Watcher, fd: number, events: typeof READABLE | typeof WRITABLE) {
    this.#native = native
    this.#watcher = watcher
    this.#fd = fd
    this.#events = events
  }

  get fd(): number {
    return this.#fd
  }

  close(): void {
    if (this.#fd < 0) return
    this.#watcher.forget(this.#fd)
    this.#native.close(this.#fd)
    this.#fd = -1
    this.#cancel?.()
    this.#wake()
  }

  /** Bytes, `undefined` at the end, or a negated errno (EAGAIN: none at the moment). A terminal whose guest is gone has ended. */
  readNow(): Uint8Array | undefined | number {
    if (this.#fd < 0) return undefined
    const got = this.#native.read(this.#fd, scratch, CHUNK)
    if (got > 0) return scratch.slice(0, got)
    return got === 0 || got === -EIO ? undefined : got
  }

  writeNow(bytes: Uint8Array): number {
    return this.#fd < 0 ? -EBADF : this.#native.write(this.#fd, bytes, bytes.length)
  }

  /** Calls `ready` once, when the descriptor is ready, hung up or closed. Returns what cancels it. */
  wait(ready: () => void): () => void {
    if (this.#fd < 0) {
      queueMicrotask(ready)
      return () => {}
    }
    this.#waiting.add(ready)
    this.#cancel ??= this.#watcher.wait(this.#fd, this.#events, () => this.#wake())
    return () => {
      this.#waiting.delete(ready)
      if (this.#waiting.size > 0) return
      this.#cancel?.()
      this.#cancel = undefined
    }
  }

  /** Waits until the descriptor is ready, hung up or closed. */
  readonly ready: Effect.Effect<void> = Effect.callback((resume) => Effect.sync(this.wait(() => resume(Effect.void))))

  #wake(): void {
    this.#cancel = undefined
    const due = [...this.#waiting]
    this.#waiting.clear()
    for (const ready of due) ready()
  }
}

const failure = (native: Native, operation: string, errno: number): SandboxError =>
  new SandboxError({ kind: "io", operation, reason: `${native.errnoText(errno)} [${native.errnoName(errno)}]`, remedy: "" })

/** What can be read from a descriptor, to its end. Reads only what the consumer asks for, so a slow one holds the guest back. */
export const readable = (native: Native, descriptor: Descriptor, operation: string): Stream.Stream<Uint8Array, SandboxError> => {
  const pull: Effect.Effect<readonly [Uint8Array], SandboxError | Cause.Done> = Effect.suspend(() => {
    const got = descriptor.readNow()
    if (got === undefined) return Cause.done()
    if (typeof got === "object") return Effect.succeed([got] as const)
    if (got !== -EAGAIN) return Effect.fail(failure(native, operation, -got))
    return Effect.flatMap(descriptor.ready, () => pull)
  })
  return Stream.fromPull(Effect.succeed(pull))
}

const writeAll = (native: Native, descriptor: Descriptor, operation: string, bytes: Uint8Array): Effect.Effect<void, SandboxError> =>
  Effect.suspend(() => {
    let rest = bytes
    while (rest.length > 0) {
      const wrote = descriptor.writeNow(rest)
      if (wrote === -EAGAIN) {
        const remaining = rest
        return Effect.flatMap(descriptor.ready, () => writeAll(native, descriptor, operation, remaining))
      }
      if (wrote < 0) return Effect.fail(failure(native, operation, -wrote))
      rest = rest.subarray(wrote)
    }
    return Effect.void
  })

/** Writes what it is given, waiting where the guest does not read; `end` runs when the input has ended. */
export const writable = (native: Native, descriptor: Descriptor, operation: string, end: Effect.Effect<void>): Sink.Sink<void, Uint8Array, never, SandboxError> =>
  Sink.onExit(
    Sink.forEachArray((chunks: ReadonlyArray<Uint8Array>) => Effect.forEach(chunks, (bytes) => writeAll(native, descriptor, operation, bytes), { discard: true })),
    (exit) => exit._tag === "Success" ? end : Effect.void
  )
