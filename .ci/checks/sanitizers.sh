# The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer. Children of a test leave by
# _exit, which looks for no leaks; the test program itself does. A test may end a child by a real
# SIGSEGV or SIGABRT after it has set the default action, which these options leave alone.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1
export UBSAN_OPTIONS=print_stacktrace=1
flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
export LOMP_CPPFLAGS=$flags
# A sanitizer takes its time to start and to look for leaks: once a program, not once a test case.
export LOMP_CMAKE="-DLOMP_WHOLE_PROGRAMS=ON -DCMAKE_CXX_COMPILER=clang++"  # half of g++'s time
exec bash "$ROOT/tests/run.sh" cpp
