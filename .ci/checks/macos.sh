# The core and the glue compile where names are what they are on macOS, see .ci/macos.h. Nobody has
# built lomp there: this tells of what is known to fail, and nothing of what isn't.
cd "$ROOT" || exit 1
status=0
includes=(-Iinst/include -Isrc)
while read -r folder; do
  includes+=(-isystem "$folder")
done < <(Rscript --no-init-file -e \
  'writeLines(c(R.home("include"), system.file("include", package = "Rcpp")))')

compile() {
  g++ -std=c++17 -Werror=format -fsyntax-only "${includes[@]}" -include .ci/macos.h "$@"
}

mapfile -t headers < <(cd inst/include && find lomp -name '*.hpp' | sort)
printf '#include "%s"\n' "${headers[@]}" | compile -x c++ - || status=1
mapfile -t sources < <(find src -name '*.cpp' ! -name RcppExports.cpp | sort)
for file in "${sources[@]}"; do
  compile -DMACOS_WITH_R "$file" || { echo "^ $file"; status=1; }
done
exit $status
