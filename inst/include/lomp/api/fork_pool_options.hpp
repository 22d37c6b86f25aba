// Side: parent.
/// \file
/// What a caller may ask of a ForkPool.
#ifndef LOMP_API_FORK_POOL_OPTIONS_HPP
#define LOMP_API_FORK_POOL_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <functional>

namespace lomp {

/// The defaults are for a program that takes results by item and waits for as long as they need.
struct ForkPoolOptions {
  /// At most; they are forked as long as one more is worth it. 0: as many as this process may use
  /// processors.
  int workers = 0;
  bool in_order = true;  ///< results come by item; else as they are finished
  /// For each item; an item that takes longer is ended, whatever it does. 0: no limit.
  std::chrono::nanoseconds timeout{0};
  /// Workers wait before they have made so much more than the caller has taken, all together. It
  /// may be exceeded by one result for each worker. 0: no limit.
  std::size_t buffer_bytes = std::size_t{64} << 20;
  /// Runs in the parent while next() waits: at least ten times a second, and as soon as a signal's
  /// handler has run. It may throw, which next() passes on; then the pool can be used or destroyed.
  std::function<void()> while_waiting;
};

}  // namespace lomp

#endif
