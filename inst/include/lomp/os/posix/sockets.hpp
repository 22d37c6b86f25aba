// Side: any process.
/// \file
/// Unix sockets, as every POSIX system has them.
#ifndef LOMP_OS_POSIX_SOCKETS_HPP
#define LOMP_OS_POSIX_SOCKETS_HPP

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>

namespace lomp {

/// A type of connected sockets that tell of their peer's end, and flags for socketpair(). Datagrams
/// have bounds, but don't tell.
constexpr int control_type = SOCK_STREAM;
constexpr int birth_flags = 0;

/// Has such a socket bounds between messages, or is it a row of bytes?
constexpr bool keeps_messages_apart = false;

/// To send to a peer that is gone is an error and no signal. POSIX has a flag for that since 2008;
/// macOS has an option of the socket instead.
#ifdef MSG_NOSIGNAL
constexpr int quiet_flag = MSG_NOSIGNAL;
inline void refuse_pipe_signal(int) {}
#else
constexpr int quiet_flag = 0;
inline void refuse_pipe_signal(int socket) {
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
}
#endif

/// For calls that never wait.
constexpr int send_flags = MSG_DONTWAIT | quiet_flag;
constexpr int receive_flags = MSG_DONTWAIT;

/// For each received descriptor, where the flag for receiving isn't enough.
inline void close_received_on_exec(int fd) { (void)::fcntl(fd, F_SETFD, FD_CLOEXEC); }

/// A descriptor by which the kernel can be asked about sockets; -1 if there is none to be had.
inline int open_socket_directory() { return -1; }

/// The inode of the socket at the other end of a Unix socket; 0 if the kernel doesn't tell.
inline std::uint32_t peer_of_socket(int, std::uint32_t) { return 0; }

}  // namespace lomp

#endif
