# What builds on lomp works with lomp as it is installed: an example package that has lomp in
# Suggests passes R CMD check with and without it, and a program and a package that include the
# core's face compile without a warning, and run.
examples=$LIB/lomp/examples
folder=$WORK/examples
mkdir -p "$folder/lib" "$folder/with" "$folder/without"
export R_LIBS=$LIB

# Rcpp's own headers cast functions; g++ would say so for what includes them.
cat >"$folder/Makevars" <<'END'
CXX17FLAGS = -O0 -Wall -Wextra -Wno-cast-function-type
END

# Nothing is found by R CMD check but, where lomp isn't there, that. $1 is the folder for it.
check_suggesting() {
  cd "$folder/$1" && cp "$folder"/picturestats_*.tar.gz . || return 1
  _R_CHECK_FORCE_SUGGESTS_=false R CMD check --no-manual picturestats_*.tar.gz >output 2>&1
  local log=picturestats.Rcheck/00check.log
  grep -E 'NOTE$|WARNING$|ERROR$|^Status: ' "$log" >found
  echo "== R CMD check $1 lomp"
  if diff found - <<<"$2"; then return; fi
  cat "$log" picturestats.Rcheck/tests/*.fail 2>/dev/null
  return 1
}

with_lomp() {
  check_suggesting with "Status: OK" &&
    grep -x "lomp is there" picturestats.Rcheck/tests/map_items.Rout
}

without_lomp() {
  export R_LIBS=$folder/lib
  check_suggesting without "* checking package dependencies ... NOTE
Status: 1 NOTE" && grep -x "lomp is not there" picturestats.Rcheck/tests/map_items.Rout
}

# The pool in a program without R. What is wrong with a file is told in its place.
run_program() {
  g++ -std=c++17 -O0 -Wall -Wextra -Wpedantic -Werror -I "$LIB/lomp/include" \
    "$examples/cpp/word_counts.cpp" -pthread -o "$folder/word_counts" || return 1
  cd "$folder" || return 1
  echo "one two  three" >three
  : >none
  ./word_counts three missing none >counts
  [ $? -eq 1 ] && ./word_counts three none && ./word_counts && diff - counts <<'END'
three: 3
missing: can't be opened
none: 0
END
}

# The pool in a package with R. lomp.so and the package share no variable: they may have been made
# with different versions of the headers.
run_package() {
  cp -R "$examples/bootmedian" "$folder" && cd "$folder" || return 1
  R_MAKEVARS_USER=$folder/Makevars MAKEFLAGS=-j2 R CMD INSTALL --no-docs --no-test-load \
    --library="$folder/lib" bootmedian >install.log 2>&1 || { cat install.log; return 1; }
  ! grep ' warning: ' install.log || return 1
  ! nm -DC --defined-only "$folder/lib/bootmedian/libs/bootmedian.so" "$LIB/lomp/libs/lomp.so" |
    grep ' u .*lomp::' || return 1
  export R_LIBS=$folder/lib:$LIB
  Rscript --no-init-file bootmedian/tests/boot_median.R && use_both && interrupt_package
}

# In one session a pool of the package's is within an item of lomp's, and beside an open iterator.
use_both() {
  Rscript --no-init-file - <<'END'
medians <- function(seed, ...) bootmedian::boot_median(rivers, 50, seed, ...)
expected <- lapply(1:4, medians)
it <- lomp::lomp_iterate(1:4, medians, .workers = 2, .ordered = TRUE)
first <- it()
stopifnot(
  identical(medians(9), medians(9, workers = 1)),
  identical(c(list(first), as.list(it)), expected),
  identical(lomp::lomp_map(1:4, medians, .workers = 2), expected)
)
END
}

# An interrupt ends the call and its workers: the children of the session, as it sees them at once.
interrupt_package() {
  cat >interrupt.R <<'END'
children <- function() {
  stat <- lapply(Sys.glob("/proc/[0-9]*/stat"), function(file) {
    tryCatch(readLines(file), error = function(e) "", warning = function(w) "")
  })
  sum(grepl(paste0("^[0-9]+ [(].*[)] [A-Z] ", Sys.getpid(), " "), unlist(stat)))
}
stopifnot(children() == 0, file.create("begun"))
setTimeLimit(elapsed = 60)
caught <- tryCatch(bootmedian::boot_median(1:1e5, 1e6), interrupt = function(cnd) "interrupted")
stopifnot(identical(caught, "interrupted"), children() == 0)
END
  Rscript --no-init-file interrupt.R &
  local session=$!
  until [ -e begun ] && grep -qsE "^[0-9]+ [(].*[)] [A-Z] $session " /proc/[0-9]*/stat; do
    kill -0 $session || return 1
  done
  kill -INT $session
  wait $session
}

cd "$folder" && R CMD build --no-manual "$examples/picturestats" >/dev/null 2>&1
status=0
(with_lomp) &
with=$!
(without_lomp) || status=1
wait $with || status=1
(run_program) || { echo "^ the program"; status=1; }
(run_package) || { echo "^ the package with R"; status=1; }
exit $status
