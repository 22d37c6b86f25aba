// What the soak needs and R doesn't have: a ledger that survives every death, a page that the
// watching process and the session share, signals from outside, and native faults. For dyn.load()
// and .C().
#define _GNU_SOURCE
#include <R.h>
#include <R_ext/Utils.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap(double seconds) {
  struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&t, NULL);
}

// Sys.sleep() lets interrupts through even where they are suspended.
void soak_nap(double* seconds) { nap(*seconds); }

// ---- The ledger --------------------------------------------------------------------------------

static char ledger_path[4096];

void ledger_open(char** path) {
  strncpy(ledger_path, path[0], sizeof ledger_path - 1);
  unlink(ledger_path);
}

// One line in one write. The file is opened each time, since an item may close what it likes.
void ledger_note(char** kind, int* item, int* part) {
  char line[96];
  int size = snprintf(line, sizeof line, "%s %d %d %d %.6f\n", kind[0], *item, *part, (int)getpid(),
                      now());
  int fd = open(ledger_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, line, (size_t)size) != size) abort();
  close(fd);
}

// ---- The page ----------------------------------------------------------------------------------

enum { kIdle, kCalling, kEnding };
enum { kMaxSends = 64, kMaxSent = 256, kCounters = 32 };

struct Send {
  double delay;
  int signal;
  int to_session;
  int pick;
};

struct Sent {
  int pid;
  int signal;
  int to_session;
  double time;
};

// The session writes what is to be sent and then the state; the watcher what it has sent, until it
// answers kEnding with kIdle.
struct Page {
  atomic_int session;
  atomic_int watcher;
  atomic_int state;
  atomic_int round;
  atomic_int finished;
  double began;
  int sends;
  struct Send send[kMaxSends];
  int sent;
  struct Sent log[kMaxSent];
  double counters[kCounters];
  double said;
  char doing[256];
};

static struct Page* page = NULL;

void page_open(char** path) {
  int fd = open(path[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof *page) != 0) error("can't make the page");
  page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) error("can't map the page");
}

void page_join(void) {
  page->state = kIdle;
  page->said = now();
  page->session = getpid();
}

void page_say(char** text) {
  strncpy(page->doing, text[0], sizeof page->doing - 1);
  page->said = now();
}

void page_doing(char** text) { text[0] = page->doing; }
void page_add(int* counter, double* by) { page->counters[*counter] += *by; }
void page_counters(double* out) { memcpy(out, page->counters, sizeof page->counters); }
void page_finish(void) { page->finished = 1; }

// The session's process, for how long it does what it said last, and whether all is done.
void page_state(int* pid, double* seconds, int* finished) {
  *pid = page->session;
  *seconds = *pid == 0 ? 0 : now() - page->said;
  *finished = page->finished;
}

void page_reset(void) {
  page->watcher = getpid();
  page->session = 0;
  page->state = kIdle;
}

void page_begin(int* count, double* delays, int* signals, int* to_session, int* picks) {
  page->sends = *count < kMaxSends ? *count : kMaxSends;
  for (int i = 0; i < page->sends; ++i) {
    page->send[i] = (struct Send){delays[i], signals[i], to_session[i], picks[i]};
  }
  page->sent = 0;
  page->began = now();
  page->round++;
  page->state = kCalling;
}

// No signal comes after this. A session whose watcher was ended ends, too. An interrupt that has
// come late is still pending then.
void page_end(int* count, int* pids, int* signals, int* to_session) {
  page->state = kEnding;
  while (page->state != kIdle) {
    if (kill(page->watcher, 0) != 0) exit(1);
    nap(2e-4);
  }
  *count = page->sent;
  for (int i = 0; i < page->sent; ++i) {
    pids[i] = page->log[i].pid;
    signals[i] = page->log[i].signal;
    to_session[i] = page->log[i].to_session;
  }
}

// From here a pending interrupt goes to whoever waits for it.
void meet_interrupt(void) { R_CheckUserInterrupt(); }

// What malloc has given out and hasn't got back; 0 where it can't be asked.
void bytes_in_use(double* bytes) {
#ifdef __GLIBC__
  struct mallinfo2 info = mallinfo2();
  *bytes = (double)(info.uordblks + info.hblkhd);
#else
  *bytes = 0;
#endif
}

// ---- Signals from outside ----------------------------------------------------------------------

struct Stopped {
  int pid;
  double until;
};

static struct Stopped stopped[kMaxSends];
static int stopped_count = 0;
static int round_seen = 0;
static int next_send = 0;

// The session's children that aren't dead yet, one of them.
static int pick_child(int session, int pick) {
  char path[64], text[4096];
  int pids[512], count = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", session, session);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  char* at = text;
  for (int used, pid; count < 512 && sscanf(at, "%d%n", &pid, &used) == 1; at += used) {
    pids[count++] = pid;
  }
  return count == 0 ? 0 : pids[pick % count];
}

static void send_one(const struct Send* send) {
  int session = page->session;
  int pid = send->to_session ? session : pick_child(session, send->pick);
  if (pid == 0 || kill(pid, send->signal) != 0) return;
  if (send->signal == SIGSTOP) {
    stopped[stopped_count++] = (struct Stopped){pid, now() + 1e-3 * (1 + send->pick % 250)};
  }
  if (page->sent < kMaxSent) {
    page->log[page->sent++] = (struct Sent){pid, send->signal, send->to_session, now()};
  }
}

static void let_go(int all) {
  int left = 0;
  for (int i = 0; i < stopped_count; ++i) {
    if (all || now() >= stopped[i].until) {
      kill(stopped[i].pid, SIGCONT);
    } else {
      stopped[left++] = stopped[i];
    }
  }
  stopped_count = left;
}

static void pester(void) {
  if (page->round != round_seen) {
    round_seen = page->round;
    next_send = 0;
  }
  while (next_send < page->sends && now() - page->began >= page->send[next_send].delay) {
    send_one(&page->send[next_send++]);
  }
}

// Sends what is due, for so many seconds.
void watch(double* seconds) {
  double end = now() + *seconds;
  while (now() < end) {
    int state = page->state;
    let_go(state == kEnding);
    if (state == kCalling) pester();
    if (state == kEnding) page->state = kIdle;
    nap(5e-4);
  }
}

// ---- What is there -----------------------------------------------------------------------------

// Reads a small file whole; the number of bytes.
static size_t read_file(const char* path, char* text, size_t room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t size = 0;
  for (ssize_t got; size < room && (got = read(fd, text + size, room - size)) > 0;) {
    size += (size_t)got;
  }
  close(fd);
  return size;
}

// Processes whose environment at their start had this text, but for two; and whether the second
// text was there, too. Zombies have no environment.
void marked_processes(char** marker, char** second, int* but, int* pids, int* has_second,
                      int* count) {
  static char text[1 << 17];
  DIR* folder = opendir("/proc");
  int room = *count;
  *count = 0;
  for (struct dirent* entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
    int pid = atoi(entry->d_name);
    if (pid <= 0 || pid == but[0] || pid == but[1] || *count == room) continue;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    size_t size = read_file(path, text, sizeof text);
    if (memmem(text, size, marker[0], strlen(marker[0])) == NULL) continue;
    pids[*count] = pid;
    has_second[(*count)++] = memmem(text, size, second[0], strlen(second[0])) != NULL;
  }
  if (folder != NULL) closedir(folder);
}

// ---- Faults ------------------------------------------------------------------------------------

void fault_segv(void) {
  volatile int* nowhere = (int*)8;
  *nowhere = 1;
}

void fault_abort(void) { abort(); }

void fault_exit(int* status) { exit(*status); }

void fault_exit_now(int* status) { _exit(*status); }

void fault_close_from(int* first) {
  for (int fd = *first; fd < 1024; ++fd) close(fd);
}

static int takes_bytes(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return 0;
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) return 0;
  struct pollfd ready = {fd, POLLOUT, 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT);
}

// Rubbish for every pipe and socket that takes it.
void fault_scribble(int* bytes) {
  char rubbish[4096];
  memset(rubbish, 'x', sizeof rubbish);
  for (int fd = 3; fd < 1024; ++fd) {
    if (takes_bytes(fd) && write(fd, rubbish, (size_t)*bytes) < 0) continue;
  }
}

// A process that holds all descriptors and waits for its end.
void fault_fork(void) {
  if (fork() != 0) return;
  signal(SIGALRM, SIG_DFL);
  alarm(600);
  for (;;) pause();
}

// Stops this process; one of its own lets it go on.
void fault_stop(int* milliseconds) {
  int self = getpid();
  int child = fork();
  if (child == 0) {
    for (int i = 0; i < 40; ++i) {
      nap(1e-3 * *milliseconds);
      kill(self, SIGCONT);
    }
    _exit(0);
  }
  kill(self, SIGSTOP);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

void fault_block(int* number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, *number);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

void fault_ignore(int* number) { signal(*number, SIG_IGN); }

void fault_spin(void) {
  for (volatile int go = 1; go;) continue;
}

void fault_print(int* item) { printf("out %d\n", *item); }
