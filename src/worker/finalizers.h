/// \file
/// The session's finalizers, which no worker runs.
#ifndef LOMP_SRC_WORKER_FINALIZERS_H
#define LOMP_SRC_WORKER_FINALIZERS_H

namespace lomp {

/// In the parent, before forks and with nothing of R's in between: puts a guard in front of the
/// finalizers that there are. May throw.
void guard_finalizers();

/// In a worker, before R can collect there: has the first collection take the finalizers away that
/// are behind the guard. What they would close, remove or end is the session's, and a lock that
/// they take may have been held at the fork by a thread that no worker has: one of httpuv's stood
/// still for ever, in the first collection of one worker in a hundred of a Shiny app. Finalizers
/// that items register do run. Their order and R's weak references stay as they are. A worker that
/// never collects pays nothing for it: to take them away at once cost 130 page faults of each, by
/// faults.R.
void drop_finalizers();

}  // namespace lomp

#endif
