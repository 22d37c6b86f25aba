// Side: worker.
/// \file
/// When a worker should collect its garbage.
#ifndef LOMP_WORKER_COLLECTION_POLICY_HPP
#define LOMP_WORKER_COLLECTION_POLICY_HPP

#include <sys/resource.h>

#include <cstdint>

#include "lomp/worker/time_share.hpp"

namespace lomp {

/// A worker inherits its parent's allowance: garbage that it may pile up before a collection, which
/// is much in a large session. All of that would be memory of its own, fresh from the system, when
/// its last temporaries would do. So it collects when it has grown by some tens of megabytes, but
/// spends no more than a part of its time on that, whatever a collection takes.
class CollectionPolicy {
 public:
  CollectionPolicy() : faults_(faults()) {}

  /// To be asked between items; costs a system call.
  bool is_due() const { return faults() - faults_ >= growth && time_.is_due(); }

  /// Around each collection.
  void begin() { time_.begin(); }
  void end() {
    time_.end();
    faults_ = faults();
  }

  static constexpr long growth = 16384;     ///< pages: 64 MB
  static constexpr std::int64_t share = 5;  ///< at most a fifth of the time

 private:
  static long faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
  }

  long faults_;
  TimeShare time_{share};
};

}  // namespace lomp

#endif
