/// \file
/// Checkpoints in a folder of their own: written, looked at, spoilt, and read again.
#ifndef LOMP_TESTS_CHECKPOINTS_HPP
#define LOMP_TESTS_CHECKPOINTS_HPP

#include <dirent.h>
#include <stdlib.h>
#include <testthat/vendor/catch.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lomp/checkpoint/checkpoint_reader.hpp"
#include "lomp/checkpoint/checkpoint_writer.hpp"

namespace lomp_test {

/// A folder with one file in it, both gone at the end.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/lomp-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() {
    ::unlink(file().c_str());
    remove_drafts();
    ::rmdir(path_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/checkpoint"; }

  std::string content() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void fill(const std::string& content) const {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << content;
  }

 private:
  /// What writers leave that were killed.
  void remove_drafts() const {
    DIR* folder = ::opendir(path_.c_str());
    while (const dirent* entry = folder != nullptr ? ::readdir(folder) : nullptr) {
      const std::string name = entry->d_name;
      if (name.rfind(".lomp-", 0) == 0) ::unlink((path_ + "/" + name).c_str());
    }
    if (folder != nullptr) ::closedir(folder);
  }

  std::string path_;
};

/// A result, as it was put or found.
struct Result {
  std::uint64_t item;
  unsigned kind;
  std::string data;
  std::vector<std::string> payloads;

  bool operator==(const Result& other) const {
    return item == other.item && kind == other.kind && data == other.data &&
           payloads == other.payloads;
  }
};
using Results = std::vector<Result>;

inline lomp::Fd file_with(const std::string& content) {
  char name[] = "/tmp/lomp-test-XXXXXX";
  lomp::Fd file(::mkstemp(name));
  ::unlink(name);
  REQUIRE(::write(file.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  return file;
}

inline void put(lomp::CheckpointWriter& writer, const Result& result) {
  lomp::NewEntry entry;
  entry.what = lomp::EntryWhat::payload;
  for (std::size_t i = 0; i < result.payloads.size(); ++i) {
    entry.item = i;
    const lomp::Fd file = file_with("head" + result.payloads[i]);
    CHECK(writer.put_from(entry, file.get(), 4, result.payloads[i].size()));
  }
  lomp::NewEntry record;
  record.kind = result.kind;
  record.item = result.item;
  record.payloads = static_cast<std::uint32_t>(result.payloads.size());
  writer.put(record, result.data.data(), result.data.size());
}

/// Small results, large ones, and ones with payloads.
inline Results some_results() {
  return {{0, 1, "small", {}},
          {7, 2, std::string(100000, 'x'), {}},
          {2, 0, "", {}},
          {3, 9, "two", {std::string(300001, 'p'), std::string(8, 'q')}},
          {4, 3, "last", {}}};
}

inline void write_all_results(const Folder& folder, const Results& results) {
  lomp::CheckpointWriter writer;
  REQUIRE_FALSE(writer.create(folder.file().c_str(), 1, 10, {1, 2, 3}));
  for (const Result& result : results) put(writer, result);
  writer.close();
  REQUIRE(writer.error() == 0);
}

inline lomp::CheckpointProblem open(lomp::CheckpointReader& reader, const Folder& folder) {
  return reader.open(lomp::Fd(::open(folder.file().c_str(), O_RDONLY | O_CLOEXEC)));
}

inline Results read_results(lomp::CheckpointReader& reader) {
  Results results;
  lomp::Entry entry;
  while (reader.next(entry)) {
    if (entry.what != lomp::EntryWhat::result) continue;
    Result result{entry.item, entry.kind, std::string(entry.data, entry.data + entry.size), {}};
    for (std::size_t i = 0; i < entry.payload_count; ++i) {
      const lomp::EntryPayload& payload = entry.payloads[i];
      CHECK(payload.number == i);
      std::string data(payload.bytes, '?');
      REQUIRE(lomp::read_at(reader.fd(), &data[0], data.size(), payload.from));
      result.payloads.push_back(data);
    }
    results.push_back(result);
  }
  return results;
}

inline Results read_all_results(const Folder& folder) {
  lomp::CheckpointReader reader;
  REQUIRE_FALSE(open(reader, folder));
  return read_results(reader);
}

/// Is the list a part of the other one, in its order?
inline bool are_among(const Results& some, const Results& all) {
  std::size_t at = 0;
  for (const Result& result : some) {
    while (at < all.size() && !(all[at] == result)) ++at;
    if (at++ == all.size()) return false;
  }
  return true;
}

}  // namespace lomp_test

#endif
