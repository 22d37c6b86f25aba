# Builds the source package and installs it: the other checks look at these two. What R's byte
# compiler has to say of the code stands in the log of that, and there must be nothing.
set -e -o pipefail
mkdir -p "$WORK/build"
cd "$WORK/build"
R CMD build "$ROOT"
mv lomp_*.tar.gz "$TARBALL"
MAKEFLAGS=-j2 R CMD INSTALL --library="$LIB" "$TARBALL" 2>&1 | tee "$WORK/install.log"
! grep -E '^(Note|Warning)|incorrect context| warning: ' "$WORK/install.log"
