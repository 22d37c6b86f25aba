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
  set_close_on_exec(pair.parent.get());
  set_close_on_exec(pair.worker.get());
  return pair;
}

/// Is the other end closed? Never waits, takes nothing from what the peer has sent, and is safe in
/// a signal handler.
inline bool peer_is_gone(int socket) {
  char byte;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t n =
      retry_eintr([&] { return kernel().recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT); });
  return n == 0 || (n == -1 && errno == ECONNRESET);
}

}  // namespace lomp

#endif
