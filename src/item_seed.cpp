#include "item_seed.h"

#include <R_ext/Altrep.h>

#include <cstring>
#include <new>

#include "pin_library.h"

namespace lomp {

namespace {

using State = ItemSeed::State;

State* state_of(SEXP vector) { return reinterpret_cast<State*>(RAW(R_altrep_data1(vector))); }

int* words_in(SEXP vector) { return INTEGER(R_altrep_data2(vector)); }

// Items are run in their order, mostly, so what is known of the last stream is of use for the next
// one, as long as both belong to the same call.
const StreamSeed& words_of_stream(const State& state) {
  static StreamSeed base = state.base;
  static RandomStreams streams(base);
  if (base != state.base) {
    base = state.base;
    streams = RandomStreams(base);
  }
  return streams.at(state.stream);
}

R_xlen_t get_length(SEXP) { return seed_length; }

void* get_data(SEXP vector, Rboolean) {
  State& state = *state_of(vector);
  int* words = words_in(vector);
  if (!state.is_known) {
    words[0] = state.kinds;
    std::memcpy(words + 1, words_of_stream(state).data(), sizeof(StreamSeed));
    state.is_known = true;
  }
  return words;
}

const void* get_known_data(SEXP vector) {
  return state_of(vector)->is_known ? words_in(vector) : nullptr;
}

// R reads the elements by way of the data if there is no other method.
R_altrep_class_t make_class() {
  pin_library();
  R_altrep_class_t made = R_make_altinteger_class("item_seed", "lomp", nullptr);
  R_set_altrep_Length_method(made, get_length);
  R_set_altvec_Dataptr_method(made, get_data);
  R_set_altvec_Dataptr_or_null_method(made, get_known_data);
  return made;
}

// Not a static variable's initial value: a jump out of make_class(), for want of memory, would
// leave that locked for ever.
R_altrep_class_t item_seed_class() {
  static R_altrep_class_t made;
  static bool is_made = false;
  if (!is_made) made = make_class();
  is_made = true;
  return made;
}

}  // namespace

StreamSeed words_of(SEXP seed) {
  StreamSeed words;
  std::memcpy(words.data(), INTEGER_RO(seed) + 1, sizeof words);
  return words;
}

void ItemSeed::prepare() { item_seed_class(); }

ItemSeed ItemSeed::make(SEXP seed) {
  SEXP memory = PROTECT(Rf_allocVector(RAWSXP, sizeof(State)));
  SEXP words = PROTECT(Rf_allocVector(INTSXP, seed_length));
  State* state = new (RAW(memory)) State{INTEGER_RO(seed)[0], words_of(seed), 0, false};
  SEXP vector = R_new_altrep(item_seed_class(), memory, words);
  UNPROTECT(2);
  return ItemSeed(vector, state);
}

bool ItemSeed::equals(SEXP other) const {
  if (TYPEOF(other) != INTSXP || XLENGTH(other) != seed_length) return false;
  const int* words = INTEGER_RO(other);
  return words[0] == state_->kinds &&
         std::memcmp(words + 1, words_of_stream(*state_).data(), sizeof(StreamSeed)) == 0;
}

}  // namespace lomp
