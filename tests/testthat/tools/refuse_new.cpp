// Lets an allocation of C++ code fail, for LD_PRELOAD: .C("refuse_new", n) is for the n-th one from
// now on in this process, 0 for none; .C("refuse_new_left", 0L) tells how many were still to come.
#include <unistd.h>

#include <cstdlib>
#include <new>

namespace {

int left = 0;
pid_t owner = 0;  // a forked process isn't meant

bool is_refused() { return left > 0 && getpid() == owner && --left == 0; }

}  // namespace

extern "C" void refuse_new(int* nth) {
  left = *nth;
  owner = getpid();
}

extern "C" void refuse_new_left(int* count) {
  *count = left;
  left = 0;
}

void* operator new(std::size_t bytes) {
  void* memory = is_refused() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
