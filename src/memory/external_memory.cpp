#include "memory/external_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

#include "lomp/os/page_size.hpp"
#include "lomp/os/time_share.hpp"
#include "lomp/payload/payload.hpp"
#include "lomp/worker/seal.hpp"
#include "memory/collector.h"
#include "r/api.h"

namespace lomp {

namespace {

// The heap may have given memory that was in use before: its pages go back to the system. The first
// and the last one may be shared with other things.
void release_pages(SEXP block, std::size_t bytes) {
  const std::uintptr_t page = page_size();
  const std::uintptr_t data = reinterpret_cast<std::uintptr_t>(RAW(block));
  const std::uintptr_t begin = (data + page - 1) / page * page, end = (data + bytes) / page * page;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

SEXP new_block(std::size_t bytes) { return Rf_allocVector(RAWSXP, static_cast<R_xlen_t>(bytes)); }

// What allocate(&bytes) gives; NULL if R hasn't that much.
SEXP if_there_is(SEXP (*allocate)(void*), std::size_t bytes) {
  const auto give_up = [](SEXP, void*) { return R_NilValue; };
  return R_tryCatchError(allocate, &bytes, give_up, nullptr);
}

SEXP try_block(std::size_t bytes) {
  return if_there_is([](void* size) { return new_block(*static_cast<std::size_t*>(size)); }, bytes);
}

// R looks through its whole heap before it lets it grow by a fifth. A demand for all that is going
// to be needed is one such look instead of several. False if R hasn't that much. The vector is
// garbage at once: what an R function returns R would hold for a while.
bool make_heap_grow(std::size_t bytes) {
  const auto demand = [](void* size) {
    new_block(*static_cast<std::size_t*>(size));
    return R_BaseEnv;
  };
  return if_there_is(demand, bytes) != R_NilValue;
}

// One for the process, since R has one heap. A forked child has its own copy, as of its heap.
class ExternalMemory {
 public:
  bool add(std::size_t bytes) {
    if (!has_room(bytes, total_)) {
      if (!has_address_space(payload_offset() + bytes, bytes)) return false;
      make_room(bytes);
    }
    added_ += bytes;
    if (!has_room(bytes, total_)) return false;
    used_ += bytes;
    return true;
  }

  void drop_old() {
    if (added_ < std::max(worth_collecting, kept_ / 2) || !time_.is_due()) return;
    time_.begin();
    R_gc();
    time_.end();
    kept_ = used_;
    added_ = 0;
  }

  // Called by R's collector. All that is safe then is to overwrite a place of a list that R has
  // marked already with a value that is always marked.
  void remove(std::size_t bytes) noexcept {
    used_ -= bytes;
    if (uses_ == 0) trim(used_);
  }

  void give_up(std::size_t bytes) noexcept {
    used_ -= bytes;
    trim(used_);
  }

  void begin_use() { ++uses_; }

  void end_use() noexcept {
    if (--uses_ == 0) trim(used_);
  }

 private:
  static constexpr std::size_t worth_collecting = std::size_t{64} << 20;
  static constexpr std::size_t large = std::size_t{4} << 20;
  static constexpr int capacity = 256;  // each four blocks double the whole
  static constexpr int at_once = 4;
  static constexpr std::int64_t share = 1;  // at most half of the time

  bool has_room(std::size_t bytes, std::size_t total) const { return used_ + bytes <= total; }

  // Half of the ballast is free afterwards: so each collection is for as many bytes as are in use.
  void make_room(std::size_t bytes) {
    // Old garbage would take a look at the whole heap.
    if (total_ >= worth_collecting) collect(Collection::young);
    if (has_room(bytes, total_ / 2) && total_ >= worth_collecting) {
      trim(std::max(4 * (used_ + bytes), worth_collecting));
    } else {
      grow(bytes);
    }
  }

  // Twice what is needed, or, but for a worker, whose parent waits for the files of what it drops,
  // enough for a row of large ones at one go; or, where there isn't so much, just what is needed,
  // if there is that. A collection on the way may make `used_` smaller.
  void grow(std::size_t bytes) {
    const std::size_t row =
        bytes < large || is_sealed_worker() ? 0 : std::min(10 * bytes, 3 * worth_collecting);
    const std::size_t piece = (std::max(2 * (used_ + bytes), row) - total_) / at_once + 1;
    const std::size_t all = piece * at_once;
    const bool is_free = has_address_space(all, all) && make_heap_grow(all);
    const auto is_enough = [&] { return total_ >= row && has_room(bytes, total_ / 2); };
    for (int i = 0; i < at_once && is_free && !is_enough(); ++i) {
      if (!append(try_block(piece), piece)) break;
    }
    if (has_room(bytes, total_)) return;
    const std::size_t missing = used_ + bytes - total_;
    append(try_block(missing), missing);
  }

  bool append(SEXP block, std::size_t bytes) {
    if (block == R_NilValue || count_ == capacity) return false;
    PROTECT(block);
    release_pages(block, bytes);
    if (list_ == nullptr) list_ = make_list();
    SET_VECTOR_ELT(list_, count_, block);
    UNPROTECT(1);
    bytes_[count_++] = bytes;
    total_ += bytes;
    return true;
  }

  static SEXP make_list() {
    SEXP list = PROTECT(Rf_allocVector(VECSXP, capacity));
    R_PreserveObject(list);
    UNPROTECT(1);
    return list;
  }

  void trim(std::size_t least) noexcept {
    while (count_ > 0 && total_ - bytes_[count_ - 1] >= least) {
      SET_VECTOR_ELT(list_, --count_, R_NilValue);
      total_ -= bytes_[count_];
    }
  }

  SEXP list_ = nullptr;
  std::size_t bytes_[capacity] = {};
  int count_ = 0;
  std::size_t total_ = 0;
  std::size_t used_ = 0;
  int uses_ = 0;

  // Of the last look at the whole heap before a call.
  std::size_t added_ = 0;  // since then
  std::size_t kept_ = 0;   // used after it
  TimeShare time_{share};
};

// Never destroyed: vectors may be freed after the package's own end.
ExternalMemory& external_memory() {
  static ExternalMemory* const one = new ExternalMemory;
  return *one;
}

}  // namespace

bool add_external_memory(std::size_t bytes) { return external_memory().add(bytes); }
void remove_external_memory(std::size_t bytes) noexcept { external_memory().remove(bytes); }
void give_up_external_memory(std::size_t bytes) noexcept { external_memory().give_up(bytes); }

void drop_old_results() { external_memory().drop_old(); }

ExternalMemoryUse::ExternalMemoryUse() { external_memory().begin_use(); }
ExternalMemoryUse::~ExternalMemoryUse() { external_memory().end_use(); }

}  // namespace lomp
