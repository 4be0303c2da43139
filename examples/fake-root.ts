/**
 * A plugin: programs believe that they run as root, and that the files they give away are somebody else's.
 *
 *     node examples/fake-root.ts                                     builds a Debian package whose files have owners, and unpacks it
 *     node examples/fake-root.ts sh -c 'touch f; chown www-data f; ls -l f'
 *     rvisor run --write . --handler examples/fake-root.ts -- dpkg --root=tree --unpack some.deb
 *
 * Nobody has more rights for it. Questions for the own identity are answered in the kernel's place with 0. A change of owner is written down
 * here, by device and inode; on the disk the file stays the caller's. What stat(2) and its like then say is corrected on the way
 * back: files of the caller are root's, unless something else is written down.
 *
 * What is written down lasts as long as the sandbox. Not pretended: devices (mknod), other user ids (setuid succeeds and changes nothing),
 * mounts, chroot. `memory: "racy"`: this is for programs that are trusted to look at the same path twice; it is no boundary.
 */
import { Effect, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command, Plugin, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

const { make } = SyscallHandler
const steer = { power: "steer", memory: "racy" } as const
const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
const unchanged = 0xffffffff

// ------------------------------------------------------------------------------------------------------- identity

const zero = (["getuid", "geteuid", "getgid", "getegid"] as const).map((name) => make(name, () => Effect.succeed(Verdict.value(0))))

/** Root may become anybody, and then could not come back: so it stays root. */
const becomes = (["setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups"] as const).map((name) =>
  make(name, { memory: "none" }, () => Effect.succeed(Verdict.value(0))))

const identity = [
  ...zero,
  ...becomes,
  make("getresuid", ({ args }) => Effect.as(Effect.forEach([args.ruidp, args.euidp, args.suidp], (id) => id.write(0)), Verdict.value(0))),
  make("getresgid", ({ args }) => Effect.as(Effect.forEach([args.rgidp, args.egidp, args.sgidp], (id) => id.write(0)), Verdict.value(0))),
  make("getgroups", ({ args }) => Effect.as(args.gidsetsize === 0 ? Effect.void : args.grouplist.write([0]), Verdict.value(1)))
]

// ---------------------------------------------------------------------------------------------------------- owners

interface Owner {
  readonly uid: number
  readonly gid: number
}
const owners = new Map<string, Owner>()

/** Of a file that nobody has given away: everything of the caller's is root's, other people's files stay theirs. */
const ownerOf = (key: string, found: Owner, own: Owner): Owner => owners.get(key) ?? { uid: found.uid === own.uid ? 0 : found.uid, gid: found.gid === own.gid ? 0 : found.gid }

const keyOf = (st: Syscall.Stat): string => `${st.st_dev}:${st.st_ino}`
/** As `st_dev` has the two halves: makedev(3). */
const keyOfStatx = ({ stx_dev_major: major, stx_dev_minor: minor, stx_ino }: Syscall.Statx): string => {
  const [high, low] = [BigInt(major), BigInt(minor)]
  return `${((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)}:${stx_ino}`
}

type Steered = Pick<SyscallHandler.SteeredCall<"getuid", true>, "inject" | "scratch"> & Pick<SyscallHandler.Call<"fstat", "steer", "racy">, "at">

/** What is at a path, or open at a descriptor where the path is 0. Handlers at trace points are not asked about injected calls. */
const look = (call: Steered, dfd: number, path: bigint, flag: number) =>
  Effect.gen(function*() {
    const statbuf = yield* call.scratch(new Uint8Array(Syscall.Stat.size))
    const filename = path === 0n ? yield* call.scratch(new Uint8Array(1)) : path
    const { errno } = yield* call.inject("newfstatat", { dfd, filename, statbuf, flag })
    return errno === undefined ? yield* call.at(Syscall.Stat, statbuf).read : errno
  })

let self: Owner | undefined
/** Who the guest really is: whom its part of /proc belongs to. Asked once. */
const whoAmI = (call: Steered) =>
  Effect.gen(function*() {
    if (self !== undefined) return self
    const st = yield* look(call, AT_FDCWD, yield* call.scratch(new TextEncoder().encode("/proc/self\0")), 0)
    if (typeof st === "string") throw new Error(`/proc/self: ${st}`)
    return (self = { uid: st.st_uid, gid: st.st_gid })
  })

const asking = [
  ...(["stat", "lstat", "newfstatat", "fstat"] as const).map((name) =>
    make(name as "newfstatat", steer, (call) =>
      Effect.map(whoAmI(call), (own) =>
        call.after(({ errno }) =>
          errno !== undefined ? Effect.succeed(Verdict.continue) : Effect.gen(function*() {
            const st = yield* call.args.statbuf.read
            const { gid, uid } = ownerOf(keyOf(st), { uid: st.st_uid, gid: st.st_gid }, own)
            yield* call.args.statbuf.write({ ...st, st_uid: uid, st_gid: gid })
            return Verdict.continue
          }))))),
  make("statx", steer, (call) =>
    Effect.map(whoAmI(call), (own) =>
      call.after(({ errno }) =>
        errno !== undefined ? Effect.succeed(Verdict.continue) : Effect.gen(function*() {
          const st = yield* call.args.buffer.read
          const { gid, uid } = ownerOf(keyOfStatx(st), { uid: st.stx_uid, gid: st.stx_gid }, own)
          yield* call.args.buffer.write({ ...st, stx_uid: uid, stx_gid: gid })
          return Verdict.continue
        }))))
]

/** Writes a new owner down; fails as the call would where nothing is there, or where it is not the caller's. */
const give = (call: Steered, dfd: number, path: bigint, flag: number, user: number, group: number) =>
  Effect.gen(function*() {
    const own = yield* whoAmI(call)
    const st = yield* look(call, dfd, path, flag)
    if (typeof st === "string") return Verdict.errno(st)
    if (st.st_uid !== own.uid) return Verdict.errno("EPERM")
    const before = ownerOf(keyOf(st), { uid: st.st_uid, gid: st.st_gid }, own)
    owners.set(keyOf(st), { uid: user === unchanged ? before.uid : user, gid: group === unchanged ? before.gid : group })
    return Verdict.value(0)
  })

const giving = [
  ...([["chown", 0], ["lchown", AT_SYMLINK_NOFOLLOW]] as const).map(([name, flag]) =>
    make(name, steer, (call) => give(call, AT_FDCWD, call.args.filename.address, flag, call.args.user >>> 0, call.args.group >>> 0))),
  make("fchown", steer, (call) => give(call, call.args.fd, 0n, AT_EMPTY_PATH, call.args.user >>> 0, call.args.group >>> 0)),
  make("fchownat", steer, (call) => give(call, call.args.dfd, call.args.filename.address, call.args.flag, call.args.user >>> 0, call.args.group >>> 0))
]

export default Plugin.make({ name: "fake-root", handlers: [...identity, ...asking, ...giving] })

// --------------------------------------------------------------------------------------------------------- a tour

const tour = `set -e
id -un; mkdir -p hello/DEBIAN hello/usr/share/hello hello/var/games
printf 'Package: hello-owners\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: files with owners\n' > hello/DEBIAN/control
echo hi > hello/usr/share/hello/text; echo 0 > hello/var/games/score
chown 0:60 hello/var/games/score; chown -h 33:33 hello/usr/share/hello; chmod 664 hello/var/games/score
dpkg-deb --build hello hello.deb
mkdir -p tree/var/lib/dpkg/info tree/var/lib/dpkg/updates; touch tree/var/lib/dpkg/status tree/var/lib/dpkg/available
dpkg --root=$PWD/tree --force-not-root --log=/dev/null --unpack hello.deb
dpkg --root=$PWD/tree --list hello-owners | tail -n 1
stat -c '%u:%g %A %n' tree/usr/share/hello tree/usr/share/hello/text tree/var/games/score`

if (process.argv[1] === import.meta.filename) {
  const own = process.argv.length === 2 ? mkdtempSync(join(tmpdir(), "fake-root-")) : undefined
  const directory = own ?? process.cwd()
  const [program, ...args] = own === undefined ? process.argv.slice(2) : ["sh", "-c", tour]
  const run = Effect.gen(function*() {
    const policy = Policy.make({
      filesystem: { write: [directory] },
      handlers: [SyscallHandler.fromModule(import.meta.url)]
    })
    const sandbox = yield* Sandbox.spawn(Command.set(Command.make(program!, ...args), { cwd: directory }), policy)
    yield* Stream.runForEach(sandbox.all, (bytes) => Effect.sync(() => process.stdout.write(bytes)))
  })
  try {
    await Effect.runPromise(Effect.scoped(run))
  } finally {
    if (own !== undefined) rmSync(own, { recursive: true, force: true })
  }
}
