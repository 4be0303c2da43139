// SPDX-License-Identifier: Apache-2.0
// JSON → Plan. The other side of this contract is sdk/internal/protocol.ts.
#include "plan.h"

#include <linux/filter.h>
#include <string.h>

#include <charconv>

#include "../core/rv_ring.h"
#include "json_reader.h"
#include "protocol.h"

namespace rvisor {
namespace {

constexpr uint64_t kProtocolVersion = 1;

bool decode_base64(std::string_view text, std::string& out) {
  auto value = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
  };
  if (text.size() % 4) return false;
  for (int padding = 0; padding < 2 && text.ends_with('='); padding++) text.remove_suffix(1);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int v = value(c);
    if (v < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(v);
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8) & 0xff));
  }
  return true;
}

bool parse_u64(const std::string& text, uint64_t& out) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size() && !text.empty();
}

Mount read_mount(Reader r) {
  using Type = Mount::Type;
  Mount m{};
  m.type = static_cast<Type>(r.word("type", {"bind", "copy", "symlink", "dir", "tmpfs", "overlay", "file", "proc", "dev", "mask"}));
  m.target = r.path("target");
  switch (m.type) {
    case Type::bind:
      r.only({"type", "source", "target", "writable", "dev", "noexec"});
      m.source = r.path("source");
      m.writable = r.flag("writable");
      m.dev = r.maybe_flag("dev");
      m.noexec = r.maybe_flag("noexec");
      break;
    case Type::copy:
      r.only({"type", "source", "target"});
      m.source = r.path("source");
      break;
    case Type::symlink:
      r.only({"type", "target", "content"});
      m.source = r.text("content");
      break;
    case Type::dir:
      r.only({"type", "target", "mode"});
      m.mode = static_cast<uint32_t>(r.number("mode", 07777));
      break;
    case Type::tmpfs:
      r.only({"type", "target", "mode", "size", "noexec"});
      m.mode = static_cast<uint32_t>(r.number("mode", 07777));
      m.size = r.maybe_number("size");
      m.noexec = r.maybe_flag("noexec");
      break;
    case Type::overlay:
      r.only({"type", "target", "lower", "upper", "size"});
      m.source = r.path("lower");
      if (r.has("upper")) m.upper = r.path("upper");
      m.size = r.maybe_number("size");
      break;
    case Type::file: {
      r.only({"type", "target", "content", "mode"});
      m.mode = static_cast<uint32_t>(r.number("mode", 0777));
      if (!decode_base64(r.text("content"), m.source)) r.reject("content", "is not base64");
      break;
    }
    case Type::proc:
    case Type::dev:
    case Type::mask:
      r.only({"type", "target"});
      break;
  }
  return m;
}

std::vector<IdMap> read_map(Reader& r, const char* key) {
  std::vector<IdMap> map;
  r.each(key, [&](const Json& value, const std::string& at) {
    Reader m = r.item(value, at);
    m.only({"inside", "outside", "count"});
    map.push_back({static_cast<uint32_t>(m.number("inside", UINT32_MAX)), static_cast<uint32_t>(m.number("outside", UINT32_MAX)),
                   static_cast<uint32_t>(m.number("count", UINT32_MAX))});
  });
  if (map.empty() || map.size() > 340) r.reject(key, "must have between 1 and 340 extents");
  return map;
}

SeccompRule read_rule(Reader r) {
  r.only({"nr", "action", "errno", "args"});
  SeccompRule rule{};
  rule.nr = static_cast<int>(r.number("nr", 0x3fffffff));
  rule.action = static_cast<SeccompAction>(r.word("action", {"allow", "errno", "kill", "notify", "trace"}));
  rule.err = static_cast<unsigned>(r.maybe_number("errno", 4095).value_or(1));
  if (!r.has("args")) return rule;
  r.each("args", [&](const Json& value, const std::string& at) {
    Reader a = r.item(value, at);
    a.only({"index", "op", "value", "mask"});
    SeccompArg arg{};
    arg.index = static_cast<unsigned>(a.number("index", 5));
    arg.op = static_cast<SeccompArg::Op>(a.word("op", {"eq", "ne", "lt", "le", "gt", "ge", "masked_eq"}));
    arg.mask = UINT64_MAX;
    if (!parse_u64(a.text("value"), arg.value)) a.reject("value", "is not a decimal number");
    if (a.has("mask") && !parse_u64(a.text("mask"), arg.mask)) a.reject("mask", "is not a decimal number");
    rule.args.push_back(arg);
  });
  return rule;
}

Handler read_handler(Reader r) {
  r.only({"lane", "deadlineMs", "failure", "errno", "boundary", "paths", "event"});
  Handler handler;
  handler.lane = static_cast<uint32_t>(r.number("lane", RV_RING_LANES - 1));
  handler.deadline_ms = r.maybe_number("deadlineMs", 1ULL << 40).value_or(0);
  handler.failure = static_cast<Handler::Failure>(r.word("failure", {"kill", "continue", "errno"}));
  handler.err = static_cast<int>(r.maybe_number("errno", 4095).value_or(1));
  if (r.has("event")) handler.event = 1 + static_cast<uint32_t>(r.word("event", {"signal", "exec", "exit", "clone"}));
  handler.boundary = r.flag("boundary");
  handler.paths = static_cast<uint32_t>(r.number("paths", 0x3f));
  return handler;
}

CopyRule read_copy(Reader r) {
  r.only({"nr", "argument", "kind", "size", "length"});
  CopyRule rule;
  rule.nr = static_cast<uint32_t>(r.number("nr", RV_MAX_SYSCALLS - 1));
  rule.argument = static_cast<uint32_t>(r.number("argument", 5));
  rule.kind = static_cast<CopyRule::Kind>(r.word("kind", {"text", "bytes"}));
  rule.size = static_cast<uint32_t>(r.maybe_number("size", RV_RING_CALL_DATA).value_or(1));
  if (auto length = r.maybe_number("length", 5)) rule.length = static_cast<uint32_t>(*length);
  return rule;
}

void read_program(Reader& r, const char* key, std::vector<uint64_t>& program, size_t& size) {
  std::string bytes;
  if (!decode_base64(r.text(key), bytes)) r.reject(key, "is not base64");
  size = bytes.size();
  program.resize((bytes.size() + 7) / 8);
  if (size) memcpy(program.data(), bytes.data(), size);  // no memory of an empty vector
}

}  // namespace

Command read_command(Reader r) {
  r.only({"argv", "env", "cwd", "tty"});
  Command command;
  command.argv = r.texts("argv");
  if (command.argv.empty() || command.argv[0].empty()) r.reject("argv", "is empty");
  command.env = r.texts("env");
  command.cwd = r.path("cwd");
  if (r.has("tty")) {
    Reader t = r.object("tty");
    t.only({"columns", "rows"});
    command.tty = Terminal{static_cast<uint16_t>(t.number("columns", UINT16_MAX)), static_cast<uint16_t>(t.number("rows", UINT16_MAX))};
  }
  return command;
}

uint32_t Plan::host_uid() const {
  for (const IdMap& map : uid_map) {
    if (uid >= map.inside && uid - map.inside < map.count) return map.outside + (uid - map.inside);
  }
  return UINT32_MAX;
}

Status parse_plan(std::string_view text, Plan& out) {
  std::string error;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail("plan", "", 0, "the plan is not JSON");
  Reader r(json, "plan", error);
  r.only({"version", "id", "command", "identity", "namespaces", "view", "landlock", "limits", "seccomp", "interception"});
  if (r.number("version") != kProtocolVersion && r.ok()) r.reject("version", "is not the version this sentry speaks");
  out.id = r.text("id");
  if (out.id.size() < 8 || out.id.size() > 32 || out.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos)
    r.reject("id", "is not 8 to 32 lower-case letters and digits");
  out.command = read_command(r.object("command"));

  Reader identity = r.object("identity");
  identity.only({"hostname", "uid", "gid", "uidMap", "gidMap"});
  out.hostname = identity.text("hostname");
  if (out.hostname.empty() || out.hostname.size() > 64) identity.reject("hostname", "is not 1 to 64 bytes long");
  out.uid = static_cast<uint32_t>(identity.number("uid", UINT32_MAX - 1));
  out.gid = static_cast<uint32_t>(identity.number("gid", UINT32_MAX - 1));
  out.uid_map = read_map(identity, "uidMap");
  out.gid_map = read_map(identity, "gidMap");

  Reader namespaces = r.object("namespaces");
  namespaces.only({"user", "net", "nested"});
  out.user_namespace = static_cast<Plan::UserNamespace>(namespaces.word("user", {"auto", "required", "none"}));
  out.net_namespace = namespaces.flag("net");
  out.nested_namespaces = namespaces.flag("nested");

  Reader view = r.object("view");
  view.only({"kind", "temporary", "root", "mounts"});
  if (view.has("temporary")) out.temporary = view.path("temporary");
  if (view.has("kind")) out.translated = view.word("kind", {"namespace", "translated"}) == 1;
  if (view.has("root")) {
    Reader root = view.object("root");
    root.only({"source", "writable"});
    out.root = root.path("source");
    out.root_writable = root.flag("writable");
  }
  view.each("mounts", [&](const Json& value, const std::string& at) { out.mounts.push_back(read_mount(view.item(value, at))); });

  if (r.has("landlock")) {
    Reader l = r.object("landlock");
    l.only({"mode", "read", "write", "list"});
    Landlock landlock;
    landlock.required = l.word("mode", {"auto", "required"}) == 1;
    landlock.read = l.texts("read", true);
    landlock.write = l.texts("write", true);
    landlock.list = l.texts("list", true);
    out.landlock = std::move(landlock);
  }

  Reader l = r.object("limits");
  l.only({"memory", "processes", "cpuMillis", "cpuTimeMs", "wallTimeMs", "output", "openFiles", "fileSize"});
  out.limits = {l.maybe_number("memory"), l.maybe_number("processes", 1 << 22), l.maybe_number("cpuMillis", 1 << 24), l.maybe_number("cpuTimeMs"),
                l.maybe_number("wallTimeMs"), l.maybe_number("output"), l.maybe_number("openFiles", 1 << 30), l.maybe_number("fileSize")};

  Reader s = r.object("seccomp");
  s.only({"default", "rules", "program", "share"});
  Reader d = s.object("default");
  d.only({"action", "errno"});
  static constexpr SeccompAction defaults[] = {SeccompAction::error, SeccompAction::kill, SeccompAction::notify};
  out.seccomp_default = defaults[d.word("action", {"errno", "kill", "notify"})];
  out.seccomp_errno = static_cast<unsigned>(d.maybe_number("errno", 4095).value_or(1));
  s.each("rules", [&](const Json& value, const std::string& at) { out.seccomp_rules.push_back(read_rule(s.item(value, at))); });

  if (s.has("program") && (!decode_base64(s.text("program"), out.seccomp_program) || out.seccomp_program.empty() || out.seccomp_program.size() % sizeof(sock_filter)))
    s.reject("program", "is not a base64 list of instructions");
  out.seccomp_share = s.maybe_flag("share");
  bool notifies = out.seccomp_default == SeccompAction::notify;
  for (const SeccompRule& rule : out.seccomp_rules) notifies |= rule.action == SeccompAction::notify || rule.action == SeccompAction::trace;
  if (r.has("interception")) {
    Reader i = r.object("interception");
    i.only({"program", "handlers", "copies", "trace", "network", "report", "module"});
    InterceptionPlan interception;
    read_program(i, "program", interception.program, interception.size);
    if (i.has("module")) {
      interception.module.emplace();
      read_program(i, "module", interception.module->program, interception.module->size);
      interception.notifies = false;
      if (i.has("trace")) i.reject("trace", "does not go with the kernel module");
    }
    if (i.has("handlers")) i.each("handlers", [&](const Json& value, const std::string& at) { interception.handlers.push_back(read_handler(i.item(value, at))); });
    if (i.has("copies")) i.each("copies", [&](const Json& value, const std::string& at) { interception.copies.push_back(read_copy(i.item(value, at))); });
    interception.network = i.maybe_flag("network");
    interception.report = i.maybe_flag("report");
    if (interception.handlers.size() > RV_MAX_HANDLERS) i.reject("handlers", "are too many");
    if (i.has("trace")) {
      Reader t = i.object("trace");
      t.only({"hideVdso"});
      interception.trace = TracePlan{t.maybe_flag("hideVdso")};
    }
    for (const Handler& handler : interception.handlers)
      if (handler.event && !interception.trace) i.reject("handlers", "want events of a guest that is not traced");
    out.interception = std::move(interception);
  }
  notifies |= out.interception && (out.interception->trace || out.interception->module);
  if (out.seccomp_program.empty() && notifies != out.interception.has_value()) r.reject("interception", "goes with rules that notify, or with a trace, and only with them");
  bool traces = false;
  for (const SeccompRule& rule : out.seccomp_rules) traces |= rule.action == SeccompAction::trace;
  if (traces && !(out.interception && out.interception->trace)) r.reject("interception.trace", "goes with rules that trace");

  if (out.translated && !(out.interception && out.interception->trace)) r.reject("interception.trace", "goes with the translated view");
  if (out.translated)
    for (const Mount& mount : out.mounts)
      if (mount.type == Mount::Type::overlay) r.reject("view.mounts", "has an overlay, which the translated view cannot make");

  if (!error.empty()) return fail("plan", "", 0, error);
  return std::nullopt;
}

}  // namespace rvisor
