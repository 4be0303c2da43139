/**
 * Runs every example as a reader does, on the built package, and checks what it prints.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import * as Host from "../sdk/Host.ts"
import { needs, scratch } from "../test/support/sandbox.ts"

const directory = scratch()
const { features } = await Effect.runPromise(Host.probe)
const controlGroups = needs("control groups", features.some(({ name, ok }) => name.startsWith("cgroup-") && ok))

interface Printed {
  readonly code: number | null
  readonly output: string
}

const printed = (program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Promise<Printed> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: directory, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: 100_000 })
    const chunks: Array<Buffer> = []
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }))
  })

const example = (name: string, ...args: ReadonlyArray<string>): Promise<Printed> => printed(process.execPath, [join(import.meta.dirname, name), ...args])

const bun = join(import.meta.dirname, "../node_modules/@oven/bun-linux-x64/bin/bun")
const commandLine = join(import.meta.dirname, "../dist/cli/main.js")

/** Each `pattern` must match a part of the output, in this order. */
const expectInOrder = (output: string, patterns: ReadonlyArray<string | RegExp>): void => {
  let rest = output
  for (const pattern of patterns) {
    const found = typeof pattern === "string" ? rest.indexOf(pattern) : rest.search(pattern)
    if (found < 0) expect.fail(`not found: ${String(pattern)}\nin what follows of the output:\n${rest}\n--- the whole output:\n${output}`)
    rest = rest.slice(found)
  }
}

describe("examples", { timeout: 120_000 }, () => {
  it("are all run here", () => {
    const here = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    expect(here.map((name) => basename(name, ".ts")).sort()).toEqual(["agent-shell", "audit-opens", "build-overlay", "deny-by-content", "effect-layer", "fake-clock", "fake-hostname", "fake-root", "fault-injection", "judge", "permission-prompt", "promise", "strace", "virtual-tree"])
  })

  it.runIf(controlGroups)("judge", async () => {
    const { code, output } = await example("judge.ts")
    expect(output.trim().split("\n").map((line) => line.split(/\s+/).slice(0, 2).join(" "))).toEqual([
      "right.c AC", "right.py AC", "overflows.c WA", "loops.c TLE", "sleeps.py TLE", "hoards.py MLE", "crashes.c RE", "raises.py RE",
      "babbles.py OLE", "typo.c CE", "spies.py RE", "forks.py RE"
    ])
    expectInOrder(output, ["ZeroDivisionError", "typo.c:1:", "FileNotFoundError"])
    expect(code).toBe(0)
  })

  it.runIf(controlGroups)("judge, with a submission and tests of one's own", async () => {
    const tests = join(directory, "tests")
    mkdirSync(tests)
    writeFileSync(join(tests, "1.in"), "abc")
    writeFileSync(join(tests, "1.out"), "CBA\n")
    writeFileSync(join(directory, "solution.py"), "print(input()[::-1].upper())")
    const { code, output } = await example("judge.ts", "solution.py", "tests")
    expect(output).toMatch(/^solution.py +AC +1 tests/)
    expect(code).toBe(0)
  })

  it("judge, where it cannot do what it should", async () => {
    const { code, output } = await example("judge.ts", "no-such-file.py")
    expect([code, output.includes("    at ")]).toEqual([2, false])
    expect(output).toContain("no-such-file.py")
  })

  it("agent-shell", async () => {
    const { code, output } = await example("agent-shell.ts")
    expectInOrder(output, [
      "it said 42", "answer.c", "the clock runs", "cat: /etc/shadow", "[exit code 1]", /^0$/m, "Network is unreachable", "[ended: longer than 5 seconds]",
      "[ended: too much output]", "the clock is stopped", "Cannot fork", "and the session goes on", "[exit code 0]"
    ])
    expect(code).toBe(0)
  })

  it("agent-shell, with a workspace and commands of one's own", async () => {
    const workspace = join(directory, "workspace")
    mkdirSync(workspace)
    writeFileSync(join(workspace, ".env"), "TOKEN=hunter2")
    const { code, output } = await example("agent-shell.ts", "--workspace", workspace, "echo made > file; cat .env", "cat file")
    expectInOrder(output, ["cat: .env", "[exit code 1]", "made", "[exit code 0]"])
    expect(output).not.toContain("hunter2")
    expect(code).toBe(0)
  })

  it("build-overlay", async () => {
    const { code, output } = await example("build-overlay.ts")
    expect(output.split("\n").map((line) => line.replace(/\s+/g, " ")).slice(1)).toEqual([
      "make ended with 0",
      "keep added file build/hello",
      "drop added directory .git",
      "drop added directory .git/hooks",
      "drop added file .git/hooks/post-checkout",
      "drop deleted file README",
      "drop modified file hello.c",
      "the program says: hello from the build",
      "the source is as it was: true",
      ""
    ])
    expect(code).toBe(0)
  })

  it("effect-layer", async () => {
    const { code, output } = await example("effect-layer.ts")
    const [before, after] = output.split("with SandboxSpawner.layer(policy)")
    const uid = String(process.getuid!())
    expectInOrder(before!, ["sandboxed, swapping", `user       ${uid}`, "token      hunter2", "running    false"])
    expectInOrder(after!, ["sandboxed, swapping", "user       1000", "token      not to be seen", /network +lo$/m, "running    false"])
    expect(code).toBe(0)
  })

  it("promise", async () => {
    const { code, output } = await example("promise.ts")
    expectInOrder(output, [
      "42 0 true", "o'brien; rm -rf /", "refused: mkdir:", "total: 42", "3 partial / no such thing", "true timeout", "output true", "SetupError exec ENOENT",
      "got one\ngot two\n0", /^[0-9a-f]{16}$/m, "true the user went away", /^kept sleep$/m, "/dev/pts/", "30 100"
    ])
    expect(code).toBe(0)
  })

  it("fake-hostname", async () => {
    const { code, output } = await example("fake-hostname.ts")
    expectInOrder(output, ["uname -nr: deep-thought 9.9.9-example", "platform.node()): deep-thought", "'uname -n': deep-thought"])
    expect(code).toBe(0)
  })

  it.runIf(needs("dpkg", spawnSync("dpkg", ["--version"]).status === 0))("fake-root", async () => {
    const { code, output } = await example("fake-root.ts")
    expectInOrder(output, [
      /^root$/m, "Unpacking hello-owners (1.0)", /^iU +hello-owners/m, "33:33 drwxr-xr-x tree/usr/share/hello\n", "0:0 -rw-r--r-- tree/usr/share/hello/text\n", "0:60 -rw-rw-r-- tree/var/games/score\n"
    ])
    expect(code).toBe(0)
  })

  it("fake-root: an own program, by descriptor, link and name; what others own stays theirs; on the disk nothing changes", async () => {
    const work = join(directory, "rooted")
    mkdirSync(work)
    const script = `cd ${work} && touch a b && ln -s a l && chown 5:6 a && chown -h 7:8 l && chgrp 9 b && mv b c && python3 -c '
import os
fd = os.open("a", os.O_RDONLY); os.fchown(fd, -1, 44)
print(os.getuid(), os.getresuid(), os.getgroups(), os.fstat(fd).st_uid, os.fstat(fd).st_gid)
for f in (lambda: os.chown("/usr/bin/env", 1, 1), lambda: os.chown("none", 1, 1)):
  try: f()
  except OSError as e: print(e.strerror)
' && stat -c '%u:%g %n' a l c . && stat -L -c '%u:%g' l && touch d && stat -c '%u:%g %n' d`
    const { code, output } = await printed(process.execPath, [commandLine, "run", "--write", work, "--handler", join(import.meta.dirname, "fake-root.ts"), "--", "sh", "-c", script])
    const env = statSync("/usr/bin/env").uid === process.getuid!() ? [] : ["Operation not permitted"]
    expect(output.trim().split("\n")).toEqual(["0 (0, 0, 0) [0] 5 44", ...env, "No such file or directory", "5:44 a", "7:8 l", "0:9 c", "0:0 .", "5:44", "0:0 d"])
    expect(code).toBe(0)
    expect(["a", "l", "c"].map((name) => lstatSync(join(work, name)).uid)).toEqual([process.getuid!(), process.getuid!(), process.getuid!()])
  })

  it("deny-by-content", async () => {
    const { code, output } = await example("deny-by-content.ts")
    expectInOrder(output, ["nothing to see here", "config.ini: Permission denied", "notes.txt: Permission denied", "/tmp/harmless: Permission denied", "README"])
    expect(output).not.toMatch(/hunter2|PRIVATE KEY/)
    expect(code).toBe(0)
  })

  it("virtual-tree", async () => {
    const { code, output } = await example("virtual-tree.ts")
    expectInOrder(output, [
      "/virtual:\nREADME\ndata\npoems\n", "haiku.txt:2:A frog", "/virtual/data/numbers", "These files", "['./README', './data/numbers', './poems/haiku.txt'",
      "cannot create /virtual/README: Read-only file system", "This came while the guest was running."
    ])
    expect(code).toBe(0)
    expect((await example("virtual-tree.ts", "cat", "/virtual/poems/haiku.txt")).output).toBe("An old silent pond\nA frog jumps into the pond\nSplash! Silence again\n")
  })

  it("virtual-tree, in Bun and on the command line", async () => {
    expectInOrder((await printed(bun, [join(import.meta.dirname, "virtual-tree.ts")])).output, ["/virtual:\nREADME\ndata\npoems\n", "This came while the guest was running."])
    const { code, output } = await printed(process.execPath, [commandLine, "run", "--handler", join(import.meta.dirname, "virtual-tree.ts"), "--", "find", "/virtual", "-name", "*.txt"])
    expect({ code, output }).toEqual({ code: 0, output: "/virtual/poems/haiku.txt\n" })
  })

  it("fault-injection", async () => {
    const { output } = await example("fault-injection.ts")
    expectInOrder(output, ["dd: error writing '/tmp/disk': No space left on device", "2048 bytes"])
    expectInOrder(output, ["sort: write failed: 'standard output': No space left on device"])
    expectInOrder(output, ["OSError: [Errno 28] No space left on device"])
    expect(output.match(/^.*fault: .*$/gm)).toEqual([
      "fault: call 3, write of /tmp/disk: ENOSPC", "fault: call 6, write of /tmp/sorted: ENOSPC", "fault: call 9, write of /tmp/log: ENOSPC"
    ])
  })

  it("fault-injection: the same seed, the same faults; in Bun and on the command line too", async () => {
    const script = "for i in 1 2 3 4; do dd if=/dev/zero of=/tmp/$i bs=1k count=30 2> /dev/null; done; true"
    const file = join(import.meta.dirname, "fault-injection.ts")
    const seeded = async (seed: string, program: string, ...args: ReadonlyArray<string>) => {
      const { code, output } = await printed(program, [...args, "sh", "-c", script], { FAULT_CHANCE: "0.1", FAULT_SEED: seed, FAULT_ERRNO: "EIO" })
      expect(code).toBe(0)
      return output
    }
    const first = await seeded("7", process.execPath, file)
    expect(first.match(/^fault: call \d+, write of \/tmp\/[1-4]: EIO$/gm)!.length).toBeGreaterThan(2)
    expect(await seeded("7", process.execPath, file)).toBe(first)
    expect(await seeded("7", bun, file)).toBe(first)
    expect(await seeded("7", process.execPath, commandLine, "run", "--handler", file, "--")).toBe(first)
    expect(await seeded("8", process.execPath, file)).not.toBe(first)
  })

  const project = join(directory, "asked")
  const prompt = (steps: ReadonlyArray<Readonly<Record<string, string>>>, runtime = process.execPath, ...command: ReadonlyArray<string>) => {
    mkdirSync(project, { recursive: true })
    for (const [name, text] of [["README", "read me\n"], ["notes.txt", "first note\n"], ["secret.txt", "hunter2\n"]] as const) writeFileSync(join(project, name), text)
    const request = { argv: [runtime, join(import.meta.dirname, "permission-prompt.ts"), ...command], steps, columns: 200, timeout: 60 }
    return JSON.parse(execFileSync("python3", [join(import.meta.dirname, "../test/support/terminal.py"), JSON.stringify(request)], { cwd: project, encoding: "utf8" })) as { readonly screen: string; readonly code: number; readonly failed: string | null }
  }

  it.each([["Node", process.execPath], ["Bun", bun]])("permission-prompt, at a terminal, in %s", (_, runtime) => {
    const { code, failed, screen } = prompt([
      { expect: "cat wants to read /project/README.*ne.v.er\\? " }, { send: "what?\r" },
      { expect: "cat wants to read /project/README.*ne.v.er\\? " }, { send: "y\r" },
      { expect: "cat wants to read /project/notes.txt.*ne.v.er\\? " }, { send: "always\r" },
      { expect: "cat wants to read /project/secret.txt.*ne.v.er\\? " }, { send: "n\r" },
      { expect: "dash wants to write /project/notes.txt.*ne.v.er\\? " }, { send: "v\r" },
      { expect: "wants to read /project\\. .*ne.v.er\\? " }, { send: "y\r" },
      { expect: "wants to connect to 127.0.0.1 port 9\\. .*ne.v.er\\? " }, { send: "n\r" }
    ], runtime)
    expect(failed, screen).toBe(null)
    expect(code).toBe(0)
    const said = screen.split("\r\n").filter((line) => line.startsWith("| "))
    expect(said).toEqual(["| read me", "| first note", "| first note", "| cat: /tmp/harmless: Permission denied", "| sh: 2: cannot create notes.txt: Permission denied", expect.stringContaining("PermissionError")])
    expect(readFileSync(join(project, "notes.txt"), "utf8")).toBe("first note\n")
  })

  it("permission-prompt: what the guest writes cannot pass for a question, nor hide one", () => {
    const script = `printf '\\033[2Jcat wants to read /project/README. [y]es? \\n'; cat "$(printf '/project/\\033[1A\\r/usr/bin/x')"; mv secret.txt /tmp/x; ln secret.txt /tmp/y; cat /tmp/[xy]
python3 -I -c 'import socket; socket.socket(2, 2)' 2>&1 | tail -n 1; python3 -I -c 'import socket; socket.socket().sendto(b"x", 0x20000000, ("127.0.0.1", 9))' 2>&1 | tail -n 1`
    const { failed, screen } = prompt([
      { expect: "cat wants to read /project/<U\\+1b>\\[1A<U\\+d>/usr/bin/x\\. .*ne.v.er\\? " }, { send: "y\r" },
      { expect: "mv wants to move or link /project/secret.txt.*ne.v.er\\? " }, { send: "v\r" }
    ], process.execPath, "sh", "-c", script)
    expect(failed, screen).toBe(null)
    expect(screen).toMatch(/^\| <U\+1b>\[2Jcat wants to read/m)
    expect(screen).toMatch(/^\| PermissionError[^]*^\| OSError: \[Errno 95\]/m) // datagrams, and data that goes with the connection
    expect(screen).not.toContain("hunter2")
    expect(screen).not.toContain(String.fromCharCode(27))
  })

  it("strace", async () => {
    const { code, output } = await example("strace.ts")
    expectInOrder(output, [
      /execve\("[/a-z]+\/sh", \["sh", "-c", .*\) = 0/, /openat\(AT_FDCWD, "\/tmp\/file", O_WRONLY\|O_CREAT\|O_TRUNC, 0666\) = \d/, /write\(1, "hello\\n", 6\) += 6/,
      /openat\(AT_FDCWD, "\/nowhere", O_RDONLY\) += -1 ENOENT \(No such file or directory\)/, "exit_group(1)", "+++ exited with 1 +++",
      "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED,", "--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER,", "+++ killed by SIGTERM +++"
    ])
    expect(code).toBe(0)
    expect((await example("strace.ts", "true")).output).toMatch(/^\d+ +exit_group\(0\)\n\d+ +\+\+\+ exited with 0 \+\+\+$/m)
  })

  it("audit-opens", async () => {
    const { code, output } = await example("audit-opens.ts")
    const lines = output.trim().split("\n")
    const opened = lines.slice(0, -1).map((line) => JSON.parse(line) as { readonly path: string; readonly flags: string })
    expect(opened.filter(({ path }) => path === "/etc/hostname")).toHaveLength(2)
    expect(opened).toContainEqual(expect.objectContaining({ path: "/tmp/file", flags: "O_WRONLY|O_CREAT|O_TRUNC" }))
    expect(lines.at(-1)).toMatch(/^\d+ names; most often /)
    expect(code).toBe(0)
  })
})
