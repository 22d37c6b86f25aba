#include "worker/seal_r.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "lomp/worker/seal.hpp"
#if LOMP_LINUX
#include <link.h>
#endif

namespace lomp {

namespace {

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

bool (*write_output)(const char*, int) = nullptr;

// Straight to the descriptor: the front end's console may be behind a lock that another thread held
// at the fork, and whose owner doesn't exist here.
void write_console(const char* text, int length, int is_error) {
  if (!is_error && write_output != nullptr && write_output(text, length)) return;
  write_fully(is_error ? STDERR_FILENO : STDOUT_FILENO, text, length);
}

void show_message(const char* text) {
  write_fully(STDERR_FILENO, text, static_cast<int>(std::strlen(text)));
  write_fully(STDERR_FILENO, "\n", 1);
}

// The line is empty for those, too, who look at it without asking whether there is one.
int read_nothing(const char*, unsigned char* line, int length, int) {
  if (length > 0) line[0] = '\0';
  return 0;
}

// As where the user has cancelled: a front end would open its window for this process.
int choose_nothing(int, char* name, int length) {
  if (length > 0) name[0] = '\0';
  return 0;
}

// quit() in an item, or R's own decision to end: the session's files and finalizers are the
// parent's.
void clean_up(int, int status, int) {
  leave(ExitReason::quit, status == 0 ? EXIT_SUCCESS : status);
}

[[noreturn]] void commit_suicide(const char* message) {
  show_message(message);
  crash();
}

// A variable of R's, looked up once.
template <class Value>
class Variable {
 public:
  explicit Variable(const char* name) : at_(static_cast<Value*>(dlsym(RTLD_DEFAULT, name))) {}
  void operator=(Value value) const {
    if (at_ != nullptr) *at_ = value;
  }

 private:
  Value* at_;
};

struct Variables {
  Variable<void (*)(const char*, int)> write_console{"ptr_R_WriteConsole"};
  Variable<void (*)(const char*, int, int)> write_console_ex{"ptr_R_WriteConsoleEx"};
  Variable<int (*)(const char*, unsigned char*, int, int)> read_console{"ptr_R_ReadConsole"};
  Variable<int (*)(int, char*, int)> choose_file{"ptr_R_ChooseFile"};
  Variable<void (*)()> reset_console{"ptr_R_ResetConsole"};
  Variable<void (*)()> flush_console{"ptr_R_FlushConsole"};
  Variable<void (*)()> clear_error_console{"ptr_R_ClearerrConsole"};
  Variable<void (*)(int)> busy{"ptr_R_Busy"};
  Variable<void (*)(const char*)> show_message{"ptr_R_ShowMessage"};
  Variable<void (*)(int, int, int)> clean_up{"ptr_R_CleanUp"};
  Variable<void (*)(const char*)> suicide{"ptr_R_Suicide"};
  Variable<void (*)()> process_events{"ptr_R_ProcessEvents"};
  Variable<void (*)()> polled_events{"R_PolledEvents"};
  Variable<void*> input_handlers{"R_InputHandlers"};
  Variable<void*> output_file{"R_Outputfile"};
  Variable<void*> console_file{"R_Consolefile"};
  Variable<int> wait_microseconds{"R_wait_usec"};
  Variable<int> interactive{"R_Interactive"};
  Variable<int> is_forked_child{"R_isForkedChild"};
  Variable<int> interrupts_pending{"R_interrupts_pending"};
};

const Variables& variables() {
  static const Variables found;
  return found;
}

void replace_console(const Variables& r) {
  r.write_console = nullptr;
  r.write_console_ex = write_console;
  r.read_console = read_nothing;
  r.choose_file = choose_nothing;
  r.reset_console = ignore;
  r.flush_console = ignore;
  r.clear_error_console = ignore;
  r.busy = ignore_busy;
  r.show_message = show_message;
  r.output_file = nullptr;
  r.console_file = nullptr;
}

// Events that arrive belong to the parent: a handler that ran here would take them from it.
void drop_event_handlers(const Variables& r) {
  r.process_events = nullptr;
  r.polled_events = ignore;
  r.input_handlers = nullptr;
  r.wait_microseconds = 0;
}

#if LOMP_LINUX
using Changes = unsigned long long;

// How often libraries have been loaded and unloaded in this process.
Changes library_changes() {
  Changes changes = 0;
  const auto read = [](dl_phdr_info* info, size_t, void* to) {
    *static_cast<Changes*>(to) = info->dlpi_adds + info->dlpi_subs;
    return 1;
  };
  dl_iterate_phdr(read, &changes);
  return changes;
}

bool libraries_have_changed() {
  static Changes known = 0;
  const Changes now = library_changes();
  return std::exchange(known, now) != now;
}
#else
bool libraries_have_changed() { return true; }
#endif

// A library that computes with threads of its own, and what governs them.
struct ThreadLibrary {
  const char* file;
  const char* setter;
  void (*set)(int);   // the number of threads
  int (*pause)(int);  // OpenMP alone: ends the threads until they are needed again
};

#if defined(__APPLE__)
// Nothing of OpenMP is called in a worker there: others have met hangs by that after a fork.
constexpr bool sets_openmp_in_worker = false;

ThreadLibrary thread_libraries[] = {
    {"libomp.dylib", "omp_set_num_threads", nullptr, nullptr},
    {"libgomp.1.dylib", "omp_set_num_threads", nullptr, nullptr},
    {"libiomp5.dylib", "omp_set_num_threads", nullptr, nullptr},
    {"libopenblas.0.dylib", "openblas_set_num_threads", nullptr, nullptr},
    {"libopenblas.dylib", "openblas_set_num_threads", nullptr, nullptr},
    {"libRblas.dylib", "openblas_set_num_threads", nullptr, nullptr},
    {"libmkl_rt.dylib", "MKL_Set_Num_Threads", nullptr, nullptr}};
#else
constexpr bool sets_openmp_in_worker = true;

ThreadLibrary thread_libraries[] = {
    {"libgomp.so.1", "omp_set_num_threads", nullptr, nullptr},
    {"libomp.so.5", "omp_set_num_threads", nullptr, nullptr},
    {"libiomp5.so", "omp_set_num_threads", nullptr, nullptr},
    {"libopenblas.so.0", "openblas_set_num_threads", nullptr, nullptr},
    {"libblas.so.3", "openblas_set_num_threads", nullptr, nullptr},
    {"libmkl_rt.so", "MKL_Set_Num_Threads", nullptr, nullptr}};
#endif

// OpenMP makes what it keeps of a thread's settings when one is first set. Set to what it is, it is
// made here, instead of in each worker.
void make_settings(const ThreadLibrary& library, void* handle) {
  const auto threads = reinterpret_cast<int (*)()>(dlsym(handle, "omp_get_max_threads"));
  if (library.pause != nullptr && threads != nullptr) library.set(threads());
}

// Its functions, if the library is loaded. Packages load theirs privately, so it is asked for by
// its file's name.
void look_up(ThreadLibrary& library) {
  library.set = nullptr;
  library.pause = nullptr;
  void* handle = dlopen(library.file, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return;
  library.set = reinterpret_cast<void (*)(int)>(dlsym(handle, library.setter));
  library.pause = reinterpret_cast<int (*)(int)>(dlsym(handle, "omp_pause_resource_all"));
  if (library.set != nullptr) make_settings(library, handle);
  dlclose(handle);
}

// To look for libraries that aren't there means to search folders, so it isn't done for nothing.
void find_thread_libraries() {
  if (!libraries_have_changed()) return;
  for (ThreadLibrary& library : thread_libraries) look_up(library);
}

void rest_openmp() {
  constexpr int hard = 2;  // omp_pause_hard
  for (const ThreadLibrary& library : thread_libraries) {
    if (library.pause != nullptr) library.pause(hard);
  }
}

}  // namespace

void prepare_seal() {
  (void)variables();
  find_thread_libraries();
  rest_openmp();
}

void seal_r() {
  const Variables& r = variables();
  write_output = nullptr;  // a worker's own, if that has forked this one
  replace_console(r);
  r.clean_up = clean_up;
  r.suicide = commit_suicide;
  drop_event_handlers(r);
  r.interactive = 0;
  r.is_forked_child = 1;
  r.interrupts_pending = 0;
}

void write_output_by(bool (*write)(const char* text, int length)) { write_output = write; }

void use_one_thread() {
  for (const ThreadLibrary& library : thread_libraries) {
    const bool is_openmp = std::strncmp(library.setter, "omp_", 4) == 0;
    if (library.set != nullptr && (sets_openmp_in_worker || !is_openmp)) library.set(1);
  }
}

}  // namespace lomp
