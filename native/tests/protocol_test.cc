// SPDX-License-Identifier: Apache-2.0
#include "protocol.h"

#include <signal.h>
#include <doctest/doctest.h>

#include "json_reader.h"

using namespace rvisor;

namespace {

std::string fault(const std::string& text) {
  Request request{};
  std::string error;
  return parse_request(text, request, error) ? "accepted" : error;
}

}  // namespace

TEST_CASE("requests") {
  Request request{};
  std::string error;
  REQUIRE(parse_request(R"({"op":"signal","id":3,"signal":15,"scope":"group"})", request, error));
  CHECK(request.op == Request::Op::signal);
  CHECK(request.id == 3);
  CHECK(request.signal == SIGTERM);
  CHECK(request.scope == Request::Scope::group);
  REQUIRE(parse_request(R"({"op":"exec","id":4,"command":{"argv":["a"],"env":[],"cwd":"/"}})", request, error));
  CHECK(request.command.argv[0] == "a");
  CHECK(!request.command.tty);
  REQUIRE(parse_request(R"({"op":"processes","seq":9})", request, error));
  CHECK(request.seq == 9);
  REQUIRE(parse_request(R"({"op":"kill","reason":"timeout"})", request, error));
  CHECK(request.reason == "timeout");
}

TEST_CASE("requests that are none") {
  CHECK(fault("") == "the request is not JSON");
  CHECK(fault("null") == "request is not an object");
  CHECK(fault("{}") == "request.op is missing");
  CHECK(fault(R"({"op":"dance"})") == "request.op is none of the words allowed here");
  CHECK(fault(R"({"op":"kill","reason":"whim"})") == "request.reason is none of the words allowed here");
  CHECK(fault(R"({"op":"kill","reason":"killed","id":1})") == "request.id is not known");
  CHECK(fault(R"({"op":"signal","id":0,"signal":65,"scope":"all"})").starts_with("request.signal is not a whole number"));
  CHECK(fault(R"({"op":"signal","id":4294967296,"signal":1,"scope":"all"})").starts_with("request.id is not a whole number"));
  CHECK(fault(R"({"op":"exec","id":1,"command":[]})") == "request.command is not an object");
  CHECK(fault(R"({"op":"exec","id":1,"command":{"argv":[],"env":[],"cwd":"/"}})") == "request.command.argv is empty");
}

TEST_CASE("reports come back as they went") {
  for (Report::Kind kind : {Report::Kind::ready, Report::Kind::child, Report::Kind::pty, Report::Kind::started, Report::Kind::exit, Report::Kind::refused}) {
    Report read{};
    REQUIRE(parse_report(encode_report({kind, 7, 0x8b00, {}, "some text"}), read));
    CHECK(read.kind == kind);
    CHECK(read.id == 7);
    CHECK(read.status == 0x8b00);
    CHECK(read.text == "some text");
  }
  Report read{};
  REQUIRE(parse_report(encode_report({Report::Kind::failed, 0, 0, {"mount", "/a\xff", EACCES, "m", "r"}, {}}), read));
  CHECK(read.failure.step == "mount");
  CHECK(read.failure.object == "/a\xef\xbf\xbd");  // what is not UTF-8 is replaced: events are JSON
  CHECK(read.failure.err == EACCES);
}

TEST_CASE("reports that are none") {
  Report read{};
  CHECK(!parse_report("", read));
  CHECK(!parse_report("[]", read));
  CHECK(!parse_report(R"({"kind":99,"id":0,"status":0,"text":""})", read));
  CHECK(!parse_report(R"({"kind":1,"id":0,"status":0,"text":""})", read));  // a failure without its failure
  CHECK(!parse_report(R"({"kind":1,"id":0,"status":0,"text":"","failure":{"step":"a","object":"","errno":4096,"message":"","remedy":""}})", read));
}

TEST_CASE("events") {
  auto parse = [](const std::string& text) { return Json::parse(text, nullptr, false); };
  CHECK(parse(event_exit(2, 3 << 8, "", "", nullptr)) == parse(R"({"event":"exit","id":2,"code":3,"reason":null})"));
  CHECK(parse(event_exit(0, SIGKILL, "memory", "", nullptr)) == parse(R"({"event":"exit","id":0,"signal":9,"core":false,"reason":"memory"})"));
  CHECK(parse(event_exit(0, SIGSEGV | 0x80, "", "", nullptr))["core"] == true);
  CHECK(parse(event_started({1, 5, true, 0, 0, 0, ""})) == parse(R"({"event":"started","id":1,"pid":5,"pty":true})"));
  CHECK(parse(event_started({0, 5, false, 4, 3, 1, "pid user"}))["layers"] == parse(R"(["pid","user"])"));
  // What a guest chose (a process's name and arguments) cannot break a line.
  std::string line = event_processes(1, {{2, 1, 'R', "a\nb\"", {"\xff\xfe", "\n"}, 0, 0, 1}});
  CHECK(line.find('\n') == std::string::npos);
  CHECK(parse(line)["processes"][0]["command"] == "a\nb\"");
  Usage usage;
  usage.output = 5;
  CHECK(parse(event_exit(0, 0, "", "", &usage))["usage"]["output"] == 5);
  CHECK(!parse(event_exit(0, 0, "", "", &usage))["usage"].contains("forksRefused"));
}
