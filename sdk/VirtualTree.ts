/**
 * A tree of files that exists nowhere but in this program's memory: the guest lists, opens, reads and maps it like any other.
 *
 *     const files = new Map<string, VirtualTree.Node>([
 *       ["README", "read me\n"],
 *       ["data", new Map([["blob", new Uint8Array([1, 2, 3])]])]
 *     ])
 *     Policy.handlers(Policy.default, ...VirtualTree.make("/virtual", files))
 *
 * It is looked up at each call, so what is put into the maps is there for the next open; what is open stays as it was. Nothing has to be at
 * that path in the guest's view, and what is there is hidden. The guest gets memory files, never a descriptor of a directory of the host.
 *
 * It can be read, and not written (`EROFS`). What the kernel itself has to find there does not work: to execute a file, to make a
 * directory of it the working directory (unless it is the top, and the policy puts a directory there), to watch it. What is opened has a
 * path of at most 249 bytes, and to read from a directory is `EBADF` in place of `EISDIR`.
 */
import { Effect } from "effect"
import { number as errnoNumber, type ErrnoName } from "./Errno.ts"
import type { CString, Descriptor, GuestFault } from "./GuestMemory.ts"
import type { SyscallName } from "./internal/syscalls.ts"
import { encodeText } from "./internal/syscall/text.ts"
import * as Syscall from "./Syscall.ts"
import * as SyscallHandler from "./SyscallHandler.ts"
import * as Verdict from "./Verdict.ts"
import { Path } from "./Where.ts"

/** A file's content (text as UTF-8), or a directory. */
export type Node = string | Uint8Array | Directory

/** By name. Names that cannot be (empty, `.`, `..`, with a slash or a NUL, longer than 255 bytes) are not to be found. */
export interface Directory extends ReadonlyMap<string, Node> {}

/** What the guest is told of a node. */
interface Attributes {
  readonly path: string
  readonly directory: boolean
  readonly size: number
  readonly links: number
}

/** Every record of a directory is as long as the longest, so that a descriptor's position, and nothing else, says what is next. */
const RECORD = 280
const DEVICE = { major: 0x72, minor: 0x76 }

const isDirectory = (node: Node): node is Directory => typeof node !== "string" && !(node instanceof Uint8Array)

const isName = (name: string): boolean => name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name) && encodeText(name).length <= 255

const bytesOf = (node: string | Uint8Array): Uint8Array => typeof node === "string" ? encodeText(node) : node

/** The same for the same path, in every process and at any time: FNV-1a over its text. */
const inode = (path: string): bigint => {
  let hash = 0xcbf29ce484222325n
  for (const byte of encodeText(path)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash >> 1n | 1n
}

const parent = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 1))

const attributesOf = (path: string, node: Node): Attributes =>
  isDirectory(node)
    ? { path, directory: true, size: 4096, links: 2 + [...node.values()].filter(isDirectory).length }
    : { path, directory: false, size: typeof node === "string" ? encodeText(node).length : node.length, links: 1 }

const modeOf = ({ directory }: Attributes): number => directory ? 0o40555 : 0o100444

const statOf = (attributes: Attributes, time: bigint): Syscall.Stat =>
  Syscall.Stat.make({
    st_dev: BigInt(DEVICE.major << 8 | DEVICE.minor),
    st_ino: inode(attributes.path),
    st_nlink: BigInt(attributes.links),
    st_mode: modeOf(attributes),
    st_size: BigInt(attributes.size),
    st_blksize: 4096n,
    st_blocks: BigInt(Math.ceil(attributes.size / 512)),
    st_atime: time,
    st_mtime: time,
    st_ctime: time
  })

const statxOf = (attributes: Attributes, time: bigint): Syscall.Statx => {
  const stamp = { tv_sec: time, tv_nsec: 0 }
  return Syscall.Statx.make({
    stx_mask: Syscall.StatxMask.make("STATX_TYPE", "STATX_MODE", "STATX_NLINK", "STATX_UID", "STATX_GID", "STATX_ATIME", "STATX_MTIME", "STATX_CTIME", "STATX_INO", "STATX_SIZE", "STATX_BLOCKS"),
    stx_blksize: 4096,
    stx_nlink: attributes.links,
    stx_mode: modeOf(attributes),
    stx_ino: inode(attributes.path),
    stx_size: BigInt(attributes.size),
    stx_blocks: BigInt(Math.ceil(attributes.size / 512)),
    stx_atime: stamp,
    stx_ctime: stamp,
    stx_mtime: stamp,
    stx_dev_major: DEVICE.major,
    stx_dev_minor: DEVICE.minor
  })
}

/** All entries, as getdents64(2) gives them. */
const listing = (path: string, directory: Directory): Uint8Array => {
  const entries: Array<readonly [name: string, path: string, type: "DT_DIR" | "DT_REG"]> = [[".", path, "DT_DIR"], ["..", parent(path), "DT_DIR"]]
  for (const [name, node] of directory) if (isName(name)) entries.push([name, `${path}/${name}`, isDirectory(node) ? "DT_DIR" : "DT_REG"])
  const bytes = new Uint8Array(entries.length * RECORD)
  const view = new DataView(bytes.buffer)
  entries.forEach(([name, path, type], index) => {
    const at = index * RECORD
    view.setBigUint64(at, inode(path), true)
    view.setBigInt64(at + 8, BigInt(at + RECORD), true)
    view.setUint16(at + 16, RECORD, true)
    view.setUint8(at + 18, Syscall.DirentType.value(type))
    bytes.set(encodeText(name), at + 19)
  })
  return bytes
}

/** An errno is a verdict that may come at any step. */
type Step<A> = Effect.Effect<A, GuestFault | Verdict.Errno>

const fails = (errno: ErrnoName): Step<never> => Effect.fail(Verdict.errno(errno))

const answering = <A>(step: Step<A>): Effect.Effect<A | Verdict.Errno, GuestFault> => Effect.catchTag(step, "Errno", (errno) => Effect.succeed(errno))

/** The one path of a call: its text, and where it leads. */
interface Named {
  readonly text: { readonly isNull: boolean; readonly read: Effect.Effect<CString, GuestFault> }
  readonly path: Effect.Effect<string, GuestFault>
}

/** Calls that would change something, each refused at the first of its paths that is in the tree. */
const changes = [
  "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat", "rename", "renameat", "renameat2", "rmdir", "unlink", "unlinkat", "chmod",
  "fchmodat", "utimensat", "truncate"
] as const

/**
 * Handlers that serve `root` beneath `at`, an absolute path without `.` and `..`. They take 37 of a policy's 64 places for handlers.
 */
export const make = (at: string, root: Directory): ReadonlyArray<SyscallHandler.SyscallHandler> => {
  if (!/^(\/(?!\.\.?(\/|$))[^/]+)+$/.test(at)) throw new RangeError(`${JSON.stringify(at)} is no absolute path of a directory beneath the root`)
  const where = Path.under(at)
  const time = BigInt(Math.floor(Date.now() / 1000))

  const find = (path: string): Step<Node> => {
    let node: Node = root
    for (const name of path.slice(at.length).split("/")) {
      if (name === "") continue
      if (!isDirectory(node)) return fails("ENOTDIR")
      const next: Node | undefined = isName(name) ? node.get(name) : undefined
      if (next === undefined) return fails("ENOENT")
      node = next
    }
    return Effect.succeed(node)
  }

  const named = Effect.fnUntraced(function*({ path, text }: Named) {
    const full = yield* path
    const node = yield* find(full)
    if (!isDirectory(node) && /\/\.?$/.test(yield* text.read)) return yield* fails("ENOTDIR")
    return [full, node] as const
  })

  /** What is open at a descriptor, if it is of this tree. A file is as long as it was when it was opened. */
  const opened = (descriptor: Descriptor): Step<Attributes | undefined> => {
    const { path, size, standsFor } = descriptor
    if (!standsFor || !(path === at || path.startsWith(`${at}/`))) return Effect.undefined
    if ((descriptor.flags & 3) === 0) return Effect.succeed({ path, directory: false, size: Number(size), links: 1 })
    return Effect.map(Effect.catchTag(find(path), "Errno", () => Effect.succeed<Node>(new Map())), (node) => attributesOf(path, isDirectory(node) ? node : new Map()))
  }

  const status = Effect.fnUntraced(function*(call: Named, descriptor: Effect.Effect<Descriptor, GuestFault> | undefined) {
    const itself = descriptor !== undefined && (call.text.isNull || (yield* call.text.read) === "") ? yield* opened(yield* descriptor) : undefined
    return itself ?? attributesOf(...(yield* named(call)))
  })

  const open = Effect.fnUntraced(function*(call: Named, flags: number) {
    const { has } = Syscall.OpenFlags
    const [path, node] = yield* named(call).pipe(
      Effect.catchIf((error) => error._tag === "Errno" && error.errno === errnoNumber("ENOENT") && has(flags, "O_CREAT"), () => fails("EROFS"))
    )
    const writes = (flags & 3) !== 0 || has(flags, "O_TRUNC")
    if (has(flags, "O_CREAT") && has(flags, "O_EXCL")) return yield* fails("EEXIST")
    if (isDirectory(node) && (writes || has(flags, "O_CREAT"))) return yield* fails("EISDIR")
    if (writes && !has(flags, "O_PATH")) return yield* fails("EROFS")
    if (!isDirectory(node) && has(flags, "O_DIRECTORY")) return yield* fails("ENOTDIR")
    const cloexec = has(flags, "O_CLOEXEC")
    if (encodeText(path).length > Verdict.maxPath) return yield* fails("ENAMETOOLONG")
    return isDirectory(node) ? Verdict.fd(listing(path, node), { cloexec, path, readable: false }) : Verdict.fd(bytesOf(node), { cloexec, path })
  })

  const access = Effect.fnUntraced(function*(call: Named, mode: number) {
    const [, node] = yield* named(call)
    if (Syscall.AccessMode.has(mode, "W_OK")) return yield* fails("EROFS")
    if (!isDirectory(node) && Syscall.AccessMode.has(mode, "X_OK")) return yield* fails("EACCES")
    return Verdict.value(0)
  })

  const exists = (call: Named, answer: Verdict.Value | Verdict.Errno) => answering(Effect.as(named(call), answer))

  const write = <A>(to: { readonly write: (value: A) => Effect.Effect<void, GuestFault> }, value: A) => Effect.as(to.write(value), Verdict.value(0))
  const stat = (call: { readonly args: { readonly filename: Named["text"]; readonly statbuf: { readonly write: (value: Syscall.Stat) => Effect.Effect<void, GuestFault> } }; readonly resolve: () => Named["path"] }, descriptor?: Effect.Effect<Descriptor, GuestFault>) =>
    answering(Effect.flatMap(status({ text: call.args.filename, path: call.resolve() }, descriptor), (attributes) => write(call.args.statbuf, statOf(attributes, time))))

  return [
    SyscallHandler.make("open", { where }, (call) => answering(open({ text: call.args.filename, path: call.resolve() }, call.args.flags))),
    SyscallHandler.make("openat", { where }, (call) => answering(open({ text: call.args.filename, path: call.resolve() }, call.args.flags))),
    SyscallHandler.make("openat2", { where }, (call) =>
      Effect.flatMap(call.args.how.read, ({ flags }) => answering(open({ text: call.args.filename, path: call.resolve() }, Number(flags))))),
    SyscallHandler.make("creat", { where }, (call) =>
      answering(open({ text: call.args.pathname, path: call.resolve() }, Syscall.OpenFlags.make("O_CREAT", "O_WRONLY", "O_TRUNC")))),
    SyscallHandler.make("stat", { where }, (call) => stat(call)),
    SyscallHandler.make("lstat", { where }, (call) => stat(call)),
    SyscallHandler.make("newfstatat", { where }, (call) => stat(call, call.descriptor(call.args.dfd))),
    SyscallHandler.make("statx", { where }, (call) =>
      answering(Effect.flatMap(status({ text: call.args.filename, path: call.resolve() }, call.descriptor(call.args.dfd)), (attributes) => write(call.args.buffer, statxOf(attributes, time))))),
    SyscallHandler.make("fstat", (call) =>
      answering(Effect.flatMap(Effect.flatMap(call.descriptor(call.args.fd), opened), (attributes): Step<Verdict.Continue | Verdict.Value> =>
        attributes === undefined ? Effect.succeed(Verdict.continue) : write(call.args.statbuf, statOf(attributes, time))))),
    SyscallHandler.make("getdents64", (call) =>
      answering(Effect.gen(function*(): Effect.fn.Return<Verdict.Continue | Verdict.Value, GuestFault | Verdict.Errno> {
        const descriptor = yield* call.descriptor(call.args.fd)
        const attributes = yield* opened(descriptor)
        if (attributes?.directory !== true) return Verdict.continue
        const room = Math.floor(Math.min(call.args.count, 6144) / RECORD)
        if (room === 0) return yield* fails("EINVAL")
        const records = yield* descriptor.take(room * RECORD)
        yield* call.args.dirent.write(records)
        return Verdict.value(records.length)
      }))),
    SyscallHandler.make("access", { where }, (call) => answering(access({ text: call.args.filename, path: call.resolve() }, call.args.mode))),
    SyscallHandler.make("faccessat", { where }, (call) => answering(access({ text: call.args.filename, path: call.resolve() }, call.args.mode))),
    SyscallHandler.make("faccessat2", { where }, (call) => answering(access({ text: call.args.filename, path: call.resolve() }, call.args.mode))),
    SyscallHandler.make("readlink", { where }, (call) => exists({ text: call.args.path, path: call.resolve() }, Verdict.errno("EINVAL"))),
    SyscallHandler.make("readlinkat", { where }, (call) => exists({ text: call.args.pathname, path: call.resolve() }, Verdict.errno("EINVAL"))),
    SyscallHandler.make("getxattr", { where }, (call) => exists({ text: call.args.pathname, path: call.resolve() }, Verdict.errno("ENODATA"))),
    SyscallHandler.make("lgetxattr", { where }, (call) => exists({ text: call.args.pathname, path: call.resolve() }, Verdict.errno("ENODATA"))),
    SyscallHandler.make("listxattr", { where }, (call) => exists({ text: call.args.pathname, path: call.resolve() }, Verdict.value(0))),
    SyscallHandler.make("llistxattr", { where }, (call) => exists({ text: call.args.pathname, path: call.resolve() }, Verdict.value(0))),
    ...changes.map((name: SyscallName) => SyscallHandler.make(name as (typeof changes)[number], { where }, () => Effect.succeed(Verdict.errno("EROFS"))))
  ]
}
