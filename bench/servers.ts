/**
 * Servers inside against outside: the same binary, configuration and client; only the sandbox differs. After it has accepted
 * a connection a server under rvisor makes no call that is mediated, so the ratio should be 1.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { interleave, type Row } from "./measure.ts"
import { executable, installed } from "./subjects.ts"

const listening = async (port: number): Promise<void> => {
  for (let attempt = 0; attempt < 400; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true) })
      socket.on("error", () => resolve(false))
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`nothing listens on port ${port}`)
}

const ended = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.on("exit", () => resolve()))

/** Runs a server for the time of one client run. */
const during = async (argv: ReadonlyArray<string>, port: number, client: () => number): Promise<number> => {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: "ignore" })
  const end = ended(child)
  try {
    await listening(port)
    return client()
  } finally {
    child.kill("SIGTERM")
    await end
  }
}

const sandboxed = (directory: string, argv: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...executable, "run", "--network", "host", "--write", directory, "--cwd", directory, "--", ...argv]

export const nginx = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  if (!installed("nginx") || !installed("ab")) throw new Error("nginx and ab are needed: apt-get install nginx-light apache2-utils")
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const port = 18080
  writeFileSync(join(directory, "index.html"), "x".repeat(612)) // the size of nginx's own welcome page
  writeFileSync(join(directory, "nginx.conf"), `daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f;
  uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s; server { listen 127.0.0.1:${port} backlog=1024; root ${directory}; } }\n`)
  if (process.getuid!() === 0) execFileSync("chmod", ["0755", directory])
  const argv = ["nginx", "-c", join(directory, "nginx.conf"), "-e", join(directory, "error.log")]
  const client = (): number => {
    const text = execFileSync("ab", ["-q", "-n", "50000", "-c", "100", `http://127.0.0.1:${port}/`], { encoding: "utf8" })
    if (!/Failed requests:\s+0\n/.test(text) || !/Complete requests:\s+50000\n/.test(text)) throw new Error(`ab did not complete:\n${text}`)
    return Number(/Requests per second:\s+([\d.]+)/.exec(text)![1])
  }
  try {
    const row = await interleave({ name: "nginx, `ab -n 50000 -c 100`", unit: "requests/s", better: "higher" }, 7, [
      { name: "native", measure: () => during(argv, port, client) },
      { name: "rvisor, network host", measure: () => during(sandboxed(directory, argv), port, client) }
    ], progress)
    return [row]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const redis = async (progress: (text: string) => void): Promise<ReadonlyArray<Row>> => {
  if (!installed("redis-server") || !installed("redis-benchmark")) throw new Error("redis is needed: apt-get install redis-server redis-tools")
  const directory = mkdtempSync(join(tmpdir(), "rvisor-bench-"))
  const port = 16379
  mkdirSync(directory, { recursive: true })
  const argv = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory]
  const client = (test: string) => (): number => {
    const text = execFileSync("redis-benchmark", ["-p", String(port), "-t", test, "-n", "200000", "-c", "50", "--csv"], { encoding: "utf8" })
    const line = text.trim().split("\n").at(-1)!
    return Number(line.split(",")[1]!.replaceAll("\"", ""))
  }
  try {
    const rows: Array<Row> = []
    for (const test of ["set", "get"]) {
      rows.push(await interleave({ name: `redis-benchmark ${test.toUpperCase()}`, unit: "requests/s", better: "higher" }, 7, [
        { name: "native", measure: () => during(argv, port, client(test)) },
        { name: "rvisor, network host", measure: () => during(sandboxed(directory, argv), port, client(test)) }
      ], progress))
    }
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
