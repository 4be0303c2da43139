/**
 * Typed pointers over the memory of a real process.
 */
import { Effect, Exit } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Child, startC } from "../test/support/childMemory.ts"
import type { Address, ConstPointer, GuestFault, Pointer } from "./GuestMemory.ts"
import { argumentsOf, type Reach } from "./internal/syscall/call.ts"
import * as Syscall from "./Syscall.ts"

const source = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/uio.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <time.h>
static struct new { char f[6][65]; } names;
static char path[] = "/etc/passwd", latin[] = "/tmp/caf\\xe9";
static char first[] = "one", second[] = "two";
static struct iovec vec[2] = {{first, 3}, {second, 3}};
static char *argv[] = {"cat", "-n", "caf\\xe9", 0};
static struct sockaddr_in in4;
static struct pollfd polls[3] = {{1, POLLIN, 0}, {2, POLLOUT, 0}, {7, POLLIN | POLLPRI, POLLERR}};
static struct timespec ts = {-5, 999};
static fd_set fds;
static struct sockaddr_storage answer; static uint32_t room = 20;
static char buffer[16] = "0123456789abcdef";
int main(void) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  in4.sin_family = AF_INET; in4.sin_port = htons(443); in4.sin_addr.s_addr = htonl(0x0a000001);
  FD_SET(3, &fds); FD_SET(64, &fds);
  strcpy(names.f[1], "before");
  char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 4096, 4096);
  memcpy(pages + 4092, "/ab", 4);
  memset(pages, 'x', 4092);
  char *endless = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(endless, 'y', 16384);
#define SAY(n, p) printf(#n " %p\\n", (void *)(p))
  SAY(names, &names); SAY(path, path); SAY(latin, latin); SAY(vec, vec); SAY(argv, argv); SAY(in4, &in4); SAY(polls, polls); SAY(ts, &ts);
  SAY(fds, &fds); SAY(answer, &answer); SAY(room, &room); SAY(buffer, buffer); SAY(end, pages + 4096); SAY(last, pages + 4092); SAY(endless, endless); SAY(first, first);
  printf("ready\\n"); fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (!strcmp(line, "names\\n")) printf("%s|%s|%s\\n", names.f[0], names.f[1], names.f[5]);
    else if (!strcmp(line, "ts\\n")) printf("%ld %ld\\n", ts.tv_sec, ts.tv_nsec);
    else if (!strcmp(line, "answer\\n")) printf("%u %u %s\\n", room, ntohs(((struct sockaddr_in *)&answer)->sin_port), inet_ntoa(((struct sockaddr_in *)&answer)->sin_addr));
    else if (!strcmp(line, "room 4\\n")) { room = 4; memset(&answer, 0xff, sizeof answer); printf("ok\\n"); }
    else if (!strcmp(line, "tail\\n")) printf("%u %02x%02x\\n", room, ((unsigned char *)&answer)[3], ((unsigned char *)&answer)[4]);
    else if (!strcmp(line, "buffer\\n")) printf("%.16s\\n", buffer);
    else if (!strcmp(line, "polls\\n")) printf("%d %d\\n", polls[0].revents, polls[1].revents);
    else if (!strcmp(line, "fds\\n")) printf("%d%d%d\\n", !!FD_ISSET(3, &fds), !!FD_ISSET(5, &fds), !!FD_ISSET(64, &fds));
    fflush(stdout);
  }
}`

let child: Child
beforeAll(async () => {
  child = await startC(source)
})
afterAll(() => child.stop())

const at = (name: string): bigint => child.addresses.get(name)!

/** Arguments of a call with these registers. */
const args = <Name extends Syscall.SyscallName>(name: Name, registers: ReadonlyArray<bigint | number>, reach: Reach = "all") => {
  const words = new BigUint64Array(6)
  registers.forEach((register, i) => (words[i] = BigInt(register)))
  return argumentsOf(name, words, child.memory, reach) as Syscall.SyscallArguments[Name]
}
const run = <A>(effect: Effect.Effect<A, GuestFault>): A => Effect.runSync(effect)
const reason = (effect: Effect.Effect<unknown, GuestFault>): string => {
  const exit = Effect.runSyncExit(Effect.flip(effect))
  return Exit.isSuccess(exit) ? exit.value.reason : "did not fail"
}

describe("reading", () => {
  it("a path, and one that is not UTF-8", () => {
    expect(run(args("openat", [-100n & 0xffffffffn, at("path"), 0, 0]).filename.read)).toBe("/etc/passwd")
    expect(run(args("open", [at("latin")]).filename.read)).toBe("/tmp/caf\udce9")
  })
  it("a structure", () => {
    expect(run(args("uname", [at("names")]).name.read)).toMatchObject({ sysname: "", nodename: "before" })
    expect(run(args("nanosleep", [at("ts"), 0]).rqtp.read)).toEqual({ tv_sec: -5n, tv_nsec: 999n })
  })
  it("arrays whose length is another argument", () => {
    const iov = run(args("writev", [1, at("vec"), 2]).vec.read)
    expect(iov).toEqual([{ iov_base: at("first"), iov_len: 3n }, { iov_base: expect.any(BigInt), iov_len: 3n }])
    expect(run(args("writev", [1, at("vec"), 1]).vec.read)).toHaveLength(1)
    expect(run(args("writev", [1, at("vec"), 0]).vec.read)).toEqual([])
    expect(run(args("poll", [at("polls"), 3, 0]).ufds.read).map((p) => [p.fd, Syscall.PollEvents.format(p.events)])).toEqual([
      [1, "POLLIN"],
      [2, "POLLOUT"],
      [7, "POLLIN|POLLPRI"]
    ])
  })
  it("bytes whose length is another argument", () => {
    expect(Buffer.from(run(args("write", [1, at("buffer"), 4]).buf.read)).toString()).toBe("0123")
    expect(Buffer.from(run(args("write", [1, at("buffer"), 16]).buf.bytes(3, 8))).toString()).toBe("89a")
    expect(run(args("write", [1, at("buffer"), 0]).buf.read)).toHaveLength(0)
  })
  it("a vector of strings", () => {
    expect(run(args("execve", [at("path"), at("argv"), 0]).argv.read)).toEqual(["cat", "-n", "caf\udce9"])
  })
  it("a socket address", () => {
    expect(run(args("connect", [3, at("in4"), 16]).uservaddr.read)).toEqual({ family: "AF_INET", address: "10.0.0.1", port: 443 })
    expect(run(args("connect", [3, at("in4"), 3]).uservaddr.read)).toMatchObject({ family: "other", number: 2 })
  })
  it("a set of descriptors", () => {
    expect(run(args("select", [65, at("fds"), 0, 0, 0]).inp.read)).toEqual([3, 64])
    expect(run(args("select", [64, at("fds"), 0, 0, 0]).inp.read)).toEqual([3])
  })
})

describe("writing", () => {
  it("a structure, which the program then sees", async () => {
    run(args("uname", [at("names")]).name.write(Syscall.Utsname.make({ sysname: "Linux", nodename: "box", domainname: "(none)" })))
    expect(await child.ask("names")).toBe("Linux|box|(none)")
    run(args("clock_gettime", [0, at("ts")]).tp.write({ tv_sec: 1_000_000_007n, tv_nsec: 5n }))
    expect(await child.ask("ts")).toBe("1000000007 5")
  })
  it("never beyond the guest's buffer", async () => {
    const { buf } = args("read", [0, at("buffer"), 4])
    expect(reason(buf.write(Buffer.from("12345")))).toBe("bounds")
    run(buf.write(Buffer.from("ABCD")))
    expect(await child.ask("buffer")).toBe("ABCD456789abcdef")
    run(args("read", [0, at("buffer"), 16]).buf.write(Buffer.from("xy")))
    expect(await child.ask("buffer")).toBe("xyCD456789abcdef")
  })
  it("the elements of an array that fit", async () => {
    const { ufds } = args("poll", [at("polls"), 2, 0])
    const polls = run(ufds.read)
    run(ufds.write(polls.map((p) => ({ ...p, revents: p.events }))))
    expect(await child.ask("polls")).toBe("1 4")
    expect(reason(ufds.write([...polls, polls[0]!]))).toBe("bounds")
  })
  it("an address whose room lies behind a pointer: cut off, with the full length stored", async () => {
    const { usockaddr } = args("getsockname", [3, at("answer"), at("room")])
    run(usockaddr.write({ family: "AF_INET", address: "192.0.2.7", port: 8080 }))
    expect(await child.ask("answer")).toBe("16 8080 192.0.2.7")
    await child.ask("room 4")
    run(usockaddr.write({ family: "AF_INET", address: "192.0.2.7", port: 8080 }))
    expect(await child.ask("tail")).toBe("16 90ff")
  })
  it("a set of descriptors", async () => {
    run(args("select", [65, at("fds"), 0, 0, 0]).inp.write([5]))
    expect(await child.ask("fds")).toBe("010")
    expect(reason(args("select", [4, at("fds"), 0, 0, 0]).inp.write([4]))).toBe("bounds")
  })
})

describe("faults", () => {
  it("a string may end at the very end of the mapping, and not go on behind it", () => {
    expect(run(args("open", [at("last")]).filename.read)).toBe("/ab")
    expect(reason(args("open", [at("end")]).filename.read)).toBe("unmapped")
  })
  it("of memory that is not there", () => {
    expect(reason(args("uname", [4096]).name.read)).toBe("unmapped")
    expect(reason(args("uname", [at("end") - 100n]).name.read)).toBe("unmapped")
    expect(reason(args("uname", [at("end") - 100n]).name.write(Syscall.Utsname.make()))).toBe("unmapped")
    expect(reason(args("open", [0xffff_8000_0000_0000n]).filename.read)).toBe("unmapped")
    expect(reason(args("getsockname", [3, at("answer"), 8]).usockaddr.read)).toBe("unmapped")
  })
  it("a null pointer, without looking", () => {
    const { name } = args("uname", [0])
    expect(name.isNull).toBe(true)
    expect(reason(name.read)).toBe("unmapped")
    expect(reason(name.write(Syscall.Utsname.make()))).toBe("unmapped")
    expect(reason(name.bytes(1))).toBe("unmapped")
  })
  it("more than a handler may read at once", () => {
    expect(reason(args("write", [1, at("buffer"), 1n << 40n]).buf.read)).toBe("tooLong")
    expect(reason(args("write", [1, at("buffer"), 16]).buf.bytes(1 << 30))).toBe("tooLong")
    expect(reason(args("writev", [1, at("vec"), 1n << 62n]).vec.read)).toBe("tooLong")
    expect(reason(args("writev", [1, at("vec"), 0xffff_ffff_ffff_ffffn]).vec.read)).toBe("tooLong")
    expect(reason(args("open", [at("endless")]).filename.read)).toBe("tooLong")
    expect(reason(args("connect", [3, at("in4"), 200]).uservaddr.read)).toBe("bounds")
    expect(reason(args("connect", [3, at("in4"), 0xffffffff]).uservaddr.read)).toBe("bounds")
  })
  it("of text without an end is ENAMETOOLONG, of the others EFAULT", () => {
    expect(run(Effect.flip(args("open", [at("endless")]).filename.read) as Effect.Effect<GuestFault, never>).errno).toBe("ENAMETOOLONG")
    expect(run(Effect.flip(args("open", [1]).filename.read) as Effect.Effect<GuestFault, never>).errno).toBe("EFAULT")
  })
  it("of a process that is gone", async () => {
    const other = await startC(source)
    other.stop()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(reason(Effect.suspend(() => other.memory.read(other.addresses.get("path")!, 4)))).toMatch(/gone|unmapped/)
  })
})

describe("arguments", () => {
  it("are decoded at the kernel's width and sign", () => {
    const call = args("openat", [0xdead_beef_ffff_ff9cn, 1, 0xffff_ffff_8000_0000n, 0xffff_01a4n])
    expect(call.dfd).toBe(-100)
    expect(call.flags).toBe(-(2 ** 31))
    expect(call.mode).toBe(0o644)
    expect(args("lseek", [3, 0xffff_ffff_ffff_fffbn, 0]).offset).toBe(-5n)
    expect(args("mmap", [0, 0xffff_ffff_ffff_ffffn, 0, 0, 0xffff_ffff_ffff_ffffn, 0])).toMatchObject({ len: 0xffff_ffff_ffff_ffffn, fd: -1 })
  })
  it("do what their direction and the handler's reach allow, no more", () => {
    const has = (pointer: Address) => ["read", "write"].filter((method) => method in pointer).join()
    const both = (reach: Reach) => [has(args("uname", [1], reach).name), has(args("open", [1], reach).filename)]
    expect(both("all")).toEqual(["read,write", "read"])
    expect(both("read")).toEqual(["read", "read"])
    expect(both("write")).toEqual(["write", ""])
    expect(has(args("mincore", [0, 0, 5]).vec)).toBe("")
    expect(args("mincore", [0, 0, 5]).vec).toEqual({ address: 5n, isNull: false })
  })
  it("are listed by Object.keys of their prototype, in order, and lazily", () => {
    const call = args("renameat2", [0, 1, 2, 3, 4])
    const names: Array<string> = []
    for (const name in call) names.push(name)
    expect(names).toEqual(["olddfd", "oldname", "newdfd", "newname", "flags"])
  })
  it("keep their types", () => {
    const _const: ConstPointer<string> = args("open", [1]).filename
    const _pointer: Pointer<Syscall.Utsname> = args("uname", [1]).name
    expect([_const.address, _pointer.address]).toEqual([1n, 1n])
  })
})
