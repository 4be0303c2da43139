/** What happens in a traced sandbox, as it is told to whoever writes it down. */
import type { Entry, Returned } from "../sdk/SyscallFormat.ts"
import type { SyscallName } from "../sdk/internal/syscalls.ts"

/** A call that is under way. */
export interface Made {
  readonly tid: number
  readonly name: SyscallName
  /** When it was made. Milliseconds since 1970, with a fraction. */
  readonly at: number
  /** In words, where anybody wants them. */
  readonly entry: Entry | undefined
}

export interface Reporter {
  /** The command runs, in this thread. */
  readonly began: (tid: number) => void
  /** A call is about to be made. `final`: it does not return. */
  readonly made: (call: Made, final: boolean) => void
  /** It has returned. `raw`: negative error numbers for errors. */
  readonly returned: (call: Made, at: number, raw: bigint, returned: Returned | undefined) => void
  /** The first thread of a process has made way for another that has executed a program, and now has its number. */
  readonly superseded: (former: number, tid: number, at: number) => void
  readonly attached: (tid: number, at: number) => void
  readonly signalled: (tid: number, at: number, number: number, text: string) => void
  /** `text`: `exited with 0`, `killed by SIGKILL`. */
  readonly ended: (tid: number, at: number, text: string) => void
  /** Nothing comes any more. */
  readonly close: () => void
}
