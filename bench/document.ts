/** `docs/benchmarks.md` and its charts, made of results and of nothing else. */
import { chart } from "./chart.ts"
import { groups } from "./groups.ts"
import { promises } from "./promises.ts"
import type { Results, Row, Set as Measurements } from "./results.ts"
import { table } from "./table.ts"

/** What a reader of a group must know. */
const prose: Readonly<Record<string, string>> = {
  servers: "The server is inside, the client always outside, on the host's network. A server under rvisor makes no call that is mediated once it has accepted a connection. PostgreSQL runs with `fsync=off`, so that it is not the disk that is measured.",
  work: "One script in one sandbox; each task is timed by the script, so that starting the sandbox is not in it. Nothing is fetched from a network.",
  micro: "Everything on one processor. \"A filter alone\" is a seccomp filter that allows every call: what filters cannot cost less than.",
  points: "What a call costs by who answers it, as quantiles of all calls of a run. \"Untrapped\" is a sandbox whose handlers want other calls; \"steer\" is a trace point; the last row is the mechanism by itself: a process that answers a notification at once.",
  startup: "The executable is what a shell starts: a runtime, the policy, and the sandbox. A program that uses the library pays for the sandbox alone. Memory is the proportional share (PSS) where not said otherwise.",
  scale: "Threads of one guest that call at once; paths in a policy that decides each call; files that the guest has open.",
  kernel: "Not time but instructions, counted by an emulated processor: the same in every run, and ratios within one machine. [kernel-module.md](kernel-module.md) says what they mean."
}

/** Where one call takes a hundred times another. */
const logarithmic = new Set(["micro", "handlers", "unpinned", "kmod", "run"])

/** Rows that a chart shows: of quantiles the median alone. */
const drawn = (rows: ReadonlyArray<Row>): ReadonlyArray<Row> => rows.filter(({ name }) => !/, p9\d$/.test(name))

const notes = (rows: ReadonlyArray<Row>): string => {
  const reasons = new Map<string, Array<string>>()
  for (const { left, name } of rows) for (const each of left) reasons.set(`${each.name}: ${each.why}`, [...(reasons.get(`${each.name}: ${each.why}`) ?? []), name])
  const works = [...new Set(rows.map(({ work }) => work).filter((work) => work !== ""))]
  const flat = (text: string) => text.replaceAll("\n", " ").replaceAll("|", "\\|").replaceAll("<", "&lt;")
  return [
    ...(works.length === 0 ? [] : [`Each did: ${works.map(flat).join(" · ")}.`]),
    ...[...reasons].map(([reason, names]) => `Left out${names.length === rows.length ? "" : ` (${names.length === 1 ? names[0] : `${names.length} rows`})`}: ${flat(reason)}.`)
  ].map((line) => `\n${line}\n`).join("")
}

const section = (set: Measurements): string =>
  set.failed === undefined
    ? `### ${set.title}\n\n![${set.title}](benchmarks/${set.id}.svg)\n\n${table(set.rows)}\n${notes(set.rows)}`
    : `### ${set.title}\n\nNot measured here: ${set.failed.replaceAll("<", "&lt;")}\n`

const judged = (results: Results): string => {
  const lines = promises.map(({ judge, limit, what }) => {
    const found = judge(results)
    return `| ${what} | ${limit} | ${found?.found ?? "not measured here"} | ${found === undefined ? "–" : found.kept ? "kept" : "**missed**"} |`
  })
  const missed = promises.filter(({ judge, why }) => why !== undefined && judge(results)?.kept === false)
  return `| promise | limit | measured | |\n|---|---|---|---|\n${lines.join("\n")}\n${missed.map(({ what, why }) => `\nMissed, ${what}: ${why}\n`).join("")}`
}

const START = `## Where the start goes

\`rvisor run -- true\` is an executable with a JavaScript runtime that comes up, its own modules that are evaluated, a command line that is read, and the sandbox. A program
that uses the library pays for the last one only (\`Sandbox.spawn\`, above). Of 50 ms, measured with real-time priority on a machine that was busy with other things
(all of it is a fifth less on one that is quiet):

| | ms |
|---|---:|
| the runtime, with its own modules (\`node:net\`, \`node:crypto\` …) | 9 |
| our modules: Effect 2, its command line 3, schemas of policies 2, the rest | 15 |
| reading the command line | 5 |
| loading the client library, and a way to wait for descriptors | 3 |
| compiling the policy | 3.5 |
| the sentry into a memfd, and started | 2 |
| the sandbox: namespaces, mounts, filters, the program itself | 6 |
| taking it down, and leaving | 4 |

What was tried to make it less, each measured against the state before it:

- **The kernel copies the parts.** The sentry was read from the executable into the JavaScript heap and written to a memfd: 4.2 ms, and the bytes made the only garbage
  collection of a start, 2.5 ms in the middle of it. \`sendfile\` from the executable's own file takes 1.1 ms and allocates nothing. The build tells the executable where its parts lie.
- **Bun calls the client library.** koffi's native module takes 3.5 ms to be copied, linked and started; Bun's own calls into C are ready in 0.6 ms. koffi is
  loaded where a call needs a thread of its own, and by Node.
- **What a start does not use is made when it is used.** \`node:zlib\` and \`node:worker_threads\` (1.7 ms), the commands that the first word rules out (1 ms), lists
  of calls that only some policies want (1 ms). Modules that are imported on demand are no way to do that: they cannot be flattened into one with the rest, and cost more than they save.
- **Without the baseline compiler** (\`BUN_JSC_useBaselineJIT=0\`) a start takes 6 ms less, as it ends before compiled code pays. It is not done: the engine reads such settings
  from its environment only, and starting it again to set one costs 6 ms.
- **A smaller sentry** (2.3 MB, static) would save little more: copying it inside the kernel takes half a millisecond for each megabyte, and executing it reads what it touches.
`

/** Files of the document, by path in the checkout. */
export const document = (results: Results): Readonly<Record<string, string>> => {
  const { machine, sets, versions } = results
  const loads = sets.map(({ load }) => load), days = sets.map(({ measured }) => measured.slice(0, 10)).sort()
  const between = (first: string | undefined, last: string | undefined) => first === last ? first : `${first} to ${last}`
  const text = `# Benchmarks

Made by \`npm run bench -- --write\`, from [benchmarks/results.json](benchmarks/results.json), which holds every sample. Do not edit.

\`\`\`sh fragment
npm run bench -- --install              # everything, beside every peer that Debian has; about twenty minutes
npm run bench -- nginx work             # some of it
npm run bench -- --list                 # what there is
npm run bench -- --resume --write       # what is not there yet, and this document
\`\`\`

Subjects take turns, round by round, so that a slow minute slows them all. Each cell has the ratio to the first subject of the row, the median, and below it the
10th and 90th percentiles of the rounds. Who is much slower than the others is measured less often. Who did not do the same work, to the byte, is left out, and so is who failed; what each did
stands below the tables.

**Machine**: ${machine.cpus} × ${machine.processor}, ${machine.memory}; Linux ${machine.kernel}; ${machine.system}; run by ${machine.user}. Measured ${between(days[0], days.at(-1))}, with a load average of ${Math.min(...loads)} to ${Math.max(...loads)} when each set began
(${machine.cpus} is as much as the machine can do at once: above that it was busy with other things, and only ratios say anything).

| taking part | version | as |
|---|---|---|
${versions.map(({ absent, how, name, version }) => `| ${name} | ${version} | ${absent === undefined ? (how === "" ? "measured, or measuring" : `\`${how}\``) : `not here: ${absent.replaceAll("|", "\\|").replaceAll("<", "&lt;")}`} |`).join("\n")}

rvisor's policy is its default, with the network that a server needs. Peers hold less or more than it does, each by its own defaults: a filter that looks at no
argument and a kernel in user space are not the same thing. The numbers say what each costs, not what it is worth.

## What is promised

${judged(results)}
${Object.entries(groups).map(([group, { sets: order, title }]) => {
    const mine = order.flatMap((id) => sets.find((set) => set.id === id) ?? [])
    return mine.length === 0 ? "" : `## ${title}\n\n${prose[group]}\n\n${mine.map(section).join("\n")}${group === "startup" ? `\n${START}` : ""}`
  }).filter((each) => each !== "").join("\n")}`
  return {
    "docs/benchmarks.md": text,
    ...Object.fromEntries(sets.filter(({ failed, rows }) => failed === undefined && rows.length > 0).map((set) => [`docs/benchmarks/${set.id}.svg`, chart(set.title, drawn(set.rows), logarithmic.has(set.id))]))
  }
}
