/// \file
/// Which results hold external pointers that are dead in this process.
#ifndef LOMP_SRC_CODEC_DEAD_REFERENCES_H
#define LOMP_SRC_CODEC_DEAD_REFERENCES_H

#include <cstdint>
#include <string>
#include <vector>

#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// Keeps the items of such results and the classes of the objects that hold the pointers, but not
/// those where a harmless class's object holds them all.
class DeadReferences {
 public:
  /// None of a result's pointers does harm.
  static constexpr int harmless = -1;

  /// `classes` is a character vector.
  explicit DeadReferences(SEXP classes);

  /// Looks at a result's record; gives what note() is to be told of it. Takes less work than to
  /// read it. Never jumps.
  int look(const Record& record);

  /// What note() is to be told of a result whose holder has this class. Throws std::bad_alloc.
  int number_of(const std::string& name);

  /// The result of this item (from 0) has arrived. An item is noted once, by its first one.
  void note(std::uint64_t item, int holder);

  /// The class that look() has given a number, "" if it isn't known.
  const std::string& name(int holder) const { return names_[static_cast<std::size_t>(holder)]; }

  bool any() const { return !items_.empty(); }

  /// The items (from 1), named by the classes, "" where that isn't known. May jump.
  SEXP items() const;

 private:
  std::vector<std::string> harmless_;
  std::vector<std::string> names_;     // of the classes, each one once
  std::vector<std::uint64_t> places_;  // of one result
  std::vector<double> items_;
  std::vector<int> holders_;
};

}  // namespace lomp

#endif
