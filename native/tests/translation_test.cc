// SPDX-License-Identifier: Apache-2.0
// The translated view's table and its walk, over trees made here. The caller is this process itself: its working directory and descriptors
// are looked at as a guest's are.
#include "translation.h"

#include <linux/openat2.h>
#include <sys/sysmacros.h>

#include "../core/rv_core.h"
#include "proc_text.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

using namespace rvisor;

namespace {

using Kind = Translation::Entry::Kind;

// A directory that goes with the test, without links in its path.
struct Tree {
  std::string path;
  Tree() {
    char name[] = "/tmp/rvisor-translation-XXXXXX";
    REQUIRE(mkdtemp(name));
    char* real = realpath(name, nullptr);
    path = real;
    free(real);
  }
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string at(const std::string& name) const { return path + "/" + name; }
  void directory(const std::string& name) const { std::filesystem::create_directories(at(name)); }
  void file(const std::string& name, const std::string& content = "") const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    Fd made(open(at(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    REQUIRE(made.valid());
    REQUIRE(write(made.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  void link(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    REQUIRE(!symlink(content.c_str(), at(name).c_str()));
  }
};

Translation::Entry entry(const std::string& guest, const std::string& host, Kind kind = Kind::host) {
  Translation::Entry made;
  made.kind = kind;
  made.guest = guest;
  made.root.reset(open(host.c_str(), O_PATH | O_CLOEXEC));
  REQUIRE(made.root.valid());
  return made;
}

// root/ with etc, usr (from "system"), work (from "project"), a file alone, and /proc.
struct View : Tree {
  Translation table;
  View() {
    for (const char* name : {"root/etc", "root/usr", "root/desk", "root/proc", "root/tmp", "system/bin", "system/lib", "project/src/deep", "private"}) directory(name);
    file("root/single");
    file("root/etc/hosts", "127.0.0.1");
    file("system/bin/tool", "tool");
    file("system/lib/libx.so.1.2", "x");
    link("system/lib/libx.so.1", "libx.so.1.2");
    file("project/src/main.c", "main");
    file("alone", "alone");
    link("root/bin", "usr/bin");
    add("/", "root", Kind::owned);
    add("/usr", "system");
    add("/desk", "project");
    add("/tmp", "private", Kind::owned);
    add("/single", "alone");
    REQUIRE(!table.add(entry("/proc", "/proc", Kind::proc)));
    table.add_link("/bin", "usr/bin");
  }
  void add(const std::string& guest, const std::string& host, Kind kind = Kind::host) { REQUIRE(!table.add(entry(guest, at(host), kind))); }
};

struct Found {
  int err;
  std::string path;
  bool there;
};

Resolved last;

Found look(const Translation& table, const std::string& path, bool follow = true, Want want = Want::object, int dirfd = AT_FDCWD, bool create = false) {
  last = Resolved();
  int err = table.resolve(Caller(getpid()), dirfd, path, follow, last, create, want);
  return {err, err ? last.nowhere : last.path, !err && last.object.valid()};
}

std::string host_of(const Fd& fd) {
  std::string text;
  REQUIRE(!link_of_own(fd.get(), text));
  return text;
}

// Leads there, whatever is wanted of it, to this file of the host.
void leads(const View& view, const std::string& path, const std::string& guest, const std::string& host, int dirfd = AT_FDCWD) {
  CAPTURE(path);
  for (Want want : {Want::object, Want::place}) {
    Found found = look(view.table, path, true, want, dirfd);
    CHECK(found.err == 0);
    CHECK(found.path == guest);
    CHECK(found.there);
    if (found.there) CHECK(host_of(last.object) == (host[0] == '/' ? host : view.at(host)));
  }
}

void fails(const View& view, const std::string& path, int err, int dirfd = AT_FDCWD) {
  CAPTURE(path);
  for (Want want : {Want::object, Want::place}) CHECK(look(view.table, path, true, want, dirfd).err == err);
}

// Named so far, and nothing has this name.
void missing(const View& view, const std::string& path, const std::string& guest, const std::string& directory) {
  CAPTURE(path);
  Found found = look(view.table, path);
  CHECK(found.err == 0);
  CHECK(found.path == guest);
  CHECK(!found.there);
  found = look(view.table, path, true, Want::place);
  CHECK(found.err == 0);
  CHECK(found.path == guest);
  CHECK(!found.there);
  REQUIRE(last.directory.valid());
  CHECK(host_of(last.directory) == view.at(directory));
}

}  // namespace

TEST_CASE("opened by its name is only what nobody inside can put a link in the way of") {
  View view;
  view.directory("system/masked");
  view.directory("writable");
  view.add("/usr/masked", "private", Kind::file);
  Translation::Entry writable = entry("/writable", view.at("writable"));
  writable.writable = true;
  REQUIRE(!view.table.add(std::move(writable)));
  auto named = [&](const std::string& path) -> std::string {
    std::optional<Named> found = view.table.names_itself(path);
    return found ? host_of(Fd(fcntl(found->directory, F_DUPFD_CLOEXEC, 0))) + " " + found->name : "";
  };
  CHECK(named("/usr/bin/tool") == view.at("system") + " bin/tool");
  CHECK(named("/desk/src/main.c") == view.at("project") + " src/main.c");
  for (const char* path : {"/usr", "/", "/single", "/etc/hosts", "/tmp/x", "/writable/x", "/usr/masked", "/usr/masked/x", "/proc/version", "/proc/self/maps"}) {
    CAPTURE(path);
    CHECK(named(path) == "");
  }
}

TEST_CASE("the deepest mount point holds, and hides what lies beneath it in the tree above") {
  View view;
  view.file("root/usr/hidden");
  leads(view, "/", "/", "root");
  leads(view, "/etc/hosts", "/etc/hosts", "root/etc/hosts");
  leads(view, "/usr", "/usr", "system");
  leads(view, "/usr/bin/tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/desk/src/main.c", "/desk/src/main.c", "project/src/main.c");
  leads(view, "/single", "/single", "alone");
  missing(view, "/usr/hidden", "/usr/hidden", "system");
  missing(view, "/desk/src/new", "/desk/src/new", "project/src");
  fails(view, "/desk/none/new", ENOENT);
  CHECK(last.nowhere == "/desk/none/new");
  fails(view, "/single/x", ENOTDIR);
  fails(view, "/single/", ENOTDIR);
  fails(view, "", ENOENT);
  fails(view, "/" + std::string(PATH_MAX, 'x'), ENAMETOOLONG);
  fails(view, "/desk/" + std::string(NAME_MAX + 1, 'x'), ENAMETOOLONG);
}

TEST_CASE("slashes, dots and double dots") {
  View view;
  leads(view, "//usr///bin//tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/usr/./bin/./tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/../../etc/../usr/bin/../bin/tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/usr/..", "/", "root");
  leads(view, "/usr/bin/../../desk/src", "/desk/src", "project/src");
  leads(view, "/desk/..//.", "/", "root");
  leads(view, "/desk/src/", "/desk/src", "project/src");
  leads(view, "/desk/src/.", "/desk/src", "project/src");
  CHECK(last.name == ".");
  fails(view, "/desk/src/main.c/", ENOTDIR);
  fails(view, "/desk/src/main.c/.", ENOTDIR);
  fails(view, "/desk/src/main.c/..", ENOTDIR);
  fails(view, "/desk/none/..", ENOENT);
  Found found = look(view.table, "/desk/new/", false, Want::place);
  CHECK(found.err == 0);
  CHECK(!found.there);
  CHECK(last.slash);
  CHECK(last.name == "new");
  CHECK(look(view.table, "/desk/new/", false, Want::place, AT_FDCWD, true).err == EISDIR);
}

TEST_CASE("symbolic links are taken in the guest's root") {
  View view;
  view.link("project/relative", "src/main.c");
  view.link("project/absolute", "/etc/hosts");
  view.link("project/out", "../../usr/bin");
  view.link("project/loop", "loop");
  view.link("project/dangling", "nothing");
  view.link("project/host", view.at("alone"));
  view.link("root/etc/desk", "../desk/src");
  view.link("project/slash", "src/");
  leads(view, "/bin/tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/usr/lib/libx.so.1", "/usr/lib/libx.so.1.2", "system/lib/libx.so.1.2");
  leads(view, "/desk/relative", "/desk/src/main.c", "project/src/main.c");
  leads(view, "/desk/absolute", "/etc/hosts", "root/etc/hosts");
  leads(view, "/desk/out/tool", "/usr/bin/tool", "system/bin/tool");
  leads(view, "/desk/out/../lib/libx.so.1", "/usr/lib/libx.so.1.2", "system/lib/libx.so.1.2");
  leads(view, "/etc/desk/main.c", "/desk/src/main.c", "project/src/main.c");
  leads(view, "/desk/slash", "/desk/src", "project/src");
  leads(view, "/desk/slash/main.c", "/desk/src/main.c", "project/src/main.c");
  fails(view, "/desk/loop", ELOOP);
  fails(view, "/desk/loop/x", ELOOP);
  fails(view, "/desk/host", ENOENT);  // what the host has at that path is not in the view
  fails(view, "/desk/relative/", ENOTDIR);
  missing(view, "/desk/dangling", "/desk/nothing", "project");
  // The link itself.
  for (const char* path : {"/desk/absolute", "/bin", "/desk/loop"}) {
    Found found = look(view.table, path, false);
    CHECK(found.path == path);
    struct stat st;
    REQUIRE(found.there);
    CHECK(!fstat(last.object.get(), &st));
    CHECK(S_ISLNK(st.st_mode));
  }
  // As many links as the kernel follows, and one more.
  view.link("project/chain0", "src");
  for (int i = 1; i <= 40; i++) view.link("project/chain" + std::to_string(i), "chain" + std::to_string(i - 1));
  leads(view, "/desk/chain39/main.c", "/desk/src/main.c", "project/src/main.c");
  fails(view, "/desk/chain40/main.c", ELOOP);
}

TEST_CASE("from a directory that is open, or the one worked in") {
  View view;
  Fd source(open(view.at("project/src").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd file(open(view.at("project/src/main.c").c_str(), O_PATH | O_CLOEXEC));
  Fd outside(open(view.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  leads(view, "main.c", "/desk/src/main.c", "project/src/main.c", source.get());
  leads(view, ".", "/desk/src", "project/src", source.get());
  leads(view, "..", "/desk", "project", source.get());
  leads(view, "../../usr/bin/tool", "/usr/bin/tool", "system/bin/tool", source.get());
  leads(view, "../../../../../etc/hosts", "/etc/hosts", "root/etc/hosts", source.get());
  leads(view, "/etc/hosts", "/etc/hosts", "root/etc/hosts", 9999);
  fails(view, "main.c", ENOENT, outside.get());
  fails(view, "..", ENOENT, outside.get());
  fails(view, "project", ENOENT, outside.get());
  fails(view, "x", ENOTDIR, file.get());
  fails(view, ".", ENOTDIR, file.get());
  fails(view, "..", ENOTDIR, file.get());
  fails(view, "x", EBADF, 9999);
  fails(view, "x", EBADF, -7);
  view.link("project/toward", "src");
  Fd link(open(view.at("project/toward").c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  fails(view, "main.c", ENOTDIR, link.get());
  fails(view, "..", ENOTDIR, link.get());

  Fd before(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(!chdir(view.at("project/src/deep").c_str()));
  leads(view, "../main.c", "/desk/src/main.c", "project/src/main.c");
  leads(view, "../../../bin/tool", "/usr/bin/tool", "system/bin/tool");
  // Unlinked: nothing is there any more, and ".." is where it was.
  REQUIRE(!rmdir(view.at("project/src/deep").c_str()));
  Found found = look(view.table, ".");
  CHECK(found.err == 0);
  CHECK(found.there);
  CHECK(found.path.empty());
  leads(view, "..", "/desk/src", "project/src");
  CHECK(look(view.table, "new", false, Want::place).err == 0);
  CHECK(mkdirat(last.directory.get(), last.name.c_str(), 0755) == -1);
  CHECK(errno == ENOENT);
  REQUIRE(!fchdir(before.get()));
}

TEST_CASE("a directory that may not be searched leads nowhere, not even up") {
  View view;
  view.directory("project/closed/inner");
  view.file("project/closed/inner/file");
  Fd closed(open(view.at("project/closed").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd inner(open(view.at("project/closed/inner").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(!chmod(view.at("project/closed").c_str(), 0600));
  const bool everywhere = !access(view.at("project/closed/inner").c_str(), F_OK);  // root may
  if (!everywhere) {
    for (const char* path : {"/desk/closed/.", "/desk/closed/./", "/desk/closed/..", "/desk/closed/../src", "/desk/closed/inner/../.."}) fails(view, path, EACCES);
    for (const char* path : {".", "./", "..", "../src", "inner"}) fails(view, path, EACCES, closed.get());
    // What lies beyond it is still reached by who is there, as far as the directory that is closed.
    leads(view, ".", "/desk/closed/inner", "project/closed/inner", inner.get());
    leads(view, "file", "/desk/closed/inner/file", "project/closed/inner/file", inner.get());
    leads(view, "../", "/desk/closed", "project/closed", inner.get());
    fails(view, "../..", EACCES, inner.get());
  }
  leads(view, "/desk/closed", "/desk/closed", "project/closed");
  leads(view, "/desk/closed/", "/desk/closed", "project/closed");
  REQUIRE(!chmod(view.at("project/closed").c_str(), 0711));
  leads(view, "/desk/closed/..", "/desk", "project");
  leads(view, "..", "/desk/closed", "project/closed", inner.get());
  leads(view, "../..", "/desk", "project", inner.get());
}

TEST_CASE("names in the table and back") {
  View view;
  CHECK(view.table.guest_path(view.at("project/src")) == "/desk/src");
  CHECK(view.table.guest_path(view.at("root")) == "/");
  CHECK(view.table.guest_path(view.at("root/etc/hosts")) == "/etc/hosts");
  CHECK(view.table.guest_path(view.at("root/usr/hidden")) == std::nullopt);  // covered
  CHECK(view.table.guest_path(view.at("alone")) == "/single");
  CHECK(view.table.guest_path(view.at("alone/x")) == std::nullopt);
  CHECK(view.table.guest_path(view.at("rootx")) == std::nullopt);
  CHECK(view.table.guest_path(view.path) == std::nullopt);
  CHECK(view.table.guest_path("/etc/passwd") == std::nullopt);
  CHECK(view.table.guest_path("pipe:[7]") == std::nullopt);
  CHECK(view.table.guest_path("") == std::nullopt);
  CHECK(view.table.host_path("/desk/src/main.c") == view.at("project/src/main.c"));
  CHECK(view.table.host_path("/") == view.at("root"));
  CHECK(view.table.host_path("/etc") == view.at("root/etc"));
  CHECK(view.table.entry_of("/desk/src")->guest == "/desk");
  CHECK(view.table.entry_of("/workshop")->guest == "/");
  for (const char* path : {"/", "/usr", "/desk"}) CHECK(view.table.covers(path));
  for (const char* path : {"/etc", "/us", "/usr/bin", "/desk/src"}) CHECK(!view.table.covers(path));
  view.table.show_as(view.at("private/copy"), "/usr/bin/tool");
  CHECK(view.table.guest_path(view.at("private/copy")) == "/usr/bin/tool");
  Fd file(open(view.at("project/src/main.c").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(view.table.path_of(file.get()) == "/desk/src/main.c");
  REQUIRE(!unlink(view.at("project/src/main.c").c_str()));
  CHECK(view.table.path_of(file.get()).empty());
  // A file that is really called so.
  view.file("project/odd (deleted)");
  Fd odd(open(view.at("project/odd (deleted)").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(view.table.path_of(odd.get()) == "/desk/odd (deleted)");
}

TEST_CASE("what is put over other entries takes their place") {
  View view;
  view.directory("project/src/inner");
  view.add("/desk/src/inner", "system");
  leads(view, "/desk/src/inner/bin", "/desk/src/inner/bin", "system/bin");
  CHECK(view.table.covers("/desk/src"));
  leads(view, "/desk/src/inner/..", "/desk/src", "project/src");
  view.add("/desk", "system");
  leads(view, "/desk/bin/tool", "/desk/bin/tool", "system/bin/tool");
  missing(view, "/desk/src", "/desk/src", "system");
  CHECK(!view.table.covers("/desk/src"));
  Translation empty;
  CHECK(empty.add(entry("/usr", view.at("system"))) == ENOTDIR);
  CHECK(empty.add(entry("/", view.at("alone"))) == ENOTDIR);
  CHECK(empty.add(entry("usr", view.at("system"))) == EINVAL);
  CHECK(empty.add(entry("/a/../b", view.at("system"))) == EINVAL);
}

TEST_CASE("/proc shows the guest's processes, and to each caller itself") {
  View view;
  std::string own = std::to_string(getpid()), thread = std::to_string(gettid());
  leads(view, "/proc/self/status", "/proc/" + own + "/status", "/proc/" + own + "/status");
  leads(view, "/proc/thread-self/stat", "/proc/" + own + "/task/" + thread + "/stat", "/proc/" + own + "/task/" + thread + "/stat");
  leads(view, "/proc/self", "/proc/" + own, "/proc/" + own);
  leads(view, "/proc/self/../uptime", "/proc/uptime", "/proc/uptime");
  leads(view, "/proc/meminfo", "/proc/meminfo", "/proc/meminfo");
  leads(view, "/proc/mounts", "/proc/" + own + "/mounts", "/proc/" + own + "/mounts");
  CHECK(look(view.table, "/proc/self", false).path == "/proc/self");
  fails(view, "/proc/1/status", ENOENT);
  fails(view, "/proc/1", ENOENT);
  fails(view, "/proc/self/../1/status", ENOENT);
  // procfs itself would look for it; a path of this form is none that could be decided on.
  fails(view, "/proc/" + std::string(NAME_MAX + 1, 'x'), ENOENT);
  fails(view, "/proc/self/" + std::string(NAME_MAX + 1, 'x'), ENOENT);
  view.table.owns = [](pid_t pid) { return pid == 1; };
  leads(view, "/proc/1/status", "/proc/1/status", "/proc/1/status");

  // What its links lead to is what the guest calls it.
  leads(view, "/proc/self/root", "/", "root");
  leads(view, "/proc/self/root/etc/hosts", "/etc/hosts", "root/etc/hosts");
  leads(view, "/proc/self/root/..", "/", "root");
  Fd source(open(view.at("project/src").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd file(open(view.at("project/src/main.c").c_str(), O_RDONLY | O_CLOEXEC));
  Fd outside(open(view.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string fds = "/proc/self/fd/";
  leads(view, fds + std::to_string(source.get()) + "/main.c", "/desk/src/main.c", "project/src/main.c");
  leads(view, fds + std::to_string(source.get()) + "/../../etc", "/etc", "root/etc");
  Found found = look(view.table, fds + std::to_string(file.get()));
  CHECK(found.path == "/desk/src/main.c");
  CHECK(last.magic);
  fails(view, fds + std::to_string(outside.get()) + "/alone", ENOENT);
  fails(view, fds + std::to_string(file.get()) + "/x", ENOTDIR);
  found = look(view.table, fds + std::to_string(outside.get()));
  CHECK(found.err == 0);
  CHECK(found.path.empty());
  fails(view, fds + "9999/x", ENOENT);

  CHECK(look(view.table, "/proc/self/net/tcp").err == 0);
  view.table.hides_network = true;
  for (const char* path : {"/proc/net/tcp", "/proc/self/net/tcp", "/proc/self/net", "/proc/thread-self/net/dev", "/proc/self/task/../net/unix"}) CHECK(look(view.table, path).err == EACCES);
}

TEST_CASE("a procfs in a tree of the host shows no process") {
  Translation table;
  REQUIRE(!table.add(entry("/", "/")));
  std::string own = std::to_string(getpid());
  for (Want want : {Want::object, Want::place}) {
    for (const std::string& path : {std::string("/proc/1/status"), "/proc/" + own, "/proc/" + own + "/mem", "/proc/" + own + "/fd/0", "/proc/" + own + "/cwd/x", std::string("/proc/self/mem"), std::string("/proc/self/cwd")}) {
      CAPTURE(path);
      CHECK(look(table, path, true, want).err != 0);
    }
  }
  CHECK(look(table, "/proc/uptime").err == 0);
}

TEST_CASE("openat2's restrictions hold in the guest's tree") {
  View view;
  view.link("project/relative", "src/main.c");
  view.link("project/absolute", "/src/main.c");
  view.link("project/up", "../usr");
  Fd work(open(view.at("project").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd root(open(view.at("root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string path;
  auto restricted = [&](const std::string& text, uint64_t how, int dirfd) {
    last = Resolved();
    int err = view.table.resolve(Caller(getpid()), dirfd, text, true, last, false, Want::object, how);
    path = last.path;
    return err;
  };
  CHECK(restricted("relative", RESOLVE_BENEATH, work.get()) == 0);
  CHECK(path == "/desk/src/main.c");
  CHECK(restricted("src/..", RESOLVE_BENEATH, work.get()) == 0);
  for (const char* text : {"/desk", "absolute", "..", "src/../..", "up"}) CHECK(restricted(text, RESOLVE_BENEATH, work.get()) == EXDEV);
  CHECK(restricted("absolute", RESOLVE_IN_ROOT, work.get()) == 0);
  CHECK(path == "/desk/src/main.c");
  CHECK(restricted("/src/../../../src", RESOLVE_IN_ROOT, work.get()) == 0);
  CHECK(path == "/desk/src");
  CHECK(restricted("up", RESOLVE_IN_ROOT, work.get()) == 0);
  CHECK(path == "/desk/usr");
  CHECK(!last.object.valid());
  CHECK(restricted("relative", RESOLVE_NO_SYMLINKS, work.get()) == ELOOP);
  CHECK(restricted("src/main.c", RESOLVE_NO_SYMLINKS, work.get()) == 0);
  CHECK(restricted("src", RESOLVE_NO_XDEV, work.get()) == 0);
  CHECK(restricted("..", RESOLVE_NO_XDEV, work.get()) == EXDEV);
  CHECK(restricted("usr/bin", RESOLVE_NO_XDEV, root.get()) == EXDEV);
  CHECK(restricted("etc/hosts", RESOLVE_NO_XDEV, root.get()) == 0);
  CHECK(restricted("/bin/tool", RESOLVE_NO_XDEV, root.get()) == EXDEV);
  CHECK(restricted("proc/self/cwd", RESOLVE_NO_MAGICLINKS, root.get()) == ELOOP);
  CHECK(restricted("proc/self/root/etc", RESOLVE_IN_ROOT, root.get()) == EXDEV);
  CHECK(restricted("proc/self/status", RESOLVE_NO_MAGICLINKS, root.get()) == 0);
}

TEST_CASE("what a mount would refuse") {
  View view;
  auto writable = entry("/tmp", view.at("private"), Kind::owned);
  writable.writable = true;
  REQUIRE(!view.table.add(std::move(writable)));
  REQUIRE(!view.table.add(entry("/etc/null", "/dev/null", Kind::device)));
  auto refused = [&](const std::string& path, uint32_t rights, Want want = Want::object) {
    REQUIRE(look(view.table, path, true, want).err == 0);
    return view.table.refuses(last, rights);
  };
  CHECK(refused("/usr/bin/tool", RV_RIGHT_READ | RV_RIGHT_STAT) == 0);
  for (uint32_t right : {RV_RIGHT_WRITE, RV_RIGHT_TRUNCATE, RV_RIGHT_METADATA}) CHECK(refused("/usr/bin/tool", right) == EROFS);
  CHECK(refused("/usr/new", RV_RIGHT_CREATE, Want::place) == EROFS);
  CHECK(refused("/usr/bin/tool", RV_RIGHT_DELETE, Want::place) == EROFS);
  CHECK(refused("/usr", RV_RIGHT_CREATE | RV_RIGHT_WRITE) == EROFS);
  CHECK(refused("/tmp/new", RV_RIGHT_CREATE, Want::place) == 0);
  CHECK(refused("/tmp", RV_RIGHT_CREATE | RV_RIGHT_WRITE) == 0);
  CHECK(refused("/tmp", RV_RIGHT_METADATA) == 0);
  CHECK(refused("/proc/self/comm", RV_RIGHT_METADATA) == EROFS);
  // A name that stands on something read-only, whatever lies over it.
  CHECK(refused("/tmp", RV_RIGHT_DELETE, Want::place) == EROFS);
  CHECK(refused("/etc/null", RV_RIGHT_READ) == EACCES);
  auto device = entry("/etc/null", "/dev/null", Kind::device);
  device.devices = true;
  REQUIRE(!view.table.add(std::move(device)));
  CHECK(refused("/etc/null", RV_RIGHT_READ | RV_RIGHT_WRITE) == 0);
  CHECK(refused("/etc/null", RV_RIGHT_METADATA) == EROFS);
  // What can be changed of a process of the guest's own is the kernel's to say; nothing of the machine's.
  auto proc = entry("/proc", "/proc", Kind::proc);
  proc.writable = true;
  REQUIRE(!view.table.add(std::move(proc)));
  CHECK(refused("/proc/self/comm", RV_RIGHT_METADATA) == 0);
  CHECK(refused("/proc/self", RV_RIGHT_METADATA) == 0);
  for (const char* path : {"/proc", "/proc/uptime", "/proc/sys/kernel/hostname", "/proc/self/net", "/proc/net/dev", "/proc/thread-self/net/dev"}) CHECK(refused(path, RV_RIGHT_METADATA) == EPERM);
  for (const char* path : {"/proc/self/nothing", "/proc/self/fd/9999"}) {
    CHECK(look(view.table, path, false, Want::place).err == 0);
    CHECK(view.table.of_process(last));
  }
  CHECK(look(view.table, "/proc/nothing", false, Want::place).err == 0);
  CHECK(!view.table.of_process(last));
}

TEST_CASE("texts of /proc in the guest's words") {
  View view;
  CHECK(view.table.link_text(view.at("project/src")) == "/desk/src");
  CHECK(view.table.link_text(view.at("project/gone") + " (deleted)") == "/desk/gone (deleted)");
  CHECK(view.table.link_text(view.path) == "(unreachable)");
  CHECK(view.table.link_text("pipe:[1]") == "pipe:[1]");
  CHECK(view.table.link_text("/memfd:x (deleted)") == "/memfd:x (deleted)");
  std::string tool = view.at("system/bin/tool");
  std::string maps = "55d0-55d1 r-xp 00000000 fe:00 12   " + tool + "\n7ff0-7ff1 rw-p 00000000 00:00 0   [heap]\n7ff2-7ff3 r--p 00000000 fe:00 13   /secret/of the/host\n7ff4-7ff5 rw-p 0 00:00 0\n";
  CHECK(translated_maps(view.table, maps) ==
        "55d0-55d1 r-xp 00000000 fe:00 12   /usr/bin/tool\n7ff0-7ff1 rw-p 00000000 00:00 0   [heap]\n7ff2-7ff3 r--p 00000000 fe:00 13   (unreachable)\n7ff4-7ff5 rw-p 0 00:00 0\n");
  CHECK(translated_maps(view.table, "7f00 default file=" + tool + " mapped=3 N0=3\n") == "7f00 default file=/usr/bin/tool mapped=3 N0=3\n");
  CHECK(translated_maps(view.table, "") == "");
  for (const char* name : {"mountinfo", "mounts", "mountstats"}) {
    std::string text = mount_table(view.table, name);
    CHECK(text.find(view.path) == std::string::npos);
    for (const char* place : {" / ", " /usr ", " /desk ", " /single ", " /proc "}) CHECK(text.find(place) != std::string::npos);
  }
  REQUIRE(look(view.table, "/proc/self/maps").err == 0);
  Fd text;
  REQUIRE(!translated_text(view.table, Caller(getpid()), last, text));
  char byte = 'x';
  CHECK(read(text.get(), &byte, 1) == 1);
  CHECK(write(text.get(), &byte, 1) == -1);
  REQUIRE(look(view.table, "/proc/self/status").err == 0);
  CHECK(translated_text(view.table, Caller(getpid()), last, text) == ENOENT);
}

TEST_CASE("a handler's memory file stands for a directory") {
  View view;
  Fd file(memfd_create("/desk/given", MFD_CLOEXEC));
  CHECK(look(view.table, "a/../b", true, Want::object, file.get()).err == ENOTDIR);
  CHECK(last.nowhere == "/desk/given/b");
}

TEST_CASE("who exchanges a directory for a link meanwhile leads nobody out") {
  View view;
  view.directory("project/turning");
  view.file("project/turning/secret", "mine");
  view.file("secret", "the host's");
  view.link("project/trap", "../");
  struct Race {
    std::string a, b;
    std::atomic<bool> stop{false};
  } race{view.at("project/turning"), view.at("project/trap"), {}};
  pthread_t thread;
  REQUIRE(!pthread_create(&thread, nullptr, [](void* given) -> void* {
    auto* r = static_cast<Race*>(given);
    while (!r->stop) renameat2(AT_FDCWD, r->a.c_str(), AT_FDCWD, r->b.c_str(), RENAME_EXCHANGE);
    return nullptr;
  }, &race));
  int found = 0;
  for (int i = 0; i < 4000; i++) {
    for (const char* path : {"/desk/turning/secret", "/desk/turning/../secret", "/desk/turning/../../secret"}) {
      Found f = look(view.table, path, true, i % 2 ? Want::object : Want::place);
      if (f.err || !f.there) continue;
      found++;
      CHECK(host_of(last.object).starts_with(view.at("project/")));
    }
  }
  race.stop = true;
  pthread_join(thread, nullptr);
  CHECK(found > 0);
}
