// Side: both.
/// \file
/// What the parent knows of its garbage collector, and a worker inherits.
#ifndef LOMP_SHARED_COLLECTOR_FACTS_HPP
#define LOMP_SHARED_COLLECTOR_FACTS_HPP

#include <cstdint>

namespace lomp {

/// A collector by generations looks at young objects, mostly, and now and then at old ones as well.
/// A collection of that kind writes to all that a worker shares with its parent, and so copies it.
struct CollectorFacts {
  static constexpr int unknown = -1;
  int young_left = unknown;  ///< collections of young objects before such a one
  std::int64_t cost_ns = 0;  ///< what one of young objects took; 0 if that isn't known
};

}  // namespace lomp

#endif
