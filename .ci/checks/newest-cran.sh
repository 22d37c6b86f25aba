# With the newest R that Debian has, R CMD check finds nothing, the newest g++ warns of nothing, and
# lomp.so imports nothing of R's that isn't API.
made=$WORK/newest/is-made
[ -e "$made" ] || { echo "note: not run, there is no such R here"; exit 0; }
sed 's/^/note: /' "$made"
inside() { bash "$ROOT/.ci/newest.sh" "$@"; }
status=0
# The check "newest-r" has run the tests, more of them than R CMD check would.
inside env CHECK_OPTIONS=--no-tests bash /checkout/.ci/checks/cran.sh || status=1
inside env BUILDS="g++:c++17 g++:c++2b" bash /checkout/.ci/checks/warnings.sh || status=1
inside Rscript --no-init-file /checkout/.ci/checks/api.R \
  /work/cran/lomp.Rcheck/lomp/libs/lomp.so || status=1
exit $status
