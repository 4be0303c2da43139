// SPDX-License-Identifier: Apache-2.0
// One call as it is carried out in a guest thread's place (behalf.h), its parts by what they are about: act.cc looks paths up, act_open.cc
// opens, act_names.cc makes, moves and removes names, act_metadata.cc asks and changes what files are, act_sockets.cc takes addresses.
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <optional>
#include <string>
#include <vector>

#include "../core/rv_core.h"
#include "behalf.h"
#include "message.h"

namespace rvisor {

constexpr long kFchmodat2 = 452;

inline std::string self_fd(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

inline Answer result(long rc) { return rc < 0 ? Answer::error(errno) : Answer::of(rc); }

// The caller's file mode creation mask, set for this thread while a file is made.
class Umask {
 public:
  explicit Umask(const Caller& caller) {
    long mask = caller.status("Umask:", 8);
    before_ = umask(mask < 0 ? 0777 : static_cast<mode_t>(mask));  // unknown: nobody gets anything
  }
  ~Umask() { umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

// Held while a name is decided on and made or moved, by whichever thread of ours: nothing of the guest's can come to lie in a
// directory between the look through it and its move.
class Names {
 public:
  explicit Names(bool wanted = true) : held_(wanted) {
    if (wanted) pthread_mutex_lock(&lock);
  }
  ~Names() { release(); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  void release() {
    if (held_) pthread_mutex_unlock(&lock);
    held_ = false;
  }

 private:
  static inline pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  bool held_;
};

struct Closedir {
  void operator()(DIR* directory) const { closedir(directory); }
};

class Act {
 public:
  Act(const rv_call& call, const Caller& caller, Judge& judge, bool may_block, Copies* copies)
      : a_(call.args), nr_(static_cast<int>(call.nr)), caller_(caller), memory_(caller.tid, copies), judge_(judge), may_block_(may_block) {}

  Answer run();

 private:
  uint32_t word(int i) const { return static_cast<uint32_t>(a_[i]); }
  int fd(int i) const { return static_cast<int>(a_[i]); }
  int read_path(uint64_t address, std::string& out) const { return memory_.read_string(address, PATH_MAX, out); }

  // As resolve(); but where nothing is, a handler may still answer for the name.
  int walk(int dirfd, const std::string& text, bool follow, Resolved& out, bool create = false, Want want = Want::place);
  // Copies the path argument and resolves it. With AT_EMPTY_PATH an empty one means the descriptor itself.
  int look_up(int dirfd, uint64_t address, bool follow, bool empty_allowed, Resolved& out, bool create = false, Want want = Want::place);
  // As look_up, and something must be there.
  int find(int dirfd, uint64_t address, bool follow, bool empty_allowed, uint32_t rights, Resolved& out);
  // The name itself, also where it ends in a slash, which only one of a directory may: others are then not found.
  int look_up_new(int dirfd, uint64_t address, bool directory, Resolved& out);
  // `text`: the path without slashes at its end.
  int look_up_name(int dirfd, uint64_t address, std::string& text, bool& slash, Resolved& out);
  // As look_up, for a name that is to be made. Where it is there already, to say so takes no more than the right to know it.
  int find_new(int dirfd, uint64_t address, uint32_t rights, Resolved& out, bool directory = false);
  // Translated view: a directory of a process in /proc, where nothing but what the kernel shows has a name.
  static bool takes_no_name(const Resolved& r);
  // Decides: the policy's rules, and in the translated view what a mount would refuse.
  int allow(const Resolved& r, uint32_t rights);
  Answer refuse_missing(const Resolved& r, uint32_t rights);
  Answer write_back(uint64_t address, const void* from, size_t size);
  // Whether names can be linked or moved from one place to the other: entries of the translated view are mounts too.
  static bool same_mount(const Fd& a, int entry, const Fd& b, int other);
  Answer give(const std::vector<uint8_t>& value, ssize_t size, uint64_t address, uint64_t room);

  Answer open_how_file();
  static uint32_t rights_of_open(uint32_t flags, bool directory);
  Answer open_file(int dirfd, uint64_t address, uint32_t flags, uint32_t mode, uint64_t restrictions);
  std::optional<Answer> open_by_name(const std::string& text, uint32_t flags);
  // `fd_flags`: of the answer.
  Answer reopen(const Fd& object, uint32_t flags, uint32_t mode, uint32_t fd_flags);
  Answer open_terminal(uint32_t cloexec);
  int look_up_restricted(int dirfd, uint64_t address, bool follow, bool create, uint64_t restrictions, Resolved& out);

  // Translated view: something else lies over this name or, for a directory, beneath it.
  static bool is_mount_point(const Resolved& r);
  static bool is_read_only(int entry);
  Answer make_directory(int dirfd, uint64_t address, uint32_t mode);
  Answer make_node(int dirfd, uint64_t address, uint32_t mode, uint64_t device);
  Answer make_symlink(uint64_t content, int dirfd, uint64_t address);
  Answer remove(int dirfd, uint64_t address, uint32_t flags);
  Answer link_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags);
  // A name that moves: itself, also where it ends in a slash.
  struct Moving : Resolved {
    bool slash = false;    // only a directory may
    bool special = false;  // "/", "." or "..": no name
    bool up = false;       // "..", which stands in the directory that it leads out of
    bool is_directory = false;
  };
  Answer rename_file(int from_dir, uint64_t from, int to_dir, uint64_t to, uint32_t flags);
  int find_moving(int dirfd, uint64_t address, Moving& out);
  int look_through(const Fd& object, const std::string& from, const std::string& to);
  int look_through(int directory, const std::string& from, const std::string& to, size_t& left, unsigned depth);

  Answer stat_file(int dirfd, uint64_t address, uint64_t out, uint32_t flags);
  Answer statx_file();
  Answer access_file(int dirfd, uint64_t address, uint32_t mode, uint32_t flags);
  Answer read_link(int dirfd, uint64_t address, uint64_t out, uint32_t size);
  Answer statfs_file();
  Answer change_mode(int dirfd, uint64_t address, uint32_t mode, uint32_t flags);
  Answer change_owner(int dirfd, uint64_t address, uid_t uid, gid_t gid, uint32_t flags);
  Answer change_times(int dirfd, uint64_t address, bool follow, bool empty_allowed, const timespec* times);
  Answer change_times_utime();
  Answer change_times_timeval(int dirfd, uint64_t address, uint64_t pointer);
  Answer change_times_timespec();
  Answer truncate_file();
  int find_open(uint32_t rights, Fd& out);
  Answer change_open();
  Answer tell_directory();
  int within_limit(const Fd& object, off_t length);
  // Whose attributes are asked for, and which. By descriptor; for a symbolic link itself its name in the directory that was found is
  // all there is.
  struct Attribute {
    Resolved r;
    bool link = false;
    std::string object, name;
  };
  int read_attribute_name(std::string& out) const;
  int find_attribute(bool follow, uint32_t rights, Attribute& out);
  Answer set_attribute(bool follow);
  Answer get_attribute(bool follow);
  Answer list_attributes(bool follow);
  Answer remove_attribute(bool follow);
  Answer watch_file();

  struct Socket {
    Fd fd;
    int family = 0, type = 0;
    uint32_t protocol = RV_PROTOCOL_OTHER;
    bool waits() const { return !(fcntl(fd.get(), F_GETFL) & O_NONBLOCK); }
  };
  int take_socket(Socket& out);
  // An address in the form that was decided on, which is the one that is used.
  struct Destination {
    uint8_t bytes[sizeof(sockaddr_storage)] = {};
    socklen_t size = 0;
    Fd object;  // AF_UNIX by path: the socket's file, which `bytes` names by descriptor
    const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(bytes); }
  };
  static uint16_t family_of(const uint8_t* bytes, size_t size) { return size < 2 ? 0 : static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }
  int decide(const Socket& socket, const uint8_t* bytes, size_t size, uint32_t right, Destination& out);
  int read_address(uint8_t (&bytes)[sizeof(sockaddr_storage)], size_t& size);
  Answer connect_socket();
  Answer bind_socket();
  Answer bind_name(const Socket& socket, const std::string& path);
  Answer listen_socket();
  TakeDescriptor taking() {
    return [this](int number, Fd& out) { return take_descriptor(caller_, number, out); };
  }
  int decide(const Socket& socket, const Message& message, Destination& to);
  Answer transmit(const Socket& socket, const Message& message, const Destination& to, uint32_t flags);
  Answer send_bytes();
  Answer send_message();
  Answer send_messages();

  const uint64_t* a_;
  const int nr_;
  const Caller& caller_;
  const GuestMemory memory_;
  Judge& judge_;
  const bool may_block_;
};

}  // namespace rvisor
