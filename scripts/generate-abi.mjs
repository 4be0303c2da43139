/**
 * Writes the constants and the record layouts of two headers of native/core: sdk/internal/decision/format.ts from rv_abi.h, and
 * sdk/internal/ring/format.ts from rv_ring.h.
 *
 *     node scripts/generate-abi.mjs [--check]
 *
 * Names come from the header's text, values and offsets from the C compiler (`CC`, or cc): nothing is typed by hand.
 * `--check` writes nothing and fails if a file is not up to date.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const generate = (name, prefix, target, title) => {
  const source = readFileSync(join(root, "native/core", name), "utf8")
  const constants = [...source.matchAll(/^#define (RV_[A-Z0-9_]+) (?!offsetof)\S/gm)]
    .map((match) => match[1])
    .filter((name) => name.startsWith(prefix) && !name.startsWith("RV_PIN") && name !== "RV_ASSERT")
  const structs = [...source.matchAll(/^struct (rv_\w+) \{\n([\s\S]*?)^\};/gm)].map(([, name, body]) => ({
    name,
    fields: [...body.matchAll(/^\t(?:u?int\d+_t|struct rv_\w+) (\w+)(\[\d+\])?;/gm)].map((field) => field[1])
  }))

  const program = `#include <stdio.h>
#include "${name}"
int main(void)
{
${constants.map((name) => `  printf("c ${name} %llu\\n", (unsigned long long)${name});`).join("\n")}
${
  structs.map(({ name, fields }) =>
    `  printf("s ${name} %zu\\n", sizeof(struct ${name}));\n` +
    fields.map((field) => `  printf("f ${field} %zu %zu\\n", offsetof(struct ${name}, ${field}), sizeof(((struct ${name} *)0)->${field}));`).join("\n")
  ).join("\n")
}
  return 0;
}
`

  const directory = mkdtempSync(join(tmpdir(), "rvisor-abi-"))
  let lines
  try {
    writeFileSync(join(directory, "abi.c"), program)
    execFileSync(process.env.CC ?? "cc", ["-std=c11", "-I", join(root, "native/core"), "-o", join(directory, "abi"), join(directory, "abi.c")], { stdio: "inherit" })
    lines = execFileSync(join(directory, "abi"), { encoding: "utf8" }).trim().split("\n")
  } finally {
    rmSync(directory, { recursive: true })
  }

  const values = []
  const layouts = []
  for (const line of lines) {
    const [kind, name, ...numbers] = line.split(" ")
    if (kind === "c") values.push(`  ${name.slice(prefix.length)}: ${Number(numbers[0]) > 0xffff ? `0x${Number(numbers[0]).toString(16)}` : numbers[0]}`)
    if (kind === "s") layouts.push({ name: name.slice(3), size: numbers[0], fields: [] })
    if (kind === "f") layouts.at(-1).fields.push(`    ${name}: { at: ${numbers[0]}, bytes: ${numbers[1]} }`)
  }

  const text = `/**
 * ${title}: constants and record layouts. Generated from native/core/${name}, which documents
 * them, by scripts/generate-abi.mjs; do not edit.
 */

/** \`${prefix}…\` of the header. */
export const ${prefix.slice(0, -1)} = {
${values.join(",\n")}
} as const

/** Where a field of a record stands, in bytes. */
export interface Field {
  readonly at: number
  readonly bytes: number
}

/** \`struct rv_…\` of the header. */
export const records = {
${layouts.map(({ name, size, fields }) => `  ${name}: {\n    SIZE: ${size},\n${fields.join(",\n")}\n  }`).join(",\n")}
} as const
`

  if (!process.argv.includes("--check")) writeFileSync(join(root, target), text)
  else if (readFileSync(join(root, target), "utf8") !== text) {
    console.error(`${target} is out of date: run scripts/generate-abi.mjs`)
    process.exitCode = 1
  }
}

generate("rv_abi.h", "RV_", "sdk/internal/decision/format.ts", "The binary form of a compiled policy")
generate("rv_ring.h", "RV_RING_", "sdk/internal/ring/format.ts", "The ring between a sandbox and its handlers")
