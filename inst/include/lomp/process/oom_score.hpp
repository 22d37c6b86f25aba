// Side: both.
/// \file
/// Which process the system ends when there is no memory left.
#ifndef LOMP_PROCESS_OOM_SCORE_HPP
#define LOMP_PROCESS_OOM_SCORE_HPP

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "lomp/os/fd.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

/// The system ends the process that seems largest (proc(5): oom_score_adj), and a worker seems as
/// large as its session, whose memory it shares. Of the two it should be the worker: its item is
/// lost then, and the session goes on. Made in the parent, since a worker that reads files copies
/// pages (12 faults each). What can't be read or written changes nothing.
class OomScore {
 public:
  OomScore() {
    const std::string now = read_text(oom_score_file);
    if (now.empty()) return;
    const int score = std::min(std::atoi(now.c_str()) + more, most);
    length_ = static_cast<std::size_t>(std::snprintf(text_, sizeof text_, "%d", score));
  }

  /// In a worker: it and what it starts go before the parent.
  void raise() const {
    if (length_ == 0) return;
    const Fd file(kernel().open(oom_score_file, O_WRONLY | O_CLOEXEC));
    if (file) (void)!::write(file.get(), text_, length_);
  }

 private:
  static constexpr int more = 200, most = 1000;

  char text_[8] = {};
  std::size_t length_ = 0;
};

}  // namespace lomp

#endif
