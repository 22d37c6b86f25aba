# A hundred functions and inputs: what lapply gives, lomp_map gives, whatever generator the caller
# has and whoever runs the items.

# These start many processes and take their time.
skip_on_cran()

matrices <- lapply(1:3, function(i) matrix(as.numeric((1:12) * i %% 7), 3))
frames <- split(datasets::mtcars, datasets::mtcars$cyl)
words <- list("one two", c("b", "a", NA), "\u00e4\u00f6", character(), "a\tb\n")
numbers <- list(1:5, c(2.5, NA, -Inf), integer(), 7L, c(a = 1, b = 2))
seeds <- 1:4

# Of a function that draws: its numbers are the item's own where it sets the seed.
seeded <- function(draw) {
  function(i) {
    set.seed(i)
    draw(i)
  }
}

cases <- list(
  # Functions of base by themselves.
  list(numbers, sum), list(numbers, length), list(numbers, rev), list(numbers, is.na),
  list(numbers, range, na.rm = TRUE), list(numbers, mean), list(numbers, as.character),
  list(numbers, identity), list(numbers, typeof), list(numbers, class), list(numbers, names),
  list(numbers, cumsum), list(numbers, order), list(numbers, sort), list(numbers, unique),
  list(numbers, duplicated), list(numbers, summary), list(numbers, quantile, na.rm = TRUE),
  list(numbers, paste, collapse = "-"), list(numbers, `[`, 1), list(numbers, "length"),
  list(numbers, is.numeric), list(numbers, round, digits = 1), list(numbers, `+`, 1),
  list(numbers, seq_along), list(numbers, outer, 1:2), list(numbers, rep, times = 2),
  list(numbers, table), list(numbers, cut, breaks = c(-1, 2, 4)), list(numbers, factor),
  list(numbers, bitwAnd, 3L), list(1:5, seq_len), list(1:5, numeric),
  list(1:5, vector, mode = "list"),
  list(c(0, 0.5, NA), qnorm), list(1:3, diag), list(1:4, factorial), list(1:4, choose, k = 2),
  # Text.
  list(words, nchar), list(words, toupper), list(words, strsplit, split = " "),
  list(words, gsub, pattern = "o", replacement = "0"), list(words, sprintf, fmt = "<%s>"),
  list(words, enc2native), list(words, function(x) charToRaw(paste0(x, "")[1])),
  list(words, function(x) utf8ToInt(paste0(x, "")[1])), list(words, trimws),
  list(words, substr, 1, 2), list(words, grepl, pattern = "a"), list(words, make.names),
  list(words, abbreviate), list(words, rev), list(words, Encoding), list(words, match, "a"),
  # Matrices and frames.
  list(matrices, t), list(matrices, dim), list(matrices, crossprod), list(matrices, svd),
  list(matrices, qr), list(matrices, apply, 1, sum), list(matrices, colMeans),
  list(matrices, as.data.frame), list(matrices, scale), list(matrices, dist),
  list(matrices, row), list(matrices, cbind, 1), list(matrices, function(m) m[m > 2]),
  list(matrices, function(m) aperm(array(m, c(3, 2, 2)))), list(frames, nrow),
  list(frames, summary),
  list(frames, colnames), list(frames, function(d) d[order(d$mpg), ]),
  list(frames, function(d) coef(lm(mpg ~ wt, d))), list(frames, function(d) anova(lm(mpg ~ wt, d))),
  list(frames, function(d) aggregate(mpg ~ gear, d, mean)), list(frames, function(d) t.test(d$mpg)),
  list(frames, with, quote(mean(mpg))), list(frames, head, 2),
  list(frames, function(d) utils::capture.output(utils::str(d))),
  list(frames, merge, data.frame(gear = 3:5, name = letters[1:3])),
  # Values that are not plain.
  list(1:3, function(i) as.name(paste0("x", i))), list(1:3, function(i) quote(a + b)),
  list(1:3, function(i) quote(y ~ x)), list(1:3, function(i) as.Date("2024-01-01") + i),
  list(1:3, function(i) .POSIXct(1e9 * i, tz = "UTC")), list(1:3, function(i) complex(i, i, 1)),
  list(1:3, function(i) as.raw(i)), list(1:3, function(i) if (i == 2) NULL else i),
  list(1:3, function(i) structure(list(i), class = "thing")), list(1:3, function(i) ts(1:i)),
  list(1:3, function(i) numeric_version(paste0(i, ".1"))), list(1:3, function(i) expression(a, b)),
  list(1:3, function(i) bquote(f(.(i)))), list(1:3, function(i) as.difftime(i, units = "mins")),
  list(1:3, function(i) pairlist(a = i)), list(1:3, function(i) 1:1e6),
  list(1:3, function(i, ...) ...length(), 1, 2),
  list(1:3, function(i) Reduce(`+`, 1:i, accumulate = TRUE))
)

# Functions that draw, and set a seed.
drawing <- list(
  list(seeds, seeded(function(i) rnorm(3))), list(seeds, seeded(function(i) sample(10))),
  list(seeds, seeded(function(i) runif(2))), list(seeds, seeded(function(i) rexp(2))),
  list(seeds, seeded(function(i) rgamma(2, i))),
  list(seeds, seeded(function(i) rbinom(3, 10, 0.3))),
  list(seeds, seeded(function(i) sample(c("a", "b"), 5, TRUE))),
  list(seeds, function(i) stats::simulate(lm(mpg ~ wt, datasets::mtcars), seed = i)),
  list(seeds, seeded(function(i) kmeans(datasets::iris[1:4], 3)$cluster)),
  list(seeds, seeded(function(i) rmultinom(1, 5, 1:3))),
  list(seeds, seeded(function(i) .Random.seed)),
  list(seeds, function(i) {
    RNGkind("Wichmann-Hill", "Box-Muller", "Rounding")
    set.seed(i)
    c(rnorm(3), sample(5))
  })
)

# With other generators than the first two items have L'Ecuyer's, see ?lomp_map.
kinds <- list(
  "R's default" = c("Mersenne-Twister", "Inversion", "Rejection"),
  "L'Ecuyer's" = c("L'Ecuyer-CMRG", "Inversion", "Rejection"),
  "R 3.5's" = c("Mersenne-Twister", "Inversion", "Rounding"),
  "R's own, with Box and Muller's normals" = c("Mersenne-Twister", "Box-Muller", "Rejection"),
  "Marsaglia's" = c("Marsaglia-Multicarry", "Inversion", "Rejection")
)

with_kind <- function(kind, code) {
  before <- RNGkind()
  on.exit(suppressWarnings(do.call(RNGkind, as.list(before))))
  suppressWarnings(do.call(RNGkind, as.list(kind)))
  set.seed(1)
  force(code)
}

# What was run, if its value isn't lapply's, or if the caller's generator is another one afterwards.
# Whatever the item does to that under lapply is undone before lomp_map's turn.
difference <- function(case, workers) {
  .x <- case[[1]]
  .f <- case[[2]]
  dots <- case[-(1:2)]
  kind <- RNGkind()
  expected <- suppressWarnings(do.call(lapply, c(list(.x, .f), dots)))
  suppressWarnings(do.call(RNGkind, as.list(kind)))
  got <- suppressWarnings(do.call(lomp_map, c(list(.x, .f), dots, list(.workers = workers))))
  if (!identical(got, expected) || !identical(RNGkind(), kind)) {
    paste(deparse(.f, nlines = 3), collapse = " ")
  }
}

# One expectation for all: each takes as long as a call of lomp_map.
expect_like_lapply <- function(cases, workers) {
  expect_identical(unlist(lapply(cases, difference, workers)), NULL)
}

test_that("there are a hundred of them", {
  expect_gte(length(cases) + length(drawing), 100)
})

test_that("a difference would be seen", {
  expect_match(difference(list(1:3, function(i) Sys.getpid()), 2), "Sys.getpid", fixed = TRUE)
})

for (workers in 0:2) {
  test_that(sprintf("what lapply gives, with .workers = %d", workers), {
    expect_like_lapply(c(cases, drawing), workers)
  })
}

# Few functions look at the generator, but those that don't shall leave it alone.
for (name in names(kinds)) {
  test_that(paste("what lapply gives, with the generator:", name), {
    own <- c(cases[c(TRUE, FALSE, FALSE, FALSE)], if (name != "Marsaglia's") drawing)
    with_kind(kinds[[name]], expect_like_lapply(own, 2))
  })
}
