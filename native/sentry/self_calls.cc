// SPDX-License-Identifier: Apache-2.0
#include "self_calls.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <optional>
#include <string>
#include <vector>

#include "auxiliary.h"
#include "guest_memory.h"
#include "threads.h"

namespace rvisor {
namespace {

constexpr size_t kBelowStack = 1024;       // bytes that are written there without asking for room: less than a signal's frame
constexpr size_t kMaxArguments = 1 << 20;  // more of them than the kernel's 6 MiB have room for

// argv from its second element on, as it lies there. 0 or an errno.
int read_arguments(const GuestMemory& memory, uint64_t at, std::vector<uint64_t>& out) {
  out.clear();
  if (!at) return 0;
  bool first = true;
  for (;;) {
    uint64_t words[512];
    const size_t page_left = (4096 - at % 4096) / 8, count = page_left ? std::min(page_left, std::size(words)) : 1;
    ssize_t size = memory.read(at, words, count * 8);
    if (size < 8) return size < 0 && size != -EFAULT ? static_cast<int>(-size) : EFAULT;
    for (size_t i = 0; i < static_cast<size_t>(size) / 8; i++) {
      if (!words[i]) return 0;
      if (!std::exchange(first, false)) out.push_back(words[i]);
    }
    if (out.size() > kMaxArguments) return E2BIG;
    at += static_cast<uint64_t>(size) / 8 * 8;
  }
}

}  // namespace

bool SelfCalls::takes(uint32_t nr) {
  return nr == SYS_execve || nr == SYS_execveat || nr == SYS_chdir || nr == SYS_chroot || nr == SYS_pivot_root;
}

// One call on its way.
class SelfCalls::Made : public std::enable_shared_from_this<Made> {
 public:
  Made(SelfCalls& all, std::shared_ptr<Stop> stop, const rv_call& call, uint32_t changed, uint64_t free, std::unique_ptr<Returning> returning)
      : all_(all), stop_(std::move(stop)), call_(call), changed_(changed), free_(free), returning_(std::move(returning)), caller_(stop_->tid) {
    memcpy(registers_.data(), call.args, sizeof call.args);
  }

  void start() {
    switch (call_.nr) {
      case SYS_execve: return execute(AT_FDCWD, 0, 0);
      case SYS_execveat: return execute(static_cast<int>(call_.args[0]), 1, static_cast<int>(call_.args[4]));
      case SYS_chdir: return enter();
      default: return withhold(-EPERM);
    }
  }

 private:
  // What the thread is to become; where that is not what was decided, whether it is what would be decided now: files get new names.
  class Decided : public Becoming {
   public:
    Decided(SelfCalls& all, Execution execution, int dirfd, std::string path, int flags)
        : all_(all), execution_(std::move(execution)), dirfd_(dirfd), path_(std::move(path)), flags_(flags) {}

    bool became(pid_t tid, const user_regs_struct& regs) override {
      Caller caller(tid);
      if (!has_become(caller, execution_)) {
        Execution now;
        if (decide_execution(caller, all_.lookup_, all_.images_, dirfd_, path_, flags_, false, now) || !has_become(caller, now)) return false;
      }
      return execution_.path == execution_.shown || show(tid, regs);
    }

   private:
    bool show(pid_t tid, const user_regs_struct& regs) const {
      GuestMemory memory(tid);
      AuxiliaryEntry entry;
      if (!find_auxiliary(memory, regs, AT_EXECFN, entry)) return false;
      std::string found(execution_.path.size(), 0);
      // Another thread has changed the path, and not what it means: the program is told of its own making.
      if (!entry.address || memory.read_all(entry.value, found.data(), found.size()) || found != execution_.path) return true;
      return !memory.write_all(entry.value, execution_.shown.c_str(), execution_.shown.size() + 1);
    }

    SelfCalls& all_;
    const Execution execution_;
    const int dirfd_;
    const std::string path_;
    const int flags_;
  };

  // Takes the room back that the call was given.
  class Back : public Returning {
   public:
    explicit Back(std::shared_ptr<Made> made) : made_(std::move(made)) {}
    void returned(std::unique_ptr<Returning>, int64_t raw) override { made_->returned(raw); }
    void withheld(std::unique_ptr<Returning>, int64_t) override {}

   private:
    const std::shared_ptr<Made> made_;
  };

  // `at`: the register of the path; argv's is the next.
  void execute(int dirfd, unsigned at, int flags) {
    std::string path;
    if (int err = GuestMemory(caller_.tid).read_string(call_.args[at], PATH_MAX, path)) return withhold(-err);
    Execution execution;
    int err = decide_execution(caller_, all_.lookup_, all_.images_, dirfd, path, flags, may_block_, execution);
    if (err == kWouldBlock) return start_copying();
    if (err) return withhold(-err);
    if (execution.path != path || call_.nr == SYS_execveat) place(execution.path, at);
    if (call_.nr == SYS_execveat) set(4, 0);
    if (!execution.arguments.empty()) {
      std::vector<uint64_t> rest;
      if (int error = read_arguments(GuestMemory(caller_.tid), call_.args[at + 1], rest)) return withhold(-error);
      for (const std::string& argument : execution.arguments) place(argument);
      rest_ = std::move(rest);
      pointers_ = at + 1;
    }
    becoming_ = std::make_unique<Decided>(all_, std::move(execution), dirfd, std::move(path), flags);
    find_room();
  }

  void enter() {
    std::string path;
    if (int err = GuestMemory(caller_.tid).read_string(call_.args[0], PATH_MAX, path)) return withhold(-err);
    if (path.empty()) return withhold(-ENOENT);
    Resolved at;
    if (int err = all_.lookup_.resolve(caller_, AT_FDCWD, path, true, at)) return withhold(-err);
    struct stat st;
    if (!at.object.valid()) return withhold(-ENOENT);
    if (fstatat(at.object.get(), "", &st, AT_EMPTY_PATH)) return withhold(-errno);
    if (!S_ISDIR(st.st_mode)) return withhold(-ENOTDIR);
    if (int err = all_.lookup_.may(caller_, at, RV_RIGHT_STAT)) return withhold(-err);
    std::string host = name_in_host(at.object.get());
    if (host.empty()) return withhold(-ENOENT);
    if (host != path) place(host, 0);
    find_room();
  }

  // A string that is to stand in the guest's memory; `at`: the register that is to point to it, if one is.
  void place(const std::string& text, std::optional<unsigned> at = std::nullopt) {
    if (at) path_register_ = at;
    else strings_.push_back(blob_.size());
    blob_.append(text.c_str(), text.size() + 1);
  }

  void set(unsigned index, uint64_t value) {
    registers_[index] = value;
    changed_ |= 1U << index;
  }

  size_t pointers_at() const { return (blob_.size() + 7) & ~size_t{7}; }
  size_t size() const { return pointers_ ? pointers_at() + 8 * (strings_.size() + rest_.size() + 1) : blob_.size(); }

  void find_room() {
    if (!size()) return go();
    if (size() <= kBelowStack && fill((free_ - size()) & ~15ULL)) return go();
    room_ = (size() + 4095) & ~size_t{4095};
    const std::array<uint64_t, 6> mapping{0, room_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0};
    if (!all_.allowed_(SYS_mmap, mapping)) return withhold(-ENOMEM);
    all_.tracer_.inject(stop_, SYS_mmap, mapping, [self = shared_from_this()](bool made, int64_t result) {
      if (!made) return;  // the thread is gone
      if (result < 0 && result > -4096) return self->withhold(-ENOMEM);
      self->mapped_ = static_cast<uint64_t>(result);
      if (!self->fill(self->mapped_)) return self->withhold(-EFAULT);
      self->go();
    });
  }

  bool fill(uint64_t address) {
    if (address >= free_ && !mapped_) return false;  // below the stack is nothing
    std::string bytes = blob_;
    if (path_register_) set(*path_register_, address);
    if (pointers_) {
      bytes.resize(pointers_at());
      for (size_t offset : strings_) append(bytes, address + offset);
      for (uint64_t pointer : rest_) append(bytes, pointer);
      append(bytes, 0);
      set(*pointers_, address + pointers_at());
    }
    return !GuestMemory(caller_.tid).write_all(address, bytes.data(), bytes.size());
  }

  static void append(std::string& bytes, uint64_t word) { bytes.append(reinterpret_cast<const char*>(&word), sizeof word); }

  void go() {
    std::unique_ptr<Returning> returning = mapped_ ? std::make_unique<Back>(shared_from_this()) : std::move(returning_);
    all_.tracer_.proceed(stop_, changed_, registers_, std::move(returning), std::move(becoming_));
  }

  // The call was made: with a new program, its memory is gone.
  void returned(int64_t raw) {
    auto on = [self = shared_from_this(), raw](bool made, int64_t) {
      if (!made) return;
      if (Returning* returning = self->returning_.get()) returning->returned(std::move(self->returning_), raw);
      else self->all_.tracer_.finish(self->stop_, raw);
    };
    const std::array<uint64_t, 6> mapping{mapped_, room_};
    if (!all_.allowed_(SYS_munmap, mapping)) return on(true, 0);
    all_.tracer_.inject(stop_, SYS_munmap, mapping, on);
  }

  void withhold(int64_t raw) {
    if (Returning* returning = returning_.get()) return returning->withheld(std::move(returning_), raw);
    all_.tracer_.answer(stop_, raw);
  }

  // A program of some size takes its time.
  void start_copying() {
    may_block_ = true;
    if (all_.copying_.fetch_add(1) >= kMaxCopying) {
      all_.copying_.fetch_sub(1);
      return withhold(-EAGAIN);
    }
    auto own = std::make_unique<std::shared_ptr<Made>>(shared_from_this());
    int err = start_thread([](void* argument) -> void* {
      std::unique_ptr<std::shared_ptr<Made>> self(static_cast<std::shared_ptr<Made>*>(argument));
      SelfCalls& all = (*self)->all_;
      (*self)->start();
      all.copying_.fetch_sub(1);
      return nullptr;
    }, own.get());
    if (!err) {
      own.release();
      return;
    }
    all_.copying_.fetch_sub(1);
    withhold(-err);
  }

  SelfCalls& all_;
  const std::shared_ptr<Stop> stop_;
  const rv_call call_;
  uint32_t changed_;
  const uint64_t free_;
  std::unique_ptr<Returning> returning_;
  const Caller caller_;
  std::array<uint64_t, 6> registers_{};
  std::unique_ptr<Becoming> becoming_;
  bool may_block_ = false;

  std::string blob_;                       // strings for the guest's memory
  std::vector<size_t> strings_;            // those of arguments, by their place in it
  std::vector<uint64_t> rest_;             // arguments that stay
  std::optional<unsigned> path_register_;  // which points to the path, the first of the strings
  std::optional<unsigned> pointers_;       // which points to the arguments
  uint64_t mapped_ = 0, room_ = 0;         // memory that was asked for
};

void SelfCalls::carry_out(std::shared_ptr<Stop> stop, const rv_call& call, uint32_t changed, uint64_t free, std::unique_ptr<Returning> returning) {
  std::make_shared<Made>(*this, std::move(stop), call, changed, free, std::move(returning))->start();
}

}  // namespace rvisor
