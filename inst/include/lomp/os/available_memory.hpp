// Side: any process.
/// \file
/// How much memory there is left.
#ifndef LOMP_OS_AVAILABLE_MEMORY_HPP
#define LOMP_OS_AVAILABLE_MEMORY_HPP

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>

#include "lomp/os/control_groups.hpp"
#include "lomp/os/named_value.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

constexpr std::uint64_t unknown_memory = UINT64_MAX;

/// The number in a file that holds one; `unknown_memory` without a file, and for no limit, which is
/// "max" in version 2, and in version 1 a number beyond any memory.
inline std::uint64_t read_bytes(const std::string& file) {
  constexpr std::uint64_t beyond = std::uint64_t{1} << 62;
  std::istringstream in(read_text(file));
  std::uint64_t bytes = 0;
  return in >> bytes && bytes < beyond ? bytes : unknown_memory;
}

/// What a limit leaves of which so much is used; of that, the pages of files that nothing needs can
/// be had again.
inline std::uint64_t room_below(std::uint64_t limit, std::uint64_t used, std::uint64_t files) {
  if (limit == unknown_memory || used == unknown_memory) return unknown_memory;
  used -= std::min(used, files);
  return limit - std::min(limit, used);
}

/// Sums of which one part may be unknown.
inline std::uint64_t add_memory(std::uint64_t a, std::uint64_t b) {
  return a > unknown_memory - b ? unknown_memory : a + b;
}

/// What a group of version 2 has left, with swap as far as it may take some.
inline std::uint64_t room_of_group_2(const std::string& folder, std::uint64_t swap) {
  const std::uint64_t files = value_of(read_text(folder + "/memory.stat"), "inactive_file");
  const std::uint64_t room =
      room_below(read_bytes(folder + "/memory.max"), read_bytes(folder + "/memory.current"), files);
  const std::uint64_t swap_room = room_below(read_bytes(folder + "/memory.swap.max"),
                                             read_bytes(folder + "/memory.swap.current"), 0);
  return add_memory(room, std::min(swap, swap_room));
}

/// The same of version 1, where memory and swap have a limit together.
inline std::uint64_t room_of_group_1(const std::string& folder, std::uint64_t swap) {
  const std::uint64_t files = value_of(read_text(folder + "/memory.stat"), "total_inactive_file");
  const std::uint64_t room = room_below(read_bytes(folder + "/memory.limit_in_bytes"),
                                        read_bytes(folder + "/memory.usage_in_bytes"), files);
  const std::uint64_t both = room_below(read_bytes(folder + "/memory.memsw.limit_in_bytes"),
                                        read_bytes(folder + "/memory.memsw.usage_in_bytes"), files);
  return std::min(add_memory(room, swap), both);
}

/// What the control groups of this process leave, `swap` being free on the machine.
inline std::uint64_t room_of_groups(const std::string& root, std::uint64_t swap) {
  const std::string base = root + control_groups_folder;
  std::uint64_t least = unknown_memory;
  for (const ControlGroup& group : control_groups(root)) {
    const auto of_1 = [swap](const std::string& d) { return room_of_group_1(d, swap); };
    const auto of_2 = [swap](const std::string& d) { return room_of_group_2(d, swap); };
    if (group.is_version_2()) least = std::min(least, least_upwards(base, group.path, of_2));
    if (group.has("memory")) {
      least = std::min(least, least_upwards(base + "/memory", group.path, of_1));
    }
  }
  return least;
}

/// Bytes that processes here may still take: what the machine and the control groups of this
/// process leave, swap included; `unknown_memory` where nothing tells. `root` is "" but in tests.
inline std::uint64_t available_memory(const std::string& root = "") {
  const std::string info = read_text(root + memory_file);
  const std::uint64_t swap = value_of(info, "SwapFree:") << 10;
  const std::uint64_t room = value_of(info, "MemAvailable:") << 10;
  return std::min(room == 0 ? unknown_memory : room + swap, room_of_groups(root, swap));
}

/// Do the control groups of this process bound its memory? A bound on swap alone is none.
inline bool has_memory_limit(const std::string& root = "") {
  return room_of_groups(root, 0) != unknown_memory;
}

/// Have all processes here that much, at least? Told by one system call where the groups of this
/// process had no limit when that was asked first; false where more than that would have to be
/// looked at.
inline bool is_plainly_available(std::uint64_t bytes) {
  static const bool has_limit = has_memory_limit();
  return !has_limit && free_memory() >= bytes;
}

}  // namespace lomp

#endif
