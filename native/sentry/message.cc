// SPDX-License-Identifier: Apache-2.0
#include "message.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

// Newer than the headers of older distributions; values from include/uapi/linux.
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace rvisor {
namespace {

constexpr uint64_t kMaxControl = 64 * 1024, kMaxVector = 1024;  // UIO_MAXIOV
constexpr size_t kMaxRights = 253;                              // SCM_MAX_FD

// Control messages that say nothing about where the message goes: include/net/sock.h, ip(7), ipv6(7).
bool harmless(const cmsghdr& header) {
  switch (header.cmsg_level) {
    case SOL_IP: return header.cmsg_type == IP_PKTINFO || header.cmsg_type == IP_TTL || header.cmsg_type == IP_TOS;
    case SOL_IPV6: return header.cmsg_type == IPV6_PKTINFO || header.cmsg_type == IPV6_HOPLIMIT || header.cmsg_type == IPV6_TCLASS || header.cmsg_type == IPV6_DONTFRAG;
    case IPPROTO_UDP: return header.cmsg_type == UDP_SEGMENT;
    case SOL_SOCKET: return header.cmsg_type == SO_TIMESTAMPING || header.cmsg_type == SO_MARK;
  }
  return false;
}

}  // namespace

int Message::read_address(const GuestMemory& memory, uint64_t name, uint32_t size) {
  if (!name || !size) return 0;
  address.resize(size);
  return memory.read_all(name, address.data(), size);
}

int Message::read_plain(const GuestMemory& memory, uint64_t bytes, uint64_t size, uint64_t name, uint32_t name_size) {
  if (name && name_size > sizeof(sockaddr_storage)) return EINVAL;
  if (int err = read_address(memory, name, name_size)) return err;
  cut = size > kMaxPayload;
  payload.resize(std::min<uint64_t>(size, kMaxPayload));
  return memory.read_all(bytes, payload.data(), payload.size());
}

int Message::read_header(const GuestMemory& memory, uint64_t header, pid_t process, const TakeDescriptor& take) {
  msghdr given;
  if (int err = memory.read_all(header, &given, sizeof given)) return err;
  if (static_cast<int>(given.msg_namelen) < 0) return EINVAL;
  // The kernel cuts what is too long here, and refuses it in sendto(2).
  uint32_t name_size = std::min<uint32_t>(given.msg_namelen, sizeof(sockaddr_storage));
  if (int err = read_address(memory, reinterpret_cast<uint64_t>(given.msg_name), name_size)) return err;
  if (int err = read_vector(memory, reinterpret_cast<uint64_t>(given.msg_iov), given.msg_iovlen)) return err;
  return given.msg_control && given.msg_controllen ? read_control(memory, reinterpret_cast<uint64_t>(given.msg_control), given.msg_controllen, process, take) : 0;
}

int Message::read_vector(const GuestMemory& memory, uint64_t address_of_vector, uint64_t count) {
  if (count > kMaxVector) return EMSGSIZE;
  std::vector<iovec> vector(count);
  if (int err = memory.read_all(address_of_vector, vector.data(), count * sizeof(iovec))) return err;
  for (const iovec& part : vector) {
    if (static_cast<ssize_t>(part.iov_len) < 0) return EINVAL;
    size_t have = payload.size(), size = std::min(part.iov_len, kMaxPayload - have);
    cut |= size < part.iov_len;
    payload.resize(have + size);
    if (int err = memory.read_all(reinterpret_cast<uint64_t>(part.iov_base), payload.data() + have, size)) return err;
  }
  return 0;
}

int Message::read_control(const GuestMemory& memory, uint64_t address_of_control, uint64_t size, pid_t process, const TakeDescriptor& take) {
  if (size > kMaxControl) return ENOBUFS;
  control.resize(size);
  if (int err = memory.read_all(address_of_control, control.data(), size)) return err;
  for (size_t at = 0; size - at >= sizeof(cmsghdr);) {
    cmsghdr header;
    memcpy(&header, control.data() + at, sizeof header);
    if (header.cmsg_len < sizeof header || header.cmsg_len > size - at) return EINVAL;
    uint8_t* data = control.data() + at + sizeof header;
    size_t length = header.cmsg_len - sizeof header;
    if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS) {
      if (length / sizeof(int) + descriptors.size() > kMaxRights) return EINVAL;
      for (size_t i = 0; i + sizeof(int) <= length; i += sizeof(int)) {
        int number;
        memcpy(&number, data + i, sizeof number);
        if (int err = take(number, descriptors.emplace_back())) return err;
        number = descriptors.back().get();
        memcpy(data + i, &number, sizeof number);
      }
    } else if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_CREDENTIALS) {
      ucred who;
      if (length < sizeof who) return EINVAL;
      memcpy(&who, data, sizeof who);
      // The kernel lets a sender name none but itself; whoever receives it sees init's number, which sends it.
      if (who.pid != process) return EPERM;
      who.pid = getpid();
      memcpy(data, &who, sizeof who);
    } else if (!harmless(header)) {
      return EINVAL;
    }
    size_t next = CMSG_ALIGN(header.cmsg_len);
    if (next > size - at) break;
    at += next;
  }
  return 0;
}

}  // namespace rvisor
