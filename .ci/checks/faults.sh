# lomp's calls take no more page faults than they did when they were counted last.
cd "$WORK" || exit 1
R_LIBS=$LIB Rscript --no-init-file "$ROOT/inst/benchmarks/faults.R" --check
