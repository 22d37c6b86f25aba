#include <testthat/vendor/catch.h>

#include <random>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/wire/frame_reader.hpp"

using namespace lomp_test;
using lomp::FrameHeader;
using lomp::FrameKind;
using lomp::FrameReader;
using lomp::PartEnd;
using lomp::ReadStatus;

namespace {

using Bytes = std::vector<unsigned char>;

/// Builds a stream as a worker would write it.
class Stream {
 public:
  void add(FrameKind kind, const Bytes& body, PartEnd end = PartEnd::more, std::uint32_t item = 0) {
    FrameHeader header;
    header.kind = kind;
    header.end = end;
    header.item = item;
    header.sequence = sequence_++;
    header.bytes = body.size();
    add_raw(lomp::sealed(header), body);
  }

  void add_raw(const FrameHeader& header, const Bytes& body) {
    const auto* first = reinterpret_cast<const unsigned char*>(&header);
    bytes.insert(bytes.end(), first, first + sizeof header);
    bytes.insert(bytes.end(), body.begin(), body.end());
  }

  Bytes bytes;

 private:
  std::uint32_t sequence_ = 0;
};

/// Serves a stream in place of read(): `next_size` says how many bytes the next read gives at most,
/// or 0 for EAGAIN. After the stream comes its end.
class Source {
 public:
  Source(const Bytes& bytes, std::function<std::size_t()> next_size)
      : bytes_(bytes),
        next_size_(std::move(next_size)),
        fake_([this](int, void* to, size_t most) { return read(to, most); }) {}

 private:
  ssize_t read(void* to, std::size_t most) {
    if (at_ == bytes_.size()) return 0;
    const std::size_t n = std::min({next_size_(), most, bytes_.size() - at_});
    if (n == 0) return failing(random_() % 2 == 0 ? EAGAIN : EINTR)();
    std::memcpy(to, bytes_.data() + at_, n);
    at_ += n;
    return static_cast<ssize_t>(n);
  }

  const Bytes& bytes_;
  std::function<std::size_t()> next_size_;
  std::size_t at_ = 0;
  std::mt19937 random_{7};
  Fake<&Kernel::read> fake_;
};

/// What a reader is expected to give: a body, or a whole record where it came in parts.
struct Arrived {
  FrameKind kind;
  PartEnd end;
  std::uint32_t item = 0;
  Bytes body;
  bool operator==(const Arrived& other) const {
    return kind == other.kind && end == other.end && item == other.item && body == other.body;
  }
};

Arrived at_hand(FrameReader& reader) {
  const FrameHeader& header = reader.header();
  Arrived arrived{header.kind, header.end, header.item, {}};
  // What a reader holds of an abandoned or unfinished record is its own business.
  const bool is_whole = header.kind != FrameKind::part || header.end == PartEnd::last;
  if (is_whole && reader.size() > 0) {
    arrived.body.assign(reader.body(), reader.body() + reader.size());
  }
  return arrived;
}

/// The next frame or the stream's end, however often the pipe is empty in between.
ReadStatus next_of(FrameReader& reader, int fd = 1000) {
  for (;;) {
    const ReadStatus status = reader.next(fd);
    if (status == ReadStatus::frame || status == ReadStatus::eof) return status;
    if (status == ReadStatus::corrupt) return status;
  }
}

std::vector<Arrived> read_all(ReadStatus& last) {
  FrameReader reader;
  std::vector<Arrived> all;
  while ((last = next_of(reader)) == ReadStatus::frame) all.push_back(at_hand(reader));
  return all;
}

Bytes random_bytes(std::mt19937& random, std::size_t size) {
  Bytes bytes(size);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
  return bytes;
}

/// Adds a record in parts to a stream, and what is to arrive of it.
void add_parts(Stream& stream, std::vector<Arrived>& expected, std::mt19937& random,
               std::size_t largest) {
  const auto item = static_cast<std::uint32_t>(random());
  Bytes whole;
  for (std::size_t parts = random() % 5; parts > 0; --parts) {
    const Bytes piece = random_bytes(random, random() % largest);
    stream.add(FrameKind::part, piece, PartEnd::more, item);
    expected.push_back({FrameKind::part, PartEnd::more, item, {}});
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  const Bytes rest = random_bytes(random, random() % largest);
  const PartEnd end = random() % 4 == 0 ? PartEnd::abandoned : PartEnd::last;
  stream.add(FrameKind::part, rest, end, item);
  whole.insert(whole.end(), rest.begin(), rest.end());
  expected.push_back({FrameKind::part, end, item, end == PartEnd::last ? whole : Bytes()});
}

Stream random_stream(std::vector<Arrived>& expected, std::mt19937& random, std::size_t largest) {
  Stream stream;
  for (int n = 0; n < 12; ++n) {
    if (random() % 2 == 0) {
      add_parts(stream, expected, random, largest);
    } else {
      const Bytes body = random_bytes(random, random() % largest);
      stream.add(FrameKind::records, body);
      expected.push_back({FrameKind::records, PartEnd::more, 0, body});
    }
  }
  stream.add(FrameKind::bye, {});
  expected.push_back({FrameKind::bye, PartEnd::more, 0, {}});
  return stream;
}

/// The stream's status after its first `size` bytes and no more.
ReadStatus status_after(const Stream& stream, std::size_t size, std::size_t frames) {
  const Bytes head(stream.bytes.begin(), stream.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  Source source(head, [] { return std::size_t{1000}; });
  ReadStatus last;
  CHECK(read_all(last).size() == frames);
  return last;
}

}  // namespace

TEST_CASE("frames survive reads of any random sizes") {
  std::mt19937 random(1);
  for (std::size_t largest_read : {1, 2, 3, 31, 33, 500, 100000}) {
    for (int round = 0; round < 8; ++round) {
      std::vector<Arrived> expected;
      const Stream stream = random_stream(expected, random, largest_read < 30 ? 90 : 3000);
      Source source(stream.bytes, [&] { return random() % (largest_read + 1); });
      ReadStatus last;
      REQUIRE(read_all(last) == expected);
      REQUIRE(last == ReadStatus::eof);
    }
  }
}

TEST_CASE("frames survive reads of one byte") {
  std::mt19937 random(2);
  std::vector<Arrived> expected;
  const Stream stream = random_stream(expected, random, 400);
  Source source(stream.bytes, [] { return std::size_t{1}; });
  ReadStatus last;
  CHECK(read_all(last) == expected);
}

TEST_CASE("frames larger than the input buffer survive reads of any size") {
  std::mt19937 random(3);
  for (int round = 0; round < 2; ++round) {
    std::vector<Arrived> expected;
    const Stream stream = random_stream(expected, random, 900000);
    Source source(stream.bytes, [&] { return random() % 3 == 0 ? 0 : random() % 400000; });
    ReadStatus last;
    REQUIRE(read_all(last) == expected);
  }
}

TEST_CASE("a stream may be cut anywhere between two reads") {
  std::vector<Arrived> expected;
  std::mt19937 random(4);
  const Stream stream = random_stream(expected, random, 40);
  for (std::size_t cut = 1; cut < stream.bytes.size(); ++cut) {
    std::size_t reads = 0;
    Source source(stream.bytes, [&] { return reads++ == 0 ? cut : std::size_t{100000}; });
    ReadStatus last;
    REQUIRE(read_all(last) == expected);
  }
}

TEST_CASE("an empty pipe is not the end") {
  const lomp::Pipe pipe = lomp::make_pipe();
  FrameReader reader;
  CHECK(reader.next(pipe.reader.get()) == ReadStatus::would_block);
  Stream stream;
  stream.add(FrameKind::records, {1, 2, 3});
  REQUIRE(::write(pipe.writer.get(), stream.bytes.data(), 20) == 20);
  CHECK(reader.next(pipe.reader.get()) == ReadStatus::would_block);
  REQUIRE(::write(pipe.writer.get(), stream.bytes.data() + 20, 15) == 15);
  REQUIRE(reader.next(pipe.reader.get()) == ReadStatus::frame);
  CHECK(reader.size() == 3);
  CHECK(reader.next(pipe.reader.get()) == ReadStatus::would_block);
}

TEST_CASE("frames that are all at hand need one read") {
  Stream stream;
  for (int i = 0; i < 100; ++i) stream.add(FrameKind::records, Bytes(50));
  int reads = 0;
  Fake<&Kernel::read> fake([&](int, void* to, size_t) -> ssize_t {
    if (++reads > 1) return failing(EAGAIN)();
    std::memcpy(to, stream.bytes.data(), stream.bytes.size());
    return static_cast<ssize_t>(stream.bytes.size());
  });
  FrameReader reader;
  for (int i = 0; i < 100; ++i) REQUIRE(reader.next(1000) == ReadStatus::frame);
  CHECK(reads == 1);
  CHECK(reader.expected() == 100);
}

TEST_CASE("a stream that breaks off inside a frame ends there") {
  Stream stream;
  stream.add(FrameKind::records, Bytes(100));
  stream.add(FrameKind::part, Bytes(100), PartEnd::more);
  stream.add(FrameKind::part, Bytes(100), PartEnd::last);
  for (std::size_t size = 0; size <= stream.bytes.size(); ++size) {
    REQUIRE(status_after(stream, size, size / (100 + sizeof(FrameHeader))) == ReadStatus::eof);
  }
}

TEST_CASE("the number of the next frame tells which have come whole") {
  Stream stream;
  stream.add(FrameKind::records, Bytes(10));
  stream.add(FrameKind::records, Bytes(10));
  stream.bytes.pop_back();
  Source source(stream.bytes, [] { return std::size_t{1000}; });
  FrameReader reader;
  CHECK(reader.expected() == 0);
  CHECK(next_of(reader) == ReadStatus::frame);
  CHECK(reader.expected() == 1);
  CHECK(next_of(reader) == ReadStatus::eof);
  CHECK(reader.expected() == 1);
}

TEST_CASE("any flipped bit of a header makes the stream corrupt") {
  Stream stream;
  stream.add(FrameKind::records, {1, 2, 3});
  stream.add(FrameKind::records, {4});
  for (std::size_t bit = 0; bit < 8 * sizeof(FrameHeader); ++bit) {
    Bytes damaged = stream.bytes;
    damaged[bit / 8] = static_cast<unsigned char>(damaged[bit / 8] ^ 1u << bit % 8);
    Source source(damaged, [] { return std::size_t{1000}; });
    FrameReader reader;
    REQUIRE(next_of(reader) == ReadStatus::corrupt);
  }
}

TEST_CASE("a frame out of its turn makes the stream corrupt") {
  for (std::uint32_t second : {0u, 2u, 0xffffffffu}) {
    Stream stream;
    stream.add(FrameKind::records, {1});
    FrameHeader header;
    header.sequence = second;
    stream.add_raw(lomp::sealed(header), {});
    Source source(stream.bytes, [] { return std::size_t{1000}; });
    FrameReader reader;
    CHECK(next_of(reader) == ReadStatus::frame);
    CHECK(next_of(reader) == ReadStatus::corrupt);
  }
}

TEST_CASE("a few bytes between two frames are passed over") {
  for (std::size_t stray : {1, 31, 32, 33, 4000, 60000}) {
    Stream stream;
    stream.add(FrameKind::records, {1});
    stream.bytes.insert(stream.bytes.end(), stray, 'l');  // with which a frame begins
    stream.add(FrameKind::records, {2});
    stream.bytes.insert(stream.bytes.end(), stray, 0);
    stream.add(FrameKind::part, {3}, PartEnd::more);
    stream.bytes.insert(stream.bytes.end(), stray, 0xff);
    stream.add(FrameKind::part, {4}, PartEnd::last);
    Source source(stream.bytes, [] { return std::size_t{1000}; });
    FrameReader reader;
    CHECK(next_of(reader) == ReadStatus::frame);
    CHECK(next_of(reader) == ReadStatus::frame);
    CHECK(reader.body()[0] == 2);
    CHECK(next_of(reader) == ReadStatus::frame);
    CHECK(next_of(reader) == ReadStatus::frame);
    CHECK(reader.size() == 2);
    CHECK(next_of(reader) == ReadStatus::eof);
  }
}

TEST_CASE("many bytes that belong to no frame make the stream corrupt") {
  Stream stream;
  stream.add(FrameKind::records, {1});
  stream.bytes.insert(stream.bytes.end(), 100000, 0);
  stream.add(FrameKind::records, {2});
  Source source(stream.bytes, [] { return std::size_t{1000}; });
  FrameReader reader;
  CHECK(next_of(reader) == ReadStatus::frame);
  CHECK(next_of(reader) == ReadStatus::corrupt);
  // It stays so: nothing that follows can be trusted.
  CHECK(reader.next(1000) == ReadStatus::corrupt);
}

TEST_CASE("a part that doesn't fit into memory throws") {
  Stream stream;
  FrameHeader header;
  header.kind = FrameKind::part;
  header.bytes = std::uint64_t{1} << 61;
  stream.add_raw(lomp::sealed(header), Bytes(100));
  Source source(stream.bytes, [] { return std::size_t{1000}; });
  FrameReader reader;
  CHECK_THROWS_AS(next_of(reader), std::bad_alloc);
}

TEST_CASE("frames of sizes near the largest number throw") {
  for (const FrameKind kind : {FrameKind::part, FrameKind::records}) {
    for (std::uint64_t short_of : {0, 1, 31, 32, 63, 99, 100, 101, 4000}) {
      Stream stream;
      stream.add(FrameKind::part, Bytes(100));  // what comes next belongs behind it
      FrameHeader header;
      header.kind = kind;
      header.sequence = 1;
      header.bytes = UINT64_MAX - short_of;
      stream.add_raw(lomp::sealed(header), Bytes(5000));
      Source source(stream.bytes, [] { return std::size_t{1000}; });
      FrameReader reader;
      REQUIRE(next_of(reader) == ReadStatus::frame);
      CHECK_THROWS_AS(next_of(reader), std::bad_alloc);
    }
  }
}

TEST_CASE("a large record is read in bouts so that its reader can see to interrupts") {
  constexpr std::uint64_t size = std::uint64_t{1} << 30;
  Stream stream;
  FrameHeader header;
  header.kind = FrameKind::part;
  header.end = PartEnd::last;
  header.bytes = size;
  stream.add_raw(lomp::sealed(header), {});
  std::uint64_t served = 0;
  Fake<&Kernel::read> fake([&](int, void* to, size_t most) -> ssize_t {
    if (served == 0) std::memcpy(to, stream.bytes.data(), sizeof header);
    // The body's memory isn't touched, so it costs nothing.
    const std::size_t n = served == 0 ? sizeof header : std::min<std::size_t>(most, 1 << 20);
    served += n;
    return static_cast<ssize_t>(n);
  });
  FrameReader reader;
  CHECK(reader.next(1000) != ReadStatus::frame);
  CHECK(served < size / 4);
  CHECK(next_of(reader) == ReadStatus::frame);
  CHECK(served == size + sizeof header);
  CHECK(reader.size() == size);
}

TEST_CASE("a failed read is the end") {
  Fake<&Kernel::read> fake(failing(EIO));
  FrameReader reader;
  CHECK(reader.next(1000) == ReadStatus::eof);
}

TEST_CASE("a large record comes through a small pipe from another process") {
  const LeavesNothing check;
  std::mt19937 random(5);
  Stream stream;
  const Bytes first = random_bytes(random, 3000000), second = random_bytes(random, 1000001);
  stream.add(FrameKind::part, first, PartEnd::more, 3);
  stream.add(FrameKind::part, second, PartEnd::last, 3);
  lomp::Pipe pipe = lomp::make_pipe(4096);
  const pid_t writer = ::fork();
  if (writer == 0) {
    iovec part{stream.bytes.data(), stream.bytes.size()};
    lomp::write_all(pipe.writer.get(), &part, 1);
    ::_exit(0);
  }
  pipe.writer.reset();
  FrameReader reader;
  CHECK(next_of(reader, pipe.reader.get()) == ReadStatus::frame);
  CHECK(next_of(reader, pipe.reader.get()) == ReadStatus::frame);
  REQUIRE(reader.size() == first.size() + second.size());
  CHECK(std::equal(first.begin(), first.end(), reader.body()));
  CHECK(std::equal(second.begin(), second.end(), reader.body() + first.size()));
  CHECK(next_of(reader, pipe.reader.get()) == ReadStatus::eof);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("a writer that is killed between header and body leaves an end and no frame") {
  const LeavesNothing check;
  Stream stream;
  stream.add(FrameKind::records, Bytes(100));
  lomp::Pipe pipe = lomp::make_pipe();
  const int status = run_in_process([&] {
    if (::write(pipe.writer.get(), stream.bytes.data(), sizeof(FrameHeader)) < 0) return 1;
    kill_self();
  });
  CHECK(was_killed_by(status, SIGKILL));
  pipe.writer.reset();
  FrameReader reader;
  CHECK(reader.next(pipe.reader.get()) == ReadStatus::eof);
  CHECK(reader.expected() == 0);
}

TEST_CASE("it is known whether more is at hand than the frame that was given") {
  Stream stream;
  stream.add(FrameKind::records, Bytes(3));
  stream.add(FrameKind::records, {});
  stream.add(FrameKind::records, Bytes(5));
  const std::size_t most = stream.bytes.size() - 1;  // of the last frame a byte is missing
  std::size_t given = 0;
  const Source source(stream.bytes, [&] { return std::exchange(given, most) == 0 ? most : 0; });
  FrameReader reader;
  CHECK_FALSE(reader.has_more());
  REQUIRE(reader.next(1000) == ReadStatus::frame);
  CHECK(reader.has_more());
  REQUIRE(reader.next(1000) == ReadStatus::frame);
  CHECK(reader.has_more());
  given = 0;
  REQUIRE(reader.next(1000) == ReadStatus::frame);
  CHECK_FALSE(reader.has_more());
}
