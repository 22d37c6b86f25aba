# The C++ tests on the build without the features that only Linux has.
LOMP_CPPFLAGS=-DLOMP_PORTABLE exec bash "$ROOT/tests/run.sh" cpp
