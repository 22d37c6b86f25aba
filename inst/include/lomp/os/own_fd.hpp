// Side: any process.
/// \file
/// An owned file descriptor that no forked process has.
#ifndef LOMP_OS_OWN_FD_HPP
#define LOMP_OS_OWN_FD_HPP

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "lomp/os/fd.hpp"
#include "lomp/os/fork_count.hpp"

namespace lomp {

/// Owns a descriptor that is closed in each forked process, at once, workers or not: no item's code
/// that writes to whatever it finds can reach the file, and what the kernel ties to the last one
/// that has it (a lock, the writing end of a pipe) ends with this process.
class OwnFd {
 public:
  OwnFd() = default;

  /// Not open where the table of such descriptors is full, nor of none.
  explicit OwnFd(Fd fd) {
    if (!fd) return;
    (void)fork_depth();  // counts before close_inherited() looks
    static const int registered = ::pthread_atfork(nullptr, nullptr, close_inherited);
    (void)registered;
    for (place_ = 0; place_ < most && is_of(words()[place_], fork_depth());) ++place_;
    if (place_ == most) return;
    owner_ = fork_depth();
    words()[place_] = word_of(owner_, fd.get());
    fd_ = std::move(fd);
  }
  OwnFd(OwnFd&& other) noexcept { *this = std::move(other); }
  OwnFd& operator=(OwnFd&& other) noexcept {
    close();
    fd_ = std::move(other.fd_);
    place_ = other.place_;
    owner_ = other.owner_;
    return *this;
  }
  OwnFd(const OwnFd&) = delete;
  OwnFd& operator=(const OwnFd&) = delete;
  ~OwnFd() { close(); }

  bool is_open() const { return fd_ && owner_ == fork_depth(); }
  int fd() const { return is_open() ? fd_.get() : -1; }

  /// A forked copy has closed it already; its number may be another file's there.
  void close() {
    if (!fd_) return;
    if (owner_ != fork_depth()) {
      (void)fd_.release();
      return;
    }
    words()[place_] = 0;
    fd_.reset();
  }

  static constexpr std::size_t most = 512;  // a page

 private:
  /// A descriptor, and the generation of the process that opened it, in one word. What a process
  /// has inherited isn't its own: so no word has to be written there, which would cost each worker
  /// a page of memory.
  static std::uint64_t word_of(unsigned generation, int fd) {
    return std::uint64_t{generation + 1} << 32 | static_cast<std::uint32_t>(fd);
  }
  static bool is_of(std::uint64_t word, unsigned generation) {
    return word >> 32 == generation + 1;
  }

  static std::array<std::atomic<std::uint64_t>, most>& words() {
    static std::array<std::atomic<std::uint64_t>, most> all{};
    return all;
  }

  static void close_inherited() {
    const unsigned parent = fork_depth() - 1;
    for (std::uint64_t word : words()) {
      if (is_of(word, parent)) ::close(static_cast<int>(word & UINT32_MAX));
    }
  }

  Fd fd_;
  std::size_t place_ = 0;
  unsigned owner_ = 0;
};

}  // namespace lomp

#endif
