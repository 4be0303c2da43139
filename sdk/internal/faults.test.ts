import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dotted, editDistance, nearest, suggest } from "./faults.ts"

describe("edit distance", () => {
  it.each([["", "", 0], ["a", "", 1], ["memory", "memroy", 1], ["read", "reed", 1], ["kitten", "sitting", 3], ["abc", "xyz", 3]])("of %j and %j is %d", (a, b, n) =>
    expect(editDistance(a, b)).toBe(n)
  )

  it("is symmetric, and zero for equals only", () => {
    fc.assert(fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b) === 0).toBe(a === b)
    }))
  })
})

describe("suggestions", () => {
  it("finds a misspelt word, whatever its case and hyphens", () => {
    expect(nearest("memroy", ["memory", "output"])).toBe("memory")
    expect(nearest("wall-time", ["cpuTime", "wallTime"])).toBe("wallTime")
    expect(nearest("OpenFile", ["openFiles"])).toBe("openFiles")
  })
  it("keeps silent about a word that resembles none", () => expect(nearest("colour", ["read", "write"])).toBeUndefined())
  it("lists a few choices where nothing is near", () => expect(suggest("x", ["none", "host"])).toBe("one of `none`, `host`"))
})

it("paths are dotted", () => expect(dotted(["filesystem", "read", 2, "path"])).toBe("filesystem.read[2].path"))
it("keys that are no identifiers are quoted", () => expect(dotted(["environment", "set", "A=B"])).toBe("environment.set[\"A=B\"]"))
