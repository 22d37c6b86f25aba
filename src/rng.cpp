// Random streams of items, and the exports behind a call's seed.
#include "rng.h"

#include <cstring>
#include <utility>

#include "binding.h"
#include "lomp/random/seed_hash.hpp"
#include "unwind.h"

namespace lomp {

namespace {

// Kinds, as `.Random.seed` begins with them: of generators, and of normal numbers in the hundreds.
constexpr int user_supplied_kind = 5, box_muller = 2;

bool is_user_supplied(int kinds) { return kinds % 100 == user_supplied_kind; }

// Items have the caller's generator if it is one for whose streams there is a way, else L'Ecuyer's;
// and the caller's kinds of normal numbers and of samples.
int kinds_of_items(int kinds) {
  return kinds % 100 == twister_kind ? kinds : kinds - kinds % 100 + lecuyer_kind;
}

// R has made this symbol when it started, so nothing is allocated here and nothing jumps.
SEXP symbol() {
  static const SEXP name = Rf_install(".Random.seed");
  return name;
}

// What `.Random.seed` is in the global environment; anything that is no integer vector if it isn't.
SEXP current() { return value_in(R_GlobalEnv, symbol()); }

// A copy, since R >= 4.4 writes a generator's state into that vector where nothing else refers to
// it. NULL if there is none. May jump.
SEXP copy_of_current() {
  SEXP seed = current();
  return TYPEOF(seed) == INTSXP ? Rf_duplicate(seed) : R_NilValue;
}

// May jump.
double draw() {
  GetRNGstate();
  const double number = unif_rand();
  PutRNGstate();
  return number;
}

void restore(SEXP seed) {
  if (seed != R_NilValue) {
    Rf_defineVar(symbol(), seed, R_GlobalEnv);
  } else {
    R_removeVarFromFrame(symbol(), R_GlobalEnv);
  }
}

// A call's seed, see ItemSeed: a hash of the caller's before the call, NULL if there was none, and
// of a number drawn after that.
SEXP call_seed(SEXP before, double number, int kinds) {
  SeedHash hash;
  if (before != R_NilValue) {
    const int* words = INTEGER_RO(before);
    for (R_xlen_t i = 0; i < XLENGTH(before); ++i) hash.add(static_cast<std::uint32_t>(words[i]));
  }
  std::uint64_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  hash.add(bits);
  const StreamSeed words = hash.seed();
  SEXP seed = Rf_allocVector(INTSXP, call_seed_length);
  INTEGER(seed)[0] = kinds_of_items(kinds);
  std::memcpy(INTEGER(seed) + 1, words.data(), sizeof words);
  return seed;
}

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
    number = lomp::draw();
    return R_NilValue;
  });
  return number;
}

// Makes `.Random.seed` what it was; NULL if there was none.
// [[Rcpp::export(rng = false)]]
void random_restore(SEXP seed) {
  lomp::unwind([seed] {
    lomp::restore(seed);
    return R_NilValue;
  });
}

// What a call's items draw from, as list(seed = , pays = ): the call's seed, see ItemSeed, and
// whether a draw of the caller's own generator is due if an item draws. With `advance` it is
// made here. A generator that the user supplies may have a state that can't be brought back: then,
// too.
// [[Rcpp::export(rng = false)]]
SEXP new_random(bool advance = false) {
  return lomp::unwind([advance] {
    SEXP before = PROTECT(lomp::copy_of_current());
    const double number = lomp::draw();
    const int kinds = INTEGER_RO(lomp::current())[0];
    const bool is_paid = advance || lomp::is_user_supplied(kinds);
    if (!is_paid) lomp::restore(before);
    const char* names[] = {"seed", "pays", ""};
    SEXP random = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(random, 0, lomp::call_seed(before, number, kinds));
    SET_VECTOR_ELT(random, 1, Rf_ScalarLogical(!is_paid));
    UNPROTECT(2);
    return random;
  });
}

// The `.Random.seed` of an item (from 1) of the call with this seed.
// [[Rcpp::export(rng = false)]]
SEXP random_item_seed(SEXP seed, double item) {
  return lomp::unwind([&] {
    lomp::ItemSeed own = lomp::ItemSeed::make(seed);
    own.set(static_cast<std::uint64_t>(item) - 1);
    return own.vector();
  });
}
