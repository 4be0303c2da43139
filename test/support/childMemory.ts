/**
 * Memory of a process that the test started, through /proc/<pid>/mem: a real GuestMemory for tests of pointers, and a small C
 * program to look into.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { GuestFault, GuestMemory } from "../../sdk/GuestMemory.ts"

export interface Child {
  readonly memory: GuestMemory["Service"]
  /** What the program printed as `name address` at its start. */
  readonly addresses: ReadonlyMap<string, bigint>
  /** Sends a line and waits for the line that answers it. */
  readonly ask: (line: string) => Promise<string>
  readonly stop: () => void
}

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ""

export const memoryOf = (pid: number): { readonly memory: GuestMemory["Service"]; readonly close: () => void } => {
  const file = openSync(`/proc/${pid}/mem`, "r+")
  const fault = (access: "read" | "write", address: bigint, length: number, error: unknown) =>
    new GuestFault({ access, address, length, reason: code(error) === "ESRCH" ? "gone" : "unmapped" })
  const part = (address: bigint, bytes: Uint8Array): number => {
    // A file offset is signed, so the upper half of the address space is out of reach (and the kernel's).
    if (address >= 1n << 63n) return 0
    return readSync(file, bytes, 0, bytes.length, address)
  }
  const read = (address: bigint, length: number) =>
    Effect.try({
      try: () => {
        const bytes = new Uint8Array(length)
        let done = 0
        while (done < length) {
          const n = part(address + BigInt(done), bytes.subarray(done))
          if (n === 0) throw Object.assign(new Error("end"), { code: "EIO" })
          done += n
        }
        return bytes
      },
      catch: (error) => fault("read", address, length, error)
    })
  const memory = GuestMemory.of({
    read,
    write: (address, bytes) =>
      Effect.try({
        try: () => {
          if (writeSync(file, bytes, 0, bytes.length, Number(address)) !== bytes.length) throw Object.assign(new Error("short"), { code: "EIO" })
        },
        catch: (error) => fault("write", address, bytes.length, error)
      }),
    readCString: Effect.fnUntraced(function*(address: bigint, max: number) {
      const found: Array<Uint8Array> = []
      let length = 0
      while (length < max) {
        // Never over a page's end before the NUL is known not to be on it.
        const at = address + BigInt(length)
        const chunk = yield* read(at, Math.min(4096 - Number(at & 4095n), max - length))
        const end = chunk.indexOf(0)
        found.push(end < 0 ? chunk : chunk.subarray(0, end))
        length += chunk.length
        if (end >= 0) return Buffer.concat(found)
      }
      return yield* new GuestFault({ access: "read", address, length: max, reason: "tooLong" })
    })
  })
  return { memory, close: () => closeSync(file) }
}

/** Compiles a C program with gcc and gives what it prints. */
export const runC = (source: string, ...flags: ReadonlyArray<string>): string => {
  const folder = mkdtempSync(join(tmpdir(), "rvisor-c-"))
  try {
    writeFileSync(join(folder, "main.c"), source)
    execFileSync("gcc", ["-w", "-o", join(folder, "main"), ...flags, join(folder, "main.c")], { stdio: ["ignore", "ignore", "pipe"] })
    return execFileSync(join(folder, "main"), { encoding: "utf8" })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Compiles and starts a C program that prints `name address` lines and then `ready`, and answers lines on its input. */
export const startC = async (source: string): Promise<Child> => {
  const folder = mkdtempSync(join(tmpdir(), "rvisor-c-"))
  writeFileSync(join(folder, "main.c"), source)
  execFileSync("gcc", ["-w", "-O1", "-o", join(folder, "main"), join(folder, "main.c")], { stdio: ["ignore", "ignore", "pipe"] })
  const child: ChildProcess = spawn(join(folder, "main"), { stdio: ["pipe", "pipe", "inherit"] })
  const lines: Array<string> = []
  const waiting: Array<(line: string) => void> = []
  let rest = ""
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop()!
    for (const line of parts) {
      const next = waiting.shift()
      if (next === undefined) lines.push(line)
      else next(line)
    }
  })
  const line = (): Promise<string> => lines.length > 0 ? Promise.resolve(lines.shift()!) : new Promise((resolve) => waiting.push(resolve))
  const addresses = new Map<string, bigint>()
  for (let text = await line(); text !== "ready"; text = await line()) {
    const [name, address] = text.split(" ")
    addresses.set(name!, BigInt(address!))
  }
  const { memory, close } = memoryOf(child.pid!)
  return {
    memory,
    addresses,
    ask: (text) => {
      child.stdin!.write(`${text}\n`)
      return line()
    },
    stop: () => {
      close()
      child.kill("SIGKILL")
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
