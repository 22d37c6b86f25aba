/// \file
/// Reaps children that take long to end, while their parent goes on.
#ifndef LOMP_REAPER_HPP
#define LOMP_REAPER_HPP

#include <atomic>
#include <list>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "child.hpp"

namespace lomp {

/// The kernel takes as long to end a process as it took to fork it: tens of milliseconds a
/// gigabyte. Children are waited for by threads, one for those that come together, which do nothing
/// else: they block all signals, allocate nothing and hold no lock, so that the host may fork at
/// any time. A child is adopted when it has been killed or is about to exit. The destructor waits
/// for all of them.
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

  /// Takes the children over and closes their descriptors; if there is no thread to be had, the
  /// caller keeps them.
  void adopt(std::vector<Child>& children) {
    leave_inherited();
    forget_reaped();
    if (children.empty()) return;
    try {
      watches_.push_back(std::make_unique<Watch>());
      begin(*watches_.back(), children);
    } catch (const std::exception&) {
      if (!watches_.empty() && !watches_.back()->thread.joinable()) watches_.pop_back();
    }
  }

  /// The children that have been adopted, but for those that came together and are all reaped.
  std::size_t size() {
    leave_inherited();
    forget_reaped();
    return std::accumulate(
        watches_.begin(), watches_.end(), std::size_t{0},
        [](std::size_t sum, const Place& watch) { return sum + watch->children.size(); });
  }

 private:
  struct Watch {
    std::vector<Child> children;
    std::atomic<bool> is_over{false};
    std::thread thread;
  };
  using Place = std::unique_ptr<Watch>;

  /// The thread sees the children only after they have their own place.
  static void begin(Watch& watch, std::vector<Child>& children) {
    const SignalBlock block;
    watch.children.swap(children);
    for (Child& child : watch.children) child.close_pidfd();
    try {
      watch.thread = std::thread([&watch] {
        for (Child& child : watch.children) child.wait();
        watch.is_over = true;
      });
    } catch (...) {
      watch.children.swap(children);
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
