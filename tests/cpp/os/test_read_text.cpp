#include <testthat/vendor/catch.h>

#include <cstdlib>

#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;
using lomp::read_text;

namespace {

/// A file with this text, whose name is there as long as this object is.
class File {
 public:
  explicit File(const std::string& text) {
    const lomp::Fd file(::mkstemp(&name_[0]));
    iovec part{const_cast<char*>(text.data()), text.size()};
    lomp::write_all(file.get(), &part, 1);
  }
  ~File() { ::unlink(name_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& name() const { return name_; }

 private:
  std::string name_ = "/tmp/lomp-test-XXXXXX";
};

}  // namespace

TEST_CASE("a file's text is read whole") {
  const LeavesNothing check;
  for (std::size_t size : {0, 1, 4095, 4096, 4097, 100000}) {
    std::string text(size, 'x');
    if (size > 2) text[size / 2] = '\0';
    CHECK(read_text(File(text).name()) == text);
  }
}

TEST_CASE("a file that isn't there has no text and nor has a folder") {
  const LeavesNothing check;
  CHECK(read_text("/nowhere/at/all").empty());
  CHECK(read_text("/").empty());
}
