// Side: worker.
/// \file
/// What a worker's code writes to standard output by any way, kept for its parent.
#ifndef LOMP_WORKER_CAPTURED_OUTPUT_HPP
#define LOMP_WORKER_CAPTURED_OUTPUT_HPP

#include "lomp/payload/payload.hpp"

namespace lomp {

/// Standard output in a nameless file: writes of this process and of the programs that it starts
/// are appended there, whatever their size, and no write waits for a reader.
class CapturedOutput {
 public:
  /// From now on. False if there is no file to be had: then all goes where it went before.
  bool begin() {
    Fd file = make_nameless_file();
    if (!file || ::fcntl(file.get(), F_SETFL, O_APPEND) == -1) return false;
    if (file.get() == STDOUT_FILENO) {  // it was closed
      ::fcntl(file.release(), F_SETFD, 0);
      is_open_ = true;
    } else {
      is_open_ = ::dup2(file.get(), STDOUT_FILENO) != -1;
    }
    return is_open_;
  }

  bool is_open() const { return is_open_; }

  /// Moves what is there to the end of `text`, a std::string or the like.
  template <class Text>
  void take(Text& text) const {
    struct stat status;
    if (!is_open_ || ::fstat(STDOUT_FILENO, &status) == -1 || status.st_size <= 0) return;
    const std::size_t begun = text.size(), bytes = static_cast<std::size_t>(status.st_size);
    text.resize(begun + bytes);
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t n = retry_eintr([&] {
        return ::pread(STDOUT_FILENO, &text[begun + done], bytes - done, static_cast<off_t>(done));
      });
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    text.resize(begun + done);
    (void)!::ftruncate(STDOUT_FILENO, 0);
  }

 private:
  bool is_open_ = false;
};

}  // namespace lomp

#endif
