/// \file
/// Keeps the package's code where it is.
#ifndef LOMP_SRC_R_PIN_LIBRARY_H
#define LOMP_SRC_R_PIN_LIBRARY_H

#include <dlfcn.h>

namespace lomp {

/// Some vectors outlive the package's namespace, and R calls functions of ours for them: at the
/// latest when they are garbage. A thread may wait for a child that doesn't end. So the code stays,
/// also if R unloads the library.
inline void pin_library() {
  static const bool is_pinned = [] {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(pin_library), &info) == 0) return false;
    return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
  }();
  (void)is_pinned;
}

}  // namespace lomp

#endif
