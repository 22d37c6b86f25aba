#include <testthat/vendor/catch.h>

#include "lomp/pool/item_ledger.hpp"

using lomp::ItemLedger;

TEST_CASE("numbered items are over once each and complete together") {
  ItemLedger ledger(3, false);
  CHECK_FALSE(ledger.is_produced());
  CHECK(ledger.is_item(2));
  CHECK_FALSE(ledger.is_item(3));
  CHECK(ledger.first_open() == 0);
  CHECK(ledger.settle(1));
  CHECK_FALSE(ledger.settle(1));
  CHECK_FALSE(ledger.settle(3));
  CHECK(ledger.is_settled(1));
  CHECK_FALSE(ledger.is_settled(0));
  CHECK_FALSE(ledger.is_settled(std::uint64_t{1} << 40));  // of a slot that was overwritten
  CHECK(ledger.first_open() == 0);
  CHECK(ledger.first_gap().size() == 1);
  CHECK(ledger.settle(0));
  CHECK(ledger.first_open() == 2);
  CHECK_FALSE(ledger.is_complete());
  CHECK(ledger.settle(2));
  CHECK(ledger.settled() == 3);
  CHECK(ledger.is_complete());
  CHECK(ledger.first_gap().empty());
}

TEST_CASE("no items at all are complete from the start") {
  CHECK(ItemLedger(0, false).is_complete());
}

TEST_CASE("produced items are known from the time when they are given") {
  ItemLedger ledger(0, true);
  CHECK(ledger.is_produced());
  CHECK(ledger.has_more());
  CHECK_FALSE(ledger.is_item(0));
  CHECK_FALSE(ledger.settle(0));
  ledger.in_flight().give(0, 1);
  ledger.in_flight().give(1, 2);
  CHECK(ledger.is_item(0));
  CHECK(ledger.first_open() == 0);
  CHECK_FALSE(ledger.is_settled(0));
  CHECK(ledger.settle(0));
  CHECK(ledger.is_settled(0));
  CHECK_FALSE(ledger.is_item(0));
  ledger.in_flight().take_back(2);
  CHECK_FALSE(ledger.is_settled(1));
  ledger.in_flight().give(1, 3);
  CHECK(ledger.first_open() == 1);
  CHECK(ledger.settled() == 1);
}

TEST_CASE("produced items are complete when the last one is over and none will come") {
  ItemLedger ledger(0, true);
  ledger.in_flight().give(0, 1);
  CHECK(ledger.settle(0));
  CHECK_FALSE(ledger.is_complete());
  ledger.in_flight().give(1, 1);
  ledger.end();
  CHECK(ledger.has_all());
  CHECK_FALSE(ledger.has_more());
  CHECK_FALSE(ledger.is_complete());
  ledger.in_flight().take_back(1);  // its worker has died
  CHECK(ledger.has_more());
  CHECK_FALSE(ledger.is_complete());
  ledger.in_flight().give(1, 2);
  CHECK(ledger.settle(1));
  CHECK(ledger.is_complete());
}

TEST_CASE("a producer without items for now isn't asked and nothing is complete by that") {
  ItemLedger ledger(0, true);
  ledger.in_flight().give(0, 1);
  ledger.set_stock(false);
  CHECK(ledger.lacks_new());
  CHECK_FALSE(ledger.has_more());
  CHECK_FALSE(ledger.has_all());
  ledger.in_flight().take_back(1);
  CHECK(ledger.has_more());
  ledger.in_flight().give(0, 2);
  CHECK(ledger.settle(0));
  CHECK_FALSE(ledger.is_complete());
  ledger.set_stock(true);
  CHECK(ledger.has_more());
}
