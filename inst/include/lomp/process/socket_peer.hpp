// Side: worker.
/// \file
/// Which socket is at the other end of a Unix socket: there are those with which a process wakes
/// itself.
#ifndef LOMP_PROCESS_SOCKET_PEER_HPP
#define LOMP_PROCESS_SOCKET_PEER_HPP

#include <cstdint>

#include "lomp/os/fd.hpp"

namespace lomp {

/// Asks the kernel about sockets, by their inodes. Nothing is opened before the first question.
class SocketPeer {
 public:
  /// The inode of the socket at the other end; 0 if the kernel doesn't tell.
  std::uint32_t of(std::uint32_t inode) {
    if (!directory_) directory_.reset(open_socket_directory());
    return directory_ ? peer_of_socket(directory_.get(), inode) : 0;
  }

 private:
  Fd directory_;
};

}  // namespace lomp

#endif
