// Side: any process.
/// \file
/// Interrupted system calls are made again.
#ifndef LOMP_OS_RETRY_EINTR_HPP
#define LOMP_OS_RETRY_EINTR_HPP

#include <cerrno>

namespace lomp {

/// Makes a call again for as long as a signal handler interrupts it.
template <class Call>
auto retry_eintr(Call call) -> decltype(call()) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace lomp

#endif
