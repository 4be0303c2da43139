/**
 * Asks before a program may open a file or connect: yes, no, always, never.
 *
 *     node examples/permission-prompt.ts            a small script that reads, writes and connects where it should not
 *     node examples/permission-prompt.ts make all   your program; the working directory is its /project, where each file is asked about
 *
 * The guest waits for the answer. What is shown is where the path leads, whatever links the guest goes by, and what is then opened is what
 * was shown: if the guest changes a link meanwhile, the question is asked again, with the new path. Text of the guest's choosing is
 * written in a form in which it cannot pass for a question. The program's name is only for you to know: any program may run another.
 */
import { createInterface } from "node:readline"
import { Effect, Semaphore, Stream } from "effect"
import { Arg, Command, type GuestMemory, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

/** Nobody is asked for these. */
const allowed = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/dev", "/proc", "/sys", "/tmp"]

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const one = Semaphore.makeUnsafe(1)
const remembered = new Map<string, boolean>()

/** Only what a terminal shows as it is; an escape sequence or a letter that looks like another is told by its number. */
const plain = (text: string): string => text.replaceAll(/[^\x20-\x7e]/gu, (character) => `<U+${character.codePointAt(0)!.toString(16)}>`)

/** One question at a time; the end of the input is a no. */
const ask = (program: string, act: string) =>
  Effect.gen(function*() {
    const known = remembered.get(act)
    if (known !== undefined) return known
    for (;;) {
      process.stderr.write(`${plain(program)} wants to ${plain(act)}. [y]es, [n]o, [a]lways, ne[v]er? `)
      const { done, value } = yield* Effect.promise(() => lines.next())
      const answer = done === true ? "v" : value.trim().toLowerCase()[0]
      if (answer === "a" || answer === "v") remembered.set(act, answer === "a")
      if (answer !== undefined && "ynav".includes(answer)) return answer === "y" || answer === "a"
    }
  }).pipe(one.withPermit)

type Asking = { readonly executable: Effect.Effect<string, GuestMemory.GuestFault> }

const judge = (call: Asking, act: string) =>
  Effect.gen(function*() {
    return (yield* ask((yield* call.executable) || "a program", act)) ? Verdict.continue : Verdict.errno("EACCES")
  })

const judgePath = (call: Asking, act: string, path: string) =>
  path === "" || allowed.some((place) => `${path}/`.startsWith(`${place}/`)) ? Effect.succeed(Verdict.continue) : judge(call, `${act} ${path}`)

const open = (call: Asking & { readonly resolve: () => Effect.Effect<string, GuestMemory.GuestFault> }, flags: number) =>
  Effect.flatMap(call.resolve(), (path) => judgePath(call, (flags & 3) === 0 && !Syscall.OpenFlags.has(flags, "O_TRUNC") ? "read" : "write", path))

/** A question takes as long as it takes. */
const options = { deadline: Infinity } as const

/** Every way to a file's content, or to move it to where nobody is asked. */
const files = [
  SyscallHandler.make("open", options, (call) => open(call, call.args.flags)),
  SyscallHandler.make("openat", options, (call) => open(call, call.args.flags)),
  SyscallHandler.make("openat2", options, (call) => Effect.flatMap(call.args.how.read, ({ flags }) => open(call, Number(flags)))),
  ...(["creat", "truncate", "mkdir", "mkdirat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir", "chmod", "fchmodat"] as const).map((name) =>
    SyscallHandler.make(name as "truncate", options, (call) => Effect.flatMap(call.resolve(), (path) => judgePath(call, "change", path)))),
  ...(["link", "linkat", "rename", "renameat", "renameat2"] as const).map((name) =>
    SyscallHandler.make(name as "rename", options, (call) =>
      Effect.gen(function*() {
        const from = yield* judgePath(call, "move or link", yield* call.resolve("oldname"))
        return from._tag === "Errno" ? from : yield* judgePath(call, "change", yield* call.resolve("newname"))
      })))
]

const connections = [
  SyscallHandler.make("connect", options, (call) =>
    Effect.flatMap(call.args.uservaddr.read, (address) =>
      "port" in address ? judge(call, `connect to ${address.address} port ${address.port}`) : Effect.succeed(Verdict.continue))),
  // What sends without connecting would pass by: datagrams, and the fast open of TCP.
  SyscallHandler.make("socket", { where: Arg.oneOf("family", 2, 10) }, (call) => Effect.succeed((call.args.type & 0xf) === 1 ? Verdict.continue : Verdict.errno("EACCES"))),
  ...(["sendto", "sendmsg", "sendmmsg"] as const).map((name) =>
    SyscallHandler.make(name as "sendto", { where: Arg.has("flags", 0x2000_0000) }, () => Effect.succeed(Verdict.errno("EOPNOTSUPP"))))
]

const script = `cat README; cat notes.txt; cat notes.txt; ln -s "$PWD/secret.txt" /tmp/harmless; cat /tmp/harmless
echo more >> notes.txt; python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9))' 2>&1 | tail -n 1`

const [program, ...args] = process.argv.length > 2 ? process.argv.slice(2) : ["sh", "-c", script]
const run = Effect.gen(function*() {
  const policy = Policy.make({ filesystem: { write: [{ path: ".", as: "/project" }] }, handlers: [...files, ...connections] })
  const sandbox = yield* Sandbox.spawn(Command.set(Command.make(program!, ...args), { stdin: "ignore", cwd: "/project" }), policy)
  // What the guest says stands behind a mark, line by line, and not within a question.
  const say = (line: string) => one.withPermit(Effect.sync(() => process.stderr.write(`| ${plain(line)}\n`)))
  yield* sandbox.all.pipe(Stream.decodeText(), Stream.splitLines, Stream.runForEach(say))
})
await Effect.runPromise(Effect.scoped(run))
process.stdin.destroy()
