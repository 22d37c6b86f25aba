# R CMD check as CRAN runs it finds nothing but what cran-log.R allows. Remote checks are off, so
# that the outcome doesn't depend on the network.
mkdir -p "$WORK/cran"
cd "$WORK/cran" || exit 1
version=$(tar -xzOf "$TARBALL" lomp/DESCRIPTION | sed -n 's/^Version: //p')
cp "$TARBALL" "lomp_$version.tar.gz"
# Debian's R compiles with -g: nine tenths of the library's size are the debugger's, which the limit
# of 5 MB isn't meant for.
export _R_CHECK_PKG_SIZES_THRESHOLD_=20
# What CRAN alone has may not be there, as for the tests.
export _R_CHECK_FORCE_SUGGESTS_=false
export _R_CHECK_CRAN_INCOMING_REMOTE_=false _R_CHECK_TESTS_NLINES_=100 MAKEFLAGS=-j2
# shellcheck disable=SC2086
R CMD check --as-cran --no-manual ${CHECK_OPTIONS:-} "lomp_$version.tar.gz" >output 2>&1
grep -q '^Status: ' lomp.Rcheck/00check.log || { cat output lomp.Rcheck/00install.out; exit 1; }
Rscript --no-init-file "$ROOT/.ci/checks/cran-log.R" lomp.Rcheck/00check.log
