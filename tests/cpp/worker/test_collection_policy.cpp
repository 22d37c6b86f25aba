#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/worker/collection_policy.hpp"

using namespace lomp_test;
using lomp::CollectionMeter;
using lomp::CollectionPolicy;
using lomp::CollectorFacts;
using lomp::PageCount;
using Collected = CollectionPolicy::Collected;
using Need = CollectionPolicy::Need;

namespace {

/// What the meter of a test tells.
std::int64_t cpu = 0;
long pages = 0;
long huge = 0;  // pages that were taken without a fault for each
constexpr std::int64_t price = 100;

CollectionMeter made_up_meter() {
  return {[] { return cpu; },
          [] {
            return PageCount{pages, pages + huge};
          },
          [] { return price; }, [] { return pages; }};
}

/// What so many pages are worth, in nanoseconds.
constexpr std::int64_t worth(std::int64_t n) { return n * price * CollectionPolicy::page_value; }

constexpr long smallest = CollectionPolicy::smallest_nursery;
constexpr long largest = CollectionPolicy::largest_nursery;
constexpr long much = 1000000;

Collected with_shared(long shared_pages, bool is_tight = false) {
  Collected what;
  what.shared_pages = shared_pages;
  what.is_tight = is_tight;
  return what;
}

/// A worker whose items take no time but what a test says.
struct Life {
  /// Runs items that take so many pages together. True if the last one was to be followed by a
  /// look.
  bool run(int items, long taken = 0) {
    bool is_to_look = false;
    pages += taken;
    for (int i = 0; i < items; ++i) is_to_look = policy.note_item();
    return is_to_look;
  }

  Need look(bool may_leave = false) { return policy.look(facts, may_leave); }

  /// A collection that copies so many pages. The next one may follow at once.
  void collect(const Collected& what = {}, std::int64_t ns = 1, long copied = 0) {
    policy.begin();
    cpu += ns;
    pages += copied;
    policy.end(what);
    cpu += (CollectionPolicy::share * ns) << CollectionPolicy::most_futile;
  }

  /// The first nursery, which so many items fill.
  void fill_first(int items, const Collected& what = {}, std::int64_t ns = 1) {
    run(items, smallest);
    REQUIRE(look() == Need::collection);
    collect(what, ns);
  }

  /// Runs items without a page up to a look at which there is something to be done. How many.
  int items_to_need(bool may_leave = false, int most = 100000) {
    for (int n = 1; n <= most; ++n) {
      if (run(1) && look(may_leave) != Need::nothing) return n;
    }
    return -1;
  }

  CollectorFacts facts;
  CollectionPolicy policy{made_up_meter()};
};

/// A worker that has made so many collections of young objects, with that much that it shares.
Need need_after(int collections, const CollectorFacts& facts, const Collected& what,
                bool may_leave) {
  Life life;
  life.facts = facts;
  for (int i = 0; i < collections; ++i) {
    life.run(10, smallest);
    if (life.look() != Need::collection) return Need::nothing;
    life.collect(what);
  }
  life.run(10, smallest);
  return life.look(may_leave);
}

}  // namespace

TEST_CASE("a worker that takes few pages needs no collection") {
  Life life;
  CHECK(life.look() == Need::nothing);
  CHECK_FALSE(life.run(100000, smallest - 1));
  CHECK(life.look() == Need::nothing);
}

TEST_CASE("the first collection comes when the smallest nursery is full") {
  Life life;
  CHECK_FALSE(life.run(1, smallest));
  CHECK(life.look() == Need::collection);
  life.collect();
  CHECK(life.look() == Need::nothing);
}

TEST_CASE("from then on so many items fill the nursery again without a page") {
  for (int items : {1, 7, 500}) {
    Life life;
    life.fill_first(items);
    for (int n = 0; n < 5; ++n) {
      CHECK(life.items_to_need() == items);
      life.collect();
    }
  }
}

TEST_CASE("a worker that takes new pages collects before") {
  Life life;
  life.fill_first(500);
  CHECK_FALSE(life.run(499, smallest - 1));
  CHECK(life.look() == Need::nothing);
  life.collect();
  CHECK_FALSE(life.run(20, smallest));
  CHECK(life.look() == Need::collection);
  life.collect();
  CHECK(life.items_to_need() == 20);
}

TEST_CASE("what a collection itself takes fills no nursery") {
  Life life;
  life.fill_first(500);
  life.run(600);
  life.collect({}, 1, 10 * smallest);
  CHECK(life.look() == Need::nothing);
  CHECK(life.items_to_need() == 500);
}

TEST_CASE("the nursery grows while collections have cost more than its pages are worth") {
  Life life;
  life.fill_first(100, {}, worth(smallest) / 2);
  CHECK(life.items_to_need() == 100);
  life.collect({}, worth(smallest) / 4);
  CHECK(life.items_to_need() == 100);
  life.collect({}, worth(smallest) / 4);
  CHECK(life.items_to_need() == 100);
  life.collect();
  CHECK(life.items_to_need() == 151);
  life.collect();
  CHECK(life.items_to_need() == 227);
  life.run(1, 10 * smallest);  // a worker that has taken more pages may spend more
  life.collect();
  CHECK(life.items_to_need() == 228);
  life.collect();
  CHECK(life.items_to_need() == 228);
}

TEST_CASE("it doesn't grow where other collections do the same work") {
  Life life;
  life.fill_first(100, {}, 2 * worth(smallest));
  Collected what;
  what.others = 2;
  CHECK(life.items_to_need() == 100);
  life.collect(what, worth(smallest));
  CHECK(life.items_to_need() == 100);
}

TEST_CASE("once a page has a price the first nursery is worth a collection of the parent's") {
  Life life;
  life.facts.cost_ns = worth(1000);
  life.fill_first(100);
  life.run(1, 999);
  CHECK(life.look() == Need::nothing);
  life.run(1, 1);
  CHECK(life.look() == Need::collection);
}

TEST_CASE("a nursery has bounds whatever a collection costs") {
  for (const auto& [cost, right] :
       {std::pair{worth(10 * largest), largest}, {worth(1), smallest}}) {
    Life life;
    life.facts.cost_ns = cost;
    life.fill_first(100);
    life.run(1, right - 1);
    CHECK(life.look() == Need::nothing);
    life.run(1, 1);
    CHECK(life.look() == Need::collection);
  }
}

TEST_CASE("pages that cost nothing that can be measured have a price as well") {
  cpu = pages = 0;
  CollectionMeter free = made_up_meter();
  free.page_price = [] { return std::int64_t{0}; };
  CollectionPolicy policy(free);
  policy.begin();
  policy.end({});
  const CollectorFacts facts{1, 1000 * CollectionPolicy::page_value};
  pages += 999;
  CHECK(policy.look(facts, false) == Need::nothing);
  pages += 1;
  CHECK(policy.look(facts, false) == Need::collection);
}

TEST_CASE("after a dear collection the next one has to wait") {
  Life life;
  life.run(10, smallest);
  life.policy.begin();
  cpu += 1000;
  life.policy.end({});
  life.run(10, largest);
  for (int i = 0; i < 4; ++i) {
    CHECK(life.look() == Need::nothing);
    cpu += 1000 * CollectionPolicy::share / 4;
  }
  CHECK(life.look() == Need::collection);
}

TEST_CASE("collections that save no pages get rarer and one that does ends that") {
  constexpr std::int64_t ns = 1000000, share = CollectionPolicy::share;
  Life life;
  // How long a collection was put off, after items that took so many pages.
  const auto wait = [&life](long taken) {
    std::int64_t waited = 0;
    life.run(10, taken);
    for (; life.look() == Need::nothing; waited += ns) cpu += ns;
    life.policy.begin();
    cpu += ns;
    life.policy.end({});
    return waited;
  };
  wait(1000);
  CHECK(wait(1000) == share * ns);
  CHECK(wait(1000) == 2 * share * ns);
  CHECK(wait(1000) == 4 * share * ns);
  for (int i = 0; i < 10; ++i) wait(1000);
  CHECK(wait(500) == (share * ns) << CollectionPolicy::most_futile);
  CHECK(wait(1000) == share * ns);
}

TEST_CASE("looks for which it was too early get rarer") {
  Life life;
  life.fill_first(64);
  life.policy.begin();
  cpu += 1000;
  life.policy.end({});  // and no time passes
  int looks = 0;
  for (int i = 0; i < 10000; ++i) {
    if (!life.run(1)) continue;
    ++looks;
    CHECK(life.look() == Need::nothing);
  }
  CHECK(looks > 5);
  CHECK(looks < 100);
  cpu += 1000 * CollectionPolicy::share;
  CHECK(life.items_to_need() < 10000 / 4);
}

TEST_CASE("a worker is worn when the next collection will be of old objects") {
  const CollectorFacts facts{3, 0};
  const Collected what = with_shared(much);
  for (int collections : {0, 1, 2}) {
    CHECK(need_after(collections, facts, what, true) == Need::collection);
  }
  CHECK(need_after(3, facts, what, true) == Need::successor);
  CHECK(need_after(3, facts, what, false) == Need::nothing);
}

TEST_CASE("where the number of collections isn't known a worker is worn after a few") {
  const CollectorFacts facts;
  const Collected what = with_shared(much);
  CHECK(need_after(CollectionPolicy::few - 1, facts, what, true) == Need::collection);
  CHECK(need_after(CollectionPolicy::few, facts, what, true) == Need::successor);
}

TEST_CASE("a worker with little room left is worn at once") {
  const CollectorFacts facts{20, 0};
  CHECK(need_after(1, facts, with_shared(much, false), true) == Need::collection);
  CHECK(need_after(1, facts, with_shared(much, true), true) == Need::successor);
}

TEST_CASE("collections that were made by others count and so do those that are to be feared") {
  Collected what = with_shared(much);
  what.others = 2;  // three by then, and with two more the next one is the sixth
  CHECK(need_after(1, {6, 0}, what, true) == Need::collection);
  CHECK(need_after(1, {5, 0}, what, true) == Need::successor);
}

TEST_CASE("a worker that may not leave collects only when the largest nursery is full") {
  Life life;
  life.facts.young_left = 1;
  life.fill_first(10, with_shared(much));
  life.run(10, largest - 1);
  CHECK(life.look(false) == Need::nothing);
  life.run(10, 1);
  CHECK(life.look(false) == Need::collection);
}

TEST_CASE("what may be worn is told of the facts by now") {
  Life life;
  life.facts.young_left = 1;
  life.fill_first(10, with_shared(much));
  life.run(10, smallest);
  CHECK(life.look(true) == Need::successor);
  life.facts.young_left = 5;
  CHECK(life.look(true) == Need::collection);
}

TEST_CASE("a worker that shares little beside what it has taken is never worn") {
  const CollectorFacts facts{1, 0};
  CHECK(need_after(1, facts, with_shared(smallest), true) == Need::collection);
  CHECK(need_after(1, facts, with_shared(0, true), true) == Need::collection);
  CHECK(need_after(1, facts, with_shared(100 * smallest), true) == Need::successor);
  CHECK(need_after(30, {20, 0}, with_shared(10 * smallest), true) == Need::collection);
}

TEST_CASE("a worker isn't worn where its successor would take as much as it saves") {
  const CollectorFacts facts{1, 0};
  Collected what = with_shared(much);
  what.results = much / 10 * CollectionPolicy::results_per_page;
  CHECK(need_after(1, facts, what, true) == Need::successor);
  what.results = much * CollectionPolicy::results_per_page;
  CHECK(need_after(1, facts, what, true) == Need::collection);
}

TEST_CASE("huge pages fill no nursery and are what a successor would take again") {
  Life life;
  life.facts.young_left = 1;
  life.fill_first(10, with_shared(100 * smallest));
  huge += largest;
  CHECK(life.look() == Need::nothing);
  CHECK_FALSE(life.run(9));
  life.run(1, smallest);
  CHECK(life.look(true) == Need::successor);  // as of the last collection
  life.collect(with_shared(100 * smallest));
  life.run(10, smallest);
  CHECK(life.look(true) == Need::collection);
}

TEST_CASE("a worker that has copied what it shared is worn no more") {
  for (long copied : {CollectionPolicy::dear - 1, CollectionPolicy::dear}) {
    Life life;
    life.facts.young_left = 2;
    life.fill_first(10, with_shared(much));
    life.run(10, smallest);
    life.collect(with_shared(much), 1, copied);
    life.run(10, smallest);
    const bool is_copied = copied >= CollectionPolicy::dear;
    CHECK(life.look(true) == (is_copied ? Need::collection : Need::successor));
    life.collect(with_shared(much));
    life.run(10, smallest);
    CHECK(life.look(true) == (is_copied ? Need::collection : Need::successor));
  }
}

TEST_CASE("what the first collection copies is no sign of that") {
  Life life;
  life.facts.young_left = 1;
  life.run(10, smallest);
  life.collect(with_shared(much), 1, CollectionPolicy::dear);
  life.run(10, smallest);
  CHECK(life.look(true) == Need::successor);
}

TEST_CASE("without a meter of the caller's the process itself is asked") {
  CollectionPolicy policy;
  CHECK(policy.look({}, false) == Need::nothing);
  const Pages taken(2 * smallest);
  CHECK(policy.look({}, false) == Need::collection);
  policy.begin();
  policy.end({});
  CHECK(policy.look({}, false) == Need::nothing);
}

TEST_CASE("a collection that takes processor time delays the next one") {
  constexpr std::int64_t cost = 20000000;
  CollectionPolicy policy;
  policy.begin();
  const std::int64_t began = lomp::cpu_ns();
  while (lomp::cpu_ns() - began < cost) continue;
  policy.end({});
  const Pages taken(2 * smallest);
  const Need need = policy.look({}, false);
  if (lomp::cpu_ns() - began < (1 + CollectionPolicy::share) * cost) CHECK(need == Need::nothing);
  while (policy.look({}, false) == Need::nothing && lomp::cpu_ns() - began < 100 * cost) continue;
  CHECK(policy.look({}, false) == Need::collection);
}
