/// \file
/// What a worker's items write to standard output, on its way to the session.
#ifndef LOMP_SRC_WORKER_OUTPUT_H
#define LOMP_SRC_WORKER_OUTPUT_H

#include <string>

#include "lomp/worker/captured_output.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp {

/// Sends it line by line as records of the item in hand, in the order in which it was written, but
/// that what compiled code and other programs write comes when R's next line does, or at an item's
/// end. There is one for a process, since R's console is one.
class Output {
 public:
  /// In the parent: makes what else each worker would make for itself.
  static void prepare();

  /// In a worker: from now on. `is_writing` tells when no record can be begun.
  static void begin(Worker& worker, const bool& is_writing);

  /// Before an item's last record, and before a condition: sends all that it has written. To look
  /// for what didn't come through R costs a system call; `is_thorough` asks for that.
  static void send(bool is_thorough);
};

}  // namespace lomp

#endif
