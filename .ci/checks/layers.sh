# Dependencies run one way: R/ -> src/ -> inst/include/lomp/. The core names no R, not even in a
# comment, and includes nothing but itself and the system; R code talks of no file descriptor.
cd "$ROOT" || exit 1
status=0

forbid() {
  local why=$1 pattern=$2
  shift 2
  if grep -nE "$pattern" "$@"; then
    echo "^ $why"
    status=1
  fi
}

core=(inst/include/lomp/*.hpp)
r_code=$(find R -name '*.R' ! -name RcppExports.R)
forbid "the core names R" '\b(SEXP|Rcpp|Rinternals|R_ext)\b|#include [<"]R' "${core[@]}"
# shellcheck disable=SC2086
forbid "R code opens descriptors or forks" \
  '\b(pipe|fifo|socketConnection|serverSocket|socketAccept|mcfork|mcparallel)\(' $r_code
# What the core includes in quotes lies beside it.
while read -r name; do
  [ -f "inst/include/lomp/$name" ] || { echo "the core includes \"$name\""; status=1; }
done < <(sed -nE 's/^#include "(lomp\/)?(.*)".*/\2/p' "${core[@]}" | sort -u)
# Rcpp would include files of these names in RcppExports.cpp.
for file in inst/include/lomp.h src/lomp_types.h src/lomp_types.hpp; do
  [ ! -e "$file" ] || { echo "$file must not be there"; status=1; }
done
exit $status
