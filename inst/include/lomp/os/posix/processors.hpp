// Side: any process.
/// \file
/// Processors that this process may use, as every POSIX system tells of them.
#ifndef LOMP_OS_POSIX_PROCESSORS_HPP
#define LOMP_OS_POSIX_PROCESSORS_HPP

namespace lomp {

/// Where the control groups of this process are listed, and where they are; "" if there are none.
constexpr const char* control_groups_file = "";
constexpr const char* control_groups_folder = "";

/// Processors that the scheduler may put this process on; 0 if that can't be told.
inline int schedulable_processors() { return 0; }

}  // namespace lomp

#endif
