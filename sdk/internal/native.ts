/**
 * Bindings to `librvisor.so`: launching, packets with descriptors, non-blocking bytes, readiness, changes of overlays. What
 * each call does is said in native/client/rvisor.h. Results below zero are negated errnos; nothing here throws.
 *
 * The library is loaded once, on first use. Calls take plain integers and typed arrays, which koffi passes for about 50 ns.
 */
import { Effect } from "effect"
import { LoadError } from "../errors.ts"
import { clientLibrary } from "./assets.ts"

const ABI = 4

/** How a stream of a command is connected, where it is not one of the host program's own descriptors. */
export const PIPE = -1
export const NULL = -2
export const TERMINAL = -3

export const EAGAIN = 11

export interface Native {
  readonly errnoName: (errno: number) => string
  readonly errnoText: (errno: number) => string
  /** `stdio`: 3 places. `ring`: of the handlers, or -1. `out`: 7 places (pid, pidfd, control, events, stdin, stdout, stderr). */
  readonly launch: (sentry: string, plan: Uint8Array, planSize: number, stdio: Int32Array, ring: number, out: Int32Array) => number
  readonly signal: (pidfd: number, signal: number) => number
  readonly reap: (pidfd: number) => number
  /** `stdio` and `out`: 3 places each, or null. */
  readonly send: (control: number, text: Uint8Array, size: number, stdio: Int32Array | null, out: Int32Array | null) => number
  /** `fds`: 17 places; `count`: one. */
  readonly receive: (control: number, buffer: Uint8Array, size: number, fds: Int32Array, count: Int32Array) => number
  readonly read: (fd: number, buffer: Uint8Array, size: number) => number
  readonly write: (fd: number, buffer: Uint8Array, size: number) => number
  readonly duplicate: (fd: number) => number
  readonly close: (fd: number) => number
  readonly setWindow: (terminal: number, columns: number, rows: number) => number
  /** `saved`: 64 bytes. */
  readonly terminalRaw: (terminal: number, saved: Uint8Array) => number
  readonly terminalRestore: (terminal: number, saved: Uint8Array) => number
  /** Runs on a thread of the runtime's pool, as long as the copying takes. `result`: a descriptor of records. Closes `upper`. */
  readonly changes: (operation: number, upper: number, lower: string, done: (error: Error | null, result: number) => void) => void
  /** `out`: the bell of each lane (2 places). A handle, good in every thread of the program. */
  readonly ringOpen: (out: Int32Array) => number
  /** `call`: a `struct rv_ring_call` (internal/ring/format.ts). `mode`: 0 not waiting, 1 asleep for ten milliseconds, 2 the bell will ring, 3 what an ended thread has left. A slot. */
  readonly ringNext: (ring: number, lane: number, call: Uint8Array, mode: number) => number
  /** Answers a slot, if it is one (not -1), then `ringNext`, in one call. */
  readonly ringTurn: (ring: number, lane: number, slot: number, reply: Uint8Array, call: Uint8Array, mode: number) => number
  readonly ringAnswer: (ring: number, lane: number, slot: number, reply: Uint8Array) => number
  readonly ringGive: (ring: number, lane: number, slot: number, generation: number, fd: number) => number
  readonly ringGiveBytes: (ring: number, lane: number, slot: number, generation: number, bytes: Uint8Array, size: number, name: Uint8Array, readable: number) => number
  /** `timeout` in milliseconds. */
  readonly ringRequest: (ring: number, lane: number, slot: number, reply: Uint8Array, timeout: number, again: number) => number
  readonly ringClose: (ring: number) => number
  /** `out`: 3 places (set, bell, acknowledgement). */
  readonly watchOpen: (out: Int32Array) => number
  readonly watch: (set: number, fd: number, events: number, token: number) => number
  readonly watchTake: (set: number, acknowledge: number, tokens: Uint32Array, capacity: number) => number
}

const remedy = "reinstall rvisor; its native part needs Linux on x86-64 with glibc 2.35 or newer (Debian 12, Ubuntu 22.04, Fedora 36, RHEL 10)"

const open = async (path: string): Promise<Native> => {
  const { default: koffi } = await import("koffi")
  const library = koffi.load(path)
  const abi: number = library.func("int32_t rvisor_abi(void)")()
  if (abi !== ABI) throw new Error(`it is of another version (${abi}, not ${ABI})`)
  return {
    errnoName: library.func("const char* rvisor_errno_name(int32_t)"),
    errnoText: library.func("const char* rvisor_errno_text(int32_t)"),
    launch: library.func("int32_t rvisor_launch(const char*, const void*, uint64_t, const int32_t*, int32_t, int32_t*)"),
    signal: library.func("int32_t rvisor_signal(int32_t, int32_t)"),
    reap: library.func("int32_t rvisor_reap(int32_t)"),
    send: library.func("int32_t rvisor_send(int32_t, const void*, uint64_t, const int32_t*, int32_t*)"),
    receive: library.func("int32_t rvisor_receive(int32_t, void*, uint64_t, int32_t*, int32_t*)"),
    read: library.func("int32_t rvisor_read(int32_t, void*, uint64_t)"),
    write: library.func("int32_t rvisor_write(int32_t, const void*, uint64_t)"),
    duplicate: library.func("int32_t rvisor_duplicate(int32_t)"),
    close: library.func("int32_t rvisor_close(int32_t)"),
    setWindow: library.func("int32_t rvisor_set_window(int32_t, uint32_t, uint32_t)"),
    // Looked up when it is called: the executable loads koffi's own module for it (scripts/executable/koffi.ts).
    changes: (...args) => library.func("int32_t rvisor_changes(int32_t, int32_t, const char*)").async(...args),
    terminalRaw: library.func("int32_t rvisor_terminal_raw(int32_t, void*)"),
    terminalRestore: library.func("int32_t rvisor_terminal_restore(int32_t, const void*)"),
    ringOpen: library.func("int32_t rvisor_ring_open(int32_t*)"),
    ringNext: library.func("int32_t rvisor_ring_next(int32_t, int32_t, void*, int32_t)"),
    ringTurn: library.func("int32_t rvisor_ring_turn(int32_t, int32_t, int32_t, const void*, void*, int32_t)"),
    ringAnswer: library.func("int32_t rvisor_ring_answer(int32_t, int32_t, int32_t, const void*)"),
    ringGive: library.func("int32_t rvisor_ring_give(int32_t, int32_t, int32_t, uint32_t, int32_t)"),
    ringGiveBytes: library.func("int32_t rvisor_ring_give_bytes(int32_t, int32_t, int32_t, uint32_t, const void*, uint64_t, const void*, int32_t)"),
    ringRequest: library.func("int32_t rvisor_ring_request(int32_t, int32_t, int32_t, void*, int32_t, int32_t)"),
    ringClose: library.func("int32_t rvisor_ring_close(int32_t)"),
    watchOpen: library.func("int32_t rvisor_watch_open(int32_t*)"),
    watch: library.func("int32_t rvisor_watch(int32_t, int32_t, uint32_t, uint32_t)"),
    watchTake: library.func("int32_t rvisor_watch_take(int32_t, int32_t, uint32_t*, uint32_t)")
  }
}

let loaded: Native | undefined

/** The bindings, loaded on first use and kept for the life of the program (of the thread, where there are several). */
export const load: Effect.Effect<Native, LoadError> = Effect.suspend(() => loadFrom(clientLibrary()))

/** From a path that another thread of this program has loaded them from: threads share what the library keeps. */
export const loadFrom = (path: string): Effect.Effect<Native, LoadError> => Effect.suspend(() => {
  if (loaded !== undefined) return Effect.succeed(loaded)
  if (process.platform !== "linux" || process.arch !== "x64") {
    return Effect.fail(new LoadError({ object: path, reason: `rvisor runs on Linux on x86-64, not on ${process.platform} ${process.arch}`, remedy: "use such a machine" }))
  }
  return Effect.tryPromise({
    try: () => open(path),
    catch: (cause) => new LoadError({ object: path, reason: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause), remedy })
  }).pipe(Effect.tap((native) => Effect.sync(() => loaded = native)))
})
