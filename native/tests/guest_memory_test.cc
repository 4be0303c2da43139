// SPDX-License-Identifier: Apache-2.0
// What was read once stays as it was read: handlers see it, and the call is carried out from it.
#include <doctest/doctest.h>
#include <string.h>
#include <unistd.h>

#include "guest_memory.h"

using namespace rvisor;

namespace {
uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
}  // namespace

TEST_CASE("reading again gives the same bytes, in whole and in part") {
  char memory[64] = "/tmp/public";
  Copies copies;
  GuestMemory guest(getpid(), &copies);
  std::string text;
  CHECK(guest.read_string(address_of(memory), 4096, text) == 0);
  CHECK(text == "/tmp/public");
  CHECK(copies.pieces().size() == 1);
  CHECK(copies.pieces()[0].bytes.size() == sizeof "/tmp/public");  // and no more of the page
  strcpy(memory, "/tmp/secret");
  CHECK(guest.read_string(address_of(memory), 4096, text) == 0);
  CHECK(text == "/tmp/public");
  CHECK(guest.read_string(address_of(memory + 5), 4096, text) == 0);
  CHECK(text == "public");
  char bytes[32];
  CHECK(guest.read_all(address_of(memory), bytes, sizeof bytes) == 0);  // more than is known
  CHECK(!strcmp(bytes, "/tmp/public"));
  CHECK(GuestMemory(getpid()).read_string(address_of(memory), 4096, text) == 0);
  CHECK(text == "/tmp/secret");
}

TEST_CASE("of pieces that overlap the older one counts") {
  Copies copies;
  CHECK(copies.keep(100, "abcd", 4));
  CHECK(copies.keep(102, "wxyz", 4));
  uint8_t bytes[8] = {};
  copies.lay_over(100, bytes, 6);
  CHECK(!memcmp(bytes, "abcdyz", 6));
}

TEST_CASE("what is written is what is read from then on") {
  char memory[16] = "before";
  Copies copies;
  GuestMemory guest(getpid(), &copies);
  char bytes[7];
  CHECK(guest.read_all(address_of(memory), bytes, 7) == 0);
  CHECK(guest.write_all(address_of(memory + 2), "XY", 2) == 0);
  CHECK(guest.read_all(address_of(memory), bytes, 7) == 0);
  CHECK(!strcmp(bytes, "beXYre"));
  CHECK(!strcmp(memory, "beXYre"));
}

TEST_CASE("copies of one call are bounded, and addresses do not wrap") {
  Copies copies;
  std::string large(Copies::kMaxBytes, 'x');
  CHECK(copies.keep(0x1000, large.data(), large.size()));
  CHECK(!copies.keep(0x1000000, "x", 1));
  Copies others;
  CHECK(!others.keep(UINT64_MAX - 1, "abcd", 4));
  char byte;
  CHECK(!others.holds(UINT64_MAX, &byte, 1));
}
