#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <csignal>
#include <string>

#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/parts_file.hpp"

using lomp::PartsFile;
using namespace lomp_test;

namespace {

constexpr std::size_t part = 5000;

std::string content_of(const PartsFile& file) {
  std::string found(file.bytes(), '?');
  REQUIRE(lomp::read_payload(file.fd(), &found[0], found.size()));
  return found;
}

bool write_part(const PartsFile& file, std::size_t k, char fill) {
  const std::string data(part, fill);
  return file.write(data.data(), data.size(), k * part);
}

/// Runs the code in a forked process; whether it returned true.
template <class Code>
bool is_true_in_child(Code code) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(code() ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace

TEST_CASE("parts of all processes are where they belong") {
  const LeavesNothing check;
  const PartsFile file(3 * part);
  REQUIRE(file.is_open());
  CHECK(is_true_in_child([&] { return write_part(file, 2, 'c'); }));
  CHECK(write_part(file, 0, 'a'));
  const std::string unwritten(part, '\0');
  CHECK(content_of(file) == std::string(part, 'a') + unwritten + std::string(part, 'c'));
  CHECK(lomp::holds_payload(file.fd(), 3 * part));
}

TEST_CASE("nothing is written beyond the end") {
  const PartsFile file(3 * part);
  CHECK_FALSE(write_part(file, 3, 'd'));
  const std::string data(2 * part, 'd');
  CHECK_FALSE(file.write(data.data(), data.size(), 2 * part));
  CHECK(content_of(file) == std::string(3 * part, '\0'));
}

TEST_CASE("what is written to the descriptor lands behind all parts") {
  const PartsFile file(part);
  CHECK(write_part(file, 0, 'a'));
  CHECK(is_true_in_child([&] { return ::write(file.fd(), "stray", 5) == 5; }));
  CHECK(::write(file.fd(), "stray", 5) == 5);
  CHECK(content_of(file) == std::string(part, 'a'));
}

TEST_CASE("another file by the same number stays as it is") {
  const PartsFile file(part);
  const lomp::Fd other = lomp::make_nameless_file();
  CHECK(is_true_in_child([&] {
    ::dup2(other.get(), file.fd());
    return !write_part(file, 0, 'a');
  }));
  CHECK(::lseek(other.get(), 0, SEEK_END) == 0);
  CHECK(is_true_in_child([&] {
    ::close(file.fd());
    return !write_part(file, 0, 'a');
  }));
}

TEST_CASE("a part that is beyond the limit of files is refused") {
  const PartsFile file(100 * part);
  CHECK(is_true_in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10 * part, 10 * part};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return write_part(file, 1, 'a') && !write_part(file, 50, 'a');
  }));
}

TEST_CASE("no file is made that is larger than files may be") {
  CHECK(is_true_in_child([] {
    const rlimit limit{10 * part, 10 * part};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return PartsFile(5 * part).is_open() && !PartsFile(10 * part).is_open();
  }));
}

TEST_CASE("a file that is hidden from forks is there in none of them") {
  const PartsFile file(part), other(part);
  CHECK(is_true_in_child([&] {
    file.hide_from_forks();
    const bool is_hidden = is_true_in_child([&] { return ::fcntl(file.fd(), F_GETFD) == -1; });
    return is_hidden && write_part(file, 0, 'a');
  }));
  CHECK(content_of(file) == std::string(part, 'a'));
  CHECK(is_true_in_child([&] {
    file.hide_from_forks();
    ::dup2(other.fd(), file.fd());
    return is_true_in_child([&] { return ::fcntl(file.fd(), F_GETFD) != -1; });
  }));
}

#if LOMP_LINUX

LINUX_TEST_CASE("what is sealed is changed by no process that has it") {
  const PartsFile file(part);
  CHECK(write_part(file, 0, 'a'));
  CHECK(file.seal());
  CHECK(is_true_in_child([&] { return !write_part(file, 0, 'b'); }));
  CHECK(content_of(file) == std::string(part, 'a'));
}

LINUX_TEST_CASE("what a process has mapped to write can't be sealed") {
  const PartsFile file(part);
  const lomp::Mapping pages(file.fd(), part, MAP_SHARED);
  CHECK_FALSE(file.seal());
}

#endif
