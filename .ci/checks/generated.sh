# What Rcpp and roxygen2 generate is as they generate it now from what is in the checkout, and so are
# the drawings of ARCHITECTURE.md, the vignette that is made of it, but not the other vignettes, and
# the program that is made of one of these.
set -e
mkdir -p "$WORK/generated"
cd "$WORK/generated"
tar -xzf "$TARBALL"
R_LIBS=$LIB Rscript --no-init-file -e 'Rcpp::compileAttributes("lomp")
note <- read.dcf("lomp/DESCRIPTION", "RoxygenNote")[[1]]
if (!identical(note, as.character(packageVersion("roxygen2")))) {
  stop("RoxygenNote is ", note, ", the roxygen2 here ", packageVersion("roxygen2"))
}
roxygen2::roxygenise("lomp", load_code = "installed")'
status=0
for file in NAMESPACE man R/RcppExports.R src/RcppExports.cpp; do
  diff -ru "$ROOT/$file" "lomp/$file" || status=1
done
mkdir paper
cd "$ROOT"
Rscript --no-init-file .ci/diagrams.R "$WORK/generated/paper"
Rscript --no-init-file .ci/vignette.R "$WORK/generated/paper"
others=(--exclude=many-large-images.Rmd --exclude=idioms.Rmd --exclude=coming-from.Rmd
        --exclude=machines.Rmd)
diff -ru --exclude='*.html' "${others[@]}" vignettes "$WORK/generated/paper" || status=1
Rscript --no-init-file .ci/idioms.R "$WORK/generated/idioms.R"
diff -u inst/examples/idioms.R "$WORK/generated/idioms.R" || status=1
exit $status
