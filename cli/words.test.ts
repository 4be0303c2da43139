import type { FlagDescriptor } from "effect/cli/Completions"
import { describe, expect, it } from "vitest"
import { divide } from "./words.ts"

const flag = (name: string, type: "Boolean" | "String", aliases: ReadonlyArray<string> = [], optionalValue = false): FlagDescriptor => ({ name, aliases, description: undefined, type: { _tag: type }, optionalValue })
const flags = [flag("read", "String"), flag("env", "String", ["e"]), flag("tty", "Boolean", ["t"]), flag("json", "String", [], true)]
const of = (text: string) => {
  const { own, command } = divide(text === "" ? [] : text.split(" "), flags)
  return [own.join(" "), command.join(" ")]
}

describe("where flags end", () => {
  it.each([
    ["", "", ""],
    ["ls", "", "ls"],
    ["ls -l --read", "", "ls -l --read"],
    ["--read /srv ls -l", "--read /srv", "ls -l"],
    ["--read=/srv ls", "--read=/srv", "ls"],
    ["-e A=1 ls", "-e A=1", "ls"],
    ["-te A=1 ls", "-te A=1", "ls"],
    // A value may stand directly behind its letter.
    ["-eA=1 ls", "-e A=1", "ls"],
    ["-teA=1 ls -l", "-te A=1", "ls -l"],
    ["-e=A ls", "-e A", "ls"],
    // A switch takes nothing: `true` is a command here, not a value.
    ["-t true", "-t", "true"],
    ["--json ls", "--json", "ls"],
    ["--json=x ls", "--json=x", "ls"],
    ["-- --read", "", "--read"],
    ["--tty -- -- x", "--tty", "-- x"],
    // Faulty words are left for the parser to name.
    ["--reed /srv", "--reed", "/srv"],
    ["--read", "--read", ""],
    ["- x", "", "- x"]
  ])("%s", (words, own, command) => expect(of(words)).toEqual([own, command]))
})
