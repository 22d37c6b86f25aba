// Side: both.
/// \file
/// A large vector's bytes in a file that has no name, so that they change processes as a
/// descriptor.
#ifndef LOMP_PAYLOAD_PAYLOAD_HPP
#define LOMP_PAYLOAD_PAYLOAD_HPP

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>

#include "lomp/os/fd.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/os/page_size.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

/// Vectors of at least so many bytes travel as payloads. From there on a mapping costs less than a
/// copy through the pipe; the number of mappings that a process may have is limited.
constexpr std::size_t payload_threshold = std::size_t{128} << 10;

/// The bytes begin one page into the file. The receiver maps the whole of it and has a private page
/// for a header right before the bytes.
inline std::size_t payload_offset() { return page_size(); }

/// A new file on disk, unlinked. Empty if there is none to be had.
inline Fd make_file_on_disk() {
  const char* folder = std::getenv("TMPDIR");
  char name[4096];  // on the stack: a payload that gets no file for want of memory goes in-band
  const int length = std::snprintf(name, sizeof name, "%s/lomp-XXXXXX", folder ? folder : "/tmp");
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof name) return Fd();
  Fd file(open_temporary_file(name));
  if (!file) return file;
  ::unlink(name);
  set_close_on_exec(file.get());
  return file;
}

/// A new file without a name: in memory where the kernel has such files, else on disk. Empty if
/// there is none to be had.
inline Fd make_nameless_file() {
  Fd memory(open_file_in_memory());
  return memory ? std::move(memory) : make_file_on_disk();
}

/// What a file is for once it has been written: to be read, or also to be written again by its
/// maker.
enum class SealFor { reading, rewriting };

/// From now on no process can cut the file short under a reader, nor, if it is for reading, change
/// it. False where the system can't do that.
inline bool seal_file(int fd, SealFor use = SealFor::reading) {
  return fix_file(fd, use == SealFor::reading);
}

/// Puts `bytes` into a new sealed file; empty if there is no memory, descriptor or disk for it.
inline Fd make_payload(const void* data, std::size_t bytes, SealFor use = SealFor::reading) {
  Fd file = make_nameless_file();
  if (!file || ::lseek(file.get(), static_cast<off_t>(payload_offset()), SEEK_SET) == -1)
    return Fd();
  iovec part{const_cast<void*>(data), bytes};
  try {
    write_all(file.get(), &part, 1);
  } catch (const SystemError&) {
    return Fd();
  }
  seal_file(file.get(), use);
  return file;
}

/// Does the file hold a payload of at least `bytes`?
inline bool holds_payload(int fd, std::size_t bytes) {
  struct stat status;
  if (::fstat(fd, &status) == -1 || status.st_size < 0) return false;
  const std::size_t size = static_cast<std::size_t>(status.st_size);
  return size >= payload_offset() && bytes <= size - payload_offset();
}

/// Maps a payload's file, its header page included, for this process alone: what is written to it
/// stays here. Costs the same at any size: pages come when they are touched. nullptr if there is no
/// address space or no mapping to be had.
inline unsigned char* map_payload(int fd, std::size_t bytes) {
  return Mapping(fd, payload_offset() + bytes, MAP_PRIVATE).release();
}

inline void unmap_payload(void* base, std::size_t bytes) {
  ::munmap(base, payload_offset() + bytes);
}

/// Gives a mapped payload's bytes up but keeps their addresses, to be unmapped some time; the
/// header page stays. A process that touches them dies of it, rather than see what the file's maker
/// writes next. False if that can't be had; nothing has changed then.
inline bool vacate_payload(unsigned char* base, std::size_t bytes) {
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  return ::mmap(base + payload_offset(), bytes, PROT_NONE, flags, -1, 0) != MAP_FAILED;
}

/// A payload's mapping and its owner; false if there was none to be had.
class MappedPayload {
 public:
  MappedPayload() = default;
  MappedPayload(int fd, std::size_t bytes) : pages_(fd, payload_offset() + bytes, MAP_PRIVATE) {}

  explicit operator bool() const { return static_cast<bool>(pages_); }
  const unsigned char* data() const { return pages_.data() + payload_offset(); }

 private:
  Mapping pages_;
};

/// How many mappings payloads may take: half of what the kernel lets a process have, since without
/// any the host can't allocate.
inline std::size_t max_mapped_payloads() {
  static const std::size_t most = [] {
    std::size_t limit = 65530;  // Linux's own default
    std::istringstream text(read_text(mapping_limit_file));
    if (std::size_t told = 0; text >> told) limit = told;
    return limit / 2;
  }();
  return most;
}

/// Could address space be had for mappings of all these sizes at once? Where the kernel promises no
/// more memory than it has, that is a matter of memory as well. Each is asked for by itself: the
/// kernel grants many that are smaller than the machine's memory, but never a single larger one.
template <class... Sizes>
bool has_address_space(std::size_t first, Sizes... others) {
  const Mapping probe(-1, first, MAP_PRIVATE | MAP_ANONYMOUS);
  if constexpr (sizeof...(others) == 0)
    return static_cast<bool>(probe);
  else
    return probe && has_address_space(others...);
}

/// Copies a file's bytes from there on; false if it ends too early.
inline bool read_at(int fd, void* to, std::size_t bytes, off_t from) {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = retry_eintr([&] { return ::pread(fd, at, bytes, from); });
    if (n <= 0) return false;
    at += n;
    from += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

/// Copies a payload, or what follows its first `skipped` bytes, where it can't be mapped; false if
/// the file ends too early.
inline bool read_payload(int fd, void* to, std::size_t bytes, std::size_t skipped = 0) {
  return read_at(fd, to, bytes, static_cast<off_t>(payload_offset() + skipped));
}

}  // namespace lomp

#endif
