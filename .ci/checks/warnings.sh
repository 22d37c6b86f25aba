# Each header of the core and each file of the glue compiles without a warning by g++ as C++17, as
# R compiles them, and by clang++ as C++23; the check "newest-cran" has the newest g++ do both. R's
# and Rcpp's headers are taken as the system's, whose warnings are theirs.
# The core's are precompiled, since most files of the glue have them.
cd "$ROOT" || exit 1
read -r -a builds <<<"${BUILDS:-g++:c++17 clang++:c++2b}"
includes=(-Iinst/include -Isrc)
while read -r folder; do
  includes+=(-isystem "$folder")
done < <(Rscript --no-init-file -e \
  'writeLines(c(R.home("include"), system.file("include", package = "Rcpp")))')

compile() {
  "$@" -Wall -Wextra -Wpedantic -Werror "${includes[@]}"
}

# All headers at once: that each compiles alone is another check's.
headers() {
  compile "$@" -fsyntax-only -DLOMP_PORTABLE -x c++ "$precompiled" &&
    compile "$@" -x c++-header "$precompiled" -o "$precompiled.gch"
}

# Rcpp writes RcppExports.cpp, and casts functions there as R wants them.
glue() {
  local file status=0
  for file in "${sources[@]}"; do
    compile "$@" -fsyntax-only -include "$precompiled" "$file" || { echo "^ $file, $*"; status=1; }
  done
  return $status
}

mkdir -p "$WORK/warnings"
precompiled=$WORK/warnings/headers.h
{
  echo '#include "r/api.h"'
  # Of the two folders that differ between systems, os/platform.hpp includes one.
  find inst/include/lomp -name '*.hpp' | grep -vE '/os/(linux|posix)/' | sort |
    sed 's,inst/include/\(.*\),#include "\1",'
} >"$precompiled"
mapfile -t sources < <(find src -name '*.cpp' ! -name RcppExports.cpp | sort)
status=0
for build in "${builds[@]}"; do
  compiler=("${build%%:*}" "-std=${build#*:}")
  if headers "${compiler[@]}"; then
    glue "${compiler[@]}" || status=1
  else
    echo "^ headers, ${compiler[*]}"
    status=1
  fi
done
exit $status
