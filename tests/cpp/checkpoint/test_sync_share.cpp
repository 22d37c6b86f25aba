#include <testthat/vendor/catch.h>

#include "lomp/checkpoint/sync_share.hpp"

using lomp::SyncShare;

namespace {

std::int64_t& time_now() {
  static std::int64_t now = 0;
  return now;
}

SyncShare new_share() {
  return SyncShare([] { return time_now(); });
}

void take(SyncShare& share, std::int64_t ns) {
  share.begin();
  time_now() += ns;
  share.end();
}

}  // namespace

TEST_CASE("nothing is due in the first second") {
  SyncShare share = new_share();
  CHECK_FALSE(share.is_due());
  time_now() += SyncShare::least_ns - 1;
  CHECK_FALSE(share.is_due());
  time_now() += 1;
  CHECK(share.is_due());
}

TEST_CASE("what takes long is due a hundred times as long afterwards") {
  SyncShare share = new_share();
  take(share, 3 * SyncShare::least_ns);
  time_now() += 300 * SyncShare::least_ns - 1;
  CHECK_FALSE(share.is_due());
  time_now() += 1;
  CHECK(share.is_due());
}

TEST_CASE("what takes no time is due once a second") {
  SyncShare share = new_share();
  take(share, 10);
  time_now() += SyncShare::least_ns - 1;
  CHECK_FALSE(share.is_due());
  time_now() += 1;
  CHECK(share.is_due());
}
