// SPDX-License-Identifier: Apache-2.0
// sockets reach PATH…: binds, listens at and connects to sockets at these paths, and says what came of it.
// sockets [DIRECTORY]: what programs do with sockets by path, with descriptors in messages, with inotify and F_SETOWN, and what came of it, a line
// each; nothing that differs from run to run. Names of sockets are told by their last component.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

static struct sockaddr_un named(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

static const char *last(const struct sockaddr_un *address, socklen_t size) {
  if (size <= sizeof(sa_family_t)) return "(none)";
  const char *slash = strrchr(address->sun_path, '/');
  return slash ? slash + 1 : address->sun_path;
}

static const char *said(long result) { return result < 0 ? strerrorname_np(errno) : "ok"; }

static int bound(int type, const char *path) {
  struct sockaddr_un address = named(path);
  int s = socket(AF_UNIX, type, 0);
  unlink(path);
  printf("bind %s: %s\n", path, said(bind(s, (void *)&address, sizeof address)));
  if (type != SOCK_DGRAM) printf("listen: %s\n", said(listen(s, 64)));
  return s;
}

static int connected(int type, const char *path) {
  struct sockaddr_un address = named(path);
  int s = socket(AF_UNIX, type, 0);
  return connect(s, (void *)&address, sizeof address) ? close(s), -1 : s;
}

static void *serve(void *listener) {
  char bytes[256];
  for (int c; (c = accept(*(int *)listener, 0, 0)) >= 0; close(c))
    for (ssize_t size; (size = read(c, bytes, sizeof bytes)) > 0;)
      if (write(c, bytes, (size_t)size) != size) break;
  return listener;
}

static atomic_int echoed, signalled;

static void *visit(void *path) {
  for (int i = 0; i < 25; i++) {
    char byte = (char)i;
    int s = connected(SOCK_STREAM, path);
    if (s >= 0 && write(s, &byte, 1) == 1 && read(s, &byte, 1) == 1 && byte == (char)i) echoed++;
    close(s);
  }
  return path;
}

static void on_signal(int number) { (void)number, signalled++; }

static void streams(void) {
  int listener = bound(SOCK_STREAM, "stream"), copy, queue = epoll_create1(0);
  struct sockaddr_un peer, address = named("./stream");
  struct epoll_event event = {.events = EPOLLOUT, .data.u32 = 7};
  socklen_t size = sizeof peer;
  pthread_t server, visitors[8];
  char byte = 'x';
  pthread_create(&server, 0, serve, &listener);
  // The same open socket under another number, watched before it is connected.
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  copy = dup(s);
  epoll_ctl(queue, EPOLL_CTL_ADD, copy, &event);
  printf("connect: %s\n", said(connect(s, (void *)&address, sizeof address)));
  printf("again: %s\n", said(connect(copy, (void *)&address, sizeof address)));
  ssize_t wrote = write(copy, "y", 1), got = read(copy, &byte, 1);
  printf("by the copy: %zd %zd %c\n", wrote, got, byte);
  int events = epoll_wait(queue, &event, 1, 1000);
  printf("watched: %d %u\n", events, event.data.u32);
  const char *answer = said(getpeername(s, (void *)&peer, &size));
  printf("peer: %s %s\n", answer, last(&peer, size));
  size = sizeof peer;
  answer = said(getsockname(s, (void *)&peer, &size));
  printf("own: %s %s\n", answer, last(&peer, size));
  struct ucred who;
  size = sizeof who;
  answer = said(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &size));
  printf("credentials: %s %d\n", answer, who.uid == getuid());
  close(s), close(copy), close(queue);
  for (int i = 0; i < 8; i++) pthread_create(&visitors[i], 0, visit, "stream");
  for (int i = 0; i < 8; i++) pthread_join(visitors[i], 0);
  printf("threads: %d of 200\n", echoed);
  echoed = 0;
  for (int i = 0; i < 6; i++)
    if (!fork()) visit("stream"), _exit(echoed == 25 ? 0 : 1);
  for (int status; wait(&status) > 0;) echoed += status == 0;
  printf("processes: %d of 6\n", echoed);
  // Continued, stopped and interrupted all the while.
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, 0);
  pid_t child = fork();
  if (!child) {
    echoed = 0;
    visit("stream");
    _exit(echoed == 25 ? 0 : 1);
  }
  int status;
  for (int i = 0; waitpid(child, &status, WNOHANG) == 0; i++) {
    usleep(500);
    kill(child, i % 3 == 0 ? SIGUSR1 : i % 3 == 1 ? SIGSTOP : SIGCONT);
  }
  printf("interrupted: %d\n", status);
  // A program is executed while other threads are connecting.
  child = fork();
  if (!child) {
    for (int i = 0; i < 4; i++) pthread_create(&visitors[i], 0, visit, "stream");
    usleep(3000);
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  pid_t ended = waitpid(child, &status, 0);
  printf("executed: %d %d\n", ended == child, status);
  // Killed while they are.
  child = fork();
  if (!child) {
    for (int i = 0; i < 4; i++) pthread_create(&visitors[i], 0, visit, "stream");
    for (;;) pause();
  }
  usleep(5000);
  kill(child, SIGKILL);
  ended = waitpid(child, &status, 0);
  printf("killed: %d %d\n", ended == child, WTERMSIG(status));
  shutdown(listener, SHUT_RDWR);
  pthread_join(server, 0);
  close(listener);
  printf("nobody listens: %s\n", said(connected(SOCK_STREAM, "stream")));
  printf("another kind: %s\n", said(connected(SOCK_DGRAM, "stream")));
  printf("not there: %s\n", said(connected(SOCK_STREAM, "nowhere")));
  printf("no socket: %s\n", said(connected(SOCK_STREAM, "/bin/true")));
  printf("bound already: %s\n", said(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address)));
  printf("closed: %s\n", said(connect(999, (void *)&address, sizeof address)));
  int file = open("/bin/true", O_RDONLY);
  printf("of a file: %s\n", said(connect(file, (void *)&address, sizeof address)));
  close(file);
}

// A server whose queue is full: who connects waits, until there is room, or a signal comes.
static void *make_room(void *listener) {
  usleep(100000);
  close(accept(*(int *)listener, 0, 0));
  return 0;
}

static void waiting(void) {
  struct sockaddr_un address = named("full");
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  unlink("full");
  printf("full: %s", said(bind(listener, (void *)&address, sizeof address)));
  printf(" %s\n", said(listen(listener, 0)));
  while (!connect(s, (void *)&address, sizeof address)) s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  printf("without a wait: %s\n", said(-1));
  pthread_t helper;
  pthread_create(&helper, 0, make_room, &listener);
  printf("with one: %s\n", said(connected(SOCK_STREAM, "full")));
  pthread_join(helper, 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGALRM, &action, 0);
  ualarm(100000, 0);
  s = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("a signal: %s\n", said(connect(s, (void *)&address, sizeof address)));
  close(listener);
}

static void datagrams(void) {
  int s = bound(SOCK_DGRAM, "datagram"), t = bound(SOCK_DGRAM, "reply");
  struct sockaddr_un to = named("datagram"), from;
  socklen_t size = sizeof from;
  char bytes[64];
  printf("sendto: %s\n", said(sendto(t, "one", 3, 0, (void *)&to, sizeof to)));
  ssize_t got = recvfrom(s, bytes, sizeof bytes, 0, (void *)&from, &size);
  printf("from: %zd %s\n", got, last(&from, size));
  struct iovec parts[] = {{"tw", 2}, {"o", 1}};
  struct mmsghdr messages[2] = {{{&to, sizeof to, parts, 2, 0, 0, 0}, 0}, {{&to, sizeof to, parts, 1, 0, 0, 0}, 0}};
  printf("sendmsg: %zd\n", sendmsg(t, &messages[0].msg_hdr, 0));
  printf("sendmmsg: %d", sendmmsg(t, messages, 2, 0));
  printf(" %u %u\n", messages[0].msg_len, messages[1].msg_len);
  for (int i = 0; i < 3; i++) printf("got: %zd\n", recv(s, bytes, sizeof bytes, 0));
  printf("connect: %s", said(connect(t, (void *)&to, sizeof to)));
  printf(" %zd", send(t, "four", 4, 0));
  printf(" %zd\n", recv(s, bytes, sizeof bytes, 0));
  to = named("nowhere");
  printf("to nobody: %s\n", said(sendto(s, "x", 1, 0, (void *)&to, sizeof to)));
  int seq = bound(SOCK_SEQPACKET, "sequence"), c = connected(SOCK_SEQPACKET, "sequence"), a = accept(seq, 0, 0);
  printf("sequence: %zd", write(c, "packet", 6));
  printf(" %zd\n", read(a, bytes, sizeof bytes));
  close(s), close(t), close(seq), close(c), close(a);
}

static void rights(void) {
  int pair[2], numbers[64], file = open("/bin/true", O_RDONLY | O_CLOEXEC);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  for (int count = 1; count <= 64; count *= 8) {
    char space[CMSG_SPACE(sizeof numbers)] = {0}, byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(sizeof(int) * (unsigned)count)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    for (int i = 0; i < count; i++) numbers[i] = i % 3 == 0 ? file : pair[i % 2];
    *head = (struct cmsghdr){CMSG_LEN(sizeof(int) * (unsigned)count), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(head), numbers, sizeof(int) * (unsigned)count);
    printf("send %d: %zd", count, sendmsg(pair[0], &message, 0));
    printf(" %zd", recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC));
    head = CMSG_FIRSTHDR(&message);
    int got = head ? (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0, same = 0;
    memcpy(numbers, CMSG_DATA(head), sizeof(int) * (unsigned)got);
    for (int i = 0; i < got; i++) {
      struct stat one, other;
      same += !fstat(numbers[i], &one) && !fstat(i % 3 == 0 ? file : pair[i % 2], &other) && one.st_ino == other.st_ino;
      close(numbers[i]);
    }
    printf(" %d of %d\n", same, got);
  }
  int closed = 999;
  char space[CMSG_SPACE(sizeof closed)] = {0}, byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  *head = (struct cmsghdr){CMSG_LEN(sizeof closed), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(head), &closed, sizeof closed);
  printf("a closed one: %s\n", said(sendmsg(pair[0], &message, 0)));
  close(pair[0]), close(pair[1]), close(file);
}

static void watches(void) {
  mkdir("watched", 0755);
  int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  int one = inotify_add_watch(watch, "watched", IN_CREATE | IN_DELETE), other = inotify_add_watch(watch, "/bin/true", IN_OPEN);
  printf("watches: %d %d %s\n", one, other, said(inotify_add_watch(watch, "nowhere", IN_OPEN)));
  close(open("watched/new", O_CREAT | O_WRONLY, 0644));
  unlink("watched/new");
  char bytes[1024] __attribute__((aligned(8)));
  ssize_t size = read(watch, bytes, sizeof bytes);
  for (char *at = bytes; at < bytes + size; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
    printf("event: %d %x %s\n", ((struct inotify_event *)at)->wd, ((struct inotify_event *)at)->mask, ((struct inotify_event *)at)->name);
  printf("no watch: %s\n", said(inotify_add_watch(0, "watched", IN_OPEN)));
  rmdir("watched");
  close(watch);
}

static void owners(void) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGIO, &action, 0);
  signalled = 0;
  printf("own: %s", said(fcntl(pair[0], F_SETOWN, getpid())));
  printf(" %d\n", fcntl(pair[0], F_GETOWN) == getpid());
  fcntl(pair[0], F_SETFL, O_ASYNC);
  if (write(pair[1], "x", 1) != 1) puts("no byte");
  for (int i = 0; i < 100 && !signalled; i++) usleep(1000);
  printf("told: %d\n", signalled > 0);
  printf("another's: %s\n", said(fcntl(pair[0], F_SETOWN, 0x3ffffff)));
  close(pair[0]), close(pair[1]);
}

static void paths(void) {
  int directory = open(".", O_PATH | O_DIRECTORY), file = openat(directory, "stream", O_PATH);
  struct stat st;
  printf("by O_PATH: %s", said(fstatat(directory, "stream", &st, AT_SYMLINK_NOFOLLOW)));
  printf(" %d %s\n", S_ISSOCK(st.st_mode), said(fstat(file, &st)));
  close(directory), close(file);
}

// What is left of all that: no thread, no child, no descriptor.
static int entries(const char *path) {
  DIR *list = opendir(path);
  int count = 0;
  while (list && readdir(list)) count++;
  if (list) closedir(list);
  return count;
}

static int reach(const char *path) {
  struct sockaddr_un address = named(path);
  int s = socket(AF_UNIX, SOCK_STREAM, 0), bound = bind(s, (void *)&address, sizeof address);
  printf("%s %s", path, said(bound));
  if (!bound) listen(s, 1);
  printf(" %s\n", said(connected(SOCK_STREAM, path)));
  return 0;
}

int main(int argc, char **argv) {
  setlinebuf(stdout);
  signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && !strcmp(argv[1], "reach")) {
    for (int i = 2; i < argc; i++) reach(argv[i]);
    return 0;
  }
  if (argc > 1 && chdir(argv[1])) return perror(argv[1]), 2;
  streams();
  datagrams();
  rights();
  watches();
  owners();
  paths();
  waiting();
  printf("left: %d threads, %d children\n", entries("/proc/self/task") - 2, waitpid(-1, 0, WNOHANG | __WALL) >= 0 || errno != ECHILD);
  return 0;
}
