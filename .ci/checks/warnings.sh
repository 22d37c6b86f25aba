# Each header of the core and each file of the glue compiles without a warning by g++ and clang++,
# as C++17 and 23. R's and Rcpp's headers are taken as the system's, whose warnings are theirs.
# The core's are precompiled, since most files of the glue have them.
cd "$ROOT" || exit 1
read -r -a compilers <<<"${COMPILERS:-g++ clang++}"
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
for compiler in "${compilers[@]}"; do
  for standard in c++17 c++2b; do
    if headers "$compiler" "-std=$standard"; then
      glue "$compiler" "-std=$standard" || status=1
    else
      echo "^ headers, $compiler $standard"
      status=1
    fi
  done
done
exit $status
