// Side: any process.
/// \file
/// What is the same wherever processes are listed or not: their paths' room, and names of states.
#ifndef LOMP_OS_PROCESS_NAMES_HPP
#define LOMP_OS_PROCESS_NAMES_HPP

namespace lomp {

/// Room for the path of a file by which the system tells of a process.
using ProcessPath = char[64];

/// Is this the state of a process that has ended, or is there none?
inline bool is_dead_state(char state) { return state == 0 || state == 'Z' || state == 'X'; }

}  // namespace lomp

#endif
