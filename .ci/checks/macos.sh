# The core and the glue compile where names are what they are on macOS, see .ci/macos.h. lomp was
# never built there: this tells of what is known to fail, and nothing of what isn't.
cd "$ROOT" || exit 1
status=0
includes=(-Iinst/include -Isrc)
while read -r folder; do
  includes+=(-isystem "$folder")
done < <(Rscript --no-init-file -e \
  'writeLines(c(R.home("include"), system.file("include", package = "Rcpp")))')

# What it includes takes long, with Rcpp's headers in it: it is precompiled for the files of the glue.
mkdir -p "$WORK/macos"
system=$WORK/macos/system.h
grep '^#include' .ci/macos.h >"$system"

compile() {
  g++ -std=c++17 -Werror=format "${includes[@]}" "$@"
}

# Of the two folders that differ between systems, os/platform.hpp includes one.
mapfile -t headers < <(cd inst/include && find lomp -name '*.hpp' ! -path 'lomp/os/linux/*' | sort)
printf '#include "%s"\n' "${headers[@]}" |
  compile -fsyntax-only -include .ci/macos.h -x c++ - || status=1
compile -DMACOS_WITH_R -x c++-header "$system" -o "$system.gch" || status=1
mapfile -t sources < <(find src -name '*.cpp' ! -name RcppExports.cpp | sort)
for file in "${sources[@]}"; do
  compile -DMACOS_WITH_R -fsyntax-only -include "$system" -include .ci/macos.h "$file" ||
    { echo "^ $file"; status=1; }
done
exit $status
