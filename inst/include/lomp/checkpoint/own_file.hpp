// Side: parent.
/// \file
/// A file that no forked process has.
#ifndef LOMP_CHECKPOINT_OWN_FILE_HPP
#define LOMP_CHECKPOINT_OWN_FILE_HPP

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "lomp/os/fd.hpp"
#include "lomp/os/fork_count.hpp"

namespace lomp {

/// Owns a descriptor that is closed in each forked process, at once, workers or not: no item's code
/// that writes to whatever it finds can reach the file, and the file's lock ends with the process
/// that has it.
class OwnFile {
 public:
  OwnFile() = default;

  /// Not open where the table of such files is full.
  explicit OwnFile(Fd file) {
    (void)fork_depth();  // counts before close_inherited() looks
    static const int registered = ::pthread_atfork(nullptr, nullptr, close_inherited);
    (void)registered;
    for (place_ = 0; place_ < most && is_of(words()[place_], fork_depth());) ++place_;
    if (place_ == most) return;
    owner_ = fork_depth();
    words()[place_] = word_of(owner_, file.get());
    file_ = std::move(file);
  }
  OwnFile(OwnFile&& other) noexcept { *this = std::move(other); }
  OwnFile& operator=(OwnFile&& other) noexcept {
    close();
    file_ = std::move(other.file_);
    place_ = other.place_;
    owner_ = other.owner_;
    return *this;
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;
  ~OwnFile() { close(); }

  bool is_open() const { return file_ && owner_ == fork_depth(); }
  int fd() const { return is_open() ? file_.get() : -1; }

  /// A forked copy has closed it already; its number may be another file's there.
  void close() {
    if (!file_) return;
    if (owner_ != fork_depth()) {
      (void)file_.release();
      return;
    }
    words()[place_] = 0;
    file_.reset();
  }

  static constexpr std::size_t most = 64;

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

  Fd file_;
  std::size_t place_ = 0;
  unsigned owner_ = 0;
};

}  // namespace lomp

#endif
