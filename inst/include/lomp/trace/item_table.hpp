// Side: parent.
/// \file
/// A row for each item.
#ifndef LOMP_TRACE_ITEM_TABLE_HPP
#define LOMP_TRACE_ITEM_TABLE_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "lomp/os/fork_count.hpp"
#include "lomp/os/huge_pages.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/trace/item_row.hpp"

namespace lomp {

/// Rows by their items. A long table lies in pages of its own, which are kept from forked
/// processes: each page that the parent goes on writing to would be copied after a fork. So in a
/// process that is forked there is none, and it may do nothing but destroy the table.
class ItemTable {
 public:
  ItemTable() = default;
  ItemTable(const ItemTable&) = delete;
  ItemTable& operator=(const ItemTable&) = delete;
  ~ItemTable() { release(); }

  std::size_t size() const { return rows_; }
  const ItemRow& operator[](std::size_t item) const { return data_[item]; }

  /// Makes the table as long as that takes. Throws std::bad_alloc.
  ItemRow& at(std::size_t item) {
    if (item >= rows_) lengthen(item + 1);
    return data_[item];
  }

  /// Makes room for so many at once.
  void expect(std::size_t items) {
    if (items > rows_) lengthen(items);
  }

  void clear() {
    release();
    short_ = {};
    data_ = nullptr;
    rows_ = room_ = 0;
  }

 private:
  static constexpr std::size_t longest_short = 1024;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  void lengthen(std::size_t rows) {
    if (rows > room_) move_to(room_ == 0 ? rows : std::max(rows, 2 * room_));
    rows_ = rows;
  }

  void move_to(std::size_t room) {
    if (room <= longest_short) {
      short_.resize(room);
      data_ = short_.data();
    } else {
      move_to_pages(room * sizeof(ItemRow));
    }
    room_ = room;
  }

  /// Of so many bytes, which begin where a huge page does if they fill most of one.
  void move_to_pages(std::size_t bytes) {
    const bool is_huge = bytes > huge_page / 4;
    const std::size_t spare = is_huge ? huge_page : 0;
    Mapping pages(-1, (bytes + huge_page - 1) / huge_page * huge_page + spare,
                  MAP_PRIVATE | MAP_ANONYMOUS);
    if (!pages) throw std::bad_alloc();
    keep_from_forks(pages.data(), pages.size());
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(pages.data());
    unsigned char* const rows = pages.data() + (spare == 0 ? 0 : (0 - begin) % huge_page);
    if (is_huge) advise_huge_pages(rows, pages.size() - spare);
    if (rows_ > 0) std::memcpy(rows, data_, rows_ * sizeof(ItemRow));
    release();
    pages_ = std::move(pages);
    data_ = reinterpret_cast<ItemRow*>(rows);
    short_ = {};
  }

  /// In a process that has no such pages something else may lie there.
  void release() {
    if (fork_depth() != owner_) pages_.release();
    pages_ = Mapping();
  }

  unsigned owner_ = fork_depth();
  std::vector<ItemRow> short_;
  Mapping pages_;
  ItemRow* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t room_ = 0;
};

}  // namespace lomp

#endif
