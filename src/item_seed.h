/// \file
/// A `.Random.seed` that is worked out when somebody reads it.
#ifndef LOMP_SRC_ITEM_SEED_H
#define LOMP_SRC_ITEM_SEED_H

#include <Rcpp.h>

#include "lomp/random_streams.hpp"

namespace lomp {

constexpr int seed_length = 7;  ///< of a `.Random.seed`: the kinds and six words

/// The state of an item's random stream, as an integer vector of R's. Most items draw no numbers,
/// and the state of their streams is never worked out. A view: the vector has to be protected by
/// others, and outlives this.
class ItemSeed {
 public:
  /// Before a fork: what would take long in each worker. May jump.
  static void prepare();

  /// Makes the vector. `seed` is the `.Random.seed` of stream 0. May jump.
  static ItemSeed make(SEXP seed);

  SEXP vector() const { return vector_; }

  /// From now on it is that of this stream.
  void set(std::uint64_t stream) {
    state_->stream = stream;
    state_->is_known = false;
  }

  /// It stays what it is, even if nobody reads it before the streams of another call are at hand.
  void settle() const { INTEGER(vector_); }

  /// Has a vector the contents that this one has if nobody writes to it?
  bool equals(SEXP other) const;

  /// Has nobody written to it?
  bool is_untouched() const { return !state_->is_known || equals(vector_); }

  /// What the vector itself has to keep of where it comes from.
  struct State {
    int kinds;
    StreamSeed base;  ///< of stream 0
    std::uint64_t stream;
    bool is_known;  ///< are the words worked out?
  };

 private:
  ItemSeed(SEXP vector, State* state) : vector_(vector), state_(state) {}

  SEXP vector_;
  State* state_;  // in the vector
};

/// The six words of a `.Random.seed` of "L'Ecuyer-CMRG".
StreamSeed words_of(SEXP seed);

}  // namespace lomp

#endif
