// Side: worker.
/// \file
/// What a ForkPool's worker does.
#ifndef LOMP_API_ITEM_FUNCTION_HPP
#define LOMP_API_ITEM_FUNCTION_HPP

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "lomp/os/open_files.hpp"
#include "lomp/worker/seal.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp {

/// Runs a function of the user's for each item that the worker gets, and sends what it returns, or
/// what() of the exception that it throws. Nothing that the function throws leaves it.
class ItemFunction {
 public:
  using Function = std::function<std::string(std::uint64_t item)>;

  /// The kinds of a record.
  static constexpr unsigned value_kind = 0;
  static constexpr unsigned exception_kind = 1;

  ItemFunction(Function function, std::chrono::nanoseconds timeout)
      : function_(std::move(function)), timeout_(timeout) {}

  /// All of a worker's work. What the parent had not written of its open files is the parent's;
  /// what items have printed is written before the worker ends, which runs no exit handler.
  void operator()(Worker& worker) const {
    forget_inherited_output();
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) send(worker, run(worker, item));
      flush_open_files(true);
    }
  }

 private:
  struct Answer {
    unsigned kind;
    std::string bytes;
  };

  Answer run(Worker& worker, std::uint32_t item) const {
    if (timeout_.count() > 0) worker.start_timer(timeout_.count());
    Answer answer = call(item);
    end_if_forked();
    worker.stop_timer();
    return answer;
  }

  Answer call(std::uint32_t item) const {
    try {
      return {value_kind, function_(item)};
    } catch (const std::exception& error) {
      return {exception_kind, error.what()};
    } catch (...) {
      return {exception_kind, "an exception that is not a std::exception"};
    }
  }

  /// A process that the function has forked has come to its end here, and isn't the worker.
  static void end_if_forked() {
    if (!is_sealed_worker()) end_process(EXIT_FAILURE);
  }

  static void send(Worker& worker, const Answer& answer) {
    worker.await_room();
    worker.put(answer.bytes.data(), answer.bytes.size());
    worker.finish(answer.kind);
  }

  Function function_;
  std::chrono::nanoseconds timeout_;
};

}  // namespace lomp

#endif
