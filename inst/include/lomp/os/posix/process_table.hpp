// Side: any process.
/// \file
/// What a system tells of processes that lists none: POSIX has no call for that.
#ifndef LOMP_OS_POSIX_PROCESS_TABLE_HPP
#define LOMP_OS_POSIX_PROCESS_TABLE_HPP

#include <sys/types.h>

#include "lomp/os/process_names.hpp"

namespace lomp {

/// Does the system list processes at all?
constexpr bool lists_processes = false;

/// The file of that name, say "stat", by which the system tells of a process; "" if it has none.
/// Gives the path's end.
inline char* write_process_path(ProcessPath& path, pid_t, const char*) {
  path[0] = '\0';
  return path;
}

/// A process's state as ps tells it, and its parent; 0 if there is no such process, or none that
/// can be told of.
inline char state_of(pid_t, pid_t* = nullptr) { return 0; }

/// Do the numbers mean the same processes here as in the list?
inline bool is_own_process_list() { return false; }

/// Calls visit(pid) for each child, dead ones that haven't been reaped among them.
template <class Visit>
void visit_children(pid_t, Visit) {}

}  // namespace lomp

#endif
