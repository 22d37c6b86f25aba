// Side: both.
/// \file
/// A payload that many processes make together, each a part of it.
#ifndef LOMP_PAYLOAD_PARTS_FILE_HPP
#define LOMP_PAYLOAD_PARTS_FILE_HPP

#include <pthread.h>
#include <sys/resource.h>

#include <cstdint>

#include "lomp/payload/payload.hpp"

namespace lomp {

/// Owns a file that is made before the fork and is as long as the payload from the beginning. Its
/// parts are written by system calls: no process has a mapping, in which a stray pointer of an
/// item's code could hit the parts of others, and no page is touched but by its writer.
class PartsFile {
 public:
  PartsFile() = default;

  /// For so many bytes, which are 0 until they are written. It isn't open if there is no such file
  /// to be had. What code writes to any descriptor that it finds lands behind them.
  explicit PartsFile(std::size_t bytes) : bytes_(bytes) {
    if (!is_allowed(payload_offset() + bytes)) return;
    try {
      Fd file = lifted(make_nameless_file());
      const off_t end = static_cast<off_t>(payload_offset() + bytes);
      if (::ftruncate(file.get(), end) == -1 || ::lseek(file.get(), end, SEEK_SET) == -1) return;
      if (known_.learn(file.get())) file_ = std::move(file);
    } catch (const SystemError&) {
      // There is no descriptor left.
    }
  }

  bool is_open() const { return static_cast<bool>(file_); }
  int fd() const { return file_.get(); }
  std::size_t bytes() const { return bytes_; }

  /// Writes a part, from this byte on. False if there is no room for it, or if the descriptor isn't
  /// this file's any more, since an item's code has closed it; something of the part may be there.
  bool write(const void* data, std::size_t bytes, std::size_t from) const {
    if (from > bytes_ || bytes > bytes_ - from || !known_.is_there()) return false;
    const char* at = static_cast<const char*>(data);
    off_t to = static_cast<off_t>(payload_offset() + from);
    while (bytes > 0) {
      const ssize_t n = retry_eintr([&] { return ::pwrite(file_.get(), at, bytes, to); });
      if (n <= 0) return false;
      at += n;
      to += n;
      bytes -= static_cast<std::size_t>(n);
    }
    return true;
  }

  /// In a worker, for good: what it forks from now on doesn't have the file. What it starts hasn't,
  /// either, since the descriptor is closed on exec.
  void hide_from_forks() const {
    hidden() = known_;
    static const int registered = ::pthread_atfork(nullptr, nullptr, [] { hidden().close(); });
    (void)registered;
  }

  /// From now on no process can change it, whatever it has of it. False if that can't be had.
  bool seal() const { return seal_file(file_.get()); }

 private:
  /// A descriptor, and what it is of: an item's code may have closed it, and its number may be that
  /// of another file.
  struct Known {
    int fd = -1;
    dev_t device = 0;
    ino_t number = 0;

    bool learn(int of) {
      struct stat status;
      if (::fstat(of, &status) == -1) return false;
      *this = {of, status.st_dev, status.st_ino};
      return true;
    }
    bool is_there() const {
      struct stat now;
      return ::fstat(fd, &now) == 0 && now.st_dev == device && now.st_ino == number;
    }
    void close() const {
      if (is_there()) ::close(fd);
    }
  };

  static Known& hidden() {
    static Known file;
    return file;
  }

  /// A file beyond the process's limit would end it by a signal.
  static bool is_allowed(std::size_t bytes) {
    rlimit limit;
    return ::getrlimit(RLIMIT_FSIZE, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY ||
           bytes <= limit.rlim_cur;
  }

  Fd file_;
  Known known_;
  std::size_t bytes_ = 0;
};

}  // namespace lomp

#endif
