/**
 * One output of a command (`stdout`, `stderr`, or both together) on its way from the sandbox to whoever wants it: kept for
 * the result, copied to Node streams, or poured into a `Writable` of the caller's.
 *
 * - `keep`: every byte is kept, up to a bound, so a reader that comes late still sees everything, nobody has to read, and a
 *   slow reader costs no memory beyond what is kept anyway. Nothing makes the guest wait.
 * - `pass`: nothing is kept. The source waits for its readers, and the guest with it; what comes after they have left is
 *   dropped.
 */
import { once } from "node:events"
import { Readable, type Writable } from "node:stream"
import { StringDecoder } from "node:string_decoder"

/** A Node stream fed by hand; `drained` is set while the source waits for it. */
interface Reader {
  readonly stream: Readable
  drained: (() => void) | undefined
}

export class Capture {
  readonly #mode: "keep" | "pass"
  readonly #readers: Array<Reader> = []
  #chunks: Array<Uint8Array> = []
  #state: { readonly error: Error | undefined } | undefined
  #onReader: (() => void) | undefined
  /** Bytes kept. */
  size = 0

  constructor(mode: "keep" | "pass") {
    this.#mode = mode
  }

  /** Resolves when somebody first asks to read. A `pass` source starts then. */
  readonly wanted: Promise<void> = new Promise((resolve) => {
    this.#onReader = resolve
  })

  /** Takes a chunk. A promise: wait for it before the next one. */
  write(chunk: Uint8Array): void | Promise<unknown> {
    if (this.#mode === "keep") {
      this.#chunks.push(chunk)
      this.size += chunk.length
    }
    const full = this.#readers.filter(({ stream }) => !stream.destroyed && !stream.push(chunk))
    if (this.#mode === "keep" || full.length === 0) return
    return Promise.all(full.map((reader) => new Promise<void>((resolve) => {
      reader.drained = resolve
    })))
  }

  /** The output is complete, or broke off with an error. */
  end(error?: Error): void {
    if (this.#state !== undefined) return
    this.#state = { error }
    for (const { stream } of this.#readers) finish(stream, error)
  }

  /** A stream of its own for each caller, from the first byte in `keep`, from now on in `pass`. */
  reader(): Readable {
    const wake = () => {
      const drained = reader.drained
      reader.drained = undefined
      drained?.()
    }
    const stream = new Readable({
      read: wake,
      destroy: (error, done) => {
        wake()
        done(error)
      }
    })
    stream.on("error", () => {}) // who reads is told; who does not must not crash
    const reader: Reader = { stream, drained: undefined }
    for (const chunk of this.#chunks) stream.push(chunk)
    if (this.#state === undefined) this.#readers.push(reader)
    else finish(stream, this.#state.error)
    this.#onReader?.()
    return stream
  }

  /** Everything kept. */
  bytes(): Uint8Array {
    const bytes = Buffer.concat(this.#chunks, this.size)
    this.#chunks = bytes.length === 0 ? [] : [bytes]
    return bytes
  }
}

const finish = (stream: Readable, error: Error | undefined): void => {
  if (stream.destroyed) return
  if (error === undefined) stream.push(null)
  else stream.destroy(error)
}

/** Writes one chunk to a caller's stream and waits where that stream asks for it; rejects with the stream's error. */
export const pour = async (target: Writable, chunk: Uint8Array): Promise<boolean> => {
  if (target.errored) throw target.errored
  if (target.destroyed || target.writableEnded) return false
  if (!target.write(chunk)) {
    const settled = new AbortController()
    try {
      await Promise.race([once(target, "drain", settled), once(target, "close", settled)])
    } finally {
      settled.abort()
    }
  }
  return true
}

/**
 * Splits bytes into lines as they come. `\n` and `\r\n` end a line; the last line needs no end. A line longer than
 * `maxLength` characters is an error: its length is the guest's choice.
 */
export const linesOf = async function*(
  source: AsyncIterable<Uint8Array>,
  encoding: BufferEncoding,
  keepNewlines: boolean,
  maxLength: number
): AsyncGenerator<string, void, void> {
  const decoder = new StringDecoder(encoding)
  // The unfinished line, in pieces: joined once, so that a long line costs no more than its length.
  let pieces: Array<string> = []
  let length = 0
  for await (const chunk of source) {
    const [first, ...others] = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)).split("\n")
    pieces.push(first!)
    length += first!.length
    for (const piece of others) {
      yield endLine(pieces.join(""), keepNewlines)
      pieces = [piece]
      length = piece.length
    }
    if (length > maxLength) throw new RangeError(`a line of the output is longer than ${maxLength} characters`)
  }
  const last = pieces.join("") + decoder.end()
  if (last !== "") yield keepNewlines ? last : stripCarriageReturn(last)
}

const endLine = (line: string, keepNewline: boolean): string => keepNewline ? `${line}\n` : stripCarriageReturn(line)

const stripCarriageReturn = (line: string): string => line.endsWith("\r") ? line.slice(0, -1) : line
