// SPDX-License-Identifier: Apache-2.0
#include "translated_init.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <list>
#include <vector>

#include "kin.h"
#include "landlock.h"
#include "resolve.h"

namespace rvisor {
namespace {

// The view's paths, under the policy's rules.
class Paths : public Lookup {
 public:
  Paths(const Translation& view, Interception& interception) : view_(view), interception_(interception) {}
  int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out) override {
    return rvisor::resolve(caller, dirfd, path, follow, out, false, Want::object);
  }
  std::string path_of(int fd) override { return rvisor::path_of(fd); }
  int may(const Caller& caller, const Resolved& what, uint32_t rights) override {
    if (rights & RV_RIGHT_EXECUTE && !what.path.empty() && !view_.entry_of(what.path)->executable) return EACCES;
    return interception_.judge(caller.tid, rights & RV_RIGHT_EXECUTE ? SYS_execve : SYS_chdir, what.path, rights);
  }

 private:
  const Translation& view_;
  Interception& interception_;
};

}  // namespace

Status TranslatedInit::build(const Plan& plan, const Fd& state) {
  // Whatever of the guest loses its parent is init's to wait for, and dies with it.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1)) return fail("exec", "subreaper", errno);
  state_.reset(fcntl(state.get(), F_DUPFD_CLOEXEC, 3));
  Fd own(openat(state.get(), "view", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!state_.valid() || !own.valid()) return fail("state", "view", errno);
  if (Status s = view_.build(plan, own.get())) return s;
  view_.owns = is_kin;
  view_.hides_network = plan.net_namespace;
  Fd lists(openat(state.get(), "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lists.valid()) return fail("state", "proc", errno);
  if (Status s = proc_list_.open(lists.get(), view_)) return s;
  view_.list_proc = [this](Fd& out) { return proc_list_.list(out); };
  take_paths_in(&view_);
  return std::nullopt;
}

Status TranslatedInit::restrict(const Plan& plan, int& abi) {
  using Kind = Grant::Kind;
  abi = landlock_abi();
  view_.hides_abstract = abi < 6;
  if (abi < 1) {
    if (!plan.landlock || !plan.landlock->required) return std::nullopt;
    return fail("landlock", "create_ruleset", ENOSYS,
                "this kernel has no Landlock, which is the boundary of the translated view; `boundary: \"translation\"` in the policy does without");
  }
  std::vector<Grant> grants;
  for (const Translation::Entry& entry : view_.entries()) {
    using Of = Translation::Entry::Kind;
    if (entry.kind == Of::proc) continue;  // looked into by init alone
    Kind kind = entry.kind == Of::device ? Kind::use : entry.writable ? Kind::write : Kind::read;
    grants.push_back({entry.root.get(), entry.host, kind});
  }
  std::list<Fd> opened;
  auto add = [&](int at, const char* path, Kind kind) -> Status {
    Fd& fd = opened.emplace_back(openat(at, path, O_PATH | O_CLOEXEC));
    if (!fd.valid()) return errno == ENOENT ? std::nullopt : Status(fail("landlock", path, errno));
    grants.push_back({fd.get(), path, kind});
    return std::nullopt;
  };
  // Programs as they are executed; nobody but init writes there.
  if (Status s = add(state_.get(), "exec", Kind::read)) return s;
  // The other end of a terminal, which the kernel opens for who has the one.
  if (Status s = add(AT_FDCWD, "/dev/pts", Kind::use)) return s;
  if (Status s = make_ruleset(grants, true, ruleset_)) return s;
  // The kernel's settings are root's: what init may write the guest could ask it to.
  if (Status s = add(AT_FDCWD, "/proc", plan.host_uid() == 0 ? Kind::read : Kind::write)) return s;
  for (const char* path : {"/dev/ptmx", "/dev/pts", "/dev/tty"})
    if (Status s = add(AT_FDCWD, path, path[7] == 's' ? Kind::write : Kind::use)) return s;
  if (Status s = add(state_.get(), ".", Kind::write)) return s;
  Fd own;
  if (Status s = make_ruleset(grants, plan.net_namespace, own)) return s;
  return enter_ruleset(own.get());
}

Status TranslatedInit::serve(Tracer& tracer, Interception& interception) {
  Fd programs(openat(state_.get(), "exec", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!programs.valid()) return fail("state", "exec", errno);
  if (Status s = images_.open(programs.get(), [this](const std::string& host, const std::string& guest) { view_.show_as(host, guest); })) return s;
  view_.original = [this](int fd) {
    Identity identity;
    if (identify(fd, identity)) return Fd();
    std::optional<Images::Original> original = images_.original(identity);
    return original ? std::move(original->file) : Fd();
  };
  lookup_ = std::make_unique<Paths>(view_, interception);
  self_calls_ = std::make_unique<SelfCalls>(tracer, *lookup_, images_,
                                            [&interception](uint32_t nr, const std::array<uint64_t, 6>& registers) { return interception.lets_pass(nr, registers); });
  interception.translate(self_calls_.get());
  return std::nullopt;
}

Status TranslatedInit::find_directory(const std::string& path, Fd& out) const {
  Resolved found;
  struct stat st;
  if (int err = resolve(Caller(getpid()), AT_FDCWD, path, true, found, false, Want::object)) return fail("chdir", path, err);
  if (!found.object.valid()) return fail("chdir", path, ENOENT);
  if (fstat(found.object.get(), &st)) return fail("chdir", path, errno);
  if (!S_ISDIR(st.st_mode)) return fail("chdir", path, ENOTDIR);
  out = std::move(found.object);
  return std::nullopt;
}

}  // namespace rvisor
