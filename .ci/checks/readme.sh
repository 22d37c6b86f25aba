# The R code of the README does what it says, in a fresh session. Its photographs are those that the
# tests need.
R_LIBS=$LIB exec Rscript --no-init-file "$ROOT/.ci/checks/readme.R" "$ROOT/README.md"
