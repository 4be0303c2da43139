/**
 * The translated view where it is for: in a container of Debian's docker.io engine, as a plain user without any capability,
 * behind Docker's own seccomp profile; and as a plain user on a host that allows no user namespace. In both the suites of the
 * view run once more, inside.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs"
import { execFileSync, spawnSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { compileSupport } from "../support/compile.ts"
import { type Engine, engineInstalled, startEngine, treeOfPackages } from "../support/engine.ts"
import { needs } from "../support/sandbox.ts"

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
const executable = join(root, "dist/rvisor")
const node = realpathSync(process.execPath)
const modules = realpathSync(join(root, "node_modules"))
const user = 1000

/** Everybody may enter it, whoever may enter the checkout. */
const directory = realpathSync(mkdtempSync(join(tmpdir(), "rvisor-translated-")))
chmodSync(directory, 0o755)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The suites that run inside: all of this directory but this one, and the one that fetches what it tests. */
const suites = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts") && name !== "docker.test.ts" && name !== "suite.test.ts")

interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}
type Inside = (argv: ReadonlyArray<string>, options?: { readonly timeout?: number }) => Finished

/** What holds in both places. */
const proof = (inside: () => Inside): void => {
  const rvisor = (...args: ReadonlyArray<string>) => inside()(["rvisor", "run", ...args])

  it("has no namespace to give, and no capability", () => {
    const ran = inside()(["sh", "-c", "id -u; grep -cE '^Cap(Prm|Eff|Amb):.*[1-9a-f]' /proc/self/status; unshare --user true"])
    expect(ran.stdout).toBe(`${user}\n0\n`)
    expect(ran.stderr).toMatch(/unshare/)
    const namespaces = rvisor("--view", "namespace", "--", "true")
    expect(namespaces.status).toBe(125)
    expect(namespaces.stderr).toMatch(/namespaces/)
  })

  it("auto chooses the translated view, and says so", () => {
    const ran = inside()(["sh", "-c", "log=$(mktemp); rvisor run --view auto --log $log -- echo inside; echo $?; cat $log; rm $log"])
    expect(ran.stdout).toMatch(/^inside\n0\n.*translated/s)
    expect(inside()(["rvisor", "doctor"]).stdout).toMatch(/translated/)
  })

  it("the guest sees what the policy grants, and changes nothing else", () => {
    const script = "id -u; ls /tmp; echo mine > /tmp/a && cat /tmp/a; cat /granted/file; echo changed > /granted/out/file; touch /usr/x /granted/x; cat /secret/file; ls / | grep -c secret; ls /proc | grep -c '^[0-9]'"
    const ran = inside()(["sh", "-c", `
      mkdir -p /tmp/w/granted/out /tmp/w/secret /tmp/w/state; export TMPDIR=/tmp/w/state; echo given > /tmp/w/granted/file; echo secret > /tmp/w/secret/file
      rvisor run --read /tmp/w/granted:/granted --write /tmp/w/granted/out:/granted/out -- sh -c "$0"; echo "code $?"; cat /tmp/w/granted/out/file; ls /tmp/w/granted; ls -A /tmp/w/state | wc -l; rm -r /tmp/w`, script])
    expect(ran.stdout).toMatch(/^\d+\nmine\ngiven\n0\n\d+\ncode 0\nchanged\nfile\nout\n0\n$/)
    expect(ran.stderr).not.toMatch(/secret\n/)
  })

  it("nothing is left running, whatever the guest started", () => {
    const ran = inside()(["sh", "-c", "rvisor run -- sh -c 'setsid sh -c \"sleep 31415 & sleep 31415\" < /dev/null > /dev/null 2>&1 & sleep 0.2; echo started'; sleep 0.2; cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n' | grep -cx '[3]1415'"])
    expect(ran.stdout).toBe("started\n0\n")
  })

  it.each(suites)("%s", (suite) => {
    const vitest = [node, join(root, "node_modules/vitest/vitest.mjs"), "run", "--configLoader=native", "--root", root, "--reporter=json", `test/translated/${suite}`]
    const script = "export CI= HOME=$(mktemp -d) PATH=/usr/sbin:/usr/bin:/bin; \"$@\" --outputFile.json=$HOME/report.json >&2; cat $HOME/report.json; rm -r $HOME"
    const ran = inside()(["sh", "-c", script, "sh", ...vitest], { timeout: 240_000 })
    if (!ran.stdout.startsWith("{")) throw new Error(`no report of ${suite}:\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`)
    const report = JSON.parse(ran.stdout) as {
      readonly success: boolean
      readonly numPassedTests: number
      readonly testResults: ReadonlyArray<{ readonly message: string; readonly assertionResults: ReadonlyArray<{ readonly status: string; readonly fullName: string; readonly failureMessages: ReadonlyArray<string> }> }>
    }
    const failed = report.testResults.flatMap((file) => [
      ...(file.message === "" ? [] : [file.message]),
      ...file.assertionResults.flatMap((test) => test.status === "failed" ? [`${test.fullName}\n${test.failureMessages.join("\n").slice(0, 1500)}`] : [])
    ])
    expect(failed.join("\n\n")).toBe("")
    expect(report.success).toBe(true)
    expect(report.numPassedTests).toBeGreaterThan(0)
  }, 250_000)
}

const built = needs("dist/rvisor, by `npm run build`", existsSync(executable))

describe.runIf(built && needs("Debian's docker.io engine (the package docker.io, and root)", engineInstalled()))("in a container of docker.io", () => {
  let engine: Engine
  let container = ""

  beforeAll(async () => {
    engine = await startEngine()
    const tree = join(directory, "tree")
    mkdirSync(tree)
    treeOfPackages(tree, ["base-files", "base-passwd", "bash", "busybox-static", "coreutils", "dash", "diffutils", "findutils", "gcc", "git", "grep", "hostname", "libc6-dev", "make", "libc-bin", "mawk", "procps", "sed", "util-linux"])
    copyFileSync(executable, join(tree, "usr/bin/rvisor"))
    chmodSync(join(tree, "tmp"), 0o1777)
    engine.imported(tree, "rvisor-test")
    rmSync(tree, { recursive: true, force: true })
    // The checkout stands where it is on the host; where its modules or its Node are links, what they lead to as well.
    const shown = [root, ...[modules, node].filter((path) => !path.startsWith(`${root}/`))]
    const started = engine.docker([
      "run", "--detach", "--init", "--network", "none", "--user", `${user}:${user}`, "--cap-drop", "ALL", ...shown.flatMap((path) => ["--volume", `${path}:${path}:ro`]),
      "rvisor-test", "sleep", "infinity"
    ], { timeout: 120_000 })
    if (started.status !== 0) throw new Error(`no container: ${started.stderr}`)
    container = started.stdout.trim()
  }, 300_000)
  afterAll(async () => {
    if (engine === undefined) return
    if (container !== "") engine.docker(["rm", "--force", container])
    await engine.close()
  }, 150_000)

  it("stands behind Docker's own seccomp profile, which refuses what the namespace view needs", () => {
    expect(engine.docker(["info", "--format", "{{json .SecurityOptions}}"]).stdout).toMatch(/name=seccomp,profile=default/)
    expect(engine.docker(["exec", container, "grep", "Seccomp:", "/proc/self/status"]).stdout.trim()).toMatch(/2$/)
    expect(engine.docker(["inspect", "--format", "{{.HostConfig.Privileged}} {{.HostConfig.SecurityOpt}} {{.HostConfig.CapDrop}} {{.Config.User}}", container]).stdout.trim()).toBe(`false [] [ALL] ${user}:${user}`)
  })

  proof(() => (argv, options) => engine.docker(["exec", container, ...argv], options))
})

describe.runIf(built && needs("root, to map the ids of a user namespace", process.getuid!() === 0))("on a host with user.max_user_namespaces=0", () => {
  let wrapper = ""
  const before = execFileSync("cat", ["/proc/sys/user/max_user_namespaces"], { encoding: "utf8" })

  beforeAll(() => {
    wrapper = compileSupport("no-namespaces", directory, ["-D_GNU_SOURCE"])
    mkdirSync(join(directory, "bin"))
    copyFileSync(executable, join(directory, "bin/rvisor"))
  })
  it("the host's own setting stays", () => {
    expect(Number(before)).toBeGreaterThan(0)
    expect(execFileSync(wrapper, [String(user), "cat", "/proc/sys/user/max_user_namespaces"], { encoding: "utf8" })).toBe("0\n")
    expect(execFileSync("cat", ["/proc/sys/user/max_user_namespaces"], { encoding: "utf8" })).toBe(before)
  })

  proof(() => (argv, options) =>
    spawnSync(wrapper, [String(user), ...argv], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      timeout: options?.timeout ?? 60_000,
      cwd: "/",
      env: { PATH: `${join(directory, "bin")}:/usr/bin:/bin` }
    }))
})
