#include <testthat/vendor/catch.h>
#include <unistd.h>

#include <string>

#include "harness/processes.hpp"
#include "lomp/os/platform.hpp"

using namespace lomp_test;

namespace {

std::string content_of(std::FILE* file) {
  char text[64];
  const ssize_t n = ::pread(::fileno(file), text, sizeof text, 0);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

}  // namespace

TEST_CASE("files are flushed one by one or it is said that they can't be") {
  std::FILE* file = std::tmpfile();
  std::fputs("text", file);
  const bool is_done = lomp::flush_each_file(false);
  CHECK(content_of(file) == (is_done ? "text" : ""));
  std::fclose(file);
}

TEST_CASE("output is dropped only where files can be told apart") {
  std::FILE* file = std::tmpfile();
  CHECK(run_in_process([&] {
          std::fputs("dropped", file);
          const bool is_apart = lomp::flush_each_file(true);
          std::fputs("lost", file);
          lomp::drop_pending_output();
          std::fflush(file);
          return content_of(file) == (is_apart ? "dropped" : "droppedlost") ? 0 : 1;
        }) == 0);
  std::fclose(file);
}
