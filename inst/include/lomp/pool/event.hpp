// Side: parent.
/// \file
/// What the pool tells its caller.
#ifndef LOMP_POOL_EVENT_HPP
#define LOMP_POOL_EVENT_HPP

#include <sys/types.h>

#include <cstdint>

#include "lomp/shared/shared_page.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

enum class EventKind {
  idle,      ///< nothing came within the time given, or a signal came: look around and call again
  records,   ///< finished records, borrowed until the next call
  request,   ///< a worker of a stream wants items, see Pool::batch()
  lost,      ///< a worker died, and its running item with it
  finished,  ///< every item has its record or was lost, or the pool was stopped and drained
  failed     ///< no worker can be had any more; items are left undone
};

/// How a worker died.
struct Loss {
  pid_t pid = 0;
  int status = 0;  ///< as waitpid gives it
  ExitReason reason = ExitReason::none;
  std::uint64_t item = 0;
  bool was_late = false;  ///< its item's time was over
  std::uint32_t incarnation = 0;
  /// How long the item had run, as long as the pool hears of a death at once; negative if unknown.
  std::int64_t ran_ns = -1;
};

struct Event {
  EventKind kind = EventKind::idle;
  const Record* records = nullptr;
  std::size_t count = 0;
  Loss loss;
  int worker = -1;           ///< of `request`
  std::uint32_t wanted = 0;  ///< of `request`: about as many items
  int error = 0;  ///< of `failed`: errno of the refused fork, or 0 if workers die before any item
};

}  // namespace lomp

#endif
