/// \file
/// What an item's code may send by a descriptor that it finds.
#ifndef LOMP_TESTS_STRAYS_HPP
#define LOMP_TESTS_STRAYS_HPP

#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "lomp/wire/control.hpp"

namespace lomp_test {

/// Sends these bytes and descriptors in one message; false if it can't be done.
inline bool send_stray(int socket, const std::string& content,
                       const std::vector<int>& descriptors) {
  std::vector<char> room(CMSG_SPACE(descriptors.size() * sizeof(int)));
  iovec part{const_cast<char*>(content.data()), content.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  return ::sendmsg(socket, &message, lomp::send_flags) == static_cast<ssize_t>(content.size());
}

}  // namespace lomp_test

#endif
