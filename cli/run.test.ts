import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { forms, noStack, rvisor } from "../test/support/rvisor.ts"
import { scratch } from "../test/support/sandbox.ts"

const directory = scratch()
const file = (name: string, content: string | Uint8Array, mode = 0o644): string => {
  const path = join(directory, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe.each(forms)("rvisor run, $name", (form) => {
  const run = (args: ReadonlyArray<string>, options?: Parameters<typeof rvisor>[2]) => rvisor(form, ["run", ...args], options)

  describe("1. basics", () => {
    it("runs a command and is silent itself", async() => {
      expect(await run(["--", "echo", "hello"])).toMatchObject({ code: 0, out: "hello\n", stderr: "" })
    })

    it("keeps stdout and stderr apart", async() => {
      expect(await run(["sh", "-c", "echo out; echo err >&2"])).toMatchObject({ code: 0, out: "out\n", stderr: "err\n" })
    })

    it("leaves everything behind the command alone", async() => {
      const words = ["--help", "-t", "--", "--read", "", "a b", "*", "$HOME", "é", "\u{1f600}", "\n"]
      const { out } = await run(["--", "printf", "<%s>", ...words])
      expect(out).toBe(words.map((word) => `<${word}>`).join(""))
    })

    it("does not need `--`", async() => {
      expect(await run(["--hostname", "there", "uname", "-n"])).toMatchObject({ code: 0, out: "there\n" })
    })

    it("has the handlers of a module answer", async() => {
      const plugin = file("plugin.ts", `
        import { Effect } from "effect"
        import { Plugin, Syscall, SyscallHandler, Verdict } from "rvisor"
        const name: string = "plugged"
        const uname = SyscallHandler.make("uname", (call) => Effect.as(call.args.name.write(Syscall.Utsname.make({ nodename: name })), Verdict.value(0)))
        const fails = SyscallHandler.make("sethostname", { label: "failing", override: true, onFailure: "EIO" }, () => { throw new Error("oh no") })
        export default Plugin.make({ name: "plugged", handlers: [uname, fails] })`)
      if (form.name.includes("executable")) {
        expect(await run(["--handler", plugin, "uname", "-n"])).toMatchObject({ code: 0, out: "plugged\n", stderr: "" })
      }
      const missing = await run(["--handler", "./no-such-plugin.ts", "true"])
      expect(missing).toMatchObject({ code: 125, out: "" })
      expect(missing.stderr).toContain("no-such-plugin.ts")
    })

    it("takes a hundred thousand arguments", async() => {
      const { out, code } = await run(["--", "sh", "-c", "echo $#", "sh", ...Array.from({ length: 100_000 }, (_, i) => String(i))])
      expect([code, out]).toEqual([0, "100000\n"])
    })
  })

  describe("2. exit codes", () => {
    it.each([0, 1, 2, 42, 125, 255])("the command's own: %i", async(code) => {
      expect(await run(["sh", "-c", `exit ${code}`])).toMatchObject({ code, stderr: "" })
    })

    it.each([["SEGV", 139], ["TERM", 143], ["KILL", 137], ["ABRT", 134]])("128+n for SIG%s", async(signal, code) => {
      expect((await run(["sh", "-c", `kill -${signal} $$`])).code).toBe(code)
    })

    it.each([
      ["no such command", ["no-such-program"], 127, /no-such-program: no such program in the sandbox's PATH/],
      ["no such path", ["/no/such/program"], 127, /\/no\/such\/program: no such program/],
      ["a directory", ["/usr"], 126, /\/usr: is a directory/],
      ["not executable", ["/etc/passwd"], 126, /\/etc\/passwd/]
    ])("%s", async(_, command, code, message) => {
      const result = await run(["--", ...command])
      expect(result.code).toBe(code)
      expect(result.stderr).toMatch(message)
      expect(noStack(result.stderr)).toBe(true)
    })

    it.each([
      ["broken ELF", Buffer.concat([Buffer.from("\x7fELF\x02\x01\x01"), Buffer.alloc(100)])],
      ["script without its interpreter", "#!/no/such/interpreter\n"],
      ["text without #!", "echo hello\n"],
      ["empty file", ""]
    ])("%s is 126", async(name, content) => {
      const path = file(name.replaceAll(/\W/g, "-"), content, 0o755)
      const result = await run(["--read", path, "--", path])
      expect(result.code).toBe(126)
      expect(result.stderr).toContain(path)
      expect(noStack(result.stderr)).toBe(true)
    })
  })

  describe("3. wrong command lines are told in one message, code 2", () => {
    it.each([
      [[], /no command is given/],
      [["--"], /no command is given/],
      [[""], /the command is an empty text/],
      [["--reed", "/x", "ls"], /unknown flag --reed; did you mean --read\?/],
      [["-x", "ls"], /unknown flag -x/],
      [["--read"], /--read needs a value \(PATH\[:DEST\]\)/],
      [["--network", "hots", "ls"], /--network hots: expected none \| host/],
      [["--processes", "ten", "ls"], /--processes ten: expected a number/],
      [["--memory", "1MiB", "--memory", "2MiB", "ls"], /--memory is given 2 times/],
      [["--memory", "lots", "ls"], /--memory: expected a size.*got "lots"/],
      [["--timeout", "30", "ls"], /--timeout 30: say the unit\n  remedy: --timeout 30s for seconds/],
      [["--timeout", "soon", "ls"], /--timeout: expected a span of time/],
      [["--syscall-deny", "ptrce", "ls"], /--syscall-deny: .*did you mean `ptrace`/],
      [["--env", "=x", "ls"], /--env/],
      [["--virtual", "/motd", "ls"], /--virtual \/motd: no file is named/],
      [["--virtual", "/motd=/no/such/file", "ls"], /\/no\/such\/file: ENOENT/],
      [["--root-writable", "ls"], /--root-writable needs --root/],
      [["--json", "-t", "ls"], /--json captures the output that --tty would show/],
      [["--json=/no/such/directory/x", "ls"], /ENOENT/],
      [["--preset", "strict", "--policy", "x.json", "ls"], /exclude each other/]
    ])("%j", async(args, message) => {
      const result = await run(args as Array<string>)
      expect(result.code).toBe(2)
      expect(result.out).toBe("")
      expect(result.stderr).toMatch(message as RegExp)
      expect(result.stderr).toMatch(/^rvisor: /)
      expect(noStack(result.stderr)).toBe(true)
    })

    it("all faults of flags at once", async() => {
      const { stderr } = await run(["--memory", "lots", "--uid", "-1", "--file-size", "big", "ls"])
      expect(stderr).toContain("3 faults")
    })

    it("arguments that are no UTF-8, rather than other bytes than were typed", () => {
      // Node cannot pass such bytes: a shell does.
      const script = `exec "$@" run -- printf '%s' "$(printf 'a\\377b')"`
      const result = spawnSync("sh", ["-c", script, "sh", ...form.argv], { encoding: "utf8" })
      expect(result.status).toBe(2)
      expect(result.stdout).toBe("")
      expect(result.stderr).toMatch(/an argument is not UTF-8: a\\xffb/)
    })

    it("a variable to pass that is no UTF-8", () => {
      const script = `ODD="$(printf 'a\\377b')" exec "$@" run --env ODD -- env`
      const result = spawnSync("sh", ["-c", script, "sh", ...form.argv], { encoding: "utf8" })
      expect(result.status).toBe(2)
      expect(result.stderr).toMatch(/--env ODD: the variable's value is not UTF-8/)
    })

    it("but U+FFFD itself is text", async() => {
      expect((await run(["printf", "%s", "\ufffd"])).out).toBe("\ufffd")
    })
  })

  describe("4. refusals are code 125", () => {
    it.each([
      ["a path that is not there", ["--read", "/no/such/path"], /\/no\/such\/path/],
      ["a root that is not there", ["--root", "/no/such/root"], /\/no\/such\/root/],
      ["a policy file that is not there", ["--policy", "/no/such/policy.json"], /\/no\/such\/policy\.json.*cannot be read: ENOENT/s]
    ])("%s", async(_, args, message) => {
      const result = await run([...args, "--", "true"])
      expect(result.code).toBe(125)
      expect(result.stderr).toMatch(message)
      expect(noStack(result.stderr)).toBe(true)
    })

    it.each([
      ["not JSON", "{", /is not JSON/],
      ["a list", "[]", /expected an object, got a list/],
      ["a misspelt key", '{"filesytem": {}}', /filesytem: there is no such key \(did you mean `filesystem`\?\)/],
      ["a wrong type", '{"limits": {"memory": true}}', /limits\.memory: expected a size/]
    ])("a policy file that is %s", async(name, content, message) => {
      const path = file(`${name.replaceAll(" ", "-")}.json`, content)
      const result = await run(["--policy", path, "--", "true"])
      expect(result.code).toBe(125)
      expect(result.stderr).toMatch(message)
      expect(noStack(result.stderr)).toBe(true)
    })

    it("a directory to start in that the sandbox has not", async() => {
      const result = await run(["--cwd", "/no/such/directory", "--", "true"])
      expect(result.code).toBe(125)
      expect(result.stderr).toContain("/no/such/directory")
    })
  })

  describe("5. streams", () => {
    it("passes binary input through, to its end", async() => {
      const input = randomBytes(3_000_000)
      const { stdout, code } = await run(["cat"], { input })
      expect(code).toBe(0)
      expect(stdout.equals(input)).toBe(true)
    })

    it("hands over the descriptors themselves", async() => {
      const path = file("input", "line\n")
      const { out } = await run(["sh", "-c", "readlink /proc/self/fd/1 | cut -d: -f1; exec 2>&-; echo still"])
      expect(out).toBe("pipe\nstill\n")
      expect(spawnSync("sh", ["-c", `exec "$@" run -- wc -c < ${path}`, "sh", ...form.argv], { encoding: "utf8" }).stdout.trim()).toBe("5")
    })

    it("ends quietly when the reader goes away", () => {
      const result = spawnSync("bash", ["-c", `"$@" run -- yes | head -n 1; echo "\${PIPESTATUS[0]}"`, "bash", ...form.argv], { encoding: "utf8" })
      expect(result.stdout).toBe("y\n141\n")
      expect(result.stderr).toBe("")
    })

    it("works with closed descriptors", () => {
      const result = spawnSync("bash", ["-c", `"$@" run -- sh -c 'cat; echo out; echo err >&2' <&- 2>&-`, "bash", ...form.argv], { encoding: "utf8" })
      expect(result.stdout).toBe("out\n")
    })
  })

  describe("6. flags reach the policy", () => {
    const data = join(directory, `data-${form.name.replaceAll(" ", "-")}`)
    mkdirSync(data)
    writeFileSync(join(data, "secret"), "secret\n")
    writeFileSync(join(data, "plain"), "plain\n")

    it("grants nothing of the user's by default", async() => {
      const result = await run(["cat", join(data, "plain")])
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(/No such file|Permission denied/)
    })

    it("--read", async() => {
      expect((await run(["--read", data, "cat", join(data, "plain")])).out).toBe("plain\n")
      expect((await run(["--read", `${data}:/data`, "cat", "/data/plain"])).out).toBe("plain\n")
      expect((await run(["--read", data, "sh", "-c", `echo x > ${data}/new`])).code).not.toBe(0)
    })

    it("--write", async() => {
      expect((await run(["--write", data, "sh", "-c", `echo written > ${data}/written`])).code).toBe(0)
      expect(readFileSync(join(data, "written"), "utf8")).toBe("written\n")
    })

    it("--deny", async() => {
      const result = await run(["--read", data, "--deny", join(data, "secret"), "sh", "-c", `cat ${data}/plain; cat ${data}/secret`])
      expect(result.out).toBe("plain\n")
      expect(result.code).not.toBe(0)
    })

    it("relative paths belong to this directory", async() => {
      expect((await run(["--read", ".:/here", "cat", "/here/plain"], { cwd: data })).out).toBe("plain\n")
    })

    it("--tmpfs with a size", async() => {
      const result = await run(["--tmpfs", "/scratch:1MiB", "sh", "-c", "head -c 100000 /dev/zero > /scratch/a && echo small; head -c 9000000 /dev/zero > /scratch/b || echo full"])
      expect(result.out).toBe("small\nfull\n")
    })

    it("--virtual", async() => {
      const source = file("bytes", Buffer.from([0, 255, 10]))
      expect((await run(["--virtual", `/etc/bytes=${source}`, "cat", "/etc/bytes"])).stdout).toEqual(Buffer.from([0, 255, 10]))
    })

    it("--env", async() => {
      const result = await run(["--env", "A=1=2", "-e", "PASSED", "--env", "EMPTY=", "env"], { env: { PASSED: "yes", HIDDEN: "no" } })
      expect(result.out).toMatch(/^A=1=2$/m)
      expect(result.out).toMatch(/^PASSED=yes$/m)
      expect(result.out).toMatch(/^EMPTY=$/m)
      expect(result.out).not.toContain("HIDDEN")
    })

    it("--cwd, --user, --uid, --gid, --hostname", async() => {
      const result = await run(["--cwd", "/usr", "--user", "ada", "--uid", "77", "--gid", "88", "--hostname", "there", "sh", "-c", "pwd; id -un; id -u; id -g; uname -n"])
      expect(result.out).toBe("/usr\nada\n77\n88\nthere\n")
    })

    it("--policy, and flags over it", async() => {
      const policy = join(data, "policy.json")
      writeFileSync(policy, JSON.stringify({ filesystem: { read: [{ path: ".", as: "/data" }] }, identity: { hostname: "file" }, environment: { set: { A: "file" } } }))
      const result = await run(["--policy", policy, "--hostname", "flag", "sh", "-c", "cat /data/plain; uname -n; echo $A"])
      expect(result.out).toBe("plain\nflag\nfile\n")
    })

    it("--syscall-deny and --syscall-kill", async() => {
      expect((await run(["--syscall-deny", "symlinkat", "--syscall-deny", "symlink", "ln", "-s", "a", "/tmp/b"])).stderr).toMatch(/not permitted/)
      const killed = await run(["--syscall-kill", "symlinkat", "--syscall-kill", "symlink", "ln", "-s", "a", "/tmp/b"])
      expect(killed.code).toBe(137)
      expect(killed.stderr).toMatch(/^rvisor: ended by the sandbox: /m)
    })
  })

  describe("7. limits end the program with a reason", () => {
    const limits: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, message: RegExp]> = [
      ["time", ["--timeout", "300ms", "sleep", "10"], /300 ms/],
      ["cpu time", ["--cpu-time", "300ms", "sh", "-c", "while :; do :; done"], /300 ms/],
      ["output", ["--output-limit", "100KiB", "yes"], /100 KiB/],
      // A plain user's memory can be limited only where a control group was delegated to them.
      ...(process.getuid!() === 0 ? [["memory", ["--memory", "64MiB", "sh", "-c", "tail /dev/zero"], /64 MiB/] as const] : [])
    ]
    it.each(limits)("%s", async(_, args, message) => {
      const result = await run(args)
      expect(result.code).toBe(137)
      const lines = result.stderr.split("\n").filter((line) => line.startsWith("rvisor: "))
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^rvisor: ended by the sandbox: /)
      expect(lines[0]).toMatch(message)
    })

    it("--quiet says nothing", async() => {
      expect(await run(["--quiet", "--timeout", "200ms", "sleep", "10"])).toMatchObject({ code: 137, stderr: "" })
    })
  })

  describe("8. results for machines", () => {
    it("--json prints one object with the output in it", async() => {
      const { out, stderr, code } = await run(["--json", "sh", "-c", "echo out; echo err >&2; exit 3"])
      expect(stderr).toBe("")
      expect(code).toBe(3)
      expect(JSON.parse(out)).toMatchObject({ outcome: "Exited", exitCode: 3, stdout: "out\n", stderr: "err\n", layers: expect.arrayContaining(["seccomp"]), usage: { wallMs: expect.any(Number) } })
    })

    it("bytes that are no text are base64", async() => {
      const { out } = await run(["--json", "printf", "\\377\\000"])
      expect(JSON.parse(out).stdout).toEqual({ base64: "/wA=" })
    })

    it("a signal, a limit, a refusal", async() => {
      expect(JSON.parse((await run(["--json", "sh", "-c", "kill -SEGV $$"])).out)).toMatchObject({ outcome: "Signaled", signal: "SIGSEGV", exitCode: 139 })
      expect(JSON.parse((await run(["--json", "--timeout", "200ms", "sleep", "9"])).out)).toMatchObject({ outcome: "Killed", reason: "wallTime", exitCode: 137, message: expect.stringContaining("200 ms") })
      expect(JSON.parse((await run(["--json", "no-such-program"])).out)).toMatchObject({ outcome: "Refused", exitCode: 127, error: { _tag: "SetupError", step: "exec", errno: "ENOENT" } })
      expect(JSON.parse((await run(["--json", "--read", "/no/such", "true"])).out)).toMatchObject({ outcome: "Refused", exitCode: 125, error: { _tag: "PolicyError" } })
    })

    it("--json=FILE leaves the output alone", async() => {
      const path = join(directory, "result.json")
      expect(await run([`--json=${path}`, "echo", "hello"])).toMatchObject({ code: 0, out: "hello\n", stderr: "" })
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ outcome: "Exited", exitCode: 0 })
    })

    it("keeps the first 16 MiB of a stream and says so; the program runs on", async() => {
      const result = JSON.parse((await run(["--json", "sh", "-c", "yes | head -c 20000000; echo end >&2"])).out)
      expect(result).toMatchObject({ outcome: "Exited", exitCode: 0, truncated: ["stdout"], stderr: "end\n" })
      expect(result.stdout).toHaveLength(16 * 1024 * 1024)
    })

    it("--dry-run prints the plan and starts nothing", async() => {
      const path = join(directory, `dry-${form.name.replaceAll(" ", "-")}`)
      mkdirSync(path)
      const { code, out } = await run(["--dry-run", "--write", path, "--memory", "64MiB", "touch", join(path, "touched")])
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ command: { argv: ["touch", join(path, "touched")] }, limits: { memory: 67108864 } })
      expect(existsSync(join(path, "touched"))).toBe(false)
    })

    it("--dry-run has what handlers and --log bring", async() => {
      // Outside of a package only the executable knows "rvisor".
      const plugin = form.name.includes("executable")
        ? file("dry.ts", `
          import { Effect } from "effect"
          import { SyscallHandler, Verdict } from "rvisor"
          export default SyscallHandler.make("uname", () => Effect.succeed(Verdict.errno("EIO")))`)
        : join(import.meta.dirname, "../test/support/modules/box.ts")
      const { code, out } = await run(["--dry-run", "--handler", plugin, "--log", "-", "true"])
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ seccomp: { default: { action: "notify" } }, interception: { report: true, handlers: [{ failure: "kill" }, ...form.name.includes("executable") ? [] : [{}]] } })
    })

    it("--verbose says what holds and what was used", async() => {
      const { stderr } = await run(["--verbose", "true"])
      expect(stderr).toMatch(/^rvisor: sandbox [a-z0-9]+ holds by .*seccomp/m)
      expect(stderr).toMatch(/^rvisor: used [\d.]+ s/m)
    })
  })

  describe("9. changes beneath an overlay", () => {
    const tree = () => {
      const path = join(directory, `tree-${Math.random().toString(36).slice(2)}`)
      mkdirSync(path)
      writeFileSync(join(path, "kept"), "kept\n")
      writeFileSync(join(path, "gone"), "gone\n")
      return path
    }
    const script = "echo more >> kept; rm gone; echo new > new; cat kept"

    it("are discarded, and listed when asked", async() => {
      const path = tree()
      const result = await run(["--overlay", path, "--changes", "--cwd", path, "sh", "-c", script])
      expect(result.out).toBe("kept\nmore\n")
      expect(result.stderr).toMatch(/M .*kept/)
      expect(result.stderr).toMatch(/D .*gone/)
      expect(result.stderr).toMatch(/A .*new/)
      expect(readFileSync(join(path, "kept"), "utf8")).toBe("kept\n")
      expect([existsSync(join(path, "gone")), existsSync(join(path, "new"))]).toEqual([true, false])
    })

    it("--commit applies them when the command succeeded", async() => {
      const path = tree()
      expect((await run(["--overlay", path, "--commit", "--cwd", path, "sh", "-c", script])).code).toBe(0)
      expect(readFileSync(join(path, "kept"), "utf8")).toBe("kept\nmore\n")
      expect([existsSync(join(path, "gone")), existsSync(join(path, "new"))]).toEqual([false, true])
    })

    it("--commit does not when it failed", async() => {
      const path = tree()
      const result = await run(["--overlay", path, "--commit", "--cwd", path, "sh", "-c", `${script}; exit 1`])
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(/its changes in .* are discarded/)
      expect(readFileSync(join(path, "kept"), "utf8")).toBe("kept\n")
    })
  })

  describe("10. nothing around it changes what it does", () => {
    it("no file of the current directory, no variable of the runtime's", async() => {
      const trap = join(directory, `trap-${form.name.replaceAll(" ", "-")}`)
      mkdirSync(trap)
      writeFileSync(join(trap, "preload.mjs"), "console.log('PRELOADED')")
      writeFileSync(join(trap, "bunfig.toml"), 'preload = ["./preload.mjs"]\n')
      writeFileSync(join(trap, ".env"), "TERM=from-dotenv\nLANG=from-dotenv\n")
      const variables = form.name === "the executable" ? { NODE_OPTIONS: "--import ./preload.mjs", BUN_OPTIONS: "--preload ./preload.mjs" } : {}
      const result = await run(["env"], { cwd: trap, env: { LANG: "C", TERM: "dumb", ...variables } })
      expect(result.code).toBe(0)
      expect(result.out).not.toMatch(/PRELOADED|from-dotenv/)
    })
  })
})
