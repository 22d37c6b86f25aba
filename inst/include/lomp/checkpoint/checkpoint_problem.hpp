// Side: any process.
/// \file
/// Why a checkpoint's file can't be used.
#ifndef LOMP_CHECKPOINT_CHECKPOINT_PROBLEM_HPP
#define LOMP_CHECKPOINT_CHECKPOINT_PROBLEM_HPP

#include <cerrno>

namespace lomp {

/// False if there is none.
class CheckpointProblem {
 public:
  enum class Kind {
    none,
    system,   ///< see error()
    exists,   ///< a new one is to be made where something is
    locked,   ///< another process appends to it, or this one in another call
    foreign,  ///< it is no checkpoint
    version,  ///< it is one of another version of this program, or of another kind of machine
    cut,      ///< not even its header is whole
    other     ///< it isn't the one that was read, or has lost some of what was read
  };

  CheckpointProblem(Kind kind = Kind::none) : kind_(kind) {}
  static CheckpointProblem of_system(int error = errno) {
    CheckpointProblem problem(Kind::system);
    problem.error_ = error;
    return problem;
  }

  explicit operator bool() const { return kind_ != Kind::none; }
  Kind kind() const { return kind_; }
  int error() const { return error_; }  ///< errno

 private:
  Kind kind_;
  int error_ = 0;
};

}  // namespace lomp

#endif
