// Side: any process.
/// \file
/// After a fork, each page that parent or child writes to costs a fault and a copy. The stack's are
/// known in advance, and all of them together cost little more than a few alone.
#ifndef LOMP_OS_STACK_PAGES_HPP
#define LOMP_OS_STACK_PAGES_HPP

#include "lomp/os/populate.hpp"

namespace lomp {

inline std::uintptr_t stack_pointer() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// For a process that has just been forked, and goes on deeper into its stack.
inline void populate_stack_below() {
  constexpr std::size_t depth = std::size_t{64} << 10;
  populate({stack_pointer() - depth, stack_pointer()});
}

/// For one that has forked, and will return into the frames of its callers.
inline void populate_stack_above() {
  constexpr std::size_t height = std::size_t{160} << 10;
  populate({stack_pointer(), stack_pointer() + height});
}

}  // namespace lomp

#endif
