/// \file
/// What an iterator's caller has taken and may still give back.
#ifndef LOMP_SRC_CALL_TAKEN_RESULTS_H
#define LOMP_SRC_CALL_TAKEN_RESULTS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lomp {

/// The results that were taken since the caller came last, and which items have ended with them.
class TakenResults {
 public:
  void take(std::uint64_t item, bool is_last) { results_.push_back({item, is_last}); }

  /// The item ends with the last one of its results. False if none is here: then the caller has
  /// come back since it was taken, or there was none.
  bool end(std::uint64_t item) {
    for (std::size_t i = results_.size(); i > 0; --i) {
      if (results_[i - 1].item != item) continue;
      results_[i - 1].is_last = true;
      return true;
    }
    return false;
  }

  /// Forgets the last n; tells of each, in their order, whether its item has ended with it.
  std::vector<bool> put_back(std::size_t n) {
    std::vector<bool> last;
    const std::size_t kept = n < results_.size() ? results_.size() - n : 0;
    for (std::size_t i = kept; i < results_.size(); ++i) last.push_back(results_[i].is_last);
    results_.resize(kept);
    last.resize(n);
    return last;
  }

  /// Visits the items that have ended, and forgets all.
  template <class Visit>
  void settle(Visit visit) {
    for (const Result& result : results_) {
      if (result.is_last) visit(result.item);
    }
    results_.clear();
  }

 private:
  struct Result {
    std::uint64_t item = 0;
    bool is_last = false;
  };

  std::vector<Result> results_;
};

}  // namespace lomp

#endif
