// The entry of every test program. Catch handles no signals, since forked processes would inherit
// that, and tell of their deaths as if they were the test.
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#define CATCH_CONFIG_RUNNER
#include <testthat/vendor/catch.h>

namespace {

std::uint64_t assertions = 0;

struct AssertionCounter : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testRunEnded(const Catch::TestRunStats& stats) override {
    assertions = stats.totals.assertions.total();
  }
};

INTERNAL_CATCH_REGISTER_LISTENER(AssertionCounter)

}  // namespace

/// Some tests ask for more memory than there is. The sanitizer would end the program instead of
/// letting malloc() refuse.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

/// A run in which nothing was asserted has failed too: it was given a name that no test has.
int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  return failed > 0 || assertions == 0;
}
