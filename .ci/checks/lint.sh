# R code follows .lintr, which leaves names and uses alone in the tests: they quote code that other
# sessions run. The installed lomp tells lintr which functions there are.
cd "$ROOT" || exit 1
R_LIBS=$LIB Rscript --no-init-file -e 'lints <- lintr::lint_package(".")
print(lints)
quit(status = length(lints) > 0)'
