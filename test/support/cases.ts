/** Cases that are run twice: by a suite under Node, and under Bun by the file that holds them, as a program. */

/** Each is given the guest's program; what it says by throwing is its result. */
export type Cases = Readonly<Record<string, (guest: string) => Promise<void>>>

/** Runs all of them and prints one JSON object: "ok" or what went wrong, by name. */
export const printResults = async (cases: Cases, guest: string): Promise<never> => {
  const results: Record<string, string> = {}
  for (const [name, body] of Object.entries(cases)) {
    results[name] = await body(guest).then(() => "ok", (error: Error) => error.stack ?? String(error))
  }
  console.log(JSON.stringify(results))
  process.exit(0)
}
