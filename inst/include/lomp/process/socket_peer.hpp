// Side: worker.
/// \file
/// Which socket is at the other end of a Unix socket: there are those with which a process wakes
/// itself.
#ifndef LOMP_PROCESS_SOCKET_PEER_HPP
#define LOMP_PROCESS_SOCKET_PEER_HPP

#include <cstdint>
#include <cstring>

#include "lomp/os/fd.hpp"
#if LOMP_LINUX
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#endif

namespace lomp {

#if LOMP_LINUX

/// Asks the kernel about sockets, by their inodes. Many containers allow it, not all. Nothing is
/// opened before the first question.
class SocketPeer {
 public:
  /// The inode of the socket at the other end; 0 if the kernel doesn't tell.
  std::uint32_t of(std::uint32_t inode) {
    if (!kernel_) kernel_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!kernel_ || !ask(inode)) return 0;
    alignas(nlmsghdr) char answer[512];
    const ssize_t n = ::recv(kernel_.get(), answer, sizeof answer, MSG_DONTWAIT);
    return n > 0 ? read(reinterpret_cast<const nlmsghdr*>(answer), static_cast<int>(n)) : 0;
  }

 private:
  bool ask(std::uint32_t inode) const {
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
    return ::send(kernel_.get(), &question, sizeof question, 0) ==
           static_cast<ssize_t>(sizeof question);
  }

  static std::uint32_t read(const nlmsghdr* message, int bytes) {
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

  Fd kernel_;
};

#else

class SocketPeer {
 public:
  std::uint32_t of(std::uint32_t) { return 0; }
};

#endif

}  // namespace lomp

#endif
