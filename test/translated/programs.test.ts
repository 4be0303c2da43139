/**
 * Real programs under the translated view, each doing its real work, in the host's system and in roots of their own.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import { compileSupport } from "../support/compile.ts"
import { treeOfPackages } from "../support/engine.ts"
import { freePort, listening } from "../support/ports.ts"
import { forms, rvisor } from "../support/rvisor.ts"
import { has, needs, type Ran, run, scratch } from "../support/sandbox.ts"

const directory = scratch()
const folder = (name: string): string => {
  const path = join(directory, name)
  mkdirSync(path, { recursive: true })
  return path
}
type Files = NonNullable<Policy.PolicyInput["filesystem"]>
const translated = (filesystem: Files = {}, more: Omit<Policy.PolicyInput, "filesystem"> = {}) => Policy.make({ ...more, view: "translated", filesystem })
const sh = (script: string, policy = translated(), options: Command.Options = {}): Promise<Ran> => run(["sh", "-c", script], policy, options)

describe("ls, stat, ps, and a shell", () => {
  it("ls and stat say the same as outside", async () => {
    const script = "find /usr/share -maxdepth 1 -printf '%M %n %s %f\\n' | sort; ls -d /etc/../usr/./bin//; stat -c '%n %s %a %F %i %h' /usr/bin/env /usr/bin /bin/sh; readlink -f /bin/sh; ls /usr/lib/x86_64-linux-gnu | wc -l; test -e /nowhere || echo none"
    const result = await sh(script)
    expect(result.stderr).toBe("")
    expect(result.stdout).toBe(execFileSync("sh", ["-c", script], { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } }))
  })

  it("the root has what the policy shows, and nothing else", async () => {
    const result = await sh("ls -A /; echo --; ls -A /tmp; echo --; ls /root /home 2>&1; cd / && ls -d .. ../.. && cd /tmp && pwd && cd .. && pwd")
    const [top, tmp, rest] = result.stdout.split("--\n")
    expect(top!.trim().split("\n")).toEqual(expect.arrayContaining(["bin", "dev", "etc", "lib", "proc", "tmp", "usr"]))
    expect(top).not.toMatch(/^(root|home|sys|mnt|srv)$/m)
    expect(tmp).toBe("")
    expect(rest).toMatch(/No such file[^]*No such file[^]*\n\/tmp\n\/\n$/)
  })

  it.runIf(has("ps"))("ps shows the guest's own processes, and no other", async () => {
    const result = await sh("sleep 5 & while ! read -r name < /proc/$!/comm || [ \"$name\" != sleep ]; do :; done; ps -eo comm --no-headers; ps -p $$ -o args --no-headers; kill $!")
    const lines = result.stdout.trim().split("\n")
    expect(lines.at(-1)).toMatch(/^sh -c /)
    expect(lines.slice(0, -1).filter((name) => name !== "rvisor-init").sort()).toEqual(["ps", "sh", "sleep"])
  })

  it("a small shell: pipes, files, cd, jobs, what commands end with", async () => {
    const shell = compileSupport("shell", folder("shell"), ["-D_GNU_SOURCE"])
    const input = "mkdir /tmp/d\ncd /tmp/d\necho b > one\necho a > two\ncat one two | sort | tr ab AB > sorted\ncat < sorted\nls | wc -l\nfalse\nstatus\nno-such-program\nstatus\nsleep 0.1 &\nwait\ncd /root\nstatus\nexit 7\n"
    const result = await run([shell], translated({ read: [shell] }), { input })
    expect(result.stdout).toBe("A\nB\n3\n1\n127\n1\n")
    expect(result.stderr).toBe("no-such-program: No such file or directory\n/root: No such file or directory\n")
    expect(result.code).toBe(7)
  })
})

describe("languages", () => {
  it.runIf(has("pip3"))("python3: threads, processes, sqlite; a package is built, installed by pip, and imported", async () => {
    const work = folder("python")
    mkdirSync(join(work, "src/greeting/data"), { recursive: true })
    writeFileSync(join(work, "src/greeting/__init__.py"), "import importlib.resources\ndef text(): return importlib.resources.files('greeting').joinpath('data/text').read_text()\ndef main(): print('said', text())\n")
    writeFileSync(join(work, "src/greeting/data/text"), "hello")
    writeFileSync(join(work, "wheel.py"), `
import zipfile, hashlib, base64, os
files = {"greeting/" + os.path.relpath(os.path.join(d, f), "src/greeting"): open(os.path.join(d, f), "rb").read() for d, _, fs in os.walk("src/greeting") for f in fs}
info = "greeting-1.0.dist-info/"
files[info + "METADATA"] = b"Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n"
files[info + "WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
files[info + "entry_points.txt"] = b"[console_scripts]\\ngreet = greeting:main\\n"
record = "".join("%s,sha256=%s,%d\\n" % (n, base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b"=").decode(), len(b)) for n, b in files.items())
with zipfile.ZipFile("greeting-1.0-py3-none-any.whl", "w") as z:
  for n, b in files.items(): z.writestr(n, b)
  z.writestr(info + "RECORD", record + info + "RECORD,,\\n")
`)
    writeFileSync(join(work, "use.py"), `
import threading, subprocess, sqlite3, multiprocessing, os, sys, tempfile
ts = [threading.Thread(target=lambda i=i: os.stat("/usr")) for i in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]
db = sqlite3.connect(os.path.join(tempfile.mkdtemp(), "x.db"))
db.execute("create table t(a)"); db.executemany("insert into t values (?)", [(i,) for i in range(100)]); db.commit()
with multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
import greeting
print(greeting.text(), db.execute("select sum(a) from t").fetchone()[0], os.getcwd(), os.path.realpath(sys.executable))
`)
    const script = "set -e; /usr/bin/python3 wheel.py; /usr/bin/python3 -m pip install --quiet --no-index --no-warn-script-location --disable-pip-version-check --no-cache-dir --target site greeting-1.0-py3-none-any.whl 2>&1 | grep -v '^WARNING' || true; PYTHONPATH=site /usr/bin/python3 use.py; PYTHONPATH=site site/bin/greet"
    const result = await sh(script, translated({ write: [work] }), { cwd: work })
    expect(result.stdout).toBe(`hello 4950 ${work} ${realpathSync("/usr/bin/python3")}\nsaid hello\n`)
    expect(result.code).toBe(0)
    expect(existsSync(join(work, "site/greeting/__init__.py"))).toBe(true)
  }, 120_000)

  const npm = process.env["npm_execpath"] ?? spawnSync("sh", ["-c", "readlink -f \"$(command -v npm)\""], { encoding: "utf8" }).stdout.trim()
  it.runIf(needs("npm", npm.endsWith(".js") && existsSync(npm)))("node: npm install of a local package with a script, and a program that uses it", async () => {
    const work = folder("npm")
    mkdirSync(join(work, "library"))
    mkdirSync(join(work, "program"))
    writeFileSync(join(work, "library/package.json"), JSON.stringify({ name: "library", version: "1.2.3", main: "main.js", scripts: { postinstall: "echo \"module.exports = $((6 * 7))\" > made.js" } }))
    writeFileSync(join(work, "library/main.js"), "module.exports = require('./made.js')\n")
    writeFileSync(join(work, "program/package.json"), JSON.stringify({ name: "program", version: "1.0.0" }))
    writeFileSync(join(work, "program/main.mjs"), `
import answer from "library"; import { Worker } from "node:worker_threads"; import { execFileSync } from "node:child_process"; import fs from "node:fs"
const doubled = await new Promise((resolve, reject) => { const w = new Worker("const { parentPort, workerData } = require('node:worker_threads'); parentPort.postMessage(workerData * 2)", { eval: true, workerData: answer }); w.on("message", resolve); w.on("error", reject) })
let refused = ""; try { fs.readFileSync("/etc/shadow") } catch (e) { refused = e.code }
console.log(JSON.stringify({ answer, doubled, child: execFileSync("echo", ["child"]).toString().trim(), refused, exe: process.execPath }))
`)
    const node = realpathSync(process.execPath)
    const packed = `${node} ${npm} pack --silent --prefix ../library ../library`
    const script = `set -e; export HOME=${work}/home PATH=${dirname(node)}:/usr/bin:/bin; mkdir -p $HOME; ${packed}; ${node} ${npm} install --offline --no-audit --no-fund --loglevel=error ./library-1.2.3.tgz; ${node} main.mjs`
    const result = await sh(script, translated({ write: [work], read: [node, dirname(dirname(npm))] }), { cwd: join(work, "program") })
    expect(result.stderr).toBe("")
    expect(JSON.parse(result.stdout.trim().split("\n").at(-1)!)).toEqual({ answer: 42, doubled: 84, child: "child", refused: "ENOENT", exe: node })
    expect(result.code).toBe(0)
  }, 120_000)

  it.runIf(has("make"))("gcc and make build a project, which runs", async () => {
    const work = folder("c")
    writeFileSync(join(work, "Makefile"), "all: main\nobjects = $(patsubst %.c,%.o,$(wildcard *.c))\nmain: $(objects)\n\tgcc -o $@ $^ -lm\n%.o: %.c value.h\n\tgcc -c -O2 -Wall $<\n")
    writeFileSync(join(work, "value.h"), "double value(void);\n")
    writeFileSync(join(work, "value.c"), "#include <math.h>\n#include \"value.h\"\ndouble value(void) { return sqrt(2); }\n")
    writeFileSync(join(work, "main.c"), "#include <stdio.h>\n#include \"value.h\"\nint main(void) { printf(\"%.3f\\n\", value()); return 3; }\n")
    const result = await sh("make -s -j2 && make -q && ./main", translated({ write: [work] }), { cwd: work })
    expect(result.stderr).toBe("")
    expect(result.stdout).toBe("1.414\n")
    expect(result.code).toBe(3)
  }, 60_000)
})

it.runIf(has("git"))("git: init, commit, branch, merge, clone, status", async () => {
  const work = folder("git")
  const script = `set -e
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    git init -q -b main repo; cd repo; seq 100 > f; mkdir d; for i in 1 2 3 4 5; do echo $i > d/$i; done; git add .; git commit -qm one
    git checkout -qb side; echo x >> f; git commit -qam two; git checkout -q main; echo y > g; git add g; git commit -qm three
    git merge -q side -m merge; cd ..; git clone -q repo copy; cd copy; echo z > new; git mv d/1 d/6; git status --short; git stash -q; git log --oneline | wc -l; git fsck; git gc -q`
  const result = await sh(script, translated({ write: [work] }), { cwd: work })
  expect(result.stdout).toBe("R  d/1 -> d/6\n?? new\n4\n")
  expect(result.code).toBe(0)
  // What was made inside belongs to the caller outside.
  expect(statSync(join(work, "copy/f")).uid).toBe(process.getuid!())
  expect(execFileSync("git", ["-C", join(work, "copy"), "log", "-1", "--format=%s"], { encoding: "utf8" }).trim()).toBe("merge")
}, 60_000)

describe("dpkg, by the example fake-root", () => {
  it.runIf(has("dpkg"))("unpacks a package whose files have owners", async () => {
    const work = folder("dpkg")
    const script = `set -e; id -u; mkdir -p p/DEBIAN p/usr/share/p p/var/games
      printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: N <n@example.org>\\nDescription: p\\n' > p/DEBIAN/control
      echo text > p/usr/share/p/text; echo 0 > p/var/games/score; ln -s text p/usr/share/p/link; chown 0:60 p/var/games/score; chmod 2664 p/var/games/score; chown -h 33:33 p/usr/share/p/link
      dpkg-deb --build p p.deb > /dev/null; dpkg-deb --fsys-tarfile p.deb | tar -tv --numeric-owner | grep -c ' 0/0 '
      mkdir -p t/var/lib/dpkg/info t/var/lib/dpkg/updates; touch t/var/lib/dpkg/status t/var/lib/dpkg/available
      dpkg --root=$PWD/t --force-not-root --log=/dev/null --unpack p.deb > /dev/null; grep Status t/var/lib/dpkg/status
      stat -c '%u:%g %a %n' t/usr/share/p/text t/var/games/score t/usr/share/p/link`
    const finished = await rvisor(forms[0]!, ["run", "--view", "translated", "--write", work, "--cwd", work, "--handler", join(import.meta.dirname, "../../examples/fake-root.ts"), "--", "sh", "-c", script])
    expect(finished.stderr).toBe("")
    expect(finished.out).toBe("0\n7\nStatus: install ok unpacked\n0:0 644 t/usr/share/p/text\n0:60 2664 t/var/games/score\n33:33 777 t/usr/share/p/link\n")
    expect(statSync(join(work, "t/var/games/score")).gid).toBe(process.getgid!())
  }, 60_000)
})

describe("servers, for clients outside", () => {
  /** Runs a server for as long as a client needs it, and says how it ended. */
  const serve = async <A>(args: ReadonlyArray<string>, port: number, client: () => Promise<A>): Promise<A> => {
    const child: ChildProcess = spawn(forms[0]!.argv[0]!, [...forms[0]!.argv.slice(1), "run", "--view", "translated", "--network", "host", ...args], { stdio: ["ignore", "ignore", "inherit"] })
    const ended = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)))
    try {
      await listening(port)
      return await client()
    } finally {
      child.kill("SIGTERM")
      await ended
    }
  }

  it.runIf(has("nginx"))("nginx with two workers serves fifty at once", async () => {
    const work = folder("nginx")
    const port = freePort()
    writeFileSync(join(work, "index.html"), "<p>nginx here</p>\n".repeat(1000))
    writeFileSync(join(work, "nginx.conf"), `daemon off; ${process.getuid!() === 0 ? "user root root; " : ""}worker_processes 2; pid ${work}/nginx.pid; error_log ${work}/error.log;
      events { worker_connections 256; }
      http { access_log ${work}/access.log; client_body_temp_path ${work}/b; proxy_temp_path ${work}/p; fastcgi_temp_path ${work}/f; uwsgi_temp_path ${work}/u; scgi_temp_path ${work}/s;
        server { listen 127.0.0.1:${port}; root ${work}; } }`)
    const answers = await serve(["--write", work, "--cwd", work, "--", "nginx", "-p", work, "-c", join(work, "nginx.conf"), "-e", join(work, "error.log")], port, () =>
      Promise.all(Array.from({ length: 50 }, async (_, i) => {
        const response = await fetch(`http://127.0.0.1:${port}/${i % 5 === 0 ? "none" : ""}`)
        return `${response.status} ${response.status === 200 ? (await response.text()).length : 0}`
      })))
    expect([...new Set(answers)].sort()).toEqual(["200 18000", "404 0"])
    expect(readFileSync(join(work, "access.log"), "utf8").trim().split("\n")).toHaveLength(50)
  })

  it.runIf(has("redis-server"))("redis-server answers by TCP and by a socket in a granted directory, and persists", async () => {
    const work = folder("redis")
    const port = freePort()
    const answers = await serve(["--write", work, "--cwd", work, "--", "redis-server", "--port", String(port), "--dir", work, "--bind", "127.0.0.1", "--unixsocket", join(work, "redis.sock")], port, async () => {
      const cli = (...args: ReadonlyArray<string>) => execFileSync("redis-cli", args, { encoding: "utf8" }).trim()
      return [cli("-p", String(port), "set", "k", "v"), cli("-s", join(work, "redis.sock"), "get", "k"), cli("-p", String(port), "save")]
    })
    expect(answers).toEqual(["OK", "v", "OK"])
    expect(existsSync(join(work, "dump.rdb"))).toBe(true)
  })
})

describe("roots of other distributions", () => {
  const busybox = "/bin/busybox"
  it.runIf(needs("busybox-static", existsSync(busybox)))("a tree that has busybox and nothing else", async () => {
    const root = folder("busybox")
    mkdirSync(join(root, "bin"))
    for (const name of ["tmp", "etc", "proc", "dev"]) mkdirSync(join(root, name))
    copyFileSync(busybox, join(root, "bin/busybox"))
    execFileSync("sh", ["-c", "for a in $(./busybox --list | grep -vx busybox); do ln -s busybox $a; done"], { cwd: join(root, "bin") })
    writeFileSync(join(root, "etc/issue"), "a system of one program\n")
    writeFileSync(join(root, "bin/hello"), "#!/bin/sh\necho \"$0 $# $1\"\n")
    chmodSync(join(root, "bin/hello"), 0o755)
    const result = await sh("cat /etc/issue; ls / | xargs; hello x y; readlink /proc/self/exe; awk 'BEGIN { print 6 * 7 }'; ls /usr /lib 2>/dev/null; echo $(which gcc)", translated({ root }))
    expect(result.stderr).toBe("")
    expect(result.stdout).toMatch(/^a system of one program\n.*bin .*etc .*\n\/bin\/hello 2 x\n\/bin\/busybox\n42\n\n$/)
  })

  it.runIf(has("musl-gcc"))("a tree of musl: another loader, libraries found from $ORIGIN and LD_LIBRARY_PATH, threads", async () => {
    const root = folder("musl")
    for (const name of ["bin", "lib", "opt/lib", "tmp", "proc", "dev"]) mkdirSync(join(root, name), { recursive: true })
    copyFileSync(busybox, join(root, "bin/busybox"))
    execFileSync("ln", ["-s", "busybox", join(root, "bin/sh")])
    execFileSync("cp", ["-L", "/lib/ld-musl-x86_64.so.1", join(root, "lib/ld-musl-x86_64.so.1")])
    const source = join(root, "tmp/main.c")
    writeFileSync(join(root, "tmp/part.c"), "int part(void) { return 41; }\n")
    writeFileSync(source, `#include <pthread.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>
int part(void);
static void *one(void *n) { ++*(int *)n; return 0; }
int main(int argc, char **argv) {
  pthread_t t; int n = part(); char exe[256] = {0}; (void)argc;
  pthread_create(&t, 0, one, &n); pthread_join(t, 0);
  readlink("/proc/self/exe", exe, sizeof exe - 1);
  printf("%d %s %s %s\\n", n, argv[0], exe, (char *)getauxval(AT_EXECFN));
}
`)
    execFileSync("musl-gcc", ["-shared", "-fPIC", "-o", join(root, "opt/lib/libpart.so"), join(root, "tmp/part.c")])
    for (const [name, flag] of [["origin", "-Wl,-rpath,$ORIGIN/../opt/lib"], ["bare", "-Wl,-z,now"]] as const) {
      execFileSync("musl-gcc", ["-pthread", "-o", join(root, "bin", name), source, "-L", join(root, "opt/lib"), "-lpart", flag])
    }
    execFileSync("musl-gcc", ["-static", "-pthread", "-o", join(root, "bin/static"), source, join(root, "tmp/part.c")])
    const result = await run(["/bin/sh", "-c", "origin; LD_LIBRARY_PATH=/opt/lib bare; cd /bin && ./static; /lib/ld-musl-x86_64.so.1 --library-path /opt/lib /bin/bare"], translated({ root }))
    expect(result.stderr).toBe("")
    expect(result.stdout.split("\n").slice(0, 3)).toEqual(["42 origin /bin/origin /bin/origin", "42 bare /bin/bare /bin/bare", "42 ./static /bin/static ./static"])
    expect(result.stdout.split("\n")[3]).toMatch(/^42 /)
  })

  it.runIf(needs("dpkg and apt-cache", spawnSync("sh", ["-c", "command -v dpkg-query && command -v apt-cache"]).status === 0))("a tree of Debian's packages: bash, coreutils, perl, its own libraries", async () => {
    const root = folder("debian")
    treeOfPackages(root, ["base-files", "bash", "coreutils", "dash", "grep", "sed", "perl-base", "libc-bin", "findutils"])
    writeFileSync(join(root, "etc/debian_version"), "another one\n")
    const script = "cat /etc/debian_version; set -e; [[ $(echo a,b | sed s/,/-/) == a-b ]]; perl -e 'print join(\" \", map { $_ * 2 } 1..3), \"\\n\"'; find /usr/bin -name 'ba*sh'; ldd /bin/bash | grep -c /lib; (cd /tmp && echo x > f && cat f); touch /usr/new 2>&1 | grep -o 'Read-only\\|denied' || true"
    const result = await run(["/bin/bash", "-c", script], translated({ root }))
    expect(result.stdout).toMatch(/^another one\n2 4 6\n\/usr\/bin\/bash\n[2-9]\nx\n/)
    expect(existsSync(join(root, "usr/new"))).toBe(false)
  }, 60_000)
})
