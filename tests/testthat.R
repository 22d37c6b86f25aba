library(testthat)
library(lomp)

test_check("lomp")
