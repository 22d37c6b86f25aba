#include <testthat/vendor/catch.h>

#include "lomp/schedule/in_flight.hpp"

using lomp::InFlight;

TEST_CASE("nothing is underway at first") {
  InFlight books;
  std::uint64_t item = 7;
  CHECK(books.empty());
  CHECK(books.settled() == 0);
  CHECK_FALSE(books.is_given(0));
  CHECK_FALSE(books.first_returned(item));
  CHECK_FALSE(books.settle(0));
}

TEST_CASE("an item is underway until it is settled") {
  InFlight books;
  books.give(3, 1);
  CHECK(books.is_given(3));
  CHECK_FALSE(books.empty());
  CHECK(books.settle(3));
  CHECK(books.empty());
  CHECK(books.settled() == 1);
  CHECK_FALSE(books.settle(3));
  CHECK(books.settled() == 1);
}

TEST_CASE("what a dead worker had comes back in order and others' items don't") {
  InFlight books;
  for (std::uint64_t item : {5, 2, 9}) books.give(item, 1);
  books.give(1, 2);
  books.settle(9);
  books.take_back(1);
  CHECK_FALSE(books.is_given(2));
  CHECK(books.is_given(1));
  std::uint64_t item = 0;
  REQUIRE(books.first_returned(item));
  CHECK(item == 2);
  books.give(2, 3);
  REQUIRE(books.first_returned(item));
  CHECK(item == 5);
  books.give(5, 3);
  CHECK_FALSE(books.has_returned());
  for (std::uint64_t one : {1, 2, 5}) CHECK(books.settle(one));
  CHECK(books.empty());
  CHECK(books.settled() == 4);
}

TEST_CASE("an item that came back is not underway and the books aren't empty") {
  InFlight books;
  books.give(4, 1);
  books.take_back(1);
  CHECK_FALSE(books.empty());
  CHECK(books.has_returned());
  CHECK_FALSE(books.settle(4));
}

TEST_CASE("an item that its worker never gets to comes back alone and once") {
  InFlight books;
  for (std::uint64_t item : {5, 2, 9}) books.give(item, 1);
  books.settle(9);
  for (std::uint64_t item : {2, 9, 2, 77}) books.take_back_item(item);
  CHECK(books.is_given(5));
  CHECK_FALSE(books.is_given(2));
  std::uint64_t item = 0;
  REQUIRE(books.first_returned(item));
  CHECK(item == 2);
  books.give(2, 2);
  CHECK_FALSE(books.has_returned());
  books.take_back(1);
  REQUIRE(books.first_returned(item));
  CHECK(item == 5);
  CHECK(books.is_given(2));
}

TEST_CASE("the first open item is the first of all that have not ended") {
  InFlight books;
  CHECK(books.first_open() == UINT64_MAX);
  for (std::uint64_t item : {0, 1, 2}) books.give(item, 1);
  CHECK(books.first_open() == 0);
  books.settle(0);
  CHECK(books.first_open() == 1);
  books.take_back_item(1);
  CHECK(books.first_open() == 1);
  books.settle(2);
  CHECK(books.first_open() == 1);
  books.give(1, 2);
  books.give(3, 2);
  books.settle(1);
  CHECK(books.first_open() == 3);
  books.settle(3);
  CHECK(books.first_open() == UINT64_MAX);
}

TEST_CASE("items that one worker was given in a row end in any order") {
  InFlight books;
  for (std::uint64_t item = 0; item < 10; ++item) books.give(item, 1);
  for (std::uint64_t item : {4, 0, 9, 5, 1}) CHECK(books.settle(item));
  for (std::uint64_t item : {4, 0, 9, 5, 1, 10}) {
    CHECK_FALSE(books.is_given(item));
    CHECK_FALSE(books.settle(item));
  }
  for (std::uint64_t item : {2, 3, 6, 7, 8}) CHECK(books.is_given(item));
  CHECK(books.first_open() == 2);
  CHECK(books.settled() == 5);
  for (std::uint64_t item : {7, 2, 3, 8, 6}) CHECK(books.settle(item));
  CHECK(books.empty());
  CHECK(books.settled() == 10);
}

TEST_CASE("an item out of the middle of a row comes back alone") {
  InFlight books;
  for (std::uint64_t item = 0; item < 6; ++item) books.give(item, 1);
  books.take_back_item(3);
  CHECK_FALSE(books.is_given(3));
  for (std::uint64_t item : {0, 1, 2, 4, 5}) CHECK(books.is_given(item));
  books.give(3, 2);
  CHECK_FALSE(books.has_returned());
  books.take_back(1);
  CHECK(books.is_given(3));
  for (std::uint64_t item : {0, 1, 2, 4, 5}) {
    std::uint64_t first = 9;
    REQUIRE(books.first_returned(first));
    CHECK(first == item);
    books.give(item, 2);
  }
  for (std::uint64_t item = 0; item < 6; ++item) CHECK(books.settle(item));
  CHECK(books.empty());
}

TEST_CASE("rows of two workers that follow each other are theirs") {
  InFlight books;
  for (std::uint64_t item = 0; item < 12; ++item) books.give(item, item / 3 % 2 + 1);
  books.settle(4);
  books.take_back(2);
  for (std::uint64_t item : {0, 1, 2, 6, 7, 8}) CHECK(books.is_given(item));
  for (std::uint64_t item : {3, 5, 9, 10, 11}) {
    CHECK_FALSE(books.is_given(item));
    CHECK(books.is_open(item));
  }
  CHECK_FALSE(books.is_open(4));
}

TEST_CASE("an item that is given once more is its last worker's") {
  InFlight books;
  for (std::uint64_t item = 0; item < 4; ++item) books.give(item, 1);
  books.give(2, 2);
  books.take_back(1);
  CHECK(books.is_given(2));
  books.take_back(2);
  for (std::uint64_t item = 0; item < 4; ++item) CHECK_FALSE(books.is_given(item));
  std::uint64_t first = 9;
  REQUIRE(books.first_returned(first));
  CHECK(first == 0);
}

TEST_CASE("what was taken back may be withdrawn and is over by that") {
  InFlight books;
  for (std::uint64_t item = 0; item < 4; ++item) books.give(item, 1);
  books.take_back_item(2);
  books.take_back_item(3);
  std::uint64_t item = 0;
  REQUIRE(books.withdraw_returned(item));
  CHECK(item == 2);
  CHECK(books.settled() == 1);
  CHECK_FALSE(books.is_open(2));
  CHECK(books.is_open(3));
  REQUIRE(books.withdraw_returned(item));
  CHECK_FALSE(books.withdraw_returned(item));
  CHECK(books.settle(0));
  CHECK(books.settle(1));
  CHECK(books.empty());
  CHECK(books.settled() == 4);
}
