// SPDX-License-Identifier: Apache-2.0
// Calls whose lines are the same under any tracer, between umask(022) and the end. In a directory that it may write.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CALL(...) syscall(__VA_ARGS__)

static int pipes[2];

static void handler(int signal) { (void)signal; }

static void files(void) {
  struct stat st;
  char text[128];
  int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  CALL(SYS_write, fd, "a line\n\x1b[31m\0\1\2" "3", 17);
  CALL(SYS_write, fd, "a longer one that is cut after some thirty bytes\n", 49);
  CALL(SYS_pwrite64, fd, "x", 1, 100L);
  CALL(SYS_lseek, fd, -3L, SEEK_END);
  CALL(SYS_pread64, fd, text, 8, 2L);
  struct iovec pieces[] = {{"one", 3}, {"two", 2}};
  CALL(SYS_writev, fd, pieces, 2);
  CALL(SYS_fstat, fd, &st);
  CALL(SYS_ftruncate, fd, 5L);
  CALL(SYS_fcntl, fd, F_GETFL);
  CALL(SYS_fcntl, fd, F_GETFD);
  CALL(SYS_fcntl, fd, F_SETFL, O_RDWR | O_APPEND);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CALL(SYS_fcntl, fd, F_SETLK, &lock);
  CALL(SYS_flock, fd, LOCK_SH | LOCK_NB);
  CALL(SYS_ioctl, fd, TCGETS, text);
  CALL(SYS_ioctl, fd, FIONREAD, text);
  CALL(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, 0L, 4096L);
  CALL(SYS_fadvise64, fd, 0L, 0L, POSIX_FADV_SEQUENTIAL);
  CALL(SYS_dup3, fd, 20, O_CLOEXEC);
  CALL(SYS_close, 20);
  CALL(SYS_close, 20);
  CALL(SYS_newfstatat, AT_FDCWD, "file", &st, AT_SYMLINK_NOFOLLOW);
  CALL(SYS_stat, "nowhere", &st);
  CALL(SYS_access, "file", R_OK | X_OK);
  CALL(SYS_mkdir, "directory", 0755);
  CALL(SYS_symlinkat, "file", AT_FDCWD, "link");
  CALL(SYS_readlink, "link", text, sizeof text);
  CALL(SYS_rename, "file", "directory/file");
  CALL(SYS_renameat2, AT_FDCWD, "link", AT_FDCWD, "other", RENAME_NOREPLACE);
  CALL(SYS_linkat, AT_FDCWD, "directory/file", AT_FDCWD, "second", 0);
  CALL(SYS_chmod, "second", 04711);
  CALL(SYS_unlink, "other");
  CALL(SYS_unlink, "second");
  CALL(SYS_unlinkat, AT_FDCWD, "directory", AT_REMOVEDIR);
  CALL(SYS_unlink, "directory/file");
  CALL(SYS_rmdir, "directory");
  CALL(SYS_mknod, "fifo", S_IFIFO | 0600, 0);
  struct timespec times[] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  CALL(SYS_utimensat, AT_FDCWD, "fifo", times, 0);
  CALL(SYS_unlink, "fifo");
  CALL(SYS_close, fd);
  CALL(SYS_open, "\x1b]0;title\x07\xff", O_RDONLY);
  CALL(SYS_open, NULL, O_RDONLY);
  CALL(SYS_openat, 77, "relative", O_PATH);
  CALL(SYS_umask, 077);
  CALL(SYS_memfd_create, "memory", MFD_CLOEXEC);
}

static void memory(void) {
  void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page, 4096, PROT_READ);
  madvise(page, 4096, MADV_DONTNEED);
  mremap(page, 8192, 4096, 0);
  CALL(SYS_mlock, page, 4096L);
  munmap(page, 4096);
  CALL(SYS_brk, 0);
  struct rlimit limit = {100, RLIM_INFINITY};
  CALL(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit);
}

static void signals(void) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaddset(&action.sa_mask, SIGCHLD);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_SETMASK, &set, NULL);
  close(signalfd(-1, &set, SFD_CLOEXEC));
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  kill(getpid(), 0);
  struct timespec moment = {0, 1000};
  CALL(SYS_nanosleep, &moment, NULL);
  CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &moment, NULL);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec every = {{1, 0}, {2, 5}};
  timerfd_settime(timer, 0, &every, NULL);
  close(timer);
  CALL(SYS_futex, &pipes, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
  CALL(SYS_futex, &pipes, FUTEX_WAIT, 12345, NULL);
  CALL(SYS_prctl, PR_SET_NAME, "traced");
  CALL(SYS_prctl, PR_GET_DUMPABLE);
  CALL(SYS_sigaltstack, NULL, NULL);
}

static void sockets(void) {
  char text[64];
  int one = 1;
  socklen_t size = sizeof one;
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
  CALL(SYS_setsockopt, pair[0], SOL_SOCKET, SO_KEEPALIVE, &one, 4);
  CALL(SYS_getsockopt, pair[0], SOL_SOCKET, SO_TYPE, &one, &size);
  CALL(SYS_sendto, pair[0], "over", 4, MSG_NOSIGNAL, NULL, 0);
  struct pollfd polled[] = {{pair[1], POLLIN, 0}, {-1, POLLIN, 0}};
  CALL(SYS_poll, polled, 2, 0);
  CALL(SYS_recvfrom, pair[1], text, sizeof text, MSG_DONTWAIT, NULL, NULL);
  CALL(SYS_recvfrom, pair[1], text, sizeof text, MSG_DONTWAIT, NULL, NULL);
  CALL(SYS_poll, polled, 1, 0);
  union {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec piece = {"fd", 2};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &pair[0], sizeof(int));
  CALL(SYS_sendmsg, pair[0], &message, 0);
  struct iovec into = {text, sizeof text};
  struct msghdr received = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
  CALL(SYS_recvmsg, pair[1], &received, 0);
  CALL(SYS_shutdown, pair[0], SHUT_WR);
  struct sockaddr_un path = {AF_UNIX, "nowhere"};
  int un = socket(AF_UNIX, SOCK_DGRAM, 0);
  CALL(SYS_connect, un, &path, sizeof path);
  int listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  CALL(SYS_setsockopt, listener, SOL_TCP, TCP_NODELAY, &one, 4);
  CALL(SYS_bind, listener, &address, sizeof address);
  CALL(SYS_listen, listener, 5);
  CALL(SYS_getsockname, listener, &address, &length);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  CALL(SYS_connect, client, &address, sizeof address);
  CALL(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC);
  int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 5}}, events[4];
  CALL(SYS_epoll_ctl, set, EPOLL_CTL_ADD, client, &event);
  CALL(SYS_epoll_wait, set, events, 4, 0);
  CALL(SYS_close, client);
  int count = eventfd(3, EFD_CLOEXEC);
  event.events = EPOLLIN;
  CALL(SYS_epoll_ctl, set, EPOLL_CTL_ADD, count, &event);
  CALL(SYS_epoll_wait, set, events, 4, 0);
  fd_set reading;
  FD_ZERO(&reading);
  FD_SET(count, &reading);
  struct timeval now = {0, 0};
  CALL(SYS_select, count + 1, &reading, NULL, NULL, &now);
  CALL(SYS_select, 0, NULL, NULL, NULL, &now);
}

static void *thread(void *argument) {
  char text[8];
  if (read(pipes[0], text, sizeof text)) {}
  usleep(100000);
  return argument;
}

static void processes(void) {
  int status;
  if (pipe2(pipes, O_CLOEXEC)) {}
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  if (write(pipes[1], "go\n", 3)) {}
  pthread_join(other, NULL);
  pid_t child = fork();
  if (!child) _exit(7);
  waitpid(child, &status, 0);
  child = fork();
  if (!child) kill(getpid(), SIGKILL);
  CALL(SYS_wait4, child, &status, 0, NULL);
  CALL(SYS_wait4, -1, &status, WNOHANG, NULL);
  child = fork();
  if (!child) {
    execve("/bin/nowhere", (char *[]){"nowhere", "-x", NULL}, (char *[]){"A=1", NULL});
    raise(SIGSEGV);
  }
  waitpid(child, &status, 0);
}

int main(void) {
  umask(022);
  files();
  memory();
  signals();
  sockets();
  processes();
  return 3;
}
