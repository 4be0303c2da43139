/**
 * A disk that is sometimes full: chosen system calls fail, always the same ones for the same seed.
 *
 *     node examples/fault-injection.ts                                      shows what dd, sort and Python make of it
 *     FAULT_CHANCE=0.1 FAULT_SEED=7 node examples/fault-injection.ts make   your program, one write in ten
 *     FAULT_EVERY=3 rvisor run --handler examples/fault-injection.ts -- make   as a plugin
 *
 *     FAULT_CALLS=write,pwrite64   which calls (that have a descriptor); default: all that write
 *     FAULT_ERRNO=ENOSPC           what they fail with: also EINTR, EIO, EDQUOT
 *     FAULT_EVERY=3                each third one, or
 *     FAULT_CHANCE=0.1             each with this probability
 *     FAULT_SEED=1                 the same calls fail again for the same seed (as far as the program makes the same ones)
 *     FAULT_PATH=/tmp              only of files beneath; the program's own messages go elsewhere, and get through
 *
 * The handlers look at no memory of the guest, so the calls that they let go on are the guest's own (`memory: "none"`).
 */
import { Effect, Stream } from "effect"
import { Command, Errno, Plugin, Policy, Sandbox, SyscallHandler, Verdict } from "rvisor"

const {
  FAULT_CALLS = "write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync", FAULT_ERRNO = "ENOSPC", FAULT_EVERY = "3", FAULT_CHANCE, FAULT_SEED = "1", FAULT_PATH = "/tmp"
} = process.env

if (!Errno.isName(FAULT_ERRNO)) throw new Error(`FAULT_ERRNO=${FAULT_ERRNO} is no error name`)
const errno = Errno.number(FAULT_ERRNO)

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const next = random(Number(FAULT_SEED))
let calls = 0
const isDue = (): boolean => {
  calls++
  return FAULT_CHANCE === undefined ? calls % Number(FAULT_EVERY) === 0 : next() < Number(FAULT_CHANCE)
}

const handlers = FAULT_CALLS.split(",").map((name) =>
  SyscallHandler.make(name as "write", { memory: "none", label: `fault in ${name}` }, (call) =>
    Effect.map(call.descriptor(call.args.fd), ({ path }) => {
      if (!`${path}/`.startsWith(`${FAULT_PATH}/`) || !isDue()) return Verdict.continue
      console.error(`fault: call ${calls}, ${name} of ${path}: ${FAULT_ERRNO}`)
      return Verdict.errno(errno)
    })))

export default Plugin.make({ name: "fault-injection", handlers })

const victims = `dd if=/dev/zero of=/tmp/disk bs=1k count=9
seq 5000 | sort -n > /tmp/sorted
python3 -c 'with open("/tmp/log", "w", 1) as log: log.writelines("%d\\n" % n for n in range(9))' 2>&1 | tail -n 1`

if (process.argv[1] === import.meta.filename) {
  const [program, ...args] = process.argv.length > 2 ? process.argv.slice(2) : ["sh", "-c", victims]
  const run = Effect.gen(function*() {
    const sandbox = yield* Sandbox.spawn(Command.make(program!, ...args), Policy.make({ handlers }))
    yield* Stream.runForEach(sandbox.all, (bytes) => Effect.sync(() => process.stdout.write(bytes)))
  })
  await Effect.runPromise(Effect.scoped(run))
}
