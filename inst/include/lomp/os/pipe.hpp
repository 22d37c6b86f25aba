// Side: any process.
/// \file
/// The pipe on which a worker's results come back.
#ifndef LOMP_OS_PIPE_HPP
#define LOMP_OS_PIPE_HPP

#include <cstddef>

#include "lomp/os/fd.hpp"

namespace lomp {

/// Both ends of a pipe: the parent keeps the reading end, the child the writing end.
struct Pipe {
  Fd reader;
  Fd writer;
};

/// Opens a pipe of about `bytes` whose reading end never blocks. Throws SystemError.
inline Pipe make_pipe(std::size_t bytes = std::size_t{1} << 20) {
  int ends[2];
  check(kernel().pipe(ends), "pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  pipe.reader = lifted(std::move(pipe.reader));
  pipe.writer = lifted(std::move(pipe.writer));
  set_nonblocking(pipe.reader.get());
  grow_pipe(pipe.writer.get(), bytes);
  return pipe;
}

/// Drops the first `bytes` of what `parts` still have to be written.
inline void advance(iovec*& parts, int& count, std::size_t bytes) {
  while (count > 0 && bytes >= parts->iov_len) {
    bytes -= parts->iov_len;
    ++parts;
    --count;
  }
  if (count == 0) return;
  parts->iov_base = static_cast<char*>(parts->iov_base) + bytes;
  parts->iov_len -= bytes;
}

/// Writes all parts to a blocking descriptor, whatever pieces the kernel takes. `parts` is used up.
inline void write_all(int fd, iovec* parts, int count) {
  advance(parts, count, 0);
  while (count > 0) {
    const ssize_t n =
        check(retry_eintr([&] { return kernel().writev(fd, parts, count); }), "write");
    advance(parts, count, static_cast<std::size_t>(n));
  }
}

}  // namespace lomp

#endif
