// SPDX-License-Identifier: Apache-2.0
// Programs are executed in a tree of their own, by a tracer, without a sandbox around: the tree's loader is a copy of the host's, another
// file, so that what is executed by the host's would be seen. Paths that programs open themselves are the host's here.
#include "execution.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "filter.h"
#include "images.h"
#include "self_calls.h"
#include "tracer.h"

using namespace rvisor;
namespace fs = std::filesystem;

namespace {

// What a tree is to its guest, in place of the table of a sandbox.
class Tree : public Lookup {
 public:
  explicit Tree(std::string root) : root_(std::move(root)), fd_(open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

  int resolve(const Caller& caller, int dirfd, const std::string& path, bool follow, Resolved& out) override {
    std::string inside = path;
    if (path.starts_with("/proc/self/")) {
      out.object.reset(open(caller.proc(path.c_str() + 11).c_str(), O_PATH | O_CLOEXEC));
      if (!out.object.valid()) return errno;
      out.path = path_of(out.object.get());
      return 0;
    }
    if (path[0] != '/') {
      Fd base;
      if (int err = open_descriptor(caller, dirfd, base)) return err;
      inside = path_of(base.get()) + "/" + path;
    }
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    how.resolve = RESOLVE_IN_ROOT;
    out.object.reset(static_cast<int>(syscall(SYS_openat2, fd_.get(), inside.c_str(), &how, sizeof how)));
    if (!out.object.valid()) return errno;
    out.slash = path.ends_with('/');
    out.path = path_of(out.object.get());
    return 0;
  }

  std::string path_of(int fd) override {
    std::string path = rvisor::path_of(fd);
    if (root_ == "/") return path;
    return path.starts_with(root_) ? path.substr(root_.size()) : "";
  }

  int may(const Caller&, const Resolved& what, uint32_t) override { return what.path.starts_with("/forbidden") ? EACCES : 0; }

 private:
  const std::string root_;
  const Fd fd_;
};

class Client : public TraceClient {
 public:
  void trapped(std::shared_ptr<Stop> stop) override { calls->carry_out(stop, stop->call, 0, stop->stack - 128, nullptr); }
  void happened(std::shared_ptr<Stop>, Happening) override {}
  void untraceable(const char* why) override {
    dprintf(1, "ended: %s\n", why);
    _exit(99);
  }
  SelfCalls* calls = nullptr;
};

Filter traced_calls() {
  Filter filter{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}};
  for (uint32_t nr : {SYS_execve, SYS_execveat, SYS_chdir, SYS_chroot}) {
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr});
    filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRACE});
  }
  filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  return filter;
}

long released_word = 0;

[[noreturn]] void be_guest(const std::string& path, const std::vector<std::string>& arguments, const std::string& cwd) {
  std::vector<char*> argv, environment;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string other = "OTHER=" + std::string(getenv("OTHER") ? getenv("OTHER") : "");
  environment = {other.data(), nullptr};
  close_range(3, ~0U, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (chdir(cwd.c_str()) || install_filter(traced_calls())) _exit(98);
  volatile long* word = &released_word;
  while (!*word) syscall(SYS_sched_yield);
  execve(path.c_str(), argv.data(), environment.data());
  dprintf(1, "%s\n", strerrorname_np(errno));
  _exit(0);
}

// A directory with the tree of a guest, and one for what is made beside it.
class Place {
 public:
  Place() {
    char path[] = "/tmp/rvisor-execution-XXXXXX";
    REQUIRE(mkdtemp(path));
    top_ = path;
    for (const char* name : {"state", "tree/bin", "tree/lib64", "tree/forbidden", "tree/dir"}) fs::create_directories(top_ / name);
    fs::copy("/lib64/ld-linux-x86-64.so.2", tree() + "/lib64/ld-linux-x86-64.so.2");
    const std::pair<const char*, const char*> probes[] = {
        {"dynamic", PROBE_dynamic}, {"dynamic_fixed", PROBE_dynamic_fixed}, {"static", PROBE_static}, {"static_pie", PROBE_static_pie}};
    for (auto& [name, from] : probes) fs::copy(from, tree() + "/bin/" + name);
    fs::copy(PROBE_static, tree() + "/forbidden/probe");
    fs::create_symlink("/bin/static", tree() + "/bin/called");
    fs::create_symlink("dynamic", tree() + "/bin/applet-with-a-long-name");
    fs::create_symlink("loop", tree() + "/bin/loop");
  }
  ~Place() { fs::remove_all(top_); }

  std::string tree() const { return top_ / "tree"; }
  std::string state() const { return top_ / "state"; }

  void write(const std::string& name, const std::string& bytes, mode_t mode = 0755) const {
    std::ofstream(tree() + name, std::ios::binary) << bytes;
    chmod((tree() + name).c_str(), mode);
  }

  size_t copies() const {
    return fs::exists(top_ / "state/programs") ? static_cast<size_t>(std::distance(fs::directory_iterator(top_ / "state/programs"), fs::directory_iterator())) : 0;
  }

  // What the guest and its tracer say; `guarded`: whether what is executed is looked at.
  std::string run(const std::string& path, const std::vector<std::string>& arguments, const std::string& root = "", bool guarded = true) const {
    fs::remove_all(state());
    fs::create_directory(state());
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    Fd reading(ends[0]), writing(ends[1]);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      dup2(writing.get(), 1);
      dup2(writing.get(), 2);
      trace(path, arguments, root.empty() ? tree() : root, guarded);
    }
    writing.reset();
    std::string output;
    char buffer[4096];
    for (pollfd wait{reading.get(), POLLIN, 0}; poll(&wait, 1, 20'000) > 0;) {
      ssize_t size = read(reading.get(), buffer, sizeof buffer);
      if (size <= 0) break;
      output.append(buffer, static_cast<size_t>(size));
    }
    kill(pid, SIGKILL);
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return output;
  }

  // With the `do` of the probe.
  std::string act(const std::string& how, const std::string& path, const std::vector<std::string>& more = {"a", "b"}, const std::string& probe = "/bin/static") const {
    std::vector<std::string> arguments{"do", how, path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(probe, arguments);
  }

 private:
  [[noreturn]] void trace(const std::string& path, const std::vector<std::string>& arguments, const std::string& root, bool guarded) const {
    Tree lookup(root);
    Images images;
    Fd state_dir(open(state().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (images.open(state_dir.get())) _exit(97);
    Tracer::prepare();
    Client client;
    Tracer tracer(client, false, 0, false, guarded);
    SelfCalls calls(tracer, lookup, images, [](uint32_t, const std::array<uint64_t, 6>&) { return true; });
    client.calls = &calls;
    if (tracer.start()) _exit(97);
    pid_t guest = tracer.fork_command([&] {
      pid_t child = fork();
      if (child == 0) be_guest(path, arguments, root);
      return child;
    });
    tracer.attach(guest, &released_word);
    for (;;) {
      pollfd wait{tracer.ends_fd(), POLLIN, 0};
      poll(&wait, 1, -1);
      for (auto& [pid, status] : tracer.take_ends()) {
        if (WIFSIGNALED(status)) dprintf(1, "signal %d\n", WTERMSIG(status));
        if (WIFEXITED(status) && WEXITSTATUS(status)) dprintf(1, "exit %d\n", WEXITSTATUS(status));
        _exit(0);
      }
    }
  }

  fs::path top_;
};

// What says something, as far as it is compared.
struct Start {
  explicit Start(std::string output) : text(std::move(output)) {}
  bool operator==(const std::string& start) const { return text.starts_with(start); }
  const std::string text;
};
std::ostream& operator<<(std::ostream& out, const Start& start) { return out << start.text.substr(0, 200); }

std::string shown(const std::string& arguments, const std::string& name, const std::string& comm) { return arguments + " execfn=" + name + " comm=" + comm + " tid=1"; }

}  // namespace

TEST_CASE("programs with a loader and without, at a fixed address or not") {
  Place place;
  for (std::string name : {"static", "static_pie"}) {
    CAPTURE(name);
    CHECK(place.run("/bin/" + name, {"zero", "one"}) == shown("[zero][one]", "/bin/" + name, name) + " exe=" + place.tree() + "/bin/" + name + "\n");
  }
  CHECK(place.copies() == 0);
  for (std::string name : {"dynamic", "dynamic_fixed"}) {
    CAPTURE(name);
    CHECK(Start(place.run("/bin/" + name, {"zero", "one"})) == shown("[zero][one]", "/bin/" + name, name) + " exe=" + place.state() + "/programs/");
    CHECK(place.copies() == 1);
  }
  // Where the host's loader is the guest's own, programs are executed as they stand.
  CHECK(place.run(PROBE_dynamic, {"zero"}, "/") == shown("[zero]", PROBE_dynamic, "probe_dynamic") + " exe=" PROBE_dynamic "\n");
  CHECK(place.copies() == 0);
}

TEST_CASE("a program is called what its path says, not what it is") {
  Place place;
  CHECK(place.run("/bin/called", {"x"}) == shown("[x]", "/bin/called", "called") + " exe=" + place.tree() + "/bin/static\n");
  CHECK(Start(place.run("/bin/applet-with-a-long-name", {"x"})) == shown("[x]", "/bin/applet-with-a-long-name", "applet-with-a-l"));
  CHECK(Start(place.run("bin/../bin/./called", {"x"})) == shown("[x]", "bin/../bin/./called", "called"));
}

TEST_CASE("scripts") {
  Place place;
  place.write("/script", "#!/bin/static\n");
  place.write("/argument", "#! /bin/static  one word \n");
  place.write("/second", "#!/argument two words\n");
  place.write("/dir/relative", "#!bin/called\n");
  CHECK(place.act("execve", "/script") == shown("[/bin/static][/script][b]", "/script", "script") + " exe=" + place.tree() + "/bin/static\n");
  CHECK(Start(place.act("execve", "script")) == shown("[/bin/static][script][b]", "script", "script"));
  CHECK(Start(place.act("execve", "/argument")) == shown("[/bin/static][one word][/argument][b]", "/argument", "argument"));
  CHECK(Start(place.act("execve", "/second")) == shown("[/bin/static][one word][/argument][two words][/second][b]", "/second", "second"));
  CHECK(Start(place.act("execve", "dir/relative")) == shown("[bin/called][dir/relative][b]", "dir/relative", "relative"));
  for (int i = 0; i < 8; i++) place.write("/chain" + std::to_string(i), "#!" + (i ? "/chain" + std::to_string(i - 1) : "/bin/static") + "\n");
  CHECK(Start(place.act("execve", "/chain4")) == "[/bin/static][/chain0][/chain1][/chain2][/chain3][/chain4][b]");
  CHECK(place.act("execve", "/chain5") == "ELOOP\n");
  CHECK(place.act("execve", "/chain7") == "ELOOP\n");
  CHECK(Start(place.act("null", "/script")) == "[/bin/static][/script] ");
  CHECK(Start(place.act("empty", "/script")) == "[/bin/static][/script] ");
  CHECK(Start(place.act("vfork", "/script")) == "[/bin/static][/script][b] ");
  CHECK(Start(place.act("thread", "/script")) == shown("[/bin/static][/script][b]", "/script", "script"));
  CHECK(place.act("at", place.tree() + "/dir", {"relative", "a"}) == "[bin/called][/dev/fd/3/relative] execfn=/dev/fd/3/relative comm=relative tid=1 exe=" + place.tree() + "/bin/static\n");
}

TEST_CASE("what cannot be executed says so as the kernel does") {
  Place place;
  place.write("/text", "echo\n");
  place.write("/plain", "#!/bin/static\n", 0644);
  place.write("/nobody", "#!/bin/nobody\n");
  place.write("/by-plain", "#!/plain\n");
  place.write("/by-dir", "#!/dir\n");
  place.write("/by-forbidden", "#!/forbidden/probe\n");
  place.write("/by-empty", "#!\n");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/text", "ENOEXEC"}, {"/plain", "EACCES"}, {"/nobody", "ENOENT"}, {"/by-plain", "EACCES"}, {"/by-dir", "EACCES"}, {"/by-forbidden", "EACCES"}, {"/by-empty", "ENOEXEC"},
      {"/nothing", "ENOENT"}, {"", "ENOENT"}, {"/dir", "EACCES"}, {"/bin/static/", "ENOTDIR"}, {"/bin/static/x", "ENOTDIR"}, {"/bin/loop", "ELOOP"}, {"/forbidden/probe", "EACCES"},
      {"/" + std::string(300, 'x'), "ENAMETOOLONG"}, {std::string(5000, '/') + "bin/static", "ENAMETOOLONG"}};
  for (auto& [path, err] : cases) {
    CAPTURE(path);
    CHECK(place.act("execve", path) == err + "\n");
  }
  CHECK(Start(place.act("execve", std::string(4000, '/') + "bin/static")) == "[a][b] execfn=" + std::string(4000, '/') + "bin/static comm=static ");
  CHECK(place.act("bad-path", "/bin/static") == "EFAULT\n");
  CHECK(place.act("bad-argv", "/bin/static") == "EFAULT\n");
  place.write("/script", "#!/bin/static\n");
  CHECK(place.act("bad-argv", "/script") == "EFAULT\n");
  CHECK(place.act("flags", "/script") == "EINVAL\n");
  CHECK(place.act("nofollow", "/bin/called") == "ELOOP\n");
  CHECK(Start(place.act("nofollow", "/bin/static")) == "[a][b]");
  setenv("OTHER", (place.tree() + "/script").c_str(), 1);
  CHECK(place.act("writable", "/script") == "ETXTBSY\n");
  setenv("OTHER", (place.tree() + "/bin/dynamic").c_str(), 1);
  CHECK(place.act("writable", "/bin/dynamic") == "ETXTBSY\n");
  CHECK(Start(place.act("writable", "/script")) == "[/bin/static][/script]");
  unsetenv("OTHER");
  CHECK(place.act("chroot", "/dir") == "EPERM\n");
}

TEST_CASE("a loader of the tree's own") {
  Place place;
  auto with_loader = [&](const std::string& name, const std::string& loader) {
    std::ifstream from(PROBE_dynamic, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(from)), std::istreambuf_iterator<char>());
    const std::string usual = "/lib64/ld-linux-x86-64.so.2";
    REQUIRE(loader.size() <= usual.size());
    size_t at = bytes.find(usual);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, usual.size(), loader + std::string(usual.size() - loader.size(), 0));
    place.write(name, bytes);
  };
  with_loader("/absent", "/lib64/none");
  with_loader("/text-loader", "/text");
  with_loader("/relative-loader", "lib64/ld-linux-x86-64.so.2");
  with_loader("/forbidden-loader", "/forbidden/probe");
  place.write("/text", "no program, and longer than the headers of one would be: " + std::string(64, 'x'));
  CHECK(place.act("execve", "/absent") == "ENOENT\n");
  CHECK(place.act("execve", "/text-loader") == "ELIBBAD\n");
  CHECK(place.act("execve", "/forbidden-loader") == "EACCES\n");
  CHECK(Start(place.act("execve", "/relative-loader")) == "[a][b]");
}

TEST_CASE("a copy is made once for as long as the file stays as it is") {
  Place place;
  CHECK(Start(place.act("execve", "/bin/dynamic", {"do", "execve", "/bin/dynamic", "a"}, "/bin/dynamic")) == "[a] execfn=/bin/dynamic");
  CHECK(place.copies() == 1);
  fs::copy(PROBE_dynamic, place.tree() + "/changed");
  setenv("OTHER", (place.tree() + "/changed").c_str(), 1);
  CHECK(Start(place.act("append", "/changed", {"a"}, "/bin/static")) == "[a] execfn=/changed");
  CHECK(place.copies() == 2);
}

TEST_CASE("by descriptor, by /proc, and what has no name") {
  Place place;
  const std::string host = place.tree() + "/bin/static", dynamic = place.tree() + "/bin/dynamic";
  // Files are opened in the host here: see above.
  CHECK(Start(place.act("descriptor", host)) == "[a][b] execfn=/dev/fd/3 comm=static ");
  CHECK(Start(place.act("descriptor-path", dynamic)) == "[a][b] execfn=/dev/fd/3 comm=dynamic ");
  CHECK(Start(place.act("proc-fd", host)) == "[a][b] execfn=/proc/self/fd/3 comm=3 ");
  CHECK(Start(place.act("memfd", host)) == "[a][b] execfn=/dev/fd/4 comm=4 ");
  CHECK(Start(place.act("memfd", dynamic)) == "[a][b] execfn=/dev/fd/4 comm=4 ");
  place.write("/script", "#!/bin/static\n");
  CHECK(Start(place.act("descriptor", place.tree() + "/script")) == "[/bin/static][/dev/fd/3][b] execfn=/dev/fd/3 ");
  CHECK(place.act("cloexec", place.tree() + "/script") == "ENOENT\n");
  CHECK(Start(place.act("cloexec", host)) == "[a][b] execfn=/dev/fd/3 ");
  // A program that runs from a copy and executes itself is the guest's own file again.
  CHECK(Start(place.act("execve", "/proc/self/exe", {"again"}, "/bin/dynamic")) == "[again] execfn=/proc/self/exe comm=exe ");
  CHECK(place.copies() == 1);
}

TEST_CASE("room for what the kernel is given") {
  Place place;
  place.write("/script", "#!/bin/static\n");
  CHECK(Start(place.act("small-stack", "/script", {"a", "b"})) == "[/bin/static][/script][b]");
  CHECK(Start(place.act("small-stack", "/bin/called")) == "[a][b]");
  std::string many;
  for (int i = 0; i < 20000; i++) many += "[x]";
  CHECK(Start(place.act("many", "/script", {"20000"})) == "[/bin/static][/script]" + many + " ");
  CHECK(place.act("many", "/script", {"900000"}) == "E2BIG\n");
  CHECK(place.act("many", "/bin/static", {"900000"}) == "E2BIG\n");
}

TEST_CASE("a call that fails leaves nothing in the guest's memory") {
  Place place;
  std::ifstream from(PROBE_dynamic, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(from)), std::istreambuf_iterator<char>());
  bytes.replace(bytes.find("/lib64/ld-linux-x86-64.so.2"), 12, "/text\0\0\0\0\0\0", 12);
  place.write("/text", std::string(128, 'x'));
  place.write("/bad", bytes);
  place.write("/script", "#!/bad " + std::string(200, 'x') + "\n");
  CHECK(place.act("twice", std::string(3000, '/') + "script") == "ELIBBAD same\n");
}

TEST_CASE("chdir leads to a place of the tree") {
  Place place;
  CHECK(place.act("chdir", "/dir") == place.tree() + "/dir\n");
  CHECK(place.act("chdir", "dir/../..") == place.tree() + "\n");
  CHECK(place.act("chdir", "/bin/static") == "ENOTDIR\n");
  CHECK(place.act("chdir", "/nothing") == "ENOENT\n");
  CHECK(place.act("chdir", "") == "ENOENT\n");
  CHECK(place.act("chdir", "/forbidden") == "EACCES\n");
  CHECK(place.act("chdir", std::string(3000, '/') + "dir") == place.tree() + "/dir\n");
}

TEST_CASE("a path that a sibling turns into another one is not executed") {
  Place place;
  const std::string other = place.tree() + "/forbidden/probe";
  setenv("OTHER", other.c_str(), 1);
  auto won = [&](bool guarded) { return place.run("/bin/static", {"do", "race", "/bin/called", "a"}, "", guarded); };
  // Whether the attack can be won at all: nobody looks.
  bool possible = false;
  for (int tries = 0; tries < 50 && !possible; tries++) possible = won(false).find("exe=" + other) != std::string::npos;
  CHECK(possible);
  bool ended = false;
  for (int tries = 0; tries < 50; tries++) {
    std::string output = won(true);
    CHECK(output.find("exe=" + other) == std::string::npos);
    if (output.starts_with("ended: ")) {
      ended = true;
      if (tries >= 10) break;
    }
  }
  CHECK(ended);
  unsetenv("OTHER");
}
