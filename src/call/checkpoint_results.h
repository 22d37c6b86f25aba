/// \file
/// The results in a checkpoint's file.
#ifndef LOMP_SRC_CALL_CHECKPOINT_RESULTS_H
#define LOMP_SRC_CALL_CHECKPOINT_RESULTS_H

#include <map>
#include <vector>

#include "codec/serialize.h"
#include "lomp/checkpoint/checkpoint_reader.hpp"
#include "r/api.h"

namespace lomp {

/// The kinds of calls, as files have them and R's code numbers them.
enum class CallKind : std::uint32_t { map = 1, vapply = 2, iterate = 3 };

/// Makes R's values of a file's entries. The file may be anybody's: a value that no call of lomp's
/// can have written is an R error, and none of it is evaluated.
class CheckpointResults {
 public:
  /// Doesn't own the reader, which has read the file's header, and outlives it.
  explicit CheckpointResults(CheckpointReader& reader) : reader_(reader) {}

  /// What the call has noted of itself: a list with names. May jump; unprotected.
  SEXP header();

  /// A list with a place for each item; of an iterator each has a list. `header` is that list. May
  /// jump; unprotected.
  SEXP read(SEXP header);

  /// After that: the positions (from 1) of the items without results. May jump; unprotected.
  SEXP missing() const;

  /// And whether an item had drawn random numbers.
  bool has_drawn() const { return has_drawn_; }

 private:
  /// The place of a result among those of its item, and the item.
  struct Place {
    std::uint64_t item;
    R_xlen_t at;
  };

  void note(const Entry& entry);
  bool next_result(Entry& entry);
  void read_singles(SEXP results);
  void find_delivered(SEXP results);
  void read_delivered(SEXP results);
  SEXP value_of(const Entry& entry);
  SEXP elements_of(const Entry& entry) const;

  CheckpointReader& reader_;
  SEXPTYPE type_ = NILSXP;  // of a vector's elements
  R_xlen_t length_ = 0;     // and how many there are of each item
  bool has_drawn_ = false;
  std::uint64_t begin_ = 0;  // of the entries
  std::vector<bool> is_there_;
  // Members, since what fills them may jump.
  std::map<std::uint64_t, std::vector<std::uint64_t>> open_;  // the numbers of items' results
  std::map<std::uint64_t, Place> places_;                     // by these numbers
};

}  // namespace lomp

#endif
