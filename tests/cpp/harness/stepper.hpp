/// \file
/// Runs a piece of code instruction by instruction, where that can be done.
#ifndef LOMP_TESTS_STEPPER_HPP
#define LOMP_TESTS_STEPPER_HPP

#include <signal.h>

#if defined(__linux__) && defined(__x86_64__)
#include <ucontext.h>
#define LOMP_TESTS_CAN_STEP 1
#else
#define LOMP_TESTS_CAN_STEP 0
#endif

namespace lomp_test {

#if LOMP_TESTS_CAN_STEP

/// While it lives, the processor traps after each instruction of this thread, and a function of the
/// test's looks at the state of things. What that does must be safe at any point of the program.
class Stepper {
 public:
  explicit Stepper(void (*look)()) {
    look_ = look;
    struct sigaction action {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGTRAP, &action, nullptr);
    ::raise(SIGTRAP);
  }
  ~Stepper() { look_ = nullptr; }
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

 private:
  static inline void (*volatile look_)() = nullptr;

  /// The flag that makes the processor trap is one of the state that the handler returns to.
  static void on_trap(int, siginfo_t*, void* context) {
    greg_t& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
    constexpr greg_t trap = 0x100;
    if (look_ == nullptr) {
      flags &= ~trap;
      return;
    }
    look_();
    flags |= trap;
  }
};

#endif

}  // namespace lomp_test

#endif
