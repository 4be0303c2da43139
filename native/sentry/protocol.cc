// SPDX-License-Identifier: Apache-2.0
#include "protocol.h"

#include <signal.h>
#include <sys/wait.h>

#include <sstream>

#include "interception.h"
#include "json_reader.h"

namespace rvisor {

Command read_command(Reader r);  // plan.cc

namespace {

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json failure_json(const Failure& f) {
  return {{"step", f.step}, {"object", f.object}, {"errno", f.err}, {"message", f.message}, {"remedy", f.remedy}};
}

const char* op_name(Request::Op op) {
  switch (op) {
    case Request::Op::signal: return "signal";
    case Request::Op::exec: return "exec";
    case Request::Op::processes: return "processes";
    case Request::Op::kill: return "kill";
  }
  return "";
}

}  // namespace

bool parse_request(std::string_view text, Request& out, std::string& error) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return error = "the request is not JSON", false;
  Reader r(json, "request", error);
  out.op = static_cast<Request::Op>(r.word("op", {"signal", "exec", "processes", "kill"}));
  if (!r.ok()) return false;
  switch (out.op) {
    case Request::Op::signal:
      r.only({"op", "id", "signal", "scope"});
      out.id = static_cast<uint32_t>(r.number("id", UINT32_MAX));
      out.signal = static_cast<int>(r.number("signal", SIGRTMAX));
      out.scope = static_cast<Request::Scope>(r.word("scope", {"process", "group", "all"}));
      break;
    case Request::Op::exec:
      r.only({"op", "id", "command"});
      out.id = static_cast<uint32_t>(r.number("id", UINT32_MAX));
      out.command = read_command(r.object("command"));
      break;
    case Request::Op::processes:
      r.only({"op", "seq"});
      out.seq = static_cast<uint32_t>(r.number("seq", UINT32_MAX));
      break;
    case Request::Op::kill:
      r.only({"op", "reason"});
      r.word("reason", {"killed", "output", "timeout"});
      out.reason = r.text("reason");
      break;
  }
  return r.ok();
}

std::string encode_report(const Report& report) {
  Json json{{"kind", static_cast<int>(report.kind)}, {"id", report.id}, {"status", report.status}, {"text", report.text}};
  if (report.kind == Report::Kind::failed) json["failure"] = failure_json(report.failure);
  return dump(json);
}

bool parse_report(std::string_view text, Report& out) {
  std::string error;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return false;
  Reader r(json, "report", error);
  out.kind = static_cast<Report::Kind>(r.number("kind", static_cast<uint64_t>(Report::Kind::forbidden)));
  out.id = static_cast<uint32_t>(r.number("id", UINT32_MAX));
  out.status = static_cast<int>(r.number("status", INT32_MAX));
  out.text = r.text("text");
  if (out.kind == Report::Kind::failed) {
    Reader f = r.object("failure");
    out.failure.step = f.text("step");
    out.failure.object = f.text("object");
    out.failure.err = static_cast<int>(f.number("errno", 4095));
    out.failure.message = f.text("message");
    out.failure.remedy = f.text("remedy");
  }
  return error.empty();
}

std::string event_cgroups(const std::vector<std::string>& paths) { return dump({{"event", "cgroups"}, {"paths", paths}}); }

std::string event_started(const Started& s) {
  Json json{{"event", "started"}, {"id", s.id}, {"pid", s.pid}, {"pty", s.pty}};
  if (s.id == 0) {
    json["init"] = s.init;
    json["sentry"] = s.sentry;
    json["overlays"] = s.overlays;
    Json layers = Json::array();
    std::istringstream words(s.layers);
    for (std::string word; words >> word;) layers.push_back(word);
    json["layers"] = std::move(layers);
  }
  return dump(json);
}

std::string event_failed(uint32_t id, const Failure& failure) {
  return dump({{"event", "failed"}, {"id", id}, {"failure", failure_json(failure)}});
}

std::string event_exit(uint32_t id, int status, const std::string& reason, const std::string& detail, const Usage* usage) {
  Json json{{"event", "exit"}, {"id", id}};
  if (WIFSIGNALED(status)) {
    json["signal"] = WTERMSIG(status);
    json["core"] = static_cast<bool>(WCOREDUMP(status));
  } else {
    json["code"] = WEXITSTATUS(status);
  }
  json["reason"] = reason.empty() ? Json(nullptr) : Json(reason);
  if (!detail.empty()) json["detail"] = detail;
  if (usage) {
    Json u{{"wallMs", usage->wall_ms}, {"userMs", usage->user_ms}, {"systemMs", usage->system_ms}, {"maxMemory", usage->max_memory},
           {"memorySource", usage->from_cgroup ? "cgroup" : "rusage"}, {"minorFaults", usage->minor_faults}, {"majorFaults", usage->major_faults}};
    if (usage->output) u["output"] = *usage->output;
    if (usage->forks_refused) u["forksRefused"] = *usage->forks_refused;
    json["usage"] = std::move(u);
  }
  return dump(json);
}

std::string event_processes(uint32_t seq, const std::vector<ProcessInfo>& processes) {
  Json list = Json::array();
  for (const ProcessInfo& p : processes)
    list.push_back({{"pid", p.pid}, {"ppid", p.ppid}, {"state", std::string(1, p.state)}, {"command", p.command}, {"argv", p.argv},
                    {"memory", p.memory}, {"cpuMs", p.cpu_ms}, {"threads", p.threads}});
  return dump({{"event", "processes"}, {"seq", seq}, {"processes", std::move(list)}});
}

std::string event_refused(const Request& request, const std::string& message) {
  Json json{{"event", "refused"}, {"op", op_name(request.op)}, {"message", message}};
  if (request.op == Request::Op::signal || request.op == Request::Op::exec) json["id"] = request.id;
  if (request.op == Request::Op::processes) json["seq"] = request.seq;
  return dump(json);
}

std::string event_violation(const Violation& v) {
  Json args = Json::array();
  for (uint64_t arg : v.call.args) args.push_back(std::to_string(arg));  // 64 bits do not fit a JavaScript number
  Json json{{"event", "violation"}, {"timeMs", static_cast<double>(v.time_ns) / 1e6}, {"pid", v.process}, {"tid", v.tid}, {"executable", v.executable},
            {"nr", v.call.nr}, {"arch", v.call.arch}, {"ip", std::to_string(v.call.ip)}, {"args", std::move(args)}, {"errno", v.err}};
  if (v.rule != RV_ID_NONE) json["rule"] = v.rule;
  if (!v.path.empty()) json["path"] = v.path;
  if (!v.address.empty()) {
    std::string hex;
    for (unsigned char byte : v.address) hex += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    json["address"] = hex;
  }
  return dump(json);
}

std::string event_suppressed(uint32_t nr, uint32_t rule, uint64_t count) {
  Json json{{"event", "suppressed"}, {"count", count}};
  if (nr != kOtherCalls) json["nr"] = nr;
  if (rule != RV_ID_NONE) json["rule"] = rule;
  return dump(json);
}

bool is_event(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text.find('\n') != std::string_view::npos) return false;
  auto event = json.find("event");
  return event != json.end() && event->is_string() && (*event == "violation" || *event == "suppressed");
}

std::string event_end() { return dump({{"event", "end"}}); }
std::string grant_pty(uint32_t id) { return dump({{"grant", "pty"}, {"id", id}}); }
std::string grant_filter() { return dump({{"grant", "filter"}}); }
std::string grant_overlays(size_t count) { return dump({{"grant", "overlays"}, {"count", count}}); }

}  // namespace rvisor
