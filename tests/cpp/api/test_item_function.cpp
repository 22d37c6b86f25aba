// What a pool's worker does with a function, seen by a bare pool.
#include <testthat/vendor/catch.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>

#include "harness/pools.hpp"
#include "lomp/api/item_function.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::ItemFunction;
using lomp::Record;

namespace {

/// The records of a call of so many items, each as its kind and its bytes.
std::map<std::uint64_t, std::string> records_of(std::uint64_t items, ItemFunction function,
                                                int& losses) {
  lomp::PoolOptions options;
  options.items = items;
  lomp::Pool pool(options, std::move(function));
  std::map<std::uint64_t, std::string> records;
  Event event;
  while (event.kind != EventKind::finished && event.kind != EventKind::failed) {
    event = pool.next(tick_ms);
    losses += event.kind == EventKind::lost;
    for (std::size_t i = 0; i < event.count; ++i) {
      const Record& record = event.records[i];
      const std::string bytes(reinterpret_cast<const char*>(record.data), record.size);
      records[record.item] = std::to_string(record.kind) + bytes;
    }
  }
  return records;
}

ItemFunction without_limit(ItemFunction::Function function) {
  return ItemFunction(std::move(function), std::chrono::nanoseconds(0));
}

}  // namespace

TEST_CASE("a record has the bytes that the function returned or the words of its exception") {
  const LeavesNothing check;
  int losses = 0;
  const auto records = records_of(4, without_limit([](std::uint64_t item) -> std::string {
                                    if (item == 1) throw std::runtime_error("no such picture");
                                    if (item == 2) throw 2;
                                    return std::string(item, '\0') + "x";
                                  }),
                                  losses);
  CHECK(losses == 0);
  CHECK(records.at(0) == "0x");
  CHECK(records.at(1) == "1no such picture");
  CHECK(records.at(2) == "1an exception that is not a std::exception");
  CHECK(records.at(3) == std::string("0\0\0\0x", 5));
}

TEST_CASE("a process that a function has forked doesn't go on as the worker") {
  const LeavesNothing check;
  int losses = 0;
  const auto records = records_of(2, without_limit([](std::uint64_t item) {
                                    const pid_t pid = ::fork();
                                    if (pid > 0) ::waitpid(pid, nullptr, 0);
                                    return std::to_string(item) + (pid > 0 ? "" : " of a copy");
                                  }),
                                  losses);
  CHECK(losses == 0);
  CHECK(records.at(0) == "00");
  CHECK(records.at(1) == "01");
}

#if LOMP_LINUX
LINUX_TEST_CASE("what waits in a file's buffer is written once and what an item prints too") {
  const LeavesNothing check;
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fputs("the parent's, ", file);
  int losses = 0;
  records_of(1, without_limit([file](std::uint64_t) {
               std::fputs("the worker's, ", file);
               return std::string();
             }),
             losses);
  std::rewind(file);
  char text[64] = "";
  CHECK(std::fgets(text, sizeof text, file) != nullptr);
  CHECK(std::string(text) == "the worker's, the parent's, ");
  std::fclose(file);
}
#endif

TEST_CASE("the time limit counts for each item and not for all") {
  const LeavesNothing check;
  int losses = 0;
  const ItemFunction function(
      [](std::uint64_t item) {
        if (item == 2) wait_for_death();
        ::poll(nullptr, 0, 400);
        return std::string("done");
      },
      std::chrono::milliseconds(1600));
  const auto records = records_of(6, function, losses);
  CHECK(losses == 1);
  CHECK(records.size() == 5);
  CHECK(records.count(2) == 0);
}
