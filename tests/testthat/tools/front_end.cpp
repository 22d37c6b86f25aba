// A front end around R as RStudio is one, for tests of what a forked worker does in it:
//
//   front_end [--own-signals] [--polled] [--lock=PERCENT] [--threads=N] SCRIPT
//
// --own-signals: R installs no signal handlers. --polled: R calls back for events, every 10 ms.
// --lock: another thread holds the console's lock for so much of the time. --threads: so many
// others allocate memory all the time. R reads its input from the script, as from a console.
//
// Whatever a forked child does with the front end is told on standard error: "[child: ...]".
#define R_INTERFACE_PTRS
#include <R_ext/eventloop.h>
#include <Rembedded.h>
#include <Rinterface.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

extern "C" {
void run_Rmainloop(void);
extern int R_running_as_main_program;
extern int R_SignalHandlers;
}

namespace {

struct Options {
  bool own_signals = false;
  bool polled = false;
  int lock_percent = 0;
  int threads = 0;
  const char* script = nullptr;
};

std::mutex console_lock;
pid_t session;
FILE* input;
void (*standard_cleanup)(SA_TYPE, int, int);

// Tells of a child that came here, without a lock.
void tell_child(const char* what) {
  if (getpid() == session) return;
  const std::string line = std::string("[child: ") + what + "]\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) _exit(9);
}

// ---- What R calls ------------------------------------------------------------------------------

void write_console(const char* text, int length, int is_error) {
  tell_child("writes to the console");
  const std::lock_guard<std::mutex> hold(console_lock);
  if (write(is_error ? STDERR_FILENO : STDOUT_FILENO, text, static_cast<size_t>(length)) < 0)
    return;
}

int read_console(const char*, unsigned char* line, int length, int) {
  tell_child("reads the console");
  const std::lock_guard<std::mutex> hold(console_lock);
  return std::fgets(reinterpret_cast<char*>(line), length, input) != nullptr;
}

int choose_file(int, char* name, int length) {
  tell_child("opens a window");
  return std::snprintf(name, static_cast<size_t>(length), "chosen");
}

void touch_console() {
  tell_child("touches the console");
  const std::lock_guard<std::mutex> hold(console_lock);
}

void note_busy(int) { touch_console(); }

void show_message(const char* text) {
  tell_child("shows a message");
  std::fprintf(stderr, "%s\n", text);
}

void clean_up(SA_TYPE save, int status, int run_last) {
  tell_child("cleans up");
  standard_cleanup(save, status, run_last);
}

void commit_suicide(const char* message) {
  tell_child("ends R");
  std::fprintf(stderr, "%s\n", message);
  _exit(3);
}

void handle_events() {
  tell_child("handles events");
  const std::lock_guard<std::mutex> hold(console_lock);
}

void set_callbacks(bool polled) {
  R_Interactive = TRUE;
  R_Consolefile = nullptr;
  R_Outputfile = nullptr;
  ptr_R_WriteConsole = nullptr;
  ptr_R_WriteConsoleEx = write_console;
  ptr_R_ReadConsole = read_console;
  ptr_R_ChooseFile = choose_file;
  ptr_R_ResetConsole = touch_console;
  ptr_R_FlushConsole = touch_console;
  ptr_R_ClearerrConsole = touch_console;
  ptr_R_Busy = note_busy;
  ptr_R_ShowMessage = show_message;
  standard_cleanup = ptr_R_CleanUp;
  ptr_R_CleanUp = clean_up;
  ptr_R_Suicide = commit_suicide;
  if (!polled) return;
  R_PolledEvents = handle_events;
  R_wait_usec = 10000;
}

// ---- Other threads -----------------------------------------------------------------------------

// In turns of 10 ms.
void hold_lock(int percent) {
  for (;;) {
    {
      const std::lock_guard<std::mutex> hold(console_lock);
      usleep(static_cast<useconds_t>(percent) * 100);
    }
    usleep(static_cast<useconds_t>(100 - percent) * 100);
  }
}

void allocate_for_ever() {
  for (;;) {
    std::vector<std::string> blocks;
    for (size_t i = 0; i < 2000; ++i) blocks.emplace_back(50 + i % 3000, 'x');
    usleep(1000);
  }
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--own-signals") {
      options.own_signals = true;
    } else if (argument == "--polled") {
      options.polled = true;
    } else if (argument.rfind("--lock=", 0) == 0) {
      options.lock_percent = std::atoi(argument.c_str() + 7);
    } else if (argument.rfind("--threads=", 0) == 0) {
      options.threads = std::atoi(argument.c_str() + 10);
    } else {
      options.script = arguments[i];
    }
  }
  return options;
}

void start_threads(const Options& options) {
  if (options.lock_percent > 0) std::thread(hold_lock, options.lock_percent).detach();
  for (int i = 0; i < options.threads; ++i) std::thread(allocate_for_ever).detach();
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = parse(count, arguments);
  session = getpid();
  input = options.script == nullptr ? nullptr : std::fopen(options.script, "r");
  if (input == nullptr) return 2;
  if (options.own_signals) {
    R_SignalHandlers = 0;
    signal(SIGPIPE, SIG_IGN);
  }
  setenv("RSTUDIO", "1", 1);
  R_running_as_main_program = 1;
  const char* r_arguments[] = {"front_end", "--interactive", "--vanilla", "--no-echo"};
  Rf_initialize_R(4, const_cast<char**>(r_arguments));
  set_callbacks(options.polled);
  start_threads(options);
  setup_Rmainloop();
  run_Rmainloop();
  return 0;
}
