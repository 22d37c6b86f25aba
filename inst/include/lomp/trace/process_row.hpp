// Side: parent.
/// \file
/// What is known of one of a call's processes.
#ifndef LOMP_TRACE_PROCESS_ROW_HPP
#define LOMP_TRACE_PROCESS_ROW_HPP

#include <sys/types.h>

#include <cstdint>

namespace lomp {

/// Why a process ended, as far as the call is concerned.
enum class ProcessEnd : std::uint8_t { running, finished, worn, memory, crash, timeout, stopped };

/// Times are those of now_ns(), or sums of nanoseconds.
struct ProcessRow {
  pid_t pid = 0;
  int slot = 0;
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::uint64_t items = 0;
  double run_ns = 0;
  std::int64_t wait_items_ns = 0;
  std::int64_t wait_delivery_ns = 0;
  std::int64_t collecting_ns = 0;
  std::int64_t faults = -1;         ///< -1: not known
  std::uint64_t private_bytes = 0;  ///< the most that was seen; 0 if nothing was
  std::uint64_t private_now = 0;    ///< what was seen last
  ProcessEnd end = ProcessEnd::running;

  bool is_running() const { return end == ProcessEnd::running; }
};

}  // namespace lomp

#endif
