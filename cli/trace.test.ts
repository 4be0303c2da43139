/**
 * `rvisor trace` with real programs, beside the real strace: the same program under both must come to the same lines.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { forms, noStack, rvisor } from "../test/support/rvisor.ts"
import { scratch } from "../test/support/sandbox.ts"

const directory = scratch()
const guest = join(directory, "traced")
const env = { PATH: "/usr/bin:/bin", LANG: "C", LC_ALL: "C" }

beforeAll(() => {
  execFileSync("gcc", ["-O1", "-Wall", "-Wextra", "-pthread", "-o", guest, join(import.meta.dirname, "../test/support/traced.c")])
})

/** What differs from run to run, or because one of the two runs is in a sandbox. */
const normal = (line: string): string =>
  line
    .replace(/0x[0-9a-f]{5,}/g, "ADDRESS")
    .replace(/ +(?== )/, " ")
    .replace(/^(getpid|gettid)\(\) = \d+/, "$1() = PID")
    .replace(/^(kill|wait4|tgkill)\(\d+, (\d+, (?=SIG))?/, "$1(PID, ")
    .replace(/^((?:clone|wait4|vfork|fork).* = )[1-9]\d*$/, "$1PID")
    .replace(/si_pid=\d+, si_uid=\d+/, "si_pid=PID, si_uid=UID")
    .replace(/si_utime=\d+, si_stime=\d+/, "si_utime=TIME, si_stime=TIME")
    .replace(/htons\([1-9]\d*\)/, "htons(PORT)")
    .replace(/(FUTEX_WAIT_BITSET\S*), \d+/, "$1, PID")
    .replace(/getrandom\("[^"]*"/, "getrandom(RANDOM")
    .replace(/st_size=\d+/g, "st_size=SIZE")

/** Whole lines of each thread, in the order in which the threads appear: what was interrupted is joined again. */
const threads = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  const begun = new Map<string, string>()
  for (const line of text.trimEnd().split("\n")) {
    const [, tid, rest] = /^(\d+) +(.*)$/.exec(line)!
    let lines = found.get(tid!)
    if (lines === undefined) found.set(tid!, lines = [])
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest!)
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest!)
    if (unfinished !== null) begun.set(tid!, unfinished[1]!)
    else lines.push(normal(resumed === null ? rest! : `${begun.get(tid!)}${resumed[1]}`))
  }
  // The sandbox's policy answers clone3(2) with ENOSYS, whereupon the C library uses clone(2). rt_sigreturn(2) has no trace point.
  // Whether a child's end is heard of before or after wait4(2) returns is the kernel's choice: it is told at the end of the list.
  return [...found.values()].map((lines) => {
    const kept = lines.filter((line) => !/^(clone3?|rt_sigreturn)\(/.test(line))
    return [...kept.filter((line) => !line.startsWith("--- SIGCHLD")), ...kept.filter((line) => line.startsWith("--- SIGCHLD"))]
  })
}

const strace = (flags: ReadonlyArray<string>, command: ReadonlyArray<string>, cwd: string): string => {
  const output = join(directory, "strace.txt")
  spawnSync("strace", ["-f", "-o", output, ...flags, "--", ...command], { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: 20_000 })
  return readFileSync(output, "utf8")
}

const empty = (() => {
  let number = 0
  return (): string => {
    const path = join(directory, `empty${number++}`)
    mkdirSync(path)
    return path
  }
})()

describe.each(forms)("rvisor trace, $name", { timeout: 60_000 }, (form) => {
  const trace = (args: ReadonlyArray<string>, options?: Parameters<typeof rvisor>[2]) => rvisor(form, ["trace", "--env", "LANG=C", "--env", "LC_ALL=C", ...args], options)
  const traced = async(flags: ReadonlyArray<string>, command: ReadonlyArray<string>, cwd: string): Promise<string> => {
    const output = join(directory, "trace.txt")
    await trace(["-f", "-o", output, "--write", cwd, "--read", directory, ...flags, "--", ...command], { cwd })
    return readFileSync(output, "utf8")
  }

  describe("1. as strace writes it", () => {
    it.each<[string, ReadonlyArray<string>]>([["", []], ["in full", ["-v"]], ["with short strings", ["-s", "4"]]])("two hundred calls of files, memory, signals, sockets, threads and processes, %s", async(_, flags) => {
      const from = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.includes("umask(022) = 022") ? lines.slice(lines.indexOf("umask(022) = 022")) : lines
      // What a file system chooses: numbers of inodes and devices, owners, times.
      const chosen = (line: string): string => line.replace(/st_(dev|ino|uid|gid|blksize|blocks|[acm]time|[acm]time_nsec)=(makedev\([^)]*\)|\d+)( \/\*[^*]*\*\/)?/g, "st_$1=…")
      const of = (text: string) => threads(text).map((lines) => from(lines).map(chosen))
      const [theirs, ours] = [of(strace(flags, [guest], empty())), of(await traced(flags, [guest], empty()))]
      expect(theirs.flat().length).toBeGreaterThan(140)
      expect(ours).toEqual(theirs)
    })

    it("ls", async() => {
      const shown = join(directory, "shown")
      mkdirSync(shown, { recursive: true })
      for (const name of ["a", "b c", "\x1b[31mred"]) writeFileSync(join(shown, name), "x")
      const flags = ["-e", "trace=openat,getdents64,statx,newfstatat,read,write,close,ioctl,mmap,munmap,mprotect,brk,exit_group,execve,access,lstat,prlimit64,getrandom,futex,set_robust_list"]
      const from = ([lines]: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
        const whole = lines!.map((line) => line.replace(/st_mode=S_IFREG\|0\d+/, "st_mode=S_IFREG|MODE").replace(/ADDRESS \/\* \d+ vars \*\//, "ENVIRONMENT").replace(/, \d{4,}, (?=PROT|MADV)/g, ", LENGTH, ").replace(/^munmap\(.*/, "munmap"))
        return [whole[0]!, ...whole.slice(whole.findIndex((line) => line.includes("libc.so.6")), whole.findIndex((line) => line.includes("locale"))), ...whole.slice(whole.findLastIndex((line) => line.includes("shown")) - 3)]
      }
      const command = ["/usr/bin/ls", "--color=never", shown]
      const [theirs, ours] = [from(threads(strace(flags, command, directory))), from(threads(await traced(flags, command, empty())))]
      expect(ours).toEqual(theirs)
      expect(theirs.join("\n")).toContain("\\33[31mred")
    })

    it("a shell with a pipe, a failure and a signal", async() => {
      const flags = ["-e", "trace=%process,pipe2,pipe,dup2,write"]
      const command = ["/bin/sh", "-c", "/bin/echo hello | /bin/cat; /bin/false; kill -TERM $$"]
      // Two children that end at once may make one signal.
      const of = (text: string) => threads(text).map((lines) =>
        lines.filter((line) => !/^(vfork\(|--- SIGCHLD)/.test(line)).map((line) => line.replace(/ADDRESS \/\* \d+ vars \*\//, "ENVIRONMENT")).join("\n"))
      expect(of(await traced(flags, command, empty())).sort()).toEqual(of(strace(flags, command, directory)).sort())
    })

    it("tells threads apart on stderr, and says who comes and goes", async() => {
      const { code, stderr } = await trace(["-f", "-e", "trace=wait4,exit_group,write", "--", "sh", "-c", "/bin/echo hi & wait"])
      expect(code).toBe(0)
      expect(stderr).toMatch(/^rvisor trace: Process (\d+) attached$/m)
      const [, child] = /Process (\d+) attached/.exec(stderr)!
      expect(stderr).toMatch(new RegExp(`^\\[pid +${child}\\] write\\(1, "hi\\\\n", 3`, "m"))
      expect(stderr).toMatch(new RegExp(`^\\[pid +${child}\\] \\+\\+\\+ exited with 0 \\+\\+\\+$`, "m"))
      expect(stderr).toMatch(/^--- SIGCHLD \{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=\d+, si_uid=1000, si_status=0, si_utime=\d+, si_stime=\d+\} ---$/m)
      expect(stderr.trimEnd().split("\n").at(-1)).toBe("+++ exited with 0 +++")
    })

    it("shows the first process alone without -f", async() => {
      const { stderr } = await trace(["-e", "execve,exit_group", "--", "sh", "-c", "/bin/true; exit 4"])
      expect(stderr.replace(/0x[0-9a-f]+/, "ADDRESS").replace(/ +=/g, " =")).toMatch(/^execve\("[/a-z]+\/sh", \["sh", "-c", "\/bin\/true; exit 4"\], ADDRESS \/\* \d+ vars \*\/\) = 0\n--- SIGCHLD .* ---\nexit_group\(4\) = \?\n\+\+\+ exited with 4 \+\+\+\n$/)
    })
  })

  describe("2. which calls", () => {
    const names = (stderr: string): ReadonlyArray<string> => [...new Set([...stderr.matchAll(/^(\w+)\(/gm)].map(([, name]) => name!))].sort()
    it.each<[string, ReadonlyArray<string>, ReadonlyArray<string>]>([
      ["names", ["-e", "openat,close"], ["close", "openat"]],
      ["the last expression counts", ["-e", "trace=openat", "-e", "trace=close"], ["close"]],
      ["classes", ["-e", "trace=%process"], ["execve", "exit_group"]],
      ["patterns", ["-e", "/^m(un)?map$"], ["mmap", "munmap"]],
      ["what is not", ["-e", "trace=!all"], []],
      ["what may be unknown", ["-e", "trace=?nosuchcall,openat"], ["openat"]]
    ])("%s", async(_, flags, expected) => expect(names((await trace([...flags, "--", "/bin/true"])).stderr)).toEqual(expected))

    it("by how they end", async() => {
      const results = async(flags: ReadonlyArray<string>) => [...(await trace([...flags, "-e", "trace=openat", "--", "sh", "-c", "cat /nowhere /etc/hostname"])).stderr.matchAll(/ = (-?\d+)/g)].map(([, value]) => Number(value))
      const [failed, successful, same] = await Promise.all([results(["-f", "-Z"]), results(["-f", "-z"]), results(["-f", "-e", "status=failed"])])
      expect(failed.length > 0 && failed.every((value) => value === -1)).toBe(true)
      expect(successful.length > 0 && successful.every((value) => value >= 0)).toBe(true)
      expect(same).toEqual(failed)
    })

    it("signals", async() => {
      const shown = async(expression: string) => [...(await trace(["-e", "trace=none", "-e", expression, "--", "sh", "-c", "trap : USR1; kill -USR1 $$; /bin/true & wait"])).stderr.matchAll(/^--- (\w+)/gm)].map(([, name]) => name)
      const [all, others, children, none] = await Promise.all([shown("signal=all"), shown("signal=!CHLD"), shown("signal=SIGCHLD"), shown("signal=none")])
      expect(all).toEqual(["SIGUSR1", "SIGCHLD"])
      expect(others).toEqual(["SIGUSR1"])
      expect(children).toEqual(["SIGCHLD"])
      expect(none).toEqual([])
    })

    it("refusals of the policy are shown with the error that the guest gets", async() => {
      const { stderr } = await trace(["-e", "reboot,unshare", "--", "sh", "-c", "perl -e 'syscall(169, 1, 2, 3, 0)'; unshare -n true"])
      const all = await trace(["-f", "-e", "unshare", "--", "unshare", "-n", "true"])
      expect(all.stderr).toMatch(/^unshare\(CLONE_NEWNET\) += -1 EPERM \(Operation not permitted\)$/m)
      expect(stderr).not.toContain("Error")
    })
  })

  describe("3. how they are shown", () => {
    it("times", async() => {
      const first = async(...flags: ReadonlyArray<string>) => (await trace([...flags, "-e", "trace=exit_group", "--", "true"])).stderr.split("\n")[0]!
      const [day, micros, epoch, relative] = await Promise.all([first("-t"), first("-tt"), first("-ttt"), first("-r")])
      expect(day).toMatch(/^\d\d:\d\d:\d\d exit_group\(0\) += \?$/)
      expect(micros).toMatch(/^\d\d:\d\d:\d\d\.\d{6} exit_group/)
      expect(Number(/^(\d+)\.\d{6} exit/.exec(epoch!)![1])).toBeCloseTo(Date.now() / 1000, -2)
      expect(relative).toMatch(/^ {5}0\.000000 exit_group/)
      const [line] = (await trace(["-T", "-e", "trace=close", "--", "true"])).stderr.split("\n")
      expect(line).toMatch(/^close\(3\) += 0 <0\.\d{6}>$/)
    })

    it("-c: a table alone; -C: after the calls", async() => {
      const { code, stderr } = await trace(["-c", "-e", "trace=openat,close", "--", "sh", "-c", "cat < /nowhere; exit 3"])
      expect(code).toBe(3)
      const rows = stderr.split("\n").filter((row) => /^ *\d/.test(row))
      expect(stderr).toMatch(/^% time +seconds +usecs\/call +calls +errors syscall$/m)
      expect(rows.map((row) => row.trim().split(/ +/).at(-1)).sort()).toEqual(["close", "openat", "total"])
      expect(rows.find((row) => row.endsWith("openat"))!.trim().split(/ +/)[4]).toMatch(/^[1-9]\d*$/) // errors
      const both = (await trace(["-C", "-e", "trace=openat", "--", "true"])).stderr
      expect(both).toMatch(/^openat\(.*\n(.*\n)*% time/)
      expect(both.match(/% time/g)).toHaveLength(1)
    })

    it("--json: an object a line", async() => {
      const { stderr } = await trace(["--json", "-e", "trace=openat,exit_group", "--", "sh", "-c", "cat < /nowhere; exit 3"])
      const objects = stderr.trimEnd().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line))
      const failed = objects.find((one) => one.error === "ENOENT" && one.arguments.filename === "\"/nowhere\"")
      expect(failed).toEqual({
        type: "call",
        time: expect.closeTo(Date.now() / 1000, -2),
        thread: expect.any(Number),
        call: "openat",
        arguments: { dfd: "AT_FDCWD", filename: "\"/nowhere\"", flags: "O_RDONLY" },
        error: "ENOENT",
        duration: expect.any(Number),
        text: "openat(AT_FDCWD, \"/nowhere\", O_RDONLY) = -1 ENOENT (No such file or directory)"
      })
      expect(objects.at(-2)).toMatchObject({ type: "call", call: "exit_group", arguments: { error_code: "3" } })
      expect(objects.at(-1)).toMatchObject({ type: "ended", text: "exited with 3" })
    })

    it("-y: what descriptors stand for", async() => {
      const { stderr } = await trace(["-f", "-y", "-e", "trace=openat,read,write,close", "--", "sh", "-c", "cat /etc/hostname | cat > /tmp/copy"])
      expect(stderr).toMatch(/openat\(AT_FDCWD<\/[^>]*>, "\/etc\/hostname", O_RDONLY/)
      expect(stderr).toMatch(/ = 3<\/etc\/hostname>$/m)
      expect(stderr).toMatch(/write\(1<pipe:\[\d+\]>, "sandbox\\n", 8/)
      expect(stderr).toMatch(/write\(1<\/tmp\/copy>, "sandbox\\n", 8/)
    })

    it("-o: the trace in a file, and stderr the guest's alone", async() => {
      const output = join(directory, "out.txt")
      const { code, out, stderr } = await trace(["-o", output, "-e", "trace=write", "--", "sh", "-c", "echo out; echo err >&2"]) // the shell makes 1 of 2
      expect({ code, out, stderr }).toEqual({ code: 0, out: "out\n", stderr: "err\n" })
      expect(readFileSync(output, "utf8").replace(/ +=/g, " =")).toBe(`write(1, "out\\n", 4) = 4\nwrite(1, "err\\n", 4) = 4\n+++ exited with 0 +++\n`)
    })

    it("nothing of the guest's reaches the terminal but as text", async() => {
      const { stderr } = await trace(["-f", "-v", "-s", "1000", "--", "sh", "-c", "cat \"$(printf '/\\033]0;x\\007\\302\\2332J\\r\\n%s' x)\" 2>/dev/null; perl -e '$0 = \"\\033[2J\"; kill 0, 1'"])
      expect(stderr).toContain("\\33]0;x\\7\\302\\2332J\\r\\nx")
      expect(/[^\n -~]/.exec(stderr)).toBe(null)
    })
  })

  describe("4. ends", () => {
    it("with the command's exit code, or as its signal says", async() => {
      expect((await trace(["-o", "/dev/null", "--", "sh", "-c", "exit 42"])).code).toBe(42)
      const killed = await trace(["-e", "trace=none", "--", "sh", "-c", "kill -9 $$"])
      expect([killed.code, killed.stderr]).toEqual([137, "+++ killed by SIGKILL +++\n"])
      expect((await trace(["--", "/nowhere"])).code).toBe(127)
    })

    it("a signal to rvisor reaches the command, and is shown", async() => {
      const { code, stderr } = await trace(["-e", "trace=none", "--", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"], {
        onOutput: (child, out) => void (out.includes("ready") && child.kill("SIGTERM"))
      })
      expect([code, stderr.includes("--- SIGTERM {")]).toEqual([5, true])
    })

    it("SIGKILL to rvisor leaves nothing behind", async() => {
      const word = `left${process.pid}`
      const child = spawn(form.argv[0]!, [...form.argv.slice(1), "trace", "-f", "-o", "/dev/null", "--", "sh", "-c", `echo ready; sleep 98765 & sh -c 'while :; do :; done' ${word}`], { stdio: ["ignore", "pipe", "ignore"] })
      await new Promise((resolve) => child.stdout.once("data", resolve))
      child.kill("SIGKILL")
      await new Promise((resolve) => child.once("close", resolve))
      const alive = (): boolean => spawnSync("pgrep", ["-f", `${word}|sleep 98765`], { encoding: "utf8" }).stdout.split("\n").some((pid) => pid !== "" && readCommand(pid).includes(word))
      const deadline = Date.now() + 5000
      while (alive() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
      expect(alive()).toBe(false)
    })
  })

  describe("5. what is refused", () => {
    it.each<[ReadonlyArray<string>, RegExp]>([
      [["-p", "1", "true"], /-p: a process that runs already/],
      [["-e", "opnat", "true"], /-e opnat: no system call.*\n.*did you mean `openat`/],
      [["-e", "trace=%flie", "true"], /-e %flie: no system call.*\n.*`%file`/],
      [["-e", "inject=openat:error=EPERM", "true"], /inject is not done here\n.*handler/],
      [["-e", "signal=SIGNONE", "true"], /-e signal=SIGNONE: no such signal/],
      [["-e", "status=odd", "true"], /status=odd/],
      [["-e", "/(", "true"], /-e \/\(: /],
      [["-o", "|cat", "true"], /-o '\|cat': .*not written to a command/],
      [["-o", "/nowhere/file", "true"], /-o \/nowhere\/file: ENOENT/],
      [["-z", "-Z", "true"], /-z and -Z exclude each other/],
      [["-c", "-C", "true"], /-c and -C exclude each other/],
      [["-s", "-1", "true"], /-s -1/],
      [["-k", "true"], /unknown flag -k/],
      [[], /no command is given\n.*rvisor trace/]
    ])("%j", async(args, words) => {
      const { code, out, stderr } = await rvisor(form, ["trace", ...args])
      expect([code, out]).toEqual([2, ""])
      expect(stderr).toMatch(words)
      expect(noStack(stderr)).toBe(true)
    })
  })

  it("other calls than those asked for run at full speed", async() => {
    // A million calls of getppid(2): some tenths of a second, or a minute where each stops.
    const loop = join(directory, "loop.c")
    writeFileSync(loop, "#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { for (int i = 0; i < 1000000; i++) syscall(SYS_getppid); return 0; }\n")
    execFileSync("gcc", ["-O1", "-o", join(directory, "loop"), loop])
    const { code, stderr } = await trace(["--read", directory, "-e", "trace=!getppid", "--", join(directory, "loop")])
    expect(code).toBe(0)
    expect(stderr).toContain("exit_group(0)")
  })
})

const readCommand = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return ""
  }
}
