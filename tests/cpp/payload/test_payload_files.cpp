#include <sys/resource.h>
#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/payload_files.hpp"

using lomp::PayloadFile;
using lomp::PayloadFiles;
using namespace lomp_test;

namespace {

constexpr std::size_t bytes = 200000;
constexpr std::size_t most_free = 100 * bytes;

ino_t inode_of(const PayloadFile* file) {
  struct stat status {};
  REQUIRE(file != nullptr);
  REQUIRE(::fstat(file->fd().get(), &status) == 0);
  return status.st_ino;
}

bool holds(const lomp::Fd& fd, const Bytes& content) {
  Bytes found(content.size());
  return lomp::holds_payload(fd.get(), content.size()) &&
         lomp::read_payload(fd.get(), found.data(), found.size()) && found == content;
}

PayloadFile* make(PayloadFiles& files, std::uint64_t seed, std::size_t size = bytes) {
  const Bytes content = payload(seed, size);
  PayloadFile* file = files.make(content.data(), content.size());
  if (file != nullptr) CHECK(holds(file->fd(), content));
  return file;
}

}  // namespace

TEST_CASE("a file is written again when its receiver has let go of it") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  PayloadFile* first = make(files, 1);
  const ino_t inode = inode_of(first);
  first->send_as(7);
  const ino_t other = inode_of(make(files, 2));
  CHECK(other != inode);
  files.set_free(7);
  make(files, 3)->send_as(8);  // the one that was free all the time, or the other one
  make(files, 4)->send_as(9);
  CHECK(files.size() == 2);
  files.set_free(8);
  files.set_free(9);
  for (std::uint64_t seed = 5; seed < 20; ++seed) {
    const ino_t now = inode_of(make(files, seed));
    CHECK((now == inode || now == other));
  }
}

TEST_CASE("a file that its receiver has is left alone") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  const Bytes content = payload(1, bytes);
  PayloadFile* file = files.make(content.data(), bytes);
  REQUIRE(file != nullptr);
  const lomp::Fd received(::dup(file->fd().get()));
  file->send_as(0);
  for (std::uint32_t k = 1; k < 10; ++k) {
    make(files, 100 + k)->send_as(k);
    files.set_free(k);
  }
  files.set_free(1000);  // there is no such one
  CHECK(holds(received, content));
}

TEST_CASE("bytes that would leave a good part of a file empty get another one") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  const ino_t inode = inode_of(make(files, 1));
  CHECK(inode_of(make(files, 2, bytes + 1)) != inode);
  CHECK(inode_of(make(files, 3, bytes / 2)) != inode);
  CHECK(files.size() == 3);
  CHECK(inode_of(make(files, 4, bytes - bytes / 8)) == inode);
}

TEST_CASE("there are so many files and no more") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  for (std::uint32_t k = 0; k < PayloadFiles::most; ++k) {
    PayloadFile* file = make(files, k);
    REQUIRE(file != nullptr);
    file->send_as(k);
  }
  CHECK(make(files, 100) == nullptr);
  files.set_free(3);
  CHECK(make(files, 101, 2 * bytes) != nullptr);  // in the place of a free one that doesn't fit
  CHECK(files.size() == PayloadFiles::most);
}

TEST_CASE("free files are kept up to so many bytes") {
  const LeavesNothing check;
  constexpr std::size_t large = most_free / 2;
  PayloadFiles files(most_free);
  for (std::uint32_t k = 0; k < 4; ++k) make(files, k, large)->send_as(k);
  for (std::uint32_t k = 0; k < 4; ++k) files.set_free(k);
  CHECK(files.free_bytes() == 2 * large);
  CHECK(files.size() == 2);
}

TEST_CASE("one file is kept however large it is") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  const std::size_t size = most_free + 1000;
  const ino_t inode = inode_of(make(files, 1, size));
  make(files, 2, size)->send_as(0);
  files.set_free(0);
  CHECK(inode_of(make(files, 3, size)) == inode);
}

TEST_CASE("without a free descriptor there is no file and nothing is lost") {
  const LeavesNothing check;
  CHECK(run_in_process([] {
          PayloadFiles files(most_free);
          PayloadFile* file = make(files, 1);
          const ino_t inode = inode_of(file);
          file->send_as(0);
          rlimit limit{};
          ::getrlimit(RLIMIT_NOFILE, &limit);
          limit.rlim_cur = 0;
          ::setrlimit(RLIMIT_NOFILE, &limit);
          if (make(files, 2) != nullptr || files.size() != 1) return 1;
          files.set_free(0);
          return inode_of(make(files, 3)) == inode ? 0 : 2;
        }) == 0);
}

TEST_CASE("files that never came to a receiver's hands are not used again") {
  const LeavesNothing check;
  PayloadFiles files(most_free);
  std::vector<ino_t> inodes;
  std::vector<lomp::Fd> held;  // lest another file gets the number of one that is gone
  for (std::uint32_t number = 0; number < 6; ++number) {
    PayloadFile* file = make(files, number);
    file->send_as(number);
    held.push_back(lomp::duplicate(file->fd()));
    inodes.push_back(inode_of(file));
  }
  const PayloadFile* free_one = make(files, 7);
  const ino_t inode = inode_of(free_one);
  files.forget(1, 4);
  CHECK(files.size() == 4);
  files.forget(0, 0);
  CHECK(files.size() == 4);
  CHECK(inode_of(make(files, 8)) == inode);  // that one was free
  for (std::uint32_t number : {0, 2, 4, 5}) files.set_free(number);
  for (std::uint64_t seed = 10; seed < 14; ++seed) {
    PayloadFile* file = make(files, seed);
    const ino_t now = inode_of(file);
    for (std::size_t lost : {1, 2, 3}) CHECK(now != inodes[lost]);
    file->send_as(static_cast<std::uint32_t>(seed));
  }
  files.forget(0, 1000);
  CHECK(files.size() == 0);
}
