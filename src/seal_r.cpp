#include "seal_r.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lomp/seal.hpp"

namespace lomp {

namespace {

void* find(const char* name) { return dlsym(RTLD_DEFAULT, name); }

void ignore() {}
void ignore_busy(int) {}

void write_fully(int fd, const char* text, int length) {
  while (length > 0) {
    const ssize_t n = retry_eintr([&] { return ::write(fd, text, static_cast<size_t>(length)); });
    if (n <= 0) return;
    text += n;
    length -= static_cast<int>(n);
  }
}

// Straight to the descriptor: the front end's console may be behind a lock that another thread held
// at the fork, and whose owner doesn't exist here.
void write_console(const char* text, int length, int is_error) {
  write_fully(is_error ? STDERR_FILENO : STDOUT_FILENO, text, length);
}

void show_message(const char* text) { std::fprintf(stderr, "%s\n", text); }

int read_nothing(const char*, unsigned char*, int, int) { return 0; }

// quit() in an item, or R's own decision to end: the session's files and finalizers are the
// parent's.
void clean_up(int, int status, int) { leave(ExitNote::quit, status == 0 ? EXIT_SUCCESS : status); }

void commit_suicide(const char* message) {
  show_message(message);
  std::abort();
}

template <class Value>
void set(const char* name, Value value) {
  if (void* variable = find(name)) *static_cast<Value*>(variable) = value;
}

void replace_console() {
  set<void (*)(const char*, int)>("ptr_R_WriteConsole", nullptr);
  set<void (*)(const char*, int, int)>("ptr_R_WriteConsoleEx", write_console);
  set<int (*)(const char*, unsigned char*, int, int)>("ptr_R_ReadConsole", read_nothing);
  set<void (*)()>("ptr_R_ResetConsole", ignore);
  set<void (*)()>("ptr_R_FlushConsole", ignore);
  set<void (*)()>("ptr_R_ClearerrConsole", ignore);
  set<void (*)(int)>("ptr_R_Busy", ignore_busy);
  set<void (*)(const char*)>("ptr_R_ShowMessage", show_message);
  set<void*>("R_Outputfile", nullptr);
  set<void*>("R_Consolefile", nullptr);
}

void replace_ends() {
  set<void (*)(int, int, int)>("ptr_R_CleanUp", clean_up);
  set<void (*)(const char*)>("ptr_R_Suicide", commit_suicide);
}

// Events that arrive belong to the parent: a handler that ran here would take them from it.
void drop_event_handlers() {
  set<void (*)()>("ptr_R_ProcessEvents", nullptr);
  set<void (*)()>("R_PolledEvents", ignore);
  set<void*>("R_InputHandlers", nullptr);
  set<int>("R_wait_usec", 0);
}

// Calls a function of a library if that library is loaded. Packages load theirs privately, so it is
// asked for by its file's name.
template <class Function, class... Arguments>
void call_if_loaded(const char* library, const char* name, Arguments... arguments) {
  void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return;
  if (void* function = dlsym(handle, name)) reinterpret_cast<Function>(function)(arguments...);
  dlclose(handle);
}

constexpr const char* openmp_libraries[] = {"libgomp.so.1", "libomp.so.5", "libomp.so",
                                            "libiomp5.so"};

}  // namespace

void seal_r() {
  replace_console();
  replace_ends();
  drop_event_handlers();
  set<int>("R_Interactive", 0);
  set<int>("R_isForkedChild", 1);
  set<int>("R_interrupts_pending", 0);
}

void use_one_thread() {
  for (const char* library : openmp_libraries) {
    call_if_loaded<void (*)(int)>(library, "omp_set_num_threads", 1);
  }
  call_if_loaded<void (*)(int)>("libopenblas.so.0", "openblas_set_num_threads", 1);
  call_if_loaded<void (*)(int)>("libblas.so.3", "openblas_set_num_threads", 1);
  call_if_loaded<void (*)(int)>("libmkl_rt.so", "MKL_Set_Num_Threads", 1);
}

void rest_openmp() {
#if LOMP_LINUX
  constexpr int hard = 2;  // omp_pause_hard
  for (const char* library : openmp_libraries) {
    call_if_loaded<int (*)(int)>(library, "omp_pause_resource_all", hard);
  }
#endif
}

}  // namespace lomp
