/// \file
/// Where the values go that an item emits.
#ifndef LOMP_SRC_WORKER_OUTLET_H
#define LOMP_SRC_WORKER_OUTLET_H

#include "lomp/os/fork_count.hpp"
#include "r/api.h"

namespace lomp {

/// What the external pointer behind an `emit` function points to while items of its call run in
/// this process. Doesn't own its data. A process that an item forks has a copy that isn't meant for
/// it, which `owner` tells.
struct Outlet {
  void (*put)(SEXP value, void* data);  ///< may jump; the value isn't an iterator's end
  bool (*is_open)(void* data);          ///< is an item running?
  void* data;
  unsigned owner;  ///< fork_depth()
};

/// Is this value a generator of the package coro, which gives one value after the other?
bool is_generator(SEXP value);

/// Is this value the end of coro's iterators?
bool is_exhausted(SEXP value);

/// Jumps with an error if the value is that: to the code that takes results it would be the end.
void refuse_end_marker(SEXP value);

/// Hands the values of a generator to the outlet, to its end. May jump.
void drain_generator(SEXP generator, const Outlet& outlet);

}  // namespace lomp

#endif
