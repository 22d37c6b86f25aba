# The benchmark programs build from the source tree and from the installed package, and run.
set -e
compile() {
  cmake -S "$1" -B "$2" -DCMAKE_BUILD_TYPE=Release
  cmake --build "$2" --parallel 2
}
compile "$ROOT/inst/benchmarks" "$WORK/bench-source"
compile "$LIB/lomp/benchmarks" "$WORK/bench-installed"
programs=$(find "$WORK/bench-source" "$WORK/bench-installed" -type f -executable -name 'bench_*')
[ -n "$programs" ]
for program in $programs; do
  echo "$program"
  "$program" --benchmark_min_time=0.01
done
