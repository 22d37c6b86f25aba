#include <testthat/vendor/catch.h>

#include <vector>

#include "lomp/pool/recovery.hpp"

using lomp::DeathFacts;
using lomp::judge;
using lomp::Verdict;

namespace {

/// A row of the table: the facts and what follows.
struct Row {
  DeathFacts facts;
  Verdict verdict;
};

DeathFacts in_hand(std::uint64_t running, std::uint64_t unreadable = 0) {
  DeathFacts facts;
  facts.running = facts.last = running;
  facts.unreadable = unreadable;
  return facts;
}

DeathFacts between_items(std::uint64_t last, std::uint64_t unreadable = 0) {
  DeathFacts facts;
  facts.last = last;
  facts.unreadable = unreadable;
  return facts;
}

DeathFacts given_up(DeathFacts facts, bool has_begun = false, bool was_spared = false) {
  facts.was_given_up = true;
  facts.has_begun = has_begun;
  facts.was_spared = was_spared;
  return facts;
}

DeathFacts begun(DeathFacts facts) {
  facts.has_begun = true;
  return facts;
}

/// Calls visit(facts) for all that there can be.
template <class Visit>
void each_state(Visit visit) {
  for (int bits = 0; bits < 8; ++bits) {
    for (std::uint64_t running : {0, 7}) {
      for (std::uint64_t last : {0, 6, 7}) {
        if (running != 0 && last != running) continue;
        for (std::uint64_t unreadable : {0, 5, 7}) {
          DeathFacts facts{running, last, unreadable};
          facts.has_begun = (bits & 1) != 0 && running != 0;
          facts.was_given_up = (bits & 2) != 0;
          facts.was_spared = (bits & 4) != 0;
          visit(facts);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("each state at a death has its verdict") {
  const std::vector<Row> table = {
      {between_items(0), {0, 0, false}},
      {between_items(7), {7, 0, false}},
      {given_up(between_items(7)), {7, 0, false}},
      {in_hand(7), {7, 0, false}},
      {begun(in_hand(7)), {7, 0, false}},
      {given_up(in_hand(7)), {0, 7, true}},
      {given_up(in_hand(7), false, true), {7, 0, false}},
      {given_up(in_hand(7), true), {7, 0, false}},
      {given_up(in_hand(7), true, true), {7, 0, false}},
      {in_hand(7, 7), {7, 0, false}},
      {in_hand(7, 5), {5, 7, false}},
      {given_up(in_hand(7, 5), false, true), {5, 7, false}},
      {begun(in_hand(7, 5)), {5, 0, false}},
      {between_items(7, 5), {5, 0, false}},
  };
  for (const Row& row : table) {
    const Verdict verdict = judge(row.facts);
    INFO("in hand " << row.facts.running << ", last " << row.facts.last << ", unreadable "
                    << row.facts.unreadable);
    CHECK(verdict.lost == row.verdict.lost);
    CHECK(verdict.again == row.verdict.again);
    CHECK(verdict.is_spared == row.verdict.is_spared);
  }
}

TEST_CASE("in every state the item in hand is either lost or run again") {
  each_state([](const DeathFacts& facts) {
    const Verdict verdict = judge(facts);
    if (facts.running == 0) {
      CHECK(verdict.again == 0);
    } else {
      // With records of its own it is lost by these.
      const bool is_lost = verdict.lost == facts.running || facts.has_begun;
      CHECK(is_lost != (verdict.again == facts.running));
    }
  });
}

TEST_CASE("an item is spared once and only where another one may have been at fault") {
  each_state([](const DeathFacts& facts) {
    if (!judge(facts).is_spared) return;
    CHECK(facts.was_given_up);
    CHECK_FALSE(facts.was_spared);
    CHECK_FALSE(facts.has_begun);
    CHECK(judge(facts).again == facts.running);
  });
}

TEST_CASE("an item that can't be read is lost in every state") {
  each_state([](const DeathFacts& facts) {
    if (facts.unreadable != 0) CHECK(judge(facts).lost == facts.unreadable);
  });
}
