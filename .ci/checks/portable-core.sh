# The C++ tests on the build without the features that only Linux has.
export LOMP_CMAKE=-DLOMP_WHOLE_PROGRAMS=ON
LOMP_CPPFLAGS=-DLOMP_PORTABLE exec bash "$ROOT/tests/run.sh" cpp
