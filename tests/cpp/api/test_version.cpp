#include <testthat/vendor/catch.h>

#include "lomp/api/version.hpp"

#if LOMP_VERSION < LOMP_MAKE_VERSION(0, 1, 0)
#error "versions can't be compared where the preprocessor decides"
#endif

TEST_CASE("versions are in the order of their parts") {
  CHECK(LOMP_MAKE_VERSION(0, 1, 0) < LOMP_MAKE_VERSION(0, 1, 1));
  CHECK(LOMP_MAKE_VERSION(0, 1, 999) < LOMP_MAKE_VERSION(0, 2, 0));
  CHECK(LOMP_MAKE_VERSION(0, 999, 999) < LOMP_MAKE_VERSION(1, 0, 0));
  CHECK(LOMP_MAKE_VERSION(1 + 1, 2, 3) == 2002003);
}
