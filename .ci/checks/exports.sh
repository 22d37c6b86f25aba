# No entry point touches the caller's random generator: Rcpp would read and write .Random.seed.
cd "$ROOT" || exit 1
lines=$(grep -nE '\[\[ *Rcpp::export' src/*.cpp) || { echo "no exports found"; exit 1; }
! grep -v 'rng = false' <<<"$lines"
