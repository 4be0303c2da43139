/**
 * Another time, at another speed: programs that ask for the time, sleep or wait with a timeout live in it.
 *
 *     node examples/fake-clock.ts                     date, sleep, Python, Node and C agree about the time
 *     FAKE_TIME=1984-04-04T13:00:00Z FAKE_SPEED=60 node examples/fake-clock.ts date
 *     FAKE_SPEED=100 rvisor run --handler examples/fake-clock.ts -- sleep 10      takes a tenth of a second
 *
 *     FAKE_TIME    when it begins (as `Date.parse` takes it)       FAKE_SPEED    seconds of the guest in each second; default 1
 *
 * Questions are answered in the kernel's place (programs that have such handlers are started without the vDSO, which answers without
 * a call). Waiting is the kernel's: the call is made with a timeout that is shorter or longer, which is a new register, or a structure in
 * scratch room, since the guest's own may lie in memory that cannot be written. `memory: "racy"`: a clock is no boundary.
 *
 * Not changed: times of files, /proc/uptime, CPU time, timeouts of sockets (SO_RCVTIMEO), futex_waitv, and the processor's own counter (rdtsc).
 */
import { Effect, Stream } from "effect"
import { Arg, Command, type GuestMemory, Plugin, Policy, Sandbox, Syscall, SyscallHandler, Verdict } from "rvisor"

const { Itimerspec, Itimerval, Timespec, Timeval } = Syscall
const { make } = SyscallHandler

const speed = Number(process.env["FAKE_SPEED"] ?? 1)
const origin = BigInt(Date.parse(process.env["FAKE_TIME"] ?? "2001-09-09T01:46:40Z")) * 1_000_000n
if (!(speed > 0 && speed < 1e6)) throw new Error("FAKE_SPEED is a number above 0")

// ----------------------------------------------------------------------------------- the clock: all in nanoseconds

const began = process.hrtime.bigint() // CLOCK_MONOTONIC, here and in the guest
const beganWall = BigInt(Date.now()) * 1_000_000n

const clamp = (ns: number): bigint => BigInt(Math.round(Math.min(ns, 2 ** 62)))
/** How long it really takes until so much of the guest's time has passed: never nothing, unless it is. And back. */
const shrink = (ns: bigint): bigint => ns <= 0n ? 0n : clamp(Math.ceil(Number(ns) / speed))
const grow = (ns: bigint): bigint => clamp(Number(ns) * speed)

const elapsed = () => grow(process.hrtime.bigint() - began)
const wall = () => origin + elapsed()
const monotonic = () => began + elapsed()

/** The guest's time by a clock; `undefined` for those of CPU time. */
const wallClocks = [0, 5, 8, 11]
const otherClocks = [1, 4, 6, 7, 9]
const now = (clock: number): bigint | undefined => wallClocks.includes(clock) ? wall() : otherClocks.includes(clock) ? monotonic() : undefined

/** When a moment of the guest really is, on the same clock. */
const really = (moment: bigint, isWall: boolean): bigint => isWall ? beganWall + shrink(moment - origin) : began + shrink(moment - began)

/** Whether a moment is one of the wall clock's: a timer does not say. */
const isWall = (moment: bigint): boolean => Math.abs(Number(moment - wall())) < Math.abs(Number(moment - monotonic()))

// ------------------------------------------------------------------------------------------------------ structures

const fromSpec = ({ tv_nsec, tv_sec }: Syscall.Timespec): bigint => tv_sec * 1_000_000_000n + tv_nsec
const toSpec = (ns: bigint): Syscall.Timespec => ({ tv_sec: ns / 1_000_000_000n, tv_nsec: ns % 1_000_000_000n })
const fromVal = ({ tv_sec, tv_usec }: Syscall.Timeval): bigint => (tv_sec * 1_000_000n + tv_usec) * 1000n
const toVal = (ns: bigint): Syscall.Timeval => ({ tv_sec: ns / 1_000_000_000n, tv_usec: ns % 1_000_000_000n / 1000n })
/** What the kernel would refuse it shall refuse. */
const isSound = (time: bigint, part: bigint, whole: bigint): boolean => time >= 0n && part >= 0n && part < whole
const isSpec = ({ tv_nsec, tv_sec }: Syscall.Timespec): boolean => isSound(tv_sec, tv_nsec, 1_000_000_000n)
const isVal = ({ tv_sec, tv_usec }: Syscall.Timeval): boolean => isSound(tv_sec, tv_usec, 1_000_000n)

const encode = <A>(layout: Syscall.Layout<A>, value: A): Uint8Array => {
  const bytes = new Uint8Array(layout.size)
  layout.encode(new DataView(bytes.buffer), 0, value)
  return bytes
}

/** What is left of a timer, or of a sleep, as the guest counts it. */
const regrown = <A>(pointer: GuestMemory.Pointer<A>, change: (value: A) => A) => pointer.isNull ? Effect.void : Effect.flatMap(pointer.read, (value) => pointer.write(change(value)))
const grownSpec = (time: Syscall.Timespec) => toSpec(grow(fromSpec(time)))
const grownSpecs = ({ it_interval, it_value }: Syscall.Itimerspec) => ({ it_interval: grownSpec(it_interval), it_value: grownSpec(it_value) })
const grownVals = ({ it_interval, it_value }: Syscall.Itimerval) => ({ it_interval: toVal(grow(fromVal(it_interval))), it_value: toVal(grow(fromVal(it_value))) })

// --------------------------------------------------------------------------------------------- questions and answers

const steer = { power: "steer", memory: "racy" } as const

const asking = [
  make("clock_gettime", { where: Arg.oneOf("which_clock", ...wallClocks, ...otherClocks) }, (call) =>
    Effect.suspend(() => Effect.as(call.args.tp.write(toSpec(now(call.args.which_clock)!)), Verdict.value(0)))),
  make("gettimeofday", (call) => Effect.as(call.args.tv.isNull ? Effect.void : call.args.tv.write(toVal(wall())), Verdict.value(0))),
  make("time", (call) =>
    Effect.suspend(() => {
      const seconds = wall() / 1_000_000_000n
      return Effect.as(call.args.tloc.isNull ? Effect.void : call.args.tloc.write(seconds), Verdict.value(seconds))
    })),
  make("times", steer, (call) => Effect.succeed(call.after(() => Effect.sync(() => Verdict.value(monotonic() / 10_000_000n))))),
  make("sysinfo", steer, (call) =>
    Effect.succeed(call.after(() => Effect.as(regrown(call.args.info, (info) => ({ ...info, uptime: monotonic() / 1_000_000_000n })), Verdict.continue))))
]

// ---------------------------------------------------------------------------------------------------------- waiting

/** Calls with a `timespec` of how long they wait at most. */
const relative = ([["ppoll", "tsp"], ["pselect6", "tsp"], ["epoll_pwait2", "timeout"], ["semtimedop", "timeout"], ["recvmmsg", "timeout"], ["rt_sigtimedwait", "uts"]] as const).map(
  ([name, argument]) =>
    make(name as "ppoll", { ...steer, where: Arg.isSet(argument as "tsp") }, (call) =>
      Effect.gen(function*() {
        const time = yield* call.args[argument as "tsp"].read
        return isSpec(time) ? call.rewrite({ [argument]: yield* call.scratch(encode(Timespec, toSpec(shrink(fromSpec(time))))) }) : Verdict.continue
      }))
)

/** Calls with a timeout in milliseconds. */
const milliseconds = ([["poll", "timeout_msecs"], ["epoll_wait", "timeout"], ["epoll_pwait", "timeout"]] as const).map(([name, argument]) =>
  make(name as "epoll_wait", { power: "steer", memory: "none", where: Arg.gt(argument as "timeout", 0) }, (call) =>
    Effect.succeed(call.rewrite({ [argument]: Math.ceil(call.args[argument as "timeout"] / speed) }))))

/** Calls that wait until a moment of the wall clock. */
const until = (["mq_timedsend", "mq_timedreceive"] as const).map((name) =>
  make(name as "mq_timedreceive", { ...steer, where: Arg.isSet("u_abs_timeout") }, (call) =>
    Effect.gen(function*() {
      const time = yield* call.args.u_abs_timeout.read
      return isSpec(time) ? call.rewrite({ u_abs_timeout: yield* call.scratch(encode(Timespec, toSpec(really(fromSpec(time), true)))) }) : Verdict.continue
    })))

/** EINTR; or ERESTART_RESTARTBLOCK, of which the kernel makes EINTR when it delivers the signal. */
const isInterrupted = ({ raw }: Verdict.Result): boolean => raw === -4n || raw === -516n

const flagsOfFutex = [0, 128, 256, 384]
const futexWaits = [0, 6, 9, 11, 13].flatMap((op) => flagsOfFutex.map((flags) => op | flags))

const waiting = [
  ...relative,
  ...milliseconds,
  ...until,
  make("nanosleep", steer, (call) =>
    Effect.gen(function*() {
      const time = yield* call.args.rqtp.read
      if (!isSpec(time)) return Verdict.continue
      const rqtp = yield* call.scratch(encode(Timespec, toSpec(shrink(fromSpec(time)))))
      return call.after((result) => Effect.as(isInterrupted(result) ? regrown(call.args.rmtp, grownSpec) : Effect.void, Verdict.continue), { rqtp })
    })),
  make("clock_nanosleep", steer, (call) =>
    Effect.gen(function*() {
      const { flags, rmtp, rqtp, which_clock } = call.args
      const time = yield* rqtp.read
      const present = now(which_clock)
      if (present === undefined || !isSpec(time)) return Verdict.continue
      // Until a moment (TIMER_ABSTIME) is as long as it is from now.
      const absolute = (flags & 1) === 1
      const asked = yield* call.scratch(encode(Timespec, toSpec(shrink(fromSpec(time) - (absolute ? present : 0n)))))
      if (absolute) return call.rewrite({ flags: 0, rqtp: asked, rmtp: 0n })
      return call.after((result) => Effect.as(isInterrupted(result) ? regrown(rmtp, grownSpec) : Effect.void, Verdict.continue), { rqtp: asked })
    })),
  make("select", { ...steer, where: Arg.isSet("tvp") }, (call) =>
    Effect.gen(function*() {
      const time = yield* call.args.tvp.read
      if (!isVal(time)) return Verdict.continue
      const tvp = yield* call.scratch(encode(Timeval, toVal(shrink(fromVal(time)) + 999n)))
      // Linux says how much was left.
      return call.after(() => Effect.as(Effect.flatMap(call.at(Timeval, tvp).read, (left) => call.args.tvp.write(toVal(grow(fromVal(left))))), Verdict.continue), { tvp })
    })),
  make("futex", { ...steer, where: [Arg.isSet("utime"), Arg.oneOf("op", ...futexWaits)] }, (call) =>
    Effect.gen(function*() {
      const time = yield* call.args.utime.read
      if (!isSpec(time)) return Verdict.continue
      const op = call.args.op & 127
      // FUTEX_WAIT takes a span, the others a moment: of the wall clock with FUTEX_CLOCK_REALTIME, and always for FUTEX_LOCK_PI.
      const ns = op === 0 ? shrink(fromSpec(time)) : really(fromSpec(time), op === 6 || (call.args.op & 256) !== 0)
      return call.rewrite({ utime: yield* call.scratch(encode(Timespec, toSpec(ns))) })
    }))
]

// ----------------------------------------------------------------------------------------------------------- timers

const shrunk = ({ it_interval, it_value }: Syscall.Itimerspec, absolute: boolean): Syscall.Itimerspec => {
  const value = fromSpec(it_value)
  return { it_interval: toSpec(shrink(fromSpec(it_interval))), it_value: toSpec(!absolute || value === 0n ? shrink(value) : really(value, isWall(value))) }
}

const shrunkVals = ({ it_interval, it_value }: Syscall.Itimerval): Syscall.Itimerval => {
  const part = (time: Syscall.Timeval) => fromVal(time) === 0n ? time : toVal(shrink(fromVal(time)) + 999n)
  return { it_interval: part(it_interval), it_value: part(it_value) }
}

const timers = [
  make("timerfd_settime", steer, (call) =>
    Effect.gen(function*() {
      const utmr = yield* call.scratch(encode(Itimerspec, shrunk(yield* call.args.utmr.read, (call.args.flags & 1) === 1)))
      return call.after(() => Effect.as(regrown(call.args.otmr, grownSpecs), Verdict.continue), { utmr })
    })),
  make("timerfd_gettime", steer, (call) => Effect.succeed(call.after(() => Effect.as(regrown(call.args.otmr, grownSpecs), Verdict.continue)))),
  make("timer_settime", steer, (call) =>
    Effect.gen(function*() {
      const asked = yield* call.scratch(encode(Itimerspec, shrunk(yield* call.args.new_setting.read, (call.args.flags & 1) === 1)))
      return call.after(() => Effect.as(regrown(call.args.old_setting, grownSpecs), Verdict.continue), { new_setting: asked })
    })),
  make("timer_gettime", steer, (call) => Effect.succeed(call.after(() => Effect.as(regrown(call.args.setting, grownSpecs), Verdict.continue)))),
  make("setitimer", { ...steer, where: Arg.eq("which", 0) }, (call) =>
    Effect.gen(function*() {
      const value = call.args.value.isNull ? 0n : yield* call.scratch(encode(Itimerval, shrunkVals(yield* call.args.value.read)))
      return call.after(() => Effect.as(regrown(call.args.ovalue, grownVals), Verdict.continue), { value })
    })),
  make("getitimer", { ...steer, where: Arg.eq("which", 0) }, (call) => Effect.succeed(call.after(() => Effect.as(regrown(call.args.value, grownVals), Verdict.continue)))),
  make("alarm", steer, (call) =>
    Effect.gen(function*() {
      // It counts in seconds, which are too long here: setitimer(2) is made in its place.
      const asked = { it_interval: toVal(0n), it_value: toVal(shrink(BigInt(call.args.seconds) * 1_000_000_000n) + 999n) }
      const none = { it_interval: toVal(0n), it_value: toVal(0n) }
      const old = yield* call.scratch(encode(Itimerval, none))
      const value = yield* call.scratch(encode(Itimerval, call.args.seconds === 0 ? none : asked))
      yield* call.inject("setitimer", { which: 0, value, ovalue: old })
      const left = grow(fromVal((yield* call.at(Itimerval, old).read).it_value))
      return Verdict.value((left + 999_999_999n) / 1_000_000_000n)
    }))
]

export default Plugin.make({ name: "fake-clock", handlers: [...asking, ...waiting, ...timers] })

// --------------------------------------------------------------------------------------------------------- a tour

const tour = `date -u; sleep 30; date -u
python3 -c 'import datetime, time; a = time.monotonic(); time.sleep(60); print("Python:", datetime.datetime.utcnow().isoformat(" ", "seconds"), round(time.monotonic() - a))'
{ command -v node > /dev/null && node -e 'const a = performance.now(); setTimeout(() => console.log("Node:", new Date().toISOString(), Math.round((performance.now() - a) / 1e4)), 60000)'; } || true
date -u`

if (process.argv[1] === import.meta.filename) {
  const [program, ...args] = process.argv.length > 2 ? process.argv.slice(2) : ["sh", "-c", tour]
  const run = Effect.gen(function*() {
    const policy = Policy.make({ handlers: [SyscallHandler.fromModule(import.meta.url)] })
    const sandbox = yield* Sandbox.spawn(Command.make(program!, ...args), policy)
    yield* Stream.runForEach(sandbox.all, (bytes) => Effect.sync(() => process.stdout.write(bytes)))
  })
  await Effect.runPromise(Effect.scoped(run))
}
