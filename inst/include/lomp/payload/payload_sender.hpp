// Side: both.
/// \file
/// Sends payloads to the other end of a control socket.
#ifndef LOMP_PAYLOAD_PAYLOAD_SENDER_HPP
#define LOMP_PAYLOAD_PAYLOAD_SENDER_HPP

#include <cstdint>
#include <utility>

#include "lomp/payload/payload_files.hpp"
#include "lomp/wire/control.hpp"

namespace lomp {

/// Gives each file that it sends the next number. A worker has one for its results, the parent has
/// one for each worker that it sends items. The sender doesn't own the socket.
class PayloadSender {
 public:
  explicit PayloadSender(int control = -1) : control_(control) {}

  void use_socket(int control) { control_ = control; }

  /// From now on a file is written again when the receiver has said that it has let go of it. Free
  /// files are kept up to so many bytes.
  void use_files_again(std::size_t most_free_bytes,
                       Protection protection = Protection::between_writes) {
    reuses_files_ = true;
    files_ = PayloadFiles(most_free_bytes, protection);
  }
  bool reuses_files() const { return reuses_files_; }

  /// The receiver has let go of the payload of this number.
  void set_free(std::uint32_t number) { files_.set_free(number); }

  /// These never came to their receiver's hands: numbers first, ..., end - 1. Their files are not
  /// used again.
  void forget(std::uint32_t first, std::uint32_t end) { files_.forget(first, end); }

  /// False if there is no file for these bytes, or no receiver for it. `copy`, if it is asked for,
  /// is a second descriptor of the file, or none if there is none to be had.
  bool send(const void* data, std::size_t bytes, Fd* copy = nullptr) {
    return lend(data, bytes, copy) || give(data, bytes, copy);
  }

  /// In a file that is the receiver's from then on, and is never used again here.
  bool give(const void* data, std::size_t bytes, Fd* copy = nullptr) {
    Fd file = make_payload(data, bytes);
    if (!file || !send_file(file)) return false;
    if (copy != nullptr) *copy = std::move(file);
    return true;
  }

  /// The same with a file that is there.
  bool send_file(const Fd& file) {
    if (!send_descriptor(control_, file.get(), next_)) return false;
    ++next_;
    return true;
  }

  /// The number of the file that was sent last.
  std::uint32_t last_number() const { return next_ - 1; }
  std::uint32_t next_number() const { return next_; }

 private:
  bool lend(const void* data, std::size_t bytes, Fd* copy) {
    PayloadFile* file = reuses_files_ ? files_.make(data, bytes) : nullptr;
    if (file == nullptr || !send_file(file->fd())) return false;
    file->send_as(last_number());
    if (copy != nullptr) *copy = duplicate(file->fd());
    return true;
  }

  int control_;
  bool reuses_files_ = false;
  PayloadFiles files_;  // none without that
  std::uint32_t next_ = 0;
};

}  // namespace lomp

#endif
