/// \file
/// Cuts a worker off from the R session that it was forked from.
#ifndef LOMP_SRC_WORKER_SEAL_R_H
#define LOMP_SRC_WORKER_SEAL_R_H

namespace lomp {

/// In the parent, before a fork: looks up what the functions below will need, since a look-up in
/// the child would touch, and so copy, many pages there. Also tells OpenMP's pools of threads to
/// rest: one that has been used hangs in a forked child. They come back by themselves.
void prepare_seal();

/// Replaces the front end's callbacks, event handlers and clean-up. First thing in a worker after
/// lomp::seal_process(), before any R code. R's own variables for this aren't part of its API and
/// may be absent: each is looked up by name, and one that isn't there is left alone.
void seal_r();

/// What R writes to standard output goes to this function from now on, unless it returns false.
void write_output_by(bool (*write)(const char* text, int length));

/// One thread a worker: the workers are the parallelism. For the libraries that are loaded.
void use_one_thread();

}  // namespace lomp

#endif
