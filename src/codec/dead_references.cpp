#include "codec/dead_references.h"

#include <algorithm>

#include "call/events.h"
#include "codec/serialize.h"
#include "lomp/wire/holder_search.hpp"

namespace lomp {

DeadReferences::DeadReferences(SEXP classes) {
  for (R_xlen_t i = 0; i < XLENGTH(classes); ++i) {
    harmless_.emplace_back(CHAR(STRING_ELT(classes, i)));
  }
}

int DeadReferences::look(const Record& record) {
  if (static_cast<Encoding>(record.kind) != Encoding::dead_stream) return harmless;
  const std::size_t size = lost_in(record, places_);
  const HolderSearch::Holder holder = HolderSearch(record.data, size, places_, harmless_).run();
  return holder.is_found ? number_of(holder.name) : harmless;
}

void DeadReferences::note(std::uint64_t item, int holder) {
  if (holder == harmless) return;
  if (!items_.empty() && items_.back() == as_item(item)) return;
  holders_.push_back(holder);
  items_.push_back(as_item(item));
}

SEXP DeadReferences::items() const {
  const R_xlen_t n = static_cast<R_xlen_t>(items_.size());
  SEXP items = PROTECT(Rf_allocVector(REALSXP, n));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, n));
  std::copy(items_.begin(), items_.end(), REAL(items));
  for (R_xlen_t i = 0; i < n; ++i) {
    const int holder = holders_[static_cast<std::size_t>(i)];
    SET_STRING_ELT(names, i, Rf_mkChar(names_[static_cast<std::size_t>(holder)].c_str()));
  }
  Rf_setAttrib(items, R_NamesSymbol, names);
  UNPROTECT(2);
  return items;
}

// Few classes, as a rule one.
int DeadReferences::number_of(const std::string& name) {
  const auto place = std::find(names_.begin(), names_.end(), name);
  if (place == names_.end()) {
    names_.push_back(name);
    return static_cast<int>(names_.size()) - 1;
  }
  return static_cast<int>(place - names_.begin());
}

}  // namespace lomp
