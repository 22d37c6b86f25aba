# The test command of the README: the R suite and the C++ tests.
exec bash "$ROOT/tests/run.sh"
