#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <string>
#include <vector>

#include "harness/checkpoints.hpp"
#include "harness/fakes.hpp"
#include "harness/processes.hpp"

using lomp::CheckpointProblem;
using lomp::CheckpointReader;
using lomp::CheckpointWriter;
using lomp::EntryWhat;
using lomp::Kernel;
using namespace lomp_test;
using Kind = CheckpointProblem::Kind;

namespace {

std::uint64_t id_of(const Folder& folder) {
  CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  return reader.header().id;
}

Kind resume(CheckpointWriter& writer, const Folder& folder, std::uint64_t end = 0) {
  if (end == 0) end = lomp::first_entry(3);
  return writer.resume(folder.file().c_str(), id_of(folder), end).kind();
}

/// Runs a test with files that have no name until they are given one, and with the others.
template <class Test>
void with_and_without_drafts(Test test) {
  test();
  const Fake<&Kernel::open_unnamed_file> none(failing(EOPNOTSUPP));
  test();
}

/// A clock of the test's.
std::int64_t& clock_ns() {
  static std::int64_t now = 0;
  return now;
}
std::int64_t told_ns() { return clock_ns(); }
constexpr std::int64_t second = 1000000000;

Results first_results(std::ptrdiff_t n) {
  const Results all = some_results();
  return Results(all.begin(), all.begin() + n);
}

}  // namespace

TEST_CASE("a new file is its maker's alone") {
  const LeavesNothing check;
  const Folder folder;
  const mode_t mask = ::umask(0);
  write_all_results(folder, {});
  ::umask(mask);
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("nothing that is there is overwritten") {
  const Folder folder;
  folder.fill("precious");
  CheckpointWriter writer;
  CHECK(writer.create(folder.file().c_str(), 1, 10, {}).kind() == Kind::exists);
  CHECK_FALSE(writer.is_open());
  CHECK(folder.content() == "precious");
  ::unlink(folder.file().c_str());
  REQUIRE(::symlink("nowhere", folder.file().c_str()) == 0);
  CHECK(writer.create(folder.file().c_str(), 1, 10, {}).kind() == Kind::exists);
}

TEST_CASE("a process that is killed while it makes the file leaves none that has its name") {
  const Folder folder;
  CHECK(was_killed_by(run_in_process([&]() -> int {
                        const Fake<&Kernel::writev> last([](int fd, const iovec* parts, int) {
                          (void)!::write(fd, parts->iov_base, 20);
                          kill_self();
                          return ssize_t{0};
                        });
                        CheckpointWriter writer;
                        return writer.create(folder.file().c_str(), 1, 10, {}) ? 1 : 2;
                      }),
                      SIGKILL));
  CHECK(::access(folder.file().c_str(), F_OK) == -1);
  write_all_results(folder, some_results());
  CHECK(read_all_results(folder) == some_results());
}

TEST_CASE("where files can be without a name a killed process leaves nothing at all") {
  const Folder folder;
  if (!lomp::Fd(lomp::open_unnamed_file(folder.path().c_str()))) return;
  CHECK(was_killed_by(run_in_process([&]() -> int {
                        CheckpointWriter writer;
                        if (writer.begin(folder.file().c_str(), 1, 10, {})) return 1;
                        put(writer, some_results()[1]);
                        kill_self();
                      }),
                      SIGKILL));
  CHECK(::rmdir(folder.path().c_str()) == 0);
}

TEST_CASE("a writer that is destroyed before it has published its file leaves nothing") {
  with_and_without_drafts([] {
    const LeavesNothing check;
    const Folder folder;
    {
      CheckpointWriter writer;
      REQUIRE_FALSE(writer.begin(folder.file().c_str(), 1, 10, {1, 2, 3}));
      put(writer, some_results()[0]);
    }
    CHECK(::rmdir(folder.path().c_str()) == 0);
  });
}

TEST_CASE("a file that can't be hidden from forks isn't left behind") {
  with_and_without_drafts([] {
    const LeavesNothing check;
    const Folder folder;
    std::vector<lomp::OwnFd> all;
    while (all.empty() || all.back().is_open()) all.emplace_back(file_with("x"));
    CheckpointWriter writer;
    CHECK(writer.create(folder.file().c_str(), 1, 10, {}).error() == EMFILE);
    CHECK(::rmdir(folder.path().c_str()) == 0);
  });
}

namespace {

void publish_late() {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.begin(folder.file().c_str(), 1, 10, {1, 2, 3}));
  put(writer, some_results()[0]);
  CHECK(::access(folder.file().c_str(), F_OK) == -1);
  CHECK(run_in_process([&] {
          writer.close();
          return 0;
        }) == 0);
  REQUIRE_FALSE(writer.publish());
  put(writer, some_results()[1]);
  writer.close();
  CHECK(read_all_results(folder) == first_results(2));
  ::unlink(folder.file().c_str());
  REQUIRE_FALSE(writer.begin(folder.file().c_str(), 1, 10, {1, 2, 3}));
  writer.close();
  CHECK(::rmdir(folder.path().c_str()) == 0);
}

}  // namespace

TEST_CASE("a file has no name before it is published and goes if it never is") {
  with_and_without_drafts(publish_late);
}

namespace {

void publish_too_late() {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.begin(folder.file().c_str(), 1, 10, {1, 2, 3}));
  folder.fill("precious");
  CHECK(writer.publish().kind() == Kind::exists);
  CHECK_FALSE(writer.is_open());
  CHECK(folder.content() == "precious");
  ::unlink(folder.file().c_str());
  CHECK(::rmdir(folder.path().c_str()) == 0);
}

}  // namespace

TEST_CASE("a file that has come by its name meanwhile is left as it is") {
  with_and_without_drafts(publish_too_late);
}

TEST_CASE("a file is on the disk before its name is and the name before anything else") {
  with_and_without_drafts([] {
    const Folder folder;
    std::string order;
    const Fake<&Kernel::write_to_disk> file([&](int fd) {
      order += ::access(folder.file().c_str(), F_OK) == -1 ? "file " : "named file ";
      return ::fsync(fd);
    });
    const Fake<&Kernel::fsync> name([&](int fd) {
      struct stat found {
      }, expected{};
      CHECK(::fstat(fd, &found) == 0);
      CHECK(::stat(folder.path().c_str(), &expected) == 0);
      CHECK(found.st_ino == expected.st_ino);
      order += ::access(folder.file().c_str(), F_OK) == 0 ? "name" : "no name";
      return ::fsync(fd);
    });
    write_all_results(folder, {});
    CHECK(order == "file name");
  });
}

TEST_CASE("a folder that can't be written to its disk is none of the file's problems") {
  const Folder folder;
  const Fake<&Kernel::fsync> none(failing(EINVAL));
  write_all_results(folder, some_results());
  CHECK(read_all_results(folder) == some_results());
}

TEST_CASE("what the system refuses is told") {
  const Folder folder;
  CheckpointWriter writer;
  const std::string none = folder.path() + "/none/file";
  CHECK(writer.create(none.c_str(), 1, 10, {}).error() == ENOENT);
  CHECK(writer.resume(none.c_str(), 1, 0).error() == ENOENT);
  CHECK(writer.resume(folder.path().c_str(), 1, 0).error() == EISDIR);
  CHECK_FALSE(writer.is_open());
  writer.put({}, "x", 1);
  writer.flush();
}

TEST_CASE("small entries are in the file when they were flushed") {
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  const std::size_t before = folder.content().size();
  put(writer, {5, 1, "small", {}});
  CHECK(folder.content().size() == before);
  writer.flush();
  CHECK((read_all_results(folder) == Results{{5, 1, "small", {}}}));
}

TEST_CASE("many small entries are written before they fill the memory") {
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  for (std::uint64_t i = 0; i < 10000; ++i) put(writer, {i, 1, "small", {}});
  CHECK(read_all_results(folder).size() > 8000);
}

TEST_CASE("a file is gone on with behind what was sound in it") {
  const LeavesNothing check;
  const Folder folder;
  write_all_results(folder, first_results(2));
  const std::size_t end = folder.content().size();
  folder.fill(folder.content() + "torn: neither an entry nor the beginning of one");
  CheckpointWriter writer;
  REQUIRE(resume(writer, folder) == Kind::none);
  CHECK(folder.content().size() == end);
  for (std::size_t i = 2; i < 5; ++i) put(writer, some_results()[i]);
  writer.close();
  CHECK(read_all_results(folder) == some_results());
}

TEST_CASE("where it was resumed stands in the file") {
  const Folder folder;
  write_all_results(folder, {});
  CheckpointWriter writer;
  REQUIRE(resume(writer, folder) == Kind::none);
  writer.close();
  CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  lomp::Entry entry;
  REQUIRE(reader.next(entry));
  CHECK(entry.what == EntryWhat::resumed);
  CHECK_FALSE(reader.next(entry));
}

TEST_CASE("another file or one that has lost something isn't gone on with") {
  const Folder folder;
  write_all_results(folder, first_results(3));
  const std::string content = folder.content();
  CheckpointWriter writer;
  CHECK(writer.resume(folder.file().c_str(), id_of(folder) + 1, 0).kind() == Kind::other);
  CHECK(resume(writer, folder, content.size() + 1) == Kind::other);
  CHECK(folder.content() == content);
  const Folder foreign;
  foreign.fill(std::string(100, 'x'));
  CHECK(writer.resume(foreign.file().c_str(), 1, 0).kind() == Kind::foreign);
  CHECK(foreign.content() == std::string(100, 'x'));
}

TEST_CASE("two writers never have the same file") {
  const Folder folder;
  CheckpointWriter writer, other;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  CHECK(resume(other, folder) == Kind::locked);
  CHECK(run_in_process([&] { return resume(other, folder) == Kind::locked ? 0 : 1; }) == 0);
  writer.close();
  CHECK(resume(other, folder) == Kind::none);
}

TEST_CASE("a lock that is given back soon is waited for") {
  const Folder folder;
  write_all_results(folder, {});
  const std::uint64_t id = id_of(folder);
  SharedArray<int> is_locked(1);
  const pid_t other = ::fork();
  if (other == 0) {
    CheckpointWriter writer;
    is_locked[0] = writer.resume(folder.file().c_str(), id, 0).kind() == Kind::none ? 1 : 2;
    ::poll(nullptr, 0, 100);
    ::_exit(0);
  }
  REQUIRE(eventually([&] { return is_locked[0] != 0; }));
  CHECK(is_locked[0] == 1);
  CheckpointWriter writer;
  CHECK(writer.resume(folder.file().c_str(), id, 0).kind() == Kind::none);
  ::waitpid(other, nullptr, 0);
}

TEST_CASE("a process that dies gives the lock back though what it has forked lives on") {
  const Folder folder;
  write_all_results(folder, {});
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(was_killed_by(run_in_process([&]() -> int {
                        CheckpointWriter writer;
                        if (resume(writer, folder) != Kind::none) return 1;
                        if (::fork() == 0) {  // until the test closes the pipe
                          ::close(ends[1]);
                          char byte;
                          (void)!::read(ends[0], &byte, 1);
                          ::_exit(0);
                        }
                        kill_self();
                      }),
                      SIGKILL));
  CheckpointWriter writer;
  CHECK(resume(writer, folder) == Kind::none);
  ::close(ends[1]);
  ::close(ends[0]);
}

TEST_CASE("a forked copy of a writer writes nothing") {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  put(writer, {1, 1, "before", {}});
  CHECK(run_in_process([&] {
          put(writer, {2, 1, "in the copy", {}});
          writer.close();
          return 0;
        }) == 0);
  put(writer, {3, 1, "after", {}});
  writer.close();
  CHECK((read_all_results(folder) == Results{{1, 1, "before", {}}, {3, 1, "after", {}}}));
}

// ---- What fails ---------------------------------------------------------------------------------

// Of each write in turn the first half, and then no more.
TEST_CASE("on a disk that is full all whole entries stay and nothing else") {
  const LeavesNothing check;
  for (int k = 1;; ++k) {
    const Folder folder;
    CheckpointWriter writer;
    REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
    int n = 0;
    const auto half = [&](int fd, const iovec* parts, int count) -> ssize_t {
      if (++n < k) return ::writev(fd, parts, count);
      if (n == k && parts->iov_len > 1) return ::write(fd, parts->iov_base, parts->iov_len / 2);
      errno = ENOSPC;
      return -1;
    };
    {
      const Fake<&Kernel::writev> full(half);
      for (const Result& result : some_results()) put(writer, result);
      writer.flush();
    }
    if (n < k) {
      CHECK(writer.error() == 0);
      break;
    }
    CHECK(writer.error() == ENOSPC);
    CHECK_FALSE(writer.is_open());
    put(writer, {9, 1, "ignored", {}});
    writer.close();
    CheckpointReader reader;
    REQUIRE_FALSE(open(reader, folder));
    CHECK(are_among(read_results(reader), some_results()));
    CHECK(reader.end() == folder.content().size());
  }
}

TEST_CASE("of many entries that are written at once those stay that had room") {
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  for (std::uint64_t i = 0; i < 10; ++i) put(writer, {i, 1, "12345678", {}});
  {
    int n = 0;
    const Fake<&Kernel::writev> full([&](int fd, const iovec* parts, int) -> ssize_t {
      if (++n == 1) return ::write(fd, parts->iov_base, 3 * lomp::entry_bytes(8) + 5);
      errno = EDQUOT;
      return -1;
    });
    writer.flush();
  }
  CHECK(writer.error() == EDQUOT);
  writer.close();
  CHECK(read_all_results(folder).size() == 3);
}

TEST_CASE("a file that can't even begin isn't left behind") {
  const Folder folder;
  CheckpointWriter writer;
  const Fake<&Kernel::writev> full(failing(ENOSPC));
  CHECK(writer.create(folder.file().c_str(), 1, 10, {}).error() == ENOSPC);
  CHECK(::access(folder.file().c_str(), F_OK) == -1);
  CHECK(::rmdir(folder.path().c_str()) == 0);
}

TEST_CASE("a file that lacks what it was to begin with gets no name") {
  with_and_without_drafts([] {
    const LeavesNothing check;
    const Folder folder;
    CheckpointWriter writer;
    REQUIRE_FALSE(writer.begin(folder.file().c_str(), 1, 10, {1, 2, 3}));
    put(writer, some_results()[0]);
    const Fake<&Kernel::writev> full(failing(ENOSPC));
    CHECK(writer.publish().error() == ENOSPC);
    CHECK(::rmdir(folder.path().c_str()) == 0);
  });
}

TEST_CASE("a new file that its disk refuses gets no name") {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer;
  const Fake<&Kernel::write_to_disk> failed(failing(EIO));
  CHECK(writer.create(folder.file().c_str(), 1, 10, {}).error() == EIO);
  CHECK(::rmdir(folder.path().c_str()) == 0);
}

TEST_CASE("a disk that fails later ends the file and what was written stays") {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer(told_ns);
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  int n = 0;
  const Fake<&Kernel::write_to_disk> failed([&](int) {
    ++n;
    errno = EIO;
    return -1;
  });
  put(writer, some_results()[0]);
  writer.flush();
  CHECK(n == 0);
  clock_ns() += second;
  put(writer, some_results()[1]);
  CHECK(n == 1);
  CHECK(writer.error() == EIO);
  CHECK_FALSE(writer.is_open());
  put(writer, some_results()[2]);
  writer.close();
  CHECK(writer.error() == EIO);
  CHECK(read_all_results(folder) == first_results(2));
}

TEST_CASE("a signal while the disk writes and a file system without a disk are no failures") {
  const LeavesNothing check;
  const Folder folder;
  CheckpointWriter writer(told_ns);
  {
    const Fake<&Kernel::write_to_disk> signals(interrupted(lomp::write_to_disk));
    REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  }
  const Fake<&Kernel::write_to_disk> none(failing(EINVAL));
  clock_ns() += second;
  put(writer, some_results()[1]);
  writer.close();
  CHECK(writer.error() == 0);
  CHECK((read_all_results(folder) == Results{some_results()[1]}));
}

TEST_CASE("a limit to the size of files is met without a signal") {
  const Folder folder;
  const std::string large(100000, 'x');
  CHECK(run_in_process([&] {
          CheckpointWriter writer;
          const rlimit limit{250000, RLIM_INFINITY};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          if (writer.create(folder.file().c_str(), 1, 10, {1, 2, 3})) return 1;
          for (std::uint64_t i = 0; i < 4; ++i) put(writer, {i, 1, large, {}});
          return writer.error() == EFBIG ? 0 : 2;
        }) == 0);
  CHECK((read_all_results(folder) == Results{{0, 1, large, {}}, {1, 1, large, {}}}));
}

TEST_CASE("bytes that aren't in their file make no entry and the rest goes on") {
  const Folder folder;
  CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  const lomp::Fd file = file_with(std::string(1000, 'x'));
  put(writer, {1, 1, "before", {}});
  CHECK_FALSE(writer.put_from({EntryWhat::payload}, file.get(), 500, 501));
  CHECK(writer.put_from({EntryWhat::payload}, file.get(), 0, 0));
  put(writer, {2, 1, "after", {}});
  writer.close();
  CHECK(writer.error() == 0);
  CHECK((read_all_results(folder) == Results{{1, 1, "before", {}}, {2, 1, "after", {}}}));
}

#if LOMP_LINUX

LINUX_TEST_CASE("a device without room is a full disk") {
  if (::access("/dev/full", W_OK) != 0) return;
  const Folder folder;
  REQUIRE(::symlink("/dev/full", folder.file().c_str()) == 0);
  CheckpointWriter writer;
  CHECK(writer.create(folder.file().c_str(), 1, 10, {}).kind() == Kind::exists);
  CHECK(writer.resume(folder.file().c_str(), 1, 0).kind() == Kind::foreign);
}

#endif
