/// \file
/// The ways in which R's jumps and C++'s exceptions get past each other.
#ifndef LOMP_SRC_R_UNWIND_H
#define LOMP_SRC_R_UNWIND_H

#include <exception>
#include <type_traits>

#include "r/api.h"

namespace lomp {

/// Calls `body`. An R error or interrupt in it becomes a C++ exception, Rcpp's, with which Rcpp
/// lets the jump go on where the exported function ends.
SEXP unwind_protect(SEXP (*body)(void*), void* data);

/// In a catch block: the exception that is being handled ends there. What R keeps of a jump, to let
/// it go on, is let go of.
void forget_jump() noexcept;

/// Throws what Rcpp makes an R error without a call of.
[[noreturn]] void throw_error(const char* message);

/// How a C++ exception leaves a function that R calls: by the jump that it stands for, or else by
/// an error with its message.
class Departure {
 public:
  /// In a catch block: notes the exception that is being handled.
  void note() noexcept;

  /// Behind that block, since R's jump would leave the exception where it is.
  [[noreturn]] void go_on() const;

 private:
  char message_[256] = "";
  SEXP jump_ = nullptr;
};

/// How many objects R protects, to come back to. R knows that after a jump; after an exception
/// it doesn't.
class ProtectionMark {
 public:
  ProtectionMark() { PROTECT_WITH_INDEX(R_NilValue, &at_); }
  ~ProtectionMark() { UNPROTECT(1); }
  ProtectionMark(const ProtectionMark&) = delete;
  ProtectionMark& operator=(const ProtectionMark&) = delete;

  /// Gives back what has been protected since.
  void restore() const {
    PROTECT_INDEX now;
    PROTECT_WITH_INDEX(R_NilValue, &now);
    UNPROTECT(now - at_);
  }

 private:
  PROTECT_INDEX at_;
};

/// Calls `body`, which returns a SEXP and may end in an R error or interrupt. Such a jump becomes a
/// C++ exception here, so that the owners in the callers' frames are destroyed, and goes on as an R
/// jump where the exported function ends. `body` itself is jumped over: it and its own variables
/// must be trivially destructible. What it throws itself waits until R's frames are left: R would
/// hold on to contexts whose frames are gone, and end with the next jump.
template <class Body>
SEXP unwind(Body body) {
  static_assert(std::is_trivially_destructible<Body>::value,
                "a jump of R's runs no destructor of what the body holds");
  struct Call {
    Body* body;
    std::exception_ptr thrown;
  } call = {&body, nullptr};
  const auto make = [](void* data) -> SEXP {
    Call& to_make = *static_cast<Call*>(data);
    try {
      return (*to_make.body)();
    } catch (...) {
      to_make.thrown = std::current_exception();
      return R_NilValue;
    }
  };
  const ProtectionMark mark;
  SEXP value = unwind_protect(make, &call);
  if (call.thrown == nullptr) return value;
  mark.restore();
  std::rethrow_exception(call.thrown);
}

/// Calls `body` within a function that R calls back, not by `.Call`. What it throws may not leave
/// through R's frames: it ends here, and an R error, or the jump that it stands for, goes on.
template <class Body>
auto contain(Body body) -> decltype(body()) {
  static_assert(std::is_trivially_destructible<Body>::value,
                "a jump of R's runs no destructor of what the body holds");
  Departure departure;
  try {
    return body();
  } catch (...) {
    departure.note();
  }
  departure.go_on();
}

}  // namespace lomp

#endif
