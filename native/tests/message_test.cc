// SPDX-License-Identifier: Apache-2.0
// What of a message is copied, and which options it may carry.


#include <doctest/doctest.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "message.h"

using namespace rvisor;

namespace {

const GuestMemory memory(getpid());
uint64_t at(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
int none(int, Fd&) { return EBADF; }

// Reads a message with one control message of `size` bytes of data.
int with_control(int level, int type, const void* data, size_t size, Message& out, const TakeDescriptor& take = none) {
  alignas(cmsghdr) uint8_t control[CMSG_SPACE(256)] = {};
  cmsghdr header{CMSG_LEN(size), level, type};
  memcpy(control, &header, sizeof header);
  memcpy(control + sizeof header, data, size);
  msghdr given{};
  given.msg_control = control;
  given.msg_controllen = CMSG_SPACE(size);
  return out.read_header(memory, at(&given), getpid(), take);
}

}  // namespace

TEST_CASE("a message is copied with its parts and its address") {
  char first[] = "one ", second[] = "two";
  iovec parts[] = {{first, 4}, {nullptr, 0}, {second, 3}};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  msghdr given{};
  given.msg_name = &to;
  given.msg_namelen = sizeof to;
  given.msg_iov = parts;
  given.msg_iovlen = 3;
  Message message;
  REQUIRE(message.read_header(memory, at(&given), getpid(), none) == 0);
  CHECK(std::string(message.payload.begin(), message.payload.end()) == "one two");
  CHECK(message.address.size() == sizeof to);
  CHECK(!message.cut);

  Message plain;
  REQUIRE(plain.read_plain(memory, at(first), 4, at(&to), sizeof to) == 0);
  CHECK(plain.payload.size() == 4);
  CHECK(Message().read_plain(memory, at(first), 4, at(&to), 200) == EINVAL);
  CHECK(Message().read_plain(memory, 8, 4, 0, 0) == EFAULT);
  given.msg_iov = reinterpret_cast<iovec*>(8);
  CHECK(Message().read_header(memory, at(&given), getpid(), none) == EFAULT);
  given.msg_iovlen = 1025;
  CHECK(Message().read_header(memory, at(&given), getpid(), none) == EMSGSIZE);
  given.msg_namelen = UINT32_MAX;
  CHECK(Message().read_header(memory, at(&given), getpid(), none) == EINVAL);
  iovec endless{first, SIZE_MAX};
  given.msg_namelen = 0;
  given.msg_iov = &endless;
  given.msg_iovlen = 1;
  CHECK(Message().read_header(memory, at(&given), getpid(), none) == EINVAL);
}

TEST_CASE("what is too much for one message is cut, and says so") {
  std::vector<char> much(kMaxPayload + 1);
  Message message;
  REQUIRE(message.read_plain(memory, at(much.data()), much.size(), 0, 0) == 0);
  CHECK(message.cut);
  CHECK(message.payload.size() == kMaxPayload);
}

TEST_CASE("control messages: what routes is refused, descriptors and credentials become ours") {
  Message message;
  uint8_t bytes[64] = {};
  int hops = 3;
  CHECK(with_control(SOL_IP, IP_TTL, &hops, sizeof hops, message) == 0);
  for (auto [level, type] : {std::pair{SOL_IP, IP_RETOPTS}, {SOL_IPV6, IPV6_RTHDR}, {SOL_IPV6, IPV6_2292RTHDR}, {SOL_IPV6, IPV6_HOPOPTS}, {SOL_SOCKET, 99}, {132, 0}}) {
    Message other;
    CHECK(with_control(level, type, bytes, 24, other) == EINVAL);
  }
  int numbers[] = {7, 8};
  Message rights;
  REQUIRE(with_control(SOL_SOCKET, SCM_RIGHTS, numbers, sizeof numbers, rights, [](int number, Fd& out) { return out.reset(dup(1)), number == 7 || number == 8 ? 0 : EBADF; }) == 0);
  REQUIRE(rights.descriptors.size() == 2);
  CHECK(memcmp(rights.control.data() + sizeof(cmsghdr), std::vector<int>{rights.descriptors[0].get(), rights.descriptors[1].get()}.data(), 8) == 0);
  Message bad;
  CHECK(with_control(SOL_SOCKET, SCM_RIGHTS, numbers, sizeof numbers, bad) == EBADF);
  ucred who{getpid(), getuid(), getgid()};
  Message credentials;
  CHECK(with_control(SOL_SOCKET, SCM_CREDENTIALS, &who, sizeof who, credentials) == 0);
  who.pid = 1;
  Message forged;
  CHECK(with_control(SOL_SOCKET, SCM_CREDENTIALS, &who, sizeof who, forged) == EPERM);
  Message small;
  CHECK(with_control(SOL_SOCKET, SCM_CREDENTIALS, &who, 4, small) == EINVAL);
}

TEST_CASE("a control message that is longer than the buffer, or shorter than itself, is refused") {
  for (size_t length : {size_t{0}, size_t{15}, size_t{33}, SIZE_MAX}) {
    alignas(cmsghdr) uint8_t control[32] = {};
    cmsghdr header{length, SOL_IP, IP_TTL};
    memcpy(control, &header, sizeof header);
    msghdr given{};
    given.msg_control = control;
    given.msg_controllen = sizeof control;
    CHECK(Message().read_header(memory, at(&given), getpid(), none) == EINVAL);
  }
}
