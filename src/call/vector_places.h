/// \file
/// The one vector of a call's results.
#ifndef LOMP_SRC_CALL_VECTOR_PLACES_H
#define LOMP_SRC_CALL_VECTOR_PLACES_H

#include "call/kept.h"
#include "call/settings.h"
#include "codec/prototype.h"
#include "lomp/payload/parts_file.hpp"
#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// Puts the elements of each item's value into its place in one vector, where all values have the
/// same type and length; there is no R object for any of them.
///
/// Elements of fewer bytes than a payload has arrive in their records and are copied from there.
/// The vector might be shared memory in which workers write to the places themselves. But then a
/// worker, or what it leaves behind, could change what has arrived, until the vector is copied. And
/// it would cost more: of 8 MB that two processes fill each in its places, they have 2,080 page
/// faults and their parent 120, and 2,080 more if it copies them. Here it has at most as many as
/// the vector has pages, and a quarter of that where the system has huge ones (1,300 in all for
/// lomp_vapply(seq_len(1e6), function(i) i, 0), 450 of which any call has; ru_minflt, 2026-11).
///
/// Larger ones are written by their workers into a file that was made before the fork, and their
/// records say no more than that it is done. At the end the file is sealed and mapped, and is the
/// vector: no element is copied here, whatever the size. Where it can't be sealed it is copied.
/// Places for whose items no record has come hold anything.
class VectorPlaces {
 public:
  /// Doesn't own what it gets, which outlives it. It is false, and not to be used, where results
  /// don't go into a vector. Throws.
  VectorPlaces(SEXP kept, const Settings& settings);

  explicit operator bool() const { return is_used_; }

  /// What the elements of each value take.
  std::size_t bytes_of_each() const { return prototype_.bytes(); }

  /// The file for large values, which isn't open if there is none.
  const PartsFile& file() const { return file_; }

  /// Before the first result. May jump.
  void begin();

  /// Elements as a record has them, or one that says that they are in the file. May jump.
  void put(const Record& record);

  /// A whole value; the caller protects it. May jump.
  void put_value(std::uint64_t item, SEXP value);

  /// The vector, when all workers have ended. May jump; unprotected.
  SEXP vector();

  /// The first item's value if names are taken from it, else NULL.
  SEXP first() const { return VECTOR_ELT(kept_, kept_first); }

 private:
  double count() const;
  void put_elements(std::uint64_t item, const void* data, std::size_t bytes);
  SEXP make_vector();
  SEXP read_file();

  SEXP kept_;
  bool is_used_;
  Prototype prototype_;
  std::uint64_t items_;
  PartsFile file_;
  unsigned char* elements_ = nullptr;  // of the vector, unless there is a file
};

}  // namespace lomp

#endif
