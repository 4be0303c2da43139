/** Attacks on what listens: services of the host, addresses that no rule grants, metadata services. */
import { createSocket } from "node:dgram"
import { createServer } from "node:net"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import type { PolicyInput } from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import { directory, expectHeld, expectWon, possible, program, WON } from "./run.ts"
import { rowsOf } from "./rows.ts"

/** Runs a program without rvisor while the event loop goes on, which serves it. */
const natively = (name: string, ...args: ReadonlyArray<string>): Promise<number | null> =>
  new Promise((resolve, reject) => spawn(program(name), args, { stdio: "ignore" }).on("error", reject).on("exit", resolve))

const listening = async <A>(path: string, act: () => Promise<A>): Promise<A> => {
  const server = createServer((socket) => socket.on("error", () => {}).end())
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path.startsWith("\0") ? { path } : { path, writableAll: true, readableAll: true }, resolve))
  try {
    return await act()
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe("abstract_socket: a server of the host is not reached, neither from an own network nor from the host's", () => {
  const name = `rvisor-attack-${process.pid}`
  it("without rvisor", () => listening(`\0${name}`, async () => expect(await natively("abstract_socket", name)).toBe(WON)))
  for (const row of rowsOf("abstract_socket")) {
    it(row, () =>
      listening(`\0${name}`, async () => {
        await expectHeld(row, "abstract_socket", [name])
        const layers = await Effect.runPromise(Effect.scoped(Effect.map(Sandbox.spawn(Command.make("true")), (sandbox) => sandbox.layers)))
        const abi = Number(layers.find((layer) => layer.startsWith("landlock:"))?.split(":")[1] ?? 0)
        if (abi >= 6) await expectHeld(row, "abstract_socket", [name], { network: "host" })
      }))
  }
})

describe("host_sockets: services of the host are not in the view", () => {
  const path = join(directory, "docker.sock")
  it("without rvisor", () => listening(path, async () => expect(await natively("host_sockets", path)).toBe(WON)))
  for (const row of rowsOf("host_sockets")) {
    it(row, () =>
      listening(path, async () => {
        await expectHeld(row, "host_sockets", [path])
        await expectHeld(row, "host_sockets", [path], { network: "host" })
      }))
  }
})

describe("addresses: nothing arrives where no rule grants it", () => {
  const served = async (act: (ports: readonly [granted: number, denied: number], heard: { granted: number; denied: number }) => Promise<void>) => {
    const heard = { granted: 0, denied: 0 }
    const close: Array<() => void> = []
    const ports = await Promise.all((["granted", "denied"] as const).map(async (which) => {
      const tcp = createServer((socket) => {
        heard[which]++
        socket.on("error", () => {}).destroy()
      })
      await new Promise<void>((resolve) => tcp.listen(0, "::", resolve))
      const { port } = tcp.address() as { readonly port: number }
      const udp = createSocket({ type: "udp6" }).on("message", () => heard[which]++)
      await new Promise<void>((resolve) => udp.bind(port, "::", resolve))
      close.push(() => tcp.close(), () => udp.close())
      return port
    }))
    try {
      await act(ports as never, heard)
    } finally {
      for (const each of close) each()
    }
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 100))
  it("without rvisor", () =>
    served(async ([granted, denied], heard) => {
      expect(await natively("addresses", String(granted), String(denied))).toBe(WON)
      await settled()
      expect(heard.denied).toBeGreaterThan(5)
    }))
  for (const row of rowsOf("addresses")) {
    it(row, () =>
      served(async ([granted, denied], heard) => {
        await expectHeld(row, "addresses", [String(granted), String(denied)], { network: { mode: "host", connect: [`127.0.0.1:${granted}`] } })
        await settled()
        expect(heard.denied).toBe(0)
        expect(heard.granted).toBeGreaterThan(0)
      }))
  }
})

describe("loopback: a server of the host's own loopback is not reached", () => {
  const served = async (act: (port: string) => Promise<void>) => {
    const server = createServer((socket) => socket.on("error", () => {}).destroy())
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    try {
      await act(String((server.address() as { readonly port: number }).port))
    } finally {
      server.close()
    }
  }
  it("without rvisor", () => served(async (port) => expect(await natively("loopback", port)).toBe(WON)))
  for (const row of rowsOf("loopback").filter(possible)) it(row, () => served(async (port) => void await expectHeld(row, "loopback", [port])), 60_000)
})

describe("metadata: credentials of the machine are not asked for", () => {
  it("without rvisor", () => expectWon("metadata"))
  for (const row of rowsOf("metadata")) {
    it(row, async () => {
      await expectHeld(row, "metadata")
      const everywhere: PolicyInput = { network: { mode: "host", connect: ["*:*"] } }
      if (row !== "filter") await expectHeld(row, "metadata", [], everywhere)
    })
  }
})
