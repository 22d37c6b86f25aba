#include <signal.h>
#include <testthat/vendor/catch.h>

#include <set>
#include <string>

#include "harness/processes.hpp"
#include "lomp/api/loss_words.hpp"

using namespace lomp_test;
using lomp::ExitReason;
using lomp::Loss;
using lomp::loss_words;

TEST_CASE("a death is told by its signal or its status") {
  Loss loss;
  loss.status = run_in_process([]() -> int {
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer has its own
    kill_self(SIGSEGV);
  });
  CHECK(loss_words(loss) == "its worker was killed by SIGSEGV");
  loss.status = run_in_process([] { return 3; });
  CHECK(loss_words(loss) == "its worker ended with status 3");
  loss.status = -1;
  CHECK(loss_words(loss) == "its worker ended; how is not known, since SIGCHLD is ignored");
}

TEST_CASE("where a worker has said why it ends that is told") {
  std::set<std::string> told;
  for (ExitReason reason : {ExitReason::none, ExitReason::c_exit, ExitReason::lost_pipe,
                            ExitReason::too_large, ExitReason::given_up, ExitReason::held}) {
    Loss loss;
    loss.status = SIGKILL;
    loss.reason = reason;
    told.insert(loss_words(loss));
  }
  CHECK(told.size() == 6);
  CHECK(told.count("its worker called exit()") == 1);
}

TEST_CASE("a time limit goes before the signal that it sends") {
  Loss loss;
  loss.status = SIGKILL;
  loss.reason = ExitReason::timed_out;
  loss.was_late = true;
  CHECK(loss_words(loss) == "it took longer than its time limit");
}
