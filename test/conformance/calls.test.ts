/**
 * `filesystem.decide: "calls"`: what is denied stays denied for names that appear during the run, by every call that names a file and by
 * every way to name it, and what is granted works as it does without rvisor.
 */
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Deferred, Effect, Fiber, Result, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import { compile } from "../../sdk/internal/compile.ts"
import { undecidedCalls } from "../../sdk/internal/decisions.ts"
import { pathArguments, safetyClass } from "../../sdk/internal/syscall/classes.ts"
import { syscallNumbers, type SyscallName } from "../../sdk/internal/syscalls.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import type { Violation } from "../../sdk/Violation.ts"
import { run, scratch } from "../support/sandbox.ts"
import { text } from "../support/stream.ts"

const EACCES = 13, ENOSYS = 38
const directory = scratch()
const programs = join(directory, "programs")
const paths = join(programs, "paths"), one = join(programs, "one")

beforeAll(() => {
  mkdirSync(programs)
  chmodSync(directory, 0o755)
  execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-o", paths, fileURLToPath(new URL("../support/paths.c", import.meta.url))], { stdio: "inherit" })
  writeFileSync(join(programs, "one.c"), `
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) { errno = 0; syscall(atol(argv[1]), 0, argc > 2 ? argv[2] : 0, 0, 0, 0, 0); printf("%d\\n", errno); }`)
  execFileSync("gcc", ["-O1", "-o", one, join(programs, "one.c")])
}, 60_000)

let made = 0
const tree = (): string => {
  const path = join(directory, `tree-${made++}`)
  mkdirSync(path)
  chmodSync(path, 0o777)
  return path
}

const policy = (tree: string, more: Policy.PolicyInput["filesystem"] = {}) =>
  Policy.make({ filesystem: { read: [programs], write: [tree], deny: [join(tree, "**/.env*")], decide: "calls", ...more } })

interface Told {
  readonly lines: ReadonlyArray<string>
  readonly violations: ReadonlyArray<Violation>
}

/** Runs a command that says `waits`, does something outside, lets it go on, and collects what it then says. */
const during = (argv: readonly [string, ...Array<string>], applied: Policy.Policy, outside: () => void): Promise<Told> =>
  Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.make(...argv), applied)
    const violations = yield* Effect.forkScoped(Stream.runCollect(sandbox.violations))
    const waits = yield* Deferred.make<void>()
    const said = yield* Effect.forkScoped(text(sandbox.stdout.pipe(Stream.tap(() => Deferred.succeed(waits, undefined)))))
    // What it says first is that it waits; how long that takes depends on the machine.
    yield* Effect.race(Deferred.await(waits), sandbox.exit)
    outside()
    yield* Stream.make(new TextEncoder().encode("go\n")).pipe(Stream.run(sandbox.stdin))
    yield* sandbox.exit
    return { lines: (yield* Fiber.join(said)).trim().split("\n").slice(1), violations: yield* Fiber.join(violations) }
  }).pipe(Effect.scoped, Effect.runPromise)

/** A datagram socket of the host's. */
const serve = async (path: string): Promise<() => void> => {
  const child = spawn(paths, ["serve", path], { stdio: ["pipe", "pipe", "inherit"] })
  await new Promise((resolve) => child.stdout.once("data", resolve))
  return () => void child.stdin.end()
}

const decided = (Object.keys(syscallNumbers) as ReadonlyArray<SyscallName>).filter((name) => pathArguments(name).length > 0 && safetyClass(name) === "behalf")
const sockets = ["bind", "connect", "sendto", "sendmsg", "sendmmsg"]

describe("a name that appears during the run", () => {
  it("is refused by every call, with the rule that denies it; one that is granted is not", async () => {
    const path = tree()
    const files = () => {
      for (const name of [".env", "plain"]) {
        writeFileSync(join(path, name), "TREASURE\n")
        chmodSync(join(path, name), 0o666)
      }
    }
    const close = await serve(join(path, ".env-sock")), closeOther = await serve(join(path, "plain-sock"))
    const denied = await during([paths, path, ".env"], policy(path), files)
    expect(readFileSync(join(path, ".env"), "utf8")).toBe("TREASURE\n")
    expect(readdirSync(path).sort()).toEqual([".env", ".env-sock", "alias", "other", "plain", "plain-sock"])
    const granted = await during([paths, path, "plain"], policy(path), files)
    close()
    closeOther()
    expect(new Set(denied.lines.map((line) => line.split(" ")[0]!))).toEqual(new Set([...decided, ...sockets]))
    expect(denied.lines.filter((line) => !line.endsWith(` ${EACCES}`))).toEqual([])
    expect(granted.lines.filter((line) => line.endsWith(` ${EACCES}`))).toEqual([])
    // The same program without rvisor ends each call alike.
    writeFileSync(join(path, "plain"), "TREASURE\n")
    const native = await new Promise<string>((resolve) => {
      const child = spawn(paths, [path, "plain"], { stdio: ["pipe", "pipe", "inherit"] })
      let said = ""
      child.stdout.on("data", (data: Buffer) => said += data)
      child.on("close", () => resolve(said))
      child.stdin.end("go\n")
    })
    const socketless = (lines: ReadonlyArray<string>) => lines.filter((line) => !["sendto", "sendmsg", "sendmmsg", "connect"].includes(line.split(" ")[0]!))
    expect(socketless(granted.lines)).toEqual(socketless(native.trim().split("\n").slice(1)))
    expect(denied.violations.length).toBeGreaterThan(50)
    for (const violation of denied.violations) {
      expect(violation).toMatchObject({ errno: "EACCES", rule: "filesystem.deny[0]", remedy: "take it out of filesystem.deny" })
      expect(violation.path).toMatch(/\/tree-\d+\/\.env(?:-new|-sock)?$/)
    }
    expect(granted.violations).toEqual([])
  }, 60_000)

  it("is refused by every call also where the directory was renamed, here or outside, since it was opened", async () => {
    const path = tree()
    mkdirSync(join(path, "d"))
    chmodSync(join(path, "d"), 0o777)
    const script = `exec 3< d; mv d e; echo waits; read line; cat e/.env; cat /proc/self/fd/3/.env; cd /proc/self/fd/3 && cat .env; cat plain`
    const { lines, violations } = await during(["sh", "-c", `cd '${path}' && ${script}`], policy(path), () => {
      for (const name of [".env", "plain"]) writeFileSync(join(path, "e", name), name === "plain" ? "public\n" : "TREASURE\n")
      renameSync(join(path, "e"), join(path, "f"))
    })
    expect(lines).toEqual(["public"])
    expect(violations.map((violation) => violation.path)).toEqual([`${path}/f/.env`, `${path}/f/.env`])
  })
})

describe("directories that move", () => {
  const attempt = async (script: string, deny: (path: string) => ReadonlyArray<string>) => {
    const path = tree()
    const result = await run(["sh", "-c", `cd '${path}' && ${script}`], policy(path, { deny: deny(path).map((name) => ({ path: name, optional: true })) }))
    return { ...result, path }
  }

  it("one without a denied name in it moves, under a pattern that could match beneath it", async () => {
    expect(await attempt("mkdir -p a/b && touch a/b/x && mv a c && ls c/b", (path) => [join(path, "**/.env")])).toMatchObject({ code: 0, stdout: "x\n" })
  })

  it("one with a denied name in it does not move, nor is it exchanged", async () => {
    const path = tree()
    mkdirSync(join(path, "a/b"), { recursive: true })
    for (const each of ["a", "a/b"]) chmodSync(join(path, each), 0o777)
    const applied = policy(path)
    const { lines, violations } = await during(
      ["sh", "-c", `cd '${path}' && mkdir -p z && echo waits && read line; mv -T a c; mv a z/; python3 -c 'import ctypes; print(ctypes.CDLL(None, use_errno=True).renameat2(-100, b"z", -100, b"a", 2))'; ls`],
      applied,
      () => writeFileSync(join(path, "a/b/.env"), "TREASURE\n")
    )
    expect(lines).toEqual(["-1", "a", "z"])
    expect(existsSync(join(path, "a/b/.env"))).toBe(true)
    expect(new Set(violations.map((violation) => violation.path))).toContain(`${path}/a/b/.env`)
  })

  it("one does not come to lie where a name in it is denied", async () => {
    const result = await attempt("mkdir -p x/hooks && echo evil > x/hooks/run && mv -T x repo; ls; cat repo/hooks/run", (path) => [join(path, "repo/hooks")])
    expect(result).toMatchObject({ stdout: "x\n" })
  })

  it("a name that is too long to be told is refused, not let through", async () => {
    const long = "d".repeat(250)
    const script = `python3 -c '
import os
os.chdir(os.getcwd())
for i in range(20):
  try: os.mkdir("${long}")
  except OSError as e: print("mkdir", e.errno); break
  os.chdir("${long}")
try:
  os.open(".env", os.O_CREAT | os.O_RDWR); print("made")
except OSError as e: print("open", e.errno)'`
    const { stdout } = await attempt(script, (path) => [join(path, "**/.env")])
    expect(stdout).toBe("mkdir 13\nopen 13\n")
  })
})

describe("rules", () => {
  it("say why a write is refused, and what would allow it", async () => {
    const path = tree()
    const { violations } = await during(["sh", "-c", "echo waits; read line; echo x > /usr/here; mkdir -p /usr/lib; echo y > /tmp/ok"], policy(path), () => {})
    expect(violations.map(({ errno, path, remedy, rule, syscall }) => ({ errno, path, remedy, rule, syscall }))).toEqual([
      { errno: "EACCES", path: "/usr/here", remedy: "filesystem.write: [\"/usr/here\"], or the directory it is in", rule: "filesystem", syscall: "openat" }
    ])
  })

  it("hold under the guest's name of a directory that has another on the host", async () => {
    const path = tree()
    const applied = Policy.make({ filesystem: { write: [{ path, as: "/data" }], deny: [join(directory, "*/sub/**/*.key"), join(path, "*.pem")], decide: "calls" } })
    const { lines } = await during(["sh", "-c", "mkdir -p /data/sub/x; echo waits; read line; for f in /data/sub/x/a.key /data/b.pem /data/sub/x/c.txt; do cat $f && echo $f; done"], applied, () => {
      for (const name of ["sub/x/a.key", "b.pem", "sub/x/c.txt"]) writeFileSync(join(path, name), "")
    })
    expect(lines).toEqual(["/data/sub/x/c.txt"])
  })

  it("a denied path that is not there yet is denied when it is", async () => {
    const path = tree()
    const applied = policy(path, { deny: [{ path: join(path, "secret"), optional: true }] })
    const { lines } = await during(["sh", "-c", `cd '${path}'; echo waits; read line; cat secret/x; cat open`], applied, () => {
      mkdirSync(join(path, "secret"))
      writeFileSync(join(path, "secret/x"), "TREASURE\n")
      writeFileSync(join(path, "open"), "public\n")
    })
    expect(lines).toEqual(["public"])
  })

  it("patterns that the core cannot take are faults of their rule", async () => {
    const path = tree()
    const result = await Effect.runPromise(Effect.result(compile(policy(path, { deny: [join(path, "[[:alpha:]]*")] }), Command.make("true"))))
    expect(Result.isFailure(result) && result.failure.faults.map(({ path }) => path)).toEqual(["filesystem.deny[0]"])
  })
})

describe("calls that are not carried out in the guest's place", () => {
  it("are not there, but for those that change the thread itself", async () => {
    const path = tree()
    for (const name of undecidedCalls()) {
      const { stdout } = await run([one, String(syscallNumbers[name]), path], policy(path))
      expect({ name, errno: [1, ENOSYS].includes(Number(stdout)) }).toEqual({ name, errno: true })
    }
    const allowed = (name: string) => Effect.runPromise(Effect.result(compile(Policy.merge(policy(path), Policy.make({ syscalls: { allow: [name] } })), Command.make("true"))))
    for (const name of ["io_uring_setup", "open_tree", "setxattrat"]) {
      const result = await allowed(name)
      expect(Result.isFailure(result) && result.failure.message).toContain(`syscalls.allow[0]: ${name} would pass by what filesystem.decide: "calls" decides`)
    }
    expect(Result.isSuccess(await allowed("ptrace"))).toBe(true)
  }, 60_000)

  it("execve: what was denied at the start is not run; an executable that the host puts under a denied name later is (a limit), a script is not", async () => {
    const path = tree()
    copyFileSync("/bin/true", join(path, ".env-before"))
    const script = `echo waits; read line; for f in before after script; do ${path}/.env-$f && echo ran $f; done; cat ${path}/.env-after`
    const { lines } = await during(["sh", "-c", script], policy(path), () => {
      copyFileSync("/bin/true", join(path, ".env-after"))
      writeFileSync(join(path, ".env-script"), "#!/bin/sh\n")
      chmodSync(join(path, ".env-script"), 0o755)
    })
    expect(lines).toEqual(["ran after"])
  })
})
