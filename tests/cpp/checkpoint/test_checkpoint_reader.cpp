#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include "harness/checkpoints.hpp"
#include "harness/processes.hpp"

using lomp::CheckpointProblem;
using lomp::CheckpointReader;
using lomp::EntryWhat;
using namespace lomp_test;
using Kind = CheckpointProblem::Kind;

namespace {

Kind kind_of_problem(const Folder& folder) {
  CheckpointReader reader;
  return open(reader, folder).kind();
}

Results few_results() {
  return {{0, 1, "one", {}}, {1, 2, "two", {"payload", "another"}}, {2, 1, "three, longer", {}}};
}

}  // namespace

TEST_CASE("what was written is read") {
  const LeavesNothing check;
  const Folder folder;
  write_all_results(folder, some_results());
  CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  CHECK(reader.header().call == 1);
  CHECK(reader.header().items == 10);
  CHECK((reader.extra() == std::vector<unsigned char>{1, 2, 3}));
  CHECK(read_results(reader) == some_results());
  CHECK(reader.end() == folder.content().size());
  CHECK(reader.damaged() == 0);
}

TEST_CASE("what is no checkpoint is told from one") {
  const Folder folder;
  folder.fill("");
  CHECK(kind_of_problem(folder) == Kind::foreign);
  folder.fill(std::string(1000, 'x'));
  CHECK(kind_of_problem(folder) == Kind::foreign);
  CheckpointReader reader;
  CHECK(reader.open(lomp::Fd(::open("/tmp", O_RDONLY | O_CLOEXEC))).kind() == Kind::foreign);
}

TEST_CASE("a file of another version or of another order of bytes is told") {
  const Folder folder;
  write_all_results(folder, few_results());
  std::string content = folder.content();
  for (const std::size_t at : {std::size_t{8}, std::size_t{12}}) {
    std::string other = content;
    other[at] = static_cast<char>(other[at] + 1);
    folder.fill(other);
    CHECK(kind_of_problem(folder) == Kind::version);
  }
}

TEST_CASE("of a file that was cut anywhere all is read that comes before") {
  const Folder folder;
  write_all_results(folder, few_results());
  const std::string content = folder.content();
  std::size_t most = 0;
  for (std::size_t size = 0; size <= content.size(); ++size) {
    folder.fill(content.substr(0, size));
    CheckpointReader reader;
    if (const CheckpointProblem problem = open(reader, folder)) {
      CHECK(size < lomp::first_entry(3));
      CHECK(problem.kind() == (size < sizeof(lomp::FileHeader) ? Kind::foreign : Kind::cut));
      continue;
    }
    const Results found = read_results(reader);
    REQUIRE(found.size() >= most);
    most = found.size();
    const Results all = few_results();
    REQUIRE(found == Results(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most)));
    REQUIRE(reader.end() <= size);
    REQUIRE(reader.damaged() == 0);
  }
  CHECK(most == few_results().size());
}

TEST_CASE("garbage behind the end is no part of it") {
  const Folder folder;
  write_all_results(folder, few_results());
  const std::string content = folder.content();
  for (std::size_t size = 1; size < 100; ++size) {
    folder.fill(content + std::string(size, static_cast<char>(size)));
    CheckpointReader reader;
    REQUIRE_FALSE(open(reader, folder));
    REQUIRE(read_results(reader) == few_results());
    REQUIRE(reader.end() == content.size());
  }
}

TEST_CASE("no byte that has changed gives a wrong result and it costs the one that it is of") {
  const Folder folder;
  write_all_results(folder, few_results());
  const std::string content = folder.content();
  for (std::size_t at = lomp::first_entry(3); at < content.size(); ++at) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    folder.fill(damaged);
    const Results found = read_all_results(folder);
    REQUIRE(are_among(found, few_results()));
    REQUIRE(found.size() + 1 >= few_results().size());
  }
}

TEST_CASE("damage in the middle is counted") {
  const Folder folder;
  write_all_results(folder, few_results());
  std::string content = folder.content();
  content[lomp::first_entry(3) + 4] = 'X';
  folder.fill(content);
  CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  CHECK(read_results(reader).size() == 2);
  CHECK(reader.damaged() == lomp::entry_bytes(3));
}

TEST_CASE("a copy of an entry in another place is none") {
  const Folder folder;
  write_all_results(folder, few_results());
  const std::string content = folder.content();
  const std::string entries = content.substr(lomp::first_entry(3));
  folder.fill(content + entries);
  CHECK(read_all_results(folder) == few_results());
  const Folder other;
  write_all_results(other, {});
  other.fill(other.content() + entries);
  CHECK(read_all_results(other).empty());
}

TEST_CASE("a size beyond all bounds is no entry") {
  const Folder folder;
  write_all_results(folder, {});
  CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  const std::string content = folder.content();
  for (const std::uint64_t bytes : {std::uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 63}) {
    lomp::EntryHeader header{};
    header.magic = lomp::entry_magic;
    header.what = 1;
    header.bytes = bytes;
    header.check = lomp::check_of(header, lomp::entry_seed(reader.header().id, content.size()));
    std::string entry(sizeof header, '\0');
    std::memcpy(&entry[0], &header, sizeof header);
    folder.fill(content + entry);
    CHECK(read_all_results(folder).empty());
  }
}
