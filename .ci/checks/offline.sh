# Where CRAN is out of reach and coro isn't installed, the tests run nevertheless: those that need
# coro are skipped, and a line says so, with R's reason.
set -e -o pipefail
library=$WORK/offline
mkdir -p "$library"
Rscript --no-init-file -e 'cat(.libPaths(), sep = "\n")' | while read -r folder; do
  find "$folder" -mindepth 1 -maxdepth 1 ! -name coro ! -name lomp -exec ln -s {} "$library" \; \
    2>/dev/null || true
done
echo 'options(repos = c(CRAN = "http://127.0.0.1:9"))' >"$WORK/offline.R"
export R_LIBS=$library R_LIBS_USER=$library R_LIBS_SITE=$library R_PROFILE=$WORK/offline.R
export R_ENVIRON=/dev/null  # Debian's adds libraries
LOMP_TEST_FILES='^api-promise$' bash "$ROOT/tests/run.sh" r | tee "$WORK/offline.log"
[ ! -e "$library/coro" ]
grep -q '^not to be had from CRAN.*: coro (.*http://127.0.0.1:9' "$WORK/offline.log"
grep -qE ' [1-9][0-9]* skipped$' "$WORK/offline.log"
tail -n 1 "$WORK/offline.log"
