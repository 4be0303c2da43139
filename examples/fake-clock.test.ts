/**
 * The fake clock: what programs are told of the time, and that every call that waits does so in it.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { scratch } from "../test/support/sandbox.ts"

const directory = scratch()
const file = join(import.meta.dirname, "fake-clock.ts")
const commandLine = join(import.meta.dirname, "../dist/cli/main.js")
const bun = join(import.meta.dirname, "../node_modules/@oven/bun-linux-x64/bin/bun")
const hello = Math.floor(Date.UTC(1984, 3, 4, 13) / 1000)

interface Ran {
  readonly out: string
  /** Seconds that really passed. */
  readonly took: number
}

const handled = (speed: number, argv: ReadonlyArray<string>, before: ReadonlyArray<string> = [process.execPath, commandLine, "run", "--read", directory, "--handler", file, "--"]): Ran => {
  const began = performance.now()
  const { status, stderr, stdout } = spawnSync(before[0]!, [...before.slice(1), ...argv], {
    encoding: "utf8",
    env: { ...process.env, FAKE_TIME: "1984-04-04T13:00:00Z", FAKE_SPEED: String(speed), PATH: `${join(directory, "bin")}:${process.env["PATH"]}` },
    timeout: 200_000
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  return { out: stdout, took: (performance.now() - began) / 1000 }
}

/** Calls that wait, each for twenty of the guest's seconds; says for each how long it was by the guest's clock. */
const waits = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#define T 20
static const struct timespec span = {T, 0}; // in memory that cannot be written
static double began;
static double now(clockid_t clock) { struct timespec t; clock_gettime(clock, &t); return (double)t.tv_sec + (double)t.tv_nsec * 1e-9; }
static struct timespec at(clockid_t clock) { struct timespec t; clock_gettime(clock, &t); t.tv_sec += T; return t; }
static void begin(void) { began = now(CLOCK_MONOTONIC); }
static void end(const char *name, long result) { printf("%s %ld %.1f\\n", name, result < 0 ? -errno : result, now(CLOCK_MONOTONIC) - began); fflush(stdout); }
static void ring(int unused) { (void)unused; }
static sigset_t alarms; // blocked, and waited for
static int alarmed(void) { int signal; return sigwait(&alarms, &signal); }
int main(void) {
  struct timespec t; struct timeval v; int word = 0; uint64_t ticks; struct pollfd none; struct epoll_event event;
  signal(SIGALRM, ring); sigemptyset(&alarms); sigaddset(&alarms, SIGALRM); sigprocmask(SIG_BLOCK, &alarms, NULL);
#define WAIT(name, call) begin(); end(name, (long)(call))
  WAIT("nanosleep", nanosleep(&span, NULL));
  WAIT("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL));
  begin(); t = at(CLOCK_REALTIME); end("clock_nanosleep/realtime/absolute", (long)(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL)));
  begin(); t = at(CLOCK_MONOTONIC); end("clock_nanosleep/monotonic/absolute", (long)(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)));
  WAIT("poll", poll(&none, 0, T * 1000));
  WAIT("ppoll", ppoll(&none, 0, &span, NULL));
  begin(); v = (struct timeval){T, 0}; end("select", (long)(select(0, NULL, NULL, NULL, &v)));
  WAIT("pselect", pselect(0, NULL, NULL, NULL, &span, NULL));
  int epoll = epoll_create1(0);
  WAIT("epoll_wait", syscall(SYS_epoll_wait, epoll, &event, 1, T * 1000));
  WAIT("epoll_pwait", epoll_pwait(epoll, &event, 1, T * 1000, NULL));
  WAIT("epoll_pwait2", syscall(SYS_epoll_pwait2, epoll, &event, 1, &span, NULL, 0));
  WAIT("futex", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &span, NULL, 0));
  begin(); t = at(CLOCK_MONOTONIC); end("futex/monotonic", (long)(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, -1)));
  begin(); t = at(CLOCK_REALTIME); end("futex/realtime", (long)(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t, NULL, -1)));
  begin(); sem_t semaphore; sem_init(&semaphore, 0, 0); t = at(CLOCK_REALTIME); end("sem_timedwait", (long)(sem_timedwait(&semaphore, &t)));
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t condition = PTHREAD_COND_INITIALIZER; pthread_mutex_lock(&mutex);
  begin(); t = at(CLOCK_REALTIME); errno = pthread_cond_timedwait(&condition, &mutex, &t); end("pthread_cond_timedwait", -1);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0), walled = timerfd_create(CLOCK_REALTIME, 0);
  struct itimerspec spec = {{0, 0}, span}, left;
  begin(); timerfd_settime(timer, 0, &spec, NULL); timerfd_gettime(timer, &left); printf("left %d\\n", left.it_value.tv_sec >= T / 2 || left.it_value.tv_sec > 0); end("timerfd", (long)(read(timer, &ticks, sizeof ticks)));
  begin(); spec.it_value = at(CLOCK_MONOTONIC); timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL); end("timerfd/monotonic/absolute", (long)(read(timer, &ticks, sizeof ticks)));
  begin(); spec.it_value = at(CLOCK_REALTIME); timerfd_settime(walled, TFD_TIMER_ABSTIME, &spec, NULL); end("timerfd/realtime/absolute", (long)(read(walled, &ticks, sizeof ticks)));
  begin(); timer_t posix; timer_create(CLOCK_MONOTONIC, NULL, &posix); spec.it_value = span; timer_settime(posix, 0, &spec, NULL); end("timer_settime", (long)(alarmed()));
  begin(); struct itimerval each = {{0, 0}, {T, 0}}, old; setitimer(ITIMER_REAL, &each, NULL); end("setitimer", (long)(alarmed()));
  begin(); alarm(T); end("alarm", (long)(alarmed()));
  alarm(100000); long remaining = alarm(0); getitimer(ITIMER_REAL, &old); printf("remaining %d %ld\\n", remaining > 90000 && remaining <= 100000, old.it_value.tv_sec);
  begin(); sigset_t usr; sigemptyset(&usr); sigaddset(&usr, SIGUSR1); sigprocmask(SIG_BLOCK, &usr, NULL); end("sigtimedwait", (long)(sigtimedwait(&usr, NULL, &span)));
  begin(); int set = semget(IPC_PRIVATE, 1, 0600); struct sembuf down = {0, -1, 0}; end("semtimedop", (long)(semtimedop(set, &down, 1, &span))); semctl(set, 0, IPC_RMID);
  // Interrupted on the way: what is left is told in the guest's seconds.
  struct sigaction interrupt = {.sa_handler = ring}; sigaction(SIGALRM, &interrupt, NULL); sigprocmask(SIG_UNBLOCK, &alarms, NULL);
  struct timespec longer = {100 * T, 0}, rest = {0, 0}; begin(); alarm(5 * T); long result = nanosleep(&longer, &rest); end("interrupted", result);
  double sum = now(CLOCK_MONOTONIC) - began + (double)rest.tv_sec; printf("rest %d\\n", rest.tv_sec > 0 && sum >= 100 * T - 2);
  // An interval: three rings, each a while after the other.
  sigprocmask(SIG_BLOCK, &alarms, NULL); each = (struct itimerval){{T, 0}, {T, 0}}; begin(); setitimer(ITIMER_REAL, &each, NULL); alarmed(); alarmed(); alarmed(); end("interval", 0); setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  t = (struct timespec){1, 2000000000}; printf("invalid %ld\\n", (long)(nanosleep(&t, NULL) < 0 ? -errno : 0));
  struct sysinfo info; sysinfo(&info); printf("uptime %d\\n", llabs((long long)info.uptime - (long long)now(CLOCK_MONOTONIC)) < 500);
  struct tms tms; clock_t a = times(&tms); nanosleep(&span, NULL); printf("times %d\\n", times(&tms) - a >= (T - 1) * sysconf(_SC_CLK_TCK));
  gettimeofday(&v, NULL); time_t s = time(NULL); double r = now(CLOCK_REALTIME_COARSE); printf("agree %d\\n", s - v.tv_sec < 500 && r - (double)s < 500 && s >= v.tv_sec);
  return 0;
}`
const program = join(directory, "waits")

beforeAll(() => {
  writeFileSync(`${program}.c`, waits)
  execFileSync("gcc", ["-w", "-O1", "-pthread", "-o", program, `${program}.c`, "-lrt"])
  mkdirSync(join(directory, "bin"))
})

describe("the fake clock", { timeout: 240_000 }, () => {
  it("date shows another year, and sleep takes a hundredth", () => {
    const { out, took } = handled(100, ["sh", "-c", "date -u +%Y-%m-%d; a=$(date +%s); sleep 300; echo $(($(date +%s) - a))"])
    const [day, slept] = out.trim().split("\n")
    expect(day).toBe("1984-04-04")
    expect(Number(slept)).toBeGreaterThanOrEqual(300)
    expect(took).toBeLessThan(300)
  })

  it("time can be slow", () => {
    const { out, took } = handled(0.1, ["sh", "-c", "sleep 0.2; date -u +%H:%M"])
    expect(out).toBe("13:00\n")
    expect(took).toBeGreaterThan(2)
  })

  it("sh, Python and Node agree, and go forward together", () => {
    const python = `import datetime, time
a, b = time.time(), time.monotonic(); time.sleep(20); print(int(time.time()))
print(int(time.time() - a >= 20 and time.monotonic() - b >= 20 and datetime.datetime.now(datetime.timezone.utc).year == 1984 and time.localtime().tm_year == 1984))`
    const node = `const a = Date.now(), b = performance.now(); setTimeout(() => { console.log(Math.floor(Date.now() / 1000)); console.log(+(Date.now() - a >= 20000 && performance.now() - b >= 20000 && new Date().getUTCFullYear() === 1984)) }, 20000)`
    const { out } = handled(50, ["sh", "-c", `date +%s; python3 -c '${python}'; ${process.execPath} -e '${node}'; date +%s`], [process.execPath, commandLine, "run", "--read", directory, "--read", process.execPath, "--handler", file, "--"])
    const [first, inPython, fine, inNode, also, last] = out.trim().split("\n").map(Number)
    expect([fine, also]).toEqual([1, 1])
    expect(first).toBeGreaterThanOrEqual(hello)
    expect(inPython! - first!).toBeGreaterThanOrEqual(20)
    expect(inNode! - inPython!).toBeGreaterThanOrEqual(20)
    expect(last).toBeGreaterThanOrEqual(inNode!)
    expect(last! - first!).toBeLessThan(50 * 120)
  })

  it("every call that waits does so in the guest's time", () => {
    const { out, took } = handled(200, [program])
    const lines = out.trim().split("\n").map((line) => line.split(" "))
    const facts = Object.fromEntries(lines.filter((line) => line.length === 2).map(([name, value]) => [name, value]))
    expect(facts).toEqual({ left: "1", rest: "1", invalid: "-22", uptime: "1", times: "1", agree: "1" })
    expect(lines.filter((line) => line[0] === "remaining")).toEqual([["remaining", "1", "0"]])
    const waited = lines.filter((line) => line.length === 3 && line[0] !== "remaining")
    expect(waited.map(([name, result]) => `${name} ${result}`)).toEqual([
      "nanosleep 0", "clock_nanosleep 0", "clock_nanosleep/realtime/absolute 0", "clock_nanosleep/monotonic/absolute 0", "poll 0", "ppoll 0", "select 0", "pselect 0",
      "epoll_wait 0", "epoll_pwait 0", "epoll_pwait2 0", "futex -110", "futex/monotonic -110", "futex/realtime -110", "sem_timedwait -110", "pthread_cond_timedwait -110",
      "timerfd 8", "timerfd/monotonic/absolute 8", "timerfd/realtime/absolute 8", "timer_settime 0", "setitimer 0", "alarm 0", "sigtimedwait -11", "semtimedop -11", "interrupted -4", "interval 0"
    ])
    for (const [name, , seconds] of waited) expect(Number(seconds), name).toBeGreaterThanOrEqual(name === "interval" ? 58 : 18.5)
    expect(took).toBeLessThan(waited.reduce((sum, [, , seconds]) => sum + Number(seconds), 0) / 2)
  })

  it("as a program, in Node and in Bun", () => {
    for (const runtime of [process.execPath, bun]) expect(handled(1, ["date", "-u", "+%Y %H:%M"], [runtime, file]).out).toBe("1984 13:00\n")
    expect(handled(500, [], [process.execPath, file]).out).toMatch(/^Wed Apr +4 1\d:\d\d:\d\d UTC 1984\n[^]*\nPython: 1984-04-0\d \d\d:\d\d:\d\d \d+\n/)
  })
})
