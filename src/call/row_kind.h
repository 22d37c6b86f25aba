/// \file
/// What a row of a reply from another machine is.
#ifndef LOMP_SRC_CALL_ROW_KIND_H
#define LOMP_SRC_CALL_ROW_KIND_H

#include <cstdint>

namespace lomp {

/// What a row says of its item, by the numbers that travel.
enum class RowKind : std::uint8_t {
  value = 1,
  end = 2,        ///< the item ends without a value
  ignored = 3,    ///< the same; it has given one that is no result
  failure = 4,    ///< the value describes it
  condition = 5,  ///< the value is what the item's worker has sent of it
  output = 6,     ///< the value is raw
  urgent = 7,     ///< a condition that waits for nothing
  lost = 8,       ///< the value tells of its worker's death, see make_loss_event()
  unread = 9,     ///< its value can't be read there; the condition says why, if it isn't NULL
  unsent = 10     ///< the item couldn't be sent to a worker
};

}  // namespace lomp

#endif
