// SPDX-License-Identifier: Apache-2.0
// Addresses of sockets: decided on in the form in which they are then used.
#include "act.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "translation.h"

namespace rvisor {
namespace {

constexpr size_t kSentAtOnce = 32 * 1024;  // what a stream takes without a wait, mostly
constexpr uint32_t kMaxMessages = 1024;    // UIO_MAXIOV

// An abstract name where these are not the guest's alone; two bytes ask the kernel for one.
bool is_hidden(const uint8_t* bytes, size_t size) {
  if (!translated_view() || !translated_view()->hides_abstract || size < 2 || (bytes[0] | bytes[1] << 8) != AF_UNIX) return false;
  return size == 2 || bytes[2] == 0;
}

}  // namespace

int Act::take_socket(Socket& out) {
  if (int err = take_descriptor(caller_, fd(0), out.fd)) return err;
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (getsockopt(out.fd.get(), SOL_SOCKET, SO_DOMAIN, &out.family, &size) || getsockopt(out.fd.get(), SOL_SOCKET, SO_TYPE, &out.type, &size) ||
      getsockopt(out.fd.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size))
    return errno;
  out.protocol = protocol == IPPROTO_TCP                                  ? RV_PROTOCOL_TCP
                 : protocol == IPPROTO_UDP                                ? RV_PROTOCOL_UDP
                 : out.type == SOCK_RAW || out.type == SOCK_PACKET        ? RV_PROTOCOL_RAW
                                                                          : RV_PROTOCOL_OTHER;
  return 0;
}

// Decides on an address to connect or send to.
int Act::decide(const Socket& socket, const uint8_t* bytes, size_t size, uint32_t right, Destination& out) {
  rv_address address;
  if (size > sizeof out.bytes) return EINVAL;
  memcpy(out.bytes, bytes, size);
  out.size = static_cast<socklen_t>(size);
  bool known = rv_parse_address(bytes, size, right, &address) == RV_VERDICT_GRANTED;
  if ((socket.family == AF_UNIX) != (family_of(bytes, size) == AF_UNIX)) {
    if (socket.family == AF_UNIX || family_of(bytes, size) == AF_UNIX) return socket.family == AF_UNIX ? EINVAL : EAFNOSUPPORT;
  }
  if (known && address.kind == RV_ADDRESS_PATH) {
    Resolved r;
    std::string path(reinterpret_cast<const char*>(bytes) + address.name, address.name_length);
    if (int err = resolve(caller_, AT_FDCWD, path, true, r, false, Want::object)) return err;
    if (int err = allow(r, right)) return err;
    if (!r.object.valid()) return ENOENT;
    out.object = std::move(r.object);
    auto* name = reinterpret_cast<sockaddr_un*>(out.bytes);
    memset(name->sun_path, 0, sizeof name->sun_path);
    snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d", out.object.get());
    out.size = sizeof *name;
    return 0;
  }
  if (is_hidden(bytes, size)) return ECONNREFUSED;
  if (int err = judge_.address(bytes, size, socket.protocol, right)) return err;
  if (!known) return 0;
  if (address.family == AF_INET6) memset(out.bytes + offsetof(sockaddr_in6, sin6_flowinfo), 0, 4);  // may name a route of its own
  if (address.flags & RV_ADDRESS_UNSPECIFIED) {
    if (address.kind == RV_ADDRESS_IPV6) memcpy(out.bytes + offsetof(sockaddr_in6, sin6_addr), address.bytes, 16);
    else memcpy(out.bytes + (address.family == AF_INET6 ? offsetof(sockaddr_in6, sin6_addr) + 12 : offsetof(sockaddr_in, sin_addr)), address.bytes, 4);
  }
  return 0;
}

int Act::read_address(uint8_t (&bytes)[sizeof(sockaddr_storage)], size_t& size) {
  size = word(2);
  if (static_cast<int>(word(2)) < 0 || size > sizeof bytes) return EINVAL;
  return memory_.read_all(a_[1], bytes, size);
}

Answer Act::connect_socket() {
  uint8_t bytes[sizeof(sockaddr_storage)] = {};
  size_t size;
  Socket socket;
  Destination to;
  if (int err = read_address(bytes, size)) return Answer::error(err);
  if (int err = take_socket(socket)) return Answer::error(err);
  // Takes the peer away, and gives none.
  if (size >= 2 && family_of(bytes, size) == AF_UNSPEC) return result(connect(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), static_cast<socklen_t>(size)));
  if (int err = decide(socket, bytes, size, RV_RIGHT_CONNECT, to)) return Answer::error(err);
  if (!may_block_ && socket.type != SOCK_DGRAM && socket.waits()) return Answer::later();
  return result(connect(socket.fd.get(), to.address(), to.size));
}

Answer Act::bind_socket() {
  uint8_t bytes[sizeof(sockaddr_storage)] = {};
  size_t size;
  Socket socket;
  rv_address address;
  if (int err = read_address(bytes, size)) return Answer::error(err);
  if (int err = take_socket(socket)) return Answer::error(err);
  if (socket.family == AF_UNIX && family_of(bytes, size) == AF_UNIX) {
    if (rv_parse_address(bytes, size, RV_RIGHT_BIND, &address) == RV_VERDICT_GRANTED && address.kind == RV_ADDRESS_PATH)
      return bind_name(socket, std::string(reinterpret_cast<const char*>(bytes) + address.name, address.name_length));
    if (is_hidden(bytes, size)) return Answer::error(EACCES);
    if (size == 2) {  // the kernel takes an abstract name of five digits that is free: unix(7)
      static constexpr uint8_t taken[] = {AF_UNIX, 0, 0, '0', '0', '0', '0', '0'};
      if (int err = judge_.address(taken, sizeof taken, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
      return result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), 2));
    }
  }
  // inet_bind takes AF_UNSPEC for AF_INET where the address is 0.0.0.0.
  if (socket.family == AF_INET && family_of(bytes, size) == AF_UNSPEC && size >= sizeof(sockaddr_in)) bytes[0] = AF_INET;
  if (int err = judge_.address(bytes, size, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
  return result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(bytes), static_cast<socklen_t>(size)));
}

// The name is made in the directory that was found, by this thread's working directory.
Answer Act::bind_name(const Socket& socket, const std::string& path) {
  Resolved r;
  Names names;
  if (int err = resolve(caller_, AT_FDCWD, path, false, r)) return Answer::error(err);
  if (int err = r.object.valid() ? judge_.path(r.path, RV_RIGHT_BIND) : allow(r, RV_RIGHT_BIND)) return Answer::error(err);
  sockaddr_un name{};
  if (r.object.valid()) return Answer::error(EADDRINUSE);
  if (r.slash) return Answer::error(ENOENT);
  if (r.name.size() > sizeof name.sun_path) return Answer::error(ENAMETOOLONG);
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, r.name.data(), r.name.size());
  Umask mask(caller_);
  if (fchdir(r.directory.get())) return Answer::error(errno);
  Answer answer = result(bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&name), static_cast<socklen_t>(std::min(offsetof(sockaddr_un, sun_path) + r.name.size() + 1, sizeof name))));
  return chdir("/") ? Answer::error(errno) : std::move(answer);
}

// A TCP socket that has no address yet gets a port of every address of the host: that is a bind.
Answer Act::listen_socket() {
  Socket socket;
  uint8_t bytes[sizeof(sockaddr_storage)] = {};
  socklen_t size = sizeof bytes;
  if (int err = take_socket(socket)) return Answer::error(err);
  bool internet = socket.family == AF_INET || socket.family == AF_INET6;
  if (internet && !getsockname(socket.fd.get(), reinterpret_cast<sockaddr*>(bytes), &size) && !bytes[2] && !bytes[3]) {
    if (int err = judge_.address(bytes, size, socket.protocol, RV_RIGHT_BIND)) return Answer::error(err);
  }
  return result(listen(socket.fd.get(), static_cast<int>(word(1))));
}

// With an address a stream connects (MSG_FASTOPEN, tcp(7)); everything else sends there.
int Act::decide(const Socket& socket, const Message& message, Destination& to) {
  if (message.address.empty()) return 0;
  uint32_t right = socket.type == SOCK_STREAM && socket.family != AF_UNIX ? RV_RIGHT_CONNECT : RV_RIGHT_SEND;
  return decide(socket, message.address.data(), message.address.size(), right, to);
}

Answer Act::transmit(const Socket& socket, const Message& message, const Destination& to, uint32_t flags) {
  if (flags & MSG_ZEROCOPY) return Answer::error(EOPNOTSUPP);  // the pages would be ours, and gone before the kernel has sent them
  const bool stream = socket.type == SOCK_STREAM;
  if (message.cut && !stream) return Answer::error(EMSGSIZE);
  const bool waits = !may_block_ && !(flags & MSG_DONTWAIT) && socket.waits();
  if (waits && (flags & MSG_FASTOPEN || (stream && message.payload.size() > kSentAtOnce))) return Answer::later();
  iovec part{const_cast<uint8_t*>(message.payload.data()), message.payload.size()};
  msghdr header{};
  if (to.size) header.msg_name = const_cast<uint8_t*>(to.bytes), header.msg_namelen = to.size;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!message.control.empty()) header.msg_control = const_cast<uint8_t*>(message.control.data()), header.msg_controllen = message.control.size();
  ssize_t sent = sendmsg(socket.fd.get(), &header, static_cast<int>(flags | MSG_NOSIGNAL | (waits ? static_cast<uint32_t>(MSG_DONTWAIT) : 0U)));
  if (sent >= 0) return Answer::of(sent);
  int err = errno;
  if (err == EAGAIN && waits) return Answer::later();
  // The signal is the sender's, and to this thread of it.
  if (err == EPIPE && !(flags & MSG_NOSIGNAL)) syscall(SYS_tgkill, caller_.process(), caller_.tid, SIGPIPE);
  return Answer::error(err);
}

Answer Act::send_bytes() {
  Message message;
  Socket socket;
  Destination to;
  if (static_cast<int>(word(5)) < 0) return Answer::error(EINVAL);
  if (int err = take_socket(socket)) return Answer::error(err);
  if (int err = message.read_plain(memory_, a_[1], a_[2], a_[4], word(5))) return Answer::error(err);
  if (int err = decide(socket, message, to)) return Answer::error(err);
  return transmit(socket, message, to, word(3));
}

Answer Act::send_message() {
  Message message;
  Socket socket;
  Destination to;
  if (int err = take_socket(socket)) return Answer::error(err);
  if (int err = message.read_header(memory_, a_[1], caller_.process(), taking())) return Answer::error(err);
  if (int err = decide(socket, message, to)) return Answer::error(err);
  return transmit(socket, message, to, word(2));
}

// All are read and decided on before the first is sent: whoever decides may want to be asked again.
Answer Act::send_messages() {
  struct Each {
    Message message;
    Destination to;
  };
  Socket socket;
  if (int err = take_socket(socket)) return Answer::error(err);
  const uint32_t wanted = std::min(word(2), kMaxMessages);
  std::vector<std::unique_ptr<Each>> all;
  for (uint32_t i = 0; i < wanted; i++) {
    auto each = std::make_unique<Each>();
    int err = each->message.read_header(memory_, a_[1] + i * sizeof(mmsghdr), caller_.process(), taking());
    if (!err) err = decide(socket, each->message, each->to);
    if (err && i == 0) return Answer::error(err);
    if (err) break;
    all.push_back(std::move(each));
  }
  for (size_t i = 0; i < all.size(); i++) {
    Answer answer = transmit(socket, all[i]->message, all[i]->to, word(3));
    if (answer.kind != Answer::Kind::value) return i ? Answer::of(static_cast<int64_t>(i)) : std::move(answer);
    auto length = static_cast<uint32_t>(answer.value);
    if (int err = memory_.write_all(a_[1] + i * sizeof(mmsghdr) + offsetof(mmsghdr, msg_len), &length, sizeof length)) return i ? Answer::of(static_cast<int64_t>(i)) : Answer::error(err);
  }
  return Answer::of(static_cast<int64_t>(all.size()));
}

}  // namespace rvisor
