#!/usr/bin/env node
/**
 * The executable. One file serves several programs, told apart by the name they are started with (a link, or `argv[0]`): add a
 * program's name and its module here. Any other name is `rvisor`.
 */
import { basename } from "node:path"

interface Program {
  /** Runs with the words behind the program's name; resolves to the exit code. */
  readonly main: (argv: ReadonlyArray<string>) => Promise<number>
}

const rvisor = (): Promise<Program> => import("./rvisor.ts")

const programs: Readonly<Record<string, () => Promise<Program>>> = { rvisor }

const { main } = await (programs[basename(process.argv0)] ?? rvisor)()

process.exit(await main(process.argv.slice(2)))
