#!/bin/bash
# The R suite, as far as it fits, where every wrong access to memory is told: under AddressSanitizer
# and UndefinedBehaviorSanitizer, with a build of lomp of its own, and under valgrind.
#
#   bash tests/sanitized.sh            both, one after the other
#   bash tests/sanitized.sh asan       the sanitizers
#   bash tests/sanitized.sh valgrind   valgrind, which has to be installed
#
# LOMP_TEST_FILES is a pattern for the R test files to run instead of those named below. The exit
# status is 1 if a test failed or anything was told of, which is printed.
#
# It isn't part of the tests that each change has to pass, because it takes so long. Run it before a
# release and after each change of src/. The C++ tests have a check of their own, see .ci/checks.
#
# What doesn't fit:
# - leaks. R leaves its heap to the system when it ends, and a worker leaves by _exit(). The C++
#   tests look for them.
# - R itself: it is the system's, not built for a sanitizer, so an access beyond the end of a vector
#   is seen only if it leaves the page or block of R's heap; valgrind sees that much, too.
# - mapped_vector, external_memory, leaks and fork-safety (both), whose tests count pages and limit
#   the address space, the descriptors or the processes: a sanitizer takes terabytes of the first
#   and needs the others for itself, and both keep what is freed for a while.
# - hosts (both), whose front end is a program that isn't built for a sanitizer, and whose tests
#   refuse system calls to all of a process.
# - examples, devices, connections, signals, timeout, run-interrupt, leaving and
#   heap_headroom (valgrind), which are about processes of their own, which R starts and valgrind
#   doesn't follow, or about seconds, of which everything takes thirty times as many.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work/told"
chmod 1777 "$work/told"         # A test runs R as another user, who may have something to tell.

files='api-|cases|codec|functions|order|output|plan-|run-(here|map|source|worker)|say-'
for_valgrind="^($files)"
for_asan="^($files|connections|devices|examples|heap|leaving|run-interrupt|signals|timeout)"

# Runs the suite with a program in Rscript's place. Some tests ask for LOMP_TEST_SANITIZED.
run_suite() {
  export LOMP_TEST_SANITIZED=yes
  LOMP_TEST_FILES=${LOMP_TEST_FILES:-$2} LOMP_TEST_RSCRIPT=$work/$1 bash "$root/tests/run.sh" r
}

# Prints what was told of. It is in files, because a worker's standard error may be anywhere.
show_told() {
  local found
  found=$(find "$work/told" -type f -size +0)
  [ -z "$found" ] && return
  while read -r file; do head -n 60 "$file"; done <<<"$found" | head -n 600
  echo "$(wc -l <<<"$found") processes with something to tell"
  return 1
}

# ---- The sanitizers -----------------------------------------------------------------------------

# C++ has no threads. The sanitizer's memory isn't made for a fork beside one (before GCC 14, whose
# own locks it around a fork): a worker that was forked while the reaper's thread freed something
# waits for a lock for ever. The reaper goes on without. Other libraries have theirs.
refuse_threads() {
  cat >"$work/no_threads.c" <<END
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *data) {
  int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  Dl_info caller;
  const void *from = __builtin_return_address(0);
  if (dladdr(from, &caller) != 0 && strstr(caller.dli_fname, "libstdc++") != 0) return EAGAIN;
  *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
  return next(thread, how, run, data);
}
END
  gcc -shared -fPIC -w -o "$work/no_threads.so" "$work/no_threads.c"
}

# R isn't built with the sanitizer, so its library comes first into every process, and into those
# that R starts, too. Signals stay R's and the tests' own.
run_with_asan() {
  local checks=address,undefined status=0
  refuse_threads
  cat >"$work/Makevars" <<END
CXX17FLAGS = -O1 -g -fsanitize=$checks -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS = -fsanitize=$checks
END
  cat >"$work/asan" <<END
#!/bin/sh
LD_PRELOAD=$work/no_threads.so:$(g++ -print-file-name=libasan.so) exec Rscript "\$@"
END
  chmod 755 "$work/asan"
  export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:log_path=$work/told/asan
  ASAN_OPTIONS+=:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0
  export UBSAN_OPTIONS=print_stacktrace=1:log_path=$work/told/ubsan
  R_MAKEVARS_USER=$work/Makevars run_suite asan "$for_asan" || status=1
  show_told || status=1
  return $status
}

# ---- Valgrind -----------------------------------------------------------------------------------

# Rscript's arguments for R: options, and then a script and its own.
run_with_valgrind() {
  local status=0
  cat >"$work/valgrind" <<END
#!/bin/sh
options=\$1
script=\$2
shift 2
exec R -d "valgrind --log-file=$work/log.%p --suppressions=$root/tests/sanitized.supp \
--error-limit=no --num-callers=30 --vgdb=no" --no-echo --no-restore "\$options" --file="\$script" \
  --args "\$@"
END
  chmod 755 "$work/valgrind"
  run_suite valgrind "$for_valgrind" || status=1
  move_errors
  show_told || status=1
  return $status
}

# A log with an error has a stack: "==123==    at 0x...". So has one of a process that ended itself
# by a signal, as some tests make it do, and which was no error.
move_errors() {
  local log
  for log in "$work"/log.*; do
    sed '/Process terminating with default action/,/^==[0-9]*== *$/d' "$log" |
      grep -qE '^==[0-9]+== +at 0x' && mv "$log" "$work/told"
  done
}

# -------------------------------------------------------------------------------------------------

status=0
case ${1:-both} in
  asan) run_with_asan || status=1 ;;
  valgrind) run_with_valgrind || status=1 ;;
  both)
    (run_with_asan) || status=1
    rm -f "$work"/told/*
    run_with_valgrind || status=1
    ;;
  *)
    echo "tests/sanitized.sh: asan, valgrind, or nothing for both" >&2
    exit 2
    ;;
esac
exit $status
