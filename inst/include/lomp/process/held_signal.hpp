// Side: parent.
/// \file
/// Tells of a dead process which signals it held off.
#ifndef LOMP_PROCESS_HELD_SIGNAL_HPP
#define LOMP_PROCESS_HELD_SIGNAL_HPP

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "lomp/process/process_file.hpp"

namespace lomp {

/// A set of signals that the text of a process's file status names; empty if it doesn't.
inline std::uint64_t signals_in(const std::string& status, const char* name) {
  const std::size_t at = status.find(name);
  if (at == std::string::npos) return 0;
  return std::strtoull(status.c_str() + at + std::strlen(name), nullptr, 16);
}

/// Had the signal come to a process that is a zombie now, and was waiting because the process had
/// blocked it? The kernel keeps no signal that is ignored: then this tells that one may have come.
inline bool held_off_signal(pid_t zombie, int signal) {
  if (!is_own_process_list()) return false;
  const std::string status = read_process_file(zombie, "status");
  const std::uint64_t held = signals_in(status, "\nSigPnd:") | signals_in(status, "\nShdPnd:") |
                             signals_in(status, "\nSigIgn:");
  return (held >> (signal - 1) & 1) != 0;
}

}  // namespace lomp

#endif
