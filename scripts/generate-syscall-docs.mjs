/**
 * Writes docs/syscalls.md from the tables in sdk/internal/seccompRules.ts.
 *
 *     node scripts/generate-syscall-docs.mjs
 *
 * A test compares the file with what this module renders, so the two cannot drift apart.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { conditionsOf, refusals, seccompRules } from "../sdk/internal/seccompRules.ts"
import { lastSyscall, syscallNumbers } from "../sdk/internal/syscalls.ts"

export const documentPath = fileURLToPath(new URL("../docs/syscalls.md", import.meta.url))

const presets = ["default", "strict", "trusted"]

const count = (preset) => {
  const numbers = new Map()
  for (const rule of seccompRules(preset, undefined)) if (rule.action === "allow") numbers.set(rule.nr, rule.args !== undefined)
  const conditional = [...numbers.values()].filter(Boolean).length
  return { allowed: numbers.size - conditional, conditional, refused: Object.keys(syscallNumbers).length - numbers.size }
}

const code = (names) => names.map((name) => `\`${name}\``).join(" ")

export const render = () => {
  const lines = [
    "<!-- Written by scripts/generate-syscall-docs.mjs from sdk/internal/seccompRules.ts. Do not edit. -->",
    "# System calls",
    "",
    "The seccomp filter of a sandbox is an allow-list over every system call of x86-64. This is what each preset refuses, what it",
    "allows only for some arguments, and why. A policy changes its preset's filter with [`syscalls`](policy.md#syscalls): `kill` beats",
    "`deny` beats `allow`.",
    "",
    "| preset | allowed | for some arguments | refused |",
    "|---|---|---|---|",
    ...presets.map((preset) => {
      const { allowed, conditional, refused } = count(preset)
      return `| \`${preset}\` | ${allowed} | ${conditional} | ${refused} |`
    }),
    "",
    `What has no rule fails with \`EPERM\`: so do calls of the foreign ABIs (i386, x32). Numbers above ${lastSyscall} (\`${Object.entries(syscallNumbers).find(([, n]) => n === lastSyscall)[0]}\`),`,
    "calls of a kernel newer than the table, fail with `ENOSYS`, so that programs take their fallback for older kernels.",
    "",
    "## Refused",
    "",
    "| what | calls | answer | refused by | why |",
    "|---|---|---|---|---|",
    ...refusals.map((r) =>
      `| ${r.title} | ${code(r.calls)} | \`${r.errno === undefined ? "EPERM" : "ENOSYS"}\` | ${r.presets === undefined ? "every preset" : code(r.presets)} | ${r.why} |`
    ),
    "",
    "## Allowed for some arguments",
    "",
    "Anything else fails with `EPERM`. Conditions look at registers, never at memory that a guest could change meanwhile, and at the low",
    "32 bits where the kernel's parameter has 32.",
    "",
    "| call | preset | allowed | why not the rest |",
    "|---|---|---|---|"
  ]
  for (const name of [...new Set(presets.flatMap((preset) => Object.keys(conditionsOf(preset))))].sort()) {
    const versions = new Map()
    for (const preset of presets) {
      const condition = conditionsOf(preset)[name]
      if (condition !== undefined) versions.set(condition, [...(versions.get(condition) ?? []), preset])
    }
    for (const [condition, by] of versions) lines.push(`| \`${name}\` | ${by.length === presets.length ? "every preset" : code(by)} | ${condition.allowed} | ${condition.why} |`)
  }
  lines.push(
    "",
    "## Allowing more",
    "",
    "`syscalls.allow` opens a call for all arguments, conditions included: `allow: [\"clone\"]` allows new user namespaces, `allow: [\"ioctl\"]`",
    "lets the guest type into a terminal it shares with you. Namespaces, Landlock and missing capabilities still stand behind the filter,",
    "but the calls refused by every preset are refused because kernels have been broken through them: allow them one by one, knowing what for.",
    ""
  )
  return lines.join("\n")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(documentPath, render())
