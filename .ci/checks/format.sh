# All C++ is as clang-format writes it.
cd "$ROOT" || exit 1
find src inst/include/lomp tests/cpp inst/benchmarks -name '*.cpp' -o -name '*.hpp' -o -name '*.h' |
  grep -vx src/RcppExports.cpp | xargs clang-format --dry-run -Werror
