/**
 * Servers inside against outside: the same binary, configuration and client, the client always outside; only the sandbox differs. After it has
 * accepted a connection a server under rvisor makes no call that is mediated, so the ratio should be 1.
 */
import { spawn } from "node:child_process"
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { type Bench, eachContestant, within } from "./bench.ts"
import { type Contestant, ended, environment, type Job, located, native, type Prepared, succeeded } from "./contestants.ts"
import { guarded } from "./guard.ts"
import type { Figure, Sample } from "./measure.ts"

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true) })
    socket.on("error", () => resolve(false))
  })

const until = async (what: () => Promise<boolean>, seconds: number): Promise<boolean> => {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 25))) if (await what()) return true
  return false
}

/** Runs a server for the time of one client run. */
const during = async (prepared: Prepared, directory: string, port: number, client: () => Promise<Sample>, ready: () => Promise<boolean> = () => accepts(port)): Promise<Sample> => {
  if (await accepts(port)) throw new Error(`something else listens on port ${port}`)
  const { argv } = prepared
  const child = guarded(spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "ignore", "pipe"], cwd: directory, env: { ...environment, HOME: directory }, detached: true }))
  let said = "", over = false
  child.stderr.setEncoding("utf8").on("data", (text: string) => said = (said + text).slice(-2000))
  child.on("error", (error) => said += error.message)
  const end = new Promise<void>((resolve) => child.on("close", () => {
    over = true
    resolve()
  }))
  try {
    if (!await until(async () => over || await ready(), 30) || over) throw new Error(`the server does not come up: ${said.trim().split("\n").slice(-2).join("; ")}`)
    return await client()
  } finally {
    child.kill("SIGTERM")
    // A tracer that ends leaves what it traced behind: all of the group must go.
    if (!await until(async () => over && !await accepts(port), 2)) {
      try {
        process.kill(-child.pid!, "SIGKILL")
      } catch { /* gone meanwhile */ }
    }
    await end
    prepared.reset()
    await until(async () => !await accepts(port), 10)
  }
}

const needed = (...programs: ReadonlyArray<readonly [program: string, debian: string]>): void => {
  const missing = programs.filter(([program]) => located(program) === undefined)
  if (missing.length > 0) throw new Error(`${missing.map(([program]) => program).join(", ")} is not on this host: apt-get install ${missing.map(([, debian]) => debian).join(" ")}`)
}

const rate = (name: string): Figure => ({ name, unit: "requests/s", better: "higher" })

/** Apache's own client. Answers the rate; the work is what came back. */
const ab = async (directory: string, requests: number, clients: number, port: number): Promise<Sample> => {
  const { stdout } = await succeeded({ argv: ["ab", "-q", "-n", String(requests), "-c", String(clients), `http://127.0.0.1:${port}/`] }, directory, 120)
  const field = (name: string) => new RegExp(`^${name}:\\s+([\\d.]+)`, "m").exec(stdout)?.[1]
  return { values: [Number(field("Requests per second"))], work: `${field("Complete requests")} requests, ${field("Failed requests")} failed, ${field("HTML transferred")} bytes of documents` }
}

const nginx = (bench: Bench): Promise<void> =>
  bench.set("nginx", "nginx", (compare) =>
    within(async (directory) => {
      needed(["nginx", "nginx-light"], ["ab", "apache2-utils"])
      const port = 18080
      writeFileSync(join(directory, "index.html"), "x".repeat(612)) // the size of nginx's own welcome page
      writeFileSync(join(directory, "nginx.conf"), `daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f;
  uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s; server { listen 127.0.0.1:${port} backlog=1024; root ${directory}; } }\n`)
      const argv = [located("nginx")!, "-c", join(directory, "nginx.conf"), "-e", join(directory, "error.log")]
      return eachContestant(() => ({ argv, directory, network: "host" }), (prepared) => during(prepared, directory, port, () => ab(directory, 50_000, 100, port)), (subjects) =>
        compare([rate("nginx, `ab -n 50000 -c 100`")], subjects, { rounds: 5, seconds: 120, warm: false }))
    }))

const node = (bench: Bench): Promise<void> =>
  bench.set("node", "node:http", (compare) =>
    within(async (directory) => {
      needed(["ab", "apache2-utils"])
      const port = 18081
      writeFileSync(join(directory, "server.mjs"), `import { createServer } from "node:http"
const body = Buffer.alloc(1024, "x")
createServer((_request, response) => response.end(body)).listen(${port}, "127.0.0.1", 1024)
process.on("SIGTERM", () => process.exit(0))\n`)
      const argv = [process.execPath, join(directory, "server.mjs")]
      return eachContestant(() => ({ argv, directory, reads: [process.execPath], network: "host" }), (prepared) => during(prepared, directory, port, () => ab(directory, 8000, 50, port)), (subjects) =>
        compare([rate("node:http, `ab -n 8000 -c 50`")], subjects, { rounds: 5, seconds: 60, warm: false }))
    }))

const redis = (bench: Bench): Promise<void> =>
  bench.set("redis", "redis", (compare) =>
    within(async (directory) => {
      needed(["redis-server", "redis-server"], ["redis-benchmark", "redis-tools"])
      const port = 16379
      const argv = [located("redis-server")!, "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory]
      const tests = ["SET", "GET", "LRANGE_100 (first 100 elements)"]
      const client = async (): Promise<Sample> => {
        const { stdout } = await succeeded({ argv: ["redis-benchmark", "-p", String(port), "-t", "set,get,lrange_100", "-n", "40000", "-c", "50", "--csv"] }, directory, 120)
        const rates = new Map(stdout.trim().split("\n").map((line) => line.split("\",\"").map((cell) => cell.replaceAll("\"", ""))).map(([name, value]) => [name!, Number(value)]))
        const info = await succeeded({ argv: ["redis-cli", "-p", String(port), "info", "commandstats"] }, directory)
        const calls = (name: string) => new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m").exec(info.stdout)?.[1]
        return { values: tests.map((name) => rates.get(name.startsWith("LRANGE") ? [...rates.keys()].find((key) => key.startsWith("LRANGE_100"))! : name)!), work: `${calls("set")} SET, ${calls("get")} GET, ${calls("lrange")} LRANGE` }
      }
      return eachContestant(() => ({ argv, directory, network: "host" }), (prepared) => during(prepared, directory, port, client), (subjects) =>
        compare(["SET", "GET", "LRANGE of 100"].map((test) => rate(`redis-benchmark -c 50, ${test}`)), subjects, { rounds: 5, seconds: 90, warm: false }))
    }))

/** Not root, whom PostgreSQL refuses to be. */
const USER = 1000

const postgresql = (bench: Bench): Promise<void> =>
  bench.set("postgresql", "PostgreSQL", (compare) =>
    within(async (directory) => {
      const versions = "/usr/lib/postgresql"
      const newest = [...(located("pgbench") === undefined ? [] : readdirSync(versions))].sort((a, b) => Number(b) - Number(a))[0]
      if (newest === undefined) throw new Error("PostgreSQL is not on this host: apt-get install postgresql")
      const program = (name: string) => join(versions, newest, "bin", name)
      const port = 15432, host = ["-h", "127.0.0.1", "-p", String(port), "-U", "bench"]
      const server = (data: string) => [program("postgres"), "-D", data, "-p", String(port), "-k", data, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "autovacuum=off", "-c", "shared_buffers=64MB"]
      /** It listens before it serves. */
      const ready = async () => (await ended({ argv: [program("pg_isready"), "-q", ...host] }, directory)).code === 0
      const root = process.getuid!() === 0
      // One database, made outside; every contestant gets a copy of it, owned by the user that its server is.
      const model = join(directory, "model")
      mkdirSync(model, { mode: 0o700 })
      if (root) chownSync(model, USER, USER)
      const job = (argv: ReadonlyArray<string>): Job => ({ argv, directory, user: USER })
      await succeeded(native.prepare(job([program("initdb"), "-D", model, "-U", "bench", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"])), directory)
      await during(native.prepare(job(server(model))), directory, port, async () => {
        await succeeded({ argv: [program("pgbench"), "-i", "-q", "-s", "2", ...host, "postgres"] }, directory)
        return { values: [], work: "" }
      }, ready)
      const places = new Map<string, string>()
      const jobOf = ({ name }: Contestant): Job => {
        const place = join(directory, name.replaceAll(/\W+/g, "-")), data = join(place, "data")
        mkdirSync(place)
        cpSync(model, data, { recursive: true })
        chmodSync(data, 0o700)
        places.set(name, place)
        // In rvisor's view the caller is user 1000; elsewhere root stays root and becomes that user inside.
        const inside = name === "rvisor"
        if (root) for (const path of [place, data, ...readdirSync(data, { recursive: true }).map((each) => join(data, String(each)))]) chownSync(path, inside ? 0 : USER, inside ? 0 : USER)
        return { argv: server(data), directory: place, network: "host", ...(inside ? {} : { user: USER }) }
      }
      const client = async (): Promise<Sample> => {
        const one = async (what: ReadonlyArray<string>, transactions: number): Promise<readonly [number, string]> => {
          const { stdout } = await succeeded({ argv: [program("pgbench"), "-n", ...what, "-c", "4", "-t", String(transactions), ...host, "postgres"] }, directory)
          return [Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]), `${/actually processed: (\d+\/\d+)/.exec(stdout)?.[1]} transactions, ${/failed transactions: (\d+)/.exec(stdout)?.[1]} failed`]
        }
        const [select, selected] = await one(["-S"], 5000)
        const [update, updated] = await one(["-N"], 1000)
        return { values: [select, update], work: `select: ${selected}; update: ${updated}` }
      }
      return eachContestant(jobOf, (prepared, { name }) => {
        // Of a server that was killed.
        rmSync(join(places.get(name)!, "data/postmaster.pid"), { force: true })
        return during(prepared, places.get(name)!, port, client, ready)
      }, (subjects) =>
        compare([{ ...rate("pgbench -c 4, select (`-S`)"), unit: "transactions/s" }, { ...rate("pgbench -c 4, update (`-N`)"), unit: "transactions/s" }], subjects, { rounds: 4, seconds: 80, warm: false }))
    }))

export const servers = async (bench: Bench): Promise<void> => {
  await nginx(bench)
  await redis(bench)
  await postgresql(bench)
  await node(bench)
}

