/// \file
/// A `.Random.seed` that is worked out when it is read.
#ifndef LOMP_SRC_WORKER_ITEM_SEED_H
#define LOMP_SRC_WORKER_ITEM_SEED_H

#include "lomp/random/random_streams.hpp"
#include "r/api.h"

namespace lomp {

/// Kinds of generators, in the ones and tens of what a `.Random.seed` begins with.
constexpr int twister_kind = 3, lecuyer_kind = 7;

constexpr int call_seed_length = 7;  ///< of a call's seed: the kinds and six words

/// A `.Random.seed` for an item, made from its call's seed, which is an integer vector: the kinds,
/// then six words. Where the kind of the generator is "L'Ecuyer-CMRG", these are the state of
/// stream 0, and an item has a stream; where it is "Mersenne-Twister", they are the base of
/// TwisterStates. Most items draw no numbers, and their states are never worked out. A view: the
/// vector has to be protected by others, and outlives this.
class ItemSeed {
 public:
  /// Before a fork: what would take long in each worker. May jump.
  static void prepare();

  /// Makes the vector, for the items of the call with this seed. May jump.
  static ItemSeed make(SEXP call_seed);

  SEXP vector() const { return vector_; }

  /// From now on it is that of this item (from 0).
  void set(std::uint64_t item) {
    state_->item = item;
    state_->is_known = false;
  }

  /// It stays what it is, even if it is not read before the streams of another call are at hand.
  /// May jump.
  void settle() const { INTEGER(vector_); }

  /// Has a vector the contents that this one has if it is never written to?
  bool equals(SEXP other) const;

  /// Is it as it was made?
  bool is_untouched() const { return !state_->is_known || equals(vector_); }

  /// What the vector itself has to keep of where it comes from.
  struct State {
    int kinds;
    StreamSeed base;
    std::uint64_t item;
    bool is_known;  ///< are the words worked out?
  };

 private:
  ItemSeed(SEXP vector, State* state) : vector_(vector), state_(state) {}

  SEXP vector_;
  State* state_;  // in the vector
};

}  // namespace lomp

#endif
