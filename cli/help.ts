/**
 * How `--help` and wrong command lines look: flags in groups, text wrapped at the terminal's edge, and for a mistake the mistake
 * alone, with the way to the help. Plain text: it is read in pagers and logs as often as on a terminal.
 */
import type * as CliError from "effect/cli/CliError"
import type * as CliOutput from "effect/cli/CliOutput"
import type { ArgDoc, FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { print, remark } from "./output.ts"

/** Headings of the help and the names of the flags beneath each. A flag of no group stands under "Other". */
export type Groups = ReadonlyArray<readonly [title: string, flags: ReadonlyArray<string>]>

const WIDTH = 100
const INDENT = 28

const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = [""]
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1]!
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
  }
  return lines
}

const row = (left: string, right: string): string => {
  const [first, ...rest] = wrap(right, WIDTH - INDENT)
  const head = left.length + 4 > INDENT ? [`  ${left}`, " ".repeat(INDENT) + first] : [`  ${left}`.padEnd(INDENT) + first]
  return [...head, ...rest.map((line) => " ".repeat(INDENT) + line)].join("\n")
}

// The parser adds the choices to the text; the flag's own column shows them already.
const about = (doc: FlagDoc | ArgDoc): string => Option.getOrElse(doc.description, () => "").replace(/ \(choices: [^)]*\)$/, "")

const flagRow = (flag: FlagDoc): string => {
  const names = [...flag.aliases.filter((alias) => /^-[^-]/.test(alias)), `--${flag.name}`, ...flag.aliases.filter((alias) => alias.startsWith("--"))]
  const short = names[0]!.startsWith("--") ? "    " : ""
  return row(`${short}${names.join(", ")}${flag.type === "boolean" ? "" : flag.type.startsWith("[=") ? flag.type : ` ${flag.type}`}`, about(flag))
}

const section = (title: string, lines: ReadonlyArray<string>): string => lines.length === 0 ? "" : `${title}\n${lines.join("\n")}`

/** The help of one command as text. */
export const format = (doc: HelpDoc, groups: Groups): string => {
  const path = doc.commandPath?.join(" ") ?? ""
  const operands = (doc.args ?? []).map((arg) => `${arg.name}${arg.variadic ? "…" : ""}`).join(" ")
  const usage = doc.subcommands !== undefined ? `${path} COMMAND` : `${path}${doc.flags.length === 0 ? "" : " [FLAGS]"}${operands === "" ? "" : ` ${operands}`}`
  const grouped = new Set(groups.flatMap(([, names]) => names))
  const shown = groups.map(([title, names]) => section(`${title}:`, doc.flags.filter((flag) => names.includes(flag.name)).map(flagRow)))
  const other = [...doc.flags.filter((flag) => !grouped.has(flag.name)), ...(doc.globalFlags ?? [])]
  return [
    doc.description.split("\n\n").map((paragraph) => wrap(paragraph.replaceAll("\n", " "), WIDTH).join("\n")).join("\n\n"),
    `Usage: ${usage}`,
    section("Operands:", (doc.args ?? []).map((arg) => row(arg.name, about(arg)))),
    ...(doc.subcommands ?? []).map((group) => section("Commands:", group.commands.map((sub) => row(sub.name, sub.shortDescription ?? sub.description)))),
    ...shown,
    section("Other:", other.map(flagRow)),
    section("Examples:", (doc.examples ?? []).map((example) => `  ${example.command}${example.description === undefined ? "" : `\n      ${example.description}`}`)),
    doc.subcommands === undefined ? "" : `\`${path} COMMAND --help\` tells more about each.`
  ].filter((part) => part !== "").join("\n\n")
}

/** One mistake in one line. */
export const mistake = (error: CliError.NonShowHelpErrors): string => {
  const maybe = (words: ReadonlyArray<string>): string => words.length === 0 ? "" : `; did you mean ${words.join(" or ")}?`
  switch (error._tag) {
    // Every single letter is near every other: only words are guessed.
    case "UnrecognizedOption": return `unknown flag ${error.option}${maybe(error.option.startsWith("--") ? error.suggestions : [])}`
    case "UnknownSubcommand": return `unknown command ${error.subcommand}${error.suggestions.length === 0 && error.parent?.length === 1 ? `; to run a program: rvisor run ${error.subcommand}` : maybe(error.suggestions)}`
    case "MissingArgument": return `${error.argument} is missing`
    case "UnexpectedArgument": return `unexpected operand ${error.arguments.join(" ")}`
    case "InvalidValue": {
      const name = error.kind === "argument" ? error.option : `--${error.option}`
      const times = /^(\d+) occurrences$/.exec(error.value)
      if (times !== null) return `${name} is given ${times[1]} times, and can be given once`
      if (error.value === "") return `${name} needs a value (${error.expected})`
      return `${name} ${error.value}: expected ${error.expected.replace(/^Expected:? ?/, "").replace("a string representing a finite number", "a number").replaceAll('"', "")}`
    }
    default: return error.message
  }
}

/** Presents what the parser has to say. Help that was asked for goes to stdout, mistakes to stderr. */
export const presenter = (groups: (command: string | undefined) => Groups): CliOutput.Presenter => ({
  present: (event) =>
    Effect.sync(() => {
      switch (event._tag) {
        case "Version": return print(`${event.name} ${event.version}`)
        case "Help": return print(format(event.helpDoc, groups(event.helpDoc.commandPath?.[1])))
        case "InvalidInvocation": {
          for (const line of new Set(event.errors.map(mistake))) remark(line)
          return remark(`see \`${event.commandPath.join(" ")} --help\``)
        }
      }
    })
})
