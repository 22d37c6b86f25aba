/// \file
/// What an iterator's caller has taken and may still give back.
#ifndef LOMP_SRC_CALL_TAKEN_RESULTS_H
#define LOMP_SRC_CALL_TAKEN_RESULTS_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace lomp {

/// The results that were taken since the caller came last, and which items have ended with them.
class TakenResults {
 public:
  void take(std::uint64_t item, bool is_last) {
    if (is_last) {
      open_.erase(item);
    } else {
      open_[item] = results_.size();
    }
    results_.push_back({item, is_last});
  }

  /// The item ends with the last one of its results. False if none is here: then the caller has
  /// come back since it was taken, or there was none.
  bool end(std::uint64_t item) {
    const auto found = open_.find(item);
    if (found == open_.end()) return false;
    results_[found->second].is_last = true;
    open_.erase(found);
    return true;
  }

  /// Forgets the last n; tells of each, in their order, whether its item has ended with it.
  std::vector<bool> put_back(std::size_t n) {
    std::vector<bool> last;
    const std::size_t kept = n < results_.size() ? results_.size() - n : 0;
    for (std::size_t i = kept; i < results_.size(); ++i) {
      last.push_back(results_[i].is_last);
      open_.erase(results_[i].item);  // their ends come after them once more
    }
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
    open_.clear();
  }

 private:
  struct Result {
    std::uint64_t item = 0;
    bool is_last = false;
  };

  std::vector<Result> results_;
  std::map<std::uint64_t, std::size_t> open_;  // items that go on, with their last result here
};

}  // namespace lomp

#endif
