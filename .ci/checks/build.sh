# Builds the source package and installs it: the other checks look at these two.
set -e
mkdir -p "$WORK/build"
cd "$WORK/build"
R CMD build "$ROOT"
mv lomp_*.tar.gz "$TARBALL"
MAKEFLAGS=-j2 R CMD INSTALL --library="$LIB" "$TARBALL"
