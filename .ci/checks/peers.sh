# The comparison with other packages runs; what it measures beside other checks means nothing.
R_LIBS=$LIB Rscript --no-init-file "$ROOT/inst/benchmarks/peers.R" --quick --out="$WORK/peers"
