// Side: parent.
/// \file
/// Appends entries to a checkpoint's file.
#ifndef LOMP_CHECKPOINT_CHECKPOINT_WRITER_HPP
#define LOMP_CHECKPOINT_CHECKPOINT_WRITER_HPP

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lomp/checkpoint/checkpoint_format.hpp"
#include "lomp/checkpoint/checkpoint_problem.hpp"
#include "lomp/checkpoint/checkpoint_reader.hpp"
#include "lomp/checkpoint/sync_share.hpp"
#include "lomp/os/own_fd.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/payload/payload.hpp"

namespace lomp {

/// What an entry is to be; its bytes come beside it.
struct NewEntry {
  EntryWhat what = EntryWhat::result;
  unsigned kind = 0;
  std::uint64_t item = 0;
  bool goes_on = false;
  bool has_drawn = false;
  std::uint32_t payloads = 0;
};

/// One process's, which has the file's lock as long as it is open; no process that is forked has
/// it. A disk that is full, or has failed, ends it: from then on it does nothing, and the file ends
/// with the last whole entry. Small entries are gathered until flush(). Functions throw
/// std::bad_alloc where they gather, and nothing else.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(SyncShare::Clock clock = now_ns) : sync_(clock) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;
  ~CheckpointWriter() { close(); }

  /// Makes a new file, which nobody else can read, without its name. `extra` are bytes of the
  /// caller's.
  CheckpointProblem begin(const char* path, std::uint32_t call, std::uint64_t items,
                          const std::vector<unsigned char>& extra) {
    if (is_there(path)) return CheckpointProblem::Kind::exists;
    path_ = path;
    end_ = 0;
    Fd file(kernel().open_unnamed_file(folder().c_str()));
    if (!file) file = open_draft();
    if (!file) return CheckpointProblem::of_system();
    if (CheckpointProblem problem = take(std::move(file))) {
      ::unlink(draft_.c_str());
      draft_.clear();
      return problem;
    }
    put_header(call, items, extra);
    flush();
    return has_failed() ? given_up(CheckpointProblem::of_system(error_)) : CheckpointProblem();
  }

  /// It gets its name, with what was put until now: there is never a file that can't be gone on
  /// with, or that lacks what it is to begin with, whenever this process is killed or the machine
  /// goes down. So both are on the disk when it returns, the name last.
  CheckpointProblem publish() {
    flush();
    if (is_open()) sync();
    if (!is_open()) return given_up(CheckpointProblem::of_system(error_));
    if (!take_name()) {
      const CheckpointProblem problem = CheckpointProblem::of_system();
      const bool exists = problem.error() == EEXIST || is_there(path_.c_str());
      return given_up(exists ? CheckpointProblem::Kind::exists : problem);
    }
    draft_.clear();
    sync_folder();
    return {};
  }

  /// Both at once.
  CheckpointProblem create(const char* path, std::uint32_t call, std::uint64_t items,
                           const std::vector<unsigned char>& extra) {
    if (CheckpointProblem problem = begin(path, call, items, extra)) return problem;
    return publish();
  }

  /// Goes on with the file that has this id and was sound up to `end`, and cuts off what isn't
  /// sound behind the last entry.
  CheckpointProblem resume(const char* path, std::uint64_t id, std::uint64_t end) {
    Fd file(::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file) return CheckpointProblem::of_system();
    if (CheckpointProblem problem = lock(file.get())) return problem;
    CheckpointReader reader;
    if (CheckpointProblem problem = reader.open(std::move(file))) return problem;
    if (reader.header().id != id || reader.size() < end) return CheckpointProblem::Kind::other;
    reader.skip_to(std::max(end, reader.end()));  // which is behind the header
    Entry entry;
    while (reader.next(entry)) continue;
    id_ = id;
    end_ = reader.end();
    if (CheckpointProblem problem = take(reader.release())) return problem;
    if (!cut()) return CheckpointProblem::of_system();
    put({EntryWhat::resumed}, nullptr, 0);
    return CheckpointProblem();
  }

  /// To be asked before work is done for an entry.
  bool is_open() const { return file_.is_open() && !has_failed(); }

  /// Of the file.
  std::uint64_t id() const { return id_; }

  /// errno of what ended it before its time; 0 if nothing did.
  int error() const { return error_; }

  void put(const NewEntry& entry, const void* data, std::size_t bytes) {
    if (!is_open()) return;
    const std::uint64_t at = end_ + buffer_.size(), seed = entry_seed(id_, at);
    const EntryHeader header = header_of(entry, bytes, seed);
    const std::uint64_t check = checksum(data, bytes, seed);
    if (bytes >= direct_bytes) return put_directly(header, data, check);
    buffer_.reserve(gathered_bytes);  // what throws leaves no part of an entry
    gather(&header, sizeof header);
    if (bytes == 0) return;
    gather(data, bytes);
    gather(padding, static_cast<std::size_t>(padded(bytes)) - bytes);
    gather(&check, sizeof check);
    if (buffer_.size() >= direct_bytes) flush();
  }

  /// The same with bytes of a file, from there on. False if it hasn't got them: then there is no
  /// entry. They go through a buffer that stays in the processor's cache, where their sum is made.
  /// With sendfile() they would have to be looked at once more for that, which takes as long (of 16
  /// MB 8.6 ms of processor time; so 8.9 ms, bench_checkpoint), and not every system has it.
  bool put_from(const NewEntry& entry, int fd, off_t from, std::size_t bytes) {
    flush();
    if (!is_open()) return true;
    const std::uint64_t seed = entry_seed(id_, end_), begin = end_;
    const EntryHeader header = header_of(entry, bytes, seed);
    piece_.resize(std::min(bytes, piece_bytes));  // before anything is written, since it may throw
    write(&header, sizeof header);
    Checksum sum(seed);
    for (std::size_t done = 0; done < bytes && is_open();) {
      const std::size_t size = std::min(piece_.size(), bytes - done);
      if (!read_at(fd, piece_.data(), size, from + static_cast<off_t>(done))) {
        end_ = begin;
        if (!cut()) fail(errno);
        return false;
      }
      sum.add(piece_.data(), size);
      write(piece_.data(), size);
      done += size;
    }
    if (bytes > 0) write_end(bytes, sum.sum());
    if (has_failed()) end_ = begin;
    settle();
    return true;
  }

  /// What was put is in the file when it returns, and survives this process.
  void flush() {
    if (!is_open() || buffer_.empty()) return;
    const std::uint64_t begin = end_;
    write(buffer_.data(), buffer_.size());
    if (has_failed()) end_ = begin + whole_entries();
    buffer_.clear();
    settle();
  }

  /// Lets go of the file, and of its lock. One that was never published goes.
  void close() {
    flush();
    drop_draft();
    file_.close();
  }

 private:
  static constexpr std::int64_t lock_patience_ns = 1000000000;
  static constexpr std::size_t direct_bytes = std::size_t{64} << 10;
  static constexpr std::size_t gathered_bytes = 2 * direct_bytes + 2 * sizeof(EntryHeader);
  static constexpr std::size_t piece_bytes = std::size_t{256} << 10;
  static constexpr unsigned char padding[8] = {};

  bool has_failed() const { return error_ != 0; }

  std::string folder() const {
    const std::size_t slash = path_.rfind('/');
    return slash == std::string::npos ? "./" : path_.substr(0, slash + 1);
  }

  /// Where a file can't be without a name it has another one until it is published, which stays if
  /// this process is killed meanwhile.
  Fd open_draft() {
    draft_ = folder() + ".lomp-XXXXXX";
    Fd file(open_temporary_file(&draft_[0]));
    if (!file) draft_.clear();
    return file;
  }

  /// Never another file's. False if that failed, as errno says. Some file systems know no second
  /// name of a file.
  bool take_name() {
    if (draft_.empty()) return name_file(file_.fd(), path_.c_str()) == 0;
    if (::link(draft_.c_str(), path_.c_str()) == 0) {
      ::unlink(draft_.c_str());
      return true;
    }
    return errno != EEXIST && !is_there(path_.c_str()) &&
           ::rename(draft_.c_str(), path_.c_str()) == 0;
  }

  /// Folders that can't be read, or written to the disk so, are left to the system.
  void sync_folder() const {
    const Fd folder_fd(kernel().open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder_fd) (void)kernel().fsync(folder_fd.get());
  }

  /// Where a file system has nothing to wait for, nothing has failed.
  void sync() {
    sync_.begin();
    const int result = retry_eintr([this] { return kernel().write_to_disk(file_.fd()); });
    if (result == -1 && errno != EINVAL) fail(errno);
    sync_.end();
  }

  static bool is_there(const char* path) {
    struct stat status;
    return ::lstat(path, &status) == 0;
  }

  /// A file that never got its name goes, unless this is a forked copy.
  CheckpointProblem given_up(CheckpointProblem problem) {
    drop_draft();
    file_.close();
    return problem;
  }

  void drop_draft() {
    if (!draft_.empty() && file_.is_open()) ::unlink(draft_.c_str());
    draft_.clear();
  }

  /// A session that was killed while it forked has left a process behind that has the file until it
  /// first runs, which a busy system may put off: so the lock is waited for, for a second. Some
  /// file systems have no locks; there the user has to see to that.
  static CheckpointProblem lock(int fd) {
    const std::int64_t deadline = now_ns() + lock_patience_ns;
    while (::flock(fd, LOCK_EX | LOCK_NB) == -1) {
      if (errno != EWOULDBLOCK && errno != EINTR) return {};
      if (now_ns() > deadline) return CheckpointProblem::Kind::locked;
      ::poll(nullptr, 0, 5);
    }
    return {};
  }

  CheckpointProblem take(Fd file) {
    try {
      file = lifted(std::move(file));
    } catch (const SystemError& error) {
      return CheckpointProblem::of_system(error.code().value());
    }
    if (CheckpointProblem problem = lock(file.get())) return problem;
    file_ = OwnFd(std::move(file));
    return file_.is_open() ? CheckpointProblem() : CheckpointProblem::of_system(EMFILE);
  }

  void put_header(std::uint32_t call, std::uint64_t items,
                  const std::vector<unsigned char>& extra) {
    FileHeader header{};
    std::memcpy(header.magic, checkpoint_magic, sizeof checkpoint_magic);
    header.version = checkpoint_version;
    header.order = checkpoint_order;
    header.call = call;
    header.items = items;
    header.id = id_ = new_id();
    header.bytes = extra.size();
    header.bytes_check = checksum(extra.data(), extra.size());
    header.check = check_of(header);
    gather(&header, sizeof header);
    gather(extra.data(), extra.size());
    gather(padding, static_cast<std::size_t>(padded(extra.size())) - extra.size());
  }

  /// No two files have the same one, as far as that can be told by the time, the process and the
  /// file's place in memory.
  std::uint64_t new_id() const {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::uint64_t words[] = {
        static_cast<std::uint64_t>(now.tv_sec), static_cast<std::uint64_t>(now.tv_nsec),
        static_cast<std::uint64_t>(::getpid()), reinterpret_cast<std::uintptr_t>(this)};
    return checksum(words, sizeof words);
  }

  static EntryHeader header_of(const NewEntry& entry, std::uint64_t bytes, std::uint64_t seed) {
    EntryHeader header{};
    header.magic = entry_magic;
    header.what = static_cast<std::uint8_t>(entry.what);
    header.kind = static_cast<std::uint8_t>(entry.kind);
    header.flags = static_cast<std::uint8_t>((entry.goes_on ? entry_goes_on : 0) |
                                             (entry.has_drawn ? entry_drawn : 0));
    header.payloads = entry.payloads;
    header.item = entry.item;
    header.bytes = bytes;
    header.check = check_of(header, seed);
    return header;
  }

  void gather(const void* data, std::size_t bytes) {
    const unsigned char* const first = static_cast<const unsigned char*>(data);
    buffer_.insert(buffer_.end(), first, first + bytes);
  }

  /// A large entry, whose bytes needn't be copied to gather them.
  void put_directly(const EntryHeader& header, const void* data, std::uint64_t check) {
    flush();
    const std::uint64_t begin = end_;
    write(&header, sizeof header);
    write(data, static_cast<std::size_t>(header.bytes));
    write_end(header.bytes, check);
    if (has_failed()) end_ = begin;
    settle();
  }

  void write_end(std::uint64_t bytes, std::uint64_t check) {
    unsigned char end[sizeof padding + sizeof check] = {};
    const std::size_t gap = static_cast<std::size_t>(padded(bytes) - bytes);
    std::memcpy(end + gap, &check, sizeof check);
    write(end, gap + sizeof check);
  }

  void write(const void* data, std::size_t bytes) {
    if (!is_open()) return;
    iovec part{const_cast<void*>(data), bytes};
    if (!is_allowed(end_ + bytes)) return fail(EFBIG);
    try {
      write_all(file_.fd(), &part, 1);
      end_ += bytes;
    } catch (const SystemError& error) {
      fail(error.code().value());
    }
  }

  /// A file beyond the process's limit would end it by a signal.
  static bool is_allowed(std::uint64_t bytes) {
    rlimit limit;
    return ::getrlimit(RLIMIT_FSIZE, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY ||
           bytes <= limit.rlim_cur;
  }

  void fail(int error) { error_ = error; }

  /// After something was written, to its end or not.
  void settle() {
    if (has_failed()) {
      (void)cut();
      buffer_.clear();
    } else if (sync_.is_due()) {
      sync();
    }
  }

  /// How many bytes of the buffer, of which the first ones are in the file, are whole entries
  /// there.
  std::uint64_t whole_entries() const {
    struct stat status;
    if (::fstat(file_.fd(), &status) == -1) return 0;
    const std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
    const std::uint64_t written = size > end_ ? size - end_ : 0;
    std::uint64_t at = 0;
    while (at + sizeof(EntryHeader) <= buffer_.size()) {
      EntryHeader header;
      std::memcpy(&header, buffer_.data() + at, sizeof header);
      if (header.magic != entry_magic || at + entry_bytes(header.bytes) > written) break;
      at += entry_bytes(header.bytes);
    }
    return at;
  }

  /// The file ends where its entries do. False if that can't be had.
  bool cut() const {
    const off_t end = static_cast<off_t>(end_);
    return ::ftruncate(file_.fd(), end) == 0 && ::lseek(file_.fd(), end, SEEK_SET) == end;
  }

  OwnFd file_;
  std::string path_;
  std::string draft_;  // its name as long as it hasn't got that, where it needs one
  std::uint64_t id_ = 0;
  std::uint64_t end_ = 0;  // of what was written
  int error_ = 0;
  std::vector<unsigned char> buffer_;
  std::vector<unsigned char> piece_;
  SyncShare sync_;
};

}  // namespace lomp

#endif
