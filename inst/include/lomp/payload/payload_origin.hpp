// Side: both.
/// \file
/// Where a payload came from.
#ifndef LOMP_PAYLOAD_PAYLOAD_ORIGIN_HPP
#define LOMP_PAYLOAD_PAYLOAD_ORIGIN_HPP

#include <unistd.h>

#include <cstdint>

namespace lomp {

/// The worker that made a payload and may use its file again; none if `pool` is 0.
struct PayloadOrigin {
  std::uint32_t pool = 0;         ///< a number that each pool of a process has for itself, or below
  std::uint32_t incarnation = 0;  ///< the worker's process: which one of the pool's
  std::uint32_t number = 0;       ///< which one of that worker's payloads
  std::int32_t slot = 0;          ///< the worker's place
};

/// In place of a pool's number: this worker's parent, which sends it items. Other processes have
/// other ones, also for what they were forked with.
inline std::uint32_t parent_as_pool() {
  return std::uint32_t{1} << 31 | static_cast<std::uint32_t>(::getpid());
}

}  // namespace lomp

#endif
