# The picture of a call. What is in it is tested as data; here, that all kinds of calls can be drawn
# on all kinds of devices, and what is left as it was.

drawn <- function(report, ..., width = 7, height = 5) {
  grDevices::pdf(NULL, width = width, height = height)
  on.exit(grDevices::dev.off())
  value <- withVisible(plot(report, ...))
  expect_false(value$visible)
  expect_identical(value$value, report)
}

test_that("all kinds of calls are drawn without a word, in colours and grey", {
  kinds <- kinds_of_reports()
  for (kind in kinds) {
    expect_silent(drawn(kind))
    expect_silent(drawn(kind, grey = TRUE))
  }
})

test_that("no device is too small or too large", {
  kinds <- kinds_of_reports()[c("named", "deaths", "many_workers")]
  for (kind in kinds) {
    for (size in list(c(0.5, 0.5), c(1, 6), c(8, 1), c(40, 30))) {
      expect_silent(drawn(kind, width = size[[1]], height = size[[2]]))
    }
  }
})

test_that("names that a font hasn't got, or that have no end, are drawn", {
  report <- a_report(some_seconds(6), 2, names = c(
    "\u65e5\u672c\u8a9e", "a\nb", "", NA, strrep("x", 1e4), bytes(0xff, 0x41)
  ))
  expect_silent(drawn(report))
  expect_silent(drawn(with_fields(report, list(call = "lomp_map(\u65e5\u672c\u8a9e, f)"))))
})

test_that("par() is as it was, but for the plot's own region", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (rows in c(1, 2)) {
    graphics::par(mfrow = c(rows, rows), mar = c(3, 2, 1, 1))
    graphics::plot.new()
    before <- graphics::par(no.readonly = TRUE)
    plot(photo_report(), cex = 0.7, family = "serif", bg = "grey90")
    after <- graphics::par(no.readonly = TRUE)
    changing <- c("usr", "xaxp", "yaxp", "mfg", "fig", if (rows > 1) c("plt", "pin"))
    same <- setdiff(names(before), changing)
    expect_equal(after[same], before[same])
  }
})

test_that("par() is as it was when a plot fails", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  before <- graphics::par("mai", "cex", "xpd")
  broken <- photo_report()
  broken$items$run <- NULL
  expect_error(plot(broken))
  expect_identical(graphics::par("mai", "cex", "xpd"), before)
})

test_that("a plot takes one place of several", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = c(1, 2))
  plot(photo_report())
  expect_identical(graphics::par("mfg")[1:2], c(1L, 1L))
  plot(photo_report())
  expect_identical(graphics::par("mfg")[1:2], c(1L, 2L))
})

test_that("the horizontal axis is in seconds, from which to which the caller wants", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  report <- a_report(rep(600, 10), 2)
  plot(report)
  expect_equal(graphics::par("usr")[1:2], c(0, report$seconds))
  plot(report, xlim = c(100, 200))
  expect_equal(graphics::par("usr")[1:2], c(100, 200))
})

test_that("a wrong range is refused", {
  for (xlim in list(1, c(2, 1), c(NA, 1), "a", c(0, Inf))) {
    cnd <- caught(plot(photo_report(), xlim = xlim))
    expect_s3_class(cnd, "lomp_argument_error")
    expect_identical(cnd$argument, "xlim")
  }
})

# The texts that a plot writes on a device.
texts_of <- function(...) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  grDevices::dev.control("enable")
  plot(...)
  calls <- lapply(grDevices::recordPlot()[[1L]], function(call) as.list(call[[2L]]))
  writes <- Filter(function(call) call[[1L]]$name %in% c("C_text", "C_axis"), calls)
  unlist(lapply(writes, function(call) Filter(is.character, call[-1L])))
}

test_that("titles are the call's, or the caller's", {
  report <- photo_report()
  texts <- texts_of(report)
  expected <- c(report$call, "10 items in 10 s on 2 workers", "time since the call began (s)",
                "worker 1", "worker 2", "photo_01.jpg", "in .f", "session")
  for (text in expected) expect_true(text %in% texts)
  texts <- texts_of(report, main = "Edges", sub = "", xlab = "seconds")
  for (text in c("Edges", "seconds")) expect_true(text %in% texts)
  for (text in expected[1:3]) expect_false(text %in% texts)
})

test_that("names that don't fit are numbers, or are cut if enough is left", {
  report <- a_report(c(0.7, 10, 10), 1, names = c("not_in_here", "fits", strrep("name", 100)))
  texts <- texts_of(report)
  expect_true(all(c("1", "fits") %in% texts))
  expect_match(texts, "^(name){3}[name]*[.]{3}$", all = FALSE)
  expect_false("not_in_here" %in% texts)
})

test_that("a call without items says so", {
  expect_true("no item was run" %in% texts_of(a_report(numeric(), 2)))
  expect_false("no item was run" %in% texts_of(photo_report()))
})

test_that("times have the unit that suits them", {
  name <- function(xlim) time_unit(xlim)$name
  expect_identical(vapply(list(c(0, 0.5), c(0, 100), c(0, 600), c(0, 1e5)), name, ""),
                   c("ms", "s", "min", "h"))
  unit <- time_unit(c(0, 600))
  expect_identical(unit$at, 60 * unit$numbers)
  expect_lte(max(time_unit(c(0.3, 0.77))$at), 0.77)
})

test_that("lanes and memory share what height there is", {
  share <- function(all, gap, n) {
    share_height(all, gap, list(is_exact = TRUE, names = character(n)), line = 0.2)
  }
  expect_identical(share(4, NULL, 100), list(lanes = 4, memory = 0, all = 4))
  expect_equal(share(4, NULL, 1)$all, 1.6)  # a single bar needn't be as high as the plot
  with_memory <- share(4, 0.5, 100)
  expect_equal(with_memory$lanes + with_memory$memory + 0.5, 4)
  expect_identical(share(1, 0.5, 2)$memory, 0)  # too low to be read
})
