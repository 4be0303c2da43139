/**
 * The words of the command line, before they are parsed: where rvisor's flags end, and whether every word arrived as it was typed.
 */
import type { FlagDescriptor } from "effect/cli/Completions"
import { readFileSync } from "node:fs"

/**
 * Divides the words behind `run` into rvisor's own and the command with its arguments. Flags end at `--` or at the first word that
 * is neither a flag nor a flag's value, as with `env` and `sudo`: the guest's own flags are never looked at, and a switch never takes
 * the command's name for its value. The parser gets rvisor's words only; it would also take seconds for many thousand arguments.
 * A value that stands directly behind its letter (`-s64`, `-eopenat`), which the parser does not know, becomes a word of its own.
 */
export const divide = (
  words: ReadonlyArray<string>,
  flags: ReadonlyArray<FlagDescriptor>
): { readonly own: ReadonlyArray<string>; readonly command: ReadonlyArray<string> } => {
  const taking = new Set(flags.filter((flag) => flag.type._tag !== "Boolean" && flag.optionalValue !== true).flatMap((flag) => [flag.name, ...flag.aliases]))
  const own: Array<string> = []
  let i = 0
  while (i < words.length) {
    const word = words[i]!
    if (word === "--") return { own, command: words.slice(i + 1) }
    if (!word.startsWith("-") || word === "-") break
    if (word.startsWith("--")) {
      const length = !word.includes("=") && taking.has(word.slice(2)) ? 2 : 1
      own.push(...words.slice(i, i += length))
      continue
    }
    const at = [...word].findIndex((letter, place) => place > 0 && taking.has(letter))
    if (at < 0 || at === word.length - 1) {
      const length = at < 0 ? 1 : 2
      own.push(...words.slice(i, i += length))
      continue
    }
    own.push(word.slice(0, at + 1), word.slice(word[at + 1] === "=" ? at + 2 : at + 1))
    i++
  }
  return { own, command: words.slice(i) }
}

/** NUL-terminated bytes of a file in /proc, as text where they are UTF-8 and with escapes where not. */
const rawTexts = function*(file: string): Generator<{ readonly utf8: boolean; readonly text: string }> {
  const raw = readFileSync(file)
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  for (let start = 0; start < raw.length;) {
    const end = raw.indexOf(0, start)
    const bytes = raw.subarray(start, end < 0 ? raw.length : end)
    start += bytes.length + 1
    try {
      yield { utf8: true, text: decoder.decode(bytes) }
    } catch {
      yield { utf8: false, text: Array.from(bytes, (byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`).join("") }
    }
  }
}

/**
 * The first word of the command line that is not UTF-8, with its odd bytes as escapes; or `undefined`. Node and Bun decode the
 * command line and put U+FFFD for what they cannot read: the program would get other bytes than were typed. Only a command line
 * that holds U+FFFD is looked at again.
 */
export const undecodable = (words: ReadonlyArray<string>): string | undefined => {
  if (!words.some((word) => word.includes("\ufffd"))) return undefined
  for (const { text, utf8 } of rawTexts("/proc/self/cmdline")) if (!utf8) return text
  return undefined
}

/** Whether the value of a variable of the environment is other bytes than `process.env` says. */
export const isUndecodableVariable = (name: string): boolean => {
  if (process.env[name]?.includes("\ufffd") !== true) return false
  for (const { text, utf8 } of rawTexts("/proc/self/environ")) if (text.startsWith(`${name}=`)) return !utf8
  return false
}
