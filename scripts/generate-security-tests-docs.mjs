/**
 * Writes docs/security-tests.md from the heads of the programs in test/attacks and the table of rows beside them.
 *
 *     node scripts/generate-security-tests-docs.mjs
 *
 * A test compares the file with what this module renders. The tests are made from the same table, and fail where an attack is
 * not held: what the document says was run, and held, when the tests passed.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { attacks, head, pairs, rowNames, rows, rowsOf, special } from "../test/attacks/rows.ts"

export const documentPath = fileURLToPath(new URL("../docs/security-tests.md", import.meta.url))

/** @param {string} text */
const cell = (text) => text.trim().replace(/\|/g, "\\|").replace(/\s+/g, " ")

/** @param {string} name */
const result = (name) => rowNames.map((row) => rowsOf(name).includes(row) ? "held" : "–").join(" | ")

/** @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

/** @param {import("../test/attacks/rows.ts").Head} it */
const second = ({ behind }) => behind === "" ? "–" : behind.startsWith("the filter is not") ? "the filter is not what holds it" : behind

/** @type {Readonly<Record<string, string>>} */
const layers = {
  view: "the view: all of the host's mounts are there", readonly: "read-only mounts", landlock: "Landlock", masks: "masks over denied names", pid: "the pid namespace", net: "the network namespace",
  nosuid: "`nosuid` of mounts", filter: "the filter", capabilities: "dropping of capabilities (the guest is root in its user namespace)", clock: "the sentry's clock"
}
/** @param {string} names */
const layer = (names) => names.split(" ").map((name) => layers[name] ?? name).join("; ")

export const render = () => [
  "<!-- Written by scripts/generate-security-tests-docs.mjs from test/attacks. Do not edit. -->",
  "# Attacks, and what holds them",
  "",
  `\`npm run test:attacks\` runs ${attacks.length} programs, each of which tries one thing that a hostile guest would, in every way that it might. A program says that it has succeeded, that it was held, or`,
  "that it could not try, and only \"held\" passes. Each has a control: the same program succeeds without rvisor, so that no test passes because its attack is broken. The sources are",
  "in `test/attacks`, the tests are part of `npm test`. Races last a bounded time, with a schedule of yields from a seed that a failure prints; `RVISOR_TEST_SEED` repeats it.",
  "",
  "The kernel module is attacked in virtual machines, by programs of its own (`kmod/tests`: double fetches, references that are not given back, numbers of processes that are used again,",
  "unloading while it is in use). stress-ng's hostile stressors (calls that are none, bad addresses and values, every call, forks, clones, tracers, …) run as guests, by every way of deciding",
  "(`test/attacks/stress.test.ts`; `RVISOR_STRESS_SECONDS` says how long each). What parses foreign bytes is [fuzzed](development.md#fuzzing). What is not claimed says the [security model](security-model.md#what-is-not-claimed).",
  "",
  "## Results",
  "",
  "| column | view | what is decided, and how |",
  "|---|---|---|",
  ...rowNames.map((name) => `| ${name} | ${rows[name].view} | ${rows[name].means} |`),
  "",
  "\"–\": nothing that this attack is about differs there, or what it needs is not there.",
  "",
  `| attack | ${rowNames.join(" | ")} |`,
  `|---|${rowNames.map(() => "---|").join("")}`,
  ...attacks.map((name) => `| [\`${name}\`](../test/attacks/${name}.c) | ${result(name)} |`),
  "",
  "## Where a layer is gone",
  "",
  "Every boundary has [two layers](security-model.md#layers). A sentry that is built for this test alone, and is part of nothing that is shipped, lacks the first of them:",
  "the second holds. Where the last column is filled the attack succeeds once both are gone, which shows that it was that layer that held it.",
  "",
  "| gone | attack | held by | succeeds without |",
  "|---|---|---|---|",
  ...pairs.map(({ attack, both, bothInput, held, without }) => `| ${layer(without)} | \`${attack}\` | ${held} | ${both === undefined ? "" : `${layer(both)}${bothInput === undefined ? "" : ", and deciding each call"}`} |`),
  "| signals of a parent's death | the sentry, or the warden, is killed | ends of sockets | |",
  "",
  "## What each tries",
  "",
  "| attack | tries | known from | must | second layer |",
  "|---|---|---|---|---|",
  ...attacks.map((name) => {
    const it = head(name)
    return `| \`${name}\` | ${cell(sentence(it.tries))} | ${cell(it.known)} | ${cell(sentence(it.must))} | ${cell(second(it))} |`
  }),
  ""
].join("\n")

/** Programs whose head lacks a part, or that a table names and that are not there. */
export const faults = () => [
  ...attacks.flatMap((name) => {
    const it = head(name)
    return ["tries", "known", "must", "control"].filter((part) => it[/** @type {"tries"} */ (part)] === "").map((part) => `${name}.c has no ${part}`)
  }),
  ...Object.keys(special).filter((name) => !attacks.includes(name)).map((name) => `there is no ${name}.c`)
]

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(documentPath, render())
