import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ancestry, below, compilePattern, escapeGlob, graft, isGlob, isWithin, parsePattern, residuals } from "./globs.ts"

const matches = (text: string, path: string): boolean => {
  const written = parsePattern(text)
  return compilePattern(written, [written.prefix]).matches(path)
}

describe("patterns", () => {
  it.each(["/a/*", "/a?", "/[ab]", "/{a,b}", "**"])("%s is one", (text) => expect(isGlob(text)).toBe(true))
  it.each(["/a", "/a\\*b", "/.env", "/a b"])("%s is none", (text) => expect(isGlob(text)).toBe(false))
  it("escaped text is none, and matches itself", () => {
    fc.assert(fc.property(fc.stringMatching(/^[^/\0]{1,8}$/).filter((name) => name !== "." && name !== ".."), (name) => {
      expect(isGlob(escapeGlob(name))).toBe(false)
      expect(parsePattern(`/${escapeGlob(name)}/*`).prefix).toBe(`/${name}`)
      expect(matches(`/${escapeGlob(name)}/*`, `/${name}/x`)).toBe(true)
    }))
  })

  it.each([
    ["/p/**/.env", "/p/.env", true], ["/p/**/.env", "/p/a/.b/.env", true], ["/p/**/.env", "/q/.env", false], ["/p/*.key", "/p/.key", true],
    ["/p/*.key", "/p/a/x.key", false], ["/p/{a,b/c}", "/p/b/c", true], ["/p/[!a]x", "/p/bx", true], ["/p/[!a]x", "/p/ax", false], ["/**", "/any/thing", true]
  ])("%s and %s: %s", (text, path, expected) => expect(matches(text, path)).toBe(expected))

  it("know how deep a match can lie", () => {
    const depth = (text: string) => compilePattern(parsePattern(text), [parsePattern(text).prefix]).depth
    expect(depth("/p/*/x")).toBe(3)
    expect(depth("/p/**/x")).toBeUndefined()
    expect(depth("/p/{a,b/c}")).toBeUndefined()
  })
})

describe("paths", () => {
  it("lie within a directory by whole names", () => {
    expect(isWithin("/a/b", "/a")).toBe(true)
    expect(isWithin("/ab", "/a")).toBe(false)
    expect(isWithin("/a", "/")).toBe(true)
  })
  it("are put together again", () => {
    const path = fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 3 }).map((names) => `/${names.join("/")}`)
    fc.assert(fc.property(path, path, (directory, rest) => {
      const whole = graft(directory, rest === "/" ? "" : rest)
      expect(isWithin(whole, directory)).toBe(true)
      expect(graft(directory, below(whole, directory))).toBe(whole)
    }))
  })
  it("have ancestors", () => expect(ancestry("/a/b/c")).toEqual(["/a/b/c", "/a/b", "/a"]))
})

describe("what is left of a pattern beneath a directory", () => {
  it.each([
    ["*/x/.env", ["a"], ["x/.env"]],
    ["*/x/.env", ["a", "x"], [".env"]],
    ["*/x/.env", ["a", "y"], []],
    ["**/.env", ["a", "b"], ["**/.env"]],
    ["a/**/b", ["a", "b", "c"], ["**/b", ""]],
    ["a", ["a", "b"], [""]],
    ["{a,b}/x", ["b"], ["x"]],
    ["{a/b,c}/x/y", ["a", "b"], ["**/y", "**/x/y"]]
  ])("%s beneath %j", (pattern, names, left) => {
    const found = residuals(pattern.split("/"), names).map((segments) => segments.join("/"))
    if (pattern.startsWith("{a/")) expect(left).toEqual(expect.arrayContaining(found))
    else expect(new Set(found)).toEqual(new Set(left))
  })

  it("matches beneath it what the pattern matches", () => {
    const segment = fc.constantFrom("a", "b", "*", "**", "?", "[ab]", "{a,b}")
    const name = fc.constantFrom("a", "b", "ab")
    fc.assert(fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.array(name, { minLength: 1, maxLength: 3 }), fc.array(name, { minLength: 1, maxLength: 3 }), (segments, above, rest) => {
      const whole = matches(`/${segments.join("/")}`, `/${[...above, ...rest].join("/")}`)
      const left = residuals(segments, above)
      // One that is used up has matched a directory above, and with it everything beneath.
      if (whole) expect(left.some((each) => each.length === 0 || matches(`/${each.join("/")}`, `/${rest.join("/")}`))).toBe(true)
      const over = left.some((each) => each.length > 0 && matches(`/${each.join("/")}`, `/${rest.join("/")}`))
      if (over) expect(whole).toBe(true)
    }))
  })
})
