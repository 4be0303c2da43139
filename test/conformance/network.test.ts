/**
 * A `network` with rules: every way to reach an address is decided, on the address as the kernel would read it, and what is granted works.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createSocket, type Socket } from "node:dgram"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { Effect, Fiber, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Command from "../../sdk/Command.ts"
import * as Policy from "../../sdk/Policy.ts"
import * as Sandbox from "../../sdk/Sandbox.ts"
import type { Violation } from "../../sdk/Violation.ts"
import { run, scratch } from "../support/sandbox.ts"
import { text } from "../support/stream.ts"

const directory = scratch()
const script = join(directory, "net.py")
const heard: Array<string> = []
let tcp: Server, udp: Socket, unix: Server, port: number

// Makes each attempt and prints its name with `ok` or the errno.
const program = `
import ctypes, errno, os, socket, struct, sys
port, inet, inet6, unix, stream, dgram = int(sys.argv[1]), socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.SOCK_STREAM, socket.SOCK_DGRAM
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, what):
    try:
        result = what()
        print(name, "ok" if result is None else result)
    except OSError as e: print(name, errno.errorcode[e.errno])
def connect(family, address, kind=stream):
    with socket.socket(family, kind) as s: s.connect(address)
def bind(family, address, kind=stream, listen=True):
    with socket.socket(family, kind) as s:
        s.bind(address)
        if listen and kind == stream: s.listen(1)
def sendto(address, family=inet, kind=dgram, flags=0):
    with socket.socket(family, kind) as s: s.sendto(b"sendto", flags, address)
def sendmsg(address, control=[]):
    with socket.socket(inet, dgram) as s: s.sendmsg([b"send", b"msg"], control, 0, address)
def raw(call, s, bytes):
    if call(s.fileno(), bytes, len(bytes)) < 0: raise OSError(ctypes.get_errno(), "")
def sendmmsg(ports):
    class iovec(ctypes.Structure): _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]
    class mmsghdr(ctypes.Structure): _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(iovec)), ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("gap", ctypes.c_int), ("len", ctypes.c_uint), ("pad", ctypes.c_uint)]
    iov, all = iovec(b"mmsg", 4), (mmsghdr * len(ports))()
    buffers = [ctypes.create_string_buffer(struct.pack("=H", inet) + struct.pack("!H4s8x", p, socket.inet_aton("127.0.0.1")), 16) for p in ports]
    for m, b in zip(all, buffers): m.name, m.namelen, m.iov, m.iovlen = ctypes.addressof(b), 16, ctypes.pointer(iov), 1
    with socket.socket(inet, dgram) as s:
        sent = libc.sendmmsg(s.fileno(), all, len(ports), 0)
        if sent < 0: raise OSError(ctypes.get_errno(), "")
        return "%d %s" % (sent, [m.len for m in all])
def again():
    s = socket.socket(inet, dgram); s.connect(("127.0.0.1", port)); s.send(b"connected")
    raw(libc.connect, s, struct.pack("=H14x", 0)); s.send(b"nowhere")
def unspec_send():
    s = socket.socket(inet, dgram); bytes = struct.pack("=H", 0) + struct.pack("!H4s8x", port + 1, socket.inet_aton("127.0.0.1"))
    if libc.sendto(s.fileno(), b"x", 1, 0, bytes, 16) < 0: raise OSError(ctypes.get_errno(), "")
def listen():
    with socket.socket() as s: s.listen(1)
def socket_(*args): socket.socket(*args)
def option(level, name, value):
    with socket.socket(inet6 if level == 41 else inet, dgram) as s: s.setsockopt(level, name, value)
def pair():
    a, b = socket.socketpair(); r, w = os.pipe()
    socket.send_fds(a, [b"take"], [w]); said, fds, _, _ = socket.recv_fds(b, 9, 2); os.write(fds[0], b"it")
    return (said + os.read(r, 9)).decode()
def big():
    a, b = socket.socketpair(); data = os.urandom(1 << 20); got = b""
    if os.fork() == 0:
        sent = 0
        while sent < len(data): sent += a.sendmsg([data[sent:]])
        os._exit(0)
    while len(got) < len(data): got += b.recv(65536)
    return "same" if got == data else "different"
def broken():
    import signal
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        a, b = socket.socketpair(); b.close(); a.sendmsg([b"x"]); os._exit(0)
    return "signal %d" % (os.waitpid(pid, 0)[1] & 127)
for name, args in eval(sys.argv[2]): attempt(name, lambda: globals()[name.split(" ")[0]](*args))
`

beforeAll(async () => {
  writeFileSync(script, program)
  chmodSync(directory, 0o755)
  tcp = createServer((socket) => socket.on("error", () => {}).end())
  udp = createSocket("udp4").on("message", (bytes) => heard.push(bytes.toString()))
  unix = createServer((socket) => socket.on("error", () => {}).end())
  // TCP and UDP on one port, with the next one free for what is denied.
  for (let tries = 0; ; tries++) {
    await new Promise<void>((resolve, reject) => tcp.once("error", reject).listen(0, "127.0.0.1", resolve))
    port = (tcp.address() as { port: number }).port
    if (await new Promise<boolean>((resolve) => udp.once("error", () => resolve(false)).bind(port, "127.0.0.1", () => resolve(true)))) break
    if (tries > 20) throw new Error("no port is free for TCP and UDP")
    await new Promise((resolve) => tcp.close(resolve))
  }
  await new Promise<void>((resolve) => unix.listen(join(directory, "x.sock"), resolve))
  chmodSync(join(directory, "x.sock"), 0o777)
})
afterAll(() => {
  for (const each of [tcp, udp, unix]) each.close()
})

type Attempt = readonly [name: string, args: string]

const attempts = async (network: Policy.PolicyInput["network"], list: ReadonlyArray<Attempt>, filesystem: Policy.PolicyInput["filesystem"] = {}) =>
  Effect.gen(function*() {
    const argv = ["/usr/bin/python3", script, String(port), `[${list.map(([name, args]) => `(${JSON.stringify(name)}, (${args}${args === "" ? "" : ","}))`).join(", ")}]`.replaceAll("PORT1", String(port + 1)).replaceAll("PORT", String(port))]
    const sandbox = yield* Sandbox.spawn(
      Command.set(Command.make(argv[0]!, ...argv.slice(1)), { stdin: "ignore" }),
      Policy.make({ ...(network === undefined ? {} : { network }), filesystem: { ...filesystem, read: [directory, ...(filesystem.read ?? [])] } })
    )
    const said = yield* Effect.forkScoped(text(sandbox.stdout))
    const complained = yield* Effect.forkScoped(text(sandbox.stderr))
    const violations = yield* Effect.forkScoped(Stream.runCollect(sandbox.violations))
    yield* sandbox.exit
    expect(yield* Fiber.join(complained)).toBe("")
    return { said: (yield* Fiber.join(said)).trim().split("\n"), violations: yield* Fiber.join(violations) as Effect.Effect<ReadonlyArray<Violation>> }
  }).pipe(Effect.scoped, Effect.runPromise)

const expectAll = async (network: Policy.PolicyInput["network"], cases: ReadonlyArray<readonly [name: string, args: string, result: string]>, filesystem?: Policy.PolicyInput["filesystem"]) => {
  const { said, violations } = await attempts(network, cases.map(([name, args]) => [name, args]), filesystem)
  expect(said).toEqual(cases.map(([name, , result]) => `${name} ${result}`))
  return violations
}

describe("a network with rules", () => {
  it("connects where a rule grants it, by whatever form of the address", async () => {
    const violations = await expectAll({ mode: "host", connect: [`127.0.0.1:${port}`] }, [
      ["connect granted", `inet, ("127.0.0.1", PORT)`, "ok"],
      ["connect mapped", `inet6, ("::ffff:127.0.0.1", PORT)`, "ok"],
      ["connect unspecified", `inet, ("0.0.0.0", PORT)`, "ok"],
      ["connect port", `inet, ("127.0.0.1", PORT1)`, "EACCES"],
      ["connect mapped-port", `inet6, ("::ffff:127.0.0.1", PORT1)`, "EACCES"],
      ["connect host", `inet, ("127.0.0.2", PORT)`, "EACCES"],
      ["connect v6", `inet6, ("::1", PORT)`, "EACCES"],
      ["connect scoped", `inet6, ("fe80::1", PORT, 0, 1)`, "EACCES"],
      ["connect udp", `inet, ("127.0.0.1", PORT), dgram`, "ok"],
      ["connect udp-port", `inet, ("127.0.0.1", PORT1), dgram`, "EACCES"],
      ["connect unix", `unix, "${directory}/x.sock"`, "EACCES"],
      ["connect abstract", `unix, "\\0nobody"`, "EACCES"],
      ["again", "", "EDESTADDRREQ"]
    ])
    expect(violations.map(({ address, path, remedy, rule, syscall }) => ({ address, path, remedy, rule, syscall }))).toEqual([
      ...[`127.0.0.1:${port + 1}`, `[::ffff:127.0.0.1]:${port + 1}`, `127.0.0.2:${port}`, `[::1]:${port}`, `[fe80::1]:${port}`, `127.0.0.1:${port + 1}`].map((address) => expect.objectContaining({ address, syscall: "connect", rule: "network.connect" }) as unknown),
      expect.objectContaining({ path: `${directory}/x.sock`, remedy: `network.connect: ["unix:${directory}/x.sock"]` }),
      expect.objectContaining({ address: "@nobody", remedy: `network.connect: ["unix:@nobody"]` })
    ])
  })

  it("sends where a rule grants it, by every call", async () => {
    await new Promise((resolve) => setTimeout(resolve, 50)) // what another test has sent
    heard.length = 0
    await expectAll({ mode: "host", connect: [`127.0.0.1:${port}/udp`] }, [
      ["sendto granted", `("127.0.0.1", PORT)`, "ok"],
      ["sendmsg granted", `("127.0.0.1", PORT)`, "ok"],
      ["sendmmsg granted", `[PORT, PORT]`, "2 [4, 4]"],
      ["sendto port", `("127.0.0.1", PORT1)`, "EACCES"],
      ["sendmsg port", `("127.0.0.1", PORT1)`, "EACCES"],
      ["sendmmsg second", `[PORT, PORT1, PORT]`, "1 [4, 0, 0]"],
      ["sendmmsg first", `[PORT1, PORT]`, "EACCES"],
      ["sendto fastopen", `("127.0.0.1", PORT), inet, stream, 0x20000000`, "EACCES"],
      ["unspec_send", "", "EAFNOSUPPORT"],
      ["connect tcp", `inet, ("127.0.0.1", PORT)`, "EACCES"],
      ["sendmsg ttl", `("127.0.0.1", PORT), [(0, 2, struct.pack("i", 9))]`, "ok"],
      ["sendmsg route", `("127.0.0.1", PORT), [(0, 7, b"\\x83\\x07\\x04\\x7f\\x00\\x00\\x01\\x00")]`, "EINVAL"]
    ])
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(heard).toEqual(["sendto", "sendmsg", "mmsg", "mmsg", "mmsg", "sendmsg"])
  })

  it("binds and listens where a rule grants it", async () => {
    const violations = await expectAll({ mode: "host", bind: ["127.0.0.1:0", "127.0.0.1:40000-59999", `unix:/tmp/*.sock`, "unix:@mine-*"] }, [
      ["bind any-port", `inet, ("127.0.0.1", 0)`, "ok"],
      ["bind everywhere", `inet, ("0.0.0.0", 0)`, "EACCES"],
      ["bind port", `inet, ("127.0.0.1", 30000)`, "EACCES"],
      ["bind v6", `inet6, ("::1", 0)`, "EACCES"],
      ["bind udp", `inet, ("127.0.0.1", 0), dgram`, "ok"],
      ["listen", "", "EACCES"],
      ["bind unix", `unix, "/tmp/a.sock"`, "ok"],
      ["bind again", `unix, "/tmp/a.sock"`, "EADDRINUSE"],
      ["bind link", `unix, "/tmp/../tmp/b.other"`, "EACCES"],
      ["bind abstract", `unix, "\\0mine-1"`, "ok"],
      ["bind abstract-other", `unix, "\\0other"`, "EACCES"],
      ["bind auto", `unix, ""`, "EACCES"]
    ])
    expect(violations.every(({ rule }) => rule === "network.bind")).toBe(true)
    expect((await expectAll({ mode: "none", bind: ["*:0"] }, [["listen", "", "ok"]])).length).toBe(0)
  })

  it("denies what is denied, and metadata services unless one names them", async () => {
    const refused = await expectAll({ mode: "host", connect: ["*:*"], deny: [`127.0.0.1:${port}`] }, [
      ["connect denied", `inet, ("127.0.0.1", PORT)`, "EACCES"],
      ["connect open", `inet, ("127.0.0.1", PORT1)`, "ECONNREFUSED"],
      ["connect metadata", `inet, ("169.254.169.254", 80)`, "EACCES"],
      ["connect metadata-mapped", `inet6, ("::ffff:169.254.169.254", 80)`, "EACCES"],
      ["connect metadata-6", `inet6, ("fd00:ec2::254", 80)`, "EACCES"],
      ["sendto metadata", `("169.254.169.254", 80)`, "EACCES"]
    ])
    expect(refused[0]).toMatchObject({ rule: "network.deny[0]", remedy: "take it out of network.deny" })
    expect(refused[1]).toMatchObject({ rule: "network", reason: expect.stringContaining("metadata service") as string, remedy: `network.connect: ["169.254.169.254:80"]` })
    const { said } = await attempts({ mode: "none", connect: ["169.254.169.254:80"] }, [["connect named", `inet, ("169.254.169.254", 80)`]])
    expect(said).toEqual(["connect named ENETUNREACH"])
  })

  it("reaches a socket by its path where a rule grants it, through links too", async () => {
    await expectAll({ mode: "none", connect: [`unix:${directory}/x.sock`] }, [
      ["connect unix", `unix, "${directory}/x.sock"`, "ok"],
      ["connect around", `unix, "/proc/self/root${directory}/../${directory.split("/").at(-1)}/x.sock"`, "ok"],
      ["connect missing", `unix, "${directory}/y.sock"`, "EACCES"]
    ])
  })

  it("has no sockets that it could not decide on, and no options that send elsewhere", async () => {
    await expectAll({ mode: "host", connect: ["*:*"] }, [
      ...[["raw", "inet, socket.SOCK_RAW, 1"], ["ping", "inet, dgram, 1"], ["packet", "17, socket.SOCK_RAW"], ["netlink", "16, socket.SOCK_RAW"], ["mptcp", "inet, stream, 262"], ["sctp", "inet, socket.SOCK_SEQPACKET, 132"], ["vsock", "40, stream"], ["udplite", "inet, dgram, 136"]]
        .map(([name, args]) => [`socket_ ${name}`, args!, "EPERM"] as const),
      ["option ip-options", `0, 4, b"\\x83\\x07\\x04\\x7f\\x00\\x00\\x01\\x00"`, "EPERM"],
      ["option rthdr", "41, 57, bytes(24)", "EPERM"],
      ["option pktoptions", "41, 6, bytes(24)", "EPERM"],
      ["option flowlabel", "41, 32, bytes(32)", "EPERM"],
      ["option ttl", "0, 2, 9", "ok"],
      ["option hops", "41, 16, 9", "ok"],
      ["option reuse", "1, 2, 1", "ok"]
    ])
  })

  it("messages between the guest's own processes are what they were", async () => {
    await expectAll({ mode: "none" }, [["pair", "", "takeit"], ["big", "", "same"], ["broken", "", "signal 13"]])
  })
})

describe("paths of sockets under decide: calls", () => {
  it("a denied socket that appears is not reached, IP is the kernel's", async () => {
    const place = join(directory, "place")
    mkdirSync(place)
    let server: ChildProcess | undefined
    try {
      server = spawn("/usr/bin/python3", ["-c", `import socket,os,time; s=socket.socket(1,2); s.bind("${place}/d.sock"); os.chmod("${place}/d.sock", 0o777); print(flush=True); time.sleep(60)`], { stdio: ["ignore", "pipe", "inherit"] })
      await new Promise((resolve) => server!.stdout!.once("data", resolve))
      await expectAll("host", [
        ["connect unix", `unix, "${place}/d.sock", dgram`, "EACCES"],
        ["sendto unix", `"${place}/d.sock", unix`, "EACCES"],
        ["connect granted", `inet, ("127.0.0.1", PORT)`, "ok"],
        ["connect other", `inet, ("127.0.0.1", PORT1)`, "ECONNREFUSED"],
        ["listen", "", "ok"],
        ["bind unix", `unix, "/tmp/s"`, "ok"],
        ["bind auto", `unix, ""`, "ok"]
      ], { deny: [join(place, "d.*")], decide: "calls" })
    } finally {
      server?.kill("SIGKILL")
    }
    expect((await run(["true"])).code).toBe(0)
  })
})
