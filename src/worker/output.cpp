#include "worker/output.h"

#include <cstring>

#include "codec/serialize.h"
#include "lomp/os/fork_count.hpp"
#include "lomp/os/open_files.hpp"
#include "worker/seal_r.h"

namespace lomp {

namespace {

// Of the one worker that this process is.
struct State {
  Worker* worker = nullptr;
  const bool* is_writing = nullptr;
  unsigned owner = 0;  // fork_depth(): a process that an item forks isn't it
  CapturedOutput file;
  std::string text;  // what R has written and this process has not sent
};

State& state() {
  static State one;
  return one;
}

bool can_send(const State& s) { return s.worker->running() != 0 && !*s.is_writing; }

void take_file(State& s) {
  flush_open_files(true);
  std::string all;
  s.file.take(all);
  if (all.empty()) return;
  all += s.text;
  s.text.swap(all);
}

void send_text(State& s) {
  if (!can_send(s)) return;
  s.worker->abandon();
  s.worker->await_room();
  s.worker->put(s.text.data(), s.text.size());
  s.worker->emit(static_cast<unsigned>(Encoding::output));
  s.worker->flush_if_stale();
  s.text.clear();
}

// Line by line.
void send_line(State& s, const char* text, std::size_t length) {
  s.text.append(text, length);
  if (length == 0 || text[length - 1] != '\n') return;
  if (can_send(s)) take_file(s);
  if (!s.text.empty()) send_text(s);
}

// What R writes to its console. Never jumps nor throws: R calls it. False if it isn't for the
// session, or can't be kept in this process's memory: then it goes to the file, which comes later.
bool write_text(const char* text, int length) noexcept {
  State& s = state();
  if (s.owner != fork_depth()) return false;
  const std::size_t begun = s.text.size();
  try {
    send_line(s, text, static_cast<std::size_t>(length));
    return true;
  } catch (const std::exception&) {
    return s.text.size() != begun;  // it is there, and goes with the next line
  }
}

}  // namespace

void Output::prepare() { (void)state(); }

void Output::begin(Worker& worker, const bool& is_writing) {
  State& s = state();
  s.worker = &worker;
  s.is_writing = &is_writing;
  s.owner = fork_depth();
  s.text.clear();
  if (s.file.begin()) write_output_by(write_text);
}

void Output::send(bool is_thorough) {
  State& s = state();
  if (!s.file.is_open()) return;
  if (is_thorough) take_file(s);
  if (!s.text.empty()) send_text(s);
}

}  // namespace lomp
