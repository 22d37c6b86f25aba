#include "worker/item_random.h"

#include <utility>

#include "r/random_seed.h"

namespace lomp {

namespace {

// Kinds of normal numbers, as `.Random.seed` begins with them, in the hundreds.
constexpr int box_muller = 2;

// Box and Muller's method makes two numbers at a time and keeps one for later, which the item after
// would get. R forgets it when the method is chosen.
void choose_box_muller() {
  SEXP name = PROTECT(Rf_mkString("Box-Muller"));
  SEXP call = PROTECT(Rf_lang3(Rf_install("RNGkind"), R_NilValue, name));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(2);
}

}  // namespace

ItemRandom::ItemRandom(SEXP seed, SEXP numbers)
    : seed_(seed),
      numbers_(numbers == R_NilValue ? nullptr : REAL_RO(numbers)),
      own_(ItemSeed::make(seed)) {
  PROTECT_WITH_INDEX(own_.vector(), &place_);
}

void ItemRandom::begin(std::uint64_t item) {
  if (INTEGER_RO(seed_)[0] / 100 % 100 == box_muller) choose_box_muller();
  const bool is_set = is_ours();
  if (!is_set && MAYBE_REFERENCED(own_.vector())) renew();
  own_.set(numbers_ == nullptr ? item : static_cast<std::uint64_t>(numbers_[item]) - 1);
  if (!is_set) Rf_defineVar(seed_symbol(), own_.vector(), R_GlobalEnv);
}

// An item has kept the vector, which stays as it was then.
void ItemRandom::renew() {
  own_.settle();
  own_ = ItemSeed::make(seed_);
  REPROTECT(own_.vector(), place_);
}

// To look the variable up takes long, for an item that takes nothing. If it was ours after the last
// item, and what has run since then had changed it, nothing would refer to our vector any more. An
// item may have kept the vector, too: then it has two owners.
bool ItemRandom::is_ours() {
  const bool was_ours = std::exchange(was_ours_, false);
  return has_one_owner(own_.vector()) && (was_ours || current_seed() == own_.vector());
}

// Code that might draw writes the state back even if it hasn't.
bool ItemRandom::has_drawn() {
  SEXP now = current_seed();
  was_ours_ = now == own_.vector();
  return was_ours_ ? !own_.is_untouched() : !own_.equals(now);
}

}  // namespace lomp
