// Faults that code in a worker may have, and a few looks at the process, for dyn.load() and .C().
#define _GNU_SOURCE
#include <R.h>
#include <R_ext/eventloop.h>
#include <Rinternals.h>
#include <alloca.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- Ways to die -------------------------------------------------------------------------------

void fault_segv(void) {
  volatile int* nowhere = (int*)8;
  *nowhere = 1;
}

// A mapping that is longer than its file.
void fault_bus(void) {
  FILE* file = tmpfile();
  volatile char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  page[0] = 1;
}

void fault_abort(void) { abort(); }

// Through a variable, because the compiler warns of what it can see.
void fault_fpe(void) {
  volatile int zero = 0;
  volatile int result = 7 / zero;
  (void)result;
}

void fault_exit(int* status) { exit(*status); }

void fault_exit_now(int* status) { _exit(*status); }

// Closes all descriptors from a number on.
void fault_close_from(int* first) {
  for (int fd = *first; fd < 4096; ++fd) close(fd);
}

static int is_pipe(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

// Writes rubbish to those of some descriptors that are pipes, as a stray write would.
void fault_scribble(int* fds, int* count, int* bytes) {
  char rubbish[4096];
  memset(rubbish, 'x', sizeof rubbish);
  for (int i = 0; i < *count; ++i) {
    if (is_pipe(fds[i]) && write(fds[i], rubbish, (size_t)*bytes) < 0) continue;
  }
}

// Forks a process that holds all descriptors for a minute; in a session of its own if asked.
void fault_leave_behind(int* new_session, int* pid) {
  *pid = fork();
  if (*pid != 0) return;
  if (*new_session) setsid();
  signal(SIGALRM, SIG_DFL);
  alarm(60);
  for (;;) pause();
}

void fault_spin(void) {
  for (volatile int go = 1; go;) continue;
}

// Lets any process of the user's hold this one, where that is restricted.
void allow_debuggers(void) {
#ifdef PR_SET_PTRACER
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
#endif
}

#ifdef __linux__
static atomic_int thread_apart = 0;

static void* stay_apart(void* nothing) {
  unshare(CLONE_FILES);
  for (int fd = 0; fd < 4096; ++fd) close(fd);
  atomic_store(&thread_apart, (int)syscall(SYS_gettid));
  for (;;) pause();
  return nothing;
}
#endif

// Starts a thread that has descriptors of its own, none, and never ends by itself. A debugger may
// hold it when its process dies, whose own descriptors are closed then.
void start_thread_apart(int* number) {
#ifdef __linux__
  pthread_t thread;
  if (pthread_create(&thread, NULL, stay_apart, NULL) != 0) error("no thread");
  while (atomic_load(&thread_apart) == 0) usleep(1000);
  *number = atomic_load(&thread_apart);
#endif
}

// Goes on for ever with no room on the stack for anything more, a signal's handler least of all.
void fault_spin_deep(void) {
  pthread_attr_t attributes;
  void* lowest;
  size_t bytes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &lowest, &bytes);
  pthread_attr_destroy(&attributes);
  char here;
  const size_t left = (size_t)(&here - (char*)lowest);
  volatile char* deep = alloca(left - 1500);
  deep[0] = 1;
  for (volatile int go = 1; go;) continue;
}

// A thread that reads commands from a pipe, of which none ever comes: it holds the lock of its
// stream all the time. Such a stream for output, too, is held by another one.
static FILE* commands;

static void* read_commands(void* unused) {
  fgetc(commands);
  return unused;
}

void read_in_a_thread(int* is_reading) {
  int ends[2];
  pthread_t thread;
  if (pipe(ends) != 0) error("no pipe");
  commands = fdopen(ends[0], "r");
  if (pthread_create(&thread, NULL, read_commands, NULL) != 0) error("no thread");
  pthread_detach(thread);
  while (ftrylockfile(commands) == 0) funlockfile(commands);
  *is_reading = 1;
}

// A stream of compiled code's own.
static FILE* log_file;

void open_log(char** path) { log_file = fopen(path[0], "a"); }

void write_log(char** line) { fprintf(log_file, "%s\n", line[0]); }

void close_log(void) { fclose(log_file); }

static void* hold_log(void* unused) {
  flockfile(log_file);
  for (;;) pause();
  return unused;
}

void hold_log_in_a_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, hold_log, NULL) != 0) error("no thread");
  pthread_detach(thread);
  while (ftrylockfile(log_file) == 0) funlockfile(log_file);
}

// ---- Children that die at once -----------------------------------------------------------------

// How many of the next children are killed in their first instruction. The count is shared with
// them, since it is they who use it up.
static atomic_int* doomed = NULL;

static void die_if_doomed(void) {
  if (atomic_load(doomed) > 0) {
    atomic_fetch_sub(doomed, 1);
    kill(getpid(), SIGKILL);
  }
}

void doom_children(int* count) {
  if (doomed == NULL) {
    doomed = mmap(NULL, sizeof *doomed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_atfork(NULL, NULL, die_if_doomed);
  }
  atomic_store(doomed, *count);
}

// ---- Signals -----------------------------------------------------------------------------------

void block_signal(int* signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, *signal);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

void ignore_signal(int* number) { signal(*number, SIG_IGN); }

// The signals from 1 to 31 that are blocked.
void blocked_signals(int* out) {
  sigset_t set;
  sigprocmask(SIG_BLOCK, NULL, &set);
  for (int i = 1; i < 32; ++i) out[i - 1] = sigismember(&set, i) == 1;
}

void print_line(int* number) { printf("compiled %d\n", *number); }

void parent_pid(int* pid) { *pid = getppid(); }

// ---- Limits and descriptors --------------------------------------------------------------------

static void limit(int what, rlim_t soft) {
  struct rlimit now;
  getrlimit(what, &now);
  now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
  setrlimit(what, &now);
}

void limit_files(int* count) { limit(RLIMIT_NOFILE, (rlim_t)*count); }

void limit_processes(int* count) { limit(RLIMIT_NPROC, (rlim_t)*count); }

void close_file(int* number) { close(*number); }

// Opens so many descriptors; how many it got.
void open_many(int* count) {
  int opened = 0;
  while (opened < *count && open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) ++opened;
  *count = opened;
}

// ---- A gate ----------------------------------------------------------------------------------

static int gate[2];

// Before a fork: a place where processes wait without a stir.
void build_gate(void) {
  if (pipe(gate) != 0) error("no pipe");
}

void wait_at_gate(void) {
  char byte;
  if (read(gate[0], &byte, 1) != 1) error("can't read");
}

// Lets so many pass.
void open_gate(int* count) {
  for (int i = 0; i < *count; ++i) {
    if (write(gate[1], "o", 1) != 1) error("can't write");
  }
}

// ---- Output ------------------------------------------------------------------------------------

// Output of C code, which stays in the buffer of stdout for a while.
void print_from_c(int* lines) {
  for (int i = 0; i < *lines; ++i) printf("a line from C\n");
}

// ---- Input handlers ----------------------------------------------------------------------------

static int event_pipe[2];
static int events_handled = 0;

static void handle_event(void* data) {
  char byte;
  if (read(event_pipe[0], &byte, 1) == 1) ++events_handled;
}

// A pipe as event source, like that of later, httpuv or a graphics device.
void watch_events(void) {
  if (pipe(event_pipe) == 0) {
    addInputHandler(R_InputHandlers, event_pipe[0], handle_event, 77);
  }
}

void send_event(void) {
  if (write(event_pipe[1], "e", 1) < 0) error("can't write");
}

void count_events(int* count) { *count = events_handled; }
