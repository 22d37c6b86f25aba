# Every header of the core compiles alone and without a warning. So it does without Linux's
# features where these make a difference: in the folder for other systems, and where a header
# includes the one that chooses between the two. What only includes these headers is compiled
# without Linux's features by the checks "warnings" and "portable-core".
cd "$ROOT/inst/include" || exit 1
status=0
alone() {
  local build=$1 header
  while read -r header; do
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. "-D$build" -x c++ - \
      <<<"#include \"$header\"" || { echo "^ $header, $build"; status=1; }
  done
}
alone LOMP_LINUX < <(find lomp lomp.hpp -name '*.hpp' | sort)
alone LOMP_PORTABLE < <({ find lomp/os/posix lomp/os/platform.hpp -name '*.hpp'
  grep -rl '"lomp/os/platform.hpp"' lomp; } | sort -u)
exit $status
