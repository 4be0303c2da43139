#!/usr/bin/env node
/**
 * The executable. One file serves several programs, told apart by the name they are started with (a link, or `argv[0]`): add a
 * program's name and its module here. Any other name is `rvisor`.
 */
import { basename } from "node:path"
import * as rvisor from "./rvisor.ts"

interface Program {
  /** Runs with the words behind the program's name; resolves to the exit code. */
  readonly main: (argv: ReadonlyArray<string>) => Promise<number>
}

const programs: Readonly<Record<string, Program>> = { rvisor }

process.exit(await (programs[basename(process.argv0)] ?? rvisor).main(process.argv.slice(2)))
