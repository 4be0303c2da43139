/**
 * As much of vitest as the suites that run inside virtual machines use, so that one file holds a suite with all that it needs: a processor
 * that is emulated takes minutes to start vitest itself. Results are printed as the machine's other test programs print theirs. Limits
 * of time are multiplied by RVISOR_TEST_FACTOR. RVISOR_TEST_NAMES, a list in JSON, names the tests to run by words that their names contain.
 */
import { isDeepStrictEqual, inspect } from "node:util"

type Body = () => unknown
interface Options {
  readonly timeout?: number
}
interface Test {
  readonly name: string
  readonly body: Body
  readonly limit: number
}
interface Group {
  readonly name: string
  readonly before: Array<Test>
  readonly after: Array<Body>
  readonly parts: Array<Group | Test>
}

const factor = Number(process.env["RVISOR_TEST_FACTOR"] ?? "1")
/** Milliseconds, as in vitest.config.ts. */
const TEST = 30_000, HOOK = 60_000

const group = (name: string): Group => ({ name, before: [], after: [], parts: [] })
const whole = group("")
let current = whole

const limitOf = (given: number | Options | undefined, otherwise: number): number => factor * ((typeof given === "object" ? given.timeout : given) ?? otherwise)

export const it = Object.assign(
  (name: string, body: Body, limit?: number | Options): void => void current.parts.push({ name, body, limit: limitOf(limit, TEST) }),
  {
    runIf: (condition: unknown) => (name: string, body: Body, limit?: number | Options): void => condition ? it(name, body, limit) : undefined,
    each: <A>(rows: ReadonlyArray<A>) => (name: string, body: (...row: ReadonlyArray<never>) => unknown, limit?: number | Options): void =>
      rows.forEach((row) => it(titled(name, row), () => body(...(Array.isArray(row) ? row : [row]) as ReadonlyArray<never>), limit))
  }
)

/** `%s`, `%i`, `%j` and `%o` stand for the row's values, in turn. */
const titled = (name: string, row: unknown): string => {
  const values = Array.isArray(row) ? [...row] : [row]
  return name.replace(/%[sijo]/g, () => String(values.shift()))
}

export const describe = Object.assign(
  (name: string, body: () => void): void => {
    const outer = current, inner = group(name)
    outer.parts.push(inner)
    current = inner
    body()
    current = outer
  },
  {
    runIf: (condition: unknown) => (name: string, body: () => void): void => condition ? describe(name, body) : undefined,
    each: <A>(rows: ReadonlyArray<A>) => (name: string, body: (...row: ReadonlyArray<never>) => void): void =>
      rows.forEach((row) => describe(titled(name, row), () => body(...(Array.isArray(row) ? row : [row]) as ReadonlyArray<never>)))
  }
)

export const beforeAll = (body: Body, limit?: number): void => void current.before.push({ name: "before", body, limit: limitOf(limit, HOOK) })
export const afterAll = (body: Body): void => void current.after.push(body)

// ------------------------------------------------------------------------------------------------------ expectations

/** Stands for many values. */
class Some {
  readonly name: string
  readonly holds: (value: unknown) => boolean
  constructor(name: string, holds: (value: unknown) => boolean) {
    this.name = name
    this.holds = holds
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null

/** `partly`: the expected object may lack keys of the other, at any depth. A key that is undefined is as good as none. */
const equal = (got: unknown, wanted: unknown, partly: boolean): boolean => {
  if (wanted instanceof Some) return wanted.holds(got)
  if (Array.isArray(wanted)) return Array.isArray(got) && got.length === wanted.length && wanted.every((each, index) => equal(got[index], each, partly))
  if (!isObject(wanted) || !isObject(got) || [Map, Set, RegExp, Date, Uint8Array].some((type) => wanted instanceof type)) return isDeepStrictEqual(got, wanted)
  const keys = Object.keys(partly ? wanted : { ...got, ...wanted })
  return keys.every((key) => equal(got[key], wanted[key], partly))
}

const contains = (got: unknown, wanted: unknown): boolean =>
  typeof got === "string" ? got.includes(String(wanted)) : [...got as Iterable<unknown>].includes(wanted)

const matchers = {
  toBe: (got: unknown, wanted: unknown) => Object.is(got, wanted),
  toEqual: (got: unknown, wanted: unknown) => equal(got, wanted, false),
  toMatchObject: (got: unknown, wanted: unknown) => equal(got, wanted, true),
  toContain: contains,
  toHaveLength: (got: unknown, wanted: unknown) => (got as ArrayLike<unknown>).length === wanted,
  toMatch: (got: unknown, wanted: unknown) => typeof got === "string" && (wanted instanceof RegExp ? wanted.test(got) : got.includes(String(wanted))),
  toBeUndefined: (got: unknown) => got === undefined,
  toBeGreaterThan: (got: unknown, wanted: unknown) => (got as number) > (wanted as number),
  toBeGreaterThanOrEqual: (got: unknown, wanted: unknown) => (got as number) >= (wanted as number),
  toBeLessThan: (got: unknown, wanted: unknown) => (got as number) < (wanted as number),
  toBeLessThanOrEqual: (got: unknown, wanted: unknown) => (got as number) <= (wanted as number),
  toThrow: (got: unknown, wanted?: unknown) => {
    try {
      ;(got as Body)()
      return false
    } catch (error) {
      return wanted === undefined || String(error).match(wanted as string | RegExp) !== null
    }
  }
}
type Matchers = { readonly [K in keyof typeof matchers]: (wanted?: unknown) => void }

const expecting = (got: unknown, message: string | undefined, negated: boolean): Matchers =>
  Object.fromEntries(Object.entries(matchers).map(([name, holds]) => [name, (wanted?: unknown) => {
    if (holds(got, wanted) !== negated) return
    const show = (value: unknown): string => inspect(value, { depth: 8, maxStringLength: 2000, breakLength: 160 })
    throw new Error(`${message === undefined ? "" : `${message}: `}expected ${show(got)} ${negated ? "not " : ""}${name} ${show(wanted)}`)
  }])) as unknown as Matchers

export const expect = Object.assign(
  (got: unknown, message?: string): Matchers & { readonly not: Matchers } => ({ ...expecting(got, message, false), not: expecting(got, message, true) }),
  {
    objectContaining: (wanted: object) => new Some("objectContaining", (got) => isObject(got) && equal(got, wanted, true)),
    stringContaining: (wanted: string) => new Some("stringContaining", (got) => typeof got === "string" && got.includes(wanted)),
    arrayContaining: (wanted: ReadonlyArray<unknown>) => new Some("arrayContaining", (got) => Array.isArray(got) && wanted.every((each) => got.some((one) => equal(one, each, false)))),
    any: (type: abstract new(...args: ReadonlyArray<never>) => unknown) => new Some("any", (got) => Object(got) instanceof type)
  }
)

// --------------------------------------------------------------------------------------------------------- the run

let count = 0
const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ⏎ ").replaceAll("#", "＃")

const told = (name: string, error?: unknown): void => {
  if (error !== undefined) for (const line of String((error as Error).stack ?? error).split("\n").slice(0, 12)) console.log(`# ${line}`)
  console.log(`${error === undefined ? "ok" : "not ok"} ${++count} - ${oneLine(name)}`)
}

/** What a test throws, or that it takes too long. */
const outcome = async ({ body, limit }: Test): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Error>((resolve) => timer = setTimeout(() => resolve(new Error(`it took longer than ${limit} ms`)), limit))
  try {
    return await Promise.race([(async () => void await body())(), late])
  } catch (error) {
    return error ?? new Error("it threw nothing")
  } finally {
    clearTimeout(timer)
  }
}

const names = JSON.parse(process.env["RVISOR_TEST_NAMES"] ?? "[]") as ReadonlyArray<string>
const wanted = (name: string): boolean => names.length === 0 || names.some((word) => name.includes(word))
const within = (path: string, name: string): string => path === "" ? name : `${path} › ${name}`

/** Whether a group has a test to run: what nothing needs is not prepared. */
const hasWanted = (of: Group, path: string): boolean =>
  of.parts.some((part) => "parts" in part ? hasWanted(part, within(path, part.name)) : wanted(within(path, part.name)))

const runGroup = async (of: Group, path: string, broken?: unknown): Promise<void> => {
  if (!hasWanted(of, path)) return
  let fault = broken
  for (const before of of.before) fault ??= await outcome(before)
  for (const part of of.parts) {
    const name = within(path, part.name)
    if ("parts" in part) await runGroup(part, name, fault)
    else if (wanted(name)) told(name, fault ?? await outcome(part))
  }
  for (const after of of.after) await after()
}

/** Once the suite has described all. */
const runAll = async (): Promise<never> => {
  await runGroup(whole, "")
  if (count === 0 && names.length > 0) console.log(`ok ${++count} - no test of these names # SKIP`)
  console.log(`1..${count}`)
  process.exit(0)
}
setImmediate(() => void runAll())
