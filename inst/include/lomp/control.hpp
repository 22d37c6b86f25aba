/// \file
/// The socket pair between parent and worker.
#ifndef LOMP_CONTROL_HPP
#define LOMP_CONTROL_HPP

#include "fd.hpp"

namespace lomp {

/// Two connected sockets. Each side sees the other's end close, whatever killed it, which is how a
/// worker learns of its parent's death where the kernel sends no signal for that.
struct ControlPair {
  Fd parent;
  Fd worker;
};

/// Throws SystemError.
inline ControlPair make_control_pair() {
  int ends[2];
  check(kernel().socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  ControlPair pair{Fd(ends[0]), Fd(ends[1])};
  pair.parent = lifted(std::move(pair.parent));
  pair.worker = lifted(std::move(pair.worker));
  return pair;
}

/// Is the other end closed, be there unread bytes from it or not? Never waits, takes nothing from
/// what the peer has sent, and is safe in a signal handler.
inline bool peer_is_gone(int socket) {
  pollfd state{socket, POLLIN, 0};
  const int n = retry_eintr([&] { return kernel().poll(&state, 1, 0); });
  return n > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace lomp

#endif
