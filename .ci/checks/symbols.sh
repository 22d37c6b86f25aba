# The shared object imports nothing that R's own checks call non-API, in any version of R. Where an
# API came late, the source may fall back on what was there before, behind #if R_VERSION: a name
# is excused if lomp's own code has it as this R reads it, and hasn't as a future R does.
set -e
cd "$ROOT"
library=$LIB/lomp/libs/lomp.so

# Prints lomp's own code as the preprocessor leaves it for a version of R: "4, 2, 2", say.
own_code() {
  grep -rhv --include='*.cpp' --include='*.h' '^ *#include' src |
    g++ -E -P -x c++ '-DR_Version(v, p, s)=((v) * 65536 + (p) * 256 + (s))' \
      "-DR_VERSION=R_Version($1)" -
}

own_code "$(Rscript -e 'cat(format(getRversion()))' | tr . ,)" >"$WORK/code-now"
own_code 99,0,0 >"$WORK/code-future"
is_excused() { grep -qw "$1" "$WORK/code-now" && ! grep -qw "$1" "$WORK/code-future"; }

sed 's/#.*//; s/ //g; /^$/d' .ci/non-api.txt | sort -u >"$WORK/non-api"
nm -D --undefined-only "$library" | sed 's/.* //; s/@.*//' | sort -u >"$WORK/imports"
[ -s "$WORK/imports" ]
status=0
while read -r name; do
  is_excused "$name" || { echo "lomp.so imports $name"; status=1; }
done < <(comm -12 "$WORK/non-api" "$WORK/imports")
exit $status
