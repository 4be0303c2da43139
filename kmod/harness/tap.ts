/**
 * What test programs say in a virtual machine, in the Test Anything Protocol as the kernel's own tests speak it
 * (Documentation/dev-tools/ktap.rst): `ok 1 - name`, `not ok 2 - name: why`, `ok 3 - name # SKIP why`, and a plan `1..3`.
 */

export interface Result {
  readonly name: string
  readonly verdict: "passed" | "failed" | "skipped"
  /** Why, where it failed or was skipped: what stands behind the name, and the lines of comment above. */
  readonly why: string
}

export interface Report {
  readonly results: ReadonlyArray<Result>
  /** How many there should have been, where that was said. */
  readonly plan: number | undefined
}

export const parse = (lines: ReadonlyArray<string>): Report => {
  const results: Array<Result> = []
  let plan: number | undefined
  let comments: Array<string> = []
  for (const line of lines) {
    const planned = /^1\.\.(\d+)\s*$/.exec(line)
    if (planned !== null) plan = Number(planned[1])
    const [, not, name = "", directive, reason = ""] = /^(not )?ok\b\s*\d*\s*-?\s*(.*?)\s*(?:#\s*(SKIP|TODO|XFAIL)\b\s*(.*))?$/i.exec(line) ?? []
    if (/^(not )?ok\b/.test(line)) {
      const verdict = directive?.toUpperCase() === "SKIP" ? "skipped" : not === undefined || directive?.toUpperCase() === "XFAIL" ? "passed" : "failed"
      results.push({ name, verdict, why: verdict === "passed" ? "" : [...comments, reason].filter((text) => text !== "").join("\n") })
      comments = []
    } else if (planned === null && line.trim() !== "") comments.push(line)
  }
  return { results, plan }
}
