/** Output of the guest kept in memory, up to a bound. What is over it is read and dropped, so that the guest never waits. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Bytes of one stream that are kept. */
export const LIMIT = 16 * 1024 * 1024

export interface Captured {
  readonly bytes: Uint8Array
  readonly truncated: boolean
}

export const capture = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Captured, E> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    let truncated = false
    return stream.pipe(
      Stream.runForEach((chunk) =>
        Effect.sync(() => {
          const room = LIMIT - size
          if (chunk.length > room) truncated = true
          if (room <= 0) return
          const kept = chunk.subarray(0, room)
          chunks.push(kept)
          size += kept.length
        })
      ),
      Effect.map(() => ({ bytes: Buffer.concat(chunks), truncated }))
    )
  })
