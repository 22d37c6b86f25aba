#include <sys/resource.h>
#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <string>

#include "harness/processes.hpp"
#include "lomp/pool/item_batch.hpp"
#include "lomp/shared/shared_page.hpp"

using namespace lomp_test;
using lomp::ItemBatch;
using lomp::Record;

namespace {

/// A batch, its inbox and both ends of the socket that its files go by.
struct Post {
  lomp::SharedPage page{0, 1, 64, 8192};
  lomp::ControlPair control = lomp::make_control_pair();
  ItemBatch batch;

  Post() { batch.open(page.inbox(0, 0), control.parent.get()); }

  bool add(std::uint64_t item, const std::string& text) {
    batch.begin();
    batch.put(text.data(), text.size());
    return batch.add(item, 2);
  }

  std::vector<Record> posted() {
    batch.post();
    std::vector<Record> records;
    const lomp::Inbox inbox = page.inbox(0, 0);
    CHECK(inbox.state().is_closed);
    const unsigned char* at = inbox.data();
    for (std::uint32_t i = 0; i < inbox.state().end; ++i) {
      lomp::RecordHeader header;
      std::memcpy(&header, at, sizeof header);
      REQUIRE(lomp::parse_records(at, sizeof header + header.size(), 0, records));
      at += sizeof header + header.size();
    }
    return records;
  }
};

std::string text_of(const Record& record) {
  return {reinterpret_cast<const char*>(record.data), record.size};
}

}  // namespace

TEST_CASE("small items lie in the inbox in their order") {
  Post post;
  CHECK(post.batch.empty());
  REQUIRE(post.add(4, "four"));
  REQUIRE(post.add(5, ""));
  REQUIRE(post.add(7, "seven"));
  CHECK_FALSE(post.batch.empty());
  const std::vector<Record> records = post.posted();
  REQUIRE(records.size() == 3);
  CHECK(records[0].item == 4);
  CHECK(text_of(records[0]) == "four");
  CHECK(records[1].size == 0);
  CHECK(records[2].item == 7);
  CHECK(records[2].kind == 2);
  CHECK_FALSE(records[2].goes_on);
  CHECK(text_of(records[2]) == "seven");
}

TEST_CASE("what is handed over can be taken while more is added") {
  Post post;
  const lomp::Inbox inbox = post.page.inbox(0, 0);
  CHECK_FALSE(post.batch.publish());
  CHECK(inbox.state().is_empty());
  REQUIRE(inbox.fall_asleep());
  REQUIRE(post.add(0, "one"));
  CHECK(inbox.state().is_empty());
  CHECK(post.batch.publish());
  CHECK(inbox.state().end == 1);
  REQUIRE(inbox.begin());
  std::uint32_t place = 0;
  REQUIRE(inbox.take(place));
  REQUIRE(post.add(1, "two"));
  CHECK_FALSE(post.batch.publish());
  CHECK_FALSE(post.batch.publish());
  REQUIRE(inbox.take(place));
  CHECK(place == 1);
  CHECK_FALSE(inbox.state().is_closed);
  REQUIRE(post.add(2, std::string(5000, 'x')));
  CHECK(post.posted().size() == 3);
  CHECK(inbox.state().files_end == 1);
  std::vector<lomp::BatchItem> items;
  post.batch.give_items(items);
  REQUIRE(items.size() == 3);
  CHECK(items[1].item == 1);
  CHECK(items[1].files_end == 0);
  CHECK(items[2].files_end == 1);
}

TEST_CASE("an item that was begun and not added is forgotten") {
  Post post;
  post.batch.begin();
  post.batch.put("half", 4);
  REQUIRE(post.add(1, "whole"));
  const std::vector<Record> records = post.posted();
  REQUIRE(records.size() == 1);
  CHECK(text_of(records[0]) == "whole");
}

TEST_CASE("a large item goes into a file that the record names") {
  Post post;
  const std::string large(100000, 'x');
  REQUIRE(post.add(3, large));
  const std::vector<Record> records = post.posted();
  REQUIRE(records.size() == 1);
  CHECK(records[0].goes_on);
  lomp::SpilledRecord spilled;
  REQUIRE(records[0].size == sizeof spilled);
  std::memcpy(&spilled, records[0].data, sizeof spilled);
  CHECK(spilled.bytes == large.size());
  lomp::NumberedFd file;
  REQUIRE(lomp::receive_descriptor(post.control.worker.get(), file));
  CHECK(file.number == spilled.number);
  const lomp::MappedPayload mapped(file.fd.get(), spilled.bytes);
  REQUIRE(static_cast<bool>(mapped));
  CHECK(std::string(reinterpret_cast<const char*>(mapped.data()), spilled.bytes) == large);
}

TEST_CASE("a batch takes a bounded number of files and bytes") {
  Post post;
  const std::string large(5000, 'x');
  std::uint64_t item = 0;
  while (post.batch.has_room()) REQUIRE(post.add(item++, large));
  CHECK(item < ItemBatch::max_files);
  std::uint32_t number = 0;
  CHECK_FALSE(post.batch.put_payload(large.data(), large.size(), number));
  Post other;
  item = 0;
  while (other.batch.has_room()) REQUIRE(other.add(item++, "a small item"));
  CHECK(item > 100);
  CHECK(other.posted().size() == item);
}

TEST_CASE("payloads are numbered on from batch to batch") {
  Post post;
  std::uint32_t first = 9, second = 9;
  REQUIRE(post.batch.put_payload("data", 4, first));
  REQUIRE(post.batch.add(0, 0));
  post.batch.post();
  post.batch.open(post.page.inbox(0, 1), post.control.parent.get());
  REQUIRE(post.batch.put_payload("data", 4, second));
  CHECK(first == 0);
  CHECK(second == 1);
}

TEST_CASE("files that the worker has let go of are used again") {
  Post post;
  post.batch.use_files_again(std::size_t{1} << 20);
  const auto send = [&post](char fill, lomp::NumberedFd& file) {
    const std::string content(200000, fill);
    std::uint32_t number = 0;
    REQUIRE(post.batch.put_payload(content.data(), content.size(), number));
    REQUIRE(lomp::receive_descriptor(post.control.worker.get(), file));
    CHECK(file.number == number);
    std::string found(content.size(), '-');
    CHECK(lomp::read_payload(file.fd.get(), &found[0], found.size()));
    CHECK(found == content);
    struct stat status {};
    REQUIRE(::fstat(file.fd.get(), &status) == 0);
    return status.st_ino;
  };
  lomp::NumberedFd first, second, third, fourth;
  const ino_t one = send('a', first), two = send('b', second);
  CHECK(one != two);
  post.batch.set_free(first.number);
  post.batch.set_free(77);  // there is no such one
  CHECK(send('c', third) == one);
  const ino_t three = send('d', fourth);
  CHECK(three != one);
  CHECK(three != two);
}

namespace {

const std::string large(ItemBatch::worth_holding, 'x');

/// The content of an item's payload.
std::string content_of(lomp::RetainedItem& held, std::uint32_t number) {
  std::string found(large.size(), '-');
  CHECK(lomp::read_payload(held.take_payload(0, number), &found[0], found.size()));
  return found;
}

/// Begins an item that consists of a payload and this text.
std::uint32_t begin_large(Post& post, const std::string& content, const std::string& text) {
  std::uint32_t number = 0;
  post.batch.begin();
  REQUIRE(post.batch.put_payload(content.data(), content.size(), number));
  post.batch.put(text.data(), text.size());
  return number;
}

}  // namespace

TEST_CASE("an item of large payloads can be held as it was sent") {
  for (const bool reuses : {false, true}) {
    Post post;
    if (reuses) post.batch.use_files_again(100);
    begin_large(post, large, "before");
    REQUIRE(post.batch.add(0, 2));
    const std::uint32_t number = begin_large(post, large, "text");
    std::uint32_t second = 0;
    REQUIRE(post.batch.put_payload(large.data(), large.size(), second));
    REQUIRE(post.batch.add(1, 2));
    lomp::RetainedItem held = post.batch.take_held();
    REQUIRE(static_cast<bool>(held));
    CHECK(held.record().kind == 2);
    CHECK(text_of(held.record()) == "text");
    CHECK(content_of(held, number) == large);
    CHECK(content_of(held, second) == large);
    CHECK_FALSE(static_cast<bool>(post.batch.take_held()));
  }
}

TEST_CASE("items that are small in parts or have a large record are not held") {
  Post post;
  REQUIRE(post.add(0, "small"));
  CHECK_FALSE(static_cast<bool>(post.batch.take_held()));
  begin_large(post, large, std::string(5000, 'y'));
  REQUIRE(post.batch.add(1, 2));
  CHECK_FALSE(static_cast<bool>(post.batch.take_held()));
  for (const std::size_t size : {large.size() - 1, large.size()}) {
    std::uint32_t number = 0;
    begin_large(post, large.substr(0, size), "text");
    const std::size_t other = 2 * large.size() - 1 - size;
    REQUIRE(post.batch.put_payload(large.data(), other, number));
    REQUIRE(post.batch.add(2, 2));
    CHECK_FALSE(static_cast<bool>(post.batch.take_held()));
  }
}

TEST_CASE("an item without a descriptor of its files is sent but not held") {
  CHECK(run_in_process([] {
          Post post;
          post.batch.use_files_again(100);
          // One for the payload's file is left, and none for a second one of it.
          const lomp::Fd last(::dup(0));
          const auto most = static_cast<rlim_t>(last.get()) + 2;
          const rlimit few{most, most};
          if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
          std::uint32_t number = 0;
          post.batch.begin();
          if (!post.batch.put_payload(large.data(), large.size(), number)) return 3;
          if (!post.batch.add(0, 2)) return 4;
          return post.batch.take_held() ? 1 : 0;
        }) == 0);
}

TEST_CASE("an item that no file can be sent for is refused") {
  Post post;
  post.control.worker.reset();
  CHECK_FALSE(post.add(0, std::string(100000, 'x')));
  CHECK(post.add(1, "small"));
}
