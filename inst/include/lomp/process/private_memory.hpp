// Side: both.
/// \file
/// How much memory a process has of its own.
#ifndef LOMP_PROCESS_PRIVATE_MEMORY_HPP
#define LOMP_PROCESS_PRIVATE_MEMORY_HPP

#include <cstdint>

#include "lomp/process/memory_use.hpp"

namespace lomp {

/// Bytes that would be free if the process ended; 0 where nothing tells.
inline std::uint64_t private_memory(pid_t pid) { return memory_use(pid).own; }

}  // namespace lomp

#endif
