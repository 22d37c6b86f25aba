#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <vector>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/payload.hpp"

using namespace lomp_test;
using lomp::Fd;
using lomp::make_payload;
using lomp::MappedPayload;

namespace {

constexpr std::size_t size = 300001;

Fd payload_file(const Bytes& bytes) { return make_payload(bytes.data(), bytes.size()); }

bool holds(const MappedPayload& mapped, const Bytes& bytes) {
  return std::equal(bytes.begin(), bytes.end(), mapped.data());
}

int limit(int resource, rlim_t value) {
  const rlimit both{value, value};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

}  // namespace

TEST_CASE("what is put into a payload is found where it is mapped") {
  const LeavesNothing check;
  const Bytes bytes = payload(1, size);
  Fd file = payload_file(bytes);
  REQUIRE(file);
  CHECK(lomp::holds_payload(file.get(), size));
  CHECK_FALSE(lomp::holds_payload(file.get(), size + 1));
  const MappedPayload mapped(file.get(), size);
  file.reset();
  REQUIRE(mapped);
  CHECK(holds(mapped, bytes));
}

TEST_CASE("no file holds a payload of a size near the largest number") {
  const Fd file = payload_file(payload(1, size));
  const std::size_t offset = lomp::payload_offset();
  for (std::size_t bytes :
       {SIZE_MAX, SIZE_MAX - offset, SIZE_MAX - offset + 1, SIZE_MAX - offset + 2, SIZE_MAX / 2}) {
    CHECK_FALSE(lomp::holds_payload(file.get(), bytes));
  }
  CHECK_FALSE(lomp::holds_payload(lomp::make_nameless_file().get(), 0));  // it has no header page
  CHECK_FALSE(lomp::holds_payload(-1, 0));
}

TEST_CASE("a mapping is private and has a page of its own before the bytes") {
  const Bytes bytes = payload(2, size);
  const Fd file = payload_file(bytes);
  unsigned char* base = lomp::map_payload(file.get(), size);
  REQUIRE(base != nullptr);
  const MappedPayload other(file.get(), size);
  std::fill(base, base + lomp::payload_offset() + size, static_cast<unsigned char>(7));
  CHECK(holds(other, bytes));
  CHECK(holds(MappedPayload(file.get(), size), bytes));
  lomp::unmap_payload(base, size);
}

TEST_CASE("a forked process sees the bytes as they are and its writes stay its own") {
  const Bytes bytes = payload(3, size);
  const Fd file = payload_file(bytes);
  const MappedPayload mapped(file.get(), size);
  const int status = run_in_process([&] {
    if (!holds(mapped, bytes)) return 1;
    const_cast<unsigned char*>(mapped.data())[0] ^= 1;
    return 0;
  });
  CHECK(status == 0);
  CHECK(holds(mapped, bytes));
}

TEST_CASE("a payload has no name and is closed on exec and so is a file on disk") {
  const Fd files[] = {payload_file(payload(4, 10)), lomp::make_file_on_disk()};
  for (const Fd& file : files) {
    struct stat status;
    REQUIRE(::fstat(file.get(), &status) == 0);
    CHECK(status.st_nlink == 0);
    CHECK(::fcntl(file.get(), F_GETFD) == FD_CLOEXEC);
  }
}

TEST_CASE("no process can change a payload that is in memory") {
  const Fd file = payload_file(payload(5, size));
#if LOMP_LINUX
  CHECK(::write(file.get(), "x", 1) == -1);
  CHECK(::ftruncate(file.get(), 0) == -1);
  CHECK(::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, file.get(), 0) == MAP_FAILED);
#else
  CHECK(file);
#endif
}

TEST_CASE("a payload can be read from any byte on") {
  const Bytes bytes = payload(6, size);
  const Fd file = payload_file(bytes);
  Bytes all(size), rest(1001);
  CHECK(lomp::read_payload(file.get(), all.data(), size));
  CHECK(all == bytes);
  CHECK(lomp::read_payload(file.get(), rest.data(), 1001, size - 1001));
  CHECK(std::equal(rest.begin(), rest.end(), bytes.end() - 1001));
  CHECK_FALSE(lomp::read_payload(file.get(), rest.data(), 1001, size - 1000));
}

TEST_CASE("without room for its bytes there is no payload") {
  const LeavesNothing check;
  Fake<&Kernel::writev> fake(failing(ENOSPC));
  CHECK_FALSE(payload_file(payload(7, size)));
}

TEST_CASE("a payload that is written in pieces is whole") {
  const Bytes bytes = payload(8, size);
  Fd file;
  {
    Fake<&Kernel::writev> fake([](int fd, const iovec* parts, int) -> ssize_t {
      return ::write(fd, parts->iov_base, std::min<std::size_t>(parts->iov_len, 1000));
    });
    file = payload_file(bytes);
  }
  CHECK(holds(MappedPayload(file.get(), size), bytes));
}

TEST_CASE("without a free descriptor there is no payload") {
  const int status = run_in_process([] {
    limit(RLIMIT_NOFILE, 3);
    return payload_file(payload(9, 10)) ? 1 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("beyond the limit of file size there is no payload") {
  const int status = run_in_process([] {
    ::signal(SIGXFSZ, SIG_IGN);
    limit(RLIMIT_FSIZE, size / 2);
    return payload_file(payload(10, size)) ? 1 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("without address space there is no mapping") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const Fd file = payload_file(payload(11, size));
  const int status = run_in_process([&] {
    if (!lomp::has_address_space(size)) return 1;
    limit(RLIMIT_AS, 0);
    if (lomp::has_address_space(size)) return 2;
    return MappedPayload(file.get(), size) ? 3 : 0;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("address space is asked for in the pieces in which it is needed") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const std::size_t page = lomp::payload_offset();
  const int status = run_in_process([page] {
    constexpr std::size_t room = std::size_t{1} << 30;
    rlim_t used = 0;  // about as much, in pages
    std::istringstream(lomp::read_text("/proc/self/statm")) >> used;
    if (used == 0) return 0;
    limit(RLIMIT_AS, used * page + room + room / 2);
    if (!lomp::has_address_space(room)) return 1;
    if (!lomp::has_address_space(room / 2, room / 2)) return 2;
    return lomp::has_address_space(room, room) ? 3 : 0;  // each, but not both
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("pieces are had where the kernel refuses a single one of their size") {
  const std::size_t pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
  const std::size_t most = pages * lomp::payload_offset() / 10 * 9;
  if (!lomp::has_address_space(most) || lomp::has_address_space(2 * most)) {
    SUCCEED("the kernel has another rule, or much to swap to");
    return;
  }
  CHECK(lomp::has_address_space(most, most));
}

TEST_CASE("a mapping moves and has one owner") {
  const Bytes bytes = payload(12, size);
  const Fd file = payload_file(bytes);
  MappedPayload one(file.get(), size);
  MappedPayload two(std::move(one));
  CHECK_FALSE(one);
  CHECK(holds(two, bytes));
  two = MappedPayload();
  CHECK_FALSE(two);
}

TEST_CASE("a payload that was vacated keeps its addresses and has no bytes any more") {
  const LeavesNothing check;
  const Fd file = payload_file(payload(13, size));
  unsigned char* base = lomp::map_payload(file.get(), size);
  REQUIRE(base != nullptr);
  base[0] = 7;
  REQUIRE(lomp::vacate_payload(base, size));
  CHECK(base[0] == 7);
  CHECK(::msync(base, lomp::payload_offset() + size, MS_ASYNC) == 0);  // all of it is mapped
  if (!is_sanitized) {
    const int status = run_in_process([base] {
      ::signal(SIGSEGV, SIG_DFL);
      return base[lomp::payload_offset()] == 0 ? 1 : 2;
    });
    CHECK(was_killed_by(status, SIGSEGV));
  }
  lomp::unmap_payload(base, size);
}
