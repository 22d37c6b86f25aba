library(bootmedian)

medians <- boot_median(rivers, 500, seed = 7)
stopifnot(
  length(medians) == 500,
  all(medians >= min(rivers), medians <= max(rivers)),
  abs(median(medians) - median(rivers)) < sd(rivers) / 10
)

# They follow from the seed alone.
set.seed(1)
before <- .Random.seed
stopifnot(
  identical(boot_median(rivers, 500, seed = 7, workers = 1), medians),
  !identical(boot_median(rivers, 500, seed = 8), medians),
  identical(.Random.seed, before)
)

# A median of an even number of values lies between two.
stopifnot(
  all(boot_median(c(1, 2), 50) %in% c(1, 1.5, 2)),
  identical(boot_median(5, 3), c(5, 5, 5)),
  identical(boot_median(5, 0), numeric())
)

refused <- try(boot_median(c(1, NA)), silent = TRUE)
stopifnot(inherits(refused, "try-error"))
