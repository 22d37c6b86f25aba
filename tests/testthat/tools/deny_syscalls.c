// deny_syscalls EPERM|ENOSYS COMMAND...: runs a command to which the kernel refuses the newer
// system calls, as old kernels and the profiles of old containers do.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the same on all architectures, but that of memfd_create. The C library can do
// without clone3 only where that isn't there at all.
enum { pidfd_send_signal = 424, pidfd_open = 434, clone3 = 435, close_range = 436 };

#define DENY(number, error)                            \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static int deny(unsigned error) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      DENY(pidfd_send_signal, error),
      DENY(pidfd_open, error),
      DENY(clone3, ENOSYS),
      DENY(close_range, error),
      DENY(SYS_memfd_create, error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int count, char** arguments) {
  if (count < 3) return 2;
  if (deny(strcmp(arguments[1], "EPERM") == 0 ? EPERM : ENOSYS) != 0) {
    perror("deny_syscalls");
    return 77;
  }
  execvp(arguments[2], arguments + 2);
  perror(arguments[2]);
  return 127;
}
