// Random streams of items, and the exports behind a call's seed.
#include "rng.h"

#include <cstring>
#include <utility>

#include "binding.h"
#include "lomp/seed_hash.hpp"
#include "unwind.h"

namespace lomp {

namespace {

constexpr int box_muller = 2;

// R has made this symbol when it started, so nothing is allocated here and nothing jumps.
SEXP symbol() {
  static const SEXP name = Rf_install(".Random.seed");
  return name;
}

// What `.Random.seed` is in the global environment; anything that is no integer vector if it isn't.
SEXP current() { return value_in(R_GlobalEnv, symbol()); }

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
  if (!is_set) Rf_defineVar(symbol(), own_.vector(), R_GlobalEnv);
}

// An item has kept the vector, which stays as it was then.
void ItemRandom::renew() {
  own_.settle();
  own_ = ItemSeed::make(seed_);
  REPROTECT(own_.vector(), place_);
}

// To look the variable up takes long, for an item that takes nothing. If it was ours after the last
// item, and what has run since then had changed it, nobody would refer to our vector any more. An
// item may have kept the vector, too: then it has two owners.
bool ItemRandom::is_ours() {
  const bool was_ours = std::exchange(was_ours_, false);
  return has_one_owner(own_.vector()) && (was_ours || current() == own_.vector());
}

// Code that might draw writes the state back even if it hasn't.
bool ItemRandom::has_drawn() {
  SEXP now = current();
  was_ours_ = now == own_.vector();
  return was_ours_ ? !own_.is_untouched() : !own_.equals(now);
}

}  // namespace lomp

// Draws a number from the session's generator.
// [[Rcpp::export(rng = false)]]
double random_draw() {
  double number = 0;
  lomp::unwind([&number] {
    GetRNGstate();
    number = unif_rand();
    PutRNGstate();
    return R_NilValue;
  });
  return number;
}

// Makes `.Random.seed` what it was; NULL if there was none.
// [[Rcpp::export(rng = false)]]
void random_restore(SEXP seed) {
  lomp::unwind([seed] {
    if (seed != R_NilValue) {
      Rf_defineVar(lomp::symbol(), seed, R_GlobalEnv);
    } else {
      R_removeVarFromFrame(lomp::symbol(), R_GlobalEnv);
    }
    return R_NilValue;
  });
}

// The seed of a call's first item, as a `.Random.seed` of "L'Ecuyer-CMRG": a hash of `state`, the
// `.Random.seed` before the call if there was one, and of a number drawn after that. `kinds` is
// that of the caller, from which the kinds of normal numbers and of samples are kept.
// [[Rcpp::export(rng = false)]]
Rcpp::IntegerVector random_seed(SEXP state, double draw, int kinds) {
  constexpr int lecuyer = 7;
  lomp::SeedHash hash;
  if (TYPEOF(state) == INTSXP) {
    const int* words = INTEGER(state);
    for (R_xlen_t i = 0; i < XLENGTH(state); ++i) hash.add(static_cast<std::uint32_t>(words[i]));
  }
  std::uint64_t bits;
  std::memcpy(&bits, &draw, sizeof bits);
  hash.add(bits);
  const lomp::StreamSeed words = hash.seed();
  Rcpp::IntegerVector seed(lomp::seed_length);
  seed[0] = kinds - kinds % 100 + lecuyer;
  std::memcpy(seed.begin() + 1, words.data(), sizeof words);
  return seed;
}

// The `.Random.seed` of an item (from 1).
// [[Rcpp::export(rng = false)]]
SEXP random_item_seed(SEXP seed, double item) {
  return lomp::unwind([&] {
    lomp::ItemSeed own = lomp::ItemSeed::make(seed);
    own.set(static_cast<std::uint64_t>(item) - 1);
    return own.vector();
  });
}
