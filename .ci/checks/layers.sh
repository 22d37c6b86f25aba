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

# The rooms of the core, and which other ones the headers of each may include.
declare -A rooms=(
  [os]=""
  [process]="os"
  [wire]="os"
  [payload]="os wire"
  [shared]="os"
  [schedule]="os shared"
  [worker]="os process wire payload shared schedule"
  [pool]="os process wire payload shared schedule worker"
  [random]=""
)

mapfile -t core < <(find inst/include/lomp -name '*.hpp' | sort)
r_code=$(find R -name '*.R' ! -name RcppExports.R)
forbid "the core names R" '\b(SEXP|Rcpp|Rinternals|R_ext)\b|#include [<"]R' "${core[@]}"
# shellcheck disable=SC2086
forbid "R code opens descriptors or forks" \
  '\b(pipe|fifo|socketConnection|serverSocket|socketAccept|mcfork|mcparallel)\(' $r_code
for header in "${core[@]}"; do
  room=$(basename "$(dirname "$header")")
  if [ -z "${rooms[$room]+known}" ]; then
    echo "$header is in a room that nobody knows"
    status=1
  fi
  if ! head -n 1 "$header" | grep -qxE '// Side: (parent|worker|both|any process)\.'; then
    echo "$header: its first line must say its side"
    status=1
  fi
  # What the core includes in quotes is its own, in its own room or one below.
  while read -r name; do
    if [ ! -f "inst/include/$name" ]; then
      echo "$header includes \"$name\", which isn't there"
      status=1
    elif [[ " $room ${rooms[$room]:-} " != *" $(basename "$(dirname "$name")") "* ]]; then
      echo "$header includes \"$name\", which isn't below it"
      status=1
    fi
  done < <(sed -nE 's/^#include "(.*)".*/\1/p' "$header")
done
# Rcpp would include files of these names in RcppExports.cpp.
for file in inst/include/lomp.h src/lomp_types.h src/lomp_types.hpp; do
  [ ! -e "$file" ] || { echo "$file must not be there"; status=1; }
done
exit $status
