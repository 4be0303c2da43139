// SPDX-License-Identifier: Apache-2.0
// Files that are executed in place of the guest's own, in the state directory: copies of programs whose loader the kernel would look for
// in the host's root, and names that give a program the one it is called by. The guest can read and execute them, and no more.
#pragma once
#include <pthread.h>
#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "failure.h"
#include "fd.h"

namespace rvisor {

// Which file it is, for as long as a descriptor of it is open.
struct Identity {
  uint64_t device = 0, inode = 0;
  bool operator==(const Identity&) const = default;
  auto operator<=>(const Identity&) const = default;
};

inline Identity identity_of(const struct stat& st) { return {st.st_dev, st.st_ino}; }
// 0 or an errno. `fd` may be an O_PATH descriptor.
int identify(int fd, Identity& out);

// Whether somebody has a file open for writing, as far as it can be told: of files of our own, by a lease (fcntl(2)). `fd`: open for reading.
bool is_written(int fd);

class Images {
 public:
  Images() = default;
  Images(const Images&) = delete;
  Images& operator=(const Images&) = delete;

  // Makes its directories in `state_dir`, a directory that only we can write to. `told`: learns the path of each copy, and
  // the guest's name of what it stands for, empty when it goes. Ignores SIGIO from then on: leases are tried (is_written).
  Status open(int state_dir, std::function<void(const std::string& host, const std::string& guest)> told = nullptr);

  struct Image {
    std::string path;  // of the host
    Identity identity;
  };

  // The copy of what is open for reading at `fd` that has `loader`, a path of the host, for its loader. `interpreter`: the one that was
  // decided on, which the copy must have had. `guest`: what the guest calls it. 0 or an errno: ETXTBSY where the file was changed
  // meanwhile, EFBIG for what is too large to be copied.
  int copy(int fd, const std::string& interpreter, const std::string& loader, const std::string& guest, Image& out);
  // Likewise of a program without a loader, or whose loader the kernel finds by itself: for what has no name in the host.
  int copy(int fd, const std::string& guest, Image& out);

  // A path whose last component starts with `base`'s first bytes, as many as the kernel takes for the name of a thread, and which leads to `path`.
  int name(const std::string& path, const std::string& base, std::string& out);

  // What a copy was made of.
  struct Original {
    std::string guest;  // the guest's path
    Fd file;            // O_PATH
  };
  std::optional<Original> original(const Identity& identity);

  static constexpr size_t kComm = 15;  // bytes of a thread's name (TASK_COMM_LEN - 1)
  static constexpr uint64_t kLargest = 2ULL << 30, kTotal = 8ULL << 30;  // bytes of a copy, and of all
  static constexpr size_t kCopies = 96, kNames = 4096;

 private:
  struct Key {
    Identity identity;
    int64_t size, changed_s, changed_ns, modified_s, modified_ns;
    std::string loader;
    auto operator<=>(const Key&) const = default;
  };
  struct Copy {
    Key key;
    Image image;
    std::string file;  // in the directory
    uint64_t bytes = 0;
    std::string guest;
    Fd held, original;  // O_PATH: numbers of files are used again once nobody has them
  };

  int copy(int fd, const std::string* interpreter, const std::string* loader, const std::string& guest, Image& out);
  int make(int fd, const struct stat& st, const std::string* interpreter, const std::string* loader, Copy& made);
  void make_room(uint64_t bytes);

  Fd directory_, names_;
  std::string path_, names_path_;
  std::function<void(const std::string&, const std::string&)> told_;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  uint64_t next_ = 0, total_ = 0;
  std::list<Copy> copies_;  // used last, last
  std::map<Key, std::list<Copy>::iterator> by_key_;
  std::map<Identity, std::list<Copy>::iterator> by_identity_;
  struct Name {
    uint64_t number;
    std::string path;
  };
  std::map<std::pair<std::string, std::string>, Name> named_;  // by target and base
  std::list<std::pair<std::string, std::string>> oldest_names_;
};

}  // namespace rvisor
