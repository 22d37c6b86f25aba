#' Brightness, contrast and sharpness of pictures
#'
#' The pictures are measured in parallel where the package lomp is installed, and one after the
#' other elsewhere, with the same results. The option `picturestats.workers` sets the number of
#' processes; 0 is none beside this one.
#'
#' @param pictures A list of matrices, or of arrays whose first two dimensions are rows and columns,
#'   of numbers from 0 to 1. It may have names.
#' @return A data frame with a row for each picture, and its names as row names: `brightness`, the
#'   mean; `contrast`, the standard deviation; `sharpness`, the mean square of the differences
#'   between neighbours in a column and in a row.
#' @export
#' @examples
#' ramp <- matrix(seq(0, 1, length.out = 300), 20, 15)
#' picture_stats(list(ramp = ramp, steps = round(ramp), grey = matrix(0.5, 20, 15)))
picture_stats <- function(pictures) {
  stopifnot(is.list(pictures), vapply(pictures, is_picture, NA))
  values <- as.numeric(unlist(map_items(pictures, measure)))
  measures <- c("brightness", "contrast", "sharpness")
  as.data.frame(matrix(values, ncol = 3L, byrow = TRUE, dimnames = list(names(pictures), measures)))
}

is_picture <- function(x) is.numeric(x) && length(dim(x)) >= 2L && length(x) > 0L

# Uses nothing that a worker changes for later items: without lomp, and with it, each is on its own.
measure <- function(picture) {
  planes <- array(picture, c(dim(picture)[1:2], length(picture) / prod(dim(picture)[1:2])))
  below <- planes[-1L, , ] - planes[-nrow(planes), , ]
  beside <- planes[, -1L, ] - planes[, -ncol(planes), ]
  c(mean(planes), deviation(planes), mean_square(below) + mean_square(beside))
}

deviation <- function(x) if (length(x) > 1L) stats::sd(x) else 0

mean_square <- function(x) if (length(x) > 0L) mean(x^2) else 0
