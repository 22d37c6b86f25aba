#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/pool/parent_collection.hpp"

using namespace lomp_test;
using lomp::ParentCollection;

namespace {

constexpr std::uint64_t many = ParentCollection::many_items;
constexpr std::int64_t longest = ParentCollection::long_ns;

}  // namespace

TEST_CASE("before the first fork it is worth while for many items") {
  CHECK_FALSE(ParentCollection(many - 1, false, 4).is_worth(0, 0));
  CHECK(ParentCollection(many, false, 4).is_worth(0, 0));
  CHECK(ParentCollection(0, true, 4).is_worth(0, 0));
}

TEST_CASE("before the second one it is for any and before the others of a row for none") {
  for (std::uint64_t items : {std::uint64_t{2}, many}) {
    const ParentCollection call(items, false, 4);
    CHECK(call.is_worth(1, 0));
    CHECK_FALSE(call.is_worth(2, 0));
    CHECK_FALSE(call.is_worth(3, 0));
  }
}

TEST_CASE("where it takes long it is made for successors alone") {
  const ParentCollection call(many, false, 2);
  CHECK(call.is_worth(0, longest));
  CHECK_FALSE(call.is_worth(0, longest + 1));
  CHECK_FALSE(call.is_worth(1, longest + 1));
  CHECK(call.is_worth(2, longest + 1));
  CHECK(call.is_worth(100, longest + 1));
}

TEST_CASE("successors that follow each other have one in a while") {
  ParentCollection call(1, false, 1);
  CHECK(call.is_worth(1, 0));
  const std::int64_t began = lomp::now_ns();
  call.begin();
  work_for_us(20000);
  call.end();
  const std::int64_t took = lomp::now_ns() - began;
  const bool is_worth = call.is_worth(2, 0);
  if (lomp::now_ns() - began < ParentCollection::share * 20000000) CHECK_FALSE(is_worth);
  CHECK(eventually([&] { return call.is_worth(2, 0); }));
  CHECK(lomp::now_ns() - began - took >= ParentCollection::share * 20000000);
}
