// Side: worker.
/// \file
/// What a forked worker does first: it becomes a process that can't disturb its parent's world.
#ifndef LOMP_WORKER_SEAL_HPP
#define LOMP_WORKER_SEAL_HPP

#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

#include "lomp/process/descendants.hpp"
#include "lomp/process/life_line.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/wire/control.hpp"
#include "lomp/worker/item_timer.hpp"

namespace lomp {

/// What the handlers below must know. Set once in the worker, before they are installed. A process
/// that the worker forks inherits handlers and state; `self` tells it that they aren't meant for
/// it.
struct SealState {
  pid_t self = 0;
  pid_t parent = 0;
  int control = -1;
  WorkerSlot* slot = nullptr;
  pthread_t thread{};          ///< the worker's first one, which lives as long as it does
  bool is_descendant = false;  ///< this process has come from a worker by fork()
  ItemTimer* timer = nullptr;  ///< the worker's, once there is one
};

inline SealState& seal_state() {
  static SealState state;
  return state;
}

/// Is this process the sealed worker itself, not something that it forked?
inline bool is_sealed_worker() { return ::getpid() == seal_state().self; }

/// Is it a sealed worker, or a process that one has forked?
inline bool is_below_worker() { return seal_state().self != 0; }

/// A worker's end is the end of what it has started; a process that it has forked answers for
/// itself alone.
inline void end_what_worker_started() {
  if (is_sealed_worker()) end_own_descendants();
}

/// Ends this worker and what it started. Only a group that it leads may be hit: should setpgid()
/// have failed, the group is the parent's.
[[noreturn]] inline void end_own_group() {
  end_what_worker_started();
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  end_process(EXIT_FAILURE);
}

/// The end of a process on a signal, as if the signal had no handler.
inline void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

/// The end of a worker that can't go on: its parent reports a crash.
[[noreturn]] inline void crash() {
  end_what_worker_started();
  die_of(SIGABRT);
  end_process(EXIT_FAILURE);
}

/// A signal that ends the worker by its name, and with it what it has started.
inline void on_death(int signal) {
  end_what_worker_started();
  die_of(signal);
}

/// SIGTERM is how the kernel tells of the parent's death. A SIGTERM from any other process ends
/// this one alone, with that status.
inline void on_terminate(int signal) {
  const SealState& state = seal_state();
  if (is_sealed_worker() && ::getppid() != state.parent) end_own_group();
  on_death(signal);
}

/// The item in hand has taken too long. It may have ended by now, if it held the signal off: then
/// the signal concerns no item.
inline void on_time_out(int signal) {
  if (is_sealed_worker()) {
    WorkerSlot& slot = *seal_state().slot;
    const std::int64_t deadline = slot.deadline.load(std::memory_order_acquire);
    const bool is_over = deadline != 0 && now_ns() >= deadline;
    if (!is_over && signal != alarm_signal) return;
    if (is_over) slot.reason.store(ExitReason::timed_out, std::memory_order_release);
    if (ItemTimer* timer = seal_state().timer) timer->give_handler_time();
  }
  on_death(signal);
}

/// Where there is no death signal, the control socket's owner gets SIGIO when its peer closes.
inline void on_control_event(int) {
  if (is_sealed_worker() && peer_is_gone(seal_state().control)) end_own_group();
}

/// Writes to a closed pipe fail with EPIPE and do nothing else: the host's handler might jump out
/// of whatever writes. Unlike SIG_IGN this isn't passed on to programs that the worker starts.
inline void on_broken_pipe(int) {}

inline void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

/// Handlers run on a stack of their own: items may have used up the other one. Its pages cost
/// nothing until they do.
inline void use_own_signal_stack() {
  constexpr std::size_t bytes = std::size_t{64} << 10;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = bytes;
  ::sigaltstack(&stack, nullptr);
}

/// Faults and aborts end the worker with their signal, so that the parent can name it; the host's
/// own handlers would clean up what belongs to the parent, or ask the user. Reading the terminal
/// fails instead of stopping the worker, and so does writing beyond a limit of file size.
inline void reset_signals() {
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT}) {
    handle(signal, on_death);
  }
  for (int signal : {time_out_signal, alarm_signal}) handle(signal, on_time_out);
  for (int signal : {SIGTTIN, SIGTTOU, SIGTSTP, SIGXFSZ}) handle(signal, SIG_IGN);
  handle(SIGPIPE, on_broken_pipe);
  handle(SIGTERM, on_terminate);
}

inline void watch_control_socket(int socket) {
  handle(SIGIO, on_control_event);
  (void)signal_owner(socket, ::getpid(), SIGIO);
}

/// Ties the worker's life to its parent's. The death signal comes when the *thread* that forked
/// ends (prctl(2)), which is the parent's main thread. A worker can hold that signal off, but not
/// what comes by the line. If the parent died before they were set, neither is sent.
inline void follow_parent(const SealState& state, const LifeLine& line) {
  const bool has_death_signal = ask_for_death_signal(SIGTERM);
  line.hold();
  if (!has_death_signal) {
    watch_control_socket(state.control);
    if (peer_is_gone(state.control)) end_own_group();
  }
  if (::getppid() != state.parent) end_own_group();
}

/// Runs in each forked process. A process that a worker has forked ends with the worker, even if it
/// has left its group and the worker is killed by SIGKILL; so does the program that it turns into.
/// What other threads than the worker's first one fork is left alone: the signal comes at the end
/// of the thread that forked, see PR_SET_PDEATHSIG in prctl(2).
inline void on_forked() {
  SealState& state = seal_state();
  if (state.self == 0 || state.is_descendant) return;
  state.is_descendant = true;
  if (::pthread_equal(::pthread_self(), state.thread) == 0) return;
  if (ask_for_death_signal(SIGKILL) && ::getppid() != state.self) end_process(EXIT_FAILURE);
}

/// In the parent, before it forks a worker.
inline void tie_forked_processes() {
  static const int registered = ::pthread_atfork(nullptr, nullptr, on_forked);
  (void)registered;
}

inline void close_standard_input() {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) {
    ::close(STDIN_FILENO);
  } else if (null == STDIN_FILENO) {
    ::fcntl(null, F_SETFD, 0);  // it was closed; programs that are started have this one
  } else {
    ::dup2(null, STDIN_FILENO);
    ::close(null);
  }
}

/// Leaves at once: no exit handler, no stdio buffer of the parent's, no destructor.
[[noreturn]] inline void leave(ExitReason reason, int status) {
  end_what_worker_started();
  if (is_sealed_worker()) seal_state().slot->reason.store(reason, std::memory_order_release);
  end_process(status);
}

/// Runs first of all exit handlers (the last one registered), so that exit() in an item's code runs
/// no other and doesn't flush or rewind files that the parent shares.
inline void on_exit_called() {
  if (is_sealed_worker()) leave(ExitReason::c_exit, EXIT_FAILURE);
}

/// Seals the worker. `parent` is the pid from before the fork, and `line` its life line. Signals
/// are blocked on entry and unblocked on return.
inline void seal_process(pid_t parent, int control, WorkerSlot& slot,
                         const LifeLine& line = LifeLine()) {
  SealState& state = seal_state();
  state = {::getpid(), parent, control, &slot, ::pthread_self(), false, nullptr};
  ::setpgid(0, 0);
  adopt_orphans();
  use_own_signal_stack();
  reset_signals();
  close_standard_input();
  std::atexit(on_exit_called);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  follow_parent(state, line);
}

}  // namespace lomp

#endif
