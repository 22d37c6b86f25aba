#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/worker/captured_output.hpp"

using namespace lomp_test;
using lomp::CapturedOutput;

namespace {

bool write_text(const std::string& text) {
  return ::write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

TEST_CASE("what is written is there once and then gone") {
  const int status = run_in_process([] {
    CapturedOutput output;
    if (!output.begin() || !output.is_open()) return 1;
    std::string text = "so far: ";
    output.take(text);
    if (text != "so far: ") return 2;
    if (!write_text("one\n") || !write_text("two")) return 3;
    output.take(text);
    if (text != "so far: one\ntwo") return 4;
    std::string more;
    output.take(more);
    if (!more.empty()) return 5;
    if (!write_text("three")) return 6;
    output.take(more);
    return more == "three" ? 0 : 7;
  });
  CHECK(status == 0);
}

TEST_CASE("programs and forked processes write to the same file") {
  const int status = run_in_process([] {
    CapturedOutput output;
    if (!output.begin()) return 1;
    if (!write_text("a\n")) return 2;
    if (std::system("echo b") != 0) return 3;
    run_in_process([] { return write_text("c\n") ? 0 : 1; });
    if (!write_text("d\n")) return 4;
    std::string text;
    output.take(text);
    return text == "a\nb\nc\nd\n" ? 0 : 5;
  });
  CHECK(status == 0);
}

TEST_CASE("megabytes and any bytes survive") {
  const int status = run_in_process([] {
    CapturedOutput output;
    if (!output.begin()) return 1;
    std::string all;
    for (int i = 0; i < 3000; ++i) {
      std::string piece(1000, static_cast<char>(i % 256));
      if (!write_text(piece)) return 2;
      all += piece;
    }
    std::string text;
    output.take(text);
    return text == all ? 0 : 3;
  });
  CHECK(status == 0);
}

TEST_CASE("without a file all goes where it went before") {
  const int status = run_in_process([] {
    int ends[2];
    if (::pipe(ends) != 0 || ::dup2(ends[1], STDOUT_FILENO) == -1) return 1;
    const rlimit none{3, 3};
    ::setenv("TMPDIR", "/nowhere", 1);
    for (int fd = 3; fd < 64; ++fd) {
      if (fd != ends[0]) ::close(fd);
    }
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
    CapturedOutput output;
    if (output.begin() || output.is_open()) return 3;
    std::string text;
    output.take(text);
    if (!text.empty() || !write_text("x")) return 4;
    char byte = 0;
    return ::read(ends[0], &byte, 1) == 1 && byte == 'x' ? 0 : 5;
  });
  CHECK(status == 0);
}

TEST_CASE("where standard output is closed it is opened") {
  const int status = run_in_process([] {
    ::close(STDOUT_FILENO);
    CapturedOutput output;
    if (!output.begin() || !write_text("x")) return 1;
    std::string text;
    output.take(text);
    return text == "x" ? 0 : 2;
  });
  CHECK(status == 0);
}
