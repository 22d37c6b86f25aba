#!/bin/bash
# Runs all tests: the R suite against a fresh installation of this checkout, and the C++ tests of
# the core, which need no R. What they need is installed first, if it is missing. Tests that need a
# package of CRAN's which can't be had are skipped, and it is said which and why.
#
#   bash tests/run.sh        all of them
#   bash tests/run.sh r      only the R suite
#   bash tests/run.sh cpp    only the C++ tests
#   bash tests/run.sh needs  none: only what they need is installed; "needs r": what the R suite does
#
# LOMP_CPPFLAGS goes to the compiler: with -DLOMP_PORTABLE, the build without Linux's own features
# is tested. LOMP_CMAKE has more options for the C++ tests' build. LOMP_TEST_FILES is a pattern for
# the R test files to run, instead of all, LOMP_TEST_RSCRIPT a program that runs them as Rscript would.
# With LOMP_TEST_LIGHT what is large isn't installed (a browser, caret): its tests are skipped, and
# so are those that look by many repetitions for what no version of R changes.
# Everything happens in a temporary folder; nothing is written into the checkout.
set -uo pipefail

# What the tests need, as "thing:Debian package that brings it". Add to these lists freely.
commands=(R:r-base-core g++:g++ ip:iproute2 make:make python3:python3 tmux:tmux)
files=(/usr/share/backgrounds/mate/nature:mate-backgrounds)
# R packages that Debian has, as r-cran-<name in lower case> or r-bioc-<name>, and those that only
# CRAN has.
debian_r=(Rcpp testthat withr cli crayon curl digest rlang R6 R.utils data.table doRNG dqrng foreach
  glmnet httpuv httr iterators jpeg jsonlite knitr later listenv plumber plyr png prettyunits processx
  progressr promises sessioninfo shiny)
debian_bioc=()
cran_r=(coro future future.apply future.tests mirai otel)
[[ "$*" == *r ]] || commands+=(cmake:cmake)
# What is as large as all else together is looked at with one version of R.
if [ -z "${LOMP_TEST_LIGHT:-}" ]; then
  commands+=(chromium:chromium chromedriver:chromium-driver)
  debian_r+=(caret)
  debian_bioc+=(BiocParallel)
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cores=$(nproc 2>/dev/null || echo 2)
umask 022                      # A test runs R as another user, who must get in.
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

say() { printf '%s\n' "$*"; }

die() {
  printf 'tests/run.sh: %s\n' "$*" >&2
  exit 1
}

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# ---- What is missing ----------------------------------------------------------------------------

# Prints those of the named R packages that no library of this R holds.
absent_r_packages() {
  if ! command -v Rscript >/dev/null; then
    say "$@"
    return
  fi
  Rscript --no-init-file -e \
    'for (p in commandArgs(TRUE)) if (!nzchar(system.file(package = p))) cat(p, "")' "$@"
}

absent_debian_packages() {
  local pair package
  for pair in "${commands[@]}"; do
    command -v "${pair%%:*}" >/dev/null || say "${pair##*:}"
  done
  for pair in "${files[@]}"; do
    [ -e "${pair%%:*}" ] || say "${pair##*:}"
  done
  for package in $(absent_r_packages "${debian_r[@]}"); do
    say "r-cran-${package,,}"
  done
  for package in $(absent_r_packages "${debian_bioc[@]}"); do
    say "r-bioc-${package,,}"
  done
}

# ---- Installing it ------------------------------------------------------------------------------

install_from_debian() {
  local packages install
  mapfile -t packages < <(absent_debian_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  install="apt-get install -y --no-install-recommends ${packages[*]}"
  command -v apt-get >/dev/null || die "please install what Debian calls ${packages[*]}"
  [ "$(id -u)" -eq 0 ] || die "please run this as root first: apt-get update && $install"
  say "installing: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >"$work/apt.log" 2>&1 && $install >>"$work/apt.log" 2>&1 && return
  tail -n 20 "$work/apt.log"
  die "apt-get failed"
}

# Installs the packages that are named after the first argument, a file: what R has to say of that,
# in its warnings and errors, becomes the one line there.
write_cran_installer() {
  cat >"$work/cran.R" <<'END'
args <- commandArgs(TRUE)
reasons <- character()
note <- function(cnd) {
  words <- trimws(gsub("[[:space:]]+", " ", conditionMessage(cnd)))
  reasons[[length(reasons) + 1L]] <<- words
}
try(withCallingHandlers(install.packages(args[-1], quiet = TRUE), warning = note, error = note))
writeLines(paste(unique(reasons), collapse = "; "), args[1])
END
}

# Few tests need such a package, and the others can do without. What its own installation has
# printed, if it has come to that, is shown only where that failed. Debian's libraries are too old
# for nanonext, which mirai needs and which compiles its own then: that takes 61 s of processor time
# with R's flags, 25 s with these.
install_from_cran() {
  local packages
  packages=$(absent_r_packages "${cran_r[@]}")
  [ -n "$packages" ] || return 0
  say "installing from CRAN: $packages"
  write_cran_installer
  echo "CFLAGS = -O0" >"$work/Makevars"
  # shellcheck disable=SC2086
  R_MAKEVARS_USER=$work/Makevars MAKEFLAGS="-j$cores" \
    Rscript --no-init-file "$work/cran.R" "$work/reason" $packages >"$work/cran.log" 2>&1
  packages=$(absent_r_packages "${cran_r[@]}")
  [ -z "$packages" ] && return
  grep -q '^ERROR: ' "$work/cran.log" && tail -n 20 "$work/cran.log"
  say "not to be had from CRAN, so tests that need it are skipped: ${packages% }" \
    "($(cat "$work/reason"))" | tee "$work/absent"
}

# ---- The R suite --------------------------------------------------------------------------------

# The package is built into a tarball first, because R compiles in the folder that it is given.
install_lomp() {
  mkdir -p "$work/lib" "$work/build"
  (cd "$work/build" && R CMD build --no-build-vignettes --no-manual "$root" &&
    MAKEFLAGS="-j$cores" R CMD INSTALL --library="$work/lib" lomp_*.tar.gz) \
    >"$work/install.log" 2>&1
}

# The suite runs in a copy of its folder, because testthat writes snapshots and plots beside it. Each
# file has a session of its own: one that has run others is larger, which its forks and the pages
# that are copied after them pay for (dead_references: 33 s of processor time, not 71; cases: 20 s,
# not 39). Tests are counted by test_that() block; counts and failures go to files, for a crash
# leaves none of the former, and a short end of a log is all that many who look for the latter get
# to see.
write_r_runner() {
  cat >"$work/run.R" <<'END'
library(testthat)
args <- commandArgs(TRUE)
out <- function(what) file.path(args[1], paste0(args[2], ".", what))
# What it would say at the end of each file is said at the end of all.
Reporter <- R6::R6Class("Reporter", inherit = ProgressReporter,
                        public = list(end_reporter = function() NULL))
is_failed <- function(one) inherits(one, c("expectation_failure", "expectation_error"))
words <- function(one) {
  lines <- unlist(strsplit(conditionMessage(one), "\n", fixed = TRUE))
  where <- if (is.null(one$srcref)) "" else paste0("line ", one$srcref[1], ": ")
  paste0(c(where, rep("", length(lines) - 1)), lines)
}
tell <- function(test) {
  details <- unlist(lapply(Filter(is_failed, test$results), words))
  cat(paste0("failed: ", test$file, ": ", test$test), paste0("    ", head(details, 30)),
      sep = "\n", file = out("failures"), append = TRUE)
}
reporter <- Reporter$new(max_failures = Inf, show_praise = FALSE, update_interval = 1e9)
tests <- test_dir("testthat", package = "lomp", load_package = "installed", reporter = reporter,
                  filter = paste0("^", args[2], "$"), stop_on_failure = FALSE)
results <- as.data.frame(tests)
bad <- results$failed > 0 | results$error
invisible(lapply(tests[bad], tell))
writeLines(paste(sum(!bad), sum(bad), sum(results$nb), sum(results$skipped)), out("counts"))
END
}

# The names of the files, the long ones first.
r_test_names() {
  (cd "$root/tests/testthat" && wc -c test-*.R) | sort -rn |
    sed -nE 's/^ *[0-9]+ test-(.*)[.]R$/\1/p' | grep -E "${LOMP_TEST_FILES:-}"
}

# Runs those of the named files that nobody has taken, one after the other.
run_r_files() {
  local name
  cd "$work" || exit 1
  for name in "$@"; do
    mkdir "taken/$name" 2>/dev/null || continue
    NOT_CRAN=true R_LIBS="$work/lib${R_LIBS:+:$R_LIBS}" \
      "${LOMP_TEST_RSCRIPT:-Rscript}" --no-init-file run.R out "$name" </dev/null
  done
}

# A session that came to its end tells how many tests passed and failed, how many expectations they
# had and how many were skipped.
count_r_tests() {
  local all=0 skipped=0 name passed_here failed_here expectations skipped_here
  for name in "$@"; do
    if ! read -r passed_here failed_here expectations skipped_here <"$work/out/$name.counts"; then
      say "failed: the tests of $name did not come to their end" | tee -a "$work/failures"
      passed_here=0 failed_here=1 expectations=0 skipped_here=0
    fi 2>/dev/null
    count "$passed_here" "$failed_here"
    all=$((all + expectations)) skipped=$((skipped + skipped_here))
  done
  say "R tests with $all expectations, $skipped skipped"
}

# Two files at a time, because tests wait more than they compute.
run_r_tests() {
  local names pids=()
  say "== R tests"
  if ! install_lomp; then
    cat "$work/install.log"
    say "lomp does not install"
    count 0 1
    return
  fi
  cp -R "$root/tests/testthat" "$work/testthat"
  mkdir "$work/out" "$work/taken"
  write_r_runner
  mapfile -t names < <(r_test_names)
  for _ in 1 2; do
    # What a shell runs in the background may ignore interrupts, and so would R there.
    (trap - INT QUIT && run_r_files "${names[@]}") &
    pids+=($!)
  done
  wait "${pids[@]}"
  count_r_tests "${names[@]}"
  cat "$work"/out/*.failures >>"$work/failures" 2>/dev/null
}

# ---- The C++ tests ------------------------------------------------------------------------------

build_cpp_tests() {
  # shellcheck disable=SC2086
  cmake -S "$root/tests/cpp" -B "$work/cpp" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-g1 \
    -DCMAKE_CXX_FLAGS="${LOMP_CPPFLAGS:-}" ${LOMP_CMAKE:-} &&
    cmake --build "$work/cpp" --parallel "$cores"
}

# Nobody reads the names of hundreds of tests that passed.
without_passed() {
  grep -vE '^ +Start +[0-9]+: |^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed +[0-9.]+ sec$'
}

# Compiles while the R suite runs, which waits more than it computes, and which goes first.
begin_cpp_build() {
  (
    [ "$1" = cpp ] || renice -n 19 "$BASHPID" >/dev/null 2>&1
    build_cpp_tests >"$work/cpp.log" 2>&1
  ) </dev/null &
  cpp_build=$!
}

# ctest's closing line is "90% tests passed, 1 tests failed out of 10".
run_cpp_tests() {
  local bad all
  say "== C++ tests"
  if ! wait "$cpp_build"; then
    tail -n 60 "$work/cpp.log"
    say "the C++ tests do not build"
    count 0 1
    return
  fi
  ctest --test-dir "$work/cpp" --output-on-failure --timeout 300 --parallel "$cores" </dev/null 2>&1 |
    tee "$work/ctest.log" | without_passed
  grep -E '^ *[0-9]+/[0-9]+ Test .*(\*\*\*|Not Run)' "$work/ctest.log" >>"$work/failures"
  read -r bad all < <(
    sed -nE 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\1 \2/p' "$work/ctest.log"
  )
  if [ -n "${all:-}" ]; then count $((all - bad)) "$bad"; else count 0 1; fi
}

install_from_debian
install_from_cran
[ "${1:-}" = needs ] && exit 0
[ "${1:-cpp}" = cpp ] && begin_cpp_build "${1:-all}"
[ "${1:-r}" = r ] && run_r_tests
[ "${1:-cpp}" = cpp ] && run_cpp_tests
cat "$work/failures" "$work/absent" 2>/dev/null
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
