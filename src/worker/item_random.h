/// \file
/// The random numbers of a call's items.
#ifndef LOMP_SRC_WORKER_ITEM_RANDOM_H
#define LOMP_SRC_WORKER_ITEM_RANDOM_H

#include "r/api.h"
#include "worker/item_seed.h"

namespace lomp {

/// Puts a state of its own into R's `.Random.seed` for each item and tells whether the item has
/// drawn from it. Most items draw nothing: for them the vector stays the same, and nothing is
/// worked out. Jumps may leave it behind: it owns nothing. Its vector is on the stack of protected
/// objects, in a place that the caller gives back.
class ItemRandom {
 public:
  /// `seed` is the call's, see ItemSeed. Item i has the state that belongs to i; or, if `numbers`
  /// isn't NULL, to the i-th of these positions (from 1), a numeric vector. Protects one object.
  ItemRandom(SEXP seed, SEXP numbers);

  /// Before an item: its state. May jump.
  void begin(std::uint64_t item);

  /// After it: has it drawn, or changed the generator in some other way?
  bool has_drawn();

 private:
  bool is_ours();
  void renew();

  SEXP seed_;
  const double* numbers_;
  ItemSeed own_;
  bool was_ours_ = false;  // the variable's value was our vector when has_drawn() looked
  PROTECT_INDEX place_;
};

}  // namespace lomp

#endif
