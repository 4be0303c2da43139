/**
 * The ring between a sandbox and its handlers: constants and record layouts. Generated from native/core/rv_ring.h, which documents
 * them, by scripts/generate-abi.mjs; do not edit.
 */

/** `RV_RING_…` of the header. */
export const RV_RING = {
  MAGIC: 0x474e5256,
  VERSION: 3,
  SLOTS: 1024,
  LANES: 2,
  LANE_MAIN: 0,
  LANE_MODULES: 1,
  SOCKETS: 3,
  LISTENERS: 2,
  PIECES: 8,
  CALL_DATA: 9728,
  REPLY_DATA: 6144,
  MAX_REASON: 512,
  MAY_ANSWER: 1,
  MAY_CONTINUE: 2,
  AWAKE: 0,
  ON_FUTEX: 1,
  ON_BELL: 2,
  ANSWER: 1,
  READ: 2,
  WRITE: 3,
  PROCESS: 4,
  DESCRIPTOR: 16,
  WORKING_DIRECTORY: 0xffffff9c,
  EXECUTABLE: 0xffffff38,
  TAKE: 17,
  PATH: 18,
  INJECT: 5,
  SCRATCH: 6,
  ENTRY: 0,
  EXIT: 1,
  GONE: 2,
  EVENT: 3,
  SIGNAL: 1,
  EXEC: 2,
  EXITED: 3,
  CLONE: 4,
  FORK: 1,
  VFORK: 2,
  THREAD: 3,
  CONTINUE: 1,
  VALUE: 2,
  ERRNO: 3,
  FD: 4,
  KILL: 5
} as const

/** Where a field of a record stands, in bytes. */
export interface Field {
  readonly at: number
  readonly bytes: number
}

/** `struct rv_…` of the header. */
export const records = {
  ring_piece: {
    SIZE: 16,
    address: { at: 0, bytes: 8 },
    at: { at: 8, bytes: 4 },
    size: { at: 12, bytes: 4 }
  },
  ring_write: {
    SIZE: 16,
    address: { at: 0, bytes: 8 },
    size: { at: 8, bytes: 4 },
    reserved: { at: 12, bytes: 4 }
  },
  ring_descriptor: {
    SIZE: 48,
    device: { at: 0, bytes: 8 },
    inode: { at: 8, bytes: 8 },
    size: { at: 16, bytes: 8 },
    position: { at: 24, bytes: 8 },
    mode: { at: 32, bytes: 4 },
    flags: { at: 36, bytes: 4 },
    stands: { at: 40, bytes: 4 },
    path: { at: 44, bytes: 4 }
  },
  ring_event: {
    SIZE: 152,
    kind: { at: 0, bytes: 4 },
    process: { at: 4, bytes: 4 },
    number: { at: 8, bytes: 4 },
    detail: { at: 12, bytes: 4 },
    flags: { at: 16, bytes: 8 },
    info: { at: 24, bytes: 128 }
  },
  ring_call: {
    SIZE: 9984,
    generation: { at: 0, bytes: 4 },
    tid: { at: 4, bytes: 4 },
    handlers: { at: 8, bytes: 8 },
    call: { at: 16, bytes: 64 },
    id: { at: 80, bytes: 8 },
    listener: { at: 88, bytes: 4 },
    may: { at: 92, bytes: 4 },
    pieces: { at: 96, bytes: 4 },
    used: { at: 100, bytes: 4 },
    phase: { at: 104, bytes: 4 },
    traced: { at: 108, bytes: 4 },
    result: { at: 112, bytes: 8 },
    after: { at: 120, bytes: 4 },
    reserved: { at: 124, bytes: 4 },
    piece: { at: 128, bytes: 128 },
    data: { at: 256, bytes: 9728 }
  },
  ring_reply: {
    SIZE: 6240,
    generation: { at: 0, bytes: 4 },
    kind: { at: 4, bytes: 4 },
    verdict: { at: 8, bytes: 4 },
    used: { at: 12, bytes: 4 },
    value: { at: 16, bytes: 8 },
    address: { at: 24, bytes: 8 },
    size: { at: 32, bytes: 4 },
    asked: { at: 36, bytes: 4 },
    changed: { at: 40, bytes: 4 },
    after: { at: 44, bytes: 4 },
    registers: { at: 48, bytes: 48 },
    data: { at: 96, bytes: 6144 }
  },
  ring_slot: {
    SIZE: 16416,
    call: { at: 0, bytes: 9984 },
    reply: { at: 9984, bytes: 6240 },
    served: { at: 16224, bytes: 4 },
    result: { at: 16228, bytes: 4 },
    claim: { at: 16232, bytes: 4 },
    reserved: { at: 16236, bytes: 180 }
  },
  ring_done: {
    SIZE: 8,
    slot: { at: 0, bytes: 4 },
    generation: { at: 4, bytes: 4 }
  },
  ring_lane: {
    SIZE: 16408,
    posted: { at: 0, bytes: 4 },
    wake: { at: 4, bytes: 4 },
    asleep: { at: 8, bytes: 4 },
    answered: { at: 12, bytes: 4 },
    queue: { at: 16, bytes: 4096 },
    answers: { at: 4112, bytes: 4096 },
    done: { at: 8208, bytes: 8192 },
    finished: { at: 16400, bytes: 4 },
    reserved: { at: 16404, bytes: 4 }
  },
  ring: {
    SIZE: 16842824,
    magic: { at: 0, bytes: 4 },
    version: { at: 4, bytes: 4 },
    bell: { at: 8, bytes: 4 },
    asleep: { at: 12, bytes: 4 },
    hurry: { at: 16, bytes: 4 },
    reserved: { at: 20, bytes: 4 },
    lanes: { at: 24, bytes: 32816 },
    slots: { at: 32840, bytes: 16809984 }
  }
} as const
