/** A stream's bytes as text. */
import { Effect, Stream } from "effect"

export const text = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<string, E> =>
  stream.pipe(Stream.runCollect, Effect.map((chunks) => Buffer.concat(Array.from(chunks)).toString()))
