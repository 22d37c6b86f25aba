/// \file
/// Reaps children that take long to end, while their parent goes on.
#ifndef LOMP_REAPER_HPP
#define LOMP_REAPER_HPP

#include <atomic>
#include <list>
#include <memory>
#include <thread>

#include "child.hpp"

namespace lomp {

/// The kernel takes as long to end a process as it took to fork it: tens of milliseconds a
/// gigabyte. Such children are waited for by threads, one a child, which do nothing else: they
/// block all signals, allocate nothing and hold no lock, so that the host may fork at any time. A
/// child is adopted when it has been killed or is about to exit. The destructor waits for all of
/// them.
///
/// Used by one thread at a time. A forked process inherits no thread: what it finds here is its
/// parent's, and is left alone.
class Reaper {
 public:
  Reaper() = default;
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  ~Reaper() {
    leave_inherited();
    for (Place& watch : watches_) watch->thread.join();
  }

  /// Takes the child over; if there is no thread to be had, the caller keeps it.
  void adopt(Child& child) {
    leave_inherited();
    forget_reaped();
    try {
      watches_.push_back(std::make_unique<Watch>());
      begin(*watches_.back(), child);
    } catch (const std::exception&) {
      if (!watches_.empty() && !watches_.back()->thread.joinable()) watches_.pop_back();
    }
  }

  /// The children that have been adopted and not been reaped yet.
  std::size_t size() {
    leave_inherited();
    forget_reaped();
    return watches_.size();
  }

 private:
  struct Watch {
    Child child;
    std::atomic<bool> is_over{false};
    std::thread thread;
  };
  using Place = std::unique_ptr<Watch>;

  /// The thread sees the child only after it has its own place.
  static void begin(Watch& watch, Child& child) {
    const SignalBlock block;
    watch.child = std::move(child);
    try {
      watch.thread = std::thread([&watch] {
        watch.child.wait();
        watch.is_over = true;
      });
    } catch (...) {
      child = std::move(watch.child);
      throw;
    }
  }

  void forget_reaped() {
    watches_.remove_if([](Place& watch) {
      if (!watch->is_over) return false;
      watch->thread.join();
      return true;
    });
  }

  void leave_inherited() {
    if (::getpid() == owner_) return;
    for (Place& watch : watches_) (void)watch.release();
    watches_.clear();
    owner_ = ::getpid();
  }

  pid_t owner_ = ::getpid();
  std::list<Place> watches_;
};

}  // namespace lomp

#endif
