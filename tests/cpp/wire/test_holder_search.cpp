#include <testthat/vendor/catch.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "lomp/wire/holder_search.hpp"

using lomp::HolderSearch;

namespace {

constexpr std::uint32_t has_attributes = 1u << 9, has_tag = 1u << 10;
enum Type : std::uint32_t {
  symbol = 1,
  pairlist = 2,
  environment = 4,
  chars = 9,
  integers = 13,
  strings = 16,
  list = 19,
  pointer = 22,
  null_value = 254,
  reference = 255
};

/// The bytes of a value, part by part, and the places of its pointers.
class Bytes {
 public:
  Bytes() {
    bytes_ = {'B', '\n'};
    words({3, 0x040202, 0x030500, 5});
    text("UTF-8");
  }

  Bytes& words(std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t word : words) {
      unsigned char raw[sizeof word];
      std::memcpy(raw, &word, sizeof word);
      bytes_.insert(bytes_.end(), raw, raw + sizeof word);
    }
    return *this;
  }

  Bytes& text(const std::string& text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }

  Bytes& string(const std::string& content) {
    words({chars, static_cast<std::uint32_t>(content.size())});
    return text(content);
  }

  Bytes& dead_pointer() {
    places_.push_back(bytes_.size());
    return words({pointer, null_value, null_value});
  }

  // The attributes of an object whose only one is its class; "class" is written once.
  Bytes& class_attribute(const std::string& name) {
    words({pairlist | has_tag});
    if (class_entry_ == 0) {
      words({symbol}).string("class");
    } else {
      words({class_entry_ << 8 | reference});
    }
    words({strings, 1}).string(name);
    return words({null_value});
  }
  void class_is_entry(std::uint32_t entry) { class_entry_ = entry; }

  HolderSearch::Holder search(const std::vector<std::string>& harmless = {}) const {
    return HolderSearch(bytes_.data(), bytes_.size(), places_, harmless).run();
  }

  // Every beginning of the bytes, and all of them with one bit wrong.
  template <class Visit>
  void each_damage(Visit visit) const {
    for (std::size_t n = 0; n < bytes_.size(); ++n) {
      const std::vector<unsigned char> part(bytes_.begin(), bytes_.begin() + static_cast<long>(n));
      visit(HolderSearch(part.data(), n, places_, {}).run(), true);
      for (unsigned bit = 0; bit < 8; ++bit) {
        std::vector<unsigned char> wrong = bytes_;
        wrong[n] = static_cast<unsigned char>(wrong[n] ^ (1u << bit));
        const std::vector<std::string> none;
        visit(HolderSearch(wrong.data(), wrong.size(), places_, none).run(), false);
      }
    }
  }

 private:
  std::vector<unsigned char> bytes_;
  std::vector<std::uint64_t> places_;
  std::uint32_t class_entry_ = 0;
};

// list(<pointer>) of this class.
Bytes held(const std::string& name) {
  Bytes bytes;
  bytes.words({list | has_attributes, 1}).dead_pointer().class_attribute(name);
  return bytes;
}

}  // namespace

TEST_CASE("the class of the object that holds a pointer is found") {
  const HolderSearch::Holder holder = held("mine").search();
  CHECK(holder.is_found);
  CHECK(holder.name == "mine");
}

TEST_CASE("a pointer in an object of a harmless class is not found") {
  CHECK_FALSE(held("mine").search({"other", "mine"}).is_found);
  CHECK(held("mine").search({"other", "min"}).is_found);
}

TEST_CASE("a pointer that was not noted is not found") {
  Bytes bytes;
  bytes.words({list, 2, pointer, null_value, null_value, integers, 2, 1, 2});
  CHECK_FALSE(bytes.search().is_found);
}

TEST_CASE("a pointer without an object around it has no class") {
  Bytes bytes;
  bytes.words({list, 1}).dead_pointer();
  CHECK(bytes.search().is_found);
  CHECK(bytes.search().name.empty());
}

TEST_CASE("an object of another class beside a harmless one is found") {
  Bytes bytes;
  bytes.words({list, 2, list | has_attributes, 1}).dead_pointer().class_attribute("mine");
  bytes.class_is_entry(2);
  bytes.words({list | has_attributes, 1}).dead_pointer().class_attribute("other");
  CHECK(bytes.search({"mine"}).name == "other");
  CHECK(bytes.search({"other"}).name == "mine");
  CHECK_FALSE(bytes.search({"mine", "other"}).is_found);
}

TEST_CASE("an environment that is referred to again still holds its pointer") {
  Bytes bytes;
  bytes.words({list, 2, list | has_attributes, 1, environment, 0, null_value});
  bytes.words({pairlist | has_tag, symbol}).string("p").dead_pointer();
  bytes.words({null_value, null_value, null_value}).class_attribute("mine");
  CHECK_FALSE(Bytes(bytes).words({null_value}).search({"mine"}).is_found);
  CHECK(bytes.words({1u << 8 | reference}).search({"mine"}).is_found);
}

TEST_CASE("depth and length cost no stack") {
  Bytes deep;
  for (int i = 0; i < 1000000; ++i) deep.words({list, 1});
  deep.words({list | has_attributes, 1}).dead_pointer().class_attribute("mine");
  CHECK(deep.search().name == "mine");
  Bytes long_one;
  for (int i = 0; i < 1000000; ++i) long_one.words({pairlist, null_value});
  long_one.dead_pointer();
  CHECK(long_one.search().is_found);
}

TEST_CASE("bytes that end too early count as found") {
  held("mine").each_damage([](const HolderSearch::Holder& holder, bool is_short) {
    if (is_short) CHECK(holder.is_found);
  });
}

TEST_CASE("bytes that are no value count as found") {
  Bytes bytes;
  CHECK(bytes.words({77}).search().is_found);
  CHECK(Bytes().words({5u << 8 | reference}).search().is_found);
  CHECK(Bytes().words({null_value, null_value}).search().is_found);
  CHECK(Bytes().words({list, UINT32_MAX, UINT32_MAX, UINT32_MAX, null_value}).search().is_found);
}
