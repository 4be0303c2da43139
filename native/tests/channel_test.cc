// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace rvisor;

namespace {

struct Pair {
  Fd a, b;
  explicit Pair(int type) {
    int ends[2];
    REQUIRE(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
    a.reset(ends[0]);
    b.reset(ends[1]);
  }
};

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

}  // namespace

TEST_CASE("a packet and its descriptors") {
  Pair pair(SOCK_SEQPACKET);
  CHECK(send_packet(pair.a.get(), "hello", {0, 1}) == 0);
  Packet packet;
  REQUIRE(receive_packet(pair.b.get(), packet, true) == Received::packet);
  CHECK(packet.text == "hello");
  REQUIRE(packet.fds.size() == 2);
  CHECK(fcntl(packet.fds[0].get(), F_GETFD) == FD_CLOEXEC);
  CHECK(receive_packet(pair.b.get(), packet, false) == Received::nothing);
  pair.a.reset();
  CHECK(receive_packet(pair.b.get(), packet, true) == Received::closed);
  CHECK(send_packet(pair.b.get(), "x") == EPIPE);
}

TEST_CASE("more descriptors than the contract knows are closed, and the packet is none") {
  Pair pair(SOCK_SEQPACKET);
  int before = open_descriptors();
  std::vector<int> many(40, 0);
  iovec io{const_cast<char*>("x"), 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 40)] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * many.size());
  memcpy(CMSG_DATA(header), many.data(), sizeof(int) * many.size());
  REQUIRE(sendmsg(pair.a.get(), &message, 0) == 1);
  {
    Packet packet;
    CHECK(receive_packet(pair.b.get(), packet, true) == Received::broken);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a large text travels in sealed memory, and only sealed memory is taken for one") {
  Pair pair(SOCK_SEQPACKET);
  std::string text(300000, 'x');
  CHECK(send_packet(pair.a.get(), text, {0}) == 0);
  Packet packet;
  REQUIRE(receive_packet(pair.b.get(), packet, true, true) == Received::packet);
  CHECK(packet.text == text);
  CHECK(packet.fds.size() == 1);
  Fd open_memory(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(write(open_memory.get(), "abc", 3) == 3);
  CHECK(send_packet(pair.a.get(), kInMemory, {open_memory.get()}) == 0);
  CHECK(receive_packet(pair.b.get(), packet, true, true) == Received::broken);
  CHECK(send_packet(pair.a.get(), kInMemory) == 0);
  CHECK(receive_packet(pair.b.get(), packet, true, true) == Received::broken);
}

TEST_CASE("what a peer said before it ended with something unread is still heard") {
  Pair pair(SOCK_SEQPACKET);
  CHECK(send_packet(pair.a.get(), "unread") == 0);
  CHECK(send_packet(pair.b.get(), "last words") == 0);
  pair.b.reset();
  Packet packet;
  REQUIRE(receive_packet(pair.a.get(), packet, true) == Received::packet);
  CHECK(packet.text == "last words");
  CHECK(receive_packet(pair.a.get(), packet, true) == Received::closed);
}

TEST_CASE("a sender that must not wait is told so") {
  Pair pair(SOCK_SEQPACKET);
  int sent = 0, err = 0;
  while (!(err = send_packet(pair.a.get(), std::string(60000, 'x'), {}, false)) && sent < 1000) sent++;
  CHECK(err == EAGAIN);
  CHECK(sent > 0);
}

TEST_CASE("events wait for a host that does not read, in order and whole") {
  Pair pair(SOCK_STREAM), control(SOCK_SEQPACKET);
  EventStream events(pair.a.get());
  std::string sent;
  for (int i = 0; i < 3000; i++) {
    std::string line = "line " + std::to_string(i) + std::string(500, '.');
    events.line(line);
    sent += line + "\n";
  }
  CHECK(events.pending());
  CHECK(events.crowded());
  std::string got;
  char buffer[65536];
  while (got.size() < sent.size()) {
    ssize_t size = recv(pair.b.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (size > 0) got.append(buffer, static_cast<size_t>(size));
    else events.flush();
  }
  CHECK(got == sent);
  CHECK(!events.pending());
  // A host that is gone is not waited for, whichever of its sockets tells.
  for (int i = 0; i < 1000; i++) events.line(std::string(2000, '.'));
  control.b.reset();
  events.drain(control.a.get());
  pair.b.reset();
  events.flush();
  CHECK(!events.pending());
}
