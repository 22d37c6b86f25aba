// The exports behind a call's seed.
#include <cstring>

#include "lomp/random/seed_hash.hpp"
#include "r/random_seed.h"
#include "r/unwind.h"
#include "worker/item_seed.h"

namespace lomp {

namespace {

// A kind of generators, as `.Random.seed` begins with it.
constexpr int user_supplied_kind = 5;

bool is_user_supplied(int kinds) { return kinds % 100 == user_supplied_kind; }

// Items have the caller's generator if it is one for whose streams there is a way, else L'Ecuyer's;
// and the caller's kinds of normal numbers and of samples.
int kinds_of_items(int kinds) {
  return kinds % 100 == twister_kind ? kinds : kinds - kinds % 100 + lecuyer_kind;
}

// A call's seed, see ItemSeed: a hash of the caller's before the call, NULL if there was none, of a
// number drawn after that, and of which of the calls it is that begin like this.
SEXP call_seed(SEXP before, double number, int kinds, unsigned stream) {
  SeedHash hash;
  if (before != R_NilValue) {
    const int* words = INTEGER_RO(before);
    for (R_xlen_t i = 0; i < XLENGTH(before); ++i) hash.add(static_cast<std::uint32_t>(words[i]));
  }
  std::uint64_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  hash.add(bits);
  if (stream > 0) hash.add(stream);
  const StreamSeed words = hash.seed();
  SEXP seed = Rf_allocVector(INTSXP, call_seed_length);
  INTEGER(seed)[0] = kinds_of_items(kinds);
  std::memcpy(INTEGER(seed) + 1, words.data(), sizeof words);
  return seed;
}

}  // namespace

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
    lomp::restore_seed(seed);
    return R_NilValue;
  });
}

// What a call's items draw from, as list(seed = , pays = ): the call's seed, see ItemSeed, and
// whether a draw of the caller's own generator is due if an item draws. A generator that the user
// supplies may have a state that can't be brought back: then the draw is made here. Calls that
// begin in the same state have different numbers of streams.
// [[Rcpp::export(rng = false)]]
SEXP new_random(int stream = 0) {
  return lomp::unwind([stream] {
    SEXP before = PROTECT(lomp::copy_of_current_seed());
    const double number = lomp::draw();
    const int kinds = INTEGER_RO(lomp::current_seed())[0];
    const bool is_paid = lomp::is_user_supplied(kinds);
    if (!is_paid) lomp::restore_seed(before);
    const char* names[] = {"seed", "pays", ""};
    SEXP random = PROTECT(Rf_mkNamed(VECSXP, names));
    const auto number_of_stream = static_cast<unsigned>(stream);
    SET_VECTOR_ELT(random, 0, lomp::call_seed(before, number, kinds, number_of_stream));
    SET_VECTOR_ELT(random, 1, Rf_ScalarLogical(!is_paid));
    UNPROTECT(2);
    return random;
  });
}
