/** Where a trace goes: stderr, piece by piece so that it stands between what the guest writes; or a file, in large pieces. */
import { write } from "./output.ts"

const LARGE = 64 * 1024

export interface Sink {
  readonly write: (text: string) => void
  readonly flush: () => void
}

const encoder = new TextEncoder()

/** A user's terminal in raw mode goes to the start of the next line only where it is told to. */
export const direct = (fd: number, raw: boolean): Sink => ({
  write: (text) => void write(fd, encoder.encode(raw ? text.replaceAll("\n", "\r\n") : text)),
  flush: () => {}
})

/** Whoever follows the file sees lines at the latest when nothing happens for a moment. */
export const buffered = (fd: number): Sink => {
  let waiting: Array<string> = []
  let length = 0
  let scheduled = false
  const flush = (): void => {
    if (length === 0) return
    const text = waiting.join("")
    waiting = []
    length = 0
    write(fd, encoder.encode(text))
  }
  return {
    flush,
    write: (text) => {
      waiting.push(text)
      length += text.length
      if (length >= LARGE) return flush()
      if (scheduled) return
      scheduled = true
      setTimeout(() => {
        scheduled = false
        flush()
      }, 50).unref()
    }
  }
}
