/**
 * The attacks that need nothing but themselves, each under every row of the table. Each is a small C program beside this file, whose head says
 * what it tries, where that is known from and what must happen; it exits with 0 when the attack has succeeded and with 1 when it was
 * held. Each has its control: the same program succeeds without rvisor, so that a test cannot pass because the attack is broken.
 */
import { describe, expect, it } from "vitest"
import { batch, expectHeld, expectWon, HELD, possible } from "./run.ts"
import { attacks, head, type RowName, rowNames, rowsOf, special } from "./rows.ts"

const plain = attacks.filter((name) => special[name] === undefined)

describe("works without rvisor", () => {
  for (const name of plain) it(name, () => expectWon(name))
})

for (const row of rowNames.filter(possible)) {
  describe(`held: ${row}`, () => {
    const here = plain.filter((name) => rowsOf(name).includes(row))
    const shared = here.filter((name) => !head(name).alone)
    let results: ReturnType<typeof batch> | undefined
    const together = (name: RowName) => results ??= batch(name, shared)
    for (const name of shared) {
      it(name, async () => expect((await together(row)).get(name)).toMatchObject({ code: HELD, said: expect.stringContaining("held") }), 240_000)
    }
    for (const name of here.filter((each) => head(each).alone)) it(name, async () => void await expectHeld(row, name), 60_000)
  })
}
