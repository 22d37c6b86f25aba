#include "r/unwind.h"

#include <Rcpp.h>

#include <cstdio>

namespace lomp {

SEXP unwind_protect(SEXP (*body)(void*), void* data) { return Rcpp::unwindProtect(body, data); }

void forget_jump() noexcept {
  try {
    throw;
  } catch (const Rcpp::LongjumpException& exception) {
    R_ReleaseObject(exception.token);
  } catch (...) {
  }
}

void throw_error(const char* message) { throw Rcpp::exception(message, false); }

void Departure::note() noexcept {
  try {
    throw;
  } catch (const Rcpp::LongjumpException& exception) {
    jump_ = exception.token;
  } catch (const std::exception& exception) {
    std::snprintf(message_, sizeof message_, "%s", exception.what());
  } catch (...) {
    std::snprintf(message_, sizeof message_, "an unknown exception");
  }
}

void Departure::go_on() const {
  if (jump_ != nullptr) Rcpp::internal::resumeJump(jump_);
  Rf_error("%s", message_);
}

}  // namespace lomp
