// Side: both.
/// \file
/// What ends workers when their session is gone, whatever signals they hold off.
#ifndef LOMP_PROCESS_LIFE_LINE_HPP
#define LOMP_PROCESS_LIFE_LINE_HPP

#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "lomp/os/fd.hpp"
#include "lomp/os/fork_count.hpp"

namespace lomp {

/// A pipe whose writing end the session alone holds. Each worker opens the reading end for itself
/// and has the kernel kill its group when the last writer is gone; that is SIGKILL, which no
/// process can block, ignore or handle as it can the signal of its parent's death. The writing ends
/// are known to a handler that closes them in each forked process, workers or not: none outlives
/// the session.
///
/// Does nothing where a system, a container or the table of descriptors refuses it. Open as long as
/// there may be workers: they don't outlive it.
class LifeLine {
 public:
  LifeLine() = default;
  LifeLine(const LifeLine&) = delete;
  LifeLine& operator=(const LifeLine&) = delete;
  ~LifeLine() { close(); }

  /// In the session, before it forks a worker. Does nothing if the line is open already.
  void open() {
    if (!has_signal_choice) return;
    (void)fork_depth();  // counts before close_inherited() looks
    static const int registered = ::pthread_atfork(nullptr, nullptr, close_inherited);
    (void)registered;
    if (reader_ || !find_place()) return;
    int ends[2];
    if (pipe_closed_on_exec(ends) != 0) return;
    reader_ = moved_up(Fd(ends[0]));
    Fd writer = moved_up(Fd(ends[1]));
    if (!reader_ || !writer) return reader_.reset();
    writers()[place_] = Writer(fork_depth(), writer.release()).word();
  }

  /// In the worker, which leads its group: from now on that ends with the session. The worker must
  /// look afterwards whether the session was gone before.
  void hold() const {
    if (!reader_) return;
    Fd own(open_again(reader_.get(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!own) return;
    own = moved_up(std::move(own));
    const pid_t owner = ::getpgrp() == ::getpid() ? -::getpid() : ::getpid();
    if (signal_owner(own.get(), owner, SIGKILL)) own.release();  // the process's end closes it
  }

  /// In the session this ends all workers.
  void close() {
    if (!reader_) return;
    const Writer writer(writers()[place_]);
    if (writer.is_of(fork_depth())) {
      writers()[place_] = 0;
      ::close(writer.fd());
    }
    reader_.reset();
  }

 private:
  static constexpr std::size_t most = 64;

  /// A descriptor, and the generation of the process that opened it, in one word. What a process
  /// has inherited isn't its own: so the places need not be cleared there, which would cost each
  /// worker a page of memory.
  class Writer {
   public:
    Writer(unsigned generation, int fd)
        : word_(std::uint64_t{generation + 1} << 32 | static_cast<std::uint32_t>(fd)) {}
    explicit Writer(std::uint64_t word) : word_(word) {}
    std::uint64_t word() const { return word_; }
    bool is_of(unsigned generation) const { return word_ >> 32 == generation + 1; }
    int fd() const { return static_cast<int>(word_ & UINT32_MAX); }

   private:
    std::uint64_t word_;
  };

  static std::array<std::atomic<std::uint64_t>, most>& writers() {
    static std::array<std::atomic<std::uint64_t>, most> all{};
    return all;
  }

  /// In each forked process, at once: closes the writing ends of its parent. Those of earlier
  /// generations are closed already.
  static void close_inherited() {
    const unsigned parent = fork_depth() - 1;
    for (std::uint64_t word : writers()) {
      if (Writer(word).is_of(parent)) ::close(Writer(word).fd());
    }
  }

  bool find_place() {
    for (place_ = 0; place_ < most; ++place_) {
      if (!Writer(writers()[place_]).is_of(fork_depth())) return true;
    }
    return false;
  }

  /// As lifted(), but empty where that fails.
  static Fd moved_up(Fd fd) { return fd.get() < 10 ? duplicate(fd) : std::move(fd); }

  std::size_t place_ = 0;
  Fd reader_;
};

}  // namespace lomp

#endif
