// The exports that tell how many workers the machine has room for, and how a signal is called.
#include <Rcpp.h>

#include "lomp/os/cpu_limit.hpp"
#include "lomp/os/signal_name.hpp"
#include "lomp/worker/seal.hpp"

// Processors that this process may use: the affinity and the control groups' quota.
// [[Rcpp::export(rng = false)]]
int usable_processors() { return std::min(lomp::affinity_limit(), lomp::cgroup_limit()); }

// "SIGKILL" and so on.
// [[Rcpp::export(rng = false)]]
std::string signal_name(int signal) { return lomp::signal_name(signal); }

// The text of an errno.
// [[Rcpp::export(rng = false)]]
std::string errno_text(int error) { return std::generic_category().message(error); }

// Is this process a worker, or has one started it?
// [[Rcpp::export(rng = false)]]
bool in_worker() { return lomp::is_below_worker(); }
