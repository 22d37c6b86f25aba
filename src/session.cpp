// The exports that tell of the machine, the system and this process.
#include "call/events.h"
#include "lomp/os/clock.hpp"
#include "lomp/os/cpu_limit.hpp"
#include "lomp/os/signal_name.hpp"
#include "lomp/worker/seal.hpp"
#include "memory/mapped_vector.h"
#include "r/api.h"
#include "r/unwind.h"

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

// A clock that goes on evenly, in seconds from an origin of its own.
// [[Rcpp::export(rng = false)]]
double steady_seconds() { return static_cast<double>(lomp::now_ns()) / 1e9; }

// Jumps if the user has interrupted R, or its time is over, and such things aren't held back.
// [[Rcpp::export(rng = false)]]
void check_interrupt() { lomp::unwind(lomp::let_interrupts_through); }

// May R make the vectors around mappings, where it can? Else they are made as where it can't. For
// tests of the latter. Returns what was so before.
// [[Rcpp::export(rng = false)]]
bool allow_allocator(bool allow) { return lomp::set_allocator_allowed(allow); }
