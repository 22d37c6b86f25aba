#include <testthat/vendor/catch.h>

#include "harness/pools.hpp"
#include "lomp/pool/record_intake.hpp"

using namespace lomp_test;
using lomp::FrameHeader;
using lomp::FrameKind;
using lomp::Intake;
using lomp::ItemLedger;
using lomp::ReadStatus;
using lomp::RecordIntake;
using lomp::RecordTime;
using lomp::WorkerHandle;

namespace {

template <class T>
Bytes bytes_of(const T& value) {
  const auto* first = reinterpret_cast<const unsigned char*>(&value);
  return Bytes(first, first + sizeof value);
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// An end of 2 ms, a run of 1 ms and a wait of 64 us, as they are read.
const RecordTime some_time(2048000, 1000000, 64000);

bool is_some_time(const RecordTime& time) {
  return time.end_after(0) == 2048000 && time.run_ns() == 1000000 && time.waited_ns() == 64000;
}

/// One worker's pipe and slot, without the worker.
struct Arrivals : lomp::PayloadSource {
  explicit Arrivals(std::uint64_t items) : page(items, 1, 1024), ledger(items, false) {
    page.renew(0);
    handle.results = std::move(pipe.reader);
  }

  /// No payload ever comes here.
  int take_payload(int, std::uint32_t) override { return -1; }
  void drop_payload() override {}
  lomp::PayloadOrigin origin_of(int, std::uint32_t, std::uint32_t) const override { return {}; }

  static Bytes row(std::uint64_t item, std::size_t bytes, bool goes_on = false,
                   RecordTime time = {}) {
    const Bytes content = payload(item, bytes);
    const auto header = lomp::make_record_header(item, {kind_of(item), goes_on}, bytes, 0, time);
    Bytes all = bytes_of(header);
    all.insert(all.end(), content.begin(), content.end());
    return all;
  }

  void send(FrameHeader header, const Bytes& body) {
    header.sequence = sequence++;
    header.bytes = body.size();
    header = lomp::sealed(header);
    iovec parts[] = {{&header, sizeof header},
                     {const_cast<unsigned char*>(body.data()), body.size()}};
    lomp::write_all(pipe.writer.get(), parts, 2);
  }

  void send_records(const Bytes& rows) {
    FrameHeader header;
    header.kind = FrameKind::records;
    send(header, rows);
  }

  /// The worker commits a row to its staging buffer.
  void stage(const Bytes& row) {
    lomp::Staging staging = page.staging(0);
    std::copy(row.begin(), row.end(), staging.data() + staging.committed());
    staging.commit(staging.committed() + row.size());
  }

  Intake take() {
    REQUIRE(intake.read(handle) == ReadStatus::frame);
    return intake.take_frame(handle, *this);
  }

  void check(std::size_t at, std::uint64_t item, std::size_t bytes) const {
    REQUIRE(intake.records().size() > at);
    const lomp::Record& record = intake.records()[at];
    CHECK(record.item == item);
    CHECK(record.size == bytes);
    CHECK(Bytes(record.data, record.data + record.size) == payload(item, bytes));
  }

  /// Of the record that has come last.
  RecordTime time() const { return intake.records().back().time; }

  lomp::SharedPage page;
  lomp::Pipe pipe = lomp::make_pipe();
  WorkerHandle handle;
  ItemLedger ledger;
  RecordIntake intake{page, ledger};
  std::uint32_t sequence = 0;
};

}  // namespace

TEST_CASE("the records of a frame are there and their items are over") {
  Arrivals arrivals(3);
  arrivals.send_records(joined(Arrivals::row(2, 5), Arrivals::row(0, 9)));
  CHECK(arrivals.take() == Intake::records);
  CHECK(arrivals.intake.records().size() == 2);
  arrivals.check(0, 2, 5);
  arrivals.check(1, 0, 9);
  CHECK(arrivals.ledger.settled() == 2);
  CHECK_FALSE(arrivals.ledger.is_settled(1));
}

TEST_CASE("an item that goes on is begun and not over") {
  Arrivals arrivals(3);
  arrivals.send_records(Arrivals::row(1, 5, true));
  CHECK(arrivals.take() == Intake::records);
  CHECK(arrivals.handle.begun.count(1) == 1);
  CHECK(arrivals.ledger.settled() == 0);
  arrivals.send_records(Arrivals::row(1, 6));
  CHECK(arrivals.take() == Intake::records);
  CHECK(arrivals.handle.begun.empty());
  CHECK(arrivals.ledger.is_settled(1));
}

TEST_CASE("records know which process they are from") {
  Arrivals arrivals(3);
  arrivals.handle.incarnation = 7;
  arrivals.send_records(Arrivals::row(1, 5));
  CHECK(arrivals.take() == Intake::records);
  CHECK(arrivals.intake.records()[0].incarnation == 7);
}

TEST_CASE("a record of an item that there isn't is nonsense") {
  Arrivals arrivals(3);
  arrivals.send_records(Arrivals::row(3, 5));
  CHECK(arrivals.take() == Intake::nonsense);
}

TEST_CASE("a row that ends inside a record is nonsense") {
  Arrivals arrivals(3);
  Bytes row = Arrivals::row(1, 5);
  row.pop_back();
  arrivals.send_records(row);
  CHECK(arrivals.take() == Intake::nonsense);
}

TEST_CASE("a large record is there with its last part") {
  Arrivals arrivals(3);
  const Bytes content = payload(1, 2000);
  FrameHeader header;
  header.kind = FrameKind::part;
  header.item = 1;
  header.end = lomp::PartEnd::more;
  arrivals.send(header, Bytes(content.begin(), content.begin() + 1500));
  header.end = lomp::PartEnd::last;
  arrivals.send(header, joined(Bytes(content.begin() + 1500, content.end()), bytes_of(some_time)));
  CHECK(arrivals.take() == Intake::nothing);
  CHECK(arrivals.ledger.settled() == 0);
  CHECK(arrivals.take() == Intake::records);
  arrivals.check(0, 1, 2000);
  CHECK(is_some_time(arrivals.time()));
  CHECK_FALSE(arrivals.intake.records()[0].was_spilled);
  CHECK(arrivals.ledger.is_settled(1));
}

TEST_CASE("a large record without its item's time is nonsense") {
  FrameHeader header;
  header.kind = FrameKind::part;
  header.item = 1;
  header.end = lomp::PartEnd::last;
  for (const std::size_t bytes : {sizeof(RecordTime) - 1, sizeof(RecordTime)}) {
    Arrivals arrivals(3);
    arrivals.send(header, Bytes(bytes));
    const bool is_whole = bytes == sizeof(RecordTime);
    CHECK(arrivals.take() == (is_whole ? Intake::records : Intake::nonsense));
    CHECK(arrivals.ledger.is_settled(1) == is_whole);
  }
}

TEST_CASE("each record of a row has the time of its item") {
  Arrivals arrivals(3);
  arrivals.send_records(joined(Arrivals::row(2, 5, false, some_time), Arrivals::row(0, 9)));
  REQUIRE(arrivals.take() == Intake::records);
  CHECK(is_some_time(arrivals.intake.records()[0].time));
  CHECK(arrivals.intake.records()[1].time.run_ns() == 0);
}

namespace {

/// Has a file ready for the record that names it.
struct FileArrivals : Arrivals {
  using Arrivals::Arrivals;

  int take_payload(int, std::uint32_t number) override {
    return number == 4 && file ? file.get() : -1;
  }

  /// Tells of so many bytes in that file, and of their item's time.
  void send_spilled(std::uint64_t bytes, std::uint32_t number, std::size_t cut = 0) {
    FrameHeader header;
    header.kind = FrameKind::spilled;
    header.item = 1;
    header.end = lomp::PartEnd::last;
    const lomp::SpilledRecord spilled{bytes, number, 0};
    Bytes body = joined(bytes_of(spilled), bytes_of(some_time));
    body.resize(body.size() - cut);
    send(header, body);
  }

  void make_file(std::size_t bytes) {
    lomp::Spill spill = lomp::Spill::open();
    REQUIRE(spill.is_open());
    const Bytes content = payload(1, bytes);
    REQUIRE(spill.append(content.data(), content.size(), nullptr, 0));
    file = lomp::Fd(::fcntl(spill.file().get(), F_DUPFD_CLOEXEC, 0));
    lomp::seal_file(file.get());
  }

  lomp::Fd file;
};

}  // namespace

TEST_CASE("a record in a file is there with its item's time") {
  FileArrivals arrivals(3);
  arrivals.make_file(5000);
  arrivals.send_spilled(5000, 4);
  CHECK(arrivals.take() == Intake::records);
  arrivals.check(0, 1, 5000);
  CHECK(arrivals.intake.records()[0].was_spilled);
  CHECK(is_some_time(arrivals.time()));
  CHECK(arrivals.handle.unreadable == 0);
  CHECK(arrivals.ledger.is_settled(1));
}

TEST_CASE("a record in a file without all of its item's time is nonsense") {
  for (const std::size_t cut : {std::size_t{1}, sizeof(RecordTime)}) {
    FileArrivals arrivals(3);
    arrivals.make_file(5000);
    arrivals.send_spilled(5000, 4, cut);
    CHECK(arrivals.take() == Intake::nonsense);
    CHECK_FALSE(arrivals.ledger.is_settled(1));
  }
}

TEST_CASE("a record whose file is lost is the item's that can't be read") {
  FileArrivals arrivals(3);
  arrivals.send_spilled(5000, 0);
  CHECK(arrivals.take() == Intake::nonsense);
  CHECK(arrivals.handle.unreadable == 2);
  CHECK_FALSE(arrivals.ledger.is_settled(1));
}

TEST_CASE("what a living worker has staged is taken once") {
  Arrivals arrivals(3);
  CHECK(arrivals.intake.take_ahead(arrivals.handle) == Intake::nothing);
  arrivals.stage(Arrivals::row(1, 5, false, some_time));
  CHECK(arrivals.intake.take_ahead(arrivals.handle) == Intake::records);
  arrivals.check(0, 1, 5);
  CHECK(is_some_time(arrivals.time()));
  CHECK(arrivals.intake.take_ahead(arrivals.handle) == Intake::nothing);
  arrivals.stage(Arrivals::row(2, 6));
  CHECK(arrivals.intake.take_ahead(arrivals.handle) == Intake::records);
  arrivals.check(0, 2, 6);
}

TEST_CASE("of a dead worker what it had staged and not sent is taken") {
  Arrivals arrivals(3);
  arrivals.stage(Arrivals::row(1, 5));
  REQUIRE(arrivals.intake.take_ahead(arrivals.handle) == Intake::records);
  arrivals.stage(Arrivals::row(2, 6));
  CHECK(arrivals.intake.take_staged(arrivals.handle));
  CHECK(arrivals.intake.records().size() == 1);
  arrivals.check(0, 2, 6);
  CHECK(arrivals.ledger.settled() == 2);
}

TEST_CASE("a dead worker that has staged nothing leaves nothing") {
  Arrivals arrivals(3);
  CHECK_FALSE(arrivals.intake.take_staged(arrivals.handle));
}

TEST_CASE("staged bytes that make no sense are nothing of a dead worker's and end a living one") {
  Arrivals arrivals(3);
  arrivals.stage(Arrivals::row(9, 5));
  CHECK(arrivals.intake.take_ahead(arrivals.handle) == Intake::nonsense);
  Arrivals others(3);
  others.stage(Arrivals::row(9, 5));
  CHECK_FALSE(others.intake.take_staged(others.handle));
}
