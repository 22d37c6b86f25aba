library(picturestats)

ramp <- matrix(seq(0, 1, length.out = 12), 3, 4)
pictures <- list(
  ramp = ramp, grey = matrix(0.5, 3, 4), colour = array(ramp, c(3, 4, 3)), dot = matrix(1, 1, 1)
)
stats <- picture_stats(pictures)
stopifnot(
  identical(rownames(stats), names(pictures)),
  identical(names(stats), c("brightness", "contrast", "sharpness")),
  all.equal(stats$brightness, c(0.5, 0.5, 0.5, 1)),
  all.equal(stats$contrast, c(sd(ramp), 0, sd(rep(ramp, 3)), 0)),
  all.equal(stats$sharpness, c((1 + 3^2) / 11^2, 0, (1 + 3^2) / 11^2, 0))
)

# Without a picture there is no row, and what isn't one is refused.
stopifnot(identical(dim(picture_stats(list())), c(0L, 3L)))
refused <- try(picture_stats(list(ramp, 1:3)), silent = TRUE)
stopifnot(inherits(refused, "try-error"))

# Any number of processes gives the same.
for (workers in c(0, 2)) {
  options(picturestats.workers = workers)
  stopifnot(identical(picture_stats(pictures), stats))
}
