# All C++ is as clang-format writes it.
cd "$ROOT" || exit 1
find src inst/include tests/cpp inst/benchmarks inst/examples -name '*.cpp' -o -name '*.hpp' \
  -o -name '*.h' | grep -vE '(^|/)src/RcppExports[.]cpp$' | xargs clang-format --dry-run -Werror
