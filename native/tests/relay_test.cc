// SPDX-License-Identifier: Apache-2.0
#include "relay.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

using namespace rvisor;

namespace {

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int ends[2];
    REQUIRE(!pipe2(ends, O_CLOEXEC));
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

bool rings(int event, int ms = 5000) {
  pollfd wait{event, POLLIN, 0};
  return poll(&wait, 1, ms) == 1;
}

// Writes until all is written, or until `end` rings: then the guest would be killed.
void fill(Fd fd, size_t size, int end) {
  REQUIRE(!fcntl(fd.get(), F_SETFL, O_NONBLOCK));
  std::string chunk(10000, 'x');
  while (size > 0 && !rings(end, 0)) {
    ssize_t wrote = write(fd.get(), chunk.data(), std::min(size, chunk.size()));
    if (wrote > 0) size -= static_cast<size_t>(wrote);
    else if (errno != EAGAIN) return;
    else std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

size_t empty(Fd fd) {
  char buffer[65536];
  size_t total = 0;
  for (ssize_t size; (size = read(fd.get(), buffer, sizeof buffer)) > 0;) total += static_cast<size_t>(size);
  return total;
}

const bool ignored = (signal(SIGPIPE, SIG_IGN), true);

}  // namespace

TEST_CASE("two streams share a limit, to the byte") {
  CHECK(ignored);
  for (int round = 0; round < 20; round++) {
    Relay relay(100000);
    Pipe one, two;
    Fd guest_one, guest_two;
    REQUIRE(!relay.add(std::move(one.write_end), guest_one));
    REQUIRE(!relay.add(std::move(two.write_end), guest_two));
    REQUIRE(!relay.start());
    size_t got_one = 0, got_two = 0;
    std::thread write_one([&] { fill(std::move(guest_one), 90000, relay.exceeded()); });
    std::thread write_two([&] { fill(std::move(guest_two), 90000, relay.exceeded()); });
    std::thread read_one([&] { got_one = empty(std::move(one.read_end)); });
    std::thread read_two([&] { got_two = empty(std::move(two.read_end)); });
    CHECK(rings(relay.exceeded()));
    CHECK(rings(relay.finished()));
    for (std::thread* thread : {&write_one, &write_two, &read_one, &read_two}) thread->join();
    CHECK(got_one + got_two == 100000);
    CHECK(relay.bytes() == 100000);
  }
}

TEST_CASE("a limit that is met exactly is not exceeded") {
  Relay relay(70000);
  Pipe out;
  Fd guest;
  REQUIRE(!relay.add(std::move(out.write_end), guest));
  REQUIRE(!relay.start());
  std::thread writer([&] { fill(std::move(guest), 70000, relay.exceeded()); });
  CHECK(empty(std::move(out.read_end)) == 70000);
  writer.join();
  CHECK(rings(relay.finished()));
  CHECK(!rings(relay.exceeded(), 0));
}

TEST_CASE("a target that takes no splice") {
  Fd file(memfd_create("out", MFD_CLOEXEC));
  REQUIRE(!fcntl(file.get(), F_SETFL, O_APPEND));
  Fd look(dup(file.get()));
  Relay relay(1 << 20);
  Fd guest;
  REQUIRE(!relay.add(std::move(file), guest));
  REQUIRE(!relay.start());
  fill(std::move(guest), 50000, relay.exceeded());
  CHECK(rings(relay.finished()));
  CHECK(lseek(look.get(), 0, SEEK_END) == 50000);
}

TEST_CASE("a reader that goes away ends the stream at once, and the guest's next write") {
  Relay relay(1 << 20);
  Pipe out;
  Fd guest;
  REQUIRE(!relay.add(std::move(out.write_end), guest));
  REQUIRE(!relay.start());
  out.read_end.reset();
  CHECK(rings(relay.finished()));
  CHECK(write(guest.get(), "x", 1) < 0);
  CHECK(errno == EPIPE);
}
