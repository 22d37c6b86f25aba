/// \file
/// Files of /proc and /sys that a test makes up.
#ifndef LOMP_TESTS_TREE_HPP
#define LOMP_TESTS_TREE_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace lomp_test {

/// A tree of files as the kernel shows them, in a folder that is removed with its owner.
class Tree {
 public:
  Tree() {
    char name[] = "/tmp/lomp-tree-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~Tree() {
    // Deepest first: what was made last lies in what was made before.
    while (!made_.empty()) {
      std::remove(made_.back().c_str());
      made_.pop_back();
    }
    ::rmdir(root_.c_str());
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  const std::string& root() const { return root_; }

  Tree& file(const std::string& path, const std::string& content) {
    make_folders(path);
    std::ofstream(root_ + path) << content;
    made_.push_back(root_ + path);
    return *this;
  }

  /// The line or lines of /proc/self/cgroup.
  Tree& groups(const std::string& lines) { return file("/proc/self/cgroup", lines); }

  /// A file of a group's; in version 1 the controller's name comes first.
  Tree& group_file(const std::string& group, const std::string& name, const std::string& content) {
    return file("/sys/fs/cgroup" + group + "/" + name, content);
  }

  /// A version 2 group's file.
  Tree& cpu_max(const std::string& group, const std::string& content) {
    return group_file(group, "cpu.max", content);
  }

  /// A version 1 group's two files.
  Tree& cfs(const std::string& group, const std::string& quota, const std::string& period) {
    return group_file(group, "cpu.cfs_quota_us", quota)
        .group_file(group, "cpu.cfs_period_us", period);
  }

 private:
  void make_folders(const std::string& path) {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
      const std::string folder = root_ + path.substr(0, at);
      if (::mkdir(folder.c_str(), 0700) == 0) made_.push_back(folder);
    }
  }

  std::string root_;
  std::vector<std::string> made_;
};

/// An answer for Kernel::open that opens a tree's files instead of the system's.
inline auto opening(const Tree& tree) {
  return
      [&tree](const char* path, int flags) { return ::open((tree.root() + path).c_str(), flags); };
}

}  // namespace lomp_test

#endif
