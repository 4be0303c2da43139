// SPDX-License-Identifier: Apache-2.0
#include "behalf.h"

#include <sys/syscall.h>

#include <algorithm>

#include "act.h"
#include "kin.h"

namespace rvisor {

Answer Act::run() {
  switch (nr_) {
    case SYS_open: return open_file(AT_FDCWD, a_[0], word(1), word(2), 0);
    case SYS_creat: return open_file(AT_FDCWD, a_[0], O_CREAT | O_WRONLY | O_TRUNC, word(1), 0);
    case SYS_openat: return open_file(fd(0), a_[1], word(2), word(3), 0);
    case SYS_openat2: return open_how_file();
    case SYS_stat: return stat_file(AT_FDCWD, a_[0], a_[1], 0);
    case SYS_lstat: return stat_file(AT_FDCWD, a_[0], a_[1], AT_SYMLINK_NOFOLLOW);
    case SYS_newfstatat: return stat_file(fd(0), a_[1], a_[2], word(3));
    case SYS_statx: return statx_file();
    case SYS_access: return access_file(AT_FDCWD, a_[0], word(1), 0);
    case SYS_faccessat: return access_file(fd(0), a_[1], word(2), 0);
    case SYS_faccessat2: return access_file(fd(0), a_[1], word(2), word(3));
    case SYS_readlink: return read_link(AT_FDCWD, a_[0], a_[1], word(2));
    case SYS_readlinkat: return read_link(fd(0), a_[1], a_[2], word(3));
    case SYS_statfs: return statfs_file();
    case SYS_mkdir: return make_directory(AT_FDCWD, a_[0], word(1));
    case SYS_mkdirat: return make_directory(fd(0), a_[1], word(2));
    case SYS_mknod: return make_node(AT_FDCWD, a_[0], word(1), a_[2]);
    case SYS_mknodat: return make_node(fd(0), a_[1], word(2), a_[3]);
    case SYS_symlink: return make_symlink(a_[0], AT_FDCWD, a_[1]);
    case SYS_symlinkat: return make_symlink(a_[0], fd(1), a_[2]);
    case SYS_rmdir: return remove(AT_FDCWD, a_[0], AT_REMOVEDIR);
    case SYS_unlink: return remove(AT_FDCWD, a_[0], 0);
    case SYS_unlinkat: return remove(fd(0), a_[1], word(2));
    case SYS_link: return link_file(AT_FDCWD, a_[0], AT_FDCWD, a_[1], 0);
    case SYS_linkat: return link_file(fd(0), a_[1], fd(2), a_[3], word(4));
    case SYS_rename: return rename_file(AT_FDCWD, a_[0], AT_FDCWD, a_[1], 0);
    case SYS_renameat: return rename_file(fd(0), a_[1], fd(2), a_[3], 0);
    case SYS_renameat2: return rename_file(fd(0), a_[1], fd(2), a_[3], word(4));
    case SYS_chmod: return change_mode(AT_FDCWD, a_[0], word(1), 0);
    case SYS_fchmodat: return change_mode(fd(0), a_[1], word(2), 0);
    case kFchmodat2: return change_mode(fd(0), a_[1], word(2), word(3));
    case SYS_chown: return change_owner(AT_FDCWD, a_[0], word(1), word(2), 0);
    case SYS_lchown: return change_owner(AT_FDCWD, a_[0], word(1), word(2), AT_SYMLINK_NOFOLLOW);
    case SYS_fchownat: return change_owner(fd(0), a_[1], word(2), word(3), word(4));
    case SYS_utime: return change_times_utime();
    case SYS_utimes: return change_times_timeval(AT_FDCWD, a_[0], a_[1]);
    case SYS_futimesat: return change_times_timeval(fd(0), a_[1], a_[2]);
    case SYS_utimensat: return change_times_timespec();
    case SYS_fchmod:
    case SYS_fchown:
    case SYS_fsetxattr:
    case SYS_fremovexattr: return change_open();
    case SYS_getcwd: return tell_directory();
    case SYS_truncate: return truncate_file();
    case SYS_setxattr: return set_attribute(true);
    case SYS_lsetxattr: return set_attribute(false);
    case SYS_getxattr: return get_attribute(true);
    case SYS_lgetxattr: return get_attribute(false);
    case SYS_listxattr: return list_attributes(true);
    case SYS_llistxattr: return list_attributes(false);
    case SYS_removexattr: return remove_attribute(true);
    case SYS_lremovexattr: return remove_attribute(false);
    case SYS_inotify_add_watch: return watch_file();
    case SYS_connect: return connect_socket();
    case SYS_bind: return bind_socket();
    case SYS_listen: return listen_socket();
    case SYS_sendto: return send_bytes();
    case SYS_sendmsg: return send_message();
    case SYS_sendmmsg: return send_messages();
  }
  return Answer::error(ENOSYS);
}

namespace {

constexpr int kCalls[] = {SYS_open, SYS_creat, SYS_openat, SYS_openat2, SYS_stat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_access, SYS_faccessat, SYS_faccessat2,
                          SYS_readlink, SYS_readlinkat, SYS_statfs, SYS_mkdir, SYS_mkdirat, SYS_mknod, SYS_mknodat, SYS_symlink, SYS_symlinkat, SYS_rmdir, SYS_unlink,
                          SYS_unlinkat, SYS_link, SYS_linkat, SYS_rename, SYS_renameat, SYS_renameat2, SYS_chmod, SYS_fchmodat, static_cast<int>(kFchmodat2), SYS_chown,
                          SYS_lchown, SYS_fchownat, SYS_utime, SYS_utimes, SYS_futimesat, SYS_utimensat, SYS_truncate, SYS_setxattr, SYS_lsetxattr, SYS_getxattr,
                          SYS_lgetxattr, SYS_listxattr, SYS_llistxattr, SYS_removexattr, SYS_lremovexattr, SYS_inotify_add_watch, SYS_connect, SYS_bind, SYS_listen,
                          SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

// Of descriptors and what the kernel reports: the translated view's alone, where no mount decides.
constexpr int kTranslatedCalls[] = {SYS_fchmod, SYS_fchown, SYS_fsetxattr, SYS_fremovexattr, SYS_getcwd};

}  // namespace

bool can_act_on_behalf(int nr) {
  if (std::find(std::begin(kCalls), std::end(kCalls), nr) != std::end(kCalls)) return true;
  return translated_view() && (names_processes(nr) || std::find(std::begin(kTranslatedCalls), std::end(kTranslatedCalls), nr) != std::end(kTranslatedCalls));
}

unsigned judged_paths(int nr) { return judged_register(nr, 1) < 0 ? 1 : 2; }

int judged_register(int nr, unsigned index) {
  switch (nr) {
    case SYS_link:
    case SYS_rename: return index ? 1 : 0;
    case SYS_linkat:
    case SYS_renameat:
    case SYS_renameat2: return index ? 3 : 1;
  }
  return -1;
}

Answer act_on_behalf(const rv_call& call, const Caller& caller, Judge& judge, bool may_block, Copies* copies) {
  if (translated_view() && names_processes(static_cast<int>(call.nr))) return act_on_process(call, caller, GuestMemory(caller.tid, copies));
  return Act(call, caller, judge, may_block, copies).run();
}

}  // namespace rvisor
