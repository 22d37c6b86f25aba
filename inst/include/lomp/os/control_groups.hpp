// Side: any process.
/// \file
/// The control groups that this process is in (cgroups(7)).
#ifndef LOMP_OS_CONTROL_GROUPS_HPP
#define LOMP_OS_CONTROL_GROUPS_HPP

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "lomp/os/platform.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

/// One line of a process's list of groups: "id:controllers:path".
struct ControlGroup {
  std::string controllers;  ///< with commas between them; none in version 2
  std::string path;

  bool is_version_2() const { return controllers.empty(); }

  bool has(const std::string& controller) const {
    std::istringstream list(controllers);
    for (std::string name; std::getline(list, name, ',');) {
      if (name == controller) return true;
    }
    return false;
  }
};

/// The groups of this process. `root` is "" but in tests, which read a tree of their own.
inline std::vector<ControlGroup> control_groups(const std::string& root = "") {
  std::vector<ControlGroup> groups;
  std::istringstream lines(read_text(root + control_groups_file));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    groups.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return groups;
}

/// The least of what `read` tells for a group's folder and for all the folders above it: a limit
/// holds for everything below.
template <class Read>
auto least_upwards(const std::string& base, std::string path, Read read) {
  auto least = read(base);
  while (path.size() > 1) {
    least = std::min(least, read(base + path));
    const std::size_t slash = path.rfind('/');
    path.erase(slash == std::string::npos ? 0 : slash);
  }
  return least;
}

}  // namespace lomp

#endif
