// Side: any process.
/// \file
/// The names of signals.
#ifndef LOMP_OS_SIGNAL_NAME_HPP
#define LOMP_OS_SIGNAL_NAME_HPP

#include <signal.h>

#include <string>

namespace lomp {

/// "SIGKILL" and so on; the number where the signal has no common name.
inline std::string signal_name(int signal) {
  struct Name {
    int signal;
    const char* name;
  };
  static constexpr Name names[] = {
      {SIGABRT, "SIGABRT"}, {SIGALRM, "SIGALRM"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGHUP, "SIGHUP"},   {SIGILL, "SIGILL"},   {SIGINT, "SIGINT"},   {SIGKILL, "SIGKILL"},
      {SIGPIPE, "SIGPIPE"}, {SIGQUIT, "SIGQUIT"}, {SIGSEGV, "SIGSEGV"}, {SIGSYS, "SIGSYS"},
      {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"},
      {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}};
  for (const Name& known : names) {
    if (known.signal == signal) return known.name;
  }
  return "signal " + std::to_string(signal);
}

}  // namespace lomp

#endif
