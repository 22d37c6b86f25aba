// Side: parent.
/// \file
/// Records that came out of turn, kept until those of earlier items have come.
#ifndef LOMP_POOL_BACKLOG_HPP
#define LOMP_POOL_BACKLOG_HPP

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "lomp/payload/payload.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

/// Gives records back by item, and within an item in the order of their coming. About `bound` bytes
/// of them are kept in memory, and all others in a file on disk, so that a caller that waits for
/// one item may hear a lot of others. Where there is no room for a file either, memory must do:
/// nothing is lost, and nothing comes out of turn. For records without payloads, whose owner may be
/// gone by then.
class Backlog {
 public:
  explicit Backlog(std::size_t bound) : bound_(bound) {}

  bool empty() const { return waiting_.empty(); }

  /// In a child: lets go of the file, lest code that writes to any descriptor spoils it.
  void disown() { file_.reset(); }

  /// What is in memory, and what is in the file.
  std::size_t in_memory() const { return in_memory_; }
  std::size_t on_disk() const { return on_disk_; }

  /// Keeps a copy. Throws std::bad_alloc; nothing has changed then.
  void put(const Record& record) {
    Waiting waiting;
    waiting.kind = record.kind;
    waiting.size = record.size;
    if (in_memory_ + cost_of(record.size) > bound_) waiting.is_on_disk = write(record, waiting.at);
    if (!waiting.is_on_disk) waiting.bytes.assign(record.data, record.data + record.size);
    const auto place = waiting_.emplace(record.item, std::move(waiting));
    count(place->second, true);
  }

  /// Takes the first record, if its item is this one or an earlier one. It is valid until the next
  /// one is taken. Throws SystemError if it can't be read, and it is lost.
  bool take(std::uint64_t last, Record& record) {
    const auto first = waiting_.begin();
    if (first == waiting_.end() || first->first > last) return false;
    Waiting waiting = std::move(first->second);
    record = {first->first, waiting.kind, nullptr, waiting.size, 0, true};
    waiting_.erase(first);
    read(waiting);
    count(waiting, false);
    taken_ = std::move(waiting.bytes);
    record.data = taken_.data();
    return true;
  }

 private:
  struct Waiting {
    unsigned kind = 0;
    bool is_on_disk = false;
    off_t at = 0;
    std::size_t size = 0;
    std::vector<unsigned char> bytes;  // unless they are on disk
  };

  /// With the nodes, which are most of it where records are short.
  static std::size_t cost_of(std::size_t size) { return size + sizeof(Waiting) + 64; }

  void count(const Waiting& waiting, bool is_new) {
    std::size_t& sum = waiting.is_on_disk ? on_disk_ : in_memory_;
    const std::size_t cost = waiting.is_on_disk ? waiting.size : cost_of(waiting.size);
    sum = is_new ? sum + cost : sum - cost;
    if (on_disk_ == 0 && end_ > 0) empty_file();
  }

  /// The room of what was taken is used again when all has been taken.
  void empty_file() {
    end_ = 0;
    (void)!::ftruncate(file_.get(), 0);
  }

  /// Appends the record to the file, and tells where; false if there is no file or no room.
  bool write(const Record& record, off_t& at) {
    try {
      if (!file_) file_ = lifted(make_file_on_disk());
      check(::lseek(file_.get(), end_, SEEK_SET) == -1 ? -1 : 0, "lseek");
      iovec part{const_cast<unsigned char*>(record.data), record.size};
      write_all(file_.get(), &part, 1);
    } catch (const SystemError&) {
      return false;
    }
    at = end_;
    end_ += static_cast<off_t>(record.size);
    return true;
  }

  void read(Waiting& waiting) const {
    if (!waiting.is_on_disk) return;
    waiting.bytes.resize(waiting.size);
    check(read_at(file_.get(), waiting.bytes.data(), waiting.size, waiting.at) ? 0 : -1, "read");
  }

  std::size_t bound_;
  std::multimap<std::uint64_t, Waiting> waiting_;
  std::size_t in_memory_ = 0;
  std::size_t on_disk_ = 0;
  Fd file_;
  off_t end_ = 0;
  std::vector<unsigned char> taken_;
};

}  // namespace lomp

#endif
