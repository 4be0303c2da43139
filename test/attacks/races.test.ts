/**
 * Races: what is decided on, and what is then acted on, must be the same. Each lasts a bounded time, with a schedule from a seed that a
 * failure prints (RVISOR_TEST_SEED), and its control shows that a check of the program's own is evaded in the same way.
 */
import { spawn } from "node:child_process"
import { createSocket } from "node:dgram"
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { directory, expectHeld, expectWon, native, program, WON } from "./run.ts"
import { type RowName, rowsOf } from "./rows.ts"

const tries = (said: string) => Number(/(\d+) tries/.exec(said)?.[1])

const pathModes = ["open", "shared-open", "rename-old", "rename-new", "link-old", "link-new", "shared-link-old", "symlink", "move"]
const addressModes = ["connect", "sendto", "sendmsg", "sendmmsg", "swap"]
/** All where init is notified; by the other ways to the same code, one of each kind. */
const modes = (row: RowName, all: ReadonlyArray<string>, some: ReadonlyArray<string>) => row === "notify" ? all : some

describe("race_paths: what is decided is what is acted on", () => {
  const files = (path: string) => {
    for (const [name, content] of [[".env", "TREASURE\n"], ["plain", "nothing\n"]] as const) {
      // Put there whole: a guest may take it away at once.
      const made = `${path}-${name}`
      writeFileSync(made, content)
      chmodSync(made, 0o666)
      renameSync(made, join(path, name))
    }
  }
  const make = (name: string) => {
    const path = join(directory, name)
    mkdirSync(path)
    chmodSync(path, 0o777)
    return path
  }
  for (const mode of pathModes) {
    it(`without rvisor: ${mode}`, () => {
      const path = make(`race-control-${mode}`)
      files(path)
      expectWon("race_paths", [mode, path], { timeout: 30_000 })
    }, 60_000)
  }
  for (const row of rowsOf("race_paths")) {
    for (const mode of modes(row, pathModes, ["shared-open", "link-new"])) {
      it(`${row}: ${mode}`, async () => {
        const path = make(`race-${row}-${mode}`)
        const filesystem = { write: [path], deny: [join(path, "**/.env*"), join(path, "in/*.key")].map((each) => ({ path: each, optional: true })), decide: "calls" as const }
        const running = expectHeld(row, "race_paths", [mode, path], { filesystem })
        // When the guest is there, or soon after: no name that is denied may be found by the set-up.
        const timer = setTimeout(files, row === "ptrace" ? 2000 : 300, path)
        const said = await running.finally(() => clearTimeout(timer))
        expect(tries(said)).toBeGreaterThan(100)
        expect(readFileSync(join(path, ".env"), "utf8")).toBe("TREASURE\n")
      }, 60_000)
    }
  }
})

describe("race_addresses: what is decided is what is sent to", () => {
  const served = async (mode: string, act: (ports: ReadonlyArray<string>, heard: { granted: number; denied: number }) => Promise<void>) => {
    const heard = { granted: 0, denied: 0 }
    const servers = await Promise.all((["granted", "denied"] as const).map(async (which) => {
      if (mode === "connect") {
        const server = createServer((socket) => {
          heard[which]++
          socket.on("error", () => {}).destroy()
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return { port: (server.address() as { port: number }).port, close: () => server.close() }
      }
      const socket = createSocket("udp4").on("message", () => heard[which]++)
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
      return { port: socket.address().port, close: () => socket.close() }
    }))
    try {
      await act(servers.map(({ port }) => String(port)), heard)
    } finally {
      for (const { close } of servers) close()
    }
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 100))
  for (const mode of addressModes) {
    it(`without rvisor: ${mode}`, () =>
      served(mode, async (ports, heard) => {
        const control = spawn(program("race_addresses"), [mode, ...ports], { stdio: "ignore" })
        const code = await new Promise<number | null>((resolve) => control.on("exit", resolve))
        await settled()
        expect(code === WON || heard.denied > 0).toBe(true)
      }), 60_000)
  }
  for (const row of rowsOf("race_addresses")) {
    for (const mode of modes(row, addressModes, ["connect", "sendmsg"])) {
      it(`${row}: ${mode}`, () =>
        served(mode, async (ports, heard) => {
          await expectHeld(row, "race_addresses", [mode, ...ports], { network: { mode: "host", connect: [`127.0.0.1:${ports[0]!}`] } })
          await settled()
          expect(heard.denied).toBe(0)
          expect(heard.granted).toBeGreaterThan(0)
        }), 60_000)
    }
  }
})

describe("race_descriptors: what goes between a thread and init goes nowhere else", () => {
  /** Runs beside a server of the host's; how often it has heard something. */
  const served = async (name: string, act: (socket: string) => Promise<void>): Promise<number> => {
    const socket = join(directory, `descriptors-${name}`)
    let said = ""
    const server = spawn(program("race_descriptors"), ["serve", socket], { stdio: ["ignore", "pipe", "inherit"] })
    const up = new Promise<void>((resolve) => server.stdout.on("data", (bytes: Buffer) => {
      said += bytes.toString()
      if (said.startsWith("serving\n")) resolve()
    }))
    await up
    await act(socket).finally(() => setTimeout(() => server.kill(), 100))
    await new Promise((resolve) => server.on("close", resolve))
    return said.split("heard\n").length - 1
  }
  it("without rvisor", async () => expect(await served("control", async (socket) => expectWon("race_descriptors", ["control", socket]))).toBeGreaterThan(0), 60_000)
  for (const row of rowsOf("race_descriptors")) {
    for (const mode of ["give", "take", "code"]) {
      it(`${row}: ${mode}`, async () => {
        const heard = await served(`${row}-${mode}`, async (socket) => {
          const said = await expectHeld(row, "race_descriptors", [mode, socket])
          expect(tries(said)).toBeGreaterThan(100)
          expect(Number(/(\d+) done/.exec(said)?.[1])).toBeGreaterThan(50)
        })
        expect(heard).toBe(0)
      }, 60_000)
    }
  }
})

describe("calls that something interrupts, or whose arguments are not there", () => {
  const files = () => {
    const paths = ["denied", "granted"].map((name) => join(directory, `storm-${name}`))
    writeFileSync(paths[0]!, "TREASURE\n")
    writeFileSync(paths[1]!, "nothing\n")
    return paths
  }
  it("signal_storm: without rvisor", () => expectWon("signal_storm", files()))
  for (const row of rowsOf("signal_storm")) {
    it(`signal_storm: ${row}`, async () => {
      const [denied, granted] = files()
      const said = await expectHeld(row, "signal_storm", [denied!, granted!], { filesystem: { read: [denied!, granted!], deny: [denied!] } })
      expect(Number(/(\d+) signals/.exec(said)?.[1])).toBeGreaterThan(100)
    }, 60_000)
  }

  it("unmapped: without rvisor", () => expectWon("unmapped"))
  for (const row of rowsOf("unmapped")) {
    it(`unmapped: ${row}`, async () => void await expectHeld(row, "unmapped", [], { network: { mode: "none", connect: ["unix:/tmp/**"], bind: ["unix:/tmp/**"] } }), 60_000)
  }
})

describe("untraced: a traced guest has no child that is not", () => {
  it("without rvisor: strace is escaped", () => expect(native(["strace", "--follow-forks", "--output=/dev/null", program("untraced")])).toMatchObject({ code: WON }))
  for (const row of rowsOf("untraced")) it(row, async () => void await expectHeld(row, "untraced"))
})
