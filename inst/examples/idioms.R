# Made by .ci/idioms.R of vignettes/idioms.Rmd, which says what each of these pieces is for:
# change that. As a program they run one after another:
#
#   Rscript idioms.R

## ---- start ----
library(lomp)
options(lomp.workers = 2)   # for this page; without it lomp takes all processors it may use

images <- list(whole = volcano, left = volcano[, 1:30], right = volcano[, 31:61])

## ---- two-lists ----
masks <- list(volcano > 150, volcano[, 1:30] > 120, volcano[, 31:61] > 130)
masked_mean <- function(image, mask) mean(image[mask])

both <- setNames(seq_along(images), names(images))
means <- lomp_map(both, function(i) masked_mean(images[[i]], masks[[i]]))
str(means)

## ---- rows ----
grid <- expand.grid(span = c(0.4, 0.6, 0.8), degree = 1:2)
scatter <- function(span, degree) loess(dist ~ speed, cars, span = span, degree = degree)$s

grid$s <- lomp_vapply(
  seq_len(nrow(grid)), function(i) do.call(scatter, grid[i, c("span", "degree")]), 0
)
grid

## ---- groups ----
months <- split(seq_len(nrow(airquality)), airquality$Month)
describe <- function(days) {
  data.frame(month = days$Month[1], days = nrow(days), ozone = mean(days$Ozone, na.rm = TRUE))
}

by_month <- lomp_map(months, function(rows) describe(airquality[rows, ]))
do.call(rbind, by_month)

## ---- blocks ----
numbers <- matrix(sqrt(seq_len(2e5)), 1000)    # 200 columns; think of gigabytes
blocks <- parallel::splitIndices(ncol(numbers), 8)

medians <- unlist(lomp_map(blocks, function(columns) {
  apply(numbers[, columns, drop = FALSE], 2, median)
}))
length(medians)

## ---- columns ----
quartiles <- function(j) quantile(numbers[, j], c(0.25, 0.5, 0.75))

of_columns <- lomp_vapply(seq_len(ncol(numbers)), quartiles, c(low = 0, middle = 0, high = 0))
of_columns[, 1:3]

## ---- cross-validation ----
set.seed(1)
fold <- sample(rep(1:5, length.out = nrow(mtcars)))

error_of <- function(formula, k) {
  model <- lm(as.formula(formula), mtcars[fold != k, ])
  left_out <- mtcars[fold == k, ]
  sqrt(mean((left_out$mpg - predict(model, left_out))^2))
}

formulas <- c("mpg ~ wt", "mpg ~ wt + hp", "mpg ~ wt * hp")
trials <- expand.grid(formula = formulas, k = 1:5, stringsAsFactors = FALSE)
trials$error <- lomp_vapply(
  seq_len(nrow(trials)), function(i) do.call(error_of, trials[i, c("formula", "k")]), 0
)
aggregate(error ~ formula, trials, mean)

## ---- shaky ----
# The first process that comes to the right half is killed, as one is for want of memory.
mark <- tempfile()
shaky_mean <- function(image) {
  if (ncol(image) == 31 && !file.exists(mark)) {
    file.create(mark)
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }
  mean(image)
}

## ---- retry ----
results <- NULL
for (workers in c(2, 2, 1)) {
  results <- suppressWarnings(
    lomp_map(images, shaky_mean, .workers = workers, .on_error = "collect", .redo = results),
    classes = "lomp_failed"
  )
  if (!any(vapply(results, inherits, NA, "lomp_crash"))) break
  cat("crashed:", names(results)[!lomp_ok(results)], "\n")
}
str(results)

## ---- retry-anew ----
search_from <- function(seed) {
  start <- rnorm(1)
  if (start < 0) stop("doesn't converge")   # stands for an optimizer
  start
}

set.seed(4)
fits <- vector("list", 8)
todo <- seq_along(fits)
for (attempt in 1:10) {
  fits[todo] <- suppressWarnings(
    lomp_map(todo, search_from, .on_error = "collect"), classes = "lomp_failed"
  )
  todo <- which(!lomp_ok(fits))
  if (length(todo) == 0) break
  runif(1)     # for other numbers in the next call, also if all items have crashed
}
attempt
round(unlist(fits), 2)

## ---- reduce ----
it <- lomp_iterate(images, tabulate, nbins = 200)
histogram <- 0
while (!lomp_done(part <- it())) histogram <- histogram + part
sum(histogram)

## ---- reduce-blocks ----
add <- function(x) Reduce(`+`, x)
parts <- lomp_map(parallel::splitIndices(length(images), 2), function(some) {
  add(lapply(images[some], tabulate, nbins = 200))
})
identical(add(parts), as.integer(histogram))

## ---- set-up ----
records <- tempfile()
writeBin(as.integer(volcano), records)      # 61 records of 87 numbers

opened <- local({
  connection <- owner <- NULL
  function() {
    if (!identical(owner, Sys.getpid())) {
      message("opens the file")
      connection <<- file(records, "rb")
      owner <<- Sys.getpid()
    }
    connection
  }
})

record <- function(k) {
  seek(opened(), (k - 1) * 87 * 4)
  readBin(opened(), "integer", 87)
}
highest <- lomp_vapply(1:61, function(k) max(record(k)), 0L)
max(highest)

## ---- early-stop ----
is_prime <- function(n) all(n %% 2:sqrt(n) != 0)
primes <- function(n, emit) if (is_prime(n)) emit(n)

it <- lomp_iterate(seq(1e6 + 1, 2e6, by = 2), primes, .ordered = TRUE)
first <- unlist(head(it, 3))
it(close = TRUE)
first
it

## ---- precision ----
hit_rate <- function(shots) mean(runif(shots)^2 + runif(shots)^2 < 1)
error_of_mean <- function(x) if (length(x) < 10) Inf else sd(x) / sqrt(length(x))

set.seed(1)
it <- lomp_iterate(function() 1000, hit_rate, .ordered = TRUE)   # items without end
rates <- numeric()
while (4 * error_of_mean(rates) > 0.01) rates <- c(rates, it())
it(close = TRUE)
c(pi = 4 * mean(rates), calls = length(rates))

## ---- progress-function ----
means <- lomp_map(images, mean, .progress = function(done, total) message(done, " of ", total))

## ---- progressr ----
slow_means <- function(images) {
  step <- progressr::progressor(along = images)
  lomp_map(images, function(image) {
    step()
    mean(image)
  })
}

means <- progressr::with_progress(slow_means(images))

## ---- progressr-consumer ----
total_of <- function(images) {
  step <- progressr::progressor(along = images)
  it <- lomp_iterate(images, sum)
  total <- 0
  while (!lomp_done(part <- it())) {
    total <- total + part
    step(message = names(lomp_item(it)))
  }
  total
}

total <- progressr::with_progress(total_of(images))

## ---- cli-messages ----
sizes <- lomp_map(images, function(image) {
  cli::cli_alert_success("{ncol(image)} column{?s}")
  dim(image)
})

## ---- cli-bar ----
with_bar <- function(images) {
  bar <- cli::cli_progress_bar("images", total = length(images))
  lomp_map(images, mean, .progress = function(done, total) {
    cli::cli_progress_update(set = done, id = bar)
  })
}

means <- with_bar(images)

## ---- cli-consumer ----
total_with_bar <- function(images) {
  it <- lomp_iterate(images, sum)
  total <- 0
  cli::cli_progress_bar("images", total = length(images))
  while (!lomp_done(part <- it())) {
    total <- total + part
    cli::cli_progress_update()
  }
  total
}

total_with_bar(images)

## ---- package ----
parallel_lapply <- function(x, f, ..., workers = NULL) {
  if (!requireNamespace("lomp", quietly = TRUE)) return(lapply(x, f, ...))
  if (is.null(workers)) workers <- lomp::lomp_workers()
  lomp::lomp_map(x, f, ..., .workers = workers)
}

identical(parallel_lapply(images, range), lapply(images, range))

## ---- clean-up ----
unlink(c(mark, records))
