/**
 * Real programs under the sandbox, each doing its real work: what people run, not what is easy to run.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../sdk/Command.ts"
import * as Policy from "../sdk/Policy.ts"
import * as Sandbox from "../sdk/Sandbox.ts"
import { freePort, listening } from "./support/ports.ts"
import { has, run, scratch } from "./support/sandbox.ts"

const directory = scratch()
const folder = (name: string): string => {
  const path = join(directory, name)
  mkdirSync(path, { recursive: true })
  return path
}
type Files = NonNullable<Policy.PolicyInput["filesystem"]>

describe.each<readonly [title: string, files: Files]>([
  ["decided by mounts", {}],
  ["decided at each call", { decide: "calls", deny: [{ path: "/**/.env", optional: true }] }]
])("%s", (title, files) => {
  const policy = (more: Files = {}) => Policy.make({ filesystem: { ...files, ...more } })

  describe("shell and coreutils", () => {
    it("runs pipelines, here-documents, globs and job waits", async () => {
      const script = `set -e
        printf 'b\\na\\nc\\n' | sort | tr 'a-z' 'A-Z' | paste -sd,
        for i in 1 2 3; do (sleep 0.$i; echo $i) & done; wait
        cat <<X
here $(seq 3 | wc -l)
X
        cd /tmp && touch x1 x2 && echo x* && stat -c %F . && [ ! -e /root ] && [ ! -e /home ]`
      const result = await run(["sh", "-c", script], policy())
      expect(result.stderr).toBe("")
      expect(result.stdout).toBe("A,B,C\n1\n2\n3\nhere 3\nx1 x2\ndirectory\n")
      expect(result.code).toBe(0)
    })

    it("copies, links, archives and compares in the private /tmp", async () => {
      const script = `cd /tmp && mkdir a && seq 1000 > a/n && ln -s n a/l && ln a/n a/h && tar cf a.tar a && mkdir b && tar xf a.tar -C b && diff -r a b/a \
        && cp -a a c && find c -type f | wc -l && du -s a | cut -f2 && gzip -k a.tar && gunzip -c a.tar.gz | cmp - a.tar && mv c d && rm -r d && ls`
      const result = await run(["sh", "-c", script], policy())
      expect(result.stderr).toBe("")
      expect(result.stdout).toBe("2\na\na\na.tar\na.tar.gz\nb\n")
    })

    it.runIf(has("ps"))("ps sees the guest's own processes and nothing else", async () => {
      const result = await run(["sh", "-c", "sleep 5 & while ! read -r name < /proc/$!/comm || [ \"$name\" != sleep ]; do :; done; ps -eo pid,comm --no-headers"], policy())
      const names = result.stdout.trim().split("\n").map((line) => line.trim().split(/\s+/)[1])
      expect(names.sort()).toEqual(["ps", "rvisor-init", "sh", "sleep"])
    })

    it("stat and ls show the same as outside", async () => {
      const script = "stat -c '%n %s %a %F' /usr/bin/env; ls /usr/share | sort"
      const result = await run(["sh", "-c", script], policy())
      expect(result.stdout).toBe(execFileSync("sh", ["-c", script], { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } }))
    })
  })

  describe("languages", () => {
    it.runIf(has("python3"))("python3: threads, subprocesses, sqlite, sockets on its own loopback", async () => {
      const program = `
import threading, subprocess, sqlite3, socket, os, json, tempfile, multiprocessing
results = []
ts = [threading.Thread(target=lambda i=i: results.append(i * i)) for i in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]
assert sorted(results) == [i * i for i in range(20)]
assert subprocess.run(["sh", "-c", "echo $((6*7))"], capture_output=True).stdout == b"42\\n"
db = sqlite3.connect(os.path.join(tempfile.mkdtemp(), "x.db"))
db.execute("create table t(a)"); db.executemany("insert into t values (?)", [(i,) for i in range(100)]); db.commit()
assert db.execute("select sum(a) from t").fetchone() == (4950,)
s = socket.create_server(("127.0.0.1", 80))
c = socket.create_connection(("127.0.0.1", 80)); a, _ = s.accept(); a.sendall(b"hi"); assert c.recv(2) == b"hi"
with multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
print(json.dumps({"uid": os.getuid(), "cwd": os.getcwd()}))
`
      const result = await run(["/usr/bin/python3", "-c", program], policy())
      expect(result.stderr).toBe("")
      expect(JSON.parse(result.stdout)).toMatchObject({ uid: 1000 })
    })

    it("node: fs, worker threads, child processes, http on its own loopback", async () => {
      const node = process.execPath
      const work = folder(`node-${title.length}`)
      writeFileSync(join(work, "main.mjs"), `
  import { Worker } from "node:worker_threads"; import { execFileSync } from "node:child_process"; import http from "node:http"; import fs from "node:fs"
  const worker = await new Promise((resolve, reject) => { const w = new Worker("require('node:worker_threads').parentPort.postMessage(6*7)", { eval: true }); w.on("message", resolve); w.on("error", reject) })
  const server = http.createServer((_, res) => res.end("served")).listen(0, "127.0.0.1")
  await new Promise((r) => server.on("listening", r))
  const body = await (await fetch("http://127.0.0.1:" + server.address().port)).text()
  server.close()
  fs.writeFileSync("made.txt", "by node"); let refused = ""
  try { fs.readFileSync("/etc/shadow") } catch (e) { refused = e.code }
  console.log(JSON.stringify({ worker, child: execFileSync("echo", ["child"]).toString().trim(), body, refused }))
  `)
      const result = await run([node, join(work, "main.mjs")], policy({ write: [work], read: [node] }), { cwd: work })
      expect(result.stderr).toBe("")
      expect(JSON.parse(result.stdout)).toEqual({ worker: 42, child: "child", body: "served", refused: "ENOENT" })
      expect(readFileSync(join(work, "made.txt"), "utf8")).toBe("by node")
    })

    it.runIf(has("gcc"))("gcc compiles a program, which runs", async () => {
      const work = folder(`c-${title.length}`)
      writeFileSync(join(work, "main.c"), "#include <stdio.h>\n#include <math.h>\nint main(void){printf(\"%.3f\\n\", sqrt(2));return 3;}\n")
      const result = await run(["sh", "-c", "gcc -O2 -Wall -o main main.c -lm && ./main"], policy({ write: [work] }), { cwd: work })
      expect(result.stderr).toBe("")
      expect(result.stdout).toBe("1.414\n")
      expect(result.code).toBe(3)
    })
  })

  describe("git", () => {
    it.runIf(has("git"))("init, commit, branch, merge, clone, status in a granted directory", async () => {
      const work = folder(`git-${title.length}`)
      const script = `set -e
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q -b main repo; cd repo; seq 100 > f; git add f; git commit -qm one
        git checkout -qb side; echo x >> f; git commit -qam two; git checkout -q main; echo y > g; git add g; git commit -qm three
        git merge -q side -m merge; cd ..; git clone -q repo copy; cd copy; git status --short; git log --oneline | wc -l; git fsck`
      const result = await run(["sh", "-c", script], policy({ write: [work] }), { cwd: work })
      expect(result.stdout.trim()).toBe("4")
      expect(result.code).toBe(0)
      // What was made inside belongs to the caller outside.
      expect(execFileSync("git", ["-C", join(work, "copy"), "log", "-1", "--format=%s"], { encoding: "utf8" }).trim()).toBe("merge")
    })
  })
})

describe("servers under network: host", () => {
  const serve = <A>(command: Command.Command, policy: Policy.Policy, port: number, client: () => Promise<A>): Promise<A> =>
    Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.set(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" }), policy)
      yield* Effect.promise(() => listening(port))
      const answer = yield* Effect.promise(client)
      yield* sandbox.kill("SIGTERM")
      yield* sandbox.exit
      return answer
    }).pipe(Effect.scoped, Effect.runPromise)

  it.runIf(has("nginx"))("nginx with workers serves real clients", async () => {
    const work = folder("nginx")
    const port = freePort()
    mkdirSync(join(work, "logs"), { recursive: true })
    writeFileSync(join(work, "index.html"), "<p>nginx here</p>\n".repeat(1000))
    writeFileSync(join(work, "nginx.conf"), `daemon off; worker_processes 2; pid ${work}/nginx.pid; error_log ${work}/error.log;
      events { worker_connections 256; }
      http { access_log off; client_body_temp_path ${work}/b; proxy_temp_path ${work}/p; fastcgi_temp_path ${work}/f; uwsgi_temp_path ${work}/u; scgi_temp_path ${work}/s;
        server { listen 127.0.0.1:${port}; root ${work}; } }`)
    const policy = Policy.make({ filesystem: { write: [work] }, network: "host" })
    const command = Command.make("nginx", "-p", work, "-c", join(work, "nginx.conf"), "-e", join(work, "error.log"))
    const lengths = await serve(command, policy, port, () =>
      Promise.all(Array.from({ length: 50 }, async () => (await (await fetch(`http://127.0.0.1:${port}/`)).text()).length)))
    expect(new Set(lengths)).toEqual(new Set([18000]))
  })

  it.runIf(has("redis-server"))("redis-server answers a real client and persists", async () => {
    const work = folder("redis")
    const port = freePort()
    const policy = Policy.make({ filesystem: { write: [work] }, network: "host" })
    const command = Command.make("redis-server", "--port", String(port), "--dir", work, "--bind", "127.0.0.1")
    const answers = await serve(command, policy, port, async () => {
      const cli = (...args: Array<string>) => execFileSync("redis-cli", ["-p", String(port), ...args], { encoding: "utf8" }).trim()
      return [cli("set", "k", "v"), cli("get", "k"), cli("save"), cli("bgsave")]
    })
    expect(answers).toEqual(["OK", "v", "OK", "Background saving started"])
    expect(existsSync(join(work, "dump.rdb"))).toBe(true)
  })
})
