// Side: both.
/// \file
/// Payloads that their receiver has let go of, so that their files can be written again.
#ifndef LOMP_PAYLOAD_PAYLOAD_RETURNS_HPP
#define LOMP_PAYLOAD_PAYLOAD_RETURNS_HPP

#include <array>
#include <cstddef>
#include <cstdint>

#include "lomp/payload/payload_origin.hpp"

namespace lomp {

/// The bit by which a message to a worker says that the worker's payload of that number is free.
/// Messages without it have the numbers of items' files, which never grow so large.
constexpr std::uint32_t return_flag = std::uint32_t{1} << 31;

/// Origins of payloads that this process has let go of, until their pools come and take them.
/// Payloads may outlive their pool, and may be let go of where nothing can be allocated: so there
/// are a fixed number of places, and what finds none pushes another one out. Nothing but time is
/// lost by that.
class PayloadReturns {
 public:
  static constexpr std::size_t capacity = 64;

  void put(const PayloadOrigin& origin) noexcept {
    if (origin.pool == 0) return;
    places_[next_] = origin;
    next_ = (next_ + 1) % places_.size();
    is_empty_ = false;
  }

  /// Calls take(origin) for each one of this pool's, and forgets it.
  template <class Take>
  void take(std::uint32_t pool, Take take) {
    if (is_empty_) return;
    is_empty_ = true;
    for (PayloadOrigin& place : places_) {
      if (place.pool == pool) {
        take(place);
        place = {};
      }
      if (place.pool != 0) is_empty_ = false;
    }
  }

 private:
  std::array<PayloadOrigin, capacity> places_{};
  std::size_t next_ = 0;
  bool is_empty_ = true;
};

/// Those of this process. A forked copy finds its parent's in it, of pools that aren't its own.
inline PayloadReturns& payload_returns() {
  static PayloadReturns returns;
  return returns;
}

}  // namespace lomp

#endif
