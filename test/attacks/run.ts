/**
 * How the attacks are run: compiled when they are first wanted, by themselves without rvisor (the control), and as guests under
 * a row of the table.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync } from "node:fs"
import { basename, join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import { expect } from "vitest"
import * as Policy from "../../sdk/Policy.ts"
import * as SyscallHandler from "../../sdk/SyscallHandler.ts"
import * as Verdict from "../../sdk/Verdict.ts"
import type { Options } from "../../sdk/Command.ts"
import { compileSupport } from "../support/compile.ts"
import { run, scratch } from "../support/sandbox.ts"
import { slowness } from "../support/slowness.ts"
import { head, type Row, type RowName, rows } from "./rows.ts"

export const WON = 0, HELD = 1
export const isRoot = process.getuid!() === 0

/** Everybody may enter it. */
export const directory = scratch()
export const programs = join(directory, "programs")
mkdirSync(programs)
chmodSync(directory, 0o755)

const compiled = new Set<string>()

/** The path of an attack's program. `options` are the compiler's. */
export const program = (name: string, ...options: ReadonlyArray<string>): string => {
  const output = join(programs, [name, ...options].join(""))
  if (!compiled.has(output)) {
    execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread", ...options, "-o", output, join(import.meta.dirname, `${name}.c`)], { stdio: ["ignore", "inherit", "inherit"] })
    compiled.add(output)
  }
  return output
}

const wrapper = (name: string): string => {
  const output = join(directory, name)
  if (!compiled.has(output)) compiled.add(compileSupport(name, directory))
  return output
}

/** Seeds the schedules of the races; printed with what failed. */
export const SEED = process.env["RVISOR_TEST_SEED"] ?? String(Date.now() % 1e9)
process.env["RVISOR_TEST_SEED"] = SEED

export interface Native {
  readonly code: number | null
  readonly said: string
}

/** Runs a program without rvisor. */
export const native = (argv: ReadonlyArray<string>, options: { stdio?: Array<"ignore" | "pipe" | number>; input?: string; timeout?: number } = {}): Native => {
  const result = spawnSync(argv[0]!, argv.slice(1), { encoding: "utf8", ...options, timeout: slowness * (options.timeout ?? 20_000) })
  return { code: result.status, said: `${result.stdout}${result.stderr}` }
}

/** Namespaces of its own, in which it is root, as a container's program often is. */
const CONTAINER = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork"]

/** Shows that an attack works where nothing holds it. */
export const expectWon = (name: string, args: ReadonlyArray<string> = [], options: Parameters<typeof native>[1] = {}): void => {
  const { control } = head(name)
  if (control.startsWith("root") && !isRoot) return
  const prefix = control.startsWith("container") ? CONTAINER : []
  const words = args.length === 0 && control.includes("victim") ? ["victim"] : args
  expect(native([...prefix, program(name), ...words], options)).toMatchObject({ code: WON })
}

/** Lays `input` over a policy that lets the guest read the programs. */
export const policy = (input: Policy.PolicyInput = {}): Policy.Policy<never> =>
  Policy.make({ ...input, filesystem: { ...input.filesystem, read: [programs, ...(input.filesystem?.read ?? [])] } })

/** A handler that changes nothing, and cannot do without a tracer. */
export const tracing = SyscallHandler.make("getpgid", { power: "steer" }, () => Effect.succeed(Verdict.continue))

/** What a row and an attack's own policy come to. */
export const inputOf = (row: Row, input: Policy.PolicyInput): Policy.PolicyInput => ({
  ...row.policy, ...input,
  filesystem: { ...row.policy.filesystem, ...input.filesystem, read: [programs, ...(input.filesystem?.read ?? [])] }
})

export interface Guest {
  readonly code: number | undefined
  readonly said: string
  readonly end: string
}

/** Runs a command as a guest under a row, with the attack's own policy laid over it. */
export const guest = async (name: RowName, argv: ReadonlyArray<string>, input: Policy.PolicyInput = {}, options: Options = {}): Promise<Guest> => {
  const row: Row = rows[name]
  const laid = inputOf(row, input)
  if (row.within === undefined) {
    const applied = row.traced === true ? Policy.handlers(Policy.make(laid), tracing) : Policy.make(laid)
    const { code, outcome, stderr, stdout } = await run(argv, applied, { ...options, env: { RVISOR_TEST_SEED: SEED, ...options.env } })
    return { code, said: stdout + stderr, end: outcome._tag }
  }
  const request = { argv, policy: laid, env: { RVISOR_TEST_SEED: SEED }, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) }
  const { stdout } = await promisify(execFile)(wrapper(row.within), [process.execPath, join(import.meta.dirname, "../support/one.ts"), JSON.stringify(request)], { maxBuffer: 1 << 24 })
  const answer = JSON.parse(stdout) as { readonly error?: { readonly message: string }; readonly outcome: { readonly _tag: string; readonly code?: number }; readonly stdout: string; readonly stderr: string; readonly layers: ReadonlyArray<string> }
  if (answer.error !== undefined) throw new Error(answer.error.message)
  if (row.within === "unnotified") expect(answer.layers).not.toContain("notify")
  return { code: answer.outcome.code, said: answer.stdout + answer.stderr, end: answer.outcome._tag }
}

/** Runs an attack as a guest under a row: it must have been tried, and held. */
export const expectHeld = async (row: RowName, name: string, args: ReadonlyArray<string> = [], input: Policy.PolicyInput = {}, options: Options = {}): Promise<string> => {
  const result = await guest(row, [program(name), ...args], input, options)
  expect(result, `seed ${SEED}`).toMatchObject({ code: HELD, said: expect.stringContaining("held") })
  return result.said
}

/** Rows that this user can have. */
export const possible = (name: RowName): boolean => (rows[name] as Row).controlGroups !== true || isRoot

/** Runs several programs in one guest, one after the other; what each exited with. */
export const batch = async (row: RowName, names: ReadonlyArray<string>): Promise<ReadonlyMap<string, { readonly code: number; readonly said: string }>> => {
  const script = `for each; do said=$(timeout --kill-after=1 ${20 * slowness} "$each" 2>&1); echo "=$? \${each##*/} $said"; done`
  const { end, said } = await guest(row, ["sh", "-c", script, "sh", ...names.map((name) => program(name))], {}, { stdin: "ignore" })
  const results = new Map<string, { code: number; said: string }>()
  for (const part of said.split(/^=/m).slice(1)) {
    const [, code, name, text] = /^(\d+) (\S+) ([\s\S]*)$/.exec(part) ?? []
    if (name !== undefined) results.set(basename(name), { code: Number(code), said: text!.trim() })
  }
  for (const name of names) if (!results.has(name)) results.set(name, { code: -1, said: `did not end: the guest was ${end}` })
  return results
}
