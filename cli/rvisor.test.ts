import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { forms, noStack, rvisor } from "../test/support/rvisor.ts"
import { scratch } from "../test/support/sandbox.ts"
import { features } from "./features.ts"

const directory = scratch()

describe.each(forms)("rvisor, $name", (form) => {
  const run = (...args: ReadonlyArray<string>) => rvisor(form, args)

  it("--version is the package's", async() => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
    expect(await run("--version")).toMatchObject({ code: 0, out: `rvisor ${version}\n`, stderr: "" })
  })

  it("without a command prints help and fails", async() => {
    const { code, out } = await run()
    expect(code).toBe(2)
    expect(out).toContain("Usage: rvisor COMMAND")
  })

  it.each([[[]], [["run"]], [["trace"]], [["policy"]], [["policy", "check"]], [["policy", "show"]], [["doctor"]], [["kmod"]], [["kmod", "build"]], [["kmod", "load"]], [["kmod", "unload"]], [["kmod", "status"]], [["kmod", "source"]], [["completions"]]])("%j --help", async(path) => {
    const { code, out, stderr } = await run(...path, "--help")
    expect([code, stderr]).toEqual([0, ""])
    expect(out).toContain(`Usage: ${["rvisor", ...path].join(" ")}`)
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(130)
  })

  it.each([["run", "Handlers"], ["trace", "Which calls"]])("names every flag of `%s` in its help under a heading", async(command, own) => {
    const { out } = await run(command, "--help")
    for (const heading of [own, "Policy", "Files", "Network", "Limits", "Kernel", "Streams"]) expect(out).toMatch(new RegExp(`^${heading}:$`, "m"))
    expect(out.split("\nOther:\n")[1]!.split("\n\n")[0]!.trim().split("\n")).toHaveLength(2)
  })

  it.each([
    [["rum"], /unknown command rum; did you mean run\?/],
    [["ls"], /unknown command ls; to run a program: rvisor run ls/],
    [["policy", "chek"], /unknown command chek; did you mean check\?/],
    [["policy", "check"], /FILE is missing/],
    [["policy", "check", "a", "b"], /unexpected operand b/],
    [["doctor", "--jsn"], /unknown flag --jsn; did you mean --json\?/],
    [["kmod", "lod"], /unknown command lod; did you mean load\?/],
    [["kmod", "source"], /DIR is missing/],
    [["completions", "tcsh"], /SHELL tcsh: expected bash \| zsh \| fish/],
    [["--nonsense"], /unknown flag --nonsense/]
  ])("%j is a mistake", async(args, message) => {
    const result = await run(...args)
    expect(result.code).toBe(2)
    expect(result.out).toBe("")
    expect(result.stderr).toMatch(message)
    expect(noStack(result.stderr)).toBe(true)
  })

  it("is not disturbed by a reader that goes away", () => {
    const result = spawnSync("sh", ["-c", `"$@" run --help | head -n 1`, "sh", ...form.argv], { encoding: "utf8" })
    expect(result.stdout).toMatch(/^Runs COMMAND/)
    expect(result.stderr).toBe("")
  })

  it("works under another name", async() => {
    if (form.name !== "the executable") return
    const link = join(directory, "sandbox")
    symlinkSync(form.argv[0]!, link)
    expect(await rvisor({ name: "link", argv: [link] }, ["run", "echo", "hello"])).toMatchObject({ code: 0, out: "hello\n" })
  })

  describe("policy", () => {
    it("check: a good file", async() => {
      const path = join(directory, "good.json")
      writeFileSync(path, JSON.stringify({ extends: "strict", filesystem: { read: ["."] }, limits: { memory: "64 MiB" } }))
      expect(await run("policy", "check", path)).toMatchObject({ code: 0, stderr: "" })
    })

    it("check: every fault at once", async() => {
      const path = join(directory, "bad.json")
      writeFileSync(path, JSON.stringify({ netwrk: "none", limits: { memory: "much", processes: 0 } }))
      const { code, stderr } = await run("policy", "check", path)
      expect(code).toBe(1)
      expect(stderr).toMatch(/3 faults/)
      expect(stderr).toMatch(/netwrk: .*did you mean `network`/)
    })

    it.each([["/no/such/file.json", /ENOENT/], ["/usr", /EISDIR/]])("check: %s", async(path, message) => {
      const result = await run("policy", "check", path)
      expect(result.code).toBe(1)
      expect(result.stderr).toMatch(message)
      expect(noStack(result.stderr)).toBe(true)
    })

    it("show: what flags mean, ready to be used as a file", async() => {
      const { out } = await run("policy", "show", "--read", "/usr/share", "--memory", "64MiB", "--timeout", "5s", "--env", "A=1", "--network", "host")
      const path = join(directory, "shown.json")
      writeFileSync(path, out)
      expect(JSON.parse(out)).toMatchObject({ filesystem: { read: ["/usr/share"] }, limits: { memory: "64 MiB", wallTime: "5 seconds" }, environment: { set: { A: "1" } }, network: "host" })
      expect((await run("policy", "check", path)).code).toBe(0)
    })

    it("show: rules over calls and addresses", async() => {
      const { out } = await run("policy", "show", "--decide", "calls", "--deny", "/usr/**/.env", "--connect", "10.0.0.0/8:443", "--connect", "unix:/run/x", "--bind", "[::1]:*", "--deny-address", "*:25")
      expect(JSON.parse(out)).toEqual({
        filesystem: { decide: "calls", deny: ["/usr/**/.env"] },
        network: { mode: "host", connect: ["10.0.0.0/8:443", "unix:/run/x"], bind: ["[::1]:*"], deny: ["*:25"] }
      })
      const wrong = await run("run", "--connect", "example.org:443", "--", "true")
      expect(wrong.code).toBe(2)
      expect(wrong.stderr).toMatch(/--connect: .*is a name/)
    })

    it("schema: a JSON Schema", async() => {
      const { code, out } = await run("policy", "schema")
      expect(code).toBe(0)
      expect(JSON.stringify(JSON.parse(out))).toContain("wallTime")
    })
  })

  describe("doctor", () => {
    it("says what the host has, and that a sandbox starts", async() => {
      const { code, out } = await run("doctor")
      expect(code).toBe(0)
      for (const { name } of features) expect(out).toContain(name)
      expect(out).toMatch(/Sandboxes work here/)
    })

    it("--json", async() => {
      const { code, out } = await run("doctor", "--json")
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ ok: true, sandbox: { works: true, layers: expect.arrayContaining(["seccomp"]) }, features: expect.arrayContaining([expect.objectContaining({ name: "seccomp-filter", ok: true })]) })
    })

    it("knows every feature that the sentry probes", async() => {
      const { out } = await run("doctor", "--json")
      const probed = (JSON.parse(out) as { features: Array<{ name: string; detail: string }> }).features
      expect(probed.filter((feature) => feature.detail === "not asked for by this sentry")).toEqual([])
    })
  })

  describe("kmod", () => {
    it("status: what stands in the way, for people and as JSON", async() => {
      const { code, out } = await run("kmod", "status", "--json")
      const { facts, ok } = JSON.parse(out) as { ok: boolean; facts: Array<{ name: string }> }
      expect(code).toBe(ok ? 0 : 1)
      const text = await run("kmod", "status")
      expect(text.code).toBe(code)
      const doctor = await run("doctor")
      for (const { name } of facts) for (const { out } of [text, doctor]) expect(out).toContain(name)
    })

    it("build: says which package has the headers of a kernel", async() => {
      const result = await run("kmod", "build", "--kernel", "6.1.0-none", "--out", join(directory, "none.ko"))
      expect(result).toMatchObject({ code: 1, out: "" })
      expect(result.stderr).toMatch(/headers of kernel 6\.1\.0-none are not on this host\n {2}remedy: .*6\.1\.0-none/)
      expect((await run("kmod", "build", "--headers", directory)).stderr).toMatch(/holds no kernel headers/)
      expect(existsSync(join(directory, "none.ko"))).toBe(false)
    })

    it("source: what dkms takes, and nothing that does not belong to it", async() => {
      const to = join(directory, `source-${form.argv.length}`)
      expect(await run("kmod", "source", to)).toMatchObject({ code: 0, stderr: "" })
      const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
      expect(readFileSync(join(to, "dkms.conf"), "utf8")).toContain(`PACKAGE_VERSION="${version}"`)
      expect(readFileSync(join(to, "native/core/rv_core.h"), "utf8")).toContain("rv_eval_call")
      expect(existsSync(join(to, "kmod/harness"))).toBe(false)
      expect((await run("kmod", "source", join(to, "dkms.conf"))).stderr).toMatch(/cannot be written to .*dkms\.conf: /)
    })

    it("load and unload are for root", async() => {
      const plain = process.getuid!() !== 0
      const result = await run("kmod", "load", join(directory, "none.ko"))
      expect(result.code === 0 || /remedy: /.test(result.stderr)).toBe(true)
      if (plain && existsSync("/proc/modules") && !existsSync("/sys/module/rvisor")) expect(result.stderr).toMatch(/only root may load/)
      if (!existsSync("/sys/module/rvisor")) expect(await run("kmod", "unload")).toMatchObject({ code: 0, out: "rvisor's module is not loaded\n" })
    })
  })

  describe("completions", () => {
    it.each([["bash", "bash", "-n"], ["zsh", "zsh", "-n"], ["fish", "fish", "--no-execute"]] as const)("%s", async(shell, program, check) => {
      const { code, out } = await run("completions", shell)
      expect(code).toBe(0)
      expect(out).toContain("output-limit")
      const path = join(directory, `completions.${shell}`)
      mkdirSync(directory, { recursive: true })
      writeFileSync(path, out)
      const checked = spawnSync(program, [check, path], { encoding: "utf8" })
      if (checked.error === undefined) expect(checked).toMatchObject({ status: 0, stderr: "" })
    })
  })
})
