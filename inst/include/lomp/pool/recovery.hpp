// Side: parent.
/// \file
/// What becomes of a dead worker's items.
#ifndef LOMP_POOL_RECOVERY_HPP
#define LOMP_POOL_RECOVERY_HPP

#include <cstdint>

namespace lomp {

/// What is known of a worker when it is dead and all that it sent or staged has been taken. Items
/// are counted from 1; 0 is none.
struct DeathFacts {
  std::uint64_t running = 0;     ///< the item in hand, whose last record hasn't come
  std::uint64_t last = 0;        ///< the item begun last, in hand or not
  std::uint64_t unreadable = 0;  ///< the item whose record couldn't be read here
  bool has_begun = false;        ///< a record of the item in hand came, but not its last one
  bool was_given_up = false;     ///< the parent ended it, since its pipe ended or made no sense
  bool was_spared = false;       ///< the item in hand has had its second chance
};

/// What follows.
struct Verdict {
  std::uint64_t lost = 0;   ///< this item is lost, unless it was done before
  std::uint64_t again = 0;  ///< this item is run again
  bool is_spared = false;   ///< that was its second chance
};

/// An item is run again only if nothing of it can have been seen, and never because its own worker
/// died of it:
///
/// | unreadable | in hand | its records | given up | spared | lost | again |
/// |---|---|---|---|---|---|---|
/// | no | none | | | | the last one: its record was damaged on its way, or it was done | |
/// | no | yes | | no | | the one in hand | |
/// | no | yes | none | yes | no | | the one in hand: an earlier item may have damaged the pipe |
/// | no | yes | none | yes | yes | the one in hand | |
/// | no | yes | some | yes | | the one in hand | |
/// | that in hand | yes | | | | the one in hand | |
/// | another one | yes | none | | | the unreadable one | the one in hand |
/// | another one | yes | some | | | the unreadable one; the one in hand by its records | |
/// | yes | none | | | | the unreadable one | |
///
/// Items that it had claimed and not begun are in its block or batch, which others take. Items of
/// which records have come, but not the last one, are lost in any case.
inline Verdict judge(const DeathFacts& facts) {
  Verdict verdict;
  if (facts.unreadable != 0) {
    verdict.lost = facts.unreadable;
  } else if (facts.running == 0) {
    verdict.lost = facts.last;
  } else {
    verdict.is_spared = facts.was_given_up && !facts.has_begun && !facts.was_spared;
    if (!verdict.is_spared) verdict.lost = facts.running;
  }
  if (facts.running != verdict.lost && !facts.has_begun) verdict.again = facts.running;
  return verdict;
}

}  // namespace lomp

#endif
