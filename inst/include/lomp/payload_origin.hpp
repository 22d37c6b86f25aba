/// \file
/// Where a payload came from.
#ifndef LOMP_PAYLOAD_ORIGIN_HPP
#define LOMP_PAYLOAD_ORIGIN_HPP

#include <cstdint>

namespace lomp {

/// Who made a payload and may use its file again; nobody if `pool` is 0.
struct PayloadOrigin {
  std::uint32_t pool = 0;    ///< a number that each pool of a process has for itself
  std::uint32_t life = 0;    ///< the worker's process: which one of the pool's
  std::uint32_t number = 0;  ///< which one of that worker's payloads
  std::int32_t slot = 0;     ///< the worker's place
};

}  // namespace lomp

#endif
