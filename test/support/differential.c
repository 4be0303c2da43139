// SPDX-License-Identifier: Apache-2.0
// Makes a long list of calls that name files, sockets and descriptors, and prints what came of each, so that two runs can be compared
// line by line: one whose calls the kernel carries out, and one whose calls init carries out. differential SECTION[/N]…, in an empty
// directory (N: with every Nth path only, in the sections that take long), and only where the program has no capability and can have none: it tries to remove what is not its own. Results are printed as numbers or errno names; what differs from run to run (pids, inode numbers) never is.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LONG_NAME "a-name-of-255-bytes-"

static size_t every = 1;  // of the paths, the Nth
static char base[PATH_MAX], longest[256], too_long[257], fits[PATH_MAX], over[PATH_MAX + 8], absolute[PATH_MAX + 16];

// -------------------------------------------------------------------------------------------------------- printing

static const char *name_of(long result) {
  static char text[4][64];
  static int turn;
  char *out = text[turn++ % 4];
  const char *known = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
  if (known) return known;
  snprintf(out, sizeof text[0], "%ld", result);
  return out;
}

static long raw(long number, long a, long b, long c, long d, long e) {
  long result = syscall(number, a, b, c, d, e);
  return result < 0 ? -errno : result;
}
#define RAW(number, a, b, c, d, e) raw(SYS_##number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

// fork(2), and what is still to be printed is printed once.
static pid_t split(void) {
  fflush(stdout);
  return fork();
}

// Bytes as a reader of the report can see them, the own directory as "~".
static const char *shown(const char *text) {
  static char out[8][256];
  static int turn;
  char *to = out[turn++ % 8], *end = to + sizeof out[0] - 8;
  char *start = to;
  size_t length = strlen(base);
  if (length > 1 && !strncmp(text, base, length)) text += length, *to++ = '~';
  if (strlen(text) > 100) return snprintf(to, 200, "%.12s…(%zu)", text, strlen(text)), start;
  for (; *text && to < end; text++)
    if (*text >= ' ' && *text <= '~') *to++ = *text;
    else to += sprintf(to, "\\x%02x", (unsigned char)*text);
  *to = 0;
  return start;
}

static const char *kind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "device";
  }
  return "other";
}

// ------------------------------------------------------------------------------------------------------ the fixture

static void put(const char *path, const char *content, mode_t mode) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content)) printf("no %s: %s\n", path, strerror(errno)), exit(3);
  close(fd);
  chmod(path, mode);
}

static void scrub(int directory) {
  DIR *entries = fdopendir(directory);
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (!unlinkat(dirfd(entries), entry->d_name, 0)) continue;
    fchmodat(dirfd(entries), entry->d_name, 0700, 0);
    int inner = openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (inner >= 0) scrub(inner);
    unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR);
  }
  closedir(entries);
}

static void fixture(void) {
  char name[32], before[32];
  chmod(base, 0755);
  if (chdir(base)) exit(3);
  umask(022);
  scrub(open(".", O_RDONLY | O_DIRECTORY));
  umask(0);
  put("file", "content\n", 0644);
  put("empty", "", 0600);
  put("private", "secret\n", 0);
  put("readonly", "fixed\n", 0444);
  put("program", "#!/bin/sh\n", 0755);
  put("caf\xe9", "not UTF-8\n", 0644);
  put(longest, "long\n", 0644);
  mkdir("dir", 0755);
  put("dir/inner", "inner\n", 0644);
  mkdir("dir/sub", 0755);
  mkdir("bare", 0755);
  mkdir("closed", 0755);
  put("closed/x", "x", 0644);
  chmod("closed", 0600);
  mkdir("locked", 0555);
  mkdir("sgid", 02775);
  mkdir("sticky", 01777);
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("dir/", "slashlink");
  symlink("file/", "fileslash");
  symlink("missing", "dangling");
  symlink("nowhere/x", "lost");
  symlink("loop", "loop");
  symlink("pong", "ping");
  symlink("ping", "pong");
  symlink(".", "self");
  symlink("..", "up");
  symlink("dir/../link", "winding");
  symlink(absolute, "absolute");
  symlink("file", "l0");
  for (int i = 1; i <= 40; i++) {
    snprintf(name, sizeof name, "l%d", i);
    snprintf(before, sizeof before, "l%d", i - 1);
    symlink(before, name);
  }
  mkfifo("fifo", 0644);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  umask(022);
}

static const char *const tree[] = {"file", "empty", "private", "readonly", "program", "dir", "dir/inner", "dir/sub", "bare", "sgid", "sticky", "locked", "fifo", "socket", "link",
                                   "dirlink", "dangling", "missing", "loop", ".", "..", "/", "/dev/null", "/proc", "/tmp"};

// Which object of the tree this is.
static const char *identity(dev_t device, ino_t inode) {
  struct stat st;
  for (size_t i = 0; i < COUNT(tree); i++) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", tree[i][0] == '/' ? "" : base, tree[i][0] == '/' ? "" : "/", tree[i]);
    if (!lstat(path, &st) && st.st_dev == device && st.st_ino == inode) return tree[i];
  }
  return "something else";
}

// Everything in the tree that matters, for comparing before with after.
static size_t listing(int directory, const char *prefix, char *out, size_t room) {
  struct dirent **entries = NULL;
  int count = scandirat(directory, ".", &entries, NULL, alphasort);
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    struct stat st;
    char link[128] = "", path[512];
    const char *name = entries[i]->d_name;
    if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW)) continue;
    if (S_ISLNK(st.st_mode)) readlinkat(directory, name, link, sizeof link - 1);
    snprintf(path, sizeof path, "%s%s", prefix, name);
    used += (size_t)snprintf(out + used, room - used, "%s %s %o %ld x%lu %u:%u %s\n", shown(path), kind(st.st_mode), st.st_mode & 07777, S_ISDIR(st.st_mode) ? 0L : (long)st.st_size,
                             (unsigned long)st.st_nlink, st.st_uid, st.st_gid, shown(link));
    if (S_ISDIR(st.st_mode)) {
      int inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      snprintf(path, sizeof path, "%s%s/", prefix, name);
      if (inner >= 0) used += listing(inner, path, out + used, room - used), close(inner);
    }
    free(entries[i]);
  }
  free(entries);
  return used;
}

static char pristine[32768];

static void read_tree(char *out, size_t room) {
  int fd = open(base, O_RDONLY | O_DIRECTORY);
  out[0] = 0;
  listing(fd, "", out, room);
  close(fd);
}

static void begin(void) {
  fixture();
  read_tree(pristine, sizeof pristine);
}

// Prints what has changed, and makes it anew.
static void changes(void) {
  static char now[32768];
  char *a = pristine, *b = now;
  read_tree(now, sizeof now);
  if (!strcmp(now, pristine)) return;
  for (int side = 0; side < 2; side++) {
    char copy[32768], *state, *line;
    strcpy(copy, side ? b : a);
    for (line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
      char whole[600];
      snprintf(whole, sizeof whole, "\n%s\n", line);
      const char *other = side ? a : b;
      if (!strncmp(other, whole + 1, strlen(whole) - 1) || strstr(other, whole)) continue;
      printf("    %c %s\n", side ? '+' : '-', line);
    }
  }
  fixture();
}

// Chains of links: 19 and 41. Up to 40 are followed, but where a walk without locks is begun again the kernel goes on counting, so
// that a busy directory gives ELOOP for any chain of more than 20 now and then.
static const char *const paths[] = {
    "file", "empty", "private", "readonly", "dir", "bare", "closed", "closed/x", "closed/missing", "closed/..", "closed/.", "locked", "locked/new", "sgid", "sgid/new", "link", "dirlink", "slashlink", "fileslash",
    "dangling", "lost", "loop", "ping", "self", "up", "winding", "absolute", "l18", "l40", "fifo", "socket", "caf\xe9", "caf\xe8", longest, too_long, "missing",
    "missing/deeper", "file/", "dir/", "link/", "dirlink/", "dangling/", "missing/", "loop/", "", ".", "..", "/", "//", "/..", "/../..", "./", "../", "dir/.", "dir/..", "dir/../file",
    "dir//inner", "./file", "file/.", "file/..", "file/inner", "dirlink/inner", "dirlink/..", "dirlink/new", "dir/inner/", "up/.", "self/self/file", "self/./dir/../link", fits, over, absolute,
    "/proc/self", "/proc/self/", "/proc/self/cwd", "/proc/self/cwd/file", "/proc/self/root", "/proc/self/exe", "/proc/self/fd/0", "/proc/self/fd/999", "/proc/thread-self",
    "/proc/self/cwd/link", "/proc/self/root/", "/dev/null", "/dev/null/", "/dev/fd/0", "/proc/self/fd/50", "/proc/self/fd/51", "/proc/self/fd/52", "/proc/self/fd/53", "/proc/self/fd/51/inner", "/proc/1/comm", "/proc/1"};

// Descriptors that paths above go through: 50 an open file, 51 a directory, 52 a pipe, 53 an unlinked file.
static void stand_ins(void) {
  int pipes[2], fd;
  pipe(pipes);
  dup2(pipes[0], 52);
  fd = open("file", O_RDWR);
  dup2(fd, 50), close(fd);
  fd = open("dir", O_RDONLY | O_DIRECTORY);
  dup2(fd, 51), close(fd);
  fd = open("gone", O_RDWR | O_CREAT, 0644);
  unlink("gone");
  dup2(fd, 53), close(fd);
}

// ------------------------------------------------------------------------------------------------------------ open

// A descriptor that init makes is never an O_PATH one, and may say O_NOFOLLOW where the call did not (docs/interception.md): of these, what
// can be the same.
static void describe_place(long fd) {
  struct stat st;
  bool stand_in = fd >= 0 && !fstat((int)fd, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
  if (fd == -EOPNOTSUPP || (fd >= 0 && !stand_in)) printf(" neither file nor directory");
  else if (fd >= 0 && !(st.st_mode & 0400)) printf(" EACCES");
  else if (fd < 0) printf(" %s", name_of(fd));
  else printf(" ok %s %o flags %x is %s", kind(st.st_mode), st.st_mode & 07777, (unsigned)fcntl((int)fd, F_GETFD), identity(st.st_dev, st.st_ino));
  if (fd >= 0) close((int)fd);
}

static void describe_fd(long fd) {
  struct stat st;
  char link[PATH_MAX] = "", self[64];
  if (fd < 0) {
    printf(" %s", name_of(fd));
    return;
  }
  if (fstat((int)fd, &st)) printf(" fstat %s", name_of(-errno));
  snprintf(self, sizeof self, "/proc/self/fd/%ld", fd);
  if (readlink(self, link, sizeof link - 1) < 0) link[0] = 0;
  if (!strncmp(link, "/proc/", 6) || strchr(link, '[') || strchr(link, '#')) link[0] = 0;  // numbers
  printf(" ok %s %o size %ld flags %x/%x at %ld is %s", kind(st.st_mode), st.st_mode & 07777, S_ISREG(st.st_mode) ? (long)st.st_size : 0L, (unsigned)(fcntl((int)fd, F_GETFL) & ~O_NOFOLLOW),
         (unsigned)fcntl((int)fd, F_GETFD), S_ISREG(st.st_mode) ? (long)lseek((int)fd, 0, SEEK_CUR) : 0L, shown(link));
  close((int)fd);
}

static const struct { const char *name; int flags; } flag_sets[] = {
    {"RDONLY", O_RDONLY}, {"WRONLY", O_WRONLY}, {"RDWR", O_RDWR}, {"ACCMODE", O_ACCMODE}, {"CREAT", O_CREAT | O_WRONLY}, {"CREAT|RDONLY", O_CREAT}, {"CREAT|EXCL", O_CREAT | O_EXCL | O_RDWR},
    {"EXCL", O_EXCL}, {"NOFOLLOW", O_NOFOLLOW}, {"DIRECTORY", O_DIRECTORY}, {"DIRECTORY|NOFOLLOW", O_DIRECTORY | O_NOFOLLOW}, {"DIRECTORY|RDWR", O_DIRECTORY | O_RDWR},
    {"PATH", O_PATH}, {"PATH|NOFOLLOW", O_PATH | O_NOFOLLOW}, {"PATH|DIRECTORY", O_PATH | O_DIRECTORY}, {"PATH|CREAT", O_PATH | O_CREAT}, {"PATH|RDWR|CLOEXEC", O_PATH | O_RDWR | O_CLOEXEC},
    {"PATH|DIRECTORY|NOFOLLOW", O_PATH | O_DIRECTORY | O_NOFOLLOW},
    {"TRUNC", O_TRUNC | O_WRONLY}, {"TRUNC|RDONLY", O_TRUNC}, {"CREAT|TRUNC", O_CREAT | O_TRUNC | O_RDWR}, {"APPEND", O_APPEND | O_WRONLY}, {"CREAT|NOFOLLOW", O_CREAT | O_NOFOLLOW | O_WRONLY},
    {"CREAT|DIRECTORY", O_CREAT | O_DIRECTORY}, {"CREAT|EXCL|NOFOLLOW", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY}, {"TMPFILE", O_TMPFILE | O_RDWR}, {"TMPFILE|RDONLY", O_TMPFILE},
    {"TMPFILE|CREAT", O_TMPFILE | O_CREAT | O_RDWR}, {"TMPFILE|EXCL", O_TMPFILE | O_EXCL | O_WRONLY}, {"NOATIME", O_NOATIME}, {"CLOEXEC", O_CLOEXEC}, {"SYNC|DSYNC", O_SYNC | O_DSYNC},
    {"ASYNC", O_ASYNC}, {"unknown bits", 0x20000000}, {"LARGEFILE|NOCTTY", O_LARGEFILE | O_NOCTTY}};

static void opens(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(paths); i += every)
    for (size_t n = 0; n < COUNT(flag_sets); n++) {
      // A FIFO waits for its other end; what that does is tested elsewhere.
      int flags = flag_sets[n].flags | O_NONBLOCK;
      printf("openat %s %s", shown(paths[i]), flag_sets[n].name);
      (flags & O_PATH ? describe_place : describe_fd)(RAW(openat, AT_FDCWD, paths[i], flags, 0755, 0));
      putchar('\n');
      if (flags & (O_CREAT | O_TRUNC)) changes();
    }
  for (size_t i = 0; i < COUNT(paths); i += every) {
    printf("open %s", shown(paths[i]));
    describe_fd(RAW(open, paths[i], O_RDONLY | O_NONBLOCK, 0, 0, 0));
    printf("\ncreat %s", shown(paths[i]));
    if (strcmp(paths[i], "fifo")) describe_fd(RAW(creat, paths[i], 0640, 0, 0, 0));
    putchar('\n');
    changes();
  }
}

static void restricted(void) {
  static const struct { const char *name; uint64_t resolve; } sets[] = {{"none", 0}, {"BENEATH", RESOLVE_BENEATH}, {"IN_ROOT", RESOLVE_IN_ROOT}, {"NO_SYMLINKS", RESOLVE_NO_SYMLINKS},
                                                                       {"NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS}, {"NO_XDEV", RESOLVE_NO_XDEV}, {"unknown", 0x1000}, {"both", RESOLVE_BENEATH | RESOLVE_IN_ROOT}};
  static const int flags[] = {O_RDONLY, O_WRONLY, O_PATH, O_PATH | O_NOFOLLOW, O_NOFOLLOW, O_CREAT | O_WRONLY, O_CREAT | O_EXCL | O_WRONLY, O_DIRECTORY, O_TRUNC | O_WRONLY, O_TMPFILE | O_RDWR};
  begin();
  int dir = open("dir", O_PATH | O_DIRECTORY);
  for (size_t i = 0; i < COUNT(paths); i += every) {
    if (!strncmp(paths[i], "/proc", 5) || !strncmp(paths[i], "/dev/fd", 7)) continue;  // init's own /proc/self is not the guest's: refused (docs/interception.md)
    for (size_t r = 0; r < COUNT(sets); r++)
      for (size_t f = 0; f < COUNT(flags); f++)
        for (int start = 0; start < 2; start++) {
          struct stat st;
          if (start && sets[r].resolve != RESOLVE_BENEATH && sets[r].resolve != RESOLVE_IN_ROOT) continue;
          // Init makes no file through a link that leads nowhere, where the way is restricted (docs/interception.md).
          if ((flags[f] & (O_CREAT | O_EXCL)) == O_CREAT && !lstat(paths[i], &st) && S_ISLNK(st.st_mode)) continue;
          bool create = (flags[f] & O_CREAT) || (flags[f] & O_TMPFILE) == O_TMPFILE;
          struct open_how how = {.flags = (uint64_t)(flags[f] | (flags[f] & O_PATH ? 0 : O_NONBLOCK)), .mode = create ? 0755 : 0, .resolve = sets[r].resolve};
          printf("openat2 %s %s %x %s", start ? "dir" : "cwd", sets[r].name, flags[f], shown(paths[i]));
          // EAGAIN: something was renamed or mounted anywhere on the machine during the walk (openat2(2)); it is to be tried again.
          long opened = -EAGAIN;
          for (int attempt = 0; attempt < 1000 && opened == -EAGAIN; attempt++) opened = RAW(openat2, start ? dir : AT_FDCWD, paths[i], &how, sizeof how, 0);
          (flags[f] & O_PATH ? describe_place : describe_fd)(opened);
          putchar('\n');
          if (flags[f] & (O_CREAT | O_TRUNC)) changes();
        }
  }
  char room[4096] = {0};
  struct open_how *how = (struct open_how *)room;
  for (size_t size = 0; size <= 4200; size = size < 64 ? size + 4 : size * 2) printf("openat2 of %zu bytes %s\n", size, name_of(RAW(openat2, dir, "inner", how, size, 0) > 0 ? 0 : -errno));
  how->mode = 0644;
  printf("openat2 mode without O_CREAT %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_CREAT | O_RDWR, .mode = 010000};
  printf("openat2 mode too large %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = 1ULL << 40};
  printf("openat2 high flags %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = 0x20000000};
  printf("openat2 unknown flag %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_PATH | O_RDWR};
  printf("openat2 O_PATH with more %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  *how = (struct open_how){.flags = O_PATH | O_TRUNC};
  printf("openat2 O_PATH with O_TRUNC %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how, 0)));
  room[sizeof *how] = 1;
  *how = (struct open_how){0};
  printf("openat2 trailing bytes %s\n", name_of(RAW(openat2, dir, "inner", how, sizeof *how + 8, 0)));
  close(dir);
}

// ------------------------------------------------------------------------------------------------ calls with one path

static void show_stat(const struct stat *st) {
  printf(" %s %o x%lu %u:%u size %ld rdev %lx is %s", kind(st->st_mode), st->st_mode & 07777, S_ISDIR(st->st_mode) ? 0 : (unsigned long)st->st_nlink, st->st_uid, st->st_gid,
         S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode) ? 0L : (long)st->st_size, (unsigned long)st->st_rdev, identity(st->st_dev, st->st_ino));
}

static void queries(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(paths); i++) {
    const char *path = paths[i];
    struct stat st;
    struct statx stx;
    struct statfs fs;
    char text[PATH_MAX + 16];
    long result;
    printf("stat %s %s", shown(path), name_of(result = RAW(stat, path, &st, 0, 0, 0)));
    if (!result) show_stat(&st);
    printf("\nlstat %s %s", shown(path), name_of(result = RAW(lstat, path, &st, 0, 0, 0)));
    if (!result) show_stat(&st);
    static const int flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, AT_REMOVEDIR, 0x10000};
    for (size_t f = 0; f < COUNT(flags); f++) {
      printf("\nnewfstatat %x %s %s", flags[f], shown(path), name_of(result = RAW(newfstatat, AT_FDCWD, path, &st, flags[f], 0)));
      if (!result) show_stat(&st);
    }
    static const int statx_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, AT_NO_AUTOMOUNT, 0x20, 0x8000};
    for (size_t f = 0; f < COUNT(statx_flags); f++) {
      printf("\nstatx %x %s %s", statx_flags[f], shown(path), name_of(result = RAW(statx, AT_FDCWD, path, statx_flags[f], STATX_BASIC_STATS, &stx)));
      if (!result) printf(" %o %lu %u mask %x", stx.stx_mode, S_ISDIR(stx.stx_mode) || S_ISLNK(stx.stx_mode) ? 0UL : (unsigned long)stx.stx_size, stx.stx_uid, stx.stx_mask & STATX_BASIC_STATS);
    }
    printf("\nstatx mask %s", name_of(RAW(statx, AT_FDCWD, path, 0, 0x80000000U, &stx)));
    for (int mode = 0; mode <= 8; mode++) printf("\naccess %d %s %s", mode, shown(path), name_of(RAW(access, path, mode, 0, 0, 0)));
    printf("\nfaccessat %s %s", shown(path), name_of(RAW(faccessat, AT_FDCWD, path, R_OK, 0x7fff, 0)));  // this call has no flags: what stands there does not count
    static const int access_flags[] = {0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW | AT_EACCESS, 0x10};
    for (size_t f = 0; f < COUNT(access_flags); f++)
      for (int mode = 0; mode <= 7; mode += 1) printf("\nfaccessat2 %x %d %s %s", access_flags[f], mode, shown(path), name_of(RAW(faccessat2, AT_FDCWD, path, mode, access_flags[f], 0)));
    static const long sizes[] = {0, -1, 1, 5, PATH_MAX};
    for (size_t s = 0; s < COUNT(sizes); s++) {
      memset(text, 0, sizeof text);
      result = RAW(readlink, path, text, sizes[s], 0, 0);
      bool pid = !strncmp(path, "/proc/", 6) && !strchr(text, '/');
      pid |= !strncmp(path, "/proc/thread-self", 17) || strchr(text, '[');
      printf("\nreadlink %ld %s %s %s", sizes[s], shown(path), pid && result > 0 ? "a pid" : name_of(result), pid ? "" : shown(text));
    }
    memset(text, 0, sizeof text);
    printf("\nreadlinkat %s %s", shown(path), RAW(readlinkat, AT_FDCWD, path, text, PATH_MAX, 0) > 0 ? "a text" : name_of(-errno));
    printf("\nstatfs %s %s", shown(path), name_of(result = RAW(statfs, path, &fs, 0, 0, 0)));
    if (!result) printf(" type %lx name %ld flags %lx", (unsigned long)fs.f_type, (long)fs.f_namelen, (unsigned long)fs.f_flags);
    putchar('\n');
  }
  char self[32], text[64] = "";
  snprintf(self, sizeof self, "%d", getpid());
  RAW(readlink, "/proc/self", text, sizeof text, 0, 0);
  printf("/proc/self is %s\n", strcmp(self, text) ? text : "this process");
}

static void report(const char *call, const char *path, long result) {
  printf("%s %s %s\n", call, shown(path), name_of(result));
  changes();
}

static void changing(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(paths); i += every) {
    const char *path = paths[i];
    // What is not the tree's own is left alone; no call below could change it, but for the modes and times of what it may.
    bool outside = path[0] == '/' && strncmp(path, base, strlen(base)) && strncmp(path, "/proc/self/cwd", 14) && strncmp(path, "/proc/self/fd", 13);
    outside |= !strncmp(path, "..", 2) || !strncmp(path, "up", 2) || !strcmp(path, "/proc/self/fd/0");
    report("mkdir", path, RAW(mkdir, path, 0777, 0, 0, 0));
    report("mkdir 07777", path, RAW(mkdir, path, 07777, 0, 0, 0));
    report("mkdirat", path, RAW(mkdirat, AT_FDCWD, path, 0700, 0, 0));
    report("mknod file", path, RAW(mknod, path, S_IFREG | 0666, 0, 0, 0));
    report("mknod 0", path, RAW(mknod, path, 0666, 0, 0, 0));
    report("mknodat fifo", path, RAW(mknodat, AT_FDCWD, path, S_IFIFO | 0666, 0, 0));
    report("mknod socket", path, RAW(mknod, path, S_IFSOCK | 0777, 0, 0, 0));
    report("mknod device", path, RAW(mknod, path, S_IFCHR | 0666, 0x103, 0, 0));
    report("mknod whiteout", path, RAW(mknod, path, S_IFCHR, 0, 0, 0));
    report("mknod directory", path, RAW(mknod, path, S_IFDIR | 0777, 0, 0, 0));
    report("mknod nonsense", path, RAW(mknod, path, 0170000, 0, 0, 0));
    report("symlink", path, RAW(symlink, "target", path, 0, 0, 0));
    report("symlinkat", path, RAW(symlinkat, "a/b", AT_FDCWD, path, 0, 0));
    report("symlink of nothing", path, RAW(symlink, "", path, 0, 0, 0));
    report("rmdir", path, RAW(rmdir, path, 0, 0, 0, 0));
    report("unlink", path, RAW(unlink, path, 0, 0, 0, 0));
    report("unlinkat", path, RAW(unlinkat, AT_FDCWD, path, 0, 0, 0));
    report("unlinkat AT_REMOVEDIR", path, RAW(unlinkat, AT_FDCWD, path, AT_REMOVEDIR, 0, 0));
    report("unlinkat flags", path, RAW(unlinkat, AT_FDCWD, path, 0x100, 0, 0));
    if (outside) continue;
    report("truncate 3", path, RAW(truncate, path, 3, 0, 0, 0));
    report("truncate -1", path, RAW(truncate, path, -1, 0, 0, 0));
    report("truncate 20000", path, RAW(truncate, path, 20000, 0, 0, 0));
    report("chmod 0640", path, RAW(chmod, path, 0640, 0, 0, 0));
    report("chmod 06755", path, RAW(chmod, path, 06755, 0, 0, 0));
    report("chmod 0177777", path, RAW(chmod, path, 0177777, 0, 0, 0));
    report("fchmodat", path, RAW(fchmodat, AT_FDCWD, path, 0601, 0x100, 0));  // no flags either
    static const int mode_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x1};
    for (size_t f = 0; f < COUNT(mode_flags); f++) report("fchmodat2", path, RAW(fchmodat2, AT_FDCWD, path, 0711, mode_flags[f], 0));
    report("chown -1", path, RAW(chown, path, -1, -1, 0, 0));
    report("chown own", path, RAW(chown, path, getuid(), getgid(), 0, 0));
    report("chown root", path, RAW(chown, path, 0, -1, 0, 0));
    report("chown unmapped", path, RAW(chown, path, 54321, 54321, 0, 0));
    report("lchown own", path, RAW(lchown, path, getuid(), -1, 0, 0));
    static const int owner_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x2};
    for (size_t f = 0; f < COUNT(owner_flags); f++) report("fchownat", path, RAW(fchownat, AT_FDCWD, path, -1, getgid(), owner_flags[f]));
  }
}

static const char *stamp(const char *path, int flags) {
  static char text[96];
  struct stat st;
  if (fstatat(AT_FDCWD, path, &st, flags)) return "gone";
  bool now = llabs((long long)(time(NULL) - st.st_atime)) < 600, then = llabs((long long)(time(NULL) - st.st_mtime)) < 600;
  snprintf(text, sizeof text, "%ld.%ld %ld.%ld", now ? -1 : (long)st.st_atime, now ? 0 : st.st_atim.tv_nsec, then ? -1 : (long)st.st_mtime, then ? 0 : st.st_mtim.tv_nsec);
  return text;
}

static void report_times(const char *call, const char *path, long result) { printf("%s %s %s: %s, link %s\n", call, shown(path), name_of(result), stamp(path, 0), stamp(path, AT_SYMLINK_NOFOLLOW)); }

static void times(void) {
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(paths); i++) {
    const char *path = paths[i];
    if (path[0] == '/' && strncmp(path, base, strlen(base))) continue;
    struct utimbuf two = {1000, 2000};
    struct timeval values[2] = {{3000, 4}, {5000, 6}}, wrong[2] = {{1, 1000000}, {1, 0}};
    struct timespec exact[2] = {{7000, 8}, {9000, 10}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, bad[2] = {{0, 1000000000}, {0, 0}};
    report_times("utime", path, RAW(utime, path, &two, 0, 0, 0));
    report_times("utimes", path, RAW(utimes, path, values, 0, 0, 0));
    report_times("utimes wrong", path, RAW(utimes, path, wrong, 0, 0, 0));
    report_times("futimesat", path, RAW(futimesat, AT_FDCWD, path, values, 0, 0));
    report_times("utimensat", path, RAW(utimensat, AT_FDCWD, path, exact, 0, 0));
    report_times("utimensat NOFOLLOW", path, RAW(utimensat, AT_FDCWD, path, exact, AT_SYMLINK_NOFOLLOW, 0));
    report_times("utimensat EMPTY", path, RAW(utimensat, AT_FDCWD, path, exact, AT_EMPTY_PATH, 0));
    report_times("utimensat now", path, RAW(utimensat, AT_FDCWD, path, now, 0, 0));
    report_times("utimensat omit", path, RAW(utimensat, AT_FDCWD, path, omit, 0, 0));
    report_times("utimensat bad", path, RAW(utimensat, AT_FDCWD, path, bad, 0, 0));
    report_times("utimensat flags", path, RAW(utimensat, AT_FDCWD, path, exact, 0x4, 0));
    report_times("utime now", path, RAW(utime, path, NULL, 0, 0, 0));
    report_times("utimes now", path, RAW(utimes, path, NULL, 0, 0, 0));
  }
  struct timespec exact[2] = {{7000, 8}, {9000, 10}};
  struct timeval values[2] = {{3000, 4}, {5000, 6}};
  int fd = open("file", O_RDONLY), path_fd = open("file", O_PATH);
  report_times("utimensat by descriptor", "file", RAW(utimensat, fd, NULL, exact, 0, 0));
  report_times("utimensat by O_PATH descriptor, empty", "file", RAW(utimensat, path_fd, "", exact, AT_EMPTY_PATH, 0));
  report_times("utimensat by descriptor, flags", "file", RAW(utimensat, fd, NULL, exact, AT_SYMLINK_NOFOLLOW, 0));
  report_times("utimensat by no descriptor", "file", RAW(utimensat, 999, NULL, exact, 0, 0));
  report_times("utimensat by AT_FDCWD and nothing", "file", RAW(utimensat, AT_FDCWD, NULL, exact, 0, 0));
  report_times("utimensat omit by no descriptor", "file", RAW(utimensat, 999, NULL, ((struct timespec[]){{0, UTIME_OMIT}, {0, UTIME_OMIT}}), 0, 0));
  report_times("futimesat by descriptor", "file", RAW(futimesat, fd, NULL, values, 0, 0));
  close(fd), close(path_fd);
}

static void attributes(void) {
  begin();
  stand_ins();
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  memcpy(long_name, "user.", 5);
  long_name[299] = 0;
  static const char *const names[] = {"user.one", "user.", "one", "", "trusted.x", "security.x", "system.posix_acl_access", "user.none"};
  static char big[70000], got[70000];
  for (size_t i = 0; i < COUNT(paths); i++) {
    const char *path = paths[i];
    if (path[0] == '/' && strncmp(path, base, strlen(base)) && strncmp(path, "/proc/self/fd", 13)) continue;
    struct stat st;
    // Which of two errors comes first depends on the kernel's version.
    bool there = !stat(path, &st);
    for (int follow = 0; follow < 2; follow++) {
      const char *l = follow ? "" : "l";
      if (!there) {
        printf("%sgetxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, sizeof got, 0)));
        printf("%ssetxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, 0)));
        printf("%slistxattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_listxattr : SYS_llistxattr, (long)path, (long)got, sizeof got, 0, 0)));
        printf("%sremovexattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.one", 0, 0, 0)));
        continue;
      }
      for (size_t n = 0; n < COUNT(names); n++) {
        printf("%sgetxattr %s %s %s\n", l, shown(path), names[n], name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)names[n], (long)got, sizeof got, 0)));
        printf("%ssetxattr %s %s %s\n", l, shown(path), names[n], name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)names[n], (long)"value", 5, 0)));
      }
      printf("%ssetxattr create %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, XATTR_CREATE)));
      printf("%ssetxattr replace %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.none", (long)"v", 1, XATTR_REPLACE)));
      printf("%ssetxattr flags %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.one", (long)"v", 1, 8)));
      printf("%ssetxattr empty value %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.two", 0, 0, 0)));
      printf("%ssetxattr too big %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)"user.big", (long)big, sizeof big, 0)));
      printf("%ssetxattr long name %s\n", l, name_of(raw(follow ? SYS_setxattr : SYS_lsetxattr, (long)path, (long)long_name, (long)"v", 1, 0)));
      printf("%sgetxattr long name %s\n", l, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)long_name, (long)got, 5, 0)));
      for (int size = 0; size < 8; size += 2) {
        memset(got, 0, 16);
        printf("%sgetxattr %d bytes %s %s\n", l, size, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, size, 0)), shown(got));
      }
      printf("%sgetxattr huge room %s\n", l, name_of(raw(follow ? SYS_getxattr : SYS_lgetxattr, (long)path, (long)"user.one", (long)got, 1L << 40, 0)));
      for (int size = 0; size < 40; size += 8) {
        long length = raw(follow ? SYS_listxattr : SYS_llistxattr, (long)path, (long)got, size, 0, 0);
        printf("%slistxattr %d bytes %s\n", l, size, name_of(length));
      }
      printf("%sremovexattr %s %s\n", l, shown(path), name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.two", 0, 0, 0)));
      printf("%sremovexattr none %s\n", l, name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"user.none", 0, 0, 0)));
      printf("%sremovexattr empty %s\n", l, name_of(raw(follow ? SYS_removexattr : SYS_lremovexattr, (long)path, (long)"", 0, 0, 0)));
    }
  }
}

// ----------------------------------------------------------------------------------------------- calls with two paths

static void pairs(void) {
  static const char *const from[] = {"file", "dir", "bare", "link", "dirlink", "dangling", "fifo", "missing", "missing/x", "file/", "dir/", "link/", "dirlink/", ".", "/", "", "loop", "private",
                                     "closed/x", "dir/.", "locked", "/proc/self/fd/50", "/proc/self/fd/53", "/proc/self", "up", "readonly"};
  static const char *const to[] = {"new", "empty", "bare", "dir", "link", "dangling", "new/", "missing/new", "dir/new", "dir/inner", "dir/sub", "dir/sub/deeper", "bare/", ".", "/", "", "file", "file/new", "dirlink/new", "locked/new",
                                   "closed/new", "/dev/shm/rvisor-differential", "sgid/new", "dirlink/", "link/"};
  unsigned turn = 0;  // half of all there could be
  begin();
  stand_ins();
  for (size_t i = 0; i < COUNT(from); i += every)
    for (size_t j = 0; j < COUNT(to); j++) {
      char label[700];
      snprintf(label, sizeof label, "%s →", shown(from[i]));
#define TWO(text, call) ((turn++ % 2) ? (void)0 : (printf("%s %s ", text, label), report("", to[j], call)))
      if (i % 4 == 2) TWO("link", RAW(link, from[i], to[j], 0, 0, 0));
      static const int link_flags[] = {0, AT_SYMLINK_FOLLOW, 0x1};
      for (size_t f = 0; f < COUNT(link_flags); f++) TWO("linkat", RAW(linkat, AT_FDCWD, from[i], AT_FDCWD, to[j], link_flags[f]));
      if (i % 4 == 0) TWO("rename", RAW(rename, from[i], to[j], 0, 0, 0));
      if (i % 4 == 1) TWO("renameat", RAW(renameat, AT_FDCWD, from[i], AT_FDCWD, to[j], 0));
      static const int rename_flags[] = {0, 1, 2, 3, 8};  // none, NOREPLACE, EXCHANGE, both, unknown
      for (size_t f = 0; f < COUNT(rename_flags); f++) TWO("renameat2", RAW(renameat2, AT_FDCWD, from[i], AT_FDCWD, to[j], rename_flags[f]));
    }
  unlink("/dev/shm/rvisor-differential");
  // By descriptors.
  int dir = open("dir", O_PATH | O_DIRECTORY), file = open("file", O_RDONLY), path_fd = open("file", O_PATH), bare = open("bare", O_RDONLY | O_DIRECTORY);
  int unnamed = open(".", O_TMPFILE | O_RDWR, 0600), sealed = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  char self[64];
#define NAMED(text, call) report(text, "", call)
  NAMED("linkat of a directory's file", RAW(linkat, dir, "inner", bare, "copy", 0));
  NAMED("linkat of a descriptor", RAW(linkat, file, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat of an O_PATH descriptor", RAW(linkat, path_fd, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat of an unnamed file", RAW(linkat, unnamed, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
  snprintf(self, sizeof self, "/proc/self/fd/%d", unnamed);
  NAMED("linkat of an unnamed file by /proc", RAW(linkat, AT_FDCWD, self, AT_FDCWD, "copy", AT_SYMLINK_FOLLOW));
  snprintf(self, sizeof self, "/proc/self/fd/%d", sealed);
  NAMED("linkat of a sealed unnamed file by /proc", RAW(linkat, AT_FDCWD, self, AT_FDCWD, "copy", AT_SYMLINK_FOLLOW));
  NAMED("linkat of a directory's descriptor", RAW(linkat, dir, "", AT_FDCWD, "copy", AT_EMPTY_PATH));
  NAMED("linkat to a file as directory", RAW(linkat, dir, "inner", file, "copy", 0));
  NAMED("renameat between descriptors", RAW(renameat, dir, "inner", bare, "moved", 0));
  begin();
  NAMED("renameat from a file as directory", RAW(renameat, file, "inner", AT_FDCWD, "moved", 0));
  NAMED("renameat from no descriptor", RAW(renameat, 999, "inner", AT_FDCWD, "moved", 0));
  NAMED("renameat to no descriptor", RAW(renameat, AT_FDCWD, "file", -1, "moved", 0));
  NAMED("renameat of absolute paths with no descriptors", RAW(renameat, 999, absolute, -7, absolute, 0));
}

// ------------------------------------------------------------------------------------------------------ descriptors

static void directories(void) {
  begin();
  stand_ins();
  char gone[] = "gone-directory";
  mkdir(gone, 0755);
  int deleted = open(gone, O_PATH | O_DIRECTORY);
  rmdir(gone);
  int closed_dir = open("closed", O_PATH), sock = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct { const char *name; long fd; } starts[] = {{"cwd", AT_FDCWD}, {"file", 50}, {"dir", 51}, {"pipe", 52}, {"unlinked", 53}, {"none", 999}, {"-1", -1}, {"-99", -99}, {"min", INT32_MIN},
                                                          {"high half", 0xffffffff00000033L}, {"AT_FDCWD as 32 bits", 0xffffff9cL}, {"deleted", deleted}, {"closed", closed_dir}, {"a socket", sock}};
  static const char *const names[] = {"", "inner", "missing", "..", ".", "/", "../file", "x", "inner/"};
  for (size_t i = 0; i < COUNT(starts); i++)
    for (size_t n = 0; n < COUNT(names); n++) {
      struct stat st;
      struct statx stx;
      char text[256] = "", label[128];
      long fd = starts[i].fd, result;
      snprintf(label, sizeof label, "%s + \"%s\"", starts[i].name, names[n]);
      printf("openat %s", label), describe_fd(RAW(openat, fd, names[n], O_RDONLY | O_NONBLOCK, 0, 0));
      printf("\nopenat O_PATH %s", label), describe_place(RAW(openat, fd, names[n], O_PATH, 0, 0));
      for (int flags = 0; flags <= AT_EMPTY_PATH; flags += AT_EMPTY_PATH) {
        printf("\nnewfstatat %x %s %s", flags, label, name_of(result = RAW(newfstatat, fd, names[n], &st, flags, 0)));
        if (!result && !S_ISSOCK(st.st_mode)) show_stat(&st);
        printf("\nstatx %x %s %s", flags, label, name_of(RAW(statx, fd, names[n], flags, STATX_TYPE, &stx)));
        printf("\nfaccessat2 %x %s %s", flags, label, name_of(RAW(faccessat2, fd, names[n], R_OK, flags, 0)));
        printf("\nfchmodat2 %x %s %s", flags, label, name_of(fd == sock ? 0 : RAW(fchmodat2, fd, names[n], 0755, flags, 0)));
        printf("\nfchownat %x %s %s", flags, label, name_of(RAW(fchownat, fd, names[n], -1, -1, flags)));
      }
      printf("\nnewfstatat null %s", name_of(RAW(newfstatat, fd, NULL, &st, AT_EMPTY_PATH, 0)));
      printf("\nstatx null %s", name_of(RAW(statx, fd, NULL, AT_EMPTY_PATH, STATX_TYPE, &stx)));
      printf("\nfaccessat null %s", name_of(RAW(faccessat2, fd, NULL, R_OK, AT_EMPTY_PATH, 0)));
      printf("\nreadlinkat %s %s %s", label, name_of(RAW(readlinkat, fd, names[n], text, sizeof text, 0)), shown(text));
      printf("\nmkdirat %s %s", label, name_of(RAW(mkdirat, fd, names[n], 0755, 0, 0)));
      printf("\nunlinkat %s %s", label, name_of(RAW(unlinkat, fd, names[n], AT_REMOVEDIR, 0, 0)));
      printf("\nsymlinkat %s %s", label, name_of(RAW(symlinkat, "target", fd, names[n], 0, 0)));
      printf("\nfutimesat %s %s\n", label, name_of(RAW(futimesat, fd, names[n], NULL, 0, 0)));
      begin();
      stand_ins();
    }
  // A working directory that is gone, one that cannot be searched, and one beneath which the tree is moved.
  mkdir("gone", 0755);
  chdir("gone");
  rmdir("../gone");
  for (size_t n = 0; n < COUNT(names); n++) {
    struct stat st;
    printf("in a deleted directory: openat %s", names[n]), describe_fd(RAW(openat, AT_FDCWD, names[n], O_RDONLY, 0, 0));
    printf(" stat %s mkdir %s create", name_of(RAW(stat, names[n], &st, 0, 0, 0)), name_of(RAW(mkdir, "new", 0755, 0, 0, 0)));
    describe_fd(RAW(openat, AT_FDCWD, "new", O_CREAT | O_WRONLY, 0644, 0));
    putchar('\n');
  }
  chdir(base);
  mkdir("moving", 0755);
  chdir("moving");
  rename("../moving", "../moved");
  put("here", "here\n", 0644);
  printf("in a moved directory:"), describe_fd(RAW(openat, AT_FDCWD, "../moved/here", O_RDONLY, 0, 0)), describe_fd(RAW(openat, AT_FDCWD, "here", O_RDONLY, 0, 0));
  putchar('\n');
  chdir(base);
  chmod("closed", 0700);
  chdir("closed");
  chmod(".", 0600);
  printf("in a directory that may not be searched:"), describe_fd(RAW(openat, AT_FDCWD, "x", O_RDONLY, 0, 0)), describe_fd(RAW(openat, AT_FDCWD, ".", O_RDONLY, 0, 0));
  describe_fd(RAW(openat, AT_FDCWD, "..", O_RDONLY, 0, 0));
  putchar('\n');
  chdir(base);
}

// -------------------------------------------------------------------------------------------------------- pointers

static void pointers(void) {
  begin();
  stand_ins();
  char *pages = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 2 * 4096, 4096);
  mprotect(pages + 3 * 4096, 4096, PROT_NONE);
  memset(pages, 'x', 4096);
  char *ending = pages + 2 * 4096 - 5, *fixed = pages + 4 * 4096;
  memcpy(ending, "file", 5);
  strcpy(fixed, "file");
  mprotect(fixed, 4096, PROT_READ);
  char *endless = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(endless, 'y', 3 * 4096);
  // A path over the edge between two pages.
  char *edge = endless + 4096 - 2;
  char saved[5];
  memcpy(saved, edge, 5);
  memcpy(edge, "file", 5);
  const struct { const char *name; void *at; } bad[] = {{"null", NULL}, {"1", (void *)1}, {"unmapped", pages + 2 * 4096}, {"no access", pages + 3 * 4096}, {"kernel", (void *)0xffff888000000000}, {"not canonical", (void *)0x0800000000000000},
                                                        {"-1", (void *)-1L}, {"the last page", (void *)0x7fffffffe000}, {"endless", endless + 4096 + 64}, {"read-only", fixed}, {"two bytes before the end", pages + 2 * 4096 - 2}};
  struct timespec two_times[2] = {{1, 1}, {2, 2}};
  struct open_how how = {.flags = O_RDONLY};
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int sock = socket(AF_UNIX, SOCK_STREAM, 0), watch = inotify_init1(IN_NONBLOCK);
  static char room[8192];
  const struct { const char *name; long number, a[5]; int pointers; } calls[] = {
      {"open", SYS_open, {(long)"file"}, 1}, {"creat", SYS_creat, {(long)"new", 0644}, 1}, {"openat", SYS_openat, {AT_FDCWD, (long)"file"}, 2}, {"openat2", SYS_openat2, {AT_FDCWD, (long)"file", (long)&how, sizeof how}, 6},
      {"stat", SYS_stat, {(long)"file", (long)room}, 3}, {"lstat", SYS_lstat, {(long)"file", (long)room}, 3}, {"newfstatat", SYS_newfstatat, {AT_FDCWD, (long)"file", (long)room}, 6},
      {"statx", SYS_statx, {AT_FDCWD, (long)"file", 0, STATX_ALL, (long)room}, 18}, {"access", SYS_access, {(long)"file", R_OK}, 1}, {"faccessat", SYS_faccessat, {AT_FDCWD, (long)"file", R_OK}, 2},
      {"faccessat2", SYS_faccessat2, {AT_FDCWD, (long)"file", R_OK, 0}, 2}, {"readlink", SYS_readlink, {(long)"link", (long)room, 64}, 3}, {"readlinkat", SYS_readlinkat, {AT_FDCWD, (long)"link", (long)room, 64}, 6},
      {"statfs", SYS_statfs, {(long)"file", (long)room}, 3}, {"mkdir", SYS_mkdir, {(long)"new", 0755}, 1}, {"mkdirat", SYS_mkdirat, {AT_FDCWD, (long)"new", 0755}, 2}, {"mknod", SYS_mknod, {(long)"new", S_IFREG | 0644}, 1},
      {"mknodat", SYS_mknodat, {AT_FDCWD, (long)"new", S_IFREG | 0644}, 2}, {"symlink", SYS_symlink, {(long)"target", (long)"new"}, 3}, {"symlinkat", SYS_symlinkat, {(long)"target", AT_FDCWD, (long)"new"}, 5},
      {"rmdir", SYS_rmdir, {(long)"bare"}, 1}, {"unlink", SYS_unlink, {(long)"empty"}, 1}, {"unlinkat", SYS_unlinkat, {AT_FDCWD, (long)"empty"}, 2}, {"link", SYS_link, {(long)"file", (long)"new"}, 3},
      {"linkat", SYS_linkat, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10}, {"rename", SYS_rename, {(long)"file", (long)"new"}, 3}, {"renameat", SYS_renameat, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10},
      {"renameat2", SYS_renameat2, {AT_FDCWD, (long)"file", AT_FDCWD, (long)"new"}, 10}, {"chmod", SYS_chmod, {(long)"file", 0600}, 1}, {"fchmodat", SYS_fchmodat, {AT_FDCWD, (long)"file", 0600}, 2},
      {"fchmodat2", SYS_fchmodat2, {AT_FDCWD, (long)"file", 0600}, 2}, {"chown", SYS_chown, {(long)"file", -1, -1}, 1}, {"lchown", SYS_lchown, {(long)"file", -1, -1}, 1}, {"fchownat", SYS_fchownat, {AT_FDCWD, (long)"file", -1, -1}, 2},
      {"utime", SYS_utime, {(long)"file", (long)two_times}, 3}, {"utimes", SYS_utimes, {(long)"file", (long)two_times}, 3}, {"futimesat", SYS_futimesat, {AT_FDCWD, (long)"file", (long)two_times}, 6},
      {"utimensat", SYS_utimensat, {AT_FDCWD, (long)"file", (long)two_times}, 6}, {"truncate", SYS_truncate, {(long)"file", 2}, 1}, {"setxattr", SYS_setxattr, {(long)"file", (long)"user.x", (long)"v", 1}, 7},
      {"lsetxattr", SYS_lsetxattr, {(long)"file", (long)"user.x", (long)"v", 1}, 7}, {"getxattr", SYS_getxattr, {(long)"file", (long)"user.x", (long)room, 64}, 7}, {"lgetxattr", SYS_lgetxattr, {(long)"file", (long)"user.x", (long)room, 64}, 7},
      {"listxattr", SYS_listxattr, {(long)"file", (long)room, 64}, 3}, {"llistxattr", SYS_llistxattr, {(long)"file", (long)room, 64}, 3}, {"removexattr", SYS_removexattr, {(long)"file", (long)"user.x"}, 3},
      {"lremovexattr", SYS_lremovexattr, {(long)"file", (long)"user.x"}, 3}, {"inotify_add_watch", SYS_inotify_add_watch, {watch, (long)"file", IN_OPEN}, 2}, {"connect", SYS_connect, {sock, (long)&un, sizeof un}, 2},
      {"bind", SYS_bind, {sock, (long)&un, sizeof un}, 2}};
  for (size_t i = 0; i < COUNT(calls); i++)
    for (int p = 0; p < 5; p++) {
      if (!(calls[i].pointers >> p & 1)) continue;
      for (size_t b = 0; b < COUNT(bad); b++) {
        long a[5];
        memcpy(a, calls[i].a, sizeof a);
        a[p] = (long)bad[b].at;
        long result = raw(calls[i].number, a[0], a[1], a[2], a[3], a[4]);
        if (!strncmp(calls[i].name, "open", 4) || !strcmp(calls[i].name, "creat")) {
          if (result >= 0) close((int)result), result = 0;
        }
        printf("%s argument %d %s: %s\n", calls[i].name, p, bad[b].name, name_of(result));
        changes();
      }
    }
  printf("a path that ends with its page"), describe_fd(RAW(openat, AT_FDCWD, ending, O_RDONLY, 0, 0));
  memcpy(edge, "file", 5);
  printf("\na path over two pages"), describe_fd(RAW(openat, AT_FDCWD, edge, O_RDONLY, 0, 0));
  printf("\na structure over the end %s", name_of(RAW(stat, "file", pages + 2 * 4096 - 16, 0, 0, 0)));
  printf("\nreadlink that fits before the end %s", name_of(RAW(readlink, "link", pages + 2 * 4096 - 4, 64, 0, 0)));
  printf("\nreadlink that does not %s\n", name_of(RAW(readlink, "link", pages + 2 * 4096 - 3, 64, 0, 0)));
  close(sock), close(watch);
}

// --------------------------------------------------------------------------------------------------------- sockets

static void show_name(int fd, bool peer) {
  struct sockaddr_storage storage = {0};
  socklen_t size = sizeof storage;
  int rc = peer ? getpeername(fd, (struct sockaddr *)&storage, &size) : getsockname(fd, (struct sockaddr *)&storage, &size);
  if (rc) printf(" %s", name_of(-errno));
  else if (storage.ss_family == AF_UNIX) {
    // A socket that init binds has its name without the directory (docs/interception.md).
    const char *path = ((struct sockaddr_un *)&storage)->sun_path, *slash = strrchr(path, '/');
    printf(" unix %s", size <= sizeof(sa_family_t) ? "without a name" : *path ? shown(slash ? slash + 1 : path) : "abstract");
  }
  else printf(" family %d port %s", storage.ss_family, ntohs(((struct sockaddr_in *)&storage)->sin_port) ? "some" : "0");
}

static void try_address(const char *label, int domain, int type, const void *address, long size, bool connecting) {
  int fd = socket(domain, type | SOCK_NONBLOCK, 0);
  printf("%s %s %s", connecting ? "connect" : "bind", label, name_of(raw(connecting ? SYS_connect : SYS_bind, fd, (long)address, size, 0, 0)));
  show_name(fd, false);
  if (connecting) show_name(fd, true);
  putchar('\n');
  close(fd);
  changes();
}

static void sockets(void) {
  begin();
  stand_ins();
  static const char *const names[] = {"socket", "new", "file", "dir", "link", "dangling", "missing/new", "", "dir/new", "dirlink/new", "./new", "closed/new", "locked/new", "new/", "/proc/self/cwd/new", "/proc/self/cwd/socket",
                                      "/proc/self/fd/51/new", "/proc/self/root/dev/null", "/proc/1/root/dev/null", "loop", "private", "sgid/new", "up", "caf\xe9-socket", "../new-in-parent"};
  struct sockaddr_un live = {.sun_family = AF_UNIX, .sun_path = "dir/live"};
  for (size_t i = 0; i < COUNT(names); i++)
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
      if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) continue;
      struct sockaddr_un address = {.sun_family = AF_UNIX};
      char label[300];
      strcpy(address.sun_path, names[i]);
      for (int exact = 0; exact < 2; exact++) {
        long size = exact ? (long)(offsetof(struct sockaddr_un, sun_path) + strlen(names[i])) : (long)sizeof address;
        snprintf(label, sizeof label, "%s type %d size %ld", shown(names[i]), type, size);
        try_address(label, AF_UNIX, type, &address, size, false);
        try_address(label, AF_UNIX, type, &address, size, true);
      }
    }
  unlink("../new-in-parent");
  // A server that is there, by several names and from several directories.
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(server, (struct sockaddr *)&live, sizeof live);
  listen(server, 50);
  symlink("dir/live", "to-live");
  static const char *const there[] = {"dir/live", "to-live", "dirlink/live", "./dir//live", "/proc/self/cwd/dir/live", "/proc/self/fd/51/live", "self/dir/live"};
  for (size_t i = 0; i < COUNT(there); i++) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, there[i]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
    printf("connect to a server by %s %s", there[i], name_of(RAW(connect, fd, &address, sizeof address, 0, 0)));
    show_name(fd, true);
    printf(" wrong type %s\n", name_of(RAW(connect, dgram, &address, sizeof address, 0, 0)));
    close(fd), close(dgram);
  }
  chdir("dir");
  struct sockaddr_un near = {.sun_family = AF_UNIX, .sun_path = "live"};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("connect from its directory %s\n", name_of(RAW(connect, fd, &near, sizeof near, 0, 0)));
  close(fd);
  chdir(base);
  chmod("dir/live", 0);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("connect without the right to write %s\n", name_of(RAW(connect, fd, &live, sizeof live, 0, 0)));
  close(fd), close(server);
  struct sockaddr_un whole = {.sun_family = AF_UNIX};
  memset(whole.sun_path, 'w', sizeof whole.sun_path);
  try_address("108 bytes", AF_UNIX, SOCK_STREAM, &whole, sizeof whole, false);
  unlink("dir/live");
  begin();
  for (int i = 0; i < 3; i++) {
    static const mode_t masks[] = {0, 077, 0777};
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "masked"};
    umask(masks[i]);
    try_address("under a umask", AF_UNIX, SOCK_STREAM, &address, sizeof address, false);
    umask(022);
  }
  struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0rvisor-differential"};
  for (int connecting = 0; connecting < 2; connecting++) {
    try_address("an abstract name", AF_UNIX, SOCK_STREAM, &abstract, offsetof(struct sockaddr_un, sun_path) + 20, connecting);
    try_address("no name", AF_UNIX, SOCK_STREAM, &abstract, sizeof(sa_family_t), connecting);
    try_address("one byte", AF_UNIX, SOCK_STREAM, &abstract, 1, connecting);
    try_address("no bytes", AF_UNIX, SOCK_STREAM, &abstract, 0, connecting);
    try_address("null and no bytes", AF_UNIX, SOCK_STREAM, NULL, 0, connecting);
    try_address("-1 bytes", AF_UNIX, SOCK_STREAM, &abstract, -1, connecting);
    try_address("129 bytes", AF_UNIX, SOCK_STREAM, &abstract, 129, connecting);
    try_address("128 bytes", AF_UNIX, SOCK_STREAM, &abstract, 128, connecting);
    try_address("a high half", AF_UNIX, SOCK_STREAM, &abstract, 0x100000014L, connecting);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(connecting ? 9 : 0), .sin_addr = {htonl(INADDR_LOOPBACK)}}, off = v4, unspecific = {.sin_family = AF_UNSPEC};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(connecting ? 9 : 0), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    off.sin_addr.s_addr = htonl(0x08080808);
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
      try_address("IPv4", AF_INET, type, &v4, sizeof v4, connecting);
      try_address("IPv4 short", AF_INET, type, &v4, 8, connecting);
      try_address("IPv4 off", AF_INET, type, &off, sizeof off, connecting);
      try_address("IPv6", AF_INET6, type, &v6, sizeof v6, connecting);
      try_address("IPv4 by an IPv6 socket", AF_INET6, type, &v4, sizeof v4, connecting);
      try_address("IPv6 by an IPv4 socket", AF_INET, type, &v6, sizeof v6, connecting);
      try_address("AF_UNSPEC by an IPv4 socket", AF_INET, type, &unspecific, sizeof unspecific, connecting);
    }
    try_address("of another family than IPv4", AF_INET, SOCK_STREAM, &abstract, sizeof abstract, connecting);
    try_address("of another family", AF_UNIX, SOCK_STREAM, &v4, sizeof v4, connecting);
    printf("%s of a file %s\n", connecting ? "connect" : "bind", name_of(raw(connecting ? SYS_connect : SYS_bind, 50, (long)&v4, sizeof v4, 0, 0)));
    printf("%s of nothing %s\n", connecting ? "connect" : "bind", name_of(raw(connecting ? SYS_connect : SYS_bind, 999, (long)&v4, sizeof v4, 0, 0)));
  }
  // Blocking, and told of later.
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  socklen_t size = sizeof any;
  printf("an IPv4 listener: bind %s", name_of(RAW(bind, listener, &any, sizeof any, 0, 0)));
  listen(listener, 5);
  getsockname(listener, (struct sockaddr *)&any, &size);
  printf(" again %s", name_of(RAW(bind, second, &any, sizeof any, 0, 0)));
  printf(" connect %s twice %s", name_of(RAW(connect, client, &any, sizeof any, 0, 0)), name_of(RAW(connect, client, &any, sizeof any, 0, 0)));
  long rc = RAW(connect, second, &any, sizeof any, 0, 0);
  printf(" without waiting %s\n", rc == 0 || rc == -EINPROGRESS ? "fine" : name_of(rc));
  close(listener), close(client), close(second);
}

// ------------------------------------------------------------------------------------------ masks, places, and limits

static void *other_thread(void *unused) {
  (void)unused;
  unshare(CLONE_FS);
  umask(0);
  chdir("dir");
  printf("a thread with a place of its own:"), describe_fd(RAW(openat, AT_FDCWD, "made", O_CREAT | O_WRONLY, 0777, 0));
  printf(" mkdir %s", name_of(RAW(mkdir, "made-directory", 0777, 0, 0, 0)));
  putchar('\n');
  return NULL;
}

static int shares_place(void *unused) {
  (void)unused;
  chdir("dir");
  umask(0707);
  return 0;
}

static void places(void) {
  begin();
  static const mode_t masks[] = {0, 022, 077, 0777, 0111};
  for (size_t i = 0; i < COUNT(masks); i++) {
    umask(masks[i]);
    printf("umask %o", masks[i]), describe_fd(RAW(openat, AT_FDCWD, "new", O_CREAT | O_RDWR, 07777, 0));
    printf(" mkdir %s fifo %s", name_of(RAW(mkdir, "new-dir", 07777, 0, 0, 0)), name_of(RAW(mknod, "new-fifo", S_IFIFO | 0777, 0, 0, 0)));
    printf(" in sgid"), describe_fd(RAW(openat, AT_FDCWD, "sgid/new", O_CREAT | O_RDWR, 02777, 0));
    printf(" mkdir %s", name_of(RAW(mkdir, "sgid/new-dir", 0777, 0, 0, 0)));
    int unnamed = (int)RAW(openat, AT_FDCWD, ".", O_TMPFILE | O_RDWR, 0777, 0);
    struct stat st = {0};
    fstat(unnamed, &st);
    printf(" unnamed %o, umask is still %o\n", st.st_mode, umask(masks[i]));
    close(unnamed);
    umask(022);
    changes();
  }
  pthread_t thread;
  pthread_create(&thread, NULL, other_thread, NULL);
  pthread_join(thread, NULL);
  printf("the first thread:"), describe_fd(RAW(openat, AT_FDCWD, "made", O_CREAT | O_WRONLY, 0777, 0));
  putchar('\n');
  changes();
  static char stack[65536];
  pid_t pid = clone(shares_place, stack + sizeof stack, CLONE_FS | CLONE_VM | SIGCHLD, NULL);
  waitpid(pid, NULL, 0);
  printf("a place that is shared with another process:"), describe_fd(RAW(openat, AT_FDCWD, "by-both", O_CREAT | O_WRONLY, 0777, 0));
  putchar('\n');
  chdir(base);
  umask(022);
  changes();
  // Descriptors that are shared with another process.
  int fd = -1;
  fflush(stdout);
  pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    fd = open("file", O_RDONLY);
    dup2(fd, 77);
    close(fd);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  printf("a descriptor of a shared table %s\n", name_of(fcntl(77, F_GETFD)));
  close(77);
  struct rlimit limit = {20, 1024}, before;
  getrlimit(RLIMIT_NOFILE, &before);
  limit.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int opened = 0;
  long last;
  while ((last = RAW(openat, AT_FDCWD, "file", O_RDONLY, 0, 0)) >= 0) opened++;
  printf("a full table: %s\n", name_of(last));
  printf("a full table, created all the same: %s", name_of(RAW(openat, AT_FDCWD, "created", O_CREAT | O_RDWR, 0644, 0)));
  for (int i = 3; i < 20; i++) close(i);
  setrlimit(RLIMIT_NOFILE, &before);
  putchar('\n');
  unlink("created");
  changes();
  limit = (struct rlimit){1 << 16, 1 << 16};
  getrlimit(RLIMIT_FSIZE, &before);
  limit.rlim_max = before.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  report("truncate beyond the limit", "file", RAW(truncate, "file", 1 << 20, 0, 0, 0));
  setrlimit(RLIMIT_FSIZE, &before);
}

// ------------------------------------------------------------------------------------- what a descriptor is good for

static void locks(void) {
  begin();
  // The lowest free number, and the flag that is this descriptor's alone.
  int first = open("/dev/null", O_RDONLY);
  close(first);
  int fd = open("file", O_RDWR);
  printf("the lowest number %s\n", fd == first ? "yes" : "no");
  int other = open("file", O_RDWR);
  lseek(fd, 3, SEEK_SET);
  printf("positions of two opens %ld\n", (long)lseek(other, 0, SEEK_CUR));
  int append = open("file", O_WRONLY | O_APPEND), second = open("file", O_WRONLY | O_APPEND);
  for (int i = 0; i < 3; i++) printf("append %ld %ld\n", (long)write(append, "a", 1), (long)write(second, "b", 1));
  char text[64] = "";
  pread(fd, text, sizeof text - 1, 0);
  printf("appended %s\n", shown(text));
  // Record locks are the process's, those of flock(2) the open file's.
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
  printf("F_SETLK %s\n", name_of(fcntl(fd, F_SETLK, &lock)));
  pid_t parent = getpid(), pid = split();
  if (pid == 0) {
    int mine = open("file", O_RDWR);
    struct flock ask = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    printf("a child's F_SETLK %s", name_of(fcntl(mine, F_SETLK, &ask) ? -errno : 0));
    ask = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fcntl(mine, F_GETLK, &ask);
    printf(" held by %s\n", ask.l_pid == parent ? "the parent" : ask.l_type == F_UNLCK ? "nobody" : "someone else");
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  close(other);  // closing any descriptor of the file drops the process's locks
  pid = split();
  if (pid == 0) {
    int mine = open("file", O_RDWR);
    printf("after a close F_SETLK %s\n", name_of(fcntl(mine, F_SETLK, &lock) ? -errno : 0));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  // Nobody else may still hold the open file when the call has returned.
  int busy = 0, leased = 0, refused = 0;
  for (int i = 0; i < 300; i++) {
    int one = open("empty", O_RDONLY);
    if (flock(one, LOCK_EX)) refused++;
    close(one);
    int two = open("empty", O_RDONLY);
    if (flock(two, LOCK_EX | LOCK_NB)) busy++;
    close(two);
    int three = open("empty", O_RDONLY);
    if (fcntl(three, F_SETLEASE, F_WRLCK)) leased++;
    else fcntl(three, F_SETLEASE, F_UNLCK);
    close(three);
  }
  printf("locks refused %d busy %d, leases refused %d\n", refused, busy, leased);
  int executed = 0;
  for (int i = 0; i < 60; i++) {
    int script = open("program", O_WRONLY | O_TRUNC);
    write(script, "#!/bin/true\n", 12);
    close(script);
    pid = vfork();
    if (pid == 0) {
      execl("./program", "program", NULL);
      _exit(errno == ETXTBSY ? 26 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    executed += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  printf("a program that has just been written ran %d times of 60\n", executed);
  // Close-on-exec is what the call asked for.
  int kept = open("file", O_RDONLY), closed = open("file", O_RDONLY | O_CLOEXEC);
  char command[128];
  snprintf(command, sizeof command, "test -e /proc/self/fd/%d && echo kept; test -e /proc/self/fd/%d || echo closed", kept, closed);
  fflush(stdout);
  if (system(command)) puts("system failed");
  struct statfs fs;
  printf("fstatfs %s\n", name_of(fstatfs(kept, &fs)));
  // Owner of signals, and what is watched.
  printf("F_GETOWN %d F_GETSIG %d\n", fcntl(kept, F_GETOWN), fcntl(kept, F_GETSIG));
  int watch = inotify_init1(IN_NONBLOCK);
  printf("watch %s", name_of(RAW(inotify_add_watch, watch, ".", IN_ALL_EVENTS, 0, 0)));
  printf(" same again %s", name_of(RAW(inotify_add_watch, watch, "self", IN_ALL_EVENTS, 0, 0)));
  printf(" another %s", name_of(RAW(inotify_add_watch, watch, "dir", IN_ALL_EVENTS, 0, 0)));
  printf(" a link %s", name_of(RAW(inotify_add_watch, watch, "dirlink", IN_CREATE | IN_DONT_FOLLOW, 0, 0)));
  printf(" only directories %s", name_of(RAW(inotify_add_watch, watch, "file", IN_CREATE | IN_ONLYDIR, 0, 0)));
  printf(" nothing %s", name_of(RAW(inotify_add_watch, watch, "file", 0, 0, 0)));
  printf(" create only %s", name_of(RAW(inotify_add_watch, watch, "dir", IN_CREATE | IN_MASK_CREATE, 0, 0)));
  printf(" private %s", name_of(RAW(inotify_add_watch, watch, "private", IN_OPEN, 0, 0)));
  printf(" missing %s", name_of(RAW(inotify_add_watch, watch, "missing", IN_OPEN, 0, 0)));
  printf(" not a watch %s", name_of(RAW(inotify_add_watch, kept, "dir", IN_OPEN, 0, 0)));
  printf(" no descriptor %s\n", name_of(RAW(inotify_add_watch, 999, "dir", IN_OPEN, 0, 0)));
  char events[16384];
  while (read(watch, events, sizeof events) > 0) {}
  struct stat st;
  int made = open("dir/event", O_CREAT | O_RDWR, 0644);
  write(made, "x", 1);
  close(made);
  stat("dir/event", &st);
  close(open("dir/event", O_RDONLY));
  chmod("dir/event", 0600);
  truncate("dir/event", 0);
  mkdir("dir/event-dir", 0755);
  rename("dir/event", "dir/event-moved");
  link("dir/event-moved", "dir/event-link");
  readlink("link", text, sizeof text);
  access("dir/inner", R_OK);
  setxattr("dir/event-moved", "user.x", "v", 1, 0);
  utimensat(AT_FDCWD, "dir/event-moved", NULL, 0);
  unlink("dir/event-moved");
  rmdir("dir/event-dir");
  ssize_t size = read(watch, events, sizeof events);
  for (char *at = events; size > 0 && at < events + size;) {
    struct inotify_event *event = (struct inotify_event *)at;
    printf("event %x %s\n", event->mask, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
  fixture();
}

// ---------------------------------------------------------------------------------------------- things that wait

static volatile sig_atomic_t rang;
static void ring(int number) { rang += number == SIGALRM; }
static void *opens_other_end(void *path) {
  usleep(100000);
  int fd = open(path, O_WRONLY);
  write(fd, "through", 7);
  close(fd);
  return NULL;
}

static void waiting(void) {
  begin();
  pthread_t thread;
  char text[16] = "";
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  int fd = open("fifo", O_RDONLY);
  printf("a fifo's ends meet: %ld %s", (long)read(fd, text, sizeof text), text);
  printf(", then %ld\n", (long)read(fd, text, sizeof text));
  pthread_join(thread, NULL);
  close(fd);
  printf("a fifo to write without a reader %s\n", name_of(RAW(openat, AT_FDCWD, "fifo", O_WRONLY | O_NONBLOCK, 0, 0)));
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDWR, 0, 0);
  printf("a fifo for both %s flags %x\n", fd >= 0 ? "opens" : name_of(fd), (unsigned)fcntl(fd, F_GETFL));
  close(fd);
  // A signal takes the call back.
  struct sigaction action = {.sa_handler = ring};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval soon = {.it_value = {0, 50000}}, often = {.it_interval = {0, 30000}, .it_value = {0, 30000}}, never = {0};
  setitimer(ITIMER_REAL, &soon, NULL);
  printf("a signal while a fifo waits: %s", name_of(RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0)));
  printf(", handled %d times\n", rang);
  // One that is ignored, or blocked, does not.
  signal(SIGALRM, SIG_IGN);
  setitimer(ITIMER_REAL, &soon, NULL);
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0);
  printf("an ignored signal: %s\n", fd >= 0 ? "goes on" : name_of(fd));
  pthread_join(thread, NULL);
  close(fd);
  // And with SA_RESTART the call begins again, and ends when the other end comes.
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  rang = 0;
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &block, NULL);
  pthread_create(&thread, NULL, opens_other_end, "fifo");  // has the signal blocked
  pthread_sigmask(SIG_UNBLOCK, &block, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  fd = (int)RAW(openat, AT_FDCWD, "fifo", O_RDONLY, 0, 0);
  setitimer(ITIMER_REAL, &never, NULL);
  printf("with SA_RESTART: %s, signals %s\n", fd >= 0 ? "goes on" : name_of(fd), rang ? "came" : "did not come");
  pthread_join(thread, NULL);
  close(fd);
  // A lease makes others wait until its holder gives it up.
  int holder = open("file", O_RDONLY);
  signal(SIGIO, SIG_IGN);
  printf("lease %s", name_of(fcntl(holder, F_SETLEASE, F_RDLCK) ? -errno : 0));
  printf(" to write without waiting %s\n", name_of(RAW(openat, AT_FDCWD, "file", O_WRONLY | O_NONBLOCK, 0, 0)));
  fflush(stdout);
  pid_t pid = split();
  if (pid == 0) {
    fd = (int)RAW(openat, AT_FDCWD, "file", O_WRONLY, 0, 0);
    printf("to write after waiting %s flags %x\n", fd >= 0 ? "opens" : name_of(fd), (unsigned)fcntl(fd, F_GETFL));
    fflush(stdout);
    _exit(0);
  }
  usleep(100000);
  struct stat st;
  printf("meanwhile others go on %s\n", name_of(RAW(stat, "file", &st, 0, 0, 0)));
  fcntl(holder, F_SETLEASE, F_UNLCK);
  waitpid(pid, NULL, 0);
  printf("lease again %s\n", name_of(fcntl(holder, F_SETLEASE, F_RDLCK) ? -errno : 0));
  pid = split();
  if (pid == 0) {
    long result = RAW(truncate, "file", 1, 0, 0, 0);
    printf("truncated after waiting %s\n", name_of(result));
    fflush(stdout);
    _exit(0);
  }
  usleep(100000);
  printf("meanwhile others go on %s\n", name_of(RAW(stat, "file", &st, 0, 0, 0)));
  fcntl(holder, F_SETLEASE, F_UNLCK);
  waitpid(pid, NULL, 0);
  close(holder);
  // Processes that are killed while they wait leave nothing behind that others would wait for.
  for (int i = 0; i < 300; i++) {
    pid = split();
    if (pid == 0) {
      open("fifo", O_RDONLY);
      _exit(0);
    }
    if (i % 50 == 49) usleep(5000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  pthread_create(&thread, NULL, opens_other_end, "fifo");
  fd = open("fifo", O_RDONLY);
  printf("after 300 that were killed: %s\n", fd >= 0 ? "goes on" : name_of(-errno));
  pthread_join(thread, NULL);
  // Connections wait too.
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "busy"};
  int server = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(server, (struct sockaddr *)&address, sizeof address);
  listen(server, 0);
  printf("connect %s", name_of(RAW(connect, first, &address, sizeof address, 0, 0)));
  action.sa_flags = 0;
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  printf(" with a full queue, until a signal: %s\n", name_of(RAW(connect, second, &address, sizeof address, 0, 0)));
  close(server), close(first), close(second);
  struct timeval patience = {0, 100000};
  server = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(address.sun_path, "busy2");
  bind(server, (struct sockaddr *)&address, sizeof address);
  listen(server, 0);
  RAW(connect, first, &address, sizeof address, 0, 0);
  setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  printf("with SO_SNDTIMEO: %s\n", name_of(RAW(connect, second, &address, sizeof address, 0, 0)));
  fixture();
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } sections[] = {{"open", opens}, {"openat2", restricted}, {"query", queries}, {"change", changing}, {"time", times}, {"xattr", attributes}, {"pair", pairs},
                                                                           {"directory", directories}, {"pointer", pointers}, {"socket", sockets}, {"place", places}, {"lock", locks}, {"wait", waiting}};
  setvbuf(stdout, NULL, _IOFBF, 1 << 20);
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return fputs("only in a sandbox\n", stderr), 3;
  if (!getcwd(base, sizeof base)) return 3;
  memset(longest, 'n', 255);
  memcpy(longest, LONG_NAME, sizeof LONG_NAME - 1);
  memset(too_long, 'n', 256);
  for (int i = 0; i < PATH_MAX - 1; i += 2) memcpy(fits + i, "./", 2);
  strcpy(fits + PATH_MAX - 1 - 4, "file");  // 4,095 bytes, the longest path there is
  if (fits[PATH_MAX - 6] != '/') memmove(fits + PATH_MAX - 6, "/file", 6);
  memset(over, '/', sizeof over - 1);
  memcpy(over + sizeof over - 5, "file", 5);
  snprintf(absolute, sizeof absolute, "%s/file", base);
  for (int i = 1; i < argc; i++)
    for (size_t n = 0; n < COUNT(sections); n++) {
      const size_t length = strlen(sections[n].name);
      if (strncmp(argv[i], sections[n].name, length) || (argv[i][length] && argv[i][length] != '/')) continue;
      every = argv[i][length] ? strtoul(argv[i] + length + 1, NULL, 10) : 1;
      printf("== %s\n", argv[i]), sections[n].run();
    }
  fflush(stdout);
  return 0;
}
