# A library with nothing but Rcpp beside base R is enough to install lomp, to load and to use it.
set -e
library=$WORK/fresh
mkdir -p "$library"
cp -R "$(Rscript --no-init-file -e 'cat(find.package("Rcpp"))')" "$library"
export R_LIBS=$library R_LIBS_USER=$library/none R_LIBS_SITE=$library/none
Rscript --vanilla -e 'stopifnot(!nzchar(system.file(package = "testthat")))'
MAKEFLAGS=-j2 Rscript --vanilla -e 'install.packages(commandArgs(TRUE), repos = NULL,
                                                     type = "source")' "$TARBALL"
Rscript --vanilla -e 'library(lomp)
stopifnot(identical(lomp_map(1:3, function(i) i * 2, .workers = 2), list(2, 4, 6)))'
# Loading takes at most 0.2 s longer than loading Rcpp: the fastest of five fresh sessions tells.
for _ in 1 2 3 4 5; do
  Rscript --vanilla -e 'loadNamespace("Rcpp")
cat(system.time(loadNamespace("lomp"))[["elapsed"]], "\n")' | tail -n 1
done | sort -n | awk 'NR == 1 { print "loads in " $1 " s"; exit $1 > 0.2 }'
