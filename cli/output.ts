/**
 * Text to stdout and stderr, written at once and whole. `process.stdout` is not used: loading it costs a quarter of what
 * `rvisor run` takes, and the streams of a running guest are the guest's own.
 *
 * A reader that went away (`rvisor --help | head -1`) is not an error worth a word.
 */
import { writeSync } from "node:fs"

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Writes all of `bytes` to a descriptor, waiting where it is non-blocking and full. False when nobody reads it any more. */
export const write = (fd: number, bytes: Uint8Array): boolean => {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(fd, bytes, offset)
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code === "EAGAIN") Atomics.wait(pause, 0, 0, 5)
      else if (code === "EPIPE" || code === "EIO" || code === "EBADF") return false
      else if (code !== "EINTR") throw cause
    }
  }
  return true
}

const encoder = new TextEncoder()

/** A line (or several) for whoever asked. */
export const print = (text: string): void => void write(1, encoder.encode(text.endsWith("\n") ? text : `${text}\n`))

/** A remark of rvisor's own on stderr. Control characters of foreign names are shown, not sent to the terminal. */
export const remark = (text: string): void => void write(2, encoder.encode(`rvisor: ${visible(text)}\n`))

/** Text with its control characters (newlines and tabs excepted) written as escapes, so that a name cannot drive a terminal. */
export const visible = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)
