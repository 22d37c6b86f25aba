// Makes this system's compiler see what differs on macOS, as far as that is known: included before
// lomp's own code, after all that the code includes from the system.
#ifdef MACOS_WITH_R
#include <Rcpp.h>
// R's own headers need it.
#include <R_ext/Altrep.h>
#include <R_ext/Rallocators.h>
#endif
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

// It isn't Linux, nor has it the GNU library.
#undef __linux__
#undef __linux
#undef linux
#undef __gnu_linux__
#undef __GLIBC__
#define __APPLE__ 1

// These are macros there: "::sigemptyset(" is no expression.
#define sigaddset(set, signal) ((sigaddset)(set, signal))
#define sigdelset(set, signal) ((sigdelset)(set, signal))
#define sigemptyset(set) ((sigemptyset)(set))
#define sigfillset(set) ((sigfillset)(set))
#define sigismember(set, signal) ((sigismember)(set, signal))
#undef htonl
#undef htons
#undef ntohl
#undef ntohs
#define htonl(x) ((htonl)(x))
#define htons(x) ((htons)(x))
#define ntohl(x) ((ntohl)(x))
#define ntohs(x) ((ntohs)(x))

// 64 bits are "long long" there, which isn't the type of sizes.
namespace std {
using macos_uint64 = unsigned long long;
using macos_int64 = long long;
}  // namespace std
using std::macos_int64;
using std::macos_uint64;
#define uint64_t macos_uint64
#define int64_t macos_int64
#undef UINT64_MAX
#define UINT64_MAX 18446744073709551615ULL

// Flags and options that are missing, and the one that stands for one of them.
#undef MSG_NOSIGNAL
#undef MSG_CMSG_CLOEXEC
#undef SOCK_CLOEXEC
#undef SOCK_NONBLOCK
#undef F_SETPIPE_SZ
#undef F_GETPIPE_SZ
#undef F_ADD_SEALS
#undef MFD_CLOEXEC
#undef MFD_ALLOW_SEALING
#undef MAP_POPULATE
#undef MAP_NORESERVE
#undef MADV_DONTFORK
#undef MADV_HUGEPAGE
#undef POLLRDHUP
#undef O_TMPFILE
#undef O_PATH
#undef SYS_exit_group
#undef SYS_pidfd_open
#undef SYS_timer_create
#ifndef SO_NOSIGPIPE
#define SO_NOSIGPIPE 0x1022
#endif

// Functions that are missing.
#pragma GCC poison accept4 clone clone3 close_range clock_nanosleep dl_iterate_phdr dup3 epoll_create
#pragma GCC poison epoll_create1 epoll_ctl epoll_wait eventfd execvpe fallocate getrandom gettid
#pragma GCC poison inotify_init1 mallopt malloc_trim memfd_create mkostemp mremap pidfd_open pipe2
#pragma GCC poison posix_fallocate ppoll prctl process_vm_readv pthread_setaffinity_np recvmmsg
#pragma GCC poison sched_getaffinity sched_setaffinity secure_getenv sem_timedwait sendmmsg signalfd
#pragma GCC poison sigtimedwait sigwaitinfo sysinfo syncfs tgkill timer_create timer_settime
#pragma GCC poison timerfd_create timerfd_settime
