// Side: both.
/// \file
/// Where the bytes of a record go while it is made, and where its payloads come from.
#ifndef LOMP_PAYLOAD_RECORD_SINK_HPP
#define LOMP_PAYLOAD_RECORD_SINK_HPP

#include <cstddef>
#include <cstdint>

#include "lomp/payload/payload_origin.hpp"

namespace lomp {

/// What a record is written to, piece by piece: by a worker a result, by the parent an item.
class RecordSink {
 public:
  /// Appends bytes to the record in hand.
  virtual void put(const void* data, std::size_t bytes) = 0;

  /// Sends bytes beside the record in hand, which must name their `number` then. False if they
  /// can't travel so now; then the record must hold them itself.
  virtual bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) = 0;

 protected:
  ~RecordSink() = default;
};

/// Where the payloads come from that a record names.
class PayloadSource {
 public:
  /// The payload that a record of this worker's names by its number: a descriptor, valid until the
  /// next call or drop_payload(); -1 if it was lost.
  virtual int take_payload(int worker, std::uint32_t number) = 0;

  /// Closes what take_payload() gave.
  virtual void drop_payload() = 0;

  /// Before that: so many bytes of it were the payload.
  virtual void note_payload(int, std::size_t) {}

  /// Where payloads aren't files of their own, and are copied: is there one of this number, and of
  /// so many bytes?
  virtual bool has_bytes(std::uint32_t, std::size_t) const { return false; }

  /// Copies it; false if it can't be read.
  virtual bool copy_bytes(std::uint32_t, void*, std::size_t) { return false; }

  /// Where it came from, for payload_returns(), if it can be given back: by the worker's place and
  /// process and the payload's number.
  virtual PayloadOrigin origin_of(int, std::uint32_t, std::uint32_t) const { return {}; }

 protected:
  ~PayloadSource() = default;
};

}  // namespace lomp

#endif
