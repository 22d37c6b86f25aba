#include "ballast.h"

#include <Rcpp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace lomp {

namespace {

// One for the process, since R has one heap. A forked child has its own copy, as of its heap.
class BallastList {
 public:
  std::size_t hold(SEXP ballast) {
    if (free_.empty()) grow();
    const std::size_t place = free_.back();
    free_.pop_back();
    SET_VECTOR_ELT(list_, static_cast<R_xlen_t>(place), ballast);
    return place;
  }

  // Called by R's collector. All that is safe then is to overwrite a place of a list that R has
  // marked already with a value that is always marked: it allocates nothing, and neither does
  // `free_`, which has room for all places.
  void drop(std::size_t place) noexcept {
    SET_VECTOR_ELT(list_, static_cast<R_xlen_t>(place), R_NilValue);
    free_.push_back(place);
  }

 private:
  void grow() {
    const std::size_t size = size_ == 0 ? 64 : 2 * size_;
    free_.reserve(size);
    SEXP grown = PROTECT(Rf_allocVector(VECSXP, static_cast<R_xlen_t>(size)));
    R_PreserveObject(grown);
    UNPROTECT(1);
    for (std::size_t i = 0; i < size_; ++i) {
      SET_VECTOR_ELT(grown, static_cast<R_xlen_t>(i), VECTOR_ELT(list_, static_cast<R_xlen_t>(i)));
    }
    if (list_ != nullptr) R_ReleaseObject(list_);
    list_ = grown;
    for (std::size_t i = size; i > size_; --i) free_.push_back(i - 1);
    size_ = size;
  }

  SEXP list_ = nullptr;
  std::size_t size_ = 0;
  std::vector<std::size_t> free_;
};

// Never destroyed: vectors may be freed after the package's own end.
BallastList& ballasts() {
  static BallastList* const list = new BallastList;
  return *list;
}

// The heap may have given memory that was in use before: its pages go back to the system. The first
// and the last one may be shared with other things.
void release_pages(SEXP ballast, std::size_t bytes) {
  const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t data = reinterpret_cast<std::uintptr_t>(RAW(ballast));
  const std::uintptr_t begin = (data + page - 1) / page * page, end = (data + bytes) / page * page;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

std::size_t hold_ballast(std::size_t bytes) {
  SEXP ballast = PROTECT(Rf_allocVector(RAWSXP, static_cast<R_xlen_t>(bytes)));
  release_pages(ballast, bytes);
  const std::size_t place = ballasts().hold(ballast);
  UNPROTECT(1);
  return place;
}

void drop_ballast(std::size_t place) noexcept { ballasts().drop(place); }

}  // namespace lomp
