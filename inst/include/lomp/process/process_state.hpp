// Side: parent.
/// \file
/// Whether a process is about to end, as the kernel sees it.
#ifndef LOMP_PROCESS_PROCESS_STATE_HPP
#define LOMP_PROCESS_PROCESS_STATE_HPP

#include <signal.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "lomp/process/process_file.hpp"

namespace lomp {

/// What the kernel tells of a process.
class ProcessState {
 public:
  /// Nothing is known where the system doesn't tell.
  ProcessState() = default;

  /// From the texts of its files stat and status. That it belongs to `parent` tells that it is the
  /// one that was asked for: see is_own_process_list().
  ProcessState(const std::string& stat, const std::string& status, pid_t parent) {
    // The name before the other fields may hold anything, parentheses and line ends included.
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos || name_end + 2 >= stat.size()) return;
    const Fields fields = parse(stat.c_str() + name_end + 3);
    if (fields.parent != parent) return;
    state_ = stat[name_end + 2];
    // No kernel that keeps flags has a process without any of them.
    is_known_ = fields.flags != 0 || has_died();
    is_exiting_ = (fields.flags & exiting) != 0;
    is_killed_ = has_kill(status, "\nSigPnd:") || has_kill(status, "\nShdPnd:");
  }

  bool is_known() const { return is_known_; }

  /// It has ended, or is in the middle of it, or a signal that nothing can hold off is under way to
  /// it. Whatever it is doing, none of its own code will run any more. A process sets the mark of
  /// its exit before it closes its descriptors, so a parent that sees these closed sees the mark.
  bool is_dying() const { return has_died() || is_exiting_ || is_killed_; }

  /// It is known to go on.
  bool is_living() const { return is_known_ && !is_dying(); }

  /// It uses a processor or waits for one: neither the system nor a debugger holds it.
  bool is_running() const { return state_ == 'R'; }

 private:
  struct Fields {
    std::int64_t parent = 0;
    std::uint64_t flags = 0;
  };

  static constexpr std::uint64_t exiting = 4;  // PF_EXITING, the same in all versions

  bool has_died() const { return state_ == 'Z' || state_ == 'X' || state_ == 'x'; }

  /// The fields after the state are numbers: parent, group, session, terminal, its group, flags.
  static Fields parse(const char* text) {
    Fields fields;
    char* end = nullptr;
    fields.parent = std::strtoll(text, &end, 10);
    for (int skipped = 0; skipped < 4; ++skipped) (void)std::strtoll(end, &end, 10);
    fields.flags = std::strtoull(end, nullptr, 10);
    return fields;
  }

  /// Is SIGKILL in the set of signals on this line?
  static bool has_kill(const std::string& status, const char* line) {
    const std::size_t at = status.find(line);
    if (at == std::string::npos) return false;
    const char* set = status.c_str() + at + std::char_traits<char>::length(line);
    return (std::strtoull(set, nullptr, 16) >> (SIGKILL - 1) & 1) != 0;
  }

  bool is_known_ = false;
  bool is_exiting_ = false;
  bool is_killed_ = false;
  char state_ = '?';
};

/// Looks at a child of this process that hasn't been reaped. Never throws: where there is no memory
/// for it, nothing is known.
inline ProcessState look_at_child(pid_t pid) noexcept {
  try {
    const std::string status = read_process_file(pid, "status");
    // After the signals: one that is taken in between has left its mark here.
    return {read_process_file(pid, "stat"), status, ::getpid()};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

}  // namespace lomp

#endif
