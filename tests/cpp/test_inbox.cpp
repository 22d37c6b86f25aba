#include <testthat/vendor/catch.h>

#include "lomp/shared_page.hpp"
#include "processes.hpp"

using namespace lomp_test;
using lomp::SharedPage;

TEST_CASE("an inbox is the worker's from its post to its clearing") {
  SharedPage page(0, 1, 64, 128);
  lomp::Inbox inbox = page.inbox(0, 0);
  CHECK(inbox.capacity() == 128);
  CHECK(inbox.bytes() == 0);
  inbox.post(17);
  CHECK(inbox.bytes() == 17);
  CHECK(page.inbox(0, 1).bytes() == 0);
  inbox.clear();
  CHECK(inbox.bytes() == 0);
}

TEST_CASE("no inbox overlaps another or a staging buffer") {
  SharedPage page(0, 3, 100, 50);
  for (int i = 0; i < 3; ++i) {
    std::memset(page.staging(i).data(), 100 + i, 100);
    for (int half : {0, 1}) std::memset(page.inbox(i, half).data(), 10 * i + half, 50);
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(page.staging(i).data()[0] == 100 + i);
    CHECK(page.staging(i).data()[99] == 100 + i);
    for (int half : {0, 1}) {
      CHECK(page.inbox(i, half).data()[0] == 10 * i + half);
      CHECK(page.inbox(i, half).data()[49] == 10 * i + half);
    }
  }
}

TEST_CASE("a page has inboxes only where items are streamed and renews them") {
  CHECK_FALSE(SharedPage(1, 1, 64).has_inboxes());
  SharedPage page(0, 1, 64, 32);
  CHECK(page.has_inboxes());
  page.inbox(0, 1).post(5);
  page.renew(0);
  CHECK(page.inbox(0, 1).bytes() == 0);
}

TEST_CASE("what the parent posts a worker sees") {
  SharedPage page(0, 1, 64, 32);
  page.inbox(0, 0).data()[3] = 42;
  page.inbox(0, 0).post(4);
  CHECK(run_in_process([&] {
          const lomp::Inbox inbox = page.inbox(0, 0);
          return inbox.bytes() == 4 && inbox.data()[3] == 42 ? 0 : 1;
        }) == 0);
}
