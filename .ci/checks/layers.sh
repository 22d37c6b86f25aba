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

# The room of a header that is included by that name: the first folder below lomp/.
room_of() {
  local below=${1#lomp/}
  echo "${below%%/*}"
}

# The rooms of the core, and which other ones the headers of each may include.
declare -A rooms=(
  [os]=""
  [process]="os"
  [checkpoint]="os payload"
  [wire]="os"
  [payload]="os wire"
  [shared]="os"
  [schedule]="os shared"
  [trace]="os process wire shared"
  [worker]="os process wire payload shared schedule"
  [pool]="os process wire payload shared schedule worker trace"
  [random]=""
  [api]="os process wire payload shared schedule worker trace pool"
)

mapfile -t core < <(find inst/include/lomp -name '*.hpp' | sort)
r_code=$(find R -name '*.R' ! -name RcppExports.R)
forbid "the core names R" '\b(SEXP|Rcpp|Rinternals|R_ext)\b|#include [<"]R' "${core[@]}"
# shellcheck disable=SC2086
forbid "R code opens descriptors or forks" \
  '\b(pipe|fifo|socketConnection|serverSocket|socketAccept|mcfork|mcparallel)\(' $r_code

# One header asks which system it is on, and takes one of two folders for it, which have headers of
# the same names. Those may ask whether the system's headers are old, by a name that is in them; any
# other header has no #if but its guard, and no path of Linux's.
choice=inst/include/lomp/os/platform.hpp
diff <(ls inst/include/lomp/os/linux) <(ls inst/include/lomp/os/posix) ||
  { echo "^ os/linux and os/posix have other headers"; status=1; }
if [ "$(grep -cE '^ *# *(el)?if' "$choice")" -ne 2 ]; then
  echo "$choice: one #if for its guard, and one for the system"
  status=1
fi
mapfile -t platform < <(printf '%s\n' "${core[@]}" | grep -E '/os/(linux|posix)/')
mapfile -t others < <(printf '%s\n' "${core[@]}" | grep -vE '/os/(linux/|posix/|platform[.]hpp$)')
guard='ifndef LOMP_[A-Z0-9_]+_HPP$'
if grep -nE '^ *# *(el)?if' "${others[@]}" | grep -vE ":# *$guard"; then
  echo "^ only os/platform.hpp may ask which system it is on"
  status=1
fi
if grep -nE '^ *# *(el)?if' "${platform[@]}" | grep -vE ":# *($guard|ifdef [A-Z][A-Za-z_]+$)"; then
  echo "^ os/linux and os/posix may ask for names of the system's headers only"
  status=1
fi
forbid "only os/platform.hpp may ask which system it is on" \
  '\b(LOMP_LINUX|LOMP_PORTABLE|__linux__|__gnu_linux__|__GLIBC__|__APPLE__|__has_include)\b' \
  "${others[@]}" "${platform[@]}"
forbid "only os/linux may know Linux's own paths" '"/(proc|sys)\b' "${others[@]}"

for header in "${core[@]}"; do
  room=$(room_of "${header#inst/include/}")
  if [ -z "${rooms[$room]+known}" ]; then
    echo "$header is in a room that the table above doesn't have"
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
    elif [[ " $room ${rooms[$room]:-} " != *" $(room_of "$name") "* ]]; then
      echo "$header includes \"$name\", which isn't below it"
      status=1
    fi
  done < <(sed -nE 's/^#include "(.*)".*/\1/p' "$header")
done
# What other programs include is one header, which names those of one room.
face=inst/include/lomp.hpp
if grep '^ *#include' "$face" | grep -vE '^#include "lomp/api/[a-z_]+[.]hpp"$'; then
  echo "^ $face includes headers of lomp/api/ only"
  status=1
fi
# Rcpp would include files of these names in RcppExports.cpp.
for file in inst/include/lomp.h src/lomp_types.h src/lomp_types.hpp; do
  [ ! -e "$file" ] || { echo "$file must not be there"; status=1; }
done
exit $status
