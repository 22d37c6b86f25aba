// Side: worker.
/// \file
/// What a worker's parent sends over the control socket.
#ifndef LOMP_WORKER_CONTROL_READER_HPP
#define LOMP_WORKER_CONTROL_READER_HPP

#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "lomp/os/fd.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/payload/payload_sender.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/wire/control.hpp"
#include "lomp/worker/seal.hpp"

namespace lomp {

/// Wake-ups, files of streamed items, and the numbers of payloads whose files can be written again.
/// Owns the descriptors that have come and that have not been taken yet.
class ControlReader {
 public:
  ControlReader(int socket, WorkerSlot& slot, PayloadSender& payloads)
      : socket_(socket), slot_(slot), payloads_(payloads) {}
  ControlReader(const ControlReader&) = delete;
  ControlReader& operator=(const ControlReader&) = delete;

  /// Sleeps until the parent has sent something, if only a wake-up, or for so long.
  void await_wake(int milliseconds = -1) {
    pollfd socket{socket_, POLLIN, 0};
    if (retry_eintr([&] { return kernel().poll(&socket, 1, milliseconds); }) == -1) return;
    while (receive()) continue;
    if (peer_is_gone(socket_)) leave(ExitReason::lost_pipe, EXIT_FAILURE);
  }

  /// Takes the next message from the parent if there is one. Descriptors are kept until they are
  /// taken by their numbers.
  bool receive() {
    NumberedFd message;
    if (!receive_descriptor(socket_, message)) return false;
    if (message.fd) {
      received_.push_back(std::move(message));
      return true;
    }
    if ((message.number & return_flag) != 0) payloads_.set_free(message.number & ~return_flag);
    slot_.heard.store(slot_.heard.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return true;
  }

  /// The descriptor of this number, valid until the next call or drop_payload(); -1 if it was lost.
  int take_payload(std::uint32_t number) {
    payload_.reset();
    for (;;) {
      for (NumberedFd& one : received_) {
        if (!one.fd || one.number != number) continue;
        payload_ = std::move(one.fd);
        return payload_.get();
      }
      if (!receive()) return -1;
    }
  }

  void drop_payload() { payload_.reset(); }

  /// Closes the descriptors with smaller numbers, and forgets the places of those that were asked
  /// for.
  void drop(std::uint32_t end) {
    received_.erase(
        std::remove_if(received_.begin(), received_.end(),
                       [end](const NumberedFd& one) { return !one.fd || one.number < end; }),
        received_.end());
  }

 private:
  int socket_;
  WorkerSlot& slot_;
  PayloadSender& payloads_;
  std::vector<NumberedFd> received_;  // and not yet taken
  Fd payload_;                        // what take_payload() gave
};

}  // namespace lomp

#endif
