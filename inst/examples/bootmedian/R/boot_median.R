#' Medians of resamples
#'
#' Draws as many values from `x` as it has, with replacement, and takes their median; again and
#' again, in forked workers, which share the memory of `x`.
#'
#' @param x A numeric vector without missing values.
#' @param resamples How many medians to take.
#' @param seed A whole number. The medians follow from it, whatever the number of workers; R's own
#'   generator isn't used.
#' @param workers How many processes work at once, at most.
#' @return A numeric vector of `resamples` medians.
#' @export
#' @examples
#' medians <- boot_median(rivers, resamples = 1000)
#' quantile(medians, c(0.025, 0.975))
boot_median <- function(x, resamples = 1000, seed = 1, workers = 2) {
  stopifnot(
    is.numeric(x), length(x) > 0, !anyNA(x), resamples >= 0, resamples < 2^32, workers >= 1
  )
  resampled_medians(as.double(x), resamples, seed, workers)
}

#' @useDynLib bootmedian, .registration = TRUE
#' @importFrom Rcpp evalCpp
NULL
