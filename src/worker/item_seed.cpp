#include "worker/item_seed.h"

#include <R_ext/Altrep.h>

#include <cstring>
#include <new>

#include "lomp/random/random_streams.hpp"
#include "lomp/random/twister_states.hpp"
#include "r/pin_library.h"

namespace lomp {

namespace {

using State = ItemSeed::State;

State* state_of(SEXP vector) { return reinterpret_cast<State*>(RAW(R_altrep_data1(vector))); }

bool is_twister(const State& state) { return state.kinds % 100 == twister_kind; }

// R has the position in a twister's state before its words. Behind the last one, so that the first
// draw makes new ones.
constexpr int twister_position = TwisterStates::size;
constexpr int longest_seed = 2 + TwisterStates::size;

int length_of(const State& state) { return is_twister(state) ? longest_seed : call_seed_length; }

std::size_t bytes_of(const State& state) { return sizeof(int) * length_of(state); }

// Its elements have a place from the first look at them on, since a worker whose items draw nothing
// copied ten pages more for that (of 186, by ru_minflt). R collects no garbage meanwhile. May jump.
int* elements_of(SEXP vector) {
  SEXP elements = R_altrep_data2(vector);
  if (elements == R_NilValue) {
    elements = Rf_allocVector(INTSXP, length_of(*state_of(vector)));
    R_set_altrep_data2(vector, elements);
  }
  return INTEGER(elements);
}

// Items are run in their order, mostly, so what is known of the last stream is of use for the next
// one, as long as both belong to the same call.
const StreamSeed& words_of_stream(const State& state) {
  static StreamSeed base = state.base;
  static RandomStreams streams(base);
  if (base != state.base) {
    base = state.base;
    streams = RandomStreams(base);
  }
  return streams.at(state.item);
}

// The `.Random.seed` that R begins the item with.
void write_seed(const State& state, int* seed) {
  seed[0] = state.kinds;
  if (is_twister(state)) {
    seed[1] = twister_position;
    // Signed and unsigned integers may stand for each other.
    TwisterStates(state.base).write(state.item, reinterpret_cast<std::uint32_t*>(seed + 2));
  } else {
    std::memcpy(seed + 1, words_of_stream(state).data(), sizeof(StreamSeed));
  }
}

// An item that has drawn is told by the position, mostly, without working the words out again.
bool is_seed_of(const State& state, const int* seed) {
  if (is_twister(state) && seed[1] != twister_position) return false;
  int fresh[longest_seed];
  write_seed(state, fresh);
  return std::memcmp(seed, fresh, bytes_of(state)) == 0;
}

R_xlen_t get_length(SEXP vector) { return length_of(*state_of(vector)); }

void* get_data(SEXP vector, Rboolean) {
  State& state = *state_of(vector);
  int* seed = elements_of(vector);
  if (!state.is_known) write_seed(state, seed);
  state.is_known = true;
  return seed;
}

const void* get_known_data(SEXP vector) {
  return state_of(vector)->is_known ? elements_of(vector) : nullptr;
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

void ItemSeed::prepare() { item_seed_class(); }

ItemSeed ItemSeed::make(SEXP call_seed) {
  const int* given = INTEGER_RO(call_seed);
  SEXP memory = PROTECT(Rf_allocVector(RAWSXP, sizeof(State)));
  State* state = new (RAW(memory)) State{given[0], {}, 0, false};
  std::memcpy(state->base.data(), given + 1, sizeof(StreamSeed));
  SEXP vector = R_new_altrep(item_seed_class(), memory, R_NilValue);
  UNPROTECT(1);
  return ItemSeed(vector, state);
}

bool ItemSeed::equals(SEXP other) const {
  return TYPEOF(other) == INTSXP && XLENGTH(other) == length_of(*state_) &&
         is_seed_of(*state_, INTEGER_RO(other));
}

}  // namespace lomp
