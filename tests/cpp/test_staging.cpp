#include <testthat/vendor/catch.h>

#include <random>

#include "lomp/record.hpp"
#include "lomp/staging.hpp"
#include "processes.hpp"

using namespace lomp_test;
using lomp::Record;
using lomp::Staging;

namespace {

constexpr std::size_t capacity = 4096;

/// A staging buffer that a child shares.
struct SharedStaging {
  SharedArray<std::uint64_t> word{1};
  SharedArray<std::uint64_t> taken{1};
  SharedArray<unsigned char> bytes{capacity};
  Staging view{word[0], taken[0], reinterpret_cast<unsigned char*>(&bytes[0]), capacity};
};

/// Stages numbered records of random sizes, for ever. Each holds its own number in all its bytes.
[[noreturn]] void stage_for_ever(Staging& staging, SharedArray<std::uint32_t>& begun) {
  std::mt19937 random(1);
  for (std::uint32_t item = 0;; ++item) {
    const std::size_t size = random() % 64;
    const lomp::RecordHeader header = lomp::make_record_header(item, {}, size);
    if (staging.committed() + sizeof header + size > capacity) staging.sent();
    unsigned char* to = staging.data() + staging.committed();
    std::memcpy(to, &header, sizeof header);
    std::memset(to + sizeof header, static_cast<int>(item), size);
    staging.commit(staging.committed() + sizeof header + size);
    begun[0] = item + 1;
  }
}

bool is_whole(const Record& record) {
  for (std::size_t i = 0; i < record.size; ++i) {
    if (record.data[i] != static_cast<unsigned char>(record.item)) return false;
  }
  return true;
}

/// Kills a process that stages records and looks at what it left.
void check_what_a_killed_writer_left(int microseconds) {
  SharedStaging shared;
  SharedArray<std::uint32_t> begun(1);
  const pid_t writer = ::fork();
  if (writer == 0) stage_for_ever(shared.view, begun);
  eventually([&] { return begun[0] > 0; });
  work_for_us(microseconds);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  std::vector<Record> records;
  REQUIRE(lomp::parse_records(shared.view.data(), shared.view.committed(), 0, records));
  for (std::size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i].item == records[0].item + i);
    REQUIRE(is_whole(records[i]));
  }
  // What was said to be committed is there, unless it had just been sent.
  if (!records.empty()) REQUIRE(records.back().item + 1 >= begun[0]);
}

}  // namespace

TEST_CASE("a fresh staging buffer is empty") {
  const SharedStaging shared;
  CHECK(shared.view.sequence() == 0);
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.capacity() == capacity);
}

TEST_CASE("a commit leaves the number of the frame alone") {
  SharedStaging shared;
  shared.view.sent();
  shared.view.commit(100);
  CHECK(shared.view.committed() == 100);
  CHECK(shared.view.sequence() == 1);
  shared.view.commit(200);
  CHECK(shared.view.committed() == 200);
  CHECK(shared.view.sequence() == 1);
}

TEST_CASE("a sent frame empties the buffer and counts on") {
  SharedStaging shared;
  shared.view.commit(100);
  shared.view.sent();
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.sequence() == 1);
}

TEST_CASE("a reset begins anew") {
  SharedStaging shared;
  shared.view.sent();
  shared.view.commit(1);
  shared.view.reset();
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.sequence() == 0);
}

TEST_CASE("frame numbers wrap around") {
  SharedStaging shared;
  shared.word[0] = 0xffffffff00000007;
  CHECK(shared.view.sequence() == 0xffffffff);
  CHECK(shared.view.committed() == 7);
  shared.view.sent();
  CHECK(shared.view.sequence() == 0);
  CHECK(shared.view.committed() == 0);
}

TEST_CASE("what a child has staged is there after its end") {
  SharedStaging shared;
  CHECK(run_in_process([&] {
          shared.view.data()[9] = 42;
          shared.view.commit(10);
          return 0;
        }) == 0);
  CHECK(shared.view.committed() == 10);
  CHECK(shared.view.data()[9] == 42);
}

TEST_CASE("frame number and bytes change at once") {
  // Every number of bytes that is ever committed tells in which frame.
  SharedStaging shared;
  const pid_t writer = ::fork();
  if (writer == 0) {
    for (;; shared.view.sent()) {
      for (std::size_t k = 1; k <= 3; ++k)
        shared.view.commit(k * 1000 + shared.view.sequence() % 1000);
    }
  }
  const std::int64_t end = lomp::now_ns() + 300000000;
  int torn = 0;
  while (lomp::now_ns() < end) {
    const std::uint64_t word = shared.word[0];
    const std::uint64_t sequence = word >> 32, committed = word & 0xffffffff;
    torn += committed != 0 && committed % 1000 != sequence % 1000;
  }
  CHECK(torn == 0);
  CHECK(shared.view.sequence() > 1000);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("a record is there whole or not at all whenever its writer is killed") {
  const LeavesNothing check;
  std::mt19937 random(2);
  for (int round = 0; round < 150; ++round) {
    check_what_a_killed_writer_left(static_cast<int>(random() % 500));
  }
}
