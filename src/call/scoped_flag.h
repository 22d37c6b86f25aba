/// \file
/// A flag that is set for a while.
#ifndef LOMP_SRC_CALL_SCOPED_FLAG_H
#define LOMP_SRC_CALL_SCOPED_FLAG_H

namespace lomp {

/// Sets a flag for as long as it lives; an exception ends that, too.
class ScopedFlag {
 public:
  explicit ScopedFlag(bool& flag) : flag_(flag) { flag_ = true; }
  ~ScopedFlag() { flag_ = false; }
  ScopedFlag(const ScopedFlag&) = delete;
  ScopedFlag& operator=(const ScopedFlag&) = delete;

 private:
  bool& flag_;
};

}  // namespace lomp

#endif
