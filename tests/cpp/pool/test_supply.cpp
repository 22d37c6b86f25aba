#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <string>
#include <vector>

#include "harness/processes.hpp"
#include "lomp/pool/supply.hpp"

using namespace lomp_test;
using lomp::Inbox;
using lomp::Supply;

namespace {

using Items = std::vector<std::uint64_t>;

/// A worker's supply, and what the worker does.
struct Line {
  lomp::SharedPage page{0, 1, 64, 8192};
  lomp::ControlPair control = lomp::make_control_pair();
  Supply supply;
  std::uint64_t serial = 0;

  Inbox inbox(std::uint32_t batch) { return page.inbox(0, static_cast<int>(batch % 2)); }

  void add(std::uint64_t item, std::size_t bytes = 5) {
    lomp::ItemBatch& batch = supply.batch(page, 0, control.parent.get(), 1);
    const std::string content(bytes, 'x');
    batch.begin();
    batch.put(content.data(), content.size());
    REQUIRE(batch.add(item, 0));
  }

  void post(const Items& items) {
    for (std::uint64_t item : items) add(item);
    supply.post(page, 0, ++serial, 10);
  }

  /// The worker begins its batch of this number and takes so many items of it.
  void begin(std::uint32_t batch, int items) {
    std::uint32_t place = 0;
    REQUIRE(inbox(batch).begin());
    for (int i = 0; i < items; ++i) REQUIRE(inbox(batch).take(place));
    supply.ask(batch + 1, 3, false);
  }

  Items take_back() {
    Items items;
    supply.take_back([&](std::uint64_t item) { items.push_back(item); });
    return items;
  }
};

}  // namespace

TEST_CASE("a worker asks from its question to the answer") {
  Line line;
  CHECK(line.supply.is_starting());
  CHECK_FALSE(line.supply.is_asking());
  line.supply.ask(0, 0, true);
  CHECK_FALSE(line.supply.is_starting());
  CHECK(line.supply.is_asking());
  CHECK(line.supply.is_idle());
  CHECK(line.supply.wanted() == 1);
  CHECK(line.supply.is_empty());
  line.add(0);
  CHECK_FALSE(line.supply.is_empty());
  CHECK(line.supply.is_asking());
  line.post({1});
  CHECK_FALSE(line.supply.is_asking());
  CHECK_FALSE(line.supply.is_idle());
  line.begin(0, 1);
  CHECK(line.supply.is_asking());
  CHECK_FALSE(line.supply.is_idle());
  CHECK(line.supply.wanted() == 3);
  line.post({2});
  line.supply.ask(1, 3, true);  // it crossed its answer
  CHECK_FALSE(line.supply.is_asking());
  line.begin(1, 1);
  line.supply.leave();
  CHECK_FALSE(line.supply.is_asking());
}

TEST_CASE("what is in store is taken back and isn't sent there again before the worker is idle") {
  Line line;
  line.supply.ask(0, 1, true);
  line.post({0});
  line.begin(0, 1);
  line.post({1});
  Supply::Rest rest;
  REQUIRE(line.supply.find_rest(rest));
  CHECK(rest.item == 1);
  CHECK(rest.items == 1);
  CHECK(rest.serial == 2);
  CHECK(rest.since == 10);
  CHECK_FALSE(rest.is_awaited);
  CHECK(line.take_back() == Items{1});
  CHECK_FALSE(line.supply.find_rest(rest));
  CHECK(line.take_back().empty());
  CHECK_FALSE(line.supply.is_asking());
  CHECK_FALSE(line.inbox(1).begin());
  line.supply.ask(1, 1, true);
  CHECK(line.supply.is_idle());
  line.post({5});
  REQUIRE(line.supply.find_rest(rest));
  CHECK(rest.is_awaited);
  line.begin(1, 0);
  REQUIRE(line.supply.find_rest(rest));
  CHECK_FALSE(rest.is_awaited);
}

TEST_CASE("a batch that is taken back although the worker waits for it leaves it idle") {
  Line line;
  line.supply.ask(0, 1, true);
  line.post({0});
  CHECK(line.take_back() == Items{0});
  CHECK(line.supply.is_idle());
}

TEST_CASE("what is left of the batch in hand comes before what is in store") {
  Line line;
  line.supply.ask(0, 1, true);
  line.post({0, 1, 2, 3});
  line.begin(0, 1);
  line.post({4, 5});
  CHECK((line.take_back() == Items{1, 2}));
  CHECK(line.take_back() == Items{3});
  CHECK(line.take_back() == Items{4});
  CHECK(line.take_back() == Items{5});
  CHECK(line.take_back().empty());
  CHECK(line.inbox(0).state().is_over());
}

TEST_CASE("a batch that is open at the place of an earlier one is left alone") {
  Line line;
  line.supply.ask(0, 1, true);
  line.post({0});
  line.begin(0, 1);
  line.post({1});
  line.inbox(0).clear();
  line.begin(1, 1);
  for (std::uint64_t item : {2, 3, 4}) line.add(item);
  line.supply.publish();
  CHECK(line.take_back().empty());
  CHECK(line.supply.opened() == 1);
  CHECK(line.inbox(2).state().end == 3);
}

TEST_CASE("whatever a worker writes over its inbox nothing that isn't there is taken back") {
  Line line;
  line.supply.ask(0, 1, true);
  line.post({0, 1});
  for (std::uint32_t end : {3u, lomp::BatchState::max_items}) {
    line.inbox(0).publish(end, 0, false);
    Supply::Rest rest;
    CHECK_FALSE(line.supply.find_rest(rest));
    CHECK(line.take_back().empty());
  }
}

TEST_CASE("files of items that are taken back are not used again") {
  Line line;
  line.supply.use_files_again(std::size_t{1} << 24);
  std::vector<lomp::Fd> held;  // lest another file gets the number of one that is gone
  const auto send = [&](std::uint64_t item) {
    lomp::ItemBatch& batch = line.supply.batch(line.page, 0, line.control.parent.get(), 1);
    const std::string content(200000, static_cast<char>('a' + item));
    std::uint32_t number = 0;
    batch.begin();
    REQUIRE(batch.put_payload(content.data(), content.size(), number));
    REQUIRE(batch.add(item, 0));
    lomp::NumberedFd file;
    REQUIRE(lomp::receive_descriptor(line.control.worker.get(), file));
    struct stat status {};
    REQUIRE(::fstat(file.fd.get(), &status) == 0);
    held.push_back(std::move(file.fd));
    return status.st_ino;
  };
  line.supply.ask(0, 1, true);
  const ino_t kept = send(0), taken = send(1), left = send(2);
  line.supply.post(line.page, 0, 1, 1);
  line.begin(0, 1);
  CHECK(line.take_back() == Items{1});
  CHECK(line.inbox(0).state().files_end == 3);
  for (std::uint32_t number : {0, 1, 2}) line.supply.set_free(number);
  for (std::uint64_t item : {3, 4, 5}) {
    const ino_t now = send(item);
    CHECK(now != taken);
    CHECK((now == kept || now == left || item == 5));
  }
}
