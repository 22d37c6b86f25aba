#include <testthat/vendor/catch.h>

#include <functional>
#include <random>
#include <stdexcept>

#include "harness/desk.hpp"
#include "harness/fakes.hpp"
#include "lomp/worker/record_writer.hpp"

using namespace lomp_test;

TEST_CASE("a record put in pieces arrives as one") {
  Desk desk(1);
  do_item(desk, 100, 7);
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], 0, 100));
  CHECK(desk.read() == ReadStatus::would_block);
}

TEST_CASE("finished records wait and go out in one frame") {
  Desk desk(3, 1000, 1);
  desk.page.next() = 3;
  desk.slot().block = Block{0, 3}.word();
  for (int i = 0; i < 3; ++i) do_item(desk, 10);
  CHECK(desk.read() == ReadStatus::would_block);
  CHECK(desk.page.staging(0).committed() == 3 * (sizeof(lomp::RecordHeader) + 10));
  desk.worker.flush();
  CHECK(desk.page.staging(0).committed() == 0);
  CHECK(desk.read() == ReadStatus::frame);
  CHECK(desk.records.size() == 3);
  CHECK(desk.read() == ReadStatus::would_block);
}

TEST_CASE("a piece of no bytes may come from nowhere") {
  Desk desk(1);
  const std::uint32_t item = desk.take();
  desk.worker.put(nullptr, 0);
  desk.worker.finish(kind_of(item));
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], item, 0));
}

TEST_CASE("nothing staged is not sent") {
  Desk desk(1);
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::would_block);
  CHECK(desk.page.staging(0).sequence() == 0);
}

TEST_CASE("records of sizes about that of the staging buffer arrive whole") {
  for (std::size_t before : {0, 1, 8, 100, 208, 231, 232, 233}) {
    for (std::size_t size = 200; size < 260; ++size) {
      for (std::size_t piece : {1, 3, 100, 1000}) check_sizes({before, size, 0, 1}, piece, 256);
    }
  }
}

TEST_CASE("empty records arrive however full the staging buffer is") {
  constexpr std::size_t least = sizeof(lomp::RecordHeader);
  for (std::size_t staging_bytes : {least, least + 1, 2 * least - 1, 2 * least, 2 * least + 1}) {
    check_sizes(std::vector<std::size_t>(50, 0), 1, staging_bytes);
    check_sizes({1, 0, 0, 7, 0, 8, 0, 9, 0, 0}, 4, staging_bytes);
  }
}

TEST_CASE("records of any sizes put in any pieces arrive whole and in order") {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::size_t> sizes(40);
    for (std::size_t& size : sizes) size = random() % (random() % 5 == 0 ? 5000 : 100);
    check_sizes(sizes, 1 + random() % (random() % 2 == 0 ? 10 : 2000), 64 + random() % 500);
  }
}

TEST_CASE("a flush between the pieces of a record keeps them") {
  Desk desk(2, 256, 1);
  do_item(desk, 20);
  const std::uint32_t item = desk.take();
  const Bytes bytes = payload(item, 50);
  desk.worker.put(bytes.data(), 20);
  desk.worker.put(bytes.data() + 20, 30);
  desk.worker.finish(kind_of(item));
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 2);
  CHECK(is_right(desk.records[1], item, 50));
}

TEST_CASE("of an abandoned record nothing arrives and its item goes on") {
  for (std::size_t size : {0, 1, 100, 248, 249, 1000, 100000}) {
    for (std::size_t staged : {0, 100}) {
      CAPTURE(size);
      Desk desk(3, 256, 1);
      do_item(desk, staged);
      const std::uint32_t item = desk.take();
      put_payload(desk.worker, item, size, 90);
      desk.worker.abandon();
      CHECK(desk.worker.running() == item + 1);
      put_payload(desk.worker, item, 30);
      desk.worker.finish(kind_of(item));
      do_item(desk, 700);
      desk.worker.bye();
      desk.read_all();
      REQUIRE(desk.records.size() == 3);
      CHECK(is_right(desk.records[0], 0, staged));
      CHECK(is_right(desk.records[1], 1, 30));
      CHECK(is_right(desk.records[2], 2, 700));
    }
  }
}

TEST_CASE("a large record may be abandoned for a large one") {
  Desk desk(1, 256, 1);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, 77, 5000, 500);
  desk.worker.abandon();
  put_payload(desk.worker, item, 6000, 600);
  desk.worker.finish(kind_of(item));
  desk.read_all();
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], item, 6000));
}

TEST_CASE("a payload is sent beside the record for a credit") {
  FileDesk desk(3, 1);
  desk.take();
  const Bytes bytes = payload(9, 200000);
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload(bytes.data(), bytes.size(), number));
  CHECK(number == 0);
  CHECK(desk.slot().credits == 0);
  const lomp::Fd file = desk.receive(0);
  Bytes arrived(bytes.size());
  REQUIRE(lomp::read_payload(file.get(), arrived.data(), arrived.size()));
  CHECK(arrived == bytes);
  CHECK_FALSE(desk.worker.put_payload(bytes.data(), bytes.size(), number));  // no credit
  desk.slot().credits = 1;
  CHECK(desk.worker.put_payload(bytes.data(), bytes.size(), number));
  CHECK(number == 1);
}

TEST_CASE("a payload that can't be made or sent costs no credit") {
  FileDesk desk(1);
  desk.take();
  std::uint32_t number = 99;
  {
    Fake<&Kernel::writev> fake(failing(ENOSPC));
    CHECK_FALSE(desk.worker.put_payload("abc", 3, number));
  }
  {
    Fake<&Kernel::sendmsg> fake(failing(ETOOMANYREFS));
    CHECK_FALSE(desk.worker.put_payload("abc", 3, number));
  }
  CHECK(desk.slot().credits == 4);
  CHECK_FALSE(desk.has_file());
  CHECK(number == 99);
  desk.worker.finish(0);
}

TEST_CASE("a large record travels in a file and small ones before and after it don't") {
  FileDesk desk(3);
  do_item(desk, 20);
  do_item(desk, 100000, 70);
  desk.read();
  desk.read_spilled();
  do_item(desk, 30);
  desk.worker.bye();
  desk.read_all();
  REQUIRE(desk.records.size() == 3);
  CHECK(is_right(desk.records[0], 0, 20));
  CHECK(is_right(desk.records[1], 1, 100000));
  CHECK(is_right(desk.records[2], 2, 30));
  CHECK(desk.slot().credits == 3);
}

TEST_CASE("large records of any size and pieces travel whole in files") {
  for (std::size_t piece : {1, 7, 255, 256, 1000000}) {
    for (std::size_t size : {249, 257, 512, 3000}) {
      FileDesk desk(1);
      do_item(desk, size, piece);
      desk.read_spilled();
      REQUIRE(is_right(desk.records[0], 0, size));
    }
  }
}

TEST_CASE("without a credit or a file a large record goes out in parts") {
  FileDesk poor(1, 0), unlucky(1);
  do_item(poor, 3000);
  {
    Fake<&Kernel::sendmsg> fake(failing(EAGAIN));
    do_item(unlucky, 3000);
  }
  for (FileDesk* desk : {&poor, &unlucky}) {
    desk->read_all();
    REQUIRE(desk->records.size() == 1);
    CHECK(is_right(desk->records[0], 0, 3000));
    CHECK_FALSE(desk->has_file());
  }
}

TEST_CASE("a large record that has named payloads goes out in parts") {
  FileDesk desk(1);
  const std::uint32_t item = desk.take();
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload("abc", 3, number));
  put_payload(desk.worker, item, 3000, 100);
  desk.worker.finish(kind_of(item));
  desk.read_all();
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], 0, 3000));
  CHECK(desk.receive(0));
  CHECK_FALSE(desk.has_file());
}

TEST_CASE("payloads that a large record names come after its own file") {
  FileDesk desk(1);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, 3000, 100);
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload("abc", 3, number));
  CHECK(number == 1);
  desk.worker.finish(kind_of(item));
  desk.read_spilled();
  CHECK(is_right(desk.records[0], 0, 3000));
  CHECK(desk.receive(1));
}

TEST_CASE("a file that can't grow is sent in parts with the rest") {
  for (std::size_t most : {0, 1000, 4000}) {
    FileDesk desk(2);
    {
      Fake<&Kernel::writev> fake(writes_up_to(lomp::payload_offset() + most));
      do_item(desk, 5000, 100);
    }
    desk.read_all();
    REQUIRE(desk.records.size() == 1);
    CHECK(is_right(desk.records[0], 0, 5000));
    do_item(desk, 10);
    desk.worker.bye();
    desk.read_all();
    REQUIRE(desk.records.size() == 2);
    CHECK(is_right(desk.records[1], 1, 10));
  }
}

TEST_CASE("of an abandoned record in a file nothing arrives and its item goes on") {
  FileDesk desk(2);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, 3000, 100);
  desk.worker.abandon();
  put_payload(desk.worker, item, 11);
  desk.worker.finish(kind_of(item));
  do_item(desk, 4000);
  desk.read();
  CHECK(desk.receive(0));  // no record's, and taken with the next one
  desk.read_spilled();
  REQUIRE(desk.records.size() == 2);
  CHECK(is_right(desk.records[0], 0, 11));
  CHECK(is_right(desk.records[1], 1, 4000));
}

// ---- Items of any number of records
// -------------------------------------------------------------

TEST_CASE("emitted records say that their item goes on and the finished one ends it") {
  BlockDesk desk(2, 1000);
  const std::uint32_t first = desk.take();
  for (int k = 0; k < 3; ++k) emit(desk.worker, 10 + static_cast<unsigned>(k), 20);
  put_payload(desk.worker, 13, 5);
  desk.worker.finish(kind_of(13));
  const std::uint32_t second = desk.take();
  emit(desk.worker, 14, 0);
  desk.worker.finish(kind_of(15));
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 6);
  for (std::size_t k = 0; k < 3; ++k) CHECK(is_emitted(desk.records[k], first, 10 + k, 20));
  CHECK(is_emitted(desk.records[3], first, 13, 5, false));
  CHECK(is_emitted(desk.records[4], second, 14, 0));
  CHECK(is_emitted(desk.records[5], second, 15, 0, false));
}

TEST_CASE("an item stays in hand when it has emitted something") {
  Desk desk(3);
  const std::uint32_t item = desk.take();
  emit(desk.worker, 1, 10);
  CHECK(desk.worker.running() == item + 1);
  CHECK(desk.slot().running == item + 1);
  CHECK(desk.slot().begun == 1);
  emit(desk.worker, 2, 100000);
  CHECK(desk.worker.running() == item + 1);
  desk.worker.finish(0);
  CHECK(desk.worker.running() == 0);
}

TEST_CASE("what is abandoned between two emitted records never arrives") {
  for (std::size_t size : {0, 1, 100, 249, 1000, 100000}) {
    CAPTURE(size);
    BlockDesk desk(1);
    const std::uint32_t item = desk.take();
    emit(desk.worker, 1, 30);
    put_payload(desk.worker, 77, size, 90);
    desk.worker.abandon();
    emit(desk.worker, 2, 40);
    put_payload(desk.worker, 78, size, 90);
    desk.worker.abandon();
    desk.worker.finish(kind_of(3));
    desk.worker.flush();
    desk.read_all();
    REQUIRE(desk.records.size() == 3);
    CHECK(is_emitted(desk.records[0], item, 1, 30));
    CHECK(is_emitted(desk.records[1], item, 2, 40));
    CHECK(is_emitted(desk.records[2], item, 3, 0, false));
  }
}

TEST_CASE("large records are emitted in parts between small ones") {
  BlockDesk desk(1);
  const std::uint32_t item = desk.take();
  const std::vector<std::size_t> sizes = {20, 5000, 0, 249, 100000, 300, 10};
  for (std::size_t k = 0; k < sizes.size(); ++k) emit(desk.worker, k, sizes[k], 70);
  put_payload(desk.worker, 9, 3000, 70);
  desk.worker.finish(kind_of(9));
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == sizes.size() + 1);
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    CHECK(is_emitted(desk.records[k], item, k, sizes[k]));
  }
  CHECK(is_emitted(desk.records.back(), item, 9, 3000, false));
}

TEST_CASE("large records are emitted in files between small ones") {
  FileDesk desk(1);
  const std::uint32_t item = desk.take();
  emit(desk.worker, 1, 20);
  emit(desk.worker, 2, 100000, 7000);
  desk.read();
  desk.read_spilled();
  emit(desk.worker, 3, 50000);
  desk.read_spilled();
  emit(desk.worker, 4, 0);
  put_payload(desk.worker, 5, 3000);
  desk.worker.finish(kind_of(5));
  desk.read();
  desk.read_spilled();
  REQUIRE(desk.records.size() == 5);
  const std::size_t sizes[] = {0, 20, 100000, 50000, 0, 3000};
  for (std::size_t k = 1; k <= 5; ++k) {
    CHECK(is_emitted(desk.records[k - 1], item, k, sizes[k], k < 5));
  }
}

TEST_CASE("records of any sizes emitted in any pieces arrive whole and in order") {
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    BlockDesk desk(1, 16 + random() % 500);
    const std::uint32_t item = desk.take();
    std::vector<std::size_t> sizes(random() % 60);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      sizes[k] = random() % (random() % 5 == 0 ? 5000 : 100);
      emit(desk.worker, k, sizes[k], 1 + random() % 300);
      if (random() % 4 == 0) desk.read_all();
    }
    desk.worker.finish(0);
    desk.worker.flush();
    desk.read_all();
    REQUIRE(desk.records.size() == sizes.size() + 1);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      REQUIRE(is_emitted(desk.records[k], item, k, sizes[k]));
    }
  }
}
