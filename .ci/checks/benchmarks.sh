# The benchmark programs build from the installed package, and run. In the source tree, whose files
# are the same and lie as they do there, one of them builds.
set -e
compile() {
  local source=$1 build=$2
  shift 2
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release
  cmake --build "$build" --parallel 2 "$@"
}
diff -r "$ROOT/inst/benchmarks" "$LIB/lomp/benchmarks"
compile "$ROOT/inst/benchmarks" "$WORK/bench-source" --target bench_frame
compile "$LIB/lomp/benchmarks" "$WORK/bench-installed"
programs=$(find "$WORK/bench-source" "$WORK/bench-installed" -type f -executable -name 'bench_*')
[ -n "$programs" ]
for program in $programs; do
  echo "$program"
  "$program" --benchmark_min_time=0.01
done
