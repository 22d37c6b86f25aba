// Side: parent.
/// \file
/// A worker's death in words.
#ifndef LOMP_API_LOSS_WORDS_HPP
#define LOMP_API_LOSS_WORDS_HPP

#include <sys/wait.h>

#include <string>

#include "lomp/os/signal_name.hpp"
#include "lomp/pool/event.hpp"

namespace lomp {

/// By the wait status, where nothing else is known of the end.
inline std::string status_words(int status) {
  if (status == -1) return "its worker ended; how is not known, since SIGCHLD is ignored";
  if (WIFSIGNALED(status)) return "its worker was killed by " + signal_name(WTERMSIG(status));
  return "its worker ended with status " + std::to_string(WEXITSTATUS(status));
}

/// What became of the worker that had the item in hand.
inline std::string loss_words(const Loss& loss) {
  if (loss.was_late) return "it took longer than its time limit";
  switch (loss.reason) {
    case ExitReason::c_exit:
      return "its worker called exit()";
    case ExitReason::lost_pipe:
      return "its worker could not write its results";
    case ExitReason::too_large:
      return "its result doesn't fit into the parent's memory";
    case ExitReason::given_up:
      return "its worker closed or damaged the pipe of its results, and was ended";
    case ExitReason::held:
      return "its worker was killed and does not end";
    case ExitReason::none:
    case ExitReason::quit:
    case ExitReason::timed_out:
      break;
  }
  return status_words(loss.status);
}

}  // namespace lomp

#endif
