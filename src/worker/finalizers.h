/// \file
/// The session's finalizers, which no worker runs.
#ifndef LOMP_SRC_WORKER_FINALIZERS_H
#define LOMP_SRC_WORKER_FINALIZERS_H

namespace lomp {

/// In the parent, before forks and with nothing of R's in between: marks which finalizers there
/// are. May throw.
void mark_finalizers();

/// In a worker, before R can collect there: takes the finalizers away that were marked. What they
/// would close, remove or end is the session's, and a lock that they take may have been held at the
/// fork by a thread that no worker has: one of httpuv's stood still for ever, in the first
/// collection of one worker in a hundred of a Shiny app. Finalizers that items register do run.
/// Their order and R's weak references stay as they are. Costs the copies of the pages that the
/// list of finalizers lies in: 130 page faults of a worker in a session without packages, by
/// faults.R.
void drop_finalizers();

}  // namespace lomp

#endif
