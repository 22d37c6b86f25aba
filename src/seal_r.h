/// \file
/// Cuts a worker off from the R session that it was forked from.
#ifndef LOMP_SRC_SEAL_R_H
#define LOMP_SRC_SEAL_R_H

namespace lomp {

/// Replaces the front end's callbacks, event handlers and clean-up. First thing in a worker after
/// lomp::seal_process(), before any R code. R's own variables for this aren't part of its API and
/// may be absent: each is looked up by name, and one that isn't there is left alone.
void seal_r();

/// One thread a worker: the workers are the parallelism. For the libraries that are loaded.
void use_one_thread();

/// In the parent, before a fork: an OpenMP pool that has been used hangs in a forked child, unless
/// it was told to rest. It comes back by itself.
void rest_openmp();

}  // namespace lomp

#endif
