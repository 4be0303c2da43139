/**
 * A tree from a Map beside the same tree on disk: programs must see no difference but that one cannot be written. What a hostile guest
 * tries with its descriptors comes last.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { run, scratch } from "../test/support/sandbox.ts"
import * as Command from "./Command.ts"
import * as Policy from "./Policy.ts"
import * as Sandbox from "./Sandbox.ts"
import * as VirtualTree from "./VirtualTree.ts"

const directory = scratch()
const disk = join(directory, "disk")

const text = (lines: number) => Array.from({ length: lines }, (_, i) => `line ${i}${i % 100 === 7 ? " needle" : ""}\n`).join("")
const long = "n".repeat(200)
const make = (): Map<string, VirtualTree.Node> =>
  new Map<string, VirtualTree.Node>([
    ["README", "read me\n"],
    ["empty", ""],
    ["häßlich ☃", "ünïcode\n"],
    [long, "a long name\n"],
    ["none", new Map()],
    ["big", new Uint8Array(300_000).map((_, i) => i * 7)],
    ["src", new Map<string, VirtualTree.Node>([["a.c", text(500)], ["b.c", text(90)], ["deep", new Map([["er", new Map([["x.txt", "needle in depth\n"]])]])]])],
    ["many", new Map(Array.from({ length: 1000 }, (_, i) => [`f${i}`, `${i}\n`] as const))]
  ])

const write = (path: string, node: VirtualTree.Node): void => {
  if (typeof node === "string" || node instanceof Uint8Array) return writeFileSync(path, node)
  mkdirSync(path)
  for (const [name, child] of node) write(join(path, name), child)
}

const policy = (root: VirtualTree.Directory = make()) =>
  Policy.default.pipe(Policy.read({ path: disk, as: "/disk" }), Policy.read(directory), Policy.handlers(...VirtualTree.make("/virtual", root)))

const shell = async (script: string, root?: VirtualTree.Directory) => {
  const { code, stderr, stdout } = await run(["sh", "-c", script], policy(root))
  return { code, out: stdout, err: stderr }
}

beforeAll(() => write(disk, make()))

describe("programs see the tree as if it were on disk", () => {
  const scripts: ReadonlyArray<readonly [name: string, script: string]> = [
    ["ls", "ls T; ls -R T; ls -1f T | sort; ls T/none T/README; ls -l T | cut -d' ' -f1,2 | grep -v total | tr w -"],
    ["cat and head", "cat T/README T/empty T/src/deep/er/x.txt; head -c 5 T/README; tail -c 100 T/big | od -c; cat < T/src/b.c | sha256sum"],
    ["find", "find T | sort; find T -name '*.c' -type f | sort; find T -type d -empty; find T -size +100k; find T/src -maxdepth 1 -newer T/nothing; find T -name x.txt -exec cat {} ';'"],
    ["grep", "grep -rn needle T | sort; grep -c needle T/src/a.c; grep -l ünïcode T/h*"],
    ["cp and diff", "cp -r T /tmp/copy && diff -r T /tmp/copy && find /tmp/copy | wc -l; cp T/README /tmp/r && cat /tmp/r"],
    ["tar", "tar -C T -cf - . | tar -tf - | sort; tar -C T -cf - src | sha256sum >/dev/null; tar -C T -cf - big | tar -xOf - | sha256sum"],
    ["test and access", "for f in T T/README T/none T/nothing T/README/x; do for t in -e -f -d -r -s -x; do test $t $f && echo $t; done; done"],
    ["stat", "stat -c '%n %F %s' T/README T/big T/empty; stat -c '%F %h' T/none/. T/src"],
    ["errors", "cat T/nothing; cat T/README/x; cat T/src/no/such; ls T/README/; cat T/README/.; ls T/nothing/; : < T/nothing/x; true"],
    ["reading a directory, which is refused in other words", "for t in T T/src; do cat $t; head -c 1 $t; done 2>&1 | sed 's/Is a directory/Bad file descriptor/'; grep -s line T/src | wc -l"],
    ["a path with dots and doubled slashes", "cat T/./src//deep/../../README T/src/deep/er/../er/x.txt"],
    ["by symbolic links of the guest", "ln -s T /tmp/l; ln -s T/README /tmp/r; ln -s l/src /tmp/s; cat /tmp/l/README /tmp/r /tmp/s/deep/er/x.txt; ls /tmp/s/; readlink /tmp/r"],
    ["Python", `python3 -IS - <<'E'
import os, mmap
print(sorted((path, sorted(names), len(files)) for path, names, files in os.walk('T')))
print(open('T/README').read(), os.path.getsize('T/big'), os.path.isdir('T/none'), sorted(os.listdir('T/src')), sum(e.is_dir() for e in os.scandir('T')))
for call in [lambda: open('T/src'), lambda: os.listdir('T/README'), lambda: os.readlink('T/README'), lambda: os.open('T/none', os.O_DIRECTORY | os.O_NOFOLLOW) > 0, lambda: os.open('T/README', os.O_DIRECTORY)]:
    try: print(call())
    except OSError as e: print(e.strerror)
d = os.open('T/src', os.O_RDONLY)
print(os.read(os.open('a.c', 0, dir_fd=d), 6), os.stat('deep/er', dir_fd=d).st_mode & 0o170000, os.access('b.c', os.R_OK, dir_fd=d), os.path.exists('T/src/..'))
f = os.open('T/big', 0)
print(os.pread(f, 4, 1000), os.lseek(f, 0, 2), os.fstat(f).st_size, mmap.mmap(f, 0, mmap.MAP_SHARED, mmap.PROT_READ)[299990:], mmap.mmap(f, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)[:3])
for path, names, files, fd in os.fwalk('T/src'): print(path, sorted(files), [os.stat(n, dir_fd=fd).st_size for n in sorted(files)])
E`]
  ]
  it.each(scripts)("%s", async (_, script) => {
    const [real, virtual] = await Promise.all(["/disk", "/virtual"].map((at) => shell(script.replaceAll(/\bT\b/g, at))))
    const seen = ({ code, err, out }: Awaited<ReturnType<typeof shell>>) => ({ code, out: out.replaceAll("/disk", "/virtual"), err: err.replaceAll("/disk", "/virtual") })
    expect(seen(virtual!)).toEqual(seen(real!))
    expect((real!.out + real!.err).length).toBeGreaterThan(10)
  }, 60_000)
})

describe("what is told of it", () => {
  const C = `
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static long told(long result) { return result < 0 ? -errno : result; }
static int count(DIR *d) { int n = 0; while (readdir(d)) n++; return n; }
static int slot, sources[2]; static volatile int stop;
static void *swap(void *unused) { (void)unused; for (unsigned i = 0; !stop; i++) dup2(sources[i & 1], slot); return 0; }
int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "race")) {
    // One number, two directories: the tree's, and one of the guest's own. Whatever is opened must be of one of them.
    int tree = 0, own = 0, other = 0;
    mkdir("/tmp/own", 0700); int made = open("/tmp/own/README", O_CREAT | O_WRONLY, 0600); if (write(made, "own", 3) != 3) return 1; close(made);
    sources[0] = open("/virtual", O_RDONLY); sources[1] = open("/tmp/own", O_RDONLY); slot = dup(sources[0]);
    pthread_t thread; pthread_create(&thread, 0, swap, 0);
    for (int i = 0; i < 3000; i++) {
      char text[4] = ""; int fd = openat(slot, "README", O_RDONLY);
      if (fd < 0) { other += errno != ENOTDIR && errno != EBADF; continue; }
      if (read(fd, text, 3) != 3) other++; else if (!strcmp(text, "rea")) tree++; else if (!strcmp(text, "own")) own++; else other++;
      close(fd);
    }
    stop = 1; printf("%d%d%d\\n", tree > 0, own > 0, other > 0); return 0;
  }
  struct stat st, by; char buffer[280];
  int fd = open("/virtual/many", O_RDONLY | O_DIRECTORY), copy = dup(fd);
  printf("%ld %ld %ld\\n", told(syscall(SYS_getdents64, fd, buffer, 279)), told(syscall(SYS_getdents64, fd, buffer, sizeof buffer)), told(syscall(SYS_getdents64, copy, buffer, sizeof buffer)));
  if (fork() == 0) _exit((int)syscall(SYS_getdents64, copy, buffer, sizeof buffer) / 280);
  int status; wait(&status);
  DIR *d = fdopendir(fd);
  printf("%d %d", WEXITSTATUS(status), count(d));
  rewinddir(d); printf(" %d", count(d));
  rewinddir(d); for (int i = 0; i < 500; i++) readdir(d);
  long place = telldir(d); char name[256]; strcpy(name, readdir(d)->d_name); count(d); seekdir(d, place); printf(" %d\\n", strcmp(name, readdir(d)->d_name));
  stat("/virtual/src", &st); int src = open("/virtual/src", O_RDONLY); fstat(src, &by);
  printf("%d %d %d %d", st.st_ino == by.st_ino, st.st_dev == by.st_dev, (int)st.st_nlink, S_ISDIR(by.st_mode));
  int up = openat(src, "..", O_RDONLY); fstat(up, &by); stat("/virtual", &st); printf(" %d", st.st_ino == by.st_ino);
  struct statx sx; long result = told(statx(src, "a.c", 0, STATX_BASIC_STATS, &sx)); printf(" %ld %d", result, (int)sx.stx_size);
  result = told(statx(up, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx)); printf(" %ld %d\\n", result, S_ISDIR(sx.stx_mode));
  // No way out: neither by names, nor by the descriptor itself.
  printf("%ld %ld %ld %ld %ld\\n", told(openat(src, "../../etc/hostname", O_RDONLY)), told(openat(src, "../..", O_RDONLY)), told(fchdir(src)), told(read(src, buffer, 1)), told(openat(src, "/etc/hostname", O_RDONLY) > 0));
  char link[64]; ssize_t n = readlink("/proc/self/fd/3", link, sizeof link); printf("%.*s\\n", (int)n, link);
  int file = open("/virtual/big", O_RDONLY | O_CLOEXEC);
  printf("%d %ld %ld %ld\\n", fcntl(file, F_GETFD), told(write(file, "x", 1)), told(ftruncate(file, 0)), told((long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)));
  int again = open("/proc/self/fd/4", O_RDWR); printf("%ld %ld\\n", told(again > 0), told(write(again, "x", 1)));
  const unsigned char *map = mmap(0, 300000, PROT_READ, MAP_SHARED, file, 0); printf("%d\\n", map[299999] == (unsigned char)(299999 * 7));
  return 0;
}`
  const program = join(directory, "program")
  beforeAll(() => {
    writeFileSync(`${program}.c`, C)
    execFileSync("gcc", ["-w", "-O1", "-pthread", "-o", program, `${program}.c`])
  })

  it("descriptors of directories keep their place through dup and fork, and lead nowhere else", async () => {
    const { out } = await shell(program)
    expect(out.split("\n")).toEqual([
      "-22 280 280", // too small; then one record each, of the same open directory
      "1 999 1002 0",
      "1 1 3 1 1 0 4425 0 1",
      "-20 -20 -20 -9 1",
      "/memfd:/virtual/many (deleted)",
      "1 -9 -22 -13",
      "1 -1",
      "1",
      ""
    ])
  }, 60_000)

  it("a number that stands for two directories gives one or the other", async () => {
    expect((await shell(`${program} race`)).out).toBe("110\n")
  }, 60_000)

  it("nothing can be written, made, moved or removed", async () => {
    const acts = ["echo x > T/README", "echo x >> T/README", ": > T/new", "mkdir T/new", "rm -f T/README", "rmdir T/none", "mv T/README T/x", "mv T/README /tmp/x", "mv /etc/hostname T/x", "ln -s x T/x", "ln T/README T/x", "chmod 600 T/README", "touch T/README", "truncate -s 0 T/README", "python3 -c 'import os; os.mknod(\"T/x\")'"]
    for (const act of acts) expect((await shell(`(${act}) 2>&1`.replaceAll(/\bT\b/g, "/virtual"))).out, act).toContain("Read-only file system")
  }, 60_000)

  it("names that cannot be are not there, and paths that are too long to stand for say so", async () => {
    const deep = new Map<string, VirtualTree.Node>([["x".repeat(120), new Map([["y".repeat(140), "text"]])]])
    const odd = new Map<string, VirtualTree.Node>([["", "1"], [".", "2"], ["..", "3"], ["a/b", "4"], ["n\0", "5"], ["o".repeat(256), "6"], ["fine", "7"], ["deep", deep]])
    const { err, out } = await shell(`ls -1 /virtual; cat /virtual/a/b; cd /; cat virtual/fine; cat /virtual/deep/*/*; stat -c %s /virtual/deep/*/*`, odd)
    expect(out).toBe("deep\nfine\n74\n")
    expect(err).toMatch(/a\/b: No such file[^]*File name too long/)
  })

  it("what is put into the map is there for the next open, and what is open stays", async () => {
    const root = new Map<string, VirtualTree.Node>([["file", "before\n"]])
    const out = await Effect.gen(function*() {
      const sandbox = yield* Sandbox.spawn(Command.make("sh", "-c", "exec 3< /virtual/file; echo ready; read line; cat <&3; cat /virtual/file; ls /virtual"), policy(root))
      return yield* Stream.mkString(Stream.tap(Stream.decodeText(sandbox.all), (text) => text !== "ready\n" ? Effect.void : Effect.gen(function*() {
        root.set("file", "after\n").set("more", new Map())
        yield* Stream.run(Stream.make(Buffer.from("go\n")), sandbox.stdin)
      })))
    }).pipe(Effect.scoped, Effect.runPromise)
    expect(out).toBe("ready\nbefore\nafter\nfile\nmore\n")
  })

  it("where the policy puts a directory, it is among its neighbours and can be the working directory", async () => {
    const { stdout } = await run(["sh", "-c", "ls -d /virt*; cd /virtual && pwd && cat src/deep/er/x.txt && ls .. | grep virt && test -e .. && ls -la | tail -n +2 | wc -l; touch x"], Policy.tmpfs(policy(), "/virtual"))
    expect(stdout).toBe("/virtual\n/virtual\nneedle in depth\nvirtual\n10\n")
  })

  it("stands at an absolute path and nowhere else", () => {
    for (const at of ["", "/", "virtual", "/virtual/", "/a/../b", "//a", "/."]) expect(() => VirtualTree.make(at, new Map()), at).toThrow(RangeError)
    expect(VirtualTree.make("/a/b", new Map())).toHaveLength(37)
  })
})
