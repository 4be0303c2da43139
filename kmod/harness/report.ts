/** What lanes came to, counted as the other test lanes are, and told as it comes: failures in full, the rest by number. */
import type { Ending } from "./machine.ts"
import { parse } from "./tap.ts"

export interface Count {
  passed: number
  failed: number
  skipped: number
}

/** Takes results, and prints those that are failures. */
export class Report {
  readonly count: Count = { passed: 0, failed: 0, skipped: 0 }
  readonly #group: string
  readonly #parent: Report | undefined

  constructor(group: string, parent?: Report) {
    this.#group = group
    this.#parent = parent
  }

  /** A part of this report with a name of its own. */
  within(name: string): Report {
    return new Report(this.#group === "" ? name : `${this.#group} › ${name}`, this)
  }

  add(name: string, verdict: "passed" | "failed" | "skipped", why = ""): void {
    this.#tally(verdict)
    if (verdict === "failed") console.log(` ✗ ${this.#group} › ${name}${why === "" ? "" : `\n     ${why.replaceAll("\n", "\n     ")}`}`)
    if (verdict === "skipped") console.log(` - ${this.#group} › ${name}: left out${why === "" ? "" : `: ${why}`}`)
  }

  check(name: string, ok: boolean, why: string | (() => string) = ""): void {
    this.add(name, ok ? "passed" : "failed", ok ? "" : typeof why === "string" ? why : why())
  }

  #tally(verdict: "passed" | "failed" | "skipped"): void {
    this.count[verdict]++
    if (this.#parent !== undefined) this.#parent.#tally(verdict)
  }
}

const tail = (text: string, lines: number): string => text.trimEnd().split("\n").slice(-lines).join("\n")

/** What to show of a machine that did not do as it should: its output's end, and its kernel's log's end (or from the first complaint on). */
export const evidence = (ending: Ending): string => {
  const from = ending.complaints[0] === undefined ? -1 : ending.log.indexOf(ending.complaints[0])
  const log = from < 0 ? tail(ending.log, 40) : ending.log.slice(from).split("\n").slice(0, 100).join("\n")
  return [
    `the machine ${{ ended: `ended with code ${ending.code}`, died: "died", hung: "did not come to an end and was stopped", absent: "never came up" }[ending.how]} after ${(ending.milliseconds / 1000).toFixed(1)} s`,
    ...(ending.said === "" ? [] : [`QEMU said:\n${ending.said.trimEnd()}`]),
    `the job's last lines:\n${tail(ending.lines.join("\n"), 30)}`,
    `the kernel's log:\n${log}`
  ].join("\n")
}

/** Whether a machine ended well, as one result; the evidence where it did not. */
export const endedWell = (report: Report, name: string, ending: Ending): boolean => {
  const well = ending.how === "ended" && ending.code === 0 && ending.complaints.length === 0
  report.check(name, well, () => evidence(ending))
  return well
}

/** Takes the results of test programs, run by `programsScript`, out of what a job printed. */
export const takePrograms = (report: Report, lines: ReadonlyArray<string>): void => {
  let name: string | undefined, said: Array<string> = []
  for (const line of lines) {
    const begun = /^#### program (\S.*)$/.exec(line)?.[1], ended = /^#### ended (-?\d+)$/.exec(line)?.[1]
    if (ended !== undefined && name !== undefined) {
      takeProgram(report.within(name), said, Number(ended))
      name = undefined
    } else if (begun !== undefined) {
      name = begun
      said = []
    } else said.push(line)
  }
  if (name !== undefined) takeProgram(report.within(name), said, undefined)
}

const takeProgram = (report: Report, lines: ReadonlyArray<string>, code: number | undefined): void => {
  const { plan, results } = parse(lines)
  for (const result of results) report.add(result.name, result.verdict, result.why)
  const failed = results.some((result) => result.verdict === "failed")
  const end = () => tail(lines.join("\n"), 30)
  if (code === undefined) report.add("comes to its end", "failed", end())
  else if (code !== 0 && !failed) report.add("ends with 0", "failed", `it ended with ${code}\n${end()}`)
  else if (plan !== undefined && plan !== results.length) report.add("keeps its plan", "failed", `${plan} results were planned, and ${results.length} came`)
  else if (results.length === 0) report.add("says what it found", "failed", "it printed no result")
}

/** A word of a shell script. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** A script that runs test programs one after the other, each with a limit of time, and marks where each begins and ends. */
export const programsScript = (commands: ReadonlyArray<ReadonlyArray<string>>, seconds: number): string =>
  commands.map((words) => `echo ${quote(`#### program ${words.join(" ")}`)}; timeout -s KILL ${seconds} ./${words.map(quote).join(" ")}; echo "#### ended $?"\n`).join("")
