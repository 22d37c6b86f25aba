// Side: worker.
/// \file
/// Connections of the parent's that a worker would share: there they are cut.
///
/// A fork copies what a client knows of its connection (what it has asked, what it may expect, the
/// state of its encryption), but the connection stays one. Two processes that use it get each
/// other's answers, and neither notices.
#ifndef LOMP_PROCESS_SEVER_HPP
#define LOMP_PROCESS_SEVER_HPP

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "lomp/os/fd.hpp"
#include "lomp/process/socket_peer.hpp"

namespace lomp {

/// The value of one of a socket's options, -1 if it has none.
inline int socket_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// No other kind of file has options of sockets.
inline bool is_socket(int fd) { return socket_option(fd, SO_TYPE) != -1; }

/// Adds the sockets among `n` numbers, at most 256.
inline void try_descriptors(int first, int n, std::vector<int>& found) {
  pollfd descriptors[256];
  for (int i = 0; i < n; ++i) descriptors[i] = {first + i, 0, 0};
  (void)kernel().poll(descriptors, static_cast<nfds_t>(n), 0);
  for (int i = 0; i < n; ++i) {
    const bool is_open = (descriptors[i].revents & POLLNVAL) == 0;
    if (is_open && is_socket(first + i)) found.push_back(first + i);
  }
}

/// Adds the sockets among all numbers that a process is likely to use. It asks for many at once,
/// and for no more than it can in the time of a fork.
inline void try_descriptors(std::vector<int>& found) {
  constexpr rlim_t most = 65536;
  rlimit limit{most, most};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min(limit.rlim_cur, most));
  for (int fd = STDERR_FILENO + 1; fd < end; fd += 256) {
    try_descriptors(fd, std::min(256, end - fd), found);
  }
}

/// Adds the sockets among the open descriptors, which the system lists; false if it doesn't.
inline bool list_descriptors(std::vector<int>& found) {
  return visit_descriptors([&found](int fd) {
    if (fd > STDERR_FILENO && is_socket(fd)) found.push_back(fd);
  });
}

/// The sockets that this process has open, the standard streams aside. The parent asks for them
/// just before a fork: it pays less than a process whose every page is new. What another thread
/// opens between this and the fork is missed, and no code of a worker knows of it.
inline std::vector<int> open_sockets() {
  std::vector<int> found;
  if (!list_descriptors(found)) try_descriptors(found);
  return found;
}

/// AF_UNIX, AF_INET and so on; AF_UNSPEC if it is no socket.
inline int socket_family(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const bool has_name = ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  return has_name ? address.ss_family : AF_UNSPEC;
}

/// May a socket take messages from, or to, another machine?
inline bool is_of_internet(int fd) {
  const int family = socket_family(fd);
  return family == AF_INET || family == AF_INET6;
}

inline bool has_peer(int fd) {
  sockaddr_storage address;
  socklen_t size = sizeof address;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
}

/// Does a socket make connections, or is it one, of whatever family? What sends messages one by
/// one, to the system's log say, is none, unless they may go to another machine.
inline bool is_connection(int fd) {
  if (is_of_internet(fd)) return true;
  const int type = socket_option(fd, SO_TYPE);
  if (type != SOCK_STREAM && type != SOCK_SEQPACKET) return false;
  return has_peer(fd) || socket_option(fd, SO_ACCEPTCONN) > 0;
}

/// As the kernel's messages have it, in 32 bits; 0 if there is no such file.
inline std::uint32_t inode_of(int fd) {
  struct stat status;
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

inline bool is_same_file(int a, int b) {
  struct stat one, other;
  if (::fstat(a, &one) == -1 || ::fstat(b, &other) == -1) return false;
  return one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

/// A front end may have given this process sockets as its standard streams, and a script may have
/// them under other numbers, too.
inline bool is_standard_stream(int fd) {
  for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (is_same_file(fd, standard)) return true;
  }
  return false;
}

/// A socket whose other end is closed: reads find its end at once, and writes fail. Empty if there
/// is none to be had.
inline Fd make_dead_socket() {
  int ends[2];
  if (kernel().socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1) return Fd();
  const Fd other(ends[1]);
  return Fd(ends[0]);
}

/// Lets a descriptor's number stand for another file. It is closed on exec if it was before.
inline void put_in_place(int file, int fd) {
  const int flags = check(::fcntl(fd, F_GETFD), "fcntl(F_GETFD)");
  check(retry_eintr([&] { return ::dup2(file, fd); }), "dup2");
  check(::fcntl(fd, F_SETFD, flags), "fcntl(F_SETFD)");
}

/// The number of a socket's other end, if this process holds that, too; -1 if it doesn't.
inline int find_partner(int fd, const std::vector<int>& sockets, SocketPeer& peer) {
  if (socket_family(fd) != AF_UNIX) return -1;
  const std::uint32_t other = peer.of(inode_of(fd));
  if (other == 0) return -1;
  const auto found = std::find_if(sockets.begin(), sockets.end(),
                                  [&](int socket) { return inode_of(socket) == other; });
  return found == sockets.end() ? -1 : *found;
}

/// Puts a new pair of sockets, which no other process shares, in the place of another. False if
/// there is none to be had.
inline bool renew_pair(int a, int b) {
  int ends[2];
  if (kernel().socketpair(AF_UNIX, socket_option(a, SO_TYPE), 0, ends) == -1) return false;
  const Fd one(ends[0]), other(ends[1]);
  check(::fcntl(one.get(), F_SETFL, ::fcntl(a, F_GETFL)), "fcntl(F_SETFL)");
  check(::fcntl(other.get(), F_SETFL, ::fcntl(b, F_GETFL)), "fcntl(F_SETFL)");
  put_in_place(one.get(), a);
  put_in_place(other.get(), b);
  return true;
}

/// In a sealed worker: puts a dead socket in the place of each of the parent's connections, so that
/// their clients connect again or fail; the parent's own stay as they are. `sockets` are
/// open_sockets() from before the fork, some of which may have been closed since; `own` is the
/// worker's. A socket that waits for connections goes too. No number becomes free: a client that
/// closes its connection later closes the dead socket, and no file that was opened since. Where
/// there is no dead socket to be had, standard input does as well, which is empty and can't be
/// written to. Throws SystemError.
///
/// A connection of the parent with itself, by which a library ends its own waiting, is replaced by
/// another one: to that library a dead one would be an event that never ends.
inline void sever(std::vector<int>& sockets, int own) {
  const auto is_spared = [own](int fd) {
    return fd == own || !is_connection(fd) || is_standard_stream(fd);
  };
  sockets.erase(std::remove_if(sockets.begin(), sockets.end(), is_spared), sockets.end());
  if (sockets.empty()) return;
  const Fd dead = make_dead_socket();
  SocketPeer peer;
  while (!sockets.empty()) {
    const int fd = sockets.back();
    sockets.pop_back();
    const int partner = find_partner(fd, sockets, peer);
    if (partner != -1 && renew_pair(fd, partner)) {
      sockets.erase(std::find(sockets.begin(), sockets.end(), partner));
    } else {
      put_in_place(dead ? dead.get() : STDIN_FILENO, fd);
    }
  }
}

}  // namespace lomp

#endif
