// SPDX-License-Identifier: Apache-2.0
// What a path means to a guest thread: path_resolution(7), carried out by init in the thread's place. Init shares the
// guest's root, mounts, identity and Landlock domain, so what the kernel refuses the guest it refuses here too.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "fd.h"

namespace rvisor {

// What a call needs of the thread's descriptors where none can be taken.
struct Handed {
  std::map<int, Fd> given;  // by the thread itself
  int wanted = -1;          // the one that is to be next
};
constexpr int kHandOver = 1 << 17;  // no errno: it is to be handed over

// A thread of the guest, by its number in the guest's pid namespace.
class Caller {
 public:
  explicit Caller(pid_t thread, Handed* what = nullptr) : tid(thread), handed(what) {}
  const pid_t tid;
  Handed* const handed;
  // Its thread group, looked up when first asked for; 0 when the thread is gone.
  pid_t process() const;
  // "/proc/<tid>/<name>"
  std::string proc(const char* name) const;
  // The number behind a field of /proc/<tid>/status ("Tgid:"), -1 where it cannot be read.
  long status(const char* field, int base) const;

 private:
  mutable pid_t process_ = -1;
};

struct Resolved {
  Fd directory;         // O_PATH: where the last component stands
  std::string name;     // that component; "." where the path names the directory itself
  Fd object;            // O_PATH: what is there; unset where nothing is
  std::string path;     // absolute and without symbolic links; empty for what has no name (a pipe, a memfd, an unlinked file)
  bool slash = false;   // the path ended in a slash: only a directory will do
  bool magic = false;   // `object` was reached by a link of /proc/<pid>: `directory` and `name` say nothing about it
  int mount = -1;       // translated view: the entry (translation.h) that `object` is of, or would be
  int holder = -1;      // and the one that `directory` is of
  std::string nowhere;  // where resolving failed because nothing is there: the path by its text alone, for handlers to answer
};

// What is wanted of a path: what is there, if anything (`directory` and `name` may then be unset); or where it is, too.
enum class Want { object, place };

// Resolves `path` as openat(2) and its relatives do, starting from the thread's `dirfd`. `follow`: also a symbolic link in the last
// place; `create`: a name with a slash behind it is refused, as by open(2) with O_CREAT. A missing last component is no error: `object`
// is then unset. Returns 0 or the errno that the call would give.
int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out, bool create = false, Want want = Want::place);

// A path that says itself what it means, if no symbolic link is passed on the way: it is absolute and plain, and leads into no /proc. `name` is
// what it is called from `directory`. Neither is held: both live as long as the path and the view.
struct Named {
  int directory;
  const char* name;
};
// In the translated view: one in a part of the host's that nobody inside can change.
std::optional<Named> names_itself(const std::string& path);

// Every path is then one of this view. Once, before there are threads; null, as at first: the kernel's own.
class Translation;
void take_paths_in(const Translation* view);
const Translation* translated_view();

// The descriptor `fd` of the thread, as O_PATH; AT_FDCWD: its working directory. 0 or an errno (EBADF).
int open_descriptor(const Caller& caller, int fd, Fd& out);

// The kernel shows a process what it shows nobody else: its memory and descriptors in /proc. When init looks there in a guest's
// place, that would be init itself. 0, or EACCES for such a path; `place`: what is there, or the directory that holds it.
int keep_out_of_init(const std::string& path, const Fd& place);

// Opens what an O_PATH descriptor stands for, as open(2).
int reopen(int fd, int flags, unsigned mode = 0);

// What the kernel tells of the descriptor `fd` of the thread (proc_pid_fdinfo(5)): O_* flags, O_CLOEXEC too, and the position. 0 or an errno (EBADF).
int descriptor_state(const Caller& caller, int fd, uint32_t& flags, long long& position);

// The path of what is open at `fd`, empty for what has no name; "?", which is no path, where it cannot be told.
std::string path_of(int fd);

// The path that a memory file stands for, which a handler gave in place of something at that path (it is the file's name); empty
// for everything else. The guest can make such a file too: it says what the guest wants to be asked about, and grants nothing.
std::string stands_for(int fd);

// The program that the thread runs, O_PATH: 0 or an errno. Its path, as the guest knows it; empty where it cannot be told.
int open_program(const Caller& caller, Fd& out);
std::string program_of(const Caller& caller);

// What is open at the descriptor `fd` of the thread (or RV_RING_EXECUTABLE), as a struct rv_ring_descriptor and the path. A number of bytes or a negated errno.
ssize_t inspect(const Caller& caller, int fd, void* out, size_t room);

// Takes bytes of the regular file at the descriptor `fd` of the thread from where it stands, and moves it on.
ssize_t take_bytes(const Caller& caller, int fd, void* out, size_t size);

// The same of a descriptor of ours, wherever it leads in the host.
int link_of_own(int fd, std::string& out);

// Whether what is open at this descriptor lies in a procfs.
bool is_proc(int fd);

// Or is the root of one.
bool is_proc_root(int fd);

// The text of a link of /proc/<thread> ("cwd", "fd/3"), as the kernel reports it. 0 or an errno.
int link_of(const Caller& caller, const char* name, std::string& out);

// The thread's own descriptor, the same open file description (pidfd_getfd(2)). 0 or an errno; kHandOver, where the
// caller can hand it over, and cannot be taken it from.
int take_descriptor(const Caller& caller, int fd, Fd& out);

}  // namespace rvisor
