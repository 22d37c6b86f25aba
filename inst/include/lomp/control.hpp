/// \file
/// The socket pair between parent and worker.
#ifndef LOMP_CONTROL_HPP
#define LOMP_CONTROL_HPP

#include <cstdint>
#include <cstring>

#include "fd.hpp"

namespace lomp {

#ifdef MSG_NOSIGNAL
constexpr int send_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int send_flags = MSG_DONTWAIT;
#endif

/// To send to a peer that is gone is an error and no signal: where a call has no flag for that, the
/// socket has an option.
inline void refuse_pipe_signal(int socket) {
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#else
  (void)socket;
#endif
}

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
  for (int end : ends) refuse_pipe_signal(end);
  pair.parent = lifted(std::move(pair.parent));
  pair.worker = lifted(std::move(pair.worker));
  return pair;
}

/// Room for one descriptor beside a message, aligned as the kernel wants it.
union DescriptorRoom {
  cmsghdr alignment;
  char bytes[CMSG_SPACE(sizeof(int))];
};

/// Sends a descriptor and its number. Never waits: false if the socket is full, or too many
/// descriptors are under way, or the peer is gone.
inline bool send_descriptor(int socket, int fd, std::uint32_t number) {
  iovec part{&number, sizeof number};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return retry_eintr([&] { return kernel().sendmsg(socket, &message, send_flags); }) ==
         static_cast<ssize_t>(sizeof number);
}

/// A received descriptor; empty if it was lost on the way because this process had no place for it.
struct NumberedFd {
  Fd fd;
  std::uint32_t number = 0;
};

/// Receives the next descriptor if one has come. Never waits; false if there is none.
inline bool receive_descriptor(int socket, NumberedFd& received) {
  iovec part{&received.number, sizeof received.number};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  const ssize_t n = retry_eintr([&] { return kernel().recvmsg(socket, &message, MSG_DONTWAIT); });
  if (n != static_cast<ssize_t>(sizeof received.number)) return false;
  received.fd.reset();
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return true;
  int fd;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  received.fd.reset(fd);
  set_close_on_exec(fd);
  return true;
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
