#include <testthat/vendor/catch.h>

#include "lomp/schedule/in_flight.hpp"

using lomp::InFlight;

TEST_CASE("nothing is underway at first") {
  InFlight dispatch;
  std::uint64_t item = 7;
  CHECK(dispatch.empty());
  CHECK(dispatch.settled() == 0);
  CHECK_FALSE(dispatch.is_given(0));
  CHECK_FALSE(dispatch.first_returned(item));
  CHECK_FALSE(dispatch.settle(0));
}

TEST_CASE("an item is underway until it is settled") {
  InFlight dispatch;
  dispatch.give(3, 1);
  CHECK(dispatch.is_given(3));
  CHECK_FALSE(dispatch.empty());
  CHECK(dispatch.settle(3));
  CHECK(dispatch.empty());
  CHECK(dispatch.settled() == 1);
  CHECK_FALSE(dispatch.settle(3));
  CHECK(dispatch.settled() == 1);
}

TEST_CASE("what a dead worker had comes back in order and others' items don't") {
  InFlight dispatch;
  for (std::uint64_t item : {5, 2, 9}) dispatch.give(item, 1);
  dispatch.give(1, 2);
  dispatch.settle(9);
  dispatch.take_back(1);
  CHECK_FALSE(dispatch.is_given(2));
  CHECK(dispatch.is_given(1));
  std::uint64_t item = 0;
  REQUIRE(dispatch.first_returned(item));
  CHECK(item == 2);
  dispatch.give(2, 3);
  REQUIRE(dispatch.first_returned(item));
  CHECK(item == 5);
  dispatch.give(5, 3);
  CHECK_FALSE(dispatch.has_returned());
  for (std::uint64_t one : {1, 2, 5}) CHECK(dispatch.settle(one));
  CHECK(dispatch.empty());
  CHECK(dispatch.settled() == 4);
}

TEST_CASE("an item that came back is not underway and the books aren't empty") {
  InFlight dispatch;
  dispatch.give(4, 1);
  dispatch.take_back(1);
  CHECK_FALSE(dispatch.empty());
  CHECK(dispatch.has_returned());
  CHECK_FALSE(dispatch.settle(4));
}

TEST_CASE("an item that its worker never gets to comes back alone and once") {
  InFlight dispatch;
  for (std::uint64_t item : {5, 2, 9}) dispatch.give(item, 1);
  dispatch.settle(9);
  for (std::uint64_t item : {2, 9, 2, 77}) dispatch.take_back_item(item);
  CHECK(dispatch.is_given(5));
  CHECK_FALSE(dispatch.is_given(2));
  std::uint64_t item = 0;
  REQUIRE(dispatch.first_returned(item));
  CHECK(item == 2);
  dispatch.give(2, 2);
  CHECK_FALSE(dispatch.has_returned());
  dispatch.take_back(1);
  REQUIRE(dispatch.first_returned(item));
  CHECK(item == 5);
  CHECK(dispatch.is_given(2));
}

TEST_CASE("the first open item is the first of all that have not ended") {
  InFlight dispatch;
  CHECK(dispatch.first_open() == UINT64_MAX);
  for (std::uint64_t item : {0, 1, 2}) dispatch.give(item, 1);
  CHECK(dispatch.first_open() == 0);
  dispatch.settle(0);
  CHECK(dispatch.first_open() == 1);
  dispatch.take_back_item(1);
  CHECK(dispatch.first_open() == 1);
  dispatch.settle(2);
  CHECK(dispatch.first_open() == 1);
  dispatch.give(1, 2);
  dispatch.give(3, 2);
  dispatch.settle(1);
  CHECK(dispatch.first_open() == 3);
  dispatch.settle(3);
  CHECK(dispatch.first_open() == UINT64_MAX);
}
