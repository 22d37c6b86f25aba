#include <testthat/vendor/catch.h>

#include "harness/pools.hpp"
#include "lomp/pool/item_batch.hpp"
#include "lomp/wire/frame_reader.hpp"
#include "lomp/worker/batch_reader.hpp"

using namespace lomp_test;
using lomp::BatchReader;
using lomp::FrameKind;
using lomp::ItemBatch;

namespace {

/// The worker's reader in this process, and the parent that sends it batches.
struct Delivery {
  static constexpr std::size_t inbox_bytes = 4096;

  lomp::SharedPage page{0, 1, 256, inbox_bytes};
  lomp::Pipe pipe = lomp::make_pipe();
  lomp::ControlPair pair = lomp::make_control_pair();
  lomp::ItemTimer timer{page.slot(0).deadline};
  lomp::RecordWriter writer{page, 0, pipe.writer.get(), pair.worker.get(), timer};
  lomp::ControlReader control{pair.worker.get(), page.slot(0), writer.payloads()};
  BatchReader reader{page, 0, 1, writer, control};
  ItemBatch batch;
  int half = 0;

  /// Sends the items first, first + 1, ... as one batch, each of so many bytes.
  void post(std::uint64_t first, std::uint64_t items, std::size_t bytes = 20) {
    batch.open(page.inbox(0, half), pair.parent.get());
    for (std::uint64_t item = first; item < first + items; ++item) {
      batch.begin();
      const Bytes content = payload(item, bytes);
      batch.put(content.data(), content.size());
      REQUIRE(batch.add(item, kind_of(item)));
    }
    batch.post();
    half = 1 - half;
  }

  /// The next item; checks what was sent of it.
  std::uint32_t take(std::size_t bytes = 20) {
    std::uint32_t item = 0;
    REQUIRE(reader.take(item));
    const Bytes right = payload(item, bytes);
    REQUIRE(reader.record().size == bytes);
    CHECK(std::equal(right.begin(), right.end(), reader.record().data));
    return item;
  }

  bool is_over() {
    std::uint32_t item = 0;
    return !reader.take(item);
  }
};

}  // namespace

TEST_CASE("without a batch in hand there is no item") {
  Delivery delivery;
  CHECK(delivery.is_over());
}

TEST_CASE("the items of a batch come one by one in their order") {
  Delivery delivery;
  delivery.post(5, 3);
  delivery.reader.next(1);
  CHECK_FALSE(delivery.reader.is_at_end());
  for (std::uint32_t item = 5; item < 8; ++item) CHECK(delivery.take() == item);
  CHECK(delivery.reader.is_at_end());
  CHECK(delivery.is_over());
}

TEST_CASE("when a batch is begun the next one is asked for") {
  Delivery delivery;
  delivery.post(0, 1);
  delivery.reader.next(7);
  lomp::FrameReader frames;
  REQUIRE(frames.next(delivery.pipe.reader.get()) == lomp::ReadStatus::frame);
  CHECK(frames.header().kind == FrameKind::request);
  CHECK(frames.header().item == 7);
  CHECK(frames.header().payload_pages == 1);
}

TEST_CASE("batches come in the two inboxes by turns") {
  Delivery delivery;
  for (std::uint64_t round = 0; round < 5; ++round) {
    delivery.post(2 * round, 2);
    delivery.reader.next(1);
    CHECK(delivery.take() == 2 * round);
    CHECK(delivery.take() == 2 * round + 1);
    CHECK(delivery.is_over());
  }
}

TEST_CASE("items that the parent has taken back are passed over") {
  Delivery delivery;
  delivery.post(0, 4);
  delivery.reader.next(1);
  CHECK(delivery.take() == 0);
  const lomp::Inbox::Loot loot = delivery.page.inbox(0, 0).take_back();
  REQUIRE(loot.end > loot.first);
  CHECK(delivery.take() == loot.end);
}

TEST_CASE("an item that is larger than the inbox is read where its file lies") {
  Delivery delivery;
  const std::size_t bytes = 3 * Delivery::inbox_bytes;
  delivery.post(3, 1, bytes);
  delivery.reader.next(1);
  CHECK(delivery.take(bytes) == 3);
}

TEST_CASE("an item whose file is lost comes without data") {
  Delivery delivery;
  delivery.post(3, 1, 3 * Delivery::inbox_bytes);
  lomp::NumberedFd lost;
  REQUIRE(lomp::receive_descriptor(delivery.pair.worker.get(), lost));
  delivery.reader.next(1);
  std::uint32_t item = 0;
  REQUIRE(delivery.reader.take(item));
  CHECK(item == 3);
  CHECK(delivery.reader.record().data == nullptr);
}

TEST_CASE("to take items that are there is no waiting") {
  Delivery delivery;
  delivery.post(0, 2);
  delivery.reader.next(1);
  delivery.take();
  delivery.take();
  CHECK(delivery.reader.take_waited_ns() == 0);
}
