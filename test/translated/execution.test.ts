/**
 * Executing programs in the translated view, beside the namespace view: what a program is told of itself, and what a call that cannot be
 * says. The tree has a loader and a library of its own, copies of the host's: another file, for the kernel.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import * as Policy from "../../sdk/Policy.ts"
import { compileSupport } from "../support/compile.ts"
import { needs, run, scratch } from "../support/sandbox.ts"

const directory = scratch()
const tree = join(directory, "tree")
const namespaces = needs("user namespaces", spawnSync("unshare", ["--user", "--mount", "true"]).status === 0)
const views = ["translated", ...(namespaces ? ["namespace" as const] : [])] as const

const policy = (view: "namespace" | "translated", filesystem: NonNullable<Policy.PolicyInput["filesystem"]> = {}) => Policy.make({ view, filesystem: { root: tree, ...filesystem } })

const write = (name: string, text: string): void => {
  writeFileSync(join(tree, name), text)
  chmodSync(join(tree, name), 0o755)
}

beforeAll(() => {
  for (const name of ["bin", "lib64", "lib/x86_64-linux-gnu", "proc", "dev", "tmp", "opt"]) mkdirSync(join(tree, name), { recursive: true })
  execFileSync("cp", ["-L", "/lib64/ld-linux-x86-64.so.2", join(tree, "lib64/ld-linux-x86-64.so.2")])
  execFileSync("cp", ["-L", "/lib/x86_64-linux-gnu/libc.so.6", join(tree, "lib/x86_64-linux-gnu/libc.so.6")])
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"))
  for (const name of ["sh", "env", "cat", "cp", "chmod", "ln", "rm", "true", "seq", "ash", "xargs"]) symlinkSync("busybox", join(tree, "bin", name))
  for (const [name, ...flags] of [["dynamic"], ["fixed", "-no-pie"], ["static", "-static"], ["static-pie", "-static-pie"]]) {
    copyFileSync(compileSupport("executed", directory, flags), join(tree, "bin", name!))
  }
  symlinkSync("../bin/dynamic", join(tree, "opt/a-link-with-a-long-name"))
  write("bin/script", "#!/bin/dynamic\n")
  write("bin/argument", "#! /bin/static  one argument \n")
  write("bin/by-script", "#!/bin/argument second\n")
  write("bin/by-env", "#!/bin/env dynamic\n")
  write("bin/relative", "#!bin/static\n")
  write("bin/nowhere", "#!/nowhere\n")
  write("bin/no-line", "echo a script without a line $0\n")
  for (let i = 0; i < 7; i++) write(`bin/chain${i}`, `#!/bin/${i === 0 ? "static" : `chain${i - 1}`}\n`)
  writeFileSync(join(tree, "bin/plain"), "#!/bin/static\n", { mode: 0o644 })
})

/** Lines of a shell, each an execution. */
const executions: Readonly<Record<string, string>> = {
  "programs of each make": "for p in dynamic fixed static static-pie; do /bin/$p one 'two words' ''; done",
  "by a name from PATH, by a relative one, by a link": "dynamic; cd /bin; ./dynamic; ../bin/./static; /opt/a-link-with-a-long-name; cd /opt; ./a-link-with-a-long-name",
  "scripts": "script a b; /bin/argument a; by-script a; by-env a; cd /; relative a; cd /bin; ./script",
  "chains of scripts": "chain4 a; chain5 a; chain6 a",
  "what is not there, or no program": "nowhere; echo $?; /bin/plain; echo $?; /opt; echo $?; /bin/none; echo $?; /bin/static/x; echo $?; no-line; echo $?",
  "a program of the guest's own making": "cp /bin/dynamic /tmp/mine; /tmp/mine; printf '#!/tmp/mine\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s; printf x >> /tmp/mine; /tmp/mine a; rm /tmp/mine; /tmp/s; echo $?; ln -s /bin/fixed /tmp/mine; /tmp/s",
  "by descriptor": "exec 7< /bin/dynamic; /proc/self/fd/7 a; /dev/fd/7 b",
  "itself, again": "exec -a busybox /proc/self/exe sh -c 'cat /proc/$$/comm; dynamic a'",
  "the loader as a program": "/lib64/ld-linux-x86-64.so.2 --argv0 other /bin/dynamic",
  "many arguments": "script $(seq 1 5000); seq 1 3000 | xargs -n 500 script",
  "an empty environment": "env -i /bin/dynamic; env -i PATH=/opt A=b /bin/env",
  "from a pipeline, in the background, by exec": "dynamic | cat; static & wait; (exec dynamic in a subshell); exec script at last"
}

describe("the translated view executes as the namespace view does", () => {
  it.for(Object.keys(executions))("%s", async (name) => {
    const said = await Promise.all(views.map(async (view) => {
      const result = await run(["/bin/sh", "-c", executions[name]!], policy(view), { cwd: "/" })
      return { code: result.code, stdout: result.stdout, stderr: result.stderr }
    }))
    expect(said[0]!.stdout).not.toMatch(/another|no file|rvisor/)
    expect(said[0]!.stdout.length).toBeGreaterThan(20)
    if (said.length > 1) expect(said[0]).toEqual(said[1])
  })

  it("the first program of a command: by path, from PATH, a script, what is not there", async () => {
    for (const argv of [["/bin/dynamic", "x"], ["dynamic", "x"], ["script", "x"], ["./bin/by-script", "x"]]) {
      const said = await Promise.all(views.map(async (view) => (await run(argv, policy(view), { cwd: "/" })).stdout))
      expect(said[0]).toMatch(/\[x\].* same cwd=\/\n$/)
      if (said.length > 1) expect(said[0]).toBe(said[1])
    }
    for (const argv of [["none"], ["/bin/none"], ["nowhere"], ["/bin/plain"], ["/opt"]]) {
      const said = await Promise.all(views.map((view) => run(argv, policy(view), { cwd: "/" }).then(() => "ran", (error: unknown) => String(error))))
      expect(said[0]).not.toBe("ran")
      if (said.length > 1) expect(said[0]).toBe(said[1])
    }
  })
})

describe("what the policy denies", () => {
  const denying = () => policy("translated", { deny: ["/bin/secret"] })

  it("is neither a program, nor an interpreter, nor a loader", async () => {
    copyFileSync(join(tree, "bin/static"), join(tree, "bin/secret"))
    write("bin/by-secret", "#!/bin/secret\n")
    const result = await run(["/bin/sh", "-c", "/bin/secret; echo $?; by-secret; echo $?; cd /bin; ./secret; echo $?; static"], denying())
    expect(result.stdout).toMatch(/^12[67]\n12[67]\n12[67]\n\[static\]/)
  })

  it("is not executed by a guest that turns the path around while the kernel reads it", async () => {
    copyFileSync(join(tree, "bin/static"), join(tree, "bin/secret"))
    const probe = join(tree, "bin/probe")
    execFileSync("gcc", ["-O1", "-static", "-pthread", "-o", probe, fileURLToPath(new URL("../../native/tests/probe.c", import.meta.url))])
    symlinkSync("static", join(tree, "bin/meant"))
    let won = 0
    for (let tries = 0; tries < 10 && won === 0; tries++) {
      const script = "for i in $(seq 1 25); do (exec -a do /bin/probe race /bin/meant a); done"
      const result = await run(["sh", "-c", script], denying(), { env: { OTHER: join(tree, "bin/secret"), PATH: "/bin" } })
      // It is what was meant, or the kernel was given another path: refused by Landlock, not there, or seen before an instruction of it ran.
      for (const line of result.stdout.split("\n").slice(0, -1)) {
        expect(line).toMatch(/^\[a\] execfn=\/bin\/meant .* exe=\/bin\/static same cwd=\S+$|^E(ACCES|NOENT)$/)
        if (line.startsWith("E")) won++
      }
      if (result.outcome._tag === "Killed") won++
    }
    expect(won).toBeGreaterThan(0)
  })
})
