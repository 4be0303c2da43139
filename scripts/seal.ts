/**
 * Takes out of a compiled executable what would let the caller's environment turn it into something else. Bun's runtime
 * looks some variables up before any code of ours runs: `BUN_BE_BUN=1` makes the executable a plain `bun`, `BUN_OPTIONS`
 * and `BUN_INSPECT_PRELOAD` make it load code, `BUN_INSPECT` and `BUN_INSPECT_CONNECT_TO` open a debugger. Compile options
 * cannot switch that off, so the names are blanked in the executable: `getenv("")` finds nothing.
 *
 * The version of Bun is pinned. Should another one keep these names in another way, the build fails here, by name.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { fail } from "./host.mjs"

export const sealedVariables = ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_CONNECT_TO", "BUN_INSPECT_PRELOAD", "BUN_TCC_OPTIONS"] as const

/** Blanks the names in the file, in place. */
export const seal = (file: string): void => {
  const bytes = readFileSync(file)
  for (const name of sealedVariables) {
    const text = Buffer.from(`\0${name}\0`)
    const at = bytes.indexOf(text)
    if (at < 0 || bytes.indexOf(text, at + 1) >= 0) fail(`cannot seal ${basename(file)}: this Bun keeps the name ${name} in another way; see scripts/seal.ts`)
    bytes.fill(0, at, at + text.length)
  }
  writeFileSync(file, bytes)
}
