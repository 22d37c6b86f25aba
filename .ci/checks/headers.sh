# Every header of the core compiles alone and without a warning, with and without Linux's features.
cd "$ROOT" || exit 1
status=0
while read -r header; do
  for build in LOMP_LINUX LOMP_PORTABLE; do
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinst/include -D$build -x c++ - \
      <<<"#include \"$header\"" || { echo "^ $header, $build"; status=1; }
  done
done < <(cd inst/include && find lomp lomp.hpp -name '*.hpp' | sort)
exit $status
