# Each header of the core and each file of the glue compiles without a warning by g++ and clang++,
# as C++17, 20 and 23. R's and Rcpp's headers are taken as the system's, whose warnings are theirs;
# they are precompiled, since every file of the glue has them.
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
  local build
  for build in LOMP_LINUX LOMP_PORTABLE; do
    printf '#include "%s"\n' "${all_headers[@]}" |
      compile "$@" -fsyntax-only -D$build -x c++ - || return 1
  done
}

# Rcpp writes RcppExports.cpp, and casts functions there as R wants them.
glue() {
  local file status=0
  compile "$@" -x c++-header "$precompiled" -o "$precompiled.gch" || return 1
  for file in "${sources[@]}"; do
    compile "$@" -fsyntax-only -include "$precompiled" "$file" || { echo "^ $file, $*"; status=1; }
  done
  return $status
}

mkdir -p "$WORK/warnings"
precompiled=$WORK/warnings/headers.h
echo '#include <Rcpp.h>' >"$precompiled"
mapfile -t sources < <(find src -name '*.cpp' ! -name RcppExports.cpp | sort)
mapfile -t all_headers < <(cd inst/include && find lomp -name '*.hpp' | sort)
status=0
for compiler in "${compilers[@]}"; do
  for standard in c++17 c++20 c++2b; do
    headers "$compiler" "-std=$standard" || { echo "^ headers, $compiler $standard"; status=1; }
    glue "$compiler" "-std=$standard" || status=1
  done
done
exit $status
