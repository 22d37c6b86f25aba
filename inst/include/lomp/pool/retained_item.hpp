// Side: parent.
/// \file
/// An item that was sent, held in case its worker dies before it begins it.
#ifndef LOMP_POOL_RETAINED_ITEM_HPP
#define LOMP_POOL_RETAINED_ITEM_HPP

#include <utility>
#include <vector>

#include "lomp/os/fd.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

/// Its record and the files of its payloads, which its worker may have, too: so the host needn't
/// keep the item itself, whose memory its collector would look at again and again. The record is
/// read as one that came from a worker is. Before a sender writes a file again it must know that no
/// item that is held needs it: a file that its worker has let go of belongs to an item that has
/// begun.
class RetainedItem final : public PayloadSource {
 public:
  RetainedItem() = default;
  RetainedItem(unsigned kind, std::vector<unsigned char> bytes, std::vector<Fd> files,
               std::uint32_t first_number)
      : kind_(kind),
        bytes_(std::move(bytes)),
        files_(std::move(files)),
        first_number_(first_number) {}

  /// Without files there was nothing worth holding.
  explicit operator bool() const { return !files_.empty(); }

  /// Valid as long as this object is.
  Record record() const { return {0, kind_, bytes_.data(), bytes_.size(), 0}; }

  int take_payload(int, std::uint32_t number) override {
    const std::uint32_t place = number - first_number_;
    return place < files_.size() ? files_[place].get() : -1;
  }

  /// The files stay, since the item may have to be read again.
  void drop_payload() override {}

 private:
  unsigned kind_ = 0;
  std::vector<unsigned char> bytes_;
  std::vector<Fd> files_;
  std::uint32_t first_number_ = 0;
};

}  // namespace lomp

#endif
