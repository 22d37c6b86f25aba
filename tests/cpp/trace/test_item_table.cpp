#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <memory>

#include "harness/processes.hpp"
#include "lomp/trace/item_table.hpp"

using namespace lomp_test;
using lomp::ItemRow;
using lomp::ItemTable;
using lomp::Outcome;

namespace {

constexpr std::size_t many = 5000;  // too many to be beside the rest of the heap

void fill(ItemTable& table, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    ItemRow& row = table.at(i);
    row.bytes = 3 * i + 1;
    row.outcome = Outcome::ok;
  }
}

bool is_filled(const ItemTable& table, std::size_t to) {
  for (std::size_t i = 0; i < to; ++i) {
    if (table[i].bytes != 3 * i + 1 || table[i].outcome != Outcome::ok) return false;
  }
  return true;
}

bool is_zero(const ItemRow& row) {
  return row.end_ns == 0 && row.bytes == 0 && row.run_ns == 0 && row.wait_ns == 0 &&
         row.process == 0 && row.results == 0 && row.conditions == 0 &&
         row.way == lomp::Way::none && row.outcome == Outcome::not_run;
}

bool is_zero(const ItemTable& table, std::size_t from) {
  for (std::size_t i = from; i < table.size(); ++i) {
    if (!is_zero(table[i])) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a row takes forty bytes") { CHECK(sizeof(ItemRow) == 40); }

TEST_CASE("a table without rows is one") {
  ItemTable table;
  CHECK(table.size() == 0);
  table.expect(0);
  CHECK(table.size() == 0);
  table.clear();
  CHECK(table.size() == 0);
}

TEST_CASE("rows are zeros until they are written to") {
  for (const std::size_t rows : {std::size_t{1}, std::size_t{1024}, std::size_t{1025}, many}) {
    ItemTable table;
    table.expect(rows);
    CHECK(table.size() == rows);
    CHECK(is_zero(table, 0));
  }
}

TEST_CASE("an item beyond the end makes the table as long as that takes") {
  ItemTable table;
  table.at(4).bytes = 9;
  CHECK(table.size() == 5);
  CHECK(is_zero(table[3]));
  CHECK(table[4].bytes == 9);
  table.at(2).bytes = 8;
  CHECK(table.size() == 5);
  table.expect(3);
  CHECK(table.size() == 5);
}

TEST_CASE("rows stay what they are when the table becomes long and longer") {
  ItemTable table;
  std::size_t filled = 0;
  for (const std::size_t rows : {1, 2, 3, 100, 1023, 1024, 1025, 2000, 20000, 60000, 300000}) {
    fill(table, filled, rows);
    filled = rows;
    CHECK(table.size() == rows);
    REQUIRE(is_filled(table, rows));
  }
  table.expect(700000);
  CHECK(is_filled(table, 300000));
  CHECK(is_zero(table, 300000));
}

TEST_CASE("a table that was cleared begins anew") {
  for (const std::size_t rows : {std::size_t{10}, many}) {
    ItemTable table;
    fill(table, 0, rows);
    table.clear();
    CHECK(table.size() == 0);
    table.expect(rows + 1);
    CHECK(is_zero(table, 0));
    fill(table, 0, rows);
    CHECK(is_filled(table, rows));
  }
}

TEST_CASE("a forked process may destroy its copy of a table and the parent's is as it was") {
  const LeavesNothing check;
  for (const std::size_t rows : {std::size_t{0}, std::size_t{10}, many, std::size_t{100000}}) {
    auto table = std::make_unique<ItemTable>();
    fill(*table, 0, rows);
    CHECK(run_in_process([&] {
            table.reset();
            return 0;
          }) == 0);
    CHECK(run_in_process([&] {
            table->clear();
            return table->size() == 0 ? 0 : 1;
          }) == 0);
    CHECK(is_filled(*table, rows));
    fill(*table, rows, rows + 10);
    CHECK(is_filled(*table, rows + 10));
  }
}

TEST_CASE("a process that was forked by a forked one may destroy its copy as well") {
  const LeavesNothing check;
  auto table = std::make_unique<ItemTable>();
  fill(*table, 0, many);
  const int status = run_in_process([&] {
    return run_in_process([&] {
      table.reset();
      return 0;
    });
  });
  CHECK(status == 0);
}

TEST_CASE("where there is no memory for more rows those that there are stay") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  for (const std::size_t rows : {std::size_t{10}, many}) {
    const int status = run_in_process([&] {
      ItemTable table;
      fill(table, 0, rows);
      const rlimit none{0, 0};
      if (::setrlimit(RLIMIT_AS, &none) != 0) return 2;
      try {
        table.at(10000000);
        return 1;
      } catch (const std::bad_alloc&) {
        return table.size() == rows && is_filled(table, rows) ? 0 : 3;
      }
    });
    CHECK(exited_with(status, 0));
  }
}

#if LOMP_LINUX

LINUX_TEST_CASE("a long table isn't copied to forked processes and a short one is") {
  const LeavesNothing check;
  const auto is_there = [](const ItemTable& table) {
    const auto at = reinterpret_cast<std::uintptr_t>(&table[table.size() - 1]);
    void* page = reinterpret_cast<void*>(at / lomp::page_size() * lomp::page_size());
    return ::msync(page, 1, MS_ASYNC) == 0;
  };
  ItemTable table, other;
  fill(table, 0, many);
  fill(other, 0, 10);
  CHECK(is_there(table));
  CHECK(run_in_process([&] { return is_there(table) ? 1 : 0; }) == 0);
  CHECK(run_in_process([&] { return is_filled(other, 10) ? 0 : 1; }) == 0);
}

LINUX_TEST_CASE("what a forked process has where the table was outlives its copy of the table") {
  const LeavesNothing check;
  constexpr int noreplace = 0x100000;  // MAP_FIXED_NOREPLACE, which older headers lack
  auto table = std::make_unique<ItemTable>();
  fill(*table, 0, many);
  const auto at = reinterpret_cast<std::uintptr_t>(&(*table)[0]) / lomp::page_size();
  void* const page = reinterpret_cast<void*>(at * lomp::page_size());
  const int status = run_in_process([&] {
    void* own = ::mmap(page, lomp::page_size(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | noreplace, -1, 0);
    if (own != page) return 2;
    *static_cast<volatile char*>(own) = 5;
    table.reset();
    return *static_cast<volatile char*>(own) == 5 ? 0 : 1;
  });
  CHECK(exited_with(status, 0));
}

LINUX_TEST_CASE("rows of a large table begin where a huge page does") {
  ItemTable table;
  table.expect(100000);
  CHECK(reinterpret_cast<std::uintptr_t>(&table[0]) % (std::size_t{2} << 20) == 0);
}

#endif
