// SPDX-License-Identifier: Apache-2.0
// Looking up what a call names, and deciding on it.
#include "act.h"

#include <sys/syscall.h>

#include "translation.h"

namespace rvisor {

int Act::walk(int dirfd, const std::string& text, bool follow, Resolved& out, bool create, Want want) {
  int err = resolve(caller_, dirfd, text, follow, out, create, want);
  if (err && !out.nowhere.empty())
    if (int refused = judge_.nowhere(out.nowhere)) return refused;
  return err;
}

int Act::look_up(int dirfd, uint64_t address, bool follow, bool empty_allowed, Resolved& out, bool create, Want want) {
  std::string text;
  // For these a null pointer is an empty path: since Linux 6.11, and for futimens(3).
  const bool null_allowed = nr_ == SYS_newfstatat || nr_ == SYS_statx || nr_ == SYS_utimensat || nr_ == SYS_futimesat;
  if (address || !empty_allowed || !null_allowed)
    if (int err = read_path(address, text)) return err;
  if (!text.empty() || !empty_allowed) return walk(dirfd, text, follow, out, create, want);
  if (int err = open_descriptor(caller_, dirfd, out.object)) return err;
  if (std::string given = stands_for(out.object.get()); !given.empty())
    if (int err = judge_.nowhere(given)) return err;
  out.path = path_of(out.object.get());
  out.magic = true;
  if (const Translation* view = translated_view()) {
    std::string place;
    bool unlinked;
    out.mount = view->place_of(out.object.get(), place, unlinked);
  }
  return keep_out_of_init(out.path, out.object);
}

int Act::find(int dirfd, uint64_t address, bool follow, bool empty_allowed, uint32_t rights, Resolved& out) {
  if (int err = look_up(dirfd, address, follow, empty_allowed, out, false, Want::object)) return err;
  if (int err = allow(out, rights)) return err;
  return out.object.valid() ? 0 : ENOENT;
}

int Act::look_up_new(int dirfd, uint64_t address, bool directory, Resolved& out) {
  std::string text;
  bool slash = false;
  if (int err = look_up_name(dirfd, address, text, slash, out)) return err;
  return slash && !directory && !out.object.valid() ? ENOENT : 0;
}

int Act::look_up_name(int dirfd, uint64_t address, std::string& text, bool& slash, Resolved& out) {
  if (int err = read_path(address, text)) return err;
  size_t end = text.find_last_not_of('/');
  slash = end != std::string::npos && end + 1 < text.size();
  if (slash) text.resize(end + 1);
  return walk(dirfd, text, false, out);
}

int Act::find_new(int dirfd, uint64_t address, uint32_t rights, Resolved& out, bool directory) {
  if (int err = look_up_new(dirfd, address, directory, out)) return err;
  const int always = out.object.valid() ? EEXIST : takes_no_name(out) ? ENOENT : 0;
  if (int err = allow(out, always ? RV_RIGHT_STAT : rights)) return err;
  return always;
}

bool Act::takes_no_name(const Resolved& r) {
  const Translation* view = translated_view();
  return view && view->of_process(r);
}

int Act::allow(const Resolved& r, uint32_t rights) {
  if (int err = judge_.path(r.path, rights)) return err;
  const Translation* view = translated_view();
  return view ? view->refuses(r, rights) : 0;
}

Answer Act::refuse_missing(const Resolved& r, uint32_t rights) {
  int err = allow(r, rights);
  return Answer::error(err ? err : ENOENT);
}

Answer Act::write_back(uint64_t address, const void* from, size_t size) {
  int err = memory_.write_all(address, from, size);
  return err ? Answer::error(err) : Answer::of(0);
}

bool Act::same_mount(const Fd& a, int entry, const Fd& b, int other) {
  struct statx x{}, y{};
  return entry == other && !statx(a.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &x) && !statx(b.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &y) && x.stx_mnt_id == y.stx_mnt_id;
}

Answer Act::give(const std::vector<uint8_t>& value, ssize_t size, uint64_t address, uint64_t room) {
  if (size < 0) return Answer::error(errno);
  if (room) {
    if (int err = memory_.write_all(address, value.data(), static_cast<size_t>(size))) return Answer::error(err);
  }
  return Answer::of(size);
}

}  // namespace rvisor
