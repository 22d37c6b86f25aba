#include <testthat/vendor/catch.h>

#include <memory>
#include <random>
#include <vector>

#include "lomp/pool/reorder.hpp"

using lomp::Reorder;

namespace {

using Order = Reorder<int>;

/// Takes what comes next, if it can be had, as was said before.
bool take(Order& order, int& value) {
  const int* const next = order.next();
  const int said = next == nullptr ? 0 : *next;
  const bool has_taken = order.take(value);
  CHECK(has_taken == (next != nullptr));
  if (has_taken) CHECK(value == said);
  return has_taken;
}

/// Takes all that can be had.
std::vector<int> take_all(Order& order) {
  std::vector<int> taken;
  int value = 0;
  while (take(order, value)) taken.push_back(value);
  return taken;
}

std::vector<int> list(std::initializer_list<int> values) { return values; }

/// One thing that happens to an item: a value comes, or the item ends.
struct News {
  std::uint64_t item;
  int value;  ///< below 0: its end
};

/// What comes of each item, in its order: values count up in it.
std::vector<std::vector<News>> random_items(std::mt19937& random) {
  std::vector<std::vector<News>> items(random() % 20);
  for (std::uint64_t item = 0; item < items.size(); ++item) {
    const int n = static_cast<int>(random() % 5);
    for (int k = 0; k < n; ++k) items[item].push_back({item, static_cast<int>(item) * 100 + k});
    items[item].push_back({item, -1});
  }
  return items;
}

/// The next news of an item that isn't through yet, chosen at random.
bool draw(std::mt19937& random, const std::vector<std::vector<News>>& items,
          std::vector<std::size_t>& heard, News& news) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (heard[i] < items[i].size()) open.push_back(i);
  }
  if (open.empty()) return false;
  const std::size_t item = open[random() % open.size()];
  news = items[item][heard[item]++];
  return true;
}

void tell(Order& order, const News& news) {
  if (news.value < 0) {
    order.end(news.item);
  } else {
    order.put(news.item, news.value);
  }
}

std::vector<int> sorted_values(const std::vector<std::vector<News>>& items) {
  std::vector<int> values;
  for (const std::vector<News>& item : items) {
    for (const News& news : item) {
      if (news.value >= 0) values.push_back(news.value);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("nothing comes of nothing") {
  Order order;
  CHECK(take_all(order).empty());
  CHECK(order.head() == 0);
}

TEST_CASE("values of the first item come at once") {
  Order order;
  order.put(0, 5);
  CHECK(take_all(order) == list({5}));
  CHECK(order.head() == 0);
  order.put(0, 6);
  order.put(0, 7);
  CHECK(take_all(order) == list({6, 7}));
}

TEST_CASE("values of later items wait for the ends of all before them") {
  Order order;
  order.put(2, 20);
  order.put(1, 10);
  CHECK(take_all(order).empty());
  order.end(0);
  CHECK(take_all(order) == list({10}));
  CHECK(order.head() == 1);
  order.end(1);
  CHECK(take_all(order) == list({20}));
  CHECK(order.head() == 2);
}

TEST_CASE("within an item values keep the order of their coming") {
  Order order;
  for (int value : {3, 1, 2}) order.put(1, value);
  order.end(1);
  order.end(0);
  CHECK(take_all(order) == list({3, 1, 2}));
}

TEST_CASE("items without values are passed over") {
  Order order;
  for (std::uint64_t item : {4, 0, 2, 1, 3}) order.end(item);
  order.put(5, 50);
  CHECK(take_all(order) == list({50}));
  CHECK(order.head() == 5);
}

TEST_CASE("an item that ended before earlier ones keeps its values until its turn") {
  Order order;
  order.put(1, 10);
  order.end(1);
  order.put(0, 1);
  CHECK(take_all(order) == list({1}));
  order.put(0, 2);
  order.end(0);
  CHECK(take_all(order) == list({2, 10}));
  CHECK(order.head() == 2);
}

TEST_CASE("the head goes on only when a value is taken") {
  Order order;
  order.put(0, 1);
  order.end(0);
  order.end(1);
  CHECK(order.head() == 0);
  int value = 0;
  CHECK(order.take(value));
  CHECK(order.head() == 0);
  CHECK_FALSE(order.take(value));
  CHECK(order.head() == 2);
}

TEST_CASE("the head is the item of the value that was taken last") {
  Order order;
  for (int item = 0; item < 10; ++item) {
    order.put(static_cast<std::uint64_t>(9 - item), 9 - item);
    order.end(static_cast<std::uint64_t>(9 - item));
  }
  int value = 0;
  for (int item = 0; item < 10; ++item) {
    REQUIRE(order.take(value));
    CHECK(value == item);
    CHECK(order.head() == static_cast<std::uint64_t>(item));
  }
}

TEST_CASE("a value that isn't had leaves the last one alone") {
  Order order;
  int value = 42;
  CHECK_FALSE(order.take(value));
  CHECK(value == 42);
}

TEST_CASE("nothing is held of what was taken") {
  Reorder<std::shared_ptr<int>> order;
  std::vector<std::weak_ptr<int>> watched;
  for (std::uint64_t item : {1, 0, 1, 0}) {
    const auto value = std::make_shared<int>(static_cast<int>(item));
    watched.push_back(value);
    order.put(item, value);
  }
  order.end(0);
  order.end(1);
  std::shared_ptr<int> taken;
  while (order.take(taken)) continue;
  taken.reset();
  for (const std::weak_ptr<int>& value : watched) CHECK(value.expired());
}

TEST_CASE("values that can only be moved are moved") {
  Reorder<std::unique_ptr<int>> order;
  order.put(0, std::make_unique<int>(7));
  std::unique_ptr<int> taken;
  REQUIRE(order.take(taken));
  CHECK(*taken == 7);
}

TEST_CASE("items beyond 32 bits are kept apart") {
  Order order;
  order.put(std::uint64_t{1} << 32, 1);
  order.put(0, 2);
  CHECK(take_all(order) == list({2}));
}

TEST_CASE("however values and ends come they are taken in the order of a sort") {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    const std::vector<std::vector<News>> items = random_items(random);
    std::vector<std::size_t> heard(items.size());
    Order order;
    std::vector<int> taken;
    for (News news{}; draw(random, items, heard, news);) {
      tell(order, news);
      if (random() % 3 != 0) continue;
      for (int value : take_all(order)) taken.push_back(value);
    }
    for (int value : take_all(order)) taken.push_back(value);
    REQUIRE(taken == sorted_values(items));
    REQUIRE(order.head() == items.size());
  }
}

TEST_CASE("when nothing more will come gaps and items without an end are passed over") {
  Order order;
  order.put(1, 10);
  order.put(4, 40);
  order.put(1, 11);
  CHECK(take_all(order).empty());
  order.skip_gaps();
  CHECK(take_all(order) == list({10, 11, 40}));
  CHECK(take_all(order).empty());
}

TEST_CASE("all that has come can be seen whether it is its turn or not") {
  Order order;
  order.put(2, 20);
  order.put(0, 1);
  order.put(2, 21);
  std::vector<int> seen;
  order.each([&](int value) { seen.push_back(value); });
  CHECK(seen == list({1, 20, 21}));
  CHECK(take_all(order) == list({1}));
}

TEST_CASE("items of which all was taken are left behind when they have ended") {
  Order order;
  CHECK_FALSE(order.pass_ended());
  order.put(0, 1);
  order.end(0);
  order.end(1);
  order.put(2, 3);
  CHECK_FALSE(order.pass_ended());
  CHECK(order.head() == 0);
  int value = 0;
  REQUIRE(order.take(value));
  CHECK(order.head() == 0);
  CHECK(order.pass_ended());
  CHECK(order.head() == 2);
  CHECK_FALSE(order.pass_ended());
  REQUIRE(order.take(value));
  CHECK(value == 3);
  CHECK_FALSE(order.pass_ended());  // it goes on
  order.end(2);
  CHECK(order.pass_ended());
  CHECK(order.head() == 3);
}
