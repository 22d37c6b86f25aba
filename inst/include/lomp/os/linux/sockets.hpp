// Side: any process.
/// \file
/// Unix sockets, as Linux has them.
#ifndef LOMP_OS_LINUX_SOCKETS_HPP
#define LOMP_OS_LINUX_SOCKETS_HPP

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <cstring>

namespace lomp {

/// A type of connected sockets that tell of their peer's end, and flags for socketpair().
constexpr int control_type = SOCK_SEQPACKET;
constexpr int birth_flags = SOCK_CLOEXEC;

/// Has such a socket bounds between messages, or is it a row of bytes?
constexpr bool keeps_messages_apart = true;

/// For calls that never wait. To send to a peer that is gone is an error and no signal; descriptors
/// that are received are closed on exec.
constexpr int send_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
constexpr int receive_flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;

/// For each socket, where the flag for sending isn't enough.
inline void refuse_pipe_signal(int) {}

/// For each received descriptor, where the flag for receiving isn't enough.
inline void close_received_on_exec(int) {}

/// A descriptor by which the kernel can be asked about sockets, see sock_diag(7); -1 if there is
/// none to be had. Many containers allow it, not all.
inline int open_socket_directory() {
  return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

inline bool ask_for_peer(int directory, std::uint32_t inode) {
  struct {
    nlmsghdr header;
    unix_diag_req body;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = AF_UNIX;
  question.body.udiag_states = UINT32_MAX;
  question.body.udiag_ino = inode;
  question.body.udiag_show = UDIAG_SHOW_PEER;
  question.body.udiag_cookie[0] = question.body.udiag_cookie[1] = UINT32_MAX;  // any
  return ::send(directory, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question);
}

inline std::uint32_t read_peer(const nlmsghdr* message, int bytes) {
  if (!NLMSG_OK(message, static_cast<unsigned>(bytes))) return 0;
  if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY) return 0;
  int left = static_cast<int>(NLMSG_PAYLOAD(message, sizeof(unix_diag_msg)));
  const char* first = reinterpret_cast<const char*>(message) + NLMSG_SPACE(sizeof(unix_diag_msg));
  for (auto* part = reinterpret_cast<const rtattr*>(first); RTA_OK(part, left);
       part = RTA_NEXT(part, left)) {
    std::uint32_t peer = 0;
    if (part->rta_type != UNIX_DIAG_PEER) continue;
    std::memcpy(&peer, RTA_DATA(part), sizeof peer);
    return peer;
  }
  return 0;
}

/// The inode of the socket at the other end of a Unix socket; 0 if the kernel doesn't tell.
inline std::uint32_t peer_of_socket(int directory, std::uint32_t inode) {
  if (!ask_for_peer(directory, inode)) return 0;
  alignas(nlmsghdr) char answer[512];
  const ssize_t n = ::recv(directory, answer, sizeof answer, MSG_DONTWAIT);
  return n > 0 ? read_peer(reinterpret_cast<const nlmsghdr*>(answer), static_cast<int>(n)) : 0;
}

}  // namespace lomp

#endif
