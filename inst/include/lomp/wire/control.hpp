// Side: both.
/// \file
/// The socket pair between parent and worker.
#ifndef LOMP_WIRE_CONTROL_HPP
#define LOMP_WIRE_CONTROL_HPP

#include <sys/ioctl.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "lomp/os/fd.hpp"

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
  check(kernel().socketpair(AF_UNIX, control_type | birth_flags, 0, ends), "socketpair");
  ControlPair pair{Fd(ends[0]), Fd(ends[1])};
  for (int end : ends) refuse_pipe_signal(end);
  pair.parent = lifted(std::move(pair.parent));
  pair.worker = lifted(std::move(pair.worker));
  return pair;
}

/// All that is ever said over the sockets. What hasn't this form isn't ours.
struct ControlMessage {
  static constexpr std::uint32_t mark = 0x6c6f6d70;

  std::uint32_t magic = 0;
  std::uint32_t number = 0;
  std::uint32_t check = 0;

  static ControlMessage of(std::uint32_t number) { return {mark, number, ~number ^ mark}; }
  bool is_sound() const { return magic == mark && check == (~number ^ mark); }
};

/// Room for descriptors beside a message, aligned as the kernel wants it. It is enough for one, and
/// the kernel may find it enough for two.
union DescriptorRoom {
  cmsghdr alignment;
  char bytes[CMSG_SPACE(sizeof(int))];
};

/// Sends what is to be said, and a descriptor if there is one. Never waits: false if the socket is
/// full, or too many descriptors are under way, or the peer is gone.
inline bool send_message(int socket, const ControlMessage& content, const int* fd) {
  iovec part{const_cast<ControlMessage*>(&content), sizeof content};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd != nullptr) {
    message.msg_control = room.bytes;
    message.msg_controllen = sizeof room.bytes;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof *fd);
    std::memcpy(CMSG_DATA(header), fd, sizeof *fd);
  }
  return retry_eintr([&] { return kernel().sendmsg(socket, &message, send_flags); }) ==
         static_cast<ssize_t>(sizeof content);
}

inline bool send_descriptor(int socket, int fd, std::uint32_t number) {
  return send_message(socket, ControlMessage::of(number), &fd);
}

/// A number alone.
inline bool send_number(int socket, std::uint32_t number) {
  return send_message(socket, ControlMessage::of(number), nullptr);
}

/// A received number with its descriptor; without one if none was sent, or if it was lost on the
/// way because this process had no place for it.
struct NumberedFd {
  Fd fd;
  std::uint32_t number = 0;
};

/// What one call got from the socket. Descriptors that came along are closed unless they are taken.
struct ReceivedMessage {
  explicit ReceivedMessage(ssize_t n = -1) : bytes(n) {}

  ssize_t bytes;
  ControlMessage content;
  Fd fd;
  int descriptors = 0;
  bool is_cut = false;  ///< the message was longer

  bool is_sound() const {
    return bytes == static_cast<ssize_t>(sizeof content) && !is_cut && descriptors <= 1 &&
           content.is_sound();
  }
};

/// Takes the descriptors that the kernel has opened in this process, whatever message they came
/// with.
inline void take_descriptors(msghdr& message, ReceivedMessage& got) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < n; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      got.fd.reset(fd);
      ++got.descriptors;
    }
  }
  if (got.fd) close_received_on_exec(got.fd.get());
}

/// Reads at most so many bytes, and takes all descriptors that came with them.
inline ReceivedMessage receive_some(int socket, std::size_t most) {
  ReceivedMessage got;
  iovec part{&got.content, most};
  DescriptorRoom room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  got.bytes = retry_eintr([&] { return kernel().recvmsg(socket, &message, receive_flags); });
  if (got.bytes < 0) return got;
  got.is_cut = (message.msg_flags & MSG_TRUNC) != 0;
  take_descriptors(message, got);
  return got;
}

/// After a call that got no bytes: is there still something to be read? An empty message looks like
/// the end. Where the peer has closed its end before it had read all, one call fails with
/// ECONNRESET, and what the peer has sent is there afterwards.
inline bool has_more(int socket, ssize_t got) {
  if (got < 0) return errno == ECONNRESET;
  int waiting = 0;
  return ::ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0;
}

/// Of what waits in a row of bytes, how many are to be read next: a message of ours, which comes in
/// one piece, or else one byte. Not above 0 where nothing waits.
inline ssize_t peek_message(int socket) {
  ControlMessage content;
  iovec part{&content, sizeof content};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  constexpr int flags = MSG_DONTWAIT | MSG_PEEK;
  const ssize_t n = retry_eintr([&] { return kernel().recvmsg(socket, &message, flags); });
  if (n <= 0) return n;
  return n == static_cast<ssize_t>(sizeof content) && content.is_sound() ? n : 1;
}

/// The next message, whatever it is. Where messages have bounds, a stray one, which an item's code
/// may send by any descriptor that it finds, spoils none of the others; elsewhere it is skipped
/// byte by byte.
inline ReceivedMessage receive_next(int socket) {
  if (keeps_messages_apart) return receive_some(socket, sizeof(ControlMessage));
  const ssize_t n = peek_message(socket);
  return n > 0 ? receive_some(socket, static_cast<std::size_t>(n)) : ReceivedMessage(n);
}

/// Receives the next number, and its descriptor, if one has come. Never waits; false if there is
/// none. What else has come is dropped, with its descriptors.
inline bool receive_descriptor(int socket, NumberedFd& received) {
  for (;;) {
    ReceivedMessage got = receive_next(socket);
    if (got.is_sound()) {
      received.fd = std::move(got.fd);
      received.number = got.content.number;
      return true;
    }
    if (got.bytes <= 0 && !has_more(socket, got.bytes)) return false;
  }
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
