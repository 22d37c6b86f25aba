#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <cstdio>
#include <string>
#include <thread>

#include "harness/held.hpp"
#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/process/child.hpp"
#include "lomp/worker/seal.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::ControlPair;
using lomp::ExitReason;
using lomp::make_control_pair;
using lomp::seal_process;
using lomp::SharedPage;
using lomp::spawn;

namespace {

/// What processes under test tell the test.
enum Told { worker_pid, descendant_pid, host_ran, told_count };

/// A host with one sealed worker.
struct Host {
  SharedPage page{1, 1, 64};
  SharedArray<int> told{told_count};
  ControlPair control = make_control_pair();

  lomp::WorkerSlot& slot() { return page.slot(0); }

  template <class Main>
  Child seal_and(Main main) {
    const pid_t parent = ::getpid();
    return spawn([&] {
      control.parent.reset();
      seal_process(parent, control.worker.get(), slot());
      main();
    });
  }

  /// The wait status of a sealed worker that runs `main`.
  template <class Main>
  int status_of(Main main) {
    Child child = seal_and(main);
    child.wait();
    return child.status();
  }
};

Host* host_of_handlers = nullptr;

/// The host's own handler, which in a worker would do what only the parent may do.
void on_host_signal(int) {
  host_of_handlers->told[host_ran] = 1;
  ::_exit(50);
}

/// Gives a host handlers for all signals that can have one, for as long as this lives.
class HostHandlers {
 public:
  explicit HostHandlers(Host& host) {
    host_of_handlers = &host;
    for (int signal : all) ::sigaction(signal, nullptr, &old_[signal]);
    for (int signal : all) ::signal(signal, on_host_signal);
  }
  HostHandlers(const HostHandlers&) = delete;
  HostHandlers& operator=(const HostHandlers&) = delete;
  ~HostHandlers() {
    for (int signal : all) ::sigaction(signal, &old_[signal], nullptr);
  }

  static constexpr int all[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE,  SIGABRT, SIGUSR1,
                                SIGUSR2, SIGHUP, SIGQUIT, SIGTERM, SIGPIPE};

 private:
  struct sigaction old_[32];
};

void allow_no_core() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

/// A worker that has started a process of its own; both tell their numbers and wait.
[[noreturn]] void start_a_process_and_wait(Host& host) {
  const pid_t pid = ::fork();
  if (pid == 0) wait_for_death();
  host.told[descendant_pid] = pid;
  host.told[worker_pid] = ::getpid();
  wait_for_death();
}

/// Starts a host in a process of its own, which can be killed; `main` runs in its worker.
template <class Main>
pid_t start_host(Host& host, Main main) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const Child worker = host.seal_and(main);
  host.control.worker.reset();
  wait_for_death();
}

void kill_and_reap(pid_t pid, int signal) {
  ::kill(pid, signal);
  ::waitpid(pid, nullptr, 0);
}

/// Kills a host that has a worker which has a child. Both must be gone within a second.
void check_that_all_die_with_their_host(int signal) {
  const LeavesNothing check;
  adopt_orphans();
  Host host;
  const pid_t pid = start_host(host, [&] { start_a_process_and_wait(host); });
  host.control.parent.reset();
  host.control.worker.reset();
  REQUIRE(eventually([&] { return host.told[worker_pid] != 0; }));
  kill_and_reap(pid, signal);
  CHECK(eventually([&] { return is_gone(host.told[worker_pid]); }, 1000));
  CHECK(eventually([&] { return is_gone(host.told[descendant_pid]); }, 1000));
}

}  // namespace

TEST_CASE("a sealed worker knows that it is one and its parent isn't") {
  const LeavesNothing check;
  Host host;
  CHECK_FALSE(lomp::is_sealed_worker());
  CHECK_FALSE(lomp::is_below_worker());
  CHECK(host.status_of([] { ::_exit(lomp::is_sealed_worker() ? 0 : 1); }) == 0);
  CHECK(host.status_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(lomp::is_sealed_worker() || !lomp::is_below_worker() ? 1 : 0);
    int status = -1;
    ::waitpid(pid, &status, 0);
    ::_exit(status == 0 ? 0 : 1);
  }) == 0);
}

TEST_CASE("a sealed worker leads a group and no signal is blocked") {
  Host host;
  CHECK(host.status_of(
            [] { ::_exit(::getpgrp() == ::getpid() && blocked_signals().empty() ? 0 : 1); }) == 0);
}

TEST_CASE("a signal that the host handles ends the worker by its name") {
  const LeavesNothing check;
  allow_no_core();
  Host host;
  const HostHandlers handlers(host);
  for (int signal : HostHandlers::all) {
    if (signal == SIGPIPE) continue;
    CAPTURE(signal);
    CHECK(was_killed_by(host.status_of([&] { kill_self(signal); }), signal));
  }
  CHECK(host.told[host_ran] == 0);
}

TEST_CASE("a real fault ends the worker by its name") {
  allow_no_core();
  Host host;
  const HostHandlers handlers(host);
  CHECK(was_killed_by(host.status_of([] {
    void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<volatile char*>(page) = 1;
  }),
                      SIGSEGV));
  CHECK(was_killed_by(host.status_of([] { std::abort(); }), SIGABRT));
}

TEST_CASE("standard input of a worker is at its end and the host's is left alone") {
  const int status = run_in_process([] {
    const lomp::Pipe input = lomp::make_pipe();
    ::dup2(input.reader.get(), STDIN_FILENO);
    if (::write(input.writer.get(), "x", 1) != 1) return 1;
    Host host;
    char byte;
    const int worker =
        host.status_of([&] { ::_exit(::read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1); });
    return worker == 0 && ::read(STDIN_FILENO, &byte, 1) == 1 ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("standard input may have been closed by the host") {
  const int status = run_in_process([] {
    ::close(STDIN_FILENO);
    Host host;
    return host.status_of([] {
      char byte;
      ::_exit(::read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
    });
  });
  CHECK(status == 0);
}

TEST_CASE("programs that a worker starts have its standard input") {
  for (bool was_open : {true, false}) {
    const int status = run_in_process([was_open] {
      if (!was_open) ::close(STDIN_FILENO);
      lomp::close_standard_input();
      return std::system(
          "readlink /proc/self/fd/0 | grep -q '^/dev/null$' || test ! -e /proc/self");
    });
    CHECK(exited_with(status, 0));
  }
}

TEST_CASE("sealing leaves no descriptor open but those it was given") {
  Host host;
  const std::vector<int> before = open_descriptors();
  CHECK(host.status_of([&] {
    // The parent's socket is closed; nothing else has changed.
    ::_exit(open_descriptors().size() == before.size() - 1 ? 0 : 1);
  }) == 0);
}

TEST_CASE("stop signals of a terminal are ignored") {
  Host host;
  CHECK(host.status_of([] {
    for (int signal : {SIGTTIN, SIGTTOU, SIGTSTP}) ::raise(signal);
  }) == 0);
}

TEST_CASE("a broken pipe is an error and no more") {
  Host host;
  const HostHandlers handlers(host);
  CHECK(host.status_of([] {
    lomp::Pipe pipe = lomp::make_pipe();
    pipe.reader.reset();
    ::_exit(::write(pipe.writer.get(), "x", 1) == -1 && errno == EPIPE ? 0 : 1);
  }) == 0);
  CHECK(host.told[host_ran] == 0);
}

TEST_CASE("a broken pipe still ends a program that the worker starts") {
  Host host;
  CHECK(was_killed_by(host.status_of([] {
    ::execl("/bin/sh", "sh", "-c", "kill -PIPE $$; exit 9", static_cast<char*>(nullptr));
  }),
                      SIGPIPE));
}

TEST_CASE("exit is noted and runs no exit handler of the host") {
  const int status = run_in_process([] {
    static Host host;
    std::atexit([] { host.told[host_ran] = 1; });
    const int worker = host.status_of([] { std::exit(0); });
    if (!exited_with(worker, EXIT_FAILURE)) return 1;
    if (host.slot().reason != ExitReason::c_exit) return 2;
    return host.told[host_ran] == 0 ? 0 : 3;
  });
  CHECK(status == 0);
}

TEST_CASE("exit runs what the item's code itself has registered") {
  // Exit handlers run in reverse order, so what was registered after the seal comes before its end.
  const int status = run_in_process([] {
    static Host host;
    host.status_of([] {
      std::atexit([] { host.told[host_ran] = 1; });
      std::exit(0);
    });
    return host.told[host_ran] == 1 && host.slot().reason == ExitReason::c_exit ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("exit writes nothing that the host had buffered") {
  const LeavesNothing check;
  std::FILE* file = std::tmpfile();
  std::fputs("once", file);
  Host host;
  host.status_of([] { std::exit(0); });
  std::fflush(file);
  std::fseek(file, 0, SEEK_END);
  CHECK(std::ftell(file) == 4);
  std::fclose(file);
}

TEST_CASE("exit does not rewind what the host is reading") {
  // The C library would set the shared offset back to what the program has consumed: a script that
  // is read line by line would run its lines again.
  std::FILE* file = std::tmpfile();
  std::fputs("first\nsecond\n", file);
  std::fflush(file);
  std::rewind(file);
  REQUIRE(std::fgetc(file) == 'f');
  const off_t before = ::lseek(::fileno(file), 0, SEEK_CUR);
  Host host;
  host.status_of([] { std::exit(0); });
  CHECK(::lseek(::fileno(file), 0, SEEK_CUR) == before);
  std::fclose(file);
}

TEST_CASE("exit in a process that the worker forked is not noted") {
  Host host;
  const int status = host.status_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) std::exit(0);
    int ended = -1;
    ::waitpid(pid, &ended, 0);
    ::_exit(ended == 0 ? 0 : 1);
  });
  CHECK(status == 0);
  CHECK(host.slot().reason == ExitReason::none);
}

TEST_CASE("a worker leaves with a note and a status") {
  Host host;
  CHECK(exited_with(host.status_of([] { lomp::leave(ExitReason::quit, 3); }), 3));
  CHECK(host.slot().reason == ExitReason::quit);
}

TEST_CASE("a process that a worker forked leaves without a note") {
  Host host;
  CHECK(host.status_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) lomp::leave(ExitReason::quit, 3);
    int ended = -1;
    ::waitpid(pid, &ended, 0);
    ::_exit(exited_with(ended, 3) ? 0 : 1);
  }) == 0);
  CHECK(host.slot().reason == ExitReason::none);
}

TEST_CASE("a killed host takes its worker and the worker's children along") {
  check_that_all_die_with_their_host(SIGKILL);
}

TEST_CASE("a terminated host takes its worker and the worker's children along") {
  check_that_all_die_with_their_host(SIGTERM);
}

TEST_CASE("a worker that was busy when its host died is gone too") {
  const LeavesNothing check;
  adopt_orphans();
  Host host;
  const pid_t pid = start_host(host, [&] {
    host.told[worker_pid] = ::getpid();
    for (;;) work_for_us(1000);
  });
  host.control.parent.reset();
  host.control.worker.reset();
  REQUIRE(eventually([&] { return host.told[worker_pid] != 0; }));
  kill_and_reap(pid, SIGKILL);
  CHECK(eventually([&] { return is_gone(host.told[worker_pid]); }, 1000));
}

TEST_CASE("a worker whose parent died before it was sealed leaves") {
  const LeavesNothing check;
  adopt_orphans();
  Host host;
  const lomp::Pipe gate = lomp::make_pipe();
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t self = ::getpid();
    const Child child = spawn([&] {
      host.told[worker_pid] = ::getpid();
      pollfd open{gate.reader.get(), POLLIN, 0};
      ::poll(&open, 1, -1);
      seal_process(self, host.control.worker.get(), host.slot());
      wait_for_death();
    });
    wait_for_death();
  }
  REQUIRE(eventually([&] { return host.told[worker_pid] != 0; }));
  kill_and_reap(parent, SIGKILL);
  REQUIRE(::write(gate.writer.get(), "x", 1) == 1);
  CHECK(eventually([&] { return is_gone(host.told[worker_pid]); }));
}

TEST_CASE("a process that a worker forked may be terminated alone") {
  Host host;
  CHECK(host.status_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) wait_for_death();
    if (pid < 0) ::_exit(2);
    int ended = -1;
    ::kill(pid, SIGTERM);
    ::waitpid(pid, &ended, 0);
    ::_exit(was_killed_by(ended, SIGTERM) ? 0 : 1);
  }) == 0);
}

#if LOMP_LINUX

LINUX_TEST_CASE("what another thread of the worker forks outlives that thread") {
  lomp::tie_forked_processes();
  Host host;
  CHECK(host.status_of([&] {
    std::thread([&] {
      const pid_t pid = ::fork();
      if (pid == 0) wait_for_death();
      host.told[descendant_pid] = pid;
    }).join();
    if (host.told[descendant_pid] <= 0) ::_exit(2);
    work_for_us(20000);
    const bool is_alive = !is_gone(host.told[descendant_pid]);
    ::kill(host.told[descendant_pid], SIGKILL);
    ::_exit(is_alive ? 0 : 1);
  }) == 0);
}

LINUX_TEST_CASE("what the worker itself forks is ended by the kernel") {
  adopt_orphans();
  lomp::tie_forked_processes();
  Host host;
  const int status = host.status_of([&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setsid();
      host.told[descendant_pid] = ::getpid();
      wait_for_death();
    }
    eventually([&] { return host.told[descendant_pid] != 0; });
    kill_self();
  });
  CHECK(was_killed_by(status, SIGKILL));
  CHECK(eventually([&] { return is_gone(host.told[descendant_pid]); }));
}

LINUX_TEST_CASE("what that forks in turn lives as long as it likes") {
  lomp::tie_forked_processes();
  Host host;
  CHECK(host.status_of([&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const pid_t below = ::fork();
      if (below == 0) wait_for_death();
      host.told[descendant_pid] = below;
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    if (host.told[descendant_pid] <= 0) ::_exit(2);
    work_for_us(20000);
    const bool is_alive = !is_gone(host.told[descendant_pid]);
    ::kill(host.told[descendant_pid], SIGKILL);
    ::_exit(is_alive ? 0 : 1);
  }) == 0);
}

LINUX_TEST_CASE("a worker whose time is over ends what it has started however long that takes") {
  if (!lomp::has_signal_timers) return;
  Host host;
  Debugger debugger;
  SharedArray<int> is_held(1);
  Child worker = host.seal_and([&] {
    lomp::ItemTimer timer(host.slot().deadline);
    lomp::seal_state().timer = &timer;
    if (::fork() == 0) {
      allow_holders();
      host.told[descendant_pid] = ::getpid();
      wait_for_death();
    }
    eventually([&] { return is_held[0] != 0; });
    timer.start(20000000);
    wait_for_death();
  });
  CHECK(eventually([&] { return host.told[descendant_pid] != 0; }));
  const bool may_hold = debugger.seize(host.told[descendant_pid]);
  is_held[0] = 1;
  worker.wait();
  debugger.release();
  CHECK((!may_hold || was_killed_by(worker.status(), lomp::time_out_signal)));
}

#endif
