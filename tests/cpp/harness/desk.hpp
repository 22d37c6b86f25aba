/// \file
/// A worker in the test's own process, and what its parent would see of it.
#ifndef LOMP_TESTS_DESK_HPP
#define LOMP_TESTS_DESK_HPP

#include <testthat/vendor/catch.h>

#include <vector>

#include "harness/pools.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/wire/control.hpp"
#include "lomp/wire/frame_reader.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp_test {

using lomp::Block;
using lomp::FrameKind;
using lomp::FrameReader;
using lomp::PartEnd;
using lomp::Pipe;
using lomp::ReadStatus;
using lomp::Record;
using lomp::RecordTime;
using lomp::SharedPage;
using lomp::Worker;

/// A pipe that holds all that a test writes before it reads, where a pipe can be as large.
inline Pipe large_pipe() {
  Pipe pipe = lomp::make_pipe();
#ifdef F_SETPIPE_SZ
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 1 << 20);
#endif
  return pipe;
}

/// A worker in this very process, and what its parent would see of it. Nothing in a worker needs a
/// process of its own but its end.
class Desk {
 public:
  explicit Desk(std::uint64_t items, std::size_t staging_bytes = 256, int workers = 2)
      : page(items, workers, staging_bytes),
        worker(page, 0, pipe.writer.get(), control.worker.get()) {}

  lomp::WorkerSlot& slot() { return page.slot(0); }

  /// Takes the next item, from a new block if need be.
  std::uint32_t take() {
    std::uint32_t item = 0;
    while (!worker.take(item)) REQUIRE(worker.next_block());
    return item;
  }

  /// The next frame's status; its records are appended to `records`.
  ReadStatus read() {
    const ReadStatus status = reader.next(pipe.reader.get());
    if (status != ReadStatus::frame) return status;
    const lomp::FrameHeader& header = reader.header();
    std::vector<Record> row;
    if (header.kind == FrameKind::records) {
      REQUIRE(lomp::parse_records(reader.body(), reader.size(), 0, row));
    } else if (header.kind == FrameKind::part && header.end == PartEnd::last) {
      const lomp::RecordKind kind = lomp::RecordKind::of(header.record_kind);
      REQUIRE(reader.size() >= sizeof(RecordTime));
      const std::size_t size = reader.size() - sizeof(RecordTime);
      row.push_back({header.item, kind.kind, reader.body(), size, 0, kind.goes_on,
                     header.payload_pages, 0, false, time_behind(size)});
    }
    for (const Record& record : row) {
      records.push_back({record.item, record.kind, Bytes(record.data, record.data + record.size),
                         record.goes_on, record.cost(), record.time});
    }
    return status;
  }

  void read_all() {
    while (read() == ReadStatus::frame) continue;
  }

  /// What comes behind so many bytes of the frame.
  RecordTime time_behind(std::size_t bytes) {
    RecordTime time;
    std::memcpy(&time, reader.body() + bytes, sizeof time);
    return time;
  }

  struct Received {
    std::uint64_t item;
    unsigned kind;
    Bytes bytes;
    bool goes_on;
    std::uint64_t cost;
    RecordTime time;
  };

  SharedPage page;
  Pipe pipe = large_pipe();
  lomp::ControlPair control = lomp::make_control_pair();
  Worker worker;
  FrameReader reader;
  std::vector<Received> records;
};

inline bool is_right(const Desk::Received& record, std::uint64_t item, std::size_t size) {
  return record.item == item && record.kind == kind_of(item) && record.bytes == payload(item, size);
}

/// Has the desk's worker do an item whose record has that size.
inline void do_item(Desk& desk, std::size_t size, std::size_t piece = 1000000) {
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, size, piece);
  desk.worker.finish(kind_of(item));
}

/// Does items with these sizes, reads what comes of them, and checks it.
inline void check_sizes(const std::vector<std::size_t>& sizes, std::size_t piece,
                        std::size_t staging_bytes) {
  Desk desk(sizes.size(), staging_bytes);
  for (std::size_t size : sizes) {
    do_item(desk, size, piece);
    desk.read_all();
  }
  desk.worker.bye();
  desk.read_all();
  REQUIRE(desk.reader.header().kind == FrameKind::bye);
  REQUIRE(desk.records.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) REQUIRE(is_right(desk.records[i], i, sizes[i]));
  // What lies behind the staging buffer is the next worker's.
  for (int i = 0; i < 8; ++i) REQUIRE(desk.page.staging(1).data()[i] == 0);
}

/// A desk whose worker may send files.
struct FileDesk : Desk {
  explicit FileDesk(std::uint64_t items, int credits = 4) : Desk(items) {
    slot().credits = credits;
  }

  /// The file that has come next; it must have that number.
  lomp::Fd receive(std::uint32_t number) {
    lomp::NumberedFd received;
    REQUIRE(lomp::receive_descriptor(control.parent.get(), received));
    CHECK(received.number == number);
    return std::move(received.fd);
  }

  bool has_file() {
    lomp::NumberedFd received;
    return lomp::receive_descriptor(control.parent.get(), received);
  }

  /// Reads a frame that tells of a spilled record, and takes that from its file.
  void read_spilled() {
    REQUIRE(read() == ReadStatus::frame);
    REQUIRE(reader.header().kind == FrameKind::spilled);
    lomp::SpilledRecord spilled;
    REQUIRE(reader.size() == sizeof spilled + sizeof(RecordTime));
    std::memcpy(&spilled, reader.body(), sizeof spilled);
    const lomp::Fd file = receive(spilled.number);
    Bytes bytes(spilled.bytes);
    REQUIRE(lomp::read_payload(file.get(), bytes.data(), bytes.size()));
    const lomp::RecordKind kind = lomp::RecordKind::of(reader.header().record_kind);
    const std::uint64_t pages = reader.header().payload_pages;
    records.push_back({reader.header().item, kind.kind, bytes, kind.goes_on,
                       bytes.size() + pages * lomp::cost_page, time_behind(sizeof spilled)});
  }
};

/// Writes that succeed up to a size of file, then fail.
auto writes_up_to(std::size_t size) {
  return [size](int fd, const iovec* parts, int count) -> ssize_t {
    const bool is_file = ::lseek(fd, 0, SEEK_CUR) != -1;
    if (!is_file || ::lseek(fd, 0, SEEK_CUR) < static_cast<off_t>(size)) {
      return ::writev(fd, parts, count);
    }
    errno = ENOSPC;
    return -1;
  };
}

/// Emits a record of the item in hand, whose content follows from a number.
inline void emit(Worker& worker, std::uint64_t number, std::size_t size,
                 std::size_t piece = 1000000) {
  put_payload(worker, number, size, piece);
  worker.emit(kind_of(number));
}

/// Is this the item's record with that number?
inline bool is_emitted(const Desk::Received& record, std::uint64_t item, std::uint64_t number,
                       std::size_t size, bool goes_on = true) {
  return record.item == item && record.kind == kind_of(number) && record.goes_on == goes_on &&
         record.bytes == payload(number, size);
}

/// A desk with all its items in its worker's block.
struct BlockDesk : Desk {
  explicit BlockDesk(std::uint32_t items, std::size_t staging_bytes = 256)
      : Desk(items, staging_bytes, 1) {
    page.next() = items;
    slot().block = Block{0, items}.word();
  }
};

}  // namespace lomp_test

#endif
