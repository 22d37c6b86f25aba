# What unwind() calls may not own anything: a jump of R's would run no destructor. So a function that
# holds a string by its value doesn't compile, and one that holds it by reference does.
cd "$ROOT" || exit 1
folder=$(Rscript --no-init-file -e 'cat(system.file("include", package = "Rcpp"))')
r_folder=$(Rscript --no-init-file -e 'cat(R.home("include"))')

# Compiles a call of unwind() that holds a string in this way.
compile_with() {
  g++ -std=c++17 -fsyntax-only -Isrc -isystem "$r_folder" -isystem "$folder" -x c++ - <<END
#include <string>

#include "r/unwind.h"
SEXP call(std::string text) {
  return lomp::unwind([$1] { return text.empty() ? R_NilValue : R_BlankString; });
}
END
}

compile_with '&text' || exit 1
compile_with text 2>"$WORK/unwind" && { echo "it compiles with an owner"; exit 1; }
grep -q "a jump of R's runs no destructor" "$WORK/unwind" || { cat "$WORK/unwind"; exit 1; }
