#include <testthat/vendor/catch.h>

#include "lomp/api/item_result.hpp"

TEST_CASE("only what a function returned is a value") {
  using lomp::ItemOutcome;
  CHECK_FALSE(lomp::ItemResult().is_value());
  for (ItemOutcome outcome : {ItemOutcome::exception, ItemOutcome::crash, ItemOutcome::timeout,
                              ItemOutcome::not_run, ItemOutcome::value}) {
    lomp::ItemResult result;
    result.outcome = outcome;
    CHECK(result.is_value() == (outcome == ItemOutcome::value));
  }
}
