# The R suite on the build without the features that only Linux has, as far as it starts and ends
# workers; the core's own tests on that build have a check of their own.
export LOMP_TEST_FILES='^(fork-safety|leaks|run-map|signals)$'
LOMP_CPPFLAGS=-DLOMP_PORTABLE exec bash "$ROOT/tests/run.sh" r
