// Side: parent.
/// \file
/// Reads the files by which the system tells of a process.
#ifndef LOMP_PROCESS_PROCESS_FILE_HPP
#define LOMP_PROCESS_PROCESS_FILE_HPP

#include <string>

#include "lomp/os/read_text.hpp"

namespace lomp {

/// The text of a process's file of that name, say "stat"; "" if there is none.
inline std::string read_process_file(pid_t pid, const char* file) {
  ProcessPath path;
  write_process_path(path, pid, file);
  return path[0] == '\0' ? std::string() : read_text(path);
}

}  // namespace lomp

#endif
