// Side: parent.
/// \file
/// Reaps children that take long to end, while their parent goes on.
#ifndef LOMP_PROCESS_REAPER_HPP
#define LOMP_PROCESS_REAPER_HPP

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "lomp/process/child.hpp"

namespace lomp {

/// The kernel takes as long to end a process as it took to fork it: tens of milliseconds a
/// gigabyte; and one that is held by the system or by a debugger ends when that lets go. Children
/// are waited for by threads, one for those that come together, which do nothing else: they block
/// all signals, allocate nothing and hold no lock that a forked process could miss, so that the
/// host may fork at any time. A child is adopted when it has been killed or is about to exit.
///
/// The destructor waits for all of them, but for no more than `end_patience_ms`. What is left then
/// goes on in its thread, which owns all that it touches; its code must stay where it is until the
/// process ends.
///
/// Used by one thread at a time. A forked process inherits no thread: what it finds here is its
/// parent's, and is left alone.
class Reaper {
 public:
  static constexpr int end_patience_ms = 800;

  Reaper() = default;
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  ~Reaper() {
    leave_inherited();
    const Time deadline = Clock::now() + std::chrono::milliseconds(end_patience_ms);
    for (Place& watch : watches_) {
      if (watch->over.wait_until(deadline) == std::future_status::ready) {
        watch->thread.join();
      } else {
        watch->thread.detach();
      }
    }
    reap_by(deadline, unwatched_);
    for (Child& child : unwatched_) child.disown();
  }

  /// Takes the children over and closes their descriptors. If there is no thread to be had, it
  /// waits for them a little, and then looks for the ends of the others each time it is used. If
  /// there is no memory either, the caller keeps them.
  void adopt(std::vector<Child>& children) {
    prepare(children);
    if (children.empty()) return;
    try {
      watch(children);
    } catch (const std::exception&) {
      keep(children);
    }
  }

  /// The same with a thread for each, so that none waits for another one's end: for children of
  /// which some may be held.
  void adopt_each(std::vector<Child>& children) {
    prepare(children);
    try {
      std::vector<Child> one;
      while (!children.empty()) {
        one.resize(1);
        one.front() = std::move(children.back());
        children.pop_back();
        watch_or_return(one, children);
      }
    } catch (const std::exception&) {
      keep(children);
    }
  }

  /// The children that have been adopted, but for those that came together and are all reaped.
  std::size_t size() {
    leave_inherited();
    forget_reaped();
    return std::accumulate(watches_.begin(), watches_.end(), unwatched_.size(),
                           [](std::size_t sum, const Place& watch) { return sum + watch->count; });
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  /// What a thread touches: it owns it, too.
  struct Wards {
    std::vector<Child> children;
    std::promise<void> over;
  };

  struct Watch {
    std::size_t count = 0;
    std::future<void> over;
    std::thread thread;
  };
  using Place = std::unique_ptr<Watch>;

  void prepare(std::vector<Child>& children) {
    leave_inherited();
    forget_reaped();
    for (Child& child : children) child.close_pidfd();
  }

  /// If it throws, the child is where it was before; there is room for it.
  void watch_or_return(std::vector<Child>& one, std::vector<Child>& children) {
    try {
      watch(one);
    } catch (...) {
      children.push_back(std::move(one.front()));
      throw;
    }
  }

  void watch(std::vector<Child>& children) {
    const SignalBlock block;
    const auto wards = std::make_shared<Wards>();
    auto watch = std::make_unique<Watch>();
    watch->count = children.size();
    watch->over = wards->over.get_future();
    std::list<Place> place(1);
    wards->children.swap(children);
    try {
      watch->thread = std::thread([wards] {
        for (Child& child : wards->children) child.wait();
        wards->over.set_value();
      });
    } catch (...) {
      wards->children.swap(children);
      throw;
    }
    place.front() = std::move(watch);
    watches_.splice(watches_.end(), place);
  }

  void keep(std::vector<Child>& children) {
    reap_by(Clock::now() + std::chrono::milliseconds(end_patience_ms), children);
    try {
      unwatched_.reserve(unwatched_.size() + children.size());
    } catch (const std::bad_alloc&) {
      return;
    }
    std::move(children.begin(), children.end(), std::back_inserter(unwatched_));
    children.clear();
  }

  /// Reaps those that end in time; the others stay in `children`.
  static void reap_by(Time deadline, std::vector<Child>& children) {
    for (const Child& child : children) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      (void)child.ends_within(std::max(0, static_cast<int>(left.count())));
    }
    drop_reaped(children);
  }

  static void drop_reaped(std::vector<Child>& children) {
    for (Child& child : children) (void)child.reap();
    const auto is_reaped = [](const Child& child) { return child.pid() < 0; };
    children.erase(std::remove_if(children.begin(), children.end(), is_reaped), children.end());
  }

  void forget_reaped() {
    watches_.remove_if([](Place& watch) {
      if (watch->over.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
      watch->thread.join();
      return true;
    });
    drop_reaped(unwatched_);
  }

  void leave_inherited() {
    if (::getpid() == owner_) return;
    for (Place& watch : watches_) (void)watch.release();
    watches_.clear();
    for (Child& child : unwatched_) child.disown();
    unwatched_.clear();
    owner_ = ::getpid();
  }

  pid_t owner_ = ::getpid();
  std::list<Place> watches_;
  std::vector<Child> unwatched_;
};

}  // namespace lomp

#endif
