# Builds the source package and installs it: the other checks look at these two. What R's byte
# compiler has to say of the code stands in the log of that, and there must be nothing. To make the
# vignette R installs the package once before: the other time finds what was compiled in the cache.
set -e -o pipefail
mkdir -p "$WORK/build"
cd "$WORK/build"
MAKEFLAGS=-j2 R CMD build "$ROOT"
mv lomp_*.tar.gz "$TARBALL"
MAKEFLAGS=-j2 R CMD INSTALL --library="$LIB" "$TARBALL" 2>&1 | tee "$WORK/install.log"
! grep -E '^(Note|Warning)|incorrect context| warning: ' "$WORK/install.log"
