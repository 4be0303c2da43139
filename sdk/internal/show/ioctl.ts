/**
 * ioctl(2): the request by name, and behind it what it points to where that is known. A number that several drivers use is shown by
 * the name of the terminal's request if there is one (they are by far the most frequent), otherwise by its first name.
 */
import { requests } from "../../Ioctl.ts"
import type { IntegerCode } from "../syscall/layout.ts"
import type { Show } from "./look.ts"
import { number, orAddress, outcome, type Part } from "./part.ts"
import { structAt } from "./structs.ts"
import { hex } from "./text.ts"
import { u32 } from "./values.ts"

/** Requests about one integer, which the guest gives (`in`) or gets (`out`), and those without an argument (`none`). */
const integers: Readonly<Record<string, "in" | "out" | "none">> = {
  TIOCGPGRP: "out", TIOCSPGRP: "in", TIOCGSID: "out", FIONREAD: "out", TIOCOUTQ: "out", FIONBIO: "in", FIOASYNC: "in", TIOCGPTN: "out", TIOCSPTLCK: "in", TIOCGETD: "out",
  TIOCSETD: "in", TIOCMGET: "out", TIOCMSET: "in", BLKSSZGET: "out", BLKROGET: "out", FS_IOC_GETFLAGS: "out", FS_IOC_SETFLAGS: "in", SIOCATMARK: "out",
  FIOCLEX: "none", FIONCLEX: "none", TIOCNOTTY: "none", TIOCEXCL: "none", TIOCNXCL: "none", BLKRRPART: "none", BLKFLSBUF: "none"
}

/** Structures whose direction the number does not tell, by request. */
const directions: Readonly<Record<string, readonly ["in" | "out", string]>> = {
  TCGETS: ["out", "Termios"], TCSETS: ["in", "Termios"], TCSETSW: ["in", "Termios"], TCSETSF: ["in", "Termios"],
  TIOCGWINSZ: ["out", "Winsize"], TIOCSWINSZ: ["in", "Winsize"], TIOCGLCKTRMIOS: ["out", "Termios"], TIOCSLCKTRMIOS: ["in", "Termios"]
}

const kinds = ["_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"] as const

const nameOf = (request: number): string | undefined => {
  const names = requests(request).map(({ name }) => name as string)
  return names.find((name) => directions[name] !== undefined || integers[name] !== undefined) ?? names[0]
}

export const ioctlParts = (registers: BigUint64Array, parts: ReadonlyArray<Part>): ReadonlyArray<Part> => {
  const [fd, cmd, arg] = parts as [Part, Part, Part]
  const request = u32(registers[1]!)
  const name = nameOf(request)
  const raw = (): string => `_IOC(${kinds[request >>> 30]}, ${hex((request >>> 8) & 0xff)}, ${hex(request & 0xff)}, ${hex((request >>> 16) & 0x3fff)})`
  const first: ReadonlyArray<Part> = [fd, { name: cmd.name, index: cmd.index, show: () => name ?? raw() }]
  const at = (direction: "in" | "out", show: Show): ReadonlyArray<Part> =>
    [...first, { name: arg.name, index: arg.index, ...direction === "in" ? { show: orAddress(show) } : { later: outcome(show) } }]
  const whole = (code: IntegerCode): Show => function*(look, place) {
    return `[${yield* number(look, place, code)}]`
  }
  const integer = name === undefined ? undefined : integers[name]
  if (integer === "none") return first
  if (integer !== undefined) return at(integer, whole("i4"))
  const known = name === undefined ? undefined : directions[name] ?? (() => {
    const struct = requests(request).find((one) => one.argument !== undefined)?.argument
    return struct === undefined ? undefined : [request >>> 30 === 1 ? "in" : "out", struct.name] as const
  })()
  if (known !== undefined) return at(known[0], (look, place) => structAt(look, known[1], place))
  return [...first, { name: arg.name, index: arg.index, show: (_, value) => hex(value) }]
}
