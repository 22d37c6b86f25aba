// Random streams of items, and the exports behind a call's seed.
#include "rng.h"

#include <cstring>
#include <utility>

#include "lomp/seed_hash.hpp"
#include "unwind.h"

namespace lomp {

namespace {

constexpr int length = 7;  // of a `.Random.seed`: the kinds and six words
constexpr int box_muller = 2;

// R has made this symbol when it started, so nothing is allocated here and nothing jumps.
SEXP symbol() {
  static const SEXP name = Rf_install(".Random.seed");
  return name;
}

// What `.Random.seed` is in the global environment; anything that is no integer vector if it isn't.
SEXP current() {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_getVarEx(symbol(), R_GlobalEnv, FALSE, R_NilValue);
#else
  return Rf_findVarInFrame(R_GlobalEnv, symbol());
#endif
}

// Does exactly one variable or element refer to it?
bool has_one_owner(SEXP x) {
#if R_VERSION >= R_Version(4, 5, 0)
  return MAYBE_REFERENCED(x) && !MAYBE_SHARED(x);
#else
  return REFCNT(x) == 1;
#endif
}

StreamSeed words_of(SEXP seed) {
  StreamSeed words;
  std::memcpy(words.data(), INTEGER_RO(seed) + 1, sizeof words);
  return words;
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
    : streams_(words_of(seed)),
      kinds_(INTEGER_RO(seed)[0]),
      numbers_(numbers == R_NilValue ? nullptr : REAL_RO(numbers)) {
  PROTECT_WITH_INDEX(vector_, &place_);
}

void ItemRandom::begin(std::uint64_t item) {
  if (kinds_ / 100 % 100 == box_muller) choose_box_muller();
  const bool is_free = is_ours();
  if (!is_free) REPROTECT(vector_ = Rf_allocVector(INTSXP, length), place_);
  int* words = INTEGER(vector_);
  words[0] = kinds_;
  if (numbers_ != nullptr) item = static_cast<std::uint64_t>(numbers_[item]) - 1;
  std::memcpy(words + 1, streams_.at(item).data(), sizeof(StreamSeed));
  if (!is_free) Rf_defineVar(symbol(), vector_, R_GlobalEnv);
}

// To look the variable up takes long, for an item that takes nothing. If it was ours after the last
// item, and what has run since then had changed it, nobody would refer to our vector any more. An
// item may have kept the vector, too: then it has two owners.
bool ItemRandom::is_ours() {
  const bool was_ours = std::exchange(was_ours_, false);
  return has_one_owner(vector_) && (was_ours || current() == vector_);
}

bool ItemRandom::has_drawn() {
  SEXP now = current();
  was_ours_ = now == vector_;
  if (was_ours_) return false;
  // Code that might draw writes the state back even if it hasn't.
  return TYPEOF(now) != INTSXP || XLENGTH(now) != length ||
         std::memcmp(INTEGER_RO(now), INTEGER_RO(vector_), length * sizeof(int)) != 0;
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

// Makes `.Random.seed` what it was.
// [[Rcpp::export(rng = false)]]
void random_restore(SEXP seed) {
  lomp::unwind([seed] {
    Rf_defineVar(lomp::symbol(), seed, R_GlobalEnv);
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
  Rcpp::IntegerVector seed(lomp::length);
  seed[0] = kinds - kinds % 100 + lecuyer;
  std::memcpy(seed.begin() + 1, words.data(), sizeof words);
  return seed;
}

// The `.Random.seed` of an item (from 1).
// [[Rcpp::export(rng = false)]]
Rcpp::IntegerVector random_item_seed(SEXP seed, double item) {
  lomp::RandomStreams streams(lomp::words_of(seed));
  const lomp::StreamSeed words = streams.at(static_cast<std::uint64_t>(item) - 1);
  Rcpp::IntegerVector result(lomp::length);
  result[0] = INTEGER(seed)[0];
  std::memcpy(result.begin() + 1, words.data(), sizeof words);
  return result;
}
