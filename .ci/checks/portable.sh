# The R suite on the build without the features that only Linux has, as far as it starts, feeds,
# loses and ends workers; messages, arguments and the broad table of inputs don't depend on the
# build.
export LOMP_TEST_FILES='^(fork-safety|iterat|leaks|memory|run|signals|source|worker)'
LOMP_CPPFLAGS=-DLOMP_PORTABLE exec bash "$ROOT/tests/run.sh" r
