/// \file
/// Fakes of system calls. Each is in the table of calls for as long as it lives.
#ifndef LOMP_TESTS_FAKES_HPP
#define LOMP_TESTS_FAKES_HPP

#include <cerrno>
#include <functional>
#include <utility>

#include "lomp/os/syscall.hpp"

namespace lomp_test {

using lomp::Kernel;

/// Answers one of the table's calls with a function of the test's, say
/// `Fake<&Kernel::fork> fork(failing(EAGAIN));`. Of each call there is one fake at a time.
template <auto call>
class Fake;

template <class Result, class... Args, Result (*Kernel::*call)(Args...)>
class Fake<call> {
 public:
  explicit Fake(std::function<Result(Args...)> answer) : real_(lomp::kernel().*call) {
    current() = std::move(answer);
    lomp::kernel().*call = [](Args... args) { return current()(args...); };
  }
  ~Fake() {
    lomp::kernel().*call = real_;
    current() = nullptr;
  }
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;

 private:
  static std::function<Result(Args...)>& current() {
    static std::function<Result(Args...)> answer;
    return answer;
  }

  Result (*real_)(Args...);
};

/// An answer that always fails.
inline auto failing(int error) {
  return [error](auto...) {
    errno = error;
    return -1;
  };
}

/// An answer that fails the calls first, first + 1, ..., last, counted from 1; all others are real.
template <class Real>
auto failing_calls(int first, int last, int error, Real* real) {
  return [=, n = 0](auto... args) mutable -> decltype(real(args...)) {
    ++n;
    if (n < first || n > last) return real(args...);
    errno = error;
    return -1;
  };
}

/// An answer that every other time, the first included, is interrupted by a signal.
template <class Real>
auto interrupted(Real* real) {
  return [real, odd = false](auto... args) mutable -> decltype(real(args...)) {
    odd = !odd;
    if (!odd) return real(args...);
    errno = EINTR;
    return -1;
  };
}

}  // namespace lomp_test

#endif
