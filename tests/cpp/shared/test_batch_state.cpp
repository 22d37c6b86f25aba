#include <testthat/vendor/catch.h>

#include "lomp/shared/batch_state.hpp"

using lomp::BatchState;

TEST_CASE("a batch's state is one word and the same again") {
  constexpr std::uint32_t most = BatchState::max_items;
  for (std::uint32_t files_end : {0u, 1u, 4000000000u}) {
    for (std::uint32_t cursor : {0u, 1u, most}) {
      for (std::uint32_t end : {0u, 1u, most}) {
        for (int flags = 0; flags < 8; ++flags) {
          const BatchState state{files_end,        cursor,           end,
                                 (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
          const BatchState again = BatchState::of(state.word());
          CHECK(again.files_end == files_end);
          CHECK(again.cursor == cursor);
          CHECK(again.end == end);
          CHECK(again.has_begun == state.has_begun);
          CHECK(again.is_closed == state.is_closed);
          CHECK(again.is_asleep == state.is_asleep);
        }
      }
    }
  }
  CHECK(BatchState().word() == 0);
}

TEST_CASE("a batch is over when it was begun and closed and nothing is left") {
  CHECK((BatchState{0, 2, 2, true, true, false}.is_over()));
  CHECK_FALSE((BatchState{0, 1, 2, true, true, false}.is_over()));
  CHECK_FALSE((BatchState{0, 2, 2, false, true, false}.is_over()));
  CHECK_FALSE((BatchState{0, 2, 2, true, false, false}.is_over()));
  CHECK_FALSE(BatchState().is_over());
}
