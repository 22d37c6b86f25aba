#include <testthat/vendor/catch.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "harness/processes.hpp"
#include "lomp/os/open_files.hpp"
#include "lomp/os/pipe.hpp"

using namespace lomp_test;
using lomp::flush_open_files;
using lomp::forget_inherited_output;

namespace {

/// What has reached the file behind a stream.
std::string content_of(std::FILE* file) {
  std::string content(1000, '\0');
  const ssize_t n = ::pread(::fileno(file), &content[0], content.size(), 0);
  content.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return content;
}

/// Another thread that sits in a read of a stream, whose lock it holds.
class Reader {
 public:
  Reader()
      : file_(::fdopen(pipe_.reader.release(), "r")), thread_([this] { (void)std::fgetc(file_); }) {
    REQUIRE(eventually([this] { return lomp::is_locked(file_); }));
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    pipe_.writer.reset();
    thread_.join();
    std::fclose(file_);
  }

 private:
  static lomp::Pipe blocking_pipe() {
    lomp::Pipe pipe = lomp::make_pipe();
    ::fcntl(pipe.reader.get(), F_SETFL, 0);
    return pipe;
  }

  lomp::Pipe pipe_ = blocking_pipe();
  std::FILE* file_;
  std::thread thread_;
};

/// Another thread that holds a stream's lock.
class Holder {
 public:
  explicit Holder(std::FILE* file)
      : thread_([this, file] {
          ::flockfile(file);
          std::unique_lock<std::mutex> lock(mutex_);
          over_.wait(lock, [this] { return is_over_; });
          ::funlockfile(file);
        }) {
    REQUIRE(eventually([file] { return lomp::is_locked(file); }));
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_over_ = true;
    }
    over_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("what waits in buffers is written") {
  std::FILE* file = std::tmpfile();
  for (bool may_wait : {false, true}) {
    std::fputs("text", file);
    flush_open_files(may_wait);
  }
  CHECK(content_of(file) == "texttext");
  std::fclose(file);
}

#if LOMP_LINUX

LINUX_TEST_CASE("a thread that sits in a read holds up no flush here or in a forked process") {
  const LeavesNothing check;
  std::FILE* file = std::tmpfile();
  {
    const Reader reader;
    std::fputs("before", file);
    flush_open_files(false);
    CHECK(content_of(file) == "before");
    CHECK(run_in_process([&] {
            forget_inherited_output();
            std::fputs(", inside", file);
            flush_open_files(true);
            return 0;
          }) == 0);
  }
  CHECK(content_of(file) == "before, inside");
  std::fclose(file);
}

LINUX_TEST_CASE("a thread that a forked process starts holds up no flush either") {
  CHECK(run_in_process([] {
          std::FILE* file = std::tmpfile();
          const Reader reader;
          std::fputs("text", file);
          flush_open_files(true);
          return content_of(file) == "text" ? 0 : 1;
        }) == 0);
}

LINUX_TEST_CASE("what couldn't be written before a fork is written once by its owner") {
  std::FILE* file = std::tmpfile();
  std::fputs("held", file);
  {
    const Holder holder(file);
    flush_open_files(false);
    CHECK(content_of(file).empty());
    CHECK(run_in_process([&] {
            forget_inherited_output();
            std::fputs("inside ", file);
            flush_open_files(true);
            return 0;
          }) == 0);
  }
  flush_open_files(false);
  CHECK(content_of(file) == "inside held");
  std::fclose(file);
}

LINUX_TEST_CASE("a pipe that is full holds up the session no more than it does without a flush") {
  lomp::Pipe pipe = lomp::make_pipe(4096);
  ::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK);
  const std::string page(4096, 'x');
  while (::write(pipe.writer.get(), page.data(), page.size()) > 0) continue;
  ::fcntl(pipe.writer.get(), F_SETFL, 0);
  std::FILE* file = ::fdopen(pipe.writer.release(), "w");
  std::fputs("text", file);
  flush_open_files(false);
  CHECK(lomp::has_pending(file));
  ::__fpurge(file);
  std::fclose(file);
}

LINUX_TEST_CASE("a stream in memory keeps what it holds") {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = ::open_memstream(&text, &size);
  std::fputs("text", file);
  forget_inherited_output();
  std::fclose(file);
  CHECK(std::string(text, size) == "text");
  std::free(text);
}

#endif
