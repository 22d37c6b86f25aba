#include <testthat/vendor/catch.h>

#include <random>

#include "lomp/wire/record.hpp"

using lomp::make_record_header;
using lomp::parse_records;
using lomp::Record;
using lomp::RecordHeader;
using lomp::RecordKind;

namespace {

using Bytes = std::vector<unsigned char>;

void append(Bytes& row, std::uint32_t item, RecordKind kind, const Bytes& body,
            std::uint32_t payload_pages = 0) {
  const RecordHeader header = make_record_header(item, kind, body.size(), payload_pages);
  const auto* first = reinterpret_cast<const unsigned char*>(&header);
  row.insert(row.end(), first, first + sizeof header);
  row.insert(row.end(), body.begin(), body.end());
}

std::vector<Record> parsed(const Bytes& row) {
  std::vector<Record> records;
  REQUIRE(parse_records(row.data(), row.size(), 3, records));
  return records;
}

/// A row of records and, for each, where it ends.
struct Row {
  Bytes bytes;
  std::vector<std::size_t> ends;
};

Row random_row(std::mt19937& random) {
  Row row;
  for (std::uint32_t item = 0, n = random() % 20; item < n; ++item) {
    append(row.bytes, item, {item % 16, item % 3 == 0},
           Bytes(random() % 30, static_cast<unsigned char>(item)));
    row.ends.push_back(row.bytes.size());
  }
  return row;
}

bool ends_between_records(const Row& row, std::size_t size) {
  return size == 0 || std::find(row.ends.begin(), row.ends.end(), size) != row.ends.end();
}

}  // namespace

TEST_CASE("a row without records is a row") { CHECK(parsed({}).empty()); }

TEST_CASE("all kinds and extreme items come through") {
  Bytes row;
  for (unsigned kind = 0; kind < 16; ++kind) append(row, 0xfffffffe, {kind}, {1, 2, 3});
  const std::vector<Record> records = parsed(row);
  REQUIRE(records.size() == 16);
  for (unsigned kind = 0; kind < 16; ++kind) {
    CHECK(records[kind].item == 0xfffffffe);
    CHECK(records[kind].kind == kind);
    CHECK(records[kind].size == 3);
    CHECK(records[kind].data[2] == 3);
  }
}

TEST_CASE("an empty record is a record") {
  Bytes row;
  append(row, 5, {0}, {});
  append(row, 6, {1}, {});
  const std::vector<Record> records = parsed(row);
  REQUIRE(records.size() == 2);
  CHECK(records[0].size == 0);
  CHECK(records[1].item == 6);
}

TEST_CASE("the largest staged record keeps its size and its kind") {
  const RecordHeader header = make_record_header(1, {15}, lomp::max_staged_record);
  CHECK(header.size() == lomp::max_staged_record);
  CHECK(header.kind().kind == 15);
  CHECK_FALSE(header.kind().goes_on);
}

TEST_CASE("records are appended to those at hand") {
  Bytes row;
  append(row, 1, {0}, {});
  std::vector<Record> records(3);
  REQUIRE(parse_records(row.data(), row.size(), 3, records));
  CHECK(records.size() == 4);
}

TEST_CASE("a row is borrowed and not copied") {
  Bytes row;
  append(row, 1, {0}, {9, 9});
  CHECK(parsed(row)[0].data == row.data() + sizeof(RecordHeader));
}

TEST_CASE("rows that end inside a record are refused and all others are read") {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    const Row row = random_row(random);
    for (std::size_t size = 0; size <= row.bytes.size(); ++size) {
      const Bytes head(row.bytes.begin(), row.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      std::vector<Record> records;
      REQUIRE(parse_records(head.data(), size, 3, records) == ends_between_records(row, size));
    }
  }
}

TEST_CASE("a size beyond the row is refused") {
  Bytes row;
  append(row, 1, {0}, {1, 2, 3});
  const RecordHeader lie = make_record_header(1, {}, lomp::max_staged_record);
  std::memcpy(row.data(), &lie, sizeof lie);
  std::vector<Record> records;
  CHECK_FALSE(parse_records(row.data(), row.size(), 3, records));
}

TEST_CASE("a kind and what it tells of its item come through a word") {
  for (unsigned kind = 0; kind < 16; ++kind) {
    for (bool goes_on : {false, true}) {
      for (bool has_drawn : {false, true}) {
        const RecordKind through = RecordKind::of(RecordKind{kind, goes_on, has_drawn}.word());
        CHECK(through.kind == kind);
        CHECK(through.goes_on == goes_on);
        CHECK(through.has_drawn == has_drawn);
      }
    }
  }
}

TEST_CASE("a kind out of range touches nothing beside it") {
  const RecordKind through = RecordKind::of(RecordKind{0xffffffff, false}.word());
  CHECK(through.kind == 15);
  CHECK_FALSE(through.goes_on);
  CHECK_FALSE(through.has_drawn);
}

TEST_CASE("the largest staged record keeps that its item goes on and what its payloads take") {
  const RecordHeader header =
      make_record_header(0xfffffffe, {9, true, true}, lomp::max_staged_record, 0xffffffff);
  CHECK(header.item == 0xfffffffe);
  CHECK(header.size() == lomp::max_staged_record);
  CHECK(header.kind().kind == 9);
  CHECK(header.kind().goes_on);
  CHECK(header.kind().has_drawn);
  CHECK(header.payload_pages == 0xffffffff);
}

TEST_CASE("a parsed record has all that its header tells") {
  Bytes row;
  append(row, 1, {3, true}, {1, 2}, 7);
  append(row, 1, {4, false}, {}, 0);
  const std::vector<Record> records = parsed(row);
  REQUIRE(records.size() == 2);
  CHECK(records[0].kind == 3);
  CHECK(records[0].goes_on);
  CHECK(records[0].payload_pages == 7);
  CHECK(records[0].worker == 3);
  CHECK(records[1].kind == 4);
  CHECK_FALSE(records[1].goes_on);
  CHECK(records[1].payload_pages == 0);
}

TEST_CASE("a record costs its bytes and the pages of its payloads") {
  Bytes row;
  append(row, 1, {}, {}, 0);
  append(row, 1, {}, {1, 2, 3}, 0);
  append(row, 1, {}, {1, 2, 3}, 2);
  append(row, 1, {}, {}, 0xffffffff);
  const std::vector<Record> records = parsed(row);
  REQUIRE(records.size() == 4);
  CHECK(records[0].cost() == 0);
  CHECK(records[1].cost() == 3);
  CHECK(records[2].cost() == 3 + 2 * 4096);
  CHECK(records[3].cost() == std::uint64_t{0xffffffff} * 4096);
}
