/// \file
/// Connections in tests.
#ifndef LOMP_TESTS_SOCKETS_HPP
#define LOMP_TESTS_SOCKETS_HPP

#include <arpa/inet.h>
#include <netinet/in.h>

#include "lomp/os/fd.hpp"

namespace lomp_test {

/// Two connected sockets: a client's, which is inherited, and that of its server.
struct Connection {
  lomp::Fd client;
  lomp::Fd server;
};

inline Connection connect_pair(int type) {
  int ends[2];
  lomp::check(::socketpair(AF_UNIX, type, 0, ends), "socketpair");
  return {lomp::Fd(ends[0]), lomp::Fd(ends[1])};
}

inline sockaddr_in some_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A socket that has a port of its own, and what that is.
inline lomp::Fd bound_socket(int type, sockaddr_in& address) {
  lomp::Fd socket(lomp::check(::socket(AF_INET, type, 0), "socket"));
  address = some_port();
  socklen_t size = sizeof address;
  lomp::check(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), "bind");
  lomp::check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size),
              "getsockname");
  return socket;
}

inline lomp::Fd listening_socket(sockaddr_in& address) {
  lomp::Fd socket = bound_socket(SOCK_STREAM, address);
  lomp::check(::listen(socket.get(), 5), "listen");
  return socket;
}

inline lomp::Fd connect_to(const sockaddr_in& address, int type) {
  lomp::Fd socket(lomp::check(::socket(AF_INET, type, 0), "socket"));
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  lomp::check(::connect(socket.get(), to, sizeof address), "connect");
  return socket;
}

inline Connection connect_by_internet() {
  sockaddr_in address;
  const lomp::Fd listening = listening_socket(address);
  Connection connection;
  connection.client = connect_to(address, SOCK_STREAM);
  connection.server = lomp::Fd(lomp::check(::accept(listening.get(), nullptr, nullptr), "accept"));
  return connection;
}

}  // namespace lomp_test

#endif
