// The exports by which R carries a call out on other machines: it hands in what these reply, and
// says what has become of them. Where the call is closed by then nothing follows from that.
#include <cstring>

#include "call/call.h"
#include "call/machines_runner.h"
#include "r/unwind.h"

namespace {

using lomp::MachinesRunner;
using lomp::ProcessEnd;

// The runner of the handle's call; nullptr if that has ended, or is another process's.
MachinesRunner* machines_of(SEXP handle) {
  auto* call = static_cast<lomp::Call*>(R_ExternalPtrAddr(handle));
  if (call == nullptr || call->is_foreign()) return nullptr;
  auto* machines = dynamic_cast<MachinesRunner*>(&call->runner());
  if (machines == nullptr) lomp::throw_error("the call's items aren't run on other machines");
  return machines;
}

ProcessEnd end_by_name(const char* why) {
  if (std::strcmp(why, "finished") == 0) return ProcessEnd::finished;
  if (std::strcmp(why, "crash") == 0) return ProcessEnd::crash;
  if (std::strcmp(why, "stopped") == 0) return ProcessEnd::stopped;
  lomp::throw_error("a machine has no such end");
}

// From 0.
std::uint64_t item_of(double item) { return static_cast<std::uint64_t>(item) - 1; }

}  // namespace

// A machine takes part from now on, whose process has this number there. Gives its number in the
// call, from 0.
// [[Rcpp::export(rng = false)]]
int call_note_machine(SEXP handle, int pid) {
  MachinesRunner* machines = machines_of(handle);
  return machines == nullptr ? 0 : machines->note_machine(pid);
}

// It takes part no more, since it has "finished", for a "crash", or was "stopped".
// [[Rcpp::export(rng = false)]]
void call_note_machine_end(SEXP handle, int machine, SEXP why) {
  const ProcessEnd end = end_by_name(CHAR(Rf_asChar(why)));
  MachinesRunner* machines = machines_of(handle);
  if (machines != nullptr) machines->note_machine_end(machine, end);
}

// So many produced items have been given to machines by now.
// [[Rcpp::export(rng = false)]]
void call_note_given(SEXP handle, double n) {
  MachinesRunner* machines = machines_of(handle);
  if (machines != nullptr) machines->note_given(static_cast<std::uint64_t>(n));
}

// Takes in what a machine has replied, see reply_rows.h. What jumps from here loses nothing: the
// rest is taken in when the call goes on, or when the same reply is given once more. An error says
// that this is no reply, and nothing of it was taken in.
// [[Rcpp::export(rng = false)]]
void call_receive(SEXP handle, int machine, SEXP records) {
  MachinesRunner* machines = machines_of(handle);
  if (machines != nullptr) machines->receive(machine, records);
}

// The item was lost with its machine, and won't be run again: R will hear of it by the event
// "stranded", with this value. Nothing happens if it is over. `machine` is that machine's number
// for the report, negative if it isn't known.
// [[Rcpp::export(rng = false)]]
void call_strand(SEXP handle, double item, SEXP value, int machine = -1) {
  MachinesRunner* machines = machines_of(handle);
  if (machines != nullptr && item >= 1) machines->strand(item_of(item), machine, value);
}

// Nothing more will come from machines.
// [[Rcpp::export(rng = false)]]
void call_machines_end(SEXP handle) {
  MachinesRunner* machines = machines_of(handle);
  if (machines != nullptr) machines->end();
}

// The bytes of what has come for an iterator and was not taken.
// [[Rcpp::export(rng = false)]]
double call_untaken(SEXP handle) {
  const MachinesRunner* machines = machines_of(handle);
  return machines == nullptr ? 0 : static_cast<double>(machines->untaken());
}
