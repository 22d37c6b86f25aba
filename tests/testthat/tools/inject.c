// Makes system calls fail, for LD_PRELOAD. Armed from within the process, by .C("inject_arm", what)
// with a comma-separated list of
//   short            reads and writes of pipes and sockets take a few bytes only, now and then
//   eintr            they and poll() are interrupted, now and then
//   fork=EAGAIN@N    the N-th call from now on fails, and all that follow; also pipe, socketpair,
//                    and with ENOMEM, EMFILE, ENFILE
//   flip@N:B         byte B of the N-th vector write, counted over all processes, is damaged
//   drop@N           the N-th vector write says that it was done, and isn't
//   mmap>N           no mapping of more than N megabytes is to be had; malloc() has its own way
// A forked process inherits what is armed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// A kind of call that fails from the at-th one on.
struct failure {
  int at;
  int error;
  int count;
};

static struct failure forks, pipes, socketpairs;
static int is_short, is_interrupted, flip_at, flip_byte, drop_at;
static size_t most_mapped = 0;     // bytes; 0 for no limit
static atomic_int* writes = NULL;  // shared between the processes
static unsigned seed = 1;

static void* next(const char* name) { return dlsym(RTLD_NEXT, name); }

static int one_in(int n) { return rand_r(&seed) % n == 0; }

static int is_channel(int fd) {
  struct stat status;
  return fd > 2 && fstat(fd, &status) == 0 &&
         (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

// ---- Arming ------------------------------------------------------------------------------------

static int error_called(const char* name) {
  if (strncmp(name, "EAGAIN", 6) == 0) return EAGAIN;
  if (strncmp(name, "ENOMEM", 6) == 0) return ENOMEM;
  if (strncmp(name, "ENFILE", 6) == 0) return ENFILE;
  return EMFILE;
}

static struct failure failure_of(const char* what, const char* call) {
  struct failure failure = {0, 0, 0};
  const char* found = strstr(what, call);
  if (found == NULL) return failure;
  failure.error = error_called(found + strlen(call));
  failure.at = atoi(strchr(found, '@') + 1);
  return failure;
}

static void count_writes_anew(void) {
  if (writes == NULL) {
    writes = mmap(NULL, sizeof *writes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  atomic_store(writes, 0);
}

void inject_arm(char** what) {
  const char* flip = strstr(what[0], "flip@");
  const char* drop = strstr(what[0], "drop@");
  forks = failure_of(what[0], "fork=");
  pipes = failure_of(what[0], "pipe=");
  socketpairs = failure_of(what[0], "socketpair=");
  is_short = strstr(what[0], "short") != NULL;
  is_interrupted = strstr(what[0], "eintr") != NULL;
  const char* most = strstr(what[0], "mmap>");
  most_mapped = most != NULL ? (size_t)atoi(most + 5) << 20 : 0;
  flip_at = flip_byte = drop_at = 0;
  count_writes_anew();
  if (flip != NULL) sscanf(flip, "flip@%d:%d", &flip_at, &flip_byte);
  if (drop != NULL) drop_at = atoi(drop + 5);
}

// ---- The calls ---------------------------------------------------------------------------------

static int fails(struct failure* failure) {
  if (failure->at == 0 || ++failure->count < failure->at) return 0;
  errno = failure->error;
  return 1;
}

static int is_interrupted_now(void) {
  if (!is_interrupted || !one_in(3)) return 0;
  errno = EINTR;
  return 1;
}

static size_t shortened(size_t bytes) {
  if (!is_short || bytes < 2) return bytes;
  const size_t most = one_in(2) ? 7 : bytes;
  return 1 + (size_t)rand_r(&seed) % (bytes < most ? bytes : most);
}

void* mmap(void* at, size_t bytes, int access, int flags, int fd, off_t offset) {
  void* (*real)(void*, size_t, int, int, int, off_t) = next("mmap");
  if (most_mapped == 0 || bytes <= most_mapped) return real(at, bytes, access, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

pid_t fork(void) {
  pid_t (*real)(void) = next("fork");
  return fails(&forks) ? -1 : real();
}

int pipe(int ends[2]) {
  int (*real)(int*) = next("pipe");
  return fails(&pipes) ? -1 : real(ends);
}

int pipe2(int ends[2], int flags) {
  int (*real)(int*, int) = next("pipe2");
  return fails(&pipes) ? -1 : real(ends, flags);
}

int socketpair(int domain, int type, int protocol, int ends[2]) {
  int (*real)(int, int, int, int*) = next("socketpair");
  return fails(&socketpairs) ? -1 : real(domain, type, protocol, ends);
}

int poll(struct pollfd* set, nfds_t count, int milliseconds) {
  int (*real)(struct pollfd*, nfds_t, int) = next("poll");
  return is_interrupted_now() ? -1 : real(set, count, milliseconds);
}

ssize_t read(int fd, void* to, size_t bytes) {
  ssize_t (*real)(int, void*, size_t) = next("read");
  if (!is_channel(fd)) return real(fd, to, bytes);
  return is_interrupted_now() ? -1 : real(fd, to, shortened(bytes));
}

ssize_t write(int fd, const void* from, size_t bytes) {
  ssize_t (*real)(int, const void*, size_t) = next("write");
  if (!is_channel(fd)) return real(fd, from, bytes);
  return is_interrupted_now() ? -1 : real(fd, from, shortened(bytes));
}

static ssize_t total(const struct iovec* parts, int count) {
  ssize_t sum = 0;
  for (int i = 0; i < count; ++i) sum += (ssize_t)parts[i].iov_len;
  return sum;
}

// What is damaged is put right afterwards, since it is the caller's.
static ssize_t write_flipped(int fd, const struct iovec* parts, int count) {
  ssize_t (*real)(int, const struct iovec*, int) = next("writev");
  size_t at = (size_t)flip_byte;
  int i = 0;
  while (i < count && at >= parts[i].iov_len) at -= parts[i++].iov_len;
  if (i == count) return real(fd, parts, count);
  unsigned char* byte = (unsigned char*)parts[i].iov_base + at;
  *byte ^= 0x5a;
  const ssize_t n = real(fd, parts, count);
  *byte ^= 0x5a;
  return n;
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  ssize_t (*real)(int, const struct iovec*, int) = next("writev");
  if (!is_channel(fd) || writes == NULL) return real(fd, parts, count);
  const int n = atomic_fetch_add(writes, 1) + 1;
  if (n == drop_at) return total(parts, count);
  if (n == flip_at) return write_flipped(fd, parts, count);
  if (is_interrupted_now()) return -1;
  if (!is_short || !one_in(2)) return real(fd, parts, count);
  struct iovec first = {parts[0].iov_base, shortened(parts[0].iov_len)};
  return real(fd, &first, 1);
}
